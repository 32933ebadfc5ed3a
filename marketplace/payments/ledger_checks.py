"""What must hold in the ledger, each as a query that finds what breaks it. The database refuses most; this looks."""
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Select, bindparam, case, collate, func, or_, select

from marketplace.foundation.db import db
from marketplace.payments.models import (
    AccountKind,
    BalanceSnapshot,
    BusinessDebt,
    Chargeback,
    ChargebackMovement,
    FrozenPart,
    FrozenState,
    LedgerAccount,
    LedgerEntry,
    Payable,
    PayableState,
    Posting,
    Refund,
    RefundState,
    ReversalState,
    Transfer,
    TransferReversal,
    TransferState,
)

Found = Iterable[Sequence[Any]]
Read = Select[*tuple[Any, ...]]
SUM = func.sum(Posting.amount_minor)
AT_ONCE = 1_000  # Rows in memory, however many there are.
OF_ENTRY = (select(Posting.entry_id, SUM).join(LedgerAccount, LedgerAccount.id == Posting.account_id)
            .group_by(Posting.entry_id))
SEVERAL = func.min(LedgerAccount.currency) != func.max(LedgerAccount.currency)


def check_ledger() -> list[str]:
    """Named violations of what must hold (I1 to I6, I9, I13); an empty list is a sound ledger."""
    return [f"{name}: {' '.join(map(str, row))}" for name, row in find_broken()]


def find_broken() -> Iterator[tuple[str, Sequence[Any]]]:
    """The same as they are found, in constant memory: the database groups by its indexes, and rows stream."""
    db.session.flush()
    # Of small books each answer comes whole: streaming it takes four questions to the server instead of one.
    options = {"yield_per": AT_ONCE} if _read(select(LedgerEntry.id).limit(1).offset(AT_ONCE)).first() else {}
    looks, owned = _statements(db.engine.dialect.name)
    for name, broken in looks:
        for row in _read(broken, options):
            yield name, row
    of_several, of_one = _currencies_of_entries()
    for entry_id, _ in _read(of_several, options):
        for row in _read(of_one, options, entry_id=entry_id):
            yield "I1 entry does not sum to zero", row
    for name, held, said in owned:
        for row in _differing(_read(held, options), _read(said, options)):
            yield name, row


def _read(statement: Read, options: dict[str, int] | None = None, **given: str) -> Any:
    return db.session.connection().execute(statement, given, execution_options=options or {})


@cache
def _statements(dialect: str) -> tuple[list[tuple[str, Read]], list[tuple[str, Read, Read]]]:
    """Made once: to make them takes longer than to read small books."""
    return list(_looks()), list(_owners(dialect))


def _looks() -> Iterator[tuple[str, Read]]:
    yield "I1 entry does not sum to zero", OF_ENTRY.having(~SEVERAL, SUM != 0)
    yield "I2 entry has one posting", (
        select(Posting.entry_id, func.count()).group_by(Posting.entry_id).having(func.count() < 2))
    yield "I2 entry has no postings", (
        select(LedgerEntry.id, LedgerEntry.kind)
        .where(~select(Posting.entry_id).where(Posting.entry_id == LedgerEntry.id).exists()))
    yield "I4 posting without an entry", (
        select(Posting.entry_id, Posting.account_id)
        .where(~select(LedgerEntry.id).where(LedgerEntry.id == Posting.entry_id).exists()))
    yield "I5 gap in an account's chain", (
        select(Posting.account_id, func.count()).where(Posting.seq.is_not(None))
        .group_by(Posting.account_id)
        .having(or_(func.count() != func.max(Posting.seq), func.min(Posting.seq) != 1)))
    yield "I5 running balance is not the running sum", _wrong_links()
    yield "I6 account below its floor", (
        select(LedgerAccount.id, SUM).join(Posting, Posting.account_id == LedgerAccount.id)
        .where(LedgerAccount.floor_minor.is_not(None))
        .group_by(LedgerAccount.id).having(func.min(LedgerAccount.floor_minor) > SUM))
    yield "I9 currency does not sum to zero", (
        select(LedgerAccount.currency, SUM).join(Posting, Posting.account_id == LedgerAccount.id)
        .group_by(LedgerAccount.currency).having(SUM != 0))
    yield "I9 snapshot is not what its account held", _wrong_snapshots()
    yield "I13 chargeback is not the sum of its parts", _wrong_chargebacks()


@cache
def _currencies_of_entries() -> tuple[Read, Read]:
    """Entries of one currency, as all but a few are, need no second look at what each currency adds up to."""
    of_one = OF_ENTRY.where(Posting.entry_id == bindparam("entry_id"))
    return OF_ENTRY.having(SEVERAL), of_one.group_by(LedgerAccount.currency).having(SUM != 0)


def _wrong_snapshots() -> Read:
    held = select(SUM).where(Posting.account_id == BalanceSnapshot.subject_id,
                             Posting.entry_id <= BalanceSnapshot.through_entry_id).scalar_subquery()
    return select(BalanceSnapshot.subject_id, BalanceSnapshot.balance_minor).where(
        ~BalanceSnapshot.subject_id.contains(":"), func.coalesce(held, 0) != BalanceSnapshot.balance_minor)


def _wrong_links() -> Read:
    running = func.sum(Posting.amount_minor).over(partition_by=Posting.account_id, order_by=Posting.seq)
    chain = select(Posting.account_id, Posting.seq, Posting.balance_after_minor, running.label("running")).where(
        Posting.seq.is_not(None)).subquery()
    return select(chain.c.account_id, chain.c.seq).where(chain.c.running != chain.c.balance_after_minor)


def _owners(dialect: str) -> Iterator[tuple[str, Read, Read]]:
    """I13: what an owner's account holds, and what the owner's row says. Accounts that hold nothing are left out."""
    def sides(kind: AccountKind, rows: Read) -> tuple[Read, Read]:
        collation = "C" if dialect == "postgresql" else "BINARY"  # As Python sorts.
        held = (select(LedgerAccount.owner_id, SUM).join(Posting, Posting.account_id == LedgerAccount.id)
                .where(LedgerAccount.kind == kind).group_by(LedgerAccount.owner_id).having(SUM != 0)
                .order_by(collate(LedgerAccount.owner_id, collation)))
        return held, rows.order_by(collate(rows.selected_columns[0], collation))

    on_its_way = (TransferState.REQUESTED, TransferState.SENDING)
    yield "I13 transfer and its account", *sides(
        AccountKind.IN_TRANSIT,
        select(Transfer.id, Transfer.amount_minor).where(Transfer.state.in_(on_its_way)))
    yield "I13 refund and its account", *sides(
        AccountKind.REFUNDING,
        select(Refund.id, Refund.amount_minor).where(Refund.state.in_((RefundState.REQUESTED, RefundState.SENDING))))
    yield "I13 payable and its account", *sides(
        AccountKind.PAYABLE,
        select(Payable.id, Payable.amount_minor).where(Payable.state == PayableState.OWED, Payable.amount_minor > 0))
    yield "I13 chargeback and what is frozen", *sides(
        AccountKind.DISPUTED, select(Chargeback.id, Chargeback.frozen_minor).where(Chargeback.frozen_minor != 0))
    yield "I13 debt and what is owed", *sides(
        AccountKind.OWED_BY_BUSINESS,
        select(BusinessDebt.id, -BusinessDebt.owed_minor).where(BusinessDebt.owed_minor != 0))
    left = TransferReversal.amount_minor - TransferReversal.netted_minor
    owed_back = select(TransferReversal.id, left).where(
        TransferReversal.state.in_((ReversalState.OUTSTANDING, ReversalState.SENDING)),
        TransferReversal.failure_code.is_not(None))
    yield "I13 reversal and what is due", *sides(AccountKind.CLAWBACK_DUE, owed_back)
    yield "I13 reversal and what is receivable", *sides(
        AccountKind.RECEIVABLE, owed_back.with_only_columns(TransferReversal.id, -left))


def _wrong_chargebacks() -> Read:
    """Always: frozen - owed = parts in force - withdrawn + written off; and withdrawn is the sum of the movements.

    What Stripe gave back beyond what it took (withdrawn below zero) is in neither.
    """
    parts = select(func.coalesce(func.sum(FrozenPart.amount_minor), 0)).where(
        FrozenPart.chargeback_id == Chargeback.id,
        FrozenPart.state.in_((FrozenState.FROZEN, FrozenState.TAKEN))).scalar_subquery()
    moved = select(func.coalesce(func.sum(ChargebackMovement.amount_minor), 0)).where(
        ChargebackMovement.chargeback_id == Chargeback.id).scalar_subquery()
    rest = Chargeback.frozen_minor - func.coalesce(BusinessDebt.owed_minor, 0)
    withdrawn = case((Chargeback.withdrawn_minor > 0, Chargeback.withdrawn_minor), else_=0)
    right = parts - withdrawn + func.coalesce(BusinessDebt.written_off_minor, 0)
    return (select(Chargeback.id, rest, right).outerjoin(BusinessDebt, BusinessDebt.id == Chargeback.id)
            .where(or_(rest != right, Chargeback.withdrawn_minor != moved)))


def _differing(held: Found, said: Found) -> Found:
    """Two lists in the order of their owners, read side by side."""
    sides = merge(((owner, "held", int(minor)) for owner, minor in held),
                  ((owner, "said", int(minor)) for owner, minor in said), key=itemgetter(0))
    for owner, found in groupby(sides, key=itemgetter(0)):
        minor = {side: worth for _, side, worth in found}
        if minor.get("held", 0) != minor.get("said", 0):
            yield owner, minor.get("said", 0), minor.get("held", 0)
