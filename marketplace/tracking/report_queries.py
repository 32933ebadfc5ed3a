"""What was reported, as each may see it: a business its own, a referrer what was credited to a lead of theirs."""
from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import aliased

from marketplace.foundation.db import db
from marketplace.foundation.errors import NotFound
from marketplace.identity.models import User
from marketplace.referrals.models import Conversion, ConversionKind, ConversionState, Lead, Reward
from marketplace.referrals.queries import FALSE_LEADS
from marketplace.tracking.models import Report, ReportKind, ReportState
from marketplace.tracking.standing import HELD, PENDING
from marketplace.tracking.word_standing import COUNTED_SINCE, IN_DISPUTE, IS_SOLD, TURNED_DOWN

_Earned = aliased(Conversion)
_DISPUTED = (Report.state == ReportState.DISPUTED) | IN_DISPUTE
_IS_FALSE = func.coalesce(Report.lead_id, "").in_(FALSE_LEADS)
# The tabs of a business's page, in their order. A report is in one of them, but for "all".
TABS: dict[str, ColumnElement[bool]] = {
    **{name: which & ~_IS_FALSE for name, which in (
        ("counted", (Report.state == ReportState.APPROVED) | COUNTED_SINCE),
        ("unmatched", Report.state == ReportState.UNMATCHED), ("matched", Report.state == ReportState.MATCHED),
        ("disputed", _DISPUTED))},
    "not_counted": _IS_FALSE | Report.state.in_(
        [ReportState.REJECTED, ReportState.DUPLICATE]) & ~COUNTED_SINCE & ~IN_DISPUTE,
}

# What a sale earned is what was qualified only because it was sold, too: as standing.rewards_by_conversion.
_IS_HELD = or_(
    exists().where(Reward.conversion_id == Conversion.id, Reward.state.in_(HELD)),
    (Conversion.kind == ConversionKind.SALE) & exists().where(
        Reward.conversion_id == _Earned.id, Reward.state.in_(HELD), _Earned.lead_id == Conversion.lead_id,
        _Earned.kind == ConversionKind.QUALIFIED, _Earned.payload["sold_as"].as_string() == Conversion.external_id))


def _counts(*which: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whose conversion is so: its own, or of a buyer's word the sale that was recorded since."""
    is_counted = and_(Report.state == ReportState.APPROVED, Report.kind != ReportKind.REFUND)
    own = exists().where(Conversion.id == Report.conversion_id, *which)
    sale = exists().where(Conversion.lead_id == Report.lead_id, Conversion.kind == ConversionKind.SALE, *which)
    return or_(is_counted & own, COUNTED_SINCE & sale)


_IS_WHOLE = Conversion.state == ConversionState.APPROVED
# By what its page and the API say of it (report_outcomes.py), not by what is stored. A report is in one of them.
STATES: dict[str, ColumnElement[bool]] = {
    **{state.value: Report.state == state for state in (
        ReportState.RECEIVED, ReportState.UNMATCHED, ReportState.MATCHED)},
    PENDING: _counts(_IS_WHOLE, _IS_HELD),
    ReportState.APPROVED.value: _counts(_IS_WHOLE, ~_IS_HELD) | (Report.state == ReportState.APPROVED) & (
        (Report.kind == ReportKind.REFUND) | Report.conversion_id.is_(None)),
    **{state.value: _counts(Conversion.state == state) for state in (
        ConversionState.PARTIALLY_REVERSED, ConversionState.REVERSED)},
    ReportState.DUPLICATE.value: (Report.state == ReportState.DUPLICATE) | TURNED_DOWN & IS_SOLD & ~COUNTED_SINCE,
    ReportState.REJECTED.value: (Report.state == ReportState.REJECTED) & ~(TURNED_DOWN & IS_SOLD) & ~IN_DISPUTE,
    ReportState.DISPUTED.value: _DISPUTED,
}


def reports_of_business(business_id: str) -> Select[Report]:
    return select(Report).where(Report.business_id == business_id)


def reports_visible_to(user: User) -> Select[Report]:
    """Of all their businesses; an admin sees all."""
    if user.is_admin:
        return select(Report)
    return select(Report).where(Report.business_id.in_([one.business_id for one in user.memberships]))


def get_report(report_id: str, *, seen_by: User) -> Report:
    """Also for the referrer whose lead it was credited to. NotFound (404) for everybody else."""
    own = select(Lead.id).where(Lead.referrer_id == seen_by.id)
    visible = select(Report).where(Report.id == report_id)
    if not seen_by.is_admin:
        visible = visible.where(or_(
            Report.business_id.in_([one.business_id for one in seen_by.memberships]), Report.lead_id.in_(own)))
    report = db.session.scalar(visible)
    if report is None:
        raise NotFound("There is no such conversion.", next_step="Go back to your conversions.")
    return report
