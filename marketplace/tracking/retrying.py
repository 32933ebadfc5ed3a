"""What waits is asked again when something arrives: a link, a lead, a sale, funds. By an index, with no scan."""
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import ColumnElement, and_, select, text

from marketplace.foundation import audit, outbox
from marketplace.foundation.db import db
from marketplace.referrals.locks import lock_orders_of
from marketplace.referrals.models import Buyer, ConversionSource, Lead
from marketplace.tracking.intake import CLAIMED, NO_FUNDS, settle
from marketplace.tracking.models import WAITS, Report, ReportState

AT_ONCE = 100
AGAIN = timedelta(minutes=1)


def match_reports(report_id: str) -> None:
    """Job, promised with a report that brought something: the others of the same customer."""
    report = db.session.get_one(Report, report_id)
    marks = [column == mark for column, mark in (
        (Report.customer_hash, report.customer_hash), (Report.email_hash, report.email_hash)) if mark]
    if marks:
        _ask_again(report.business_id, marks, "match_reports", report_id=report_id)


def match_lead(lead_id: str) -> None:
    """Job, promised when a buyer has said yes: what was reported of their address before."""
    lead = db.session.get_one(Lead, lead_id)
    mark = db.session.get_one(Buyer, lead.buyer_id).email_hash
    if mark is not None:
        _ask_again(lead.business_id, [Report.email_hash == mark], "match_lead", lead_id=lead_id)


def match_order(business_id: str, external_id: str) -> None:
    """Job, promised when an order was recorded by hand, or a claim of it is over: what other ways said of it before."""
    _ask_again(business_id, [
        and_(Report.external_id == external_id, Report.source.in_(list(ConversionSource))),
        Report.refund_of == external_id], "match_order", business_id=business_id, external_id=external_id)


def count_what_waited(business_id: str) -> None:
    """Job, when a bounty of this business was paid for, or closed: then what waits for its funds waits no longer."""
    _ask_again(business_id, [Report.reason == NO_FUNDS], "count_what_waited", business_id=business_id)


def count_what_was_claimed(business_id: str) -> None:
    """Job, when a claim is over: what was told meanwhile of the customer whose order it was, by whatever mark."""
    _ask_again(business_id, [Report.reason == CLAIMED], "count_what_was_claimed", business_id=business_id)


def _ask_again(business_id: str, which: Sequence[ColumnElement[bool]], job: str, /, **arguments: str) -> None:
    """In the order in which it happened. More than fits is left for another time, as long as something changes.

    By an order that no index has: else a database may go along the one that has it, through all that was ever reported.
    """
    lock_orders_of(business_id)
    found = {one.id: one for condition in which for one in db.session.scalars(select(Report).where(
        Report.business_id == business_id, text(f"reports.{WAITS}"), condition)
        .order_by(Report.happened_at, Report.id).limit(AT_ONCE))}
    waiting, changed = sorted(found.values(), key=lambda one: (one.happened_at, one.id)), 0
    for report in waiting:
        before = (report.state, report.reason)
        if report.state is ReportState.UNMATCHED or report.reason == NO_FUNDS:
            settle(report, None, by=audit.SYSTEM)
        changed += before != (report.state, report.reason)
    if len(waiting) >= AT_ONCE and changed:
        outbox.promise(job, after=AGAIN, **arguments)
