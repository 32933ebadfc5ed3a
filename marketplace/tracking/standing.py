"""Where a reported conversion stands as a whole: received, matched, pending, approved, given back."""
from collections.abc import Sequence

from sqlalchemy import select

from marketplace.foundation.db import db
from marketplace.referrals.models import Conversion, ConversionState, Reward, RewardState
from marketplace.tracking.models import Report, ReportKind, ReportState

HELD = frozenset({RewardState.PENDING, RewardState.ON_HOLD})
PENDING = "pending"  # Counted; what it earned waits out the return period.


def state_of(report: Report, conversion: Conversion | None, rewards: Sequence[Reward]) -> str:
    if report.state is not ReportState.APPROVED or report.kind is ReportKind.REFUND or conversion is None:
        return report.state.value
    if conversion.state is not ConversionState.APPROVED:
        return conversion.state.value
    return PENDING if any(one.state in HELD for one in rewards) else report.state.value


def rewards_of(conversion: Conversion | None) -> list[Reward]:
    if conversion is None:
        return []
    return list(db.session.scalars(select(Reward).where(Reward.conversion_id == conversion.id).order_by(Reward.id)))


def rewards_by_conversion(conversion_ids: Sequence[str]) -> dict[str, list[Reward]]:
    """Of a page of them, in one statement."""
    found: dict[str, list[Reward]] = {one: [] for one in conversion_ids}
    for reward in db.session.scalars(
            select(Reward).where(Reward.conversion_id.in_(conversion_ids)).order_by(Reward.id)):
        found[reward.conversion_id].append(reward)
    return found
