"""What the caps of a bounty have used up: counted from the rewards themselves, under one lock a bounty.

What a refund took back makes room for other leads. Of the lead itself everything it was ever awarded counts: no more
than that was reserved for it.
"""
from sqlalchemy import case, func, select

from marketplace.bounties.models import For, Terms
from marketplace.bounties.rules import Earned
from marketplace.foundation import clock
from marketplace.foundation.db import db
from marketplace.foundation.money import Money
from marketplace.referrals.models import Clawback, Dispute, DisputeKind, Lead, Reward, RewardState

CREDITED_ANEW = "moved_"  # So begin the ids of what an admin gave to another referrer.
# By a ruling about whose buyer it is, or credited anew: counted with the one who has it now.
PASSED_ON = (select(Clawback.reward_id, func.sum(Clawback.amount_minor).label("minor"),
                    func.sum(Clawback.fee_minor).label("fee_minor"))
             .outerjoin(Dispute, Dispute.id == Clawback.dispute_id)
             .where((Dispute.kind == DisputeKind.DUPLICATE_OWNERSHIP) | Clawback.dispute_id.startswith(CREDITED_ANEW))
             .group_by(Clawback.reward_id).subquery())


def used_up(lead: Lead, *, is_preview: bool = False) -> Earned | None:
    """None where these terms have no cap. Nobody else earns under this bounty's caps until this transaction ends.

    ``is_preview``: only looked at, and somebody may be faster.
    """
    terms = lead.terms
    if not (terms.cap_per_referrer_minor or terms.cap_per_bounty_minor or terms.cap_per_month_minor):
        return None
    if not is_preview:
        _lock(lead.bounty_id)
    clawed = (select(Clawback.reward_id, func.sum(Clawback.amount_minor).label("minor"))
              .group_by(Clawback.reward_id).subquery())
    passed = select(PASSED_ON.c.minor).where(PASSED_ON.c.reward_id == Reward.id).scalar_subquery()
    kept = case((Reward.lead_id == lead.id, Reward.amount_minor - func.coalesce(passed, 0)),
                (Reward.state == RewardState.VOIDED, 0),
                else_=Reward.amount_minor - func.coalesce(clawed.c.minor, 0))
    mine = (Lead.referrer_id == lead.referrer_id) & (Reward.whom == For.REFERRER)
    this_month = clock.now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    found = db.session.execute(
        select(func.sum(kept).filter(mine), func.sum(kept), func.sum(kept).filter(Reward.created_at >= this_month))
        .select_from(Reward).join(Lead, Lead.id == Reward.lead_id)
        .outerjoin(clawed, clawed.c.reward_id == Reward.id).where(Reward.bounty_id == lead.bounty_id)).one()
    by_referrer, on_bounty, in_month = (Money(int(minor or 0), terms.currency) for minor in found)
    return Earned(by_referrer, on_bounty, in_month)


def _lock(bounty_id: str) -> None:
    """The bounty's first terms never change: nobody who holds its funds waits for this row. (SQLite locks the file.)"""
    db.session.execute(select(Terms.id).filter_by(bounty_id=bounty_id, number=1).with_for_update(key_share=True))
