"""Where a buyer's “I bought it” stands: asked, denied, disputed, ruled on, or recorded all the same."""
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import aliased

from marketplace.foundation.db import db
from marketplace.foundation.money import Money
from marketplace.foundation.show import day_in_words
from marketplace.referrals.deadlines import add_business_days
from marketplace.referrals.disputes.queries import OVER_A_SALE, disputes_over_sales
from marketplace.referrals.disputes.witness_words import last_heard
from marketplace.referrals.kept_words import words_beside
from marketplace.referrals.models import (
    Conversion,
    ConversionKind,
    ConversionSource,
    Dispute,
    Ending,
    FraudCase,
    Lead,
    Stage,
    WitnessWord,
)
from marketplace.referrals.queries import FINDING, FINDING_ENDED_AT, find_conversion, has_finding
from marketplace.referrals.said_bought import DENIED, BuyersWord, LeadIds, Standing, denied_among
from marketplace.tracking.models import Report, ReportState

ANSWERED_WITHIN = 5  # Business days.
WAITS_FOR_BUSINESS, SAID_NO, RECORDED = "business_asked", "business_says_no", "recorded_meanwhile"
TAKEN_BACK = "buyer_says_no"  # As witness, before the business had answered.
NOT_SO = "The business says that it is not so."
S = ReportState
IS_FOUND = exists().where(FraudCase.lead_id == Report.lead_id, FINDING)
ENDED_AT = FINDING_ENDED_AT.where(FraudCase.lead_id == Report.lead_id).correlate(Report).scalar_subquery()

_Other = aliased(Report)
_SALE = (Conversion.lead_id == Report.lead_id, Conversion.kind == ConversionKind.SALE)
TURNED_DOWN = ((Report.source == ConversionSource.BUYER_CONFIRMED) & (Report.state == S.REJECTED)
               & Report.reason.in_((SAID_NO, RECORDED, TAKEN_BACK)))
IS_SOLD = exists().where(*_SALE)
# Not counted as what it was, and its sale is recorded: of no other report, so it stands for it.
COUNTED_SINCE = TURNED_DOWN & exists().where(*_SALE, ~exists().where(_Other.conversion_id == Conversion.id))
IN_DISPUTE = TURNED_DOWN & ~IS_SOLD & exists().where(
    Dispute.lead_id == Report.lead_id, Dispute.kind.in_(OVER_A_SALE), Dispute.ended_at.is_(None))


@dataclass(frozen=True)
class Since:
    """What became of a word that was turned down. ``is_told_elsewhere``: another report counts that sale;
    ``dispute``: the latest over it, while no sale is recorded; ``word``: what the buyer said since, as witness."""

    sale: Conversion | None = None
    is_told_elsewhere: bool = False
    dispute: Dispute | None = None
    word: WitnessWord | None = None

    @property
    def is_disputed(self) -> bool:
        return self.dispute is not None and self.dispute.ended_at is None

    @property
    def is_ruled_against(self) -> bool:
        return self.dispute is not None and self.dispute.ended_by is Ending.RULING


def read_since(reports: Sequence[Report]) -> dict[str, Since]:
    """By report, of those among them that are a buyer's word and were turned down; in a few statements."""
    down = {one.id: one.lead_id for one in reports if one.source is ConversionSource.BUYER_CONFIRMED
            and one.state is S.REJECTED and one.reason in {SAID_NO, RECORDED, TAKEN_BACK} and one.lead_id}
    if not down:
        return {}
    sales = {sale.lead_id: Since(sale, is_told) for sale, is_told in db.session.execute(
        select(Conversion, exists().where(Report.conversion_id == Conversion.id)).where(
            Conversion.lead_id.in_(down.values()), Conversion.kind == ConversionKind.SALE))}
    disputes = disputes_over_sales([lead_id for lead_id in down.values() if lead_id not in sales])
    heard, said_at = last_heard(list(down.values())), {one.id: one.created_at for one in reports}
    return {report_id: replace(sales.get(lead_id) or Since(dispute=disputes.get(lead_id)),
                               word=_since(heard.get(lead_id), said_at[report_id]))
            for report_id, lead_id in down.items()}


def named_since(reports: Sequence[Report]) -> dict[str, Money]:
    """By report, of the words that wait for the business: the sum that the buyer named since, as witness."""
    waiting = [one for one in reports if waits(one)]
    heard = last_heard([one.lead_id for one in waiting if one.lead_id])
    words = {one.id: _since(heard.get(one.lead_id or ""), one.created_at) for one in waiting}
    return {report_id: word.amount for report_id, word in words.items() if word and word.amount}


def _since(heard: Dispute | None, said_at: datetime) -> WitnessWord | None:
    """What they said as witness, unless they said that they bought after it."""
    word = heard.proven_word if heard else None
    return word if word and word.said_at > said_at else None


def waits(report: Report) -> bool:
    return report.state is S.MATCHED and report.reason == WAITS_FOR_BUSINESS


def is_asked(report: Report) -> bool:
    """Whether the business is to answer now: not while a finding about the lead stands."""
    return waits(report) and not has_finding(_lead(report).id)


def is_sale_recorded(report: Report) -> bool:
    """Of its lead: by this word, by the business's own hand, or by a ruling."""
    return find_conversion(_lead(report)) is not None


def _lead(report: Report) -> Lead:
    return db.session.get_one(Lead, report.lead_id)


def due_of(report: Report) -> datetime:
    """By when the business answers."""
    return _due(report, db.session.scalar(FINDING_ENDED_AT.where(FraudCase.lead_id == report.lead_id)))


def dues_of(reports: Sequence[Report]) -> dict[str, datetime]:
    """The same of many, by report: of those among them for which the business is asked now."""
    asked = {one.id: one for one in reports if waits(one)}
    return {report_id: _due(asked[report_id], ended_at) for report_id, ended_at in db.session.execute(
        select(Report.id, ENDED_AT).where(Report.id.in_(asked), ~IS_FOUND, ~IS_SOLD))} if asked else {}


def _due(report: Report, finding_ended_at: datetime | None) -> datetime:
    """Of a finding that ended without effect, its days begin anew."""
    return add_business_days(max(report.created_at, finding_ended_at or report.created_at), ANSWERED_WITHIN)


def read_words(lead_ids: LeadIds) -> dict[str, BuyersWord]:
    """What the buyers of these leads have said, and where it stands: for the pages of leads."""
    found = db.session.execute(select(Report, IS_SOLD, IS_FOUND, ENDED_AT).where(
        Report.lead_id.in_(lead_ids), Report.source == ConversionSource.BUYER_CONFIRMED))
    words = {word.lead_id: word for word in (_word(report, _due(report, ended_at), is_sold=sold, is_found=is_found)
                                             for report, sold, is_found, ended_at in found)}
    denied = [word.lead_id for word in words.values() if word.standing is Standing.DENIED]
    noes, disputes = say_noes(denied), disputes_over_sales(denied)
    for lead_id in denied:
        words[lead_id] = _after_no(words[lead_id], noes[lead_id], disputes.get(lead_id))
    return {word.lead_id: word for word in _with_since(list(words.values()))}


def _after_no(word: BuyersWord, why: str, dispute: Dispute | None) -> BuyersWord:
    is_live = dispute is not None and dispute.ended_at is None
    return replace(word, why=why, dispute=dispute, standing=Standing.DISPUTED if is_live else word.standing)


def say_noes(lead_ids: Sequence[str]) -> dict[str, str]:
    """By lead: that the business said no to it, on which day, and why as long as that is kept."""
    whys, days = words_beside(DENIED, lead_ids), denied_among(lead_ids)
    return {one: f"The business said on {day_in_words(days[one])} that it is not so"
                 f"{f': {whys[one]}' if one in whys else '.'}" for one in lead_ids}


def words_waiting(business_id: str) -> list[BuyersWord]:
    """Those that the business has to answer, the first to end first."""
    words = [_word(one, _due(one, ended_at), is_sold=False, is_found=False) for one, ended_at in db.session.execute(
        select(Report, ENDED_AT).join(Lead, Lead.id == Report.lead_id).where(
            Report.business_id == business_id, Report.reason == WAITS_FOR_BUSINESS, Report.state == S.MATCHED,
            Lead.stage != Stage.WON, ~IS_FOUND).order_by(Report.id))]
    return _with_since(words)


def _with_since(words: Sequence[BuyersWord]) -> list[BuyersWord]:
    heard = last_heard([word.lead_id for word in words])
    return [replace(word, since=_since(heard.get(word.lead_id), word.said_at)) for word in words]


def _word(report: Report, due: datetime, *, is_sold: bool, is_found: bool) -> BuyersWord:
    amount, standing = report.amount, _standing(report, is_sold=is_sold, is_found=is_found)
    assert amount is not None
    assert report.lead_id is not None
    return BuyersWord(report.lead_id, report.id, amount, report.happened_at.date(), report.created_at, due, standing)


def _standing(report: Report, *, is_sold: bool, is_found: bool) -> Standing:
    """After a no, the sale may be recorded all the same: by the business itself, or by a ruling."""
    if waits(report):
        return Standing.NOT_ASKED if is_found else Standing.ASKED
    if report.state is S.MATCHED:
        return Standing.UNFUNDED
    if is_sold or report.state in {S.APPROVED, S.DUPLICATE} or report.reason == RECORDED:
        return Standing.COUNTED
    return Standing.DENIED if report.reason == SAID_NO else Standing.NOT_COUNTED
