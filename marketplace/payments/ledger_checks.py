"""What must hold in the ledger, each as a query that finds what breaks it. The database refuses most; this looks."""
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    bindparam,
    case,
    collate,
    func,
    literal_column,
    or_,
    select,
    type_coerce,
    union_all,
)
from sqlalchemy.orm import InstrumentedAttribute

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
Column = ColumnElement[Any] | InstrumentedAttribute[Any]
SUM = func.sum(Posting.amount_minor)
AT_ONCE = 1_000  # Rows in memory, however many there are.
OF_ENTRY = (select(Posting.entry_id, SUM).join(LedgerAccount, LedgerAccount.id == Posting.account_id)
            .group_by(Posting.entry_id))
NAMES: dict[str, str] = {
    AccountKind.IN_TRANSIT: "I13 transfer and its account",
    AccountKind.REFUNDING: "I13 refund and its account",
    AccountKind.PAYABLE: "I13 payable and its account",
    AccountKind.DISPUTED: "I13 chargeback and what is frozen",
    AccountKind.OWED_BY_BUSINESS: "I13 debt and what is owed",
    AccountKind.CLAWBACK_DUE: "I13 reversal and what is due",
    AccountKind.RECEIVABLE: "I13 reversal and what is receivable",
}
SEVERAL = func.min(LedgerAccount.currency) != func.max(LedgerAccount.currency)


def check_ledger() -> list[str]:
    """Named violations of what must hold (I1 to I6, I9, I13); an empty list is a sound ledger."""
    return [f"{name}: {' '.join(map(str, row))}" for name, row in find_broken()]


def find_broken() -> Iterator[tuple[str, Sequence[Any]]]:
    """The same as they are found, in constant memory: the database groups by its indexes, and rows stream."""
    db.session.flush()
    # Of small books each answer comes whole: streaming it takes four questions to the server instead of one.
    options = {"yield_per": AT_ONCE} if _read(select(LedgerEntry.id).limit(1).offset(AT_ONCE)).first() else {}
    looks, held, said = _statements(db.engine.dialect.name)
    for name, broken in looks:
        for row in _read(broken, options):
            yield name, row
    of_several, of_one = _currencies_of_entries()
    for entry_id, _ in _read(of_several, options):
        for row in _read(of_one, options, entry_id=entry_id):
            yield "I1 entry does not sum to zero", row
    yield from _differing(_read(held, options), _read(said, options))


def _read(statement: Read, options: dict[str, int] | None = None, **given: str) -> Any:
    return db.session.connection().execute(statement, given, execution_options=options or {})


@cache
def _statements(dialect: str) -> tuple[list[tuple[str, Read]], Read, Read]:
    """Made once: to make them takes longer than to read small books."""
    return list(_looks()), *_owners("C" if dialect == "postgresql" else "BINARY")  # As Python sorts.


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


def _owners(collation: str) -> tuple[Read, Read]:
    """I13: what the owners' accounts hold, and what the owners' rows say. Accounts that hold nothing are left out."""
    kind = type_coerce(LedgerAccount.kind, Text)
    held = (select(kind, LedgerAccount.owner_id, SUM).join(Posting, Posting.account_id == LedgerAccount.id)
            .where(LedgerAccount.kind.in_(NAMES)).group_by(LedgerAccount.kind, LedgerAccount.owner_id).having(SUM != 0)
            .order_by(collate(kind, collation), collate(LedgerAccount.owner_id, collation)))
    said = union_all(*_rows_of_owners()).subquery()
    return held, select(said).order_by(*(collate(one, collation) for one in said.c[:2]))


def _rows_of_owners() -> Iterator[Read]:
    def rows(kind: AccountKind, owner: Column, minor: Column, *where: ColumnElement[bool]) -> Read:
        return select(literal_column(f"'{kind}'", Text).label("kind"), owner.label("owner"), minor).where(*where)

    on_its_way = Transfer.state.in_((TransferState.REQUESTED, TransferState.SENDING))
    yield rows(AccountKind.IN_TRANSIT, Transfer.id, Transfer.amount_minor, on_its_way)
    going_back = Refund.state.in_((RefundState.REQUESTED, RefundState.SENDING))
    yield rows(AccountKind.REFUNDING, Refund.id, Refund.amount_minor, going_back)
    owed = Payable.state == PayableState.OWED
    yield rows(AccountKind.PAYABLE, Payable.id, Payable.amount_minor, owed, Payable.amount_minor > 0)
    frozen = Chargeback.frozen_minor
    yield rows(AccountKind.DISPUTED, Chargeback.id, frozen, frozen != 0)
    yield rows(AccountKind.OWED_BY_BUSINESS, BusinessDebt.id, -BusinessDebt.owed_minor, BusinessDebt.owed_minor != 0)
    left = TransferReversal.amount_minor - TransferReversal.netted_minor
    due = (TransferReversal.state.in_((ReversalState.OUTSTANDING, ReversalState.SENDING)),
           TransferReversal.failure_code.is_not(None))
    yield rows(AccountKind.CLAWBACK_DUE, TransferReversal.id, left, *due)
    yield rows(AccountKind.RECEIVABLE, TransferReversal.id, -left, *due)


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


def _differing(held: Found, said: Found) -> Iterator[tuple[str, Sequence[Any]]]:
    """Two lists in the order of their kinds and owners, read side by side."""
    sides = merge(((kind, owner, "held", int(minor)) for kind, owner, minor in held),
                  ((kind, owner, "said", int(minor)) for kind, owner, minor in said), key=itemgetter(0, 1))
    for (kind, owner), found in groupby(sides, key=itemgetter(0, 1)):
        minor = {side: worth for *_, side, worth in found}
        if minor.get("held", 0) != minor.get("said", 0):
            yield NAMES[kind], (owner, minor.get("said", 0), minor.get("held", 0))
