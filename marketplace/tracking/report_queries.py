"""What was reported, as each may see it: a business its own, a referrer what was credited to a lead of theirs."""
from sqlalchemy import ColumnElement, Select, func, or_, select

from marketplace.foundation.db import db
from marketplace.foundation.errors import NotFound
from marketplace.identity.models import User
from marketplace.referrals.models import Lead
from marketplace.tracking.models import Report, ReportState
from marketplace.tracking.word_standing import COUNTED_SINCE, IN_DISPUTE

# The tabs of a business's page, in their order. A report is in one of them, but for "all".
TABS: dict[str, ColumnElement[bool]] = {
    "counted": (Report.state == ReportState.APPROVED) | COUNTED_SINCE,
    "unmatched": Report.state == ReportState.UNMATCHED,
    "matched": Report.state == ReportState.MATCHED,
    "disputed": (Report.state == ReportState.DISPUTED) | IN_DISPUTE,
    "not_counted": Report.state.in_([ReportState.REJECTED, ReportState.DUPLICATE]) & ~COUNTED_SINCE & ~IN_DISPUTE,
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


def count_tabs(business_id: str) -> dict[str, int]:
    columns = [func.count().filter(which).label(name) for name, which in TABS.items()]
    counted = db.session.execute(select(*columns).select_from(Report).where(Report.business_id == business_id)).one()
    return dict(zip(TABS, counted, strict=True))
