"""The buyer is asked, once, whether they bought: by a private link that is good for nothing else. Until it is decided
they may correct what they answered."""
from datetime import date

from flask import current_app

from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.crypto import keyed_hash, sign, unsign
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, Invalid, require
from marketplace.foundation.money import Money, show_money
from marketplace.foundation.show import day_in_words
from marketplace.identity.models import User
from marketplace.referrals.asking import link_ends
from marketplace.referrals.consent import BUYER
from marketplace.referrals.contact import is_open_to_business
from marketplace.referrals.disputes.kinds import KINDS
from marketplace.referrals.disputes.permissions import may_rule
from marketplace.referrals.disputes.queries import LIVE, lock_dispute
from marketplace.referrals.disputes.words import SAID_AS_WITNESS
from marketplace.referrals.models import (
    Buyer,
    Dispute,
    DisputeSide,
    DisputeStatement,
    Lead,
    WitnessAnswer,
    WitnessSaid,
)
from marketplace.referrals.queries import find_live_grant
from marketplace.referrals.suppression import is_suppressed

MOST_CORRECTIONS = 3
INSTEAD = "This instead of what I answered first: "  # How a correction begins; then their own words.
PASSED_ON = "witness"  # A link that the referrer passes on: it proves nothing about who opens it.
MAILED = "witness-mail"  # A link mailed to the address that the buyer confirmed.


class NotToAsk(Conflict):
    code = "witness_not_to_ask"


class WitnessOver(Conflict):
    status, code = 410, "witness_over"


class NotFromMail(Conflict):
    code = "not_from_mail"


def ask_witness(dispute: Dispute, *, by: str) -> None:
    """Once. By mail while the buyer's yes stands, else by the referrer, who passes the link on. The caller locks."""
    if dispute.witness_asked_at is not None:
        return
    lead = db.session.get_one(Lead, dispute.lead_id)
    dispute.witness_asked_at, dispute.witness_by_mail = clock.now(), may_be_mailed(lead)
    audit.record("witness.asked", dispute.id, by=by, through="mail" if dispute.witness_by_mail else "referrer")
    outbox.promise("send_letter", key=f"witness_asked:{dispute.id}", letter="witness_asked", dispute_id=dispute.id)


def ask_buyer(dispute: Dispute, *, by: User) -> None:
    """By an admin, where it was not done by itself. NotToAsk (409): asked before, or there was no sale to ask about."""
    require(may_rule(by, dispute), "ask the buyer")
    lock_dispute(dispute)
    if dispute.state not in LIVE or dispute.witness_asked_at is not None or not KINDS[dispute.kind].has_sale:
        raise NotToAsk("The buyer is asked once, while it is open, and only about a sale.",
                       next_step="Decide by what both sides say.")
    ask_witness(dispute, by=by.id)


def may_be_mailed(lead: Lead) -> bool:
    """Only while the buyer's yes stands, and they never said never."""
    buyer = db.session.get_one(Buyer, lead.buyer_id)
    if not buyer.email or not is_open_to_business(lead, find_live_grant(lead)):
        return False
    return not is_suppressed(buyer.email)


def witness_link(dispute: Dispute, *, is_mailed: bool) -> str:
    """The absolute address of the buyer's page; the mailed one names its address by a mark."""
    purpose, value, path, lead = PASSED_ON, dispute.id, "/witness", db.session.get_one(Lead, dispute.lead_id)
    if is_mailed:
        purpose, value, path = MAILED, f"{dispute.id}~{_mark(dispute)}", f"/witness/{MAILED}"
    return f"{current_app.extensions['settings'].public_url}{path}/{sign(purpose, value, until=link_ends(lead))}"


def open_witness_link(purpose: str, token: str) -> Dispute:
    """BadLink (404) for what we did not sign for this; WitnessOver (410) once it is decided, or was never asked."""
    if purpose not in {PASSED_ON, MAILED}:
        unsign(PASSED_ON, "forged")
    dispute = db.session.get_one(Dispute, unsign(purpose, token).partition("~")[0])
    if dispute.witness_asked_at is None or (dispute.state not in LIVE and dispute.witness is None):
        raise WitnessOver("This question is closed.", next_step="Nothing is needed of you any more.")
    return dispute


def answer_as_witness(
    dispute: Dispute, said: WitnessSaid, *, purpose: str, token: str, bought_on: date | None = None,
    amount: Money | None = None, note: str | None = None,
) -> None:
    """What the buyer says, once. WitnessOver (410) when it was said before, or is decided."""
    lead = lock_dispute(dispute)
    if dispute.witness is not None:
        raise WitnessOver("You have answered already.", next_step="The page shows what you said.")
    if dispute.state not in LIVE:
        raise WitnessOver("This question is closed.", next_step="Nothing is needed of you any more.")
    is_sale = said is WitnessSaid.BOUGHT
    if is_sale:
        _check_sale(lead, bought_on, amount)
    dispute.witness = WitnessAnswer(
        dispute_id=dispute.id, said=said, bought_on=bought_on if is_sale else None,
        amount_minor=amount.minor if is_sale and amount else None, currency=dispute.currency, note=note or None,
        is_proven=is_witness_proven(dispute, purpose=purpose, token=token))
    db.session.flush()
    audit.record("witness.answered", dispute.id, by=BUYER)
    outbox.promise("send_letter", letter="witness_answered", dispute_id=dispute.id)


def correct_answer(
    dispute: Dispute, said: WitnessSaid, *, purpose: str, token: str, why: str, bought_on: date | None = None,
    amount: Money | None = None,
) -> None:
    """A slip, or meant otherwise: both sides read it beside the first answer, which stays as it was given. NotFromMail
    (409): only who answered from our mail corrects, by that mail; else anybody's words would be the buyer's.
    WitnessOver (410): decided, or corrected often."""
    lead = lock_dispute(dispute)
    if dispute.witness is None or dispute.state not in LIVE:
        raise WitnessOver("This question is closed.", next_step="Nothing is needed of you any more.")
    if not dispute.witness.is_proven or not is_witness_proven(dispute, purpose=purpose, token=token):
        raise NotFromMail("This link may have been passed on, so nothing can be corrected by it.",
                          next_step="Open the link in the mail that we sent to you.")
    if len(dispute.corrections) >= MOST_CORRECTIONS:
        raise WitnessOver(f"You have corrected it {MOST_CORRECTIONS} times.", next_step="An admin reads all of it.")
    is_sale = said is WitnessSaid.BOUGHT
    words = SAID_AS_WITNESS[said].removesuffix(".")
    if is_sale:
        _check_sale(lead, bought_on, amount)
        words += f" on {day_in_words(bought_on)}" if bought_on else ""
        words += f" for about {show_money(amount)}" if amount else ""
    statement = DisputeStatement(
        dispute_id=dispute.id, side=DisputeSide.BUYER, said_by=BUYER, text=f"{INSTEAD}{words}. {why}", said=said,
        bought_on=bought_on if is_sale else None, amount_minor=amount.minor if is_sale and amount else None)
    db.session.add(statement)
    db.session.flush()
    db.session.refresh(dispute, ["statements"])
    audit.record("witness.corrected", dispute.id, by=BUYER, statement=statement.id)
    outbox.promise("send_letter", letter="witness_corrected", dispute_id=dispute.id)


def may_correct(dispute: Dispute, *, purpose: str, token: str) -> bool:
    answer = dispute.witness
    return (answer is not None and dispute.state in LIVE and len(dispute.corrections) < MOST_CORRECTIONS
            and answer.is_proven and is_witness_proven(dispute, purpose=purpose, token=token))


def _check_sale(lead: Lead, bought_on: date | None, amount: Money | None) -> None:
    if bought_on is not None and bought_on > clock.now().date():
        raise Invalid("That day has not come yet.", fields={"bought_on": ["Today or earlier."]})
    if amount is not None and amount.currency != lead.terms.currency:
        raise Invalid("Give the sum in the currency of the page.", fields={"amount": ["In the currency of the page."]})


def is_witness_proven(dispute: Dispute, *, purpose: str, token: str) -> bool:
    """Whether this link was mailed to the address that the buyer confirmed."""
    return purpose == MAILED and unsign(purpose, token).partition("~")[2] == _mark(dispute)


def _mark(dispute: Dispute) -> str:
    buyer = db.session.get_one(Buyer, db.session.get_one(Lead, dispute.lead_id).buyer_id)
    return keyed_hash("witness-of", (buyer.email or "").lower())[:32]
