"""What must hold in the ledger, each as a query that finds what breaks it. The database refuses most; this looks."""
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from marketplace.foundation.db import db
from marketplace.payments.models import (
    AccountKind,
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

Found = Sequence[Sequence[Any]]
SUM = func.sum(Posting.amount_minor)


def check_ledger() -> list[str]:
    """Named violations of what must hold (I1 to I6, I9, I13); an empty list is a sound ledger."""
    return [f"{name}: {' '.join(map(str, row))}" for name, rows in _broken(db.session()) for row in rows]


def _broken(session: Session) -> Iterator[tuple[str, Found]]:
    posted = select(Posting.entry_id, SUM).join(LedgerAccount, LedgerAccount.id == Posting.account_id)
    yield "I1 entry does not sum to zero", session.execute(
        posted.group_by(Posting.entry_id, LedgerAccount.currency).having(SUM != 0)).all()
    yield "I2 entry has one posting", session.execute(
        select(Posting.entry_id, func.count()).group_by(Posting.entry_id).having(func.count() < 2)).all()
    yield "I2 entry has no postings", session.execute(
        select(LedgerEntry.id, LedgerEntry.kind).where(LedgerEntry.id.not_in(select(Posting.entry_id)))).all()
    yield "I4 posting without an entry", session.execute(
        select(Posting.entry_id, Posting.account_id).where(Posting.entry_id.not_in(select(LedgerEntry.id)))).all()
    yield "I5 gap in an account's chain", session.execute(
        select(Posting.account_id, func.count()).where(Posting.seq.is_not(None))
        .group_by(Posting.account_id)
        .having(or_(func.count() != func.max(Posting.seq), func.min(Posting.seq) != 1))).all()
    yield "I5 running balance is not the running sum", session.execute(_wrong_links()).all()
    yield "I6 account below its floor", session.execute(
        select(LedgerAccount.id, SUM).join(Posting, Posting.account_id == LedgerAccount.id)
        .where(LedgerAccount.floor_minor.is_not(None))
        .group_by(LedgerAccount.id, LedgerAccount.floor_minor).having(LedgerAccount.floor_minor > SUM)).all()
    yield "I9 currency does not sum to zero", session.execute(
        select(LedgerAccount.currency, SUM).join(Posting, Posting.account_id == LedgerAccount.id)
        .group_by(LedgerAccount.currency).having(SUM != 0)).all()
    yield from _disagreements(session)


def _wrong_links() -> Select[str, int]:
    running = func.sum(Posting.amount_minor).over(partition_by=Posting.account_id, order_by=Posting.seq)
    chain = select(Posting.account_id, Posting.seq, Posting.balance_after_minor, running.label("running")).where(
        Posting.seq.is_not(None)).subquery()
    return select(chain.c.account_id, chain.c.seq).where(chain.c.running != chain.c.balance_after_minor)


def _disagreements(session: Session) -> Iterator[tuple[str, Found]]:
    """I13: what an owner's account holds is what the owner's row says."""
    on_its_way = (TransferState.REQUESTED, TransferState.SENDING)
    yield "I13 transfer and its account", _differing(
        session, AccountKind.IN_TRANSIT,
        select(Transfer.id, Transfer.amount_minor).where(Transfer.state.in_(on_its_way)))
    yield "I13 refund and its account", _differing(
        session, AccountKind.REFUNDING,
        select(Refund.id, Refund.amount_minor).where(Refund.state.in_((RefundState.REQUESTED, RefundState.SENDING))))
    yield "I13 payable and its account", _differing(
        session, AccountKind.PAYABLE,
        select(Payable.id, Payable.amount_minor).where(Payable.state == PayableState.OWED, Payable.amount_minor > 0))
    owed_back = select(TransferReversal.id, TransferReversal.amount_minor).where(
        TransferReversal.state != ReversalState.DONE, TransferReversal.failure_code.is_not(None))
    yield "I13 reversal and what is due", _differing(session, AccountKind.CLAWBACK_DUE, owed_back)
    yield "I13 reversal and what is receivable", _differing(
        session, AccountKind.RECEIVABLE,
        owed_back.with_only_columns(TransferReversal.id, -TransferReversal.amount_minor))


def _differing(session: Session, kind: AccountKind, rows: Select[str, int]) -> Found:
    held = {owner: int(minor) for owner, minor in session.execute(
        select(LedgerAccount.owner_id, SUM).join(Posting, Posting.account_id == LedgerAccount.id)
        .where(LedgerAccount.kind == kind).group_by(LedgerAccount.owner_id).having(SUM != 0))}
    said = {row_id: int(minor) for row_id, minor in session.execute(rows)}
    return [(owner, said.get(owner, 0), held.get(owner, 0))
            for owner in sorted(held.keys() | said.keys()) if held.get(owner) != said.get(owner)]
