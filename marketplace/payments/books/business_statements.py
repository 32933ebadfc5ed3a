"""A business's month in one currency: what it paid in, spent and got back, line by line from the ledger, to the cent.

Its balance is what we keep for it: free funds, what is reserved for leads, and rewards in their return period. An entry
within these moves nothing; every other one is told by where the money came from or went to, so opening balance and
lines always add up to the closing balance. Months are counted in UTC.
"""
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum

from sqlalchemy import CTE, ColumnElement, Select, func, select, union
from sqlalchemy.orm import aliased

from marketplace.foundation import clock
from marketplace.foundation.db import db
from marketplace.foundation.errors import NotFound
from marketplace.foundation.money import Money, zero
from marketplace.payments.models import AccountKind, Funding, FundingState, LedgerAccount, LedgerEntry, Posting

K = AccountKind
KEPT = (K.FUNDS, K.RESERVED, K.HELD)


class Part(StrEnum):
    """What a line is about, in the order of the summary."""

    FUNDED = "funded"
    REWARDS = "rewards"
    FEES = "fees"
    TAKEN_BACK = "taken_back"
    REFUNDS = "refunds"
    CHARGEBACKS = "chargebacks"
    OTHER = "other"


BY_ENTRY = {"funding": Part.FUNDED, "unmatched_assigned": Part.FUNDED, "refund": Part.REFUNDS,
            "reversal": Part.TAKEN_BACK, "written_off": Part.TAKEN_BACK}
BY_OTHER_SIDE = {K.PLATFORM_FEES: Part.FEES, K.DISPUTED: Part.CHARGEBACKS, K.OWED_BY_BUSINESS: Part.CHARGEBACKS,
                 K.LOSSES: Part.CHARGEBACKS}
WITH_REFERRERS = frozenset({K.PAYABLE, K.IN_TRANSIT})
# A referrer's debt and its mirror end in one entry, beside what the business gets for it: that would tell it twice.
OF_A_DEBT = (K.RECEIVABLE, K.CLAWBACK_DUE)


@dataclass(frozen=True)
class Line:
    """``amount`` above zero came in, below went out. ``about`` is the id of what it was for."""

    at: datetime
    part: Part
    amount: Money
    about: str
    entry_id: str


@dataclass(frozen=True)
class BusinessStatement:
    business_id: str
    currency: str
    month: date
    opening: Money
    closing: Money
    kept: dict[AccountKind, Money]  # What the closing balance is made of.
    lines: Sequence[Line]

    def total(self, part: Part) -> Money:
        return Money(sum(line.amount.minor for line in self.lines if line.part is part), self.currency)

    @property
    def parts(self) -> list[tuple[Part, Money]]:
        """Those that something happened in."""
        there = {line.part for line in self.lines}
        return [(part, self.total(part)) for part in Part if part in there]

    @property
    def is_running(self) -> bool:
        return clock.now() < _next_month(_begins(self.month))


def months_of(business_id: str) -> list[tuple[str, list[date]]]:
    """(currency, months newest first) since the first payment in each currency."""
    first = db.session.execute(
        select(Funding.currency, func.min(Funding.paid_at))
        .where(Funding.business_id == business_id, Funding.state == FundingState.PAID)
        .group_by(Funding.currency).order_by(Funding.currency))
    return [(currency, _months_since(since)) for currency, since in first if since]


def _months_since(since: datetime) -> list[date]:
    month, months = since.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0), []
    while month <= clock.now():
        months.append(month.date())
        month = _next_month(month)
    return months[::-1]


def read_statement(business_id: str, currency: str, month: date) -> BusinessStatement:
    """NotFound for a currency or month without statement: before the first payment, or to come."""
    if month not in dict(months_of(business_id)).get(currency, []):
        raise NotFound("There is no statement of that month.", next_step="Choose one from the list.")
    begin = _begins(month)
    end = min(_next_month(begin), clock.now())
    own = _own_accounts(business_id, currency)
    kept = _kept_before(own, end, currency)
    return BusinessStatement(
        business_id, currency, month, opening=_sum(_kept_before(own, begin, currency), currency),
        closing=_sum(kept, currency), kept=kept, lines=_lines(own, begin, end, currency))


def _begins(month: date) -> datetime:
    return datetime(month.year, month.month, 1, tzinfo=UTC)


def _next_month(begin: datetime) -> datetime:
    return begin.replace(year=begin.year + begin.month // 12, month=begin.month % 12 + 1)


def _own_accounts(business_id: str, currency: str) -> CTE:
    """Reservations belong to leads, held rewards to rewards: they are found by the entries that filled them."""
    purposes = select(Funding.purpose_id).where(Funding.business_id == business_id)
    funds = select(LedgerAccount.id).where(
        LedgerAccount.kind == K.FUNDS, LedgerAccount.currency == currency, LedgerAccount.owner_id.in_(purposes))
    reserved = _filled_from(funds, K.RESERVED, K.HELD)
    held = _filled_from(reserved, K.HELD)
    return union(funds, reserved, held).cte("own")


def _filled_from(accounts: Select[str], *kinds: AccountKind) -> Select[str]:
    taken, given = aliased(Posting), aliased(Posting)
    return (select(LedgerAccount.id).distinct()
            .join(given, given.account_id == LedgerAccount.id).join(taken, taken.entry_id == given.entry_id)
            .where(taken.account_id.in_(accounts), LedgerAccount.kind.in_(kinds)))


def _kept_before(own: CTE, end: datetime, currency: str) -> dict[AccountKind, Money]:
    found = db.session.execute(
        select(LedgerAccount.kind, func.sum(Posting.amount_minor))
        .join(Posting, Posting.account_id == LedgerAccount.id).join(LedgerEntry, LedgerEntry.id == Posting.entry_id)
        .where(LedgerAccount.id.in_(select(own.c.id)), LedgerEntry.created_at < end).group_by(LedgerAccount.kind))
    sums = {kind: int(minor) for kind, minor in found}
    return {kind: Money(sums.get(kind, 0), currency) for kind in KEPT}


def _sum(kept: dict[AccountKind, Money], currency: str) -> Money:
    total = zero(currency)
    for amount in kept.values():
        total += amount
    return total


def _lines(own: CTE, begin: datetime, end: datetime, currency: str) -> list[Line]:
    is_own: ColumnElement[bool] = Posting.account_id.in_(select(own.c.id))
    touched = select(Posting.entry_id).join(LedgerEntry, LedgerEntry.id == Posting.entry_id).where(
        is_own, LedgerEntry.created_at >= begin, LedgerEntry.created_at < end)
    found = db.session.execute(
        select(LedgerEntry.id, LedgerEntry.kind, LedgerEntry.reference, LedgerEntry.created_at,
               LedgerAccount.kind.label("account"), func.sum(Posting.amount_minor).label("minor"))
        .join(Posting, Posting.entry_id == LedgerEntry.id).join(LedgerAccount, LedgerAccount.id == Posting.account_id)
        .where(LedgerEntry.id.in_(touched), ~is_own, LedgerAccount.kind.not_in(OF_A_DEBT))
        .group_by(LedgerEntry.id, LedgerEntry.kind, LedgerEntry.reference, LedgerEntry.created_at, LedgerAccount.kind)
        .order_by(LedgerEntry.created_at, LedgerEntry.id, LedgerAccount.kind))
    return [Line(row.created_at, part_of(row.kind, row.account, came_in=row.minor < 0),
                 Money(-int(row.minor), currency), row.reference.partition(":")[0], row.id)
            for row in found if row.minor]


def part_of(entry_kind: str, other_side: AccountKind, *, came_in: bool) -> Part:
    """By the entry's kind where that says it, else by where the money came from or went to."""
    said = next((part for begins, part in BY_ENTRY.items() if entry_kind.startswith(begins)), None)
    if said is None and other_side in WITH_REFERRERS:
        return Part.TAKEN_BACK if came_in else Part.REWARDS
    return said or BY_OTHER_SIDE.get(other_side, Part.OTHER)
