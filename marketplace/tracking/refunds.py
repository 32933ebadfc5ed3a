"""Money was given back for what was reported: taken off by its amount, or kept until its sale is known."""
from sqlalchemy import select

from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, Invalid
from marketplace.foundation.money import Money, show_money
from marketplace.referrals.clawbacks import give_back, would_return
from marketplace.referrals.models import Conversion, ConversionSource, Lead
from marketplace.tracking.counting import HEARD, find_counted, reject, say
from marketplace.tracking.lifecycle import move_report
from marketplace.tracking.models import Report, ReportKind, ReportState

S = ReportState
SALE_UNKNOWN, NOTHING_LEFT, OTHER_CURRENCY, NOT_COUNTED = (
    "sale_unknown", "nothing_left", "other_currency", "sale_not_counted")


def apply_refund(report: Report, *, by: str) -> None:
    """Never more than is left of the sale. One that was rejected, or is nobody's, earned nothing to take back."""
    if _is_known_elsewhere(report, by=by):
        return
    sale = _sale_of(report)
    if sale is None:
        if _was_refused(report):
            _refuse(report, NOT_COUNTED, "The sale earned nothing, so there is nothing to take back.", by=by)
            return
        say(report, "Its sale is not counted yet: it waits for it.")
        move_report(report, S.UNMATCHED, by=by, reason=SALE_UNKNOWN)
        return
    lead, amount = db.session.get_one(Lead, sale.lead_id), report.amount
    assert amount is not None
    report.lead_id, report.conversion_id = lead.id, sale.id
    left = sale.amount - Money(sale.refunded_minor, sale.currency)
    if amount.currency != sale.currency:
        _refuse(report, OTHER_CURRENCY, f"The sale was in {sale.currency.upper()}; nothing is converted.", by=by)
    elif not left.minor:
        _refuse(report, NOTHING_LEFT, "All of the sale was given back before.", by=by)
    else:
        _take_back(report, lead, sale, amount, left, by=by)


def _take_back(report: Report, lead: Lead, sale: Conversion, amount: Money, left: Money, *, by: str) -> None:
    taken = min(amount, left)
    try:
        back = would_return(lead, taken, conversion_id=sale.id)
        give_back(lead, taken, refund_number=report.external_id, conversion_id=sale.id, by=by)
    except (Conflict, Invalid) as refusal:
        reject(report, refusal, by=by)
        return
    before = ", less what an admin had taken of it before" if back.is_cut else ""
    said = f"{show_money(taken)} of {show_money(sale.amount)} was given back, and of the reward the same part{before}."
    say(report, said if taken == amount else f"{said} No more was left than that.")
    move_report(report, S.APPROVED, by=by)


def apply_waiting_refunds(sale: Report, *, by: str) -> None:
    """What was reported before its sale was counted."""
    for refund in db.session.scalars(select(Report).where(
            Report.business_id == sale.business_id, Report.refund_of == sale.external_id,
            Report.state == S.UNMATCHED).order_by(Report.happened_at, Report.id)).all():
        apply_refund(refund, by=by)


def _sale_of(report: Report) -> Conversion | None:
    """From its own source before any other."""
    own = db.session.scalar(select(Conversion).where(
        Conversion.business_id == report.business_id, Conversion.source == report.source,
        Conversion.external_id == report.refund_of))
    return own or find_counted(report.business_id, str(report.refund_of)) or _counted_by_word(report)


def _counted_by_word(report: Report) -> Conversion | None:
    """Under another name: people told of the sale before the shop did."""
    first_id = db.session.scalar(select(Report.first_id).where(
        Report.business_id == report.business_id, Report.source.in_(list(ConversionSource)),
        Report.external_id == report.refund_of, Report.state == S.DUPLICATE, Report.kind != ReportKind.REFUND).limit(1))
    return db.session.get(Conversion, first_id) if first_id else None


def _was_refused(report: Report) -> bool:
    found = db.session.scalar(select(Report.state).where(
        Report.business_id == report.business_id, Report.source.in_(list(ConversionSource)),
        Report.external_id == report.refund_of, Report.kind != ReportKind.REFUND).limit(1))
    return found is S.REJECTED


def _is_known_elsewhere(report: Report, *, by: str) -> bool:
    first = db.session.scalar(select(Report).where(
        Report.business_id == report.business_id, Report.source.in_(list(ConversionSource)),
        Report.external_id == report.external_id, Report.kind == ReportKind.REFUND, Report.id != report.id,
        Report.refund_of == report.refund_of, Report.state == S.APPROVED).limit(1))
    if first is None:
        return False
    report.first_id = first.id
    say(report, f"This refund was told of before, {HEARD[first.source]}, and taken off then.")
    move_report(report, S.DUPLICATE, by=by)
    return True


def _refuse(report: Report, code: str, why: str, *, by: str) -> None:
    say(report, why)
    move_report(report, S.REJECTED, by=by, reason=code)
