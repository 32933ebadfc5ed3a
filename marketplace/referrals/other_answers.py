"""What else a buyer may answer when they are asked: bought already, not looking any more, not now, not me."""
from datetime import timedelta
from enum import StrEnum

from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict
from marketplace.referrals import lifecycle
from marketplace.referrals.asking import MAILED, end_lead
from marketplace.referrals.consent import BUYER, check_may_answer, end_elsewhere, leads_elsewhere
from marketplace.referrals.legal_clocks import note_not_told
from marketplace.referrals.models import Buyer, Consent, Lead, ReasonCode

NOT_LOOKING = "the buyer is not looking any more"
LATER_WEEKS = (2, 4, 8)
TIME_TO_ANSWER = timedelta(days=7)  # At least, once they are asked again.


class Over(StrEnum):
    """Why there is no need any more."""

    BOUGHT = "already_bought"
    CHANGED_MIND = "changed_mind"


class TooLate(Conflict):
    code = "too_late"


def say_over(lead: Lead, because: Over) -> None:
    """asked -> refused, and nobody else sells this need either: other leads for the same post or person end too.

    Only a yes that the buyer gave somebody themselves still stands.
    """
    check_may_answer(lead, *leads_elsewhere(lead))
    lifecycle.move_consent(lead, Consent.REFUSED, by=BUYER, reason=because)
    end_lead(lead, why=NOT_LOOKING, by=BUYER)
    for other in leads_elsewhere(lead):
        end_elsewhere(other, said=because, code=ReasonCode.STALE_INTENT, why=NOT_LOOKING)


def say_later(lead: Lead, weeks: int) -> None:
    """Still asked, but silent until then: one reminder on that day, and a week at least to answer. TooLate (409)."""
    check_may_answer(lead)
    again = clock.now() + timedelta(weeks=weeks)
    end = max(again + TIME_TO_ANSWER, lead.consent_due_at or again)
    if lead.protected_until is None or end > lead.protected_until:
        raise TooLate("By then the business's offer to the referrer is over.",
                      next_step="Choose an earlier time, or say no; you can always contact the business yourself.")
    lead.consent_due_at, lead.silent_until = end, again
    audit.record("consent.postponed", lead.id, by=BUYER, until=again.date().isoformat())
    outbox.promise("remind_buyer", after=again - clock.now(), lead_id=lead.id)
    outbox.promise("end_asking", after=end - clock.now(), lead_id=lead.id)
    outbox.promise("send_letter", key=f"said_later:{lead.id}:{again.date()}", letter="referrer_buyer_said_later",
                   lead_id=lead.id)


def say_not_me(lead: Lead, *, purpose: str) -> None:
    """The link reached somebody else. An address that we were given is forgotten, and the referrer is told."""
    check_may_answer(lead)
    note_not_told(lead)
    if purpose == MAILED:
        buyer = db.session.get_one(Buyer, lead.buyer_id)
        buyer.name = buyer.email = buyer.phone = buyer.email_hash = buyer.phone_hash = None
        lead.buyer_hash = None
    audit.record("buyer.not_them", lead.id, by=BUYER, forgotten=purpose == MAILED)
    outbox.promise("send_letter", key=f"wrong_person:{lead.id}", letter="referrer_wrong_person", lead_id=lead.id)
