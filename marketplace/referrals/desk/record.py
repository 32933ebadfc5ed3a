"""What was decided about a lead, by whom and why: kept, also where it was undone or overturned later."""
from sqlalchemy import Select, delete, select, update

from marketplace.foundation import clock
from marketplace.foundation.db import db
from marketplace.referrals import lifecycle
from marketplace.referrals.models import Decided, Decision, Escalation, Lead, LeadClaim, Moderation

DECIDED = {Moderation.ACCEPTED: Decided.ACCEPTED, Moderation.REJECTED: Decided.REJECTED,
            Moderation.NEEDS_INFO: Decided.ASKED}
HOUR = 3_600  # Seconds.


def decide(lead: Lead, target: Moderation, *, by: str, reason: str = "") -> None:
    """Move it, keep the decision, and put the case down: nobody has it open, nothing is passed on any more."""
    now, decided = clock.now(), DECIDED[target]
    is_refusal = decided is Decided.REJECTED
    decision = Decision(
        lead_id=lead.id, decided=decided, decided_by=by, reason_code=lead.reason_code if is_refusal else None,
        missed_criterion=lead.missed_criterion if is_refusal else None, is_appeal=lead.appeal is not None,
        hour=int(now.timestamp()) // HOUR, created_at=now)
    lifecycle.move(lead, target, by=by, reason=reason)
    if decided is not Decided.ASKED:
        lead.decided_at, lead.decided_by = now, by
    db.session.add(decision)
    db.session.execute(delete(LeadClaim).where(LeadClaim.lead_id == lead.id))
    db.session.execute(update(Escalation).where(
        Escalation.lead_id == lead.id, Escalation.settled_at.is_(None)).values(settled_at=now))


def decisions_about(lead: Lead) -> Select[Decision]:
    """Those that stand, newest first."""
    return select(Decision).where(Decision.lead_id == lead.id, Decision.undone_at.is_(None)).order_by(
        Decision.created_at.desc(), Decision.id.desc())


def last_decision(lead: Lead) -> Decision | None:
    return db.session.scalar(decisions_about(lead).limit(1))


def refusal_appealed(lead: Lead) -> Decision | None:
    """The rejection against which the referrer appealed."""
    if lead.appeal is None:
        return None
    return db.session.scalar(decisions_about(lead).where(
        Decision.decided == Decided.REJECTED, Decision.is_appeal.is_(False)).limit(1))
