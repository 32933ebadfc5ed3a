"""What a report makes once it is known whose it is: by the verbs that earn anyway. No sum is made here."""
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from marketplace.bounties.models import Happening
from marketplace.foundation import outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, DomainError, Invalid
from marketplace.foundation.money import Money, show_money
from marketplace.foundation.show import day_in_words
from marketplace.referrals.afterwards import renew
from marketplace.referrals.models import (
    Conversion,
    ConversionKind,
    ConversionSource,
    Dispute,
    DisputeKind,
    Lead,
    Stage,
    WitnessSaid,
)
from marketplace.referrals.queries import find_conversion, is_found_false
from marketplace.referrals.said_bought import word_of
from marketplace.referrals.stages import (
    ENDED,
    change_stage_by_report,
    check_sale_itself,
    make_sale,
    qualify,
    sell,
)
from marketplace.referrals.tracked import BountyClosed, come_back, reserve_again
from marketplace.tracking.lifecycle import move_report
from marketplace.tracking.models import Report, ReportKind, ReportState

S = ReportState
NO_SALE_YET, FIRST_SALE_ONLY, NOT_GENUINE = "no_sale_yet", "first_sale_only", "not_genuine"
COUNTED_KINDS = frozenset({ReportKind.SALE, ReportKind.RENEWAL})
PEOPLES_WORD = frozenset({ConversionSource.LEAD_WON, ConversionSource.BUYER_CONFIRMED, ConversionSource.RULING})
HEARD = {  # From whom it was heard before.
    ConversionSource.LEAD_WON: "by hand, on the lead", ConversionSource.BUYER_CONFIRMED: "by the buyer",
    ConversionSource.RULING: "by a dispute", ConversionSource.MANUAL: "by hand", ConversionSource.API: "by the API",
    ConversionSource.STRIPE: "by Stripe", ConversionSource.CSV: "in a file",
    ConversionSource.LINK: "by the shop’s page", ConversionSource.CODE: "by a code",
}
DAYS_OFF = timedelta(days=3)  # Nobody remembers the day of a purchase exactly.


def count(report: Report, lead: Lead, *, by: str) -> Conversion | None:
    """The report's last state, and the conversion where it made one. The caller holds the bounty's funds."""
    report.lead_id = lead.id
    if is_found_false(lead.id):
        _reject(report, NOT_GENUINE, "The lead was found not to be genuine, so it earns nothing more.", by=by)
        return None
    made = _COUNTED[report.kind](report, lead, by)
    if made is not None:
        report.conversion_id = made.id
        move_report(report, S.APPROVED, by=by)
        if report.source is ConversionSource.BUYER_CONFIRMED:
            outbox.promise("send_letter", letter="word_counted", report_id=report.id)
    return made


def _lead(report: Report, lead: Lead, by: str) -> None:
    say(report, "A lead is noted; a sign-up or a sale is what these terms may pay for.")
    move_report(report, S.MATCHED, by=by)


def _sign_up(report: Report, lead: Lead, by: str) -> Conversion | None:
    change_stage_by_report(lead, Stage.QUALIFIED, by=by)
    made = qualify(lead, by=by)
    if made is None:
        say(report, "These terms pay nothing for a sign-up by itself, or it was counted before.")
        move_report(report, S.MATCHED, by=by)
    return made


def _sale(report: Report, lead: Lead, by: str) -> Conversion | None:
    """The first sale; what they buy later is a renewal, where the terms pay for those."""
    first = find_conversion(lead)
    if first is not None:
        if _is_the_same(report, first):
            note_duplicate(
                report, first, why="This sale was counted before, by the word of people; now the shop says it.", by=by)
            return None
        if any(rule.happening is Happening.RENEWAL for rule in lead.terms.rules):
            say(report, "They bought before, so it counts as a renewal.")
            return _renewal(report, lead, by)
        _reject(report, FIRST_SALE_ONLY, "They bought before, and these terms pay for the first sale alone.", by=by)
        return None
    amount, day = _sale_of(report, lead)
    try:
        check_sale_itself(lead, amount, day)
    except Invalid as refusal:
        _reject(report, refusal.code, _told(refusal), by=by)
        return None
    if lead.stage in ENDED:
        reserve_again(lead)
        come_back(lead, by=by)
    if lead.stage is Stage.UNQUALIFIED:  # What the business said of it stays; the sale stands beside it.
        return make_sale(lead, amount, day, source=report.source, external_id=report.external_id, by=by)
    return sell(lead, amount, day, source=report.source, external_id=report.external_id, by=by)


def _sale_of(report: Report, lead: Lead) -> tuple[Money, date]:
    """Of the buyer's word what they named since, as witness: that is what everybody reads by now."""
    first = _amount(report), report.happened_at.date()
    word = word_of(lead) if report.source is ConversionSource.BUYER_CONFIRMED else None
    if word is None or word.says is not WitnessSaid.BOUGHT:
        return first
    last = word.last_amount, word.last_bought_on
    if last == first:
        return first
    say(report, f"It counts with what they named since: {show_money(last[0])}, on {day_in_words(last[1])}.")
    return last


def _renewal(report: Report, lead: Lead, by: str) -> Conversion | None:
    if find_conversion(lead) is None:
        say(report, "A renewal of a sale that is not known yet: it waits for the sale.")
        move_report(report, S.UNMATCHED, by=by, reason=NO_SALE_YET)
        return None
    try:
        return renew(lead, _amount(report), report.happened_at.date(), source=report.source,
                     external_id=report.external_id, by=by)
    except (Conflict, Invalid) as refusal:
        _reject(report, refusal.code, _told(refusal), by=by)
        return None


def _is_the_same(report: Report, first: Conversion) -> bool:
    """A sale that people told of has no number of the shop's. What the shop first says of those days is that sale,
    unless a referrer claimed an order of the shop's, whose sale it is."""
    has_number = first.source is ConversionSource.LEAD_WON and first.external_id != first.lead_id
    if first.source not in PEOPLES_WORD or has_number or abs(
            report.happened_at.date() - first.occurred_on) > DAYS_OFF:
        return False
    return db.session.scalar(select(Report.id).where(
        Report.lead_id == first.lead_id, Report.id != report.id, (Report.first_id == first.id) | (
            (Report.conversion_id == first.id) & (Report.source != ConversionSource.BUYER_CONFIRMED))
    ).limit(1)) is None


def note_duplicate(report: Report, first: Conversion | Report, *, by: str, why: str = "") -> None:
    report.first_id = first.id
    say(report, why or f"It was told of before, {HEARD[first.source]}, and counted then.")
    move_report(report, S.DUPLICATE, by=by)


_COUNTED = {ReportKind.LEAD: _lead, ReportKind.SIGN_UP: _sign_up, ReportKind.SALE: _sale,
            ReportKind.RENEWAL: _renewal}


def find_counted(business_id: str, external_id: str) -> Conversion | None:
    """Whatever source it came from: one order is counted once. A sale or a renewal; also one that was claimed, and is
    counted under the name of its dispute."""
    claimed = db.session.scalar(select(Report.conversion_id).where(
        Report.business_id == business_id, Report.source.in_(list(ConversionSource)),
        Report.external_id == external_id, Report.state == S.APPROVED, Report.kind.in_(COUNTED_KINDS)).limit(1))
    if claimed is not None:
        return db.session.get(Conversion, claimed)
    return db.session.scalar(select(Conversion).where(
        Conversion.business_id == business_id, Conversion.source.in_(list(ConversionSource)),
        Conversion.external_id == external_id,
        Conversion.kind.in_([ConversionKind.SALE, ConversionKind.RENEWAL])).order_by(Conversion.id).limit(1))


def find_twin(report: Report, *states: ReportState) -> Report | None:
    """Of the same id and kind, from another source."""
    kinds = COUNTED_KINDS if report.kind in COUNTED_KINDS else [report.kind]
    return db.session.scalar(select(Report).where(
        Report.business_id == report.business_id, Report.source.in_(list(ConversionSource)),
        Report.external_id == report.external_id, Report.kind.in_(kinds), Report.state.in_(states),
        Report.id != report.id).limit(1))


def is_customer_claimed(report: Report) -> bool:
    """By another order of theirs: nobody is brought by two, and their first sale is paid once."""
    marks = marks_of(report)
    return bool(marks) and db.session.scalar(
        claimed_of(Report.id).where(Dispute.business_id == report.business_id, or_(*marks)).limit(1)) is not None


def marks_of(report: Report) -> list[ColumnElement[bool]]:
    """By any of which another report is of the same customer."""
    return [column == mark for column, mark in (
        (Report.customer_hash, report.customer_hash), (Report.email_hash, report.email_hash),
        (Report.click_hash, report.click_hash)) if mark]


def claimed_of(column: InstrumentedAttribute[Any]) -> Select[Any]:
    """Of the reports that referrers claim: by their disputes, which are few."""
    return select(column).join(Dispute, Dispute.lead_id == Report.lead_id).where(
        Dispute.kind == DisputeKind.UNTRACKED, Report.state == S.DISPUTED)


def _reject(report: Report, code: str, why: str, *, by: str) -> None:
    say(report, why)
    move_report(report, S.REJECTED, by=by, reason=code)


def reject(report: Report, refusal: DomainError, *, by: str) -> None:
    """For the reason that a verb gave. Of a buyer's word everybody had read that it counts."""
    if report.source is ConversionSource.BUYER_CONFIRMED and isinstance(refusal, BountyClosed):
        reject_word(report, refusal.code, _told(refusal), by=by)
    else:
        _reject(report, refusal.code, _told(refusal), by=by)


def reject_word(report: Report, code: str, why: str, *, by: str) -> None:
    """Of a buyer's “I bought it”: buyer and referrer are told."""
    _reject(report, code, why, by=by)
    outbox.promise("send_letter", letter="word_not_counted", report_id=report.id)


def _told(refusal: DomainError) -> str:
    words = [*(sentence for said in refusal.fields.values() for sentence in said)] if refusal.fields else []
    return " ".join([refusal.message, *words])


def say(report: Report, sentence: str) -> None:
    if sentence not in report.reasons:
        report.reasons = [*report.reasons, sentence]


def _amount(report: Report) -> Money:
    amount = report.amount
    assert amount is not None
    return amount


