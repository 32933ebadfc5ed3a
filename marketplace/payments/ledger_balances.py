"""What accounts hold. With a floor the last posting tells it; without, a snapshot and the postings that came after it.

Platform-wide accounts (clearing, fees) carry no running balance, or every posting would wait for every other. Their
balances cost a look-up and a short sum instead, however long the ledger is.
"""
from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import BindParameter, Text, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite

from marketplace.foundation import clock
from marketplace.foundation.db import db, facts
from marketplace.foundation.ids import first_id
from marketplace.foundation.money import Money, zero
from marketplace.payments.models import (
    MAY_GO_BELOW_ZERO,
    Account,
    AccountKind,
    BalanceSnapshot,
    LedgerAccount,
    LedgerEntry,
    Posting,
)

# Entries sort by their ids, which are made before they are committed, on machines whose clocks differ a little. A
# snapshot ends this long ago, when nothing older can still appear.
SETTLED_AFTER = timedelta(hours=1)

_last = select(Posting.seq, Posting.balance_after_minor).order_by(Posting.seq.desc()).limit(1)
LAST_LINK = _last.where(Posting.account_id == bindparam("account_id"))
HELD_BY = select(
    LedgerAccount.id, LedgerAccount.floor_minor,
    _last.with_only_columns(Posting.balance_after_minor).where(Posting.account_id == LedgerAccount.id)
    .correlate(LedgerAccount).scalar_subquery().label("balance")).where(
        LedgerAccount.kind == bindparam("kind"), LedgerAccount.owner_id == bindparam("owner_id"),
        LedgerAccount.currency == bindparam("currency"))
_id: BindParameter[str] = bindparam("account_id", type_=Text)
_snapshot = BalanceSnapshot.subject_id == _id
_through = select(BalanceSnapshot.through_entry_id).where(_snapshot).scalar_subquery()
SNAPSHOT_AND_TAIL = select(
    func.coalesce(select(BalanceSnapshot.balance_minor).where(_snapshot).scalar_subquery(), 0)
    + func.coalesce(
        select(func.sum(Posting.amount_minor))
        .where(Posting.account_id == _id, Posting.entry_id > func.coalesce(_through, "")).scalar_subquery(), 0))


def take_snapshots() -> None:
    """Job, daily: what each kind of account, and each without a floor, held an hour ago, added up from the first entry.

    Never continued from the snapshot before: one that was wrong is right the next day.
    """
    settled = LedgerEntry.id < first_id("entry", clock.now() - SETTLED_AFTER)
    through = db.session.scalar(select(LedgerEntry.id).where(settled).order_by(LedgerEntry.id.desc()).limit(1))
    if through is None:
        return
    by_kind = _sums(until=through)
    rows = {_of_kind(kind, currency): minor for kind, currency, minor in by_kind}
    endless = db.session.execute(
        select(LedgerAccount.id, func.sum(Posting.amount_minor))
        .join(Posting, Posting.account_id == LedgerAccount.id)
        .where(LedgerAccount.floor_minor.is_(None), Posting.entry_id <= through).group_by(LedgerAccount.id))
    rows |= {account_id: int(minor) for account_id, minor in endless}
    plain = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
    now = clock.now()
    made = plain(BalanceSnapshot)
    db.session.execute(
        made.on_conflict_do_update(index_elements=["subject_id"], set_={
            name: made.excluded[name] for name in ("balance_minor", "through_entry_id", "taken_at")}),
        [{"subject_id": subject, "balance_minor": minor, "through_entry_id": through, "taken_at": now,
          "created_at": now} for subject, minor in rows.items()])


def count_postings(of: Account) -> int:
    """How often money moved in or out of an account with a floor: numbers movements that may come again."""
    return _last_link(of.id)[0]


def balance(of: Account | LedgerAccount) -> Money:
    """Above zero: we owe it. Below: it is ours, or kept for us."""
    return Money(_endless(of.id) if of.floor_minor is None else _last_link(of.id)[1], of.currency)


def find_balance(kind: AccountKind, owner_id: str, currency: str) -> Money:
    """Zero where there is no such account yet; makes none."""
    found = facts(HELD_BY, {"kind": kind, "owner_id": owner_id, "currency": currency}).first()
    if found is None:
        return zero(currency)
    return Money(_endless(found.id) if found.floor_minor is None else found.balance or 0, currency)


def balances(kind: AccountKind, owner_ids: Iterable[str]) -> dict[str, Money]:
    """Owners with money of this kind, in one query. An owner has one currency; nothing is added across two."""
    holds = (select(func.sum(Posting.amount_minor)).where(Posting.account_id == LedgerAccount.id).scalar_subquery()
             if kind in MAY_GO_BELOW_ZERO else
             select(Posting.balance_after_minor).where(Posting.account_id == LedgerAccount.id)
             .order_by(Posting.seq.desc()).limit(1).scalar_subquery())
    found = db.session.execute(
        select(LedgerAccount.owner_id, LedgerAccount.currency, holds)
        .where(LedgerAccount.kind == kind, LedgerAccount.owner_id.in_(list(owner_ids))))
    return {owner_id: Money(int(minor), currency) for owner_id, currency, minor in found if minor}


def trial_balance() -> list[tuple[AccountKind, str, int]]:
    """(kind, currency, minor) of everything; adds up to nothing per currency. ``check_ledger`` adds it all up anew."""
    snapshots = db.session.scalars(select(BalanceSnapshot).where(BalanceSnapshot.subject_id.contains(":"))).all()
    sums = {_kind_of(one.subject_id): one.balance_minor for one in snapshots}
    # All were taken in one go, so that one mark is right for all.
    for kind, currency, minor in _sums(since=snapshots[0].through_entry_id if snapshots else None):
        sums[currency, kind] = sums.get((currency, kind), 0) + minor
    return [(kind, currency, minor) for (currency, kind), minor in sorted(sums.items())]


def _sums(*, since: str | None = None, until: str | None = None) -> list[tuple[AccountKind, str, int]]:
    wanted = (select(LedgerAccount.kind, LedgerAccount.currency, func.sum(Posting.amount_minor))
              .join(Posting, Posting.account_id == LedgerAccount.id)
              .group_by(LedgerAccount.kind, LedgerAccount.currency))
    if since is not None:
        wanted = wanted.where(Posting.entry_id > since)
    if until is not None:
        wanted = wanted.where(Posting.entry_id <= until)
    return [(kind, currency, int(minor)) for kind, currency, minor in db.session.execute(wanted)]


def _of_kind(kind: AccountKind, currency: str) -> str:
    return f"{kind}:{currency}"


def _kind_of(subject_id: str) -> tuple[str, AccountKind]:
    kind, _, currency = subject_id.partition(":")
    return currency, AccountKind(kind)


def _last_link(account_id: str) -> tuple[int, int]:
    last = facts(LAST_LINK, {"account_id": account_id}).first()
    return (last.seq, last.balance_after_minor) if last else (0, 0)


def _endless(account_id: str) -> int:
    return int(facts(SNAPSHOT_AND_TAIL, {"account_id": account_id}).scalar() or 0)
