"""What a person was sent in a year, what was taken back, and what is left: from the ledger, to the cent.

Days are those of the ledger's entries, in UTC. Nothing here is about tax numbers: Stripe asks for those where it must.
"""
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Select, func, select

from marketplace.foundation import clock
from marketplace.foundation.db import db
from marketplace.foundation.money import Money, zero
from marketplace.identity.models import Business
from marketplace.payments.models import (
    AccountKind,
    LedgerAccount,
    LedgerEntry,
    Posting,
    Transfer,
    TransferReversal,
)

SENT, TAKEN_BACK = "transfer_sent", "reversal_done"  # Kinds of entries through which money left us, and came back.


@dataclass(frozen=True)
class Sums:
    """``taken_back`` is told as a positive amount."""

    gross: Money
    taken_back: Money

    @property
    def net(self) -> Money:
        return self.gross - self.taken_back


@dataclass(frozen=True)
class MonthLine(Sums):
    month: int


@dataclass(frozen=True)
class BusinessPart(Sums):
    business_id: str
    name: str
    months: Sequence[MonthLine]


@dataclass(frozen=True)
class CurrencyPart(Sums):
    currency: str
    businesses: Sequence[BusinessPart]


@dataclass(frozen=True)
class YearStatement:
    user_id: str
    year: int
    currencies: Sequence[CurrencyPart]

    @property
    def is_running(self) -> bool:
        """Whether the year is not over, so that more may come."""
        return self.year >= clock.now().year


@dataclass(frozen=True)
class Moved:
    """One entry: what left us for this person (above zero), or came back."""

    at: datetime
    business_id: str
    amount: Money


def years_of(user_id: str) -> list[int]:
    """From the year of the first transfer to this one, newest first; this year alone where nothing was sent."""
    first = db.session.scalar(select(func.min(Transfer.sent_at)).where(Transfer.payee_id == user_id))
    this = clock.now().year
    return list(range(this, (first.year if first else this) - 1, -1))


def statement_of(user_id: str, year: int) -> YearStatement:
    moved = list(_moved(user_id, year))
    asked = select(Business.id, Business.name).where(Business.id.in_({one.business_id for one in moved}))
    names = dict(iter(db.session.execute(asked)))
    parts = []
    for currency in sorted({one.amount.currency for one in moved}):
        same = [one for one in moved if one.amount.currency == currency]
        by_business = {one.business_id: [other for other in same if other.business_id == one.business_id]
                       for one in same}
        businesses = [_business_part(business_id, names[business_id], currency, ones)
                      for business_id, ones in by_business.items()]
        businesses.sort(key=lambda part: (part.name.casefold(), part.business_id))
        parts.append(CurrencyPart(**_sums(same, currency), currency=currency, businesses=businesses))
    return YearStatement(user_id, year, parts)


def _business_part(business_id: str, name: str, currency: str, moved: Sequence[Moved]) -> BusinessPart:
    months = [MonthLine(**_sums([one for one in moved if one.at.month == month], currency), month=month)
              for month in sorted({one.at.month for one in moved})]
    return BusinessPart(**_sums(moved, currency), business_id=business_id, name=name, months=months)


def _sums(moved: Iterable[Moved], currency: str) -> dict[str, Money]:
    amounts = [one.amount for one in moved]
    return {"gross": sum((amount for amount in amounts if amount.minor > 0), zero(currency)),
            "taken_back": -sum((amount for amount in amounts if amount.minor < 0), zero(currency))}


def _moved(user_id: str, year: int) -> Iterable[Moved]:
    """Postings of what Stripe holds for us: less there is more with the person."""
    sent = select(Transfer.business_id, LedgerEntry.created_at, Posting.amount_minor, LedgerAccount.currency).join(
        LedgerEntry, LedgerEntry.reference == Transfer.id + ":sent")
    back = select(Transfer.business_id, LedgerEntry.created_at, Posting.amount_minor, LedgerAccount.currency).join(
        TransferReversal, TransferReversal.transfer_id == Transfer.id).join(
        LedgerEntry, LedgerEntry.reference == TransferReversal.id + ":done")
    for found, kind in ((sent, SENT), (back, TAKEN_BACK)):
        for business_id, at, minor, currency in db.session.execute(_of_year(found, kind, user_id, year)):
            yield Moved(at, business_id, Money(int(minor), currency))


def _of_year(
    found: Select[str, datetime, int, str], kind: str, user_id: str, year: int
) -> Select[str, datetime, int, str]:
    return found.join(Posting, Posting.entry_id == LedgerEntry.id).join(
        LedgerAccount, LedgerAccount.id == Posting.account_id).where(
        Transfer.payee_id == user_id, LedgerEntry.kind == kind, LedgerAccount.kind == AccountKind.CLEARING,
        LedgerEntry.created_at >= datetime(year, 1, 1, tzinfo=UTC),
        LedgerEntry.created_at < datetime(year + 1, 1, 1, tzinfo=UTC)).order_by(LedgerEntry.created_at)
