"""A link to the buyer whose last day is over is made anew: mailed to the address that we have, and nowhere else."""
from marketplace.foundation import clock, outbox
from marketplace.foundation.crypto import LinkEnded, unsign
from marketplace.foundation.db import db
from marketplace.referrals import asking
from marketplace.referrals.disputes import witness
from marketplace.referrals.disputes.queries import LIVE
from marketplace.referrals.models import ConsentGrant, Dispute, Lead

TO_A_LEAD = frozenset({asking.PASSED_ON, asking.MAILED})
TO_A_DISPUTE = frozenset({witness.PASSED_ON, witness.MAILED})


def send_new_link(purpose: str, token: str) -> None:
    """For a link of ours that has ended, once a day: one that opens still, which whoever passes it on has too, sends
    the buyer nothing. Says nothing of whether there is an address. BadLink (404)."""
    day = f"{clock.now():%Y%m%d}"
    opened = _what_it_opened(purpose, token)
    if opened is None:
        return
    about = opened.partition("~")[0]
    if purpose in TO_A_DISPUTE:
        dispute = db.session.get_one(Dispute, about)
        is_asked = dispute.state in LIVE and dispute.witness is None
        if is_asked and witness.may_be_mailed(db.session.get_one(Lead, dispute.lead_id)):
            outbox.promise("send_letter", key=f"witness_asked_again:{dispute.id}:{day}", letter="witness_asked",
                           dispute_id=dispute.id)
            return
        lead_id = dispute.lead_id
    else:
        lead_id = about if purpose in TO_A_LEAD else db.session.get_one(ConsentGrant, about).lead_id
    outbox.promise("send_letter", key=f"buyer_new_link:{lead_id}:{day}", letter="buyer_new_link", lead_id=lead_id)


def _what_it_opened(purpose: str, token: str) -> str | None:
    """None: it opens still."""
    try:
        unsign(purpose if purpose in TO_A_LEAD | TO_A_DISPUTE | {asking.CONFIRMING} else "unknown", token)
    except LinkEnded as ended:
        return ended.value
    return None
