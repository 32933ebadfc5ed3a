"""An admin who opens a case has it for a while: others look, and do not decide. It ends by itself."""
from datetime import timedelta

from sqlalchemy import delete, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from marketplace.foundation import audit, clock
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, require
from marketplace.foundation.states import check_move
from marketplace.identity.models import User
from marketplace.referrals import lifecycle
from marketplace.referrals.models import Lead, LeadClaim, Moderation
from marketplace.referrals.permissions import may_decide

CLAIM_LASTS = timedelta(minutes=15)  # From when it was opened last; far longer than a decision takes.


class Claimed(Conflict):
    code = "claimed"


def claim_lead(lead: Lead, *, by: User) -> bool:
    """Whether it is theirs now. Of two who ask in one moment the database lets one have it."""
    require(may_decide(by, lead), "claim this lead")
    if lead.moderation is not Moderation.IN_REVIEW:
        return False
    now = clock.now()
    plain = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
    said = {"user_id": by.id, "until": now + CLAIM_LASTS, "created_at": now}
    made = plain(LeadClaim).values(lead_id=lead.id, **said).on_conflict_do_update(
        index_elements=["lead_id"], set_=said, where=or_(LeadClaim.user_id == by.id, LeadClaim.until <= now))
    return db.session.execute(made.returning(LeadClaim.lead_id)).first() is not None


def take_over(lead: Lead, *, by: User) -> None:
    """From whoever has it, who is told so when they decide. Kept in the audit trail."""
    require(may_decide(by, lead), "take this lead over")
    check_move(lifecycle.MODERATION_MOVES, lead.moderation, Moderation.ACCEPTED)
    claim = find_claim(lead)
    if claim is not None and claim.user_id != by.id:
        db.session.execute(delete(LeadClaim).where(LeadClaim.lead_id == lead.id, LeadClaim.user_id == claim.user_id))
        audit.record("lead.taken_over", lead.id, by=by.id, was=claim.user_id)
    if not claim_lead(lead, by=by):
        refuse_claimed(lead, by=by)


def let_go(lead: Lead, *, by: User) -> None:
    """Nothing is refused: it may have ended, or be somebody else's, by now."""
    db.session.execute(delete(LeadClaim).where(LeadClaim.lead_id == lead.id, LeadClaim.user_id == by.id))


def find_claim(lead: Lead) -> LeadClaim | None:
    return db.session.scalar(
        select(LeadClaim).where(LeadClaim.lead_id == lead.id, LeadClaim.until > clock.now())
        .execution_options(populate_existing=True))


def claims_of(lead_ids: list[str]) -> dict[str, LeadClaim]:
    """Those that hold now, by lead."""
    found = db.session.scalars(select(LeadClaim).where(LeadClaim.lead_id.in_(lead_ids), LeadClaim.until > clock.now()))
    return {claim.lead_id: claim for claim in found}


def refuse_claimed(lead: Lead, *, by: User) -> None:
    claim = find_claim(lead)
    if claim is not None and claim.user_id != by.id:
        minutes = max((claim.until - clock.now()) // timedelta(minutes=1), 1)
        raise Claimed(f"{claim.user.name} has this lead open, for {minutes} minute{'' if minutes == 1 else 's'} more.",
                      next_step="Take the next one, or take this one over on its page.")
