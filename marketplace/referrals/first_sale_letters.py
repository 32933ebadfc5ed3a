"""A customer has one first sale: a referrer is told once that it is counted for another lead than theirs."""
from collections.abc import Callable

from marketplace.foundation import outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict
from marketplace.foundation.mail import Mail
from marketplace.foundation.show import day_in_words
from marketplace.referrals.disputes.subjects import OPEN_WITHIN, Claim, find_subject
from marketplace.referrals.letters import to_referrer
from marketplace.referrals.models import DisputeKind, Lead, Moderation
from marketplace.referrals.ownership import find_owner, of_same_buyer
from marketplace.referrals.said_bought import word_of
from marketplace.referrals.stages import ENDED


def tell_of_first_sale(lead_id: str) -> None:
    """Job, when a buyer bought by this lead, or said yes through it: whoever brought them too learns what counts."""
    lead = db.session.get_one(Lead, lead_id)
    for one in (lead, *of_same_buyer(lead)):
        if _is_passed_over(one):
            outbox.promise("send_letter", key=f"first_sale_elsewhere:{one.id}", letter="first_sale_elsewhere",
                           lead_id=one.id)


def _is_passed_over(lead: Lead) -> bool:
    """Open, and not told by the answer to the buyer's “I bought it”; before a yes nobody learns that they bought."""
    if lead.moderation is not Moderation.ACCEPTED or lead.stage in ENDED or word_of(lead) is not None:
        return False
    owner = find_owner(lead)
    return owner is not None and owner.referrer_id != lead.referrer_id


def first_sale_elsewhere(lead_id: str) -> list[Mail]:
    """Neither whose lead it is, nor what was bought."""
    lead = db.session.get_one(Lead, lead_id)
    if not _is_passed_over(lead):
        return []
    try:
        until = find_subject(lead, DisputeKind.DUPLICATE_OWNERSHIP, Claim()).since + OPEN_WITHIN
    except Conflict:
        may = "If you see it differently, answer this mail."
    else:
        may = (f"If it was you who told them, you can say whose buyer it is until {day_in_words(until)}, on the lead’s "
               "page. A person at Fingerpost then looks at both sides, if you two do not agree.")
    return to_referrer(
        lead, "A first sale is counted for another lead",
        f"The buyer’s first sale at {lead.business.name} is counted for another lead, and a customer has one. So no "
        "reward is paid for yours. It says nothing against you or your lead.", may,
        "Otherwise you need do nothing. Thank you for pointing.")


LETTERS: dict[str, Callable[..., list[Mail]]] = {"first_sale_elsewhere": first_sale_elsewhere}
