"""Where a reported conversion stands as a whole: received, matched, pending, approved, given back."""
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import select

from marketplace.foundation.db import db
from marketplace.referrals.models import Conversion, ConversionKind, ConversionState, Reward, RewardState
from marketplace.referrals.money_back import MoneyBack
from marketplace.tracking.models import Report, ReportKind, ReportState

HELD = frozenset({RewardState.PENDING, RewardState.ON_HOLD})
PENDING = "pending"  # Counted; what it earned waits out the return period.


def state_of(report: Report, conversion: Conversion | None, rewards: Sequence[Reward]) -> str:
    if report.state is not ReportState.APPROVED or report.kind is ReportKind.REFUND or conversion is None:
        return report.state.value
    return state_of_counted(conversion, rewards)


def state_of_counted(conversion: Conversion, rewards: Sequence[Reward]) -> str:
    if conversion.state is not ConversionState.APPROVED:
        return conversion.state.value
    return PENDING if any(one.state in HELD for one in rewards) else ReportState.APPROVED.value


def told_as(
    state: str, rewards: Sequence[Reward], back: Mapping[str, MoneyBack], report: Report | None = None,
) -> str:
    """``state`` as pages name it, which say so where it waits for something, and where all that it earned was paid and
    then taken back."""
    if state == ReportState.MATCHED and report is not None and report.reason:
        return "waiting"
    live = [back[one.id] for one in rewards if one.state is not RewardState.VOIDED]
    is_counted = state in {ReportState.APPROVED, ConversionState.PARTIALLY_REVERSED}
    return "taken_back" if is_counted and live and all(one.is_paid_and_gone for one in live) else state


def rewards_of(conversion: Conversion | None) -> list[Reward]:
    return rewards_by_conversion([conversion])[conversion.id] if conversion else []


def rewards_by_conversion(conversions: Collection[Conversion]) -> dict[str, list[Reward]]:
    """Of a page of them, in one statement: all that each earned, with what was qualified only because it was sold."""
    found: dict[str, list[Reward]] = {one.id: [] for one in conversions}
    sales = {(one.lead_id, one.external_id): one.id for one in conversions if one.kind is ConversionKind.SALE}
    rows = db.session.execute(
        select(Reward, Conversion.payload["sold_as"].as_string())
        .join(Conversion, Conversion.id == Reward.conversion_id)
        .where(Reward.lead_id.in_({one.lead_id for one in conversions}),
               Reward.conversion_id.in_(found) | (Reward.part == ConversionKind.QUALIFIED))
        .order_by(Reward.id))
    for reward, sold_as in rows:
        by = reward.conversion_id if reward.conversion_id in found else sales.get((reward.lead_id, sold_as))
        if by is not None:
            found[by].append(reward)
    return found
