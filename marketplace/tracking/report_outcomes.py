"""What became of a conversion, as the answer to whoever told it; and what was told before."""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import bindparam, select

from marketplace.foundation.db import as_object, db
from marketplace.foundation.money import Money, show_money
from marketplace.referrals.models import Conversion, ConversionSource, Reward
from marketplace.tracking.batches import Counted
from marketplace.tracking.counting import HEARD
from marketplace.tracking.models import Report, ReportKind, ReportState
from marketplace.tracking.reported import IN_ONE_STATEMENT, Reported, check_same
from marketplace.tracking.standing import PENDING, rewards_by_conversion, rewards_of, state_of, state_of_counted
from marketplace.tracking.word_standing import Since, named_since, read_since

OF_IDS = select(Report).where(
    Report.business_id == bindparam("business_id"), Report.source == bindparam("source"),
    Report.external_id.in_(bindparam("ids", expanding=True)))


@dataclass(frozen=True)
class Outcome:
    """``state`` is that of the conversion as a whole; ``reason`` a code, where it waits or was not taken; ``amount``
    as it counts, or as the buyer said last."""

    state: str
    report: Report
    amount: Money | None
    rewards: Sequence[Reward] = ()
    reasons: Sequence[str] = field(default_factory=tuple)
    is_repeat: bool = False
    tells_orders: bool = True  # Order numbers are the business's own affair.
    since: Since | None = None  # Of a buyer's word that was turned down.

    @property
    def external_id(self) -> str | None:
        return self.report.external_id if self.tells_orders else None

    @property
    def refund_of(self) -> str | None:
        return self.report.refund_of if self.tells_orders else None

    @property
    def reason(self) -> str | None:
        return self.report.reason

    @property
    def conversion(self) -> Conversion | None:
        return db.session.get(Conversion, self.report.conversion_id) if self.report.conversion_id else None


def outcome_of(report: Report, *, is_repeat: bool = False) -> Outcome:
    """Of one that is no buyer's word."""
    conversion = db.session.get(Conversion, report.conversion_id) if report.conversion_id else None
    return _outcome(report, conversion, rewards_of(conversion), is_repeat=is_repeat)


def outcomes_of(reports: Sequence[Report]) -> list[Outcome]:
    """A page of them in a few statements. A buyer's word that was turned down stands where its sale does, or its
    dispute."""
    ids = [one.conversion_id for one in reports if one.conversion_id]
    found = db.session.scalars(select(Conversion).where(Conversion.id.in_(ids))) if ids else ()
    counted, since = {one.id: one for one in found}, read_since(reports)
    recorded = [one.sale for one in since.values() if one.sale]
    rewards, named = rewards_by_conversion([*counted.values(), *recorded]), named_since(reports)
    return [_since(one, since[one.id], rewards) if one.id in since else _outcome(
        one, counted.get(one.conversion_id or ""), rewards.get(one.conversion_id or "", []), named=named.get(one.id))
        for one in reports]


def _outcome(
    report: Report, conversion: Conversion | None, rewards: Sequence[Reward], *, is_repeat: bool = False,
    named: Money | None = None,
) -> Outcome:
    has_value = conversion is not None and conversion.amount_minor and report.kind is not ReportKind.REFUND
    amount = conversion.amount if conversion and has_value else named or report.amount
    return Outcome(state_of(report, conversion, rewards), report, amount, rewards, tuple(report.reasons), is_repeat)


def _since(report: Report, since: Since, rewards: Mapping[str, Sequence[Reward]]) -> Outcome:
    sale = since.sale
    if sale is None:
        state = ReportState.DISPUTED if since.is_disputed else report.state
        last = since.word.amount if since.word and since.word.amount else report.amount
        return Outcome(state.value, report, last, (), tuple(report.reasons), since=since)
    how = HEARD[ConversionSource.RULING if sale.source is ConversionSource.BUYER_CONFIRMED else sale.source]
    reasons = (*report.reasons, f"The sale is recorded, {how}: {show_money(sale.amount)}.")
    if since.is_told_elsewhere:
        return Outcome(ReportState.DUPLICATE.value, report, sale.amount, (), reasons, since=since)
    earned = rewards.get(sale.id, ())
    return Outcome(state_of_counted(sale, earned), report, sale.amount, earned, reasons, since=since)


def outcome_of_plain(counted: Counted) -> Outcome:
    """As the rows say, which nobody had to read."""
    report = as_object(Report, counted.report)
    rewards = [as_object(Reward, counted.reward)] if counted.reward else []
    return Outcome(PENDING if rewards else report.state.value, report, report.amount, rewards, tuple(report.reasons))


def answer_again(known: Report, said: Reported) -> Outcome:
    """As it stands now. ReportedOtherwise (409): the same id was told with other facts."""
    check_same(known, said)
    return outcome_of(known, is_repeat=True)


def find_report(business_id: str, source: ConversionSource, external_id: str) -> Report | None:
    return next(iter(find_reports(business_id, source, [external_id])), None)


def find_reports(business_id: str, source: ConversionSource, external_ids: Sequence[str]) -> list[Report]:
    found: list[Report] = []
    for start in range(0, len(external_ids), IN_ONE_STATEMENT):
        found += db.session.scalars(OF_IDS, {
            "business_id": business_id, "source": source, "ids": external_ids[start:start + IN_ONE_STATEMENT]})
    return found


def get_report(business_id: str, source: ConversionSource, external_id: str) -> Report:
    report = find_report(business_id, source, external_id)
    assert report is not None
    return report
