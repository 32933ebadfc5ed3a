"""The one list of a business's conversions: all that was reported, and the sales on its leads that nobody reported."""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import Select, and_, exists, func, or_, select, text

from marketplace.foundation.db import db
from marketplace.foundation.money import Money, zero
from marketplace.foundation.paging import Page, page_of_kinds
from marketplace.referrals.disputes.queries import disputes_over_sales
from marketplace.referrals.models import (
    SAID_BY_PEOPLE,
    Conversion,
    ConversionKind,
    ConversionSource,
    Dispute,
    DisputeState,
    Reward,
    RewardState,
)
from marketplace.referrals.money_back import MoneyBack, money_back_of
from marketplace.referrals.queries import FALSE_LEADS, found_false_among
from marketplace.tracking.counting import HEARD
from marketplace.tracking.models import Report, ReportState
from marketplace.tracking.report_outcomes import outcomes_of
from marketplace.tracking.report_queries import TABS, reports_of_business
from marketplace.tracking.report_words import KINDS, SOURCES
from marketplace.tracking.standing import rewards_by_conversion, state_of_counted, told_as
from marketplace.tracking.word_standing import TURNED_DOWN, dues_of

NOT_GENUINE = "not_genuine"
RECORDED = {ConversionKind.SALE: "Sale", ConversionKind.RENEWAL: "Renewal",
            ConversionKind.CORRECTION: "The rest of a sale"}
# By no report; a buyer's word that was turned down stands in the list for the sale that was recorded since.
UNREPORTED = and_(text(f"conversions.{SAID_BY_PEOPLE}"), ~exists().where(Report.conversion_id == Conversion.id), or_(
    Conversion.kind != ConversionKind.SALE, ~exists().where(Report.lead_id == Conversion.lead_id, TURNED_DOWN)))

_IS_FALSE = Conversion.lead_id.in_(FALSE_LEADS)
SALES_IN = {"counted": ~_IS_FALSE, "not_counted": _IS_FALSE}  # Of those, by tab.


@dataclass(frozen=True)
class Due:
    """What happens then; ``is_yours``: unless the business answers before."""

    at: datetime
    is_yours: bool = False

    @property
    def words(self) -> str:
        return "Answer by" if self.is_yours else "Released"


@dataclass(frozen=True)
class Line:
    """``number``: the business's own for it, "" where it has none; ``report``: none of a sale that nobody reported;
    ``earned``: what is left of the rewards.
    """

    what: str
    told: str
    number: str
    amount: Money | None
    day: date | datetime
    state: str
    rewards: Sequence[Reward]
    due: Due | None
    lead_id: str | None
    report: Report | None = None
    earned: Money | None = None


def list_conversions(business_id: str, *, tab: str, cursor: str | None) -> Page[Line]:
    """Newest first. ``tab``: of TABS, or "" for all."""
    shown = page_of_kinds(_parts(business_id, tab), cursor=cursor)
    reports = db.session.scalars(select(Report).where(Report.id.in_(shown.rows))).all()
    sales = db.session.scalars(select(Conversion).where(Conversion.id.in_(shown.rows))).all()
    lines = {**_reported(reports), **_recorded(sales)}
    return Page(_as_they_stand([lines[one] for one in shown.rows]), shown.next_cursor)


def _as_they_stand(lines: Sequence[Line]) -> list[Line]:
    """With what really moved when money was taken back, and what was proven false: no sum counts that as sold."""
    back = money_back_of(reward for one in lines for reward in one.rewards)
    false = found_false_among([one.lead_id for one in lines if one.lead_id])
    return [replace(one, state=NOT_GENUINE if one.lead_id in false else told_as(
        one.state, one.rewards, back, one.report),
                    earned=_left(one.rewards, back)) for one in lines]


def _left(rewards: Sequence[Reward], back: Mapping[str, MoneyBack]) -> Money | None:
    left = [back[one.id].left for one in rewards if one.state is not RewardState.VOIDED]
    return sum(left, zero(left[0].currency)) if left else None


def count_tabs(business_id: str) -> dict[str, int]:
    columns = [func.count().filter(which).label(name) for name, which in TABS.items()]
    counted = db.session.execute(select(*columns).select_from(Report).where(Report.business_id == business_id)).one()
    tabs: dict[str, int] = dict(zip(TABS, counted, strict=True))
    for name, which in SALES_IN.items():
        sales = _sales_of(business_id).where(which)
        tabs[name] += db.session.scalar(sales.with_only_columns(func.count())) or 0
    return tabs


def _parts(business_id: str, tab: str) -> dict[str, Select[str]]:
    reports = reports_of_business(business_id).with_only_columns(Report.id)
    parts = {"report": reports.where(TABS[tab]) if tab else reports}
    if tab and tab not in SALES_IN:
        return parts
    sales = _sales_of(business_id)
    return {**parts, "conversion": sales.where(SALES_IN[tab]) if tab else sales}


def _sales_of(business_id: str) -> Select[str]:
    return select(Conversion.id).where(Conversion.business_id == business_id, UNREPORTED)


def _reported(reports: Sequence[Report]) -> dict[str, Line]:
    asked, lines = dues_of(reports), dict[str, Line]()
    claims = disputes_over_sales([one.lead_id for one in reports if one.lead_id and one.state is ReportState.DISPUTED])
    for outcome in outcomes_of(reports):
        one = outcome.report
        dispute = outcome.since.dispute if outcome.since else claims.get(one.lead_id or "")
        due = Due(asked[one.id], True) if one.id in asked else _answer(dispute) or _release(outcome.rewards)
        is_word = one.source is ConversionSource.BUYER_CONFIRMED
        lines[one.id] = Line(
            KINDS[one.kind], f"Reported {SOURCES.get(one.source, '')}", "" if is_word else one.external_id,
            outcome.amount, one.happened_at, outcome.state, outcome.rewards, due, one.lead_id, one)
    return lines


def _recorded(sales: Sequence[Conversion]) -> dict[str, Line]:
    rewards, lines = rewards_by_conversion(sales) if sales else {}, dict[str, Line]()
    for one in sales:
        is_ruled = one.source in {ConversionSource.BUYER_CONFIRMED, ConversionSource.RULING}
        has_number = not is_ruled and one.external_id != one.lead_id
        lines[one.id] = Line(
            RECORDED[one.kind], f"Recorded {HEARD[ConversionSource.RULING if is_ruled else one.source]}",
            one.external_id if has_number else "", one.amount, one.occurred_on, state_of_counted(one, rewards[one.id]),
            rewards[one.id], _release(rewards[one.id]), one.lead_id)
    return lines


def _answer(dispute: Dispute | None) -> Due | None:
    """The referrer says that they brought them, or that a no is not so; without an answer it counts."""
    is_asked = dispute is not None and dispute.state is DisputeState.AWAITING_RESPONSE
    return Due(dispute.due_at, True) if dispute and is_asked and dispute.due_at else None


def _release(rewards: Sequence[Reward]) -> Due | None:
    waiting = [one.release_at for one in rewards if one.state is RewardState.PENDING]
    return Due(min(waiting)) if waiting else None
