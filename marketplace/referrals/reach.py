"""What a buyer's yes gives the business, as the buyer reads it: open, not yet, over, or never; of nobody why."""
from enum import StrEnum

from sqlalchemy import func, select

from marketplace.foundation import clock
from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import db
from marketplace.foundation.show import day_in_words
from marketplace.referrals.contact import is_open_to_business
from marketplace.referrals.fraud.words import by_when, cases_of
from marketplace.referrals.lifecycle import ENDINGS
from marketplace.referrals.models import CaseState, Consent, ConsentGrant, FraudScore, Lead, Point, Verdict
from marketplace.referrals.queries import is_found_false

LET_GO = "fraud.let_go"  # In the trail: nothing keeps the yes from the business any more.


class Reach(StrEnum):
    OPEN = "open"
    NOT_YET = "not_yet"  # A person looks at it first.
    CLOSED = "closed"  # It was open; a person decides whether it is again.
    OVER = "over"
    NEVER = "never"  # Over before it was open.


def reach_of(lead: Lead, grant: ConsentGrant) -> Reach:
    """Of a yes that was confirmed."""
    if is_open_to_business(lead, grant):
        return Reach.OPEN
    was_open = _was_open(lead, grant)
    lasts = lead.consent is Consent.GRANTED and clock.now().date() <= grant.until and not is_found_false(lead.id)
    if lasts and not ended_before_a_look(lead):
        return Reach.CLOSED if was_open else Reach.NOT_YET
    return Reach.OVER if was_open else Reach.NEVER


def ended_before_a_look(lead: Lead) -> bool:
    """Nobody looks at it any more, and nobody is introduced by it."""
    return lead.is_held and lead.moderation in ENDINGS


def _was_open(lead: Lead, grant: ConsentGrant) -> bool:
    """From the yes on; one that a stop held up from when that was let go, if it was not over by then."""
    assert grant.confirmed_at is not None
    is_stopped = db.session.scalar(select(FraudScore.id).where(
        FraudScore.lead_id == lead.id, FraudScore.point == Point.CONSENT, FraudScore.verdict == Verdict.STOP).limit(1))
    if is_stopped is None:
        return True
    let_go = db.session.scalar(select(func.min(AuditEvent.created_at)).where(
        AuditEvent.subject_id == lead.id, AuditEvent.action == LET_GO, AuditEvent.created_at >= grant.confirmed_at))
    return let_go is not None and let_go.date() <= grant.until and (
        grant.withdrawn_at is None or let_go < grant.withdrawn_at)


def waits_in_words(lead: Lead, grant: ConsentGrant, reach: Reach) -> tuple[str, str] | None:
    """While a person looks at it: who does by when; and what that means, also if nobody does."""
    if reach not in {Reach.NOT_YET, Reach.CLOSED}:
        return None
    case, business = cases_of([lead]).get(lead.id), lead.business.name
    by = by_when(case, last=grant.until) if case else ""
    is_first = reach is Reach.NOT_YET
    says = f"A person at Fingerpost looks at it {'first' if is_first else 'once more'}{by}."
    if case is not None and case.state is CaseState.CONFIRMED:  # Nobody looks again unless the referrer appeals.
        again = "" if is_first else " again"
        says = f"Whether {business} may contact you{again} is {f'decided{by}' if by else 'not decided yet'}."
    ends = f"If it is not decided by {day_in_words(grant.until)}, your yes ends on that day."
    if is_first:
        return says, (f"Until that is decided {business} is given nothing of yours. You need do nothing: we write to "
                      f"you when they may contact you. {ends}")
    return says, (f"Until that is decided how to reach you is closed to {business}, and they may not contact you. You "
                  f"need do nothing; it stands here when it is open again. {ends}")
