"""Our rows beside our own ledger: what says it went but has no entry, has an entry but never went, or stands too long.

Reads alone, in one unchanging view of the database: a market that goes on meanwhile causes no finding.
"""
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select

from marketplace.foundation import clock
from marketplace.foundation.db import db
from marketplace.payments.books.findings import Finding
from marketplace.payments.ledger_checks import find_broken
from marketplace.payments.models import (
    Funding,
    FundingState,
    LedgerEntry,
    OpenItem,
    OpenItemKind,
    Refund,
    RefundState,
    ReversalState,
    StripeEvent,
    Transfer,
    TransferReversal,
    TransferState,
)
from marketplace.payments.money_out.stops import why_stopped

STALE_AFTER = timedelta(hours=24)  # Every job has been tried a dozen times by then.
UNHEARD_AFTER = timedelta(hours=1)
SENT = (TransferState.SENT, TransferState.PARTLY_REVERSED, TransferState.REVERSED)

K = OpenItemKind
# (row, the states in which money has moved, kind and reference of the entry that moved it)
MOVED: tuple[tuple[Any, tuple[Any, ...], str, str], ...] = (
    (Funding, (FundingState.PAID,), "funding", "paid"),
    (Refund, (RefundState.SENT, RefundState.SUCCEEDED), "refund_sent", "sent"),
    (Transfer, SENT, "transfer_sent", "sent"),
    (TransferReversal, (ReversalState.DONE,), "reversal_done", "done"),
)
UNDER_WAY: dict[Any, tuple[Any, ...]] = {
    Funding: (FundingState.REQUESTED, FundingState.OPEN),
    Refund: (RefundState.REQUESTED, RefundState.SENDING),
    Transfer: (TransferState.REQUESTED, TransferState.SENDING),
    TransferReversal: (ReversalState.SENDING,),
}
# A refund that came back keeps the entry of its going.
ALSO_WENT: dict[Any, tuple[Any, ...]] = {Refund: (RefundState.FAILED,)}


def find_in_rows() -> Iterator[Finding]:
    """Everything, one after the other; what is found is few, what is read may be millions."""
    hold_still()
    now = clock.now()
    for model, states, kind, what in MOVED:
        yield from _rows_without_posting(model, states, what)
        yield from _postings_without_row(model, (*states, *ALSO_WENT.get(model, ())), kind, what)
    yield from _stale(now)
    yield from _unheard(now)
    for name, row in find_broken():
        yield Finding(_kind_of(name), str(row[0]), f"{name}: {' '.join(map(str, row))}")


def hold_still() -> None:
    """From here on, until the transaction ends, PostgreSQL shows one moment. (SQLite always does.)"""
    if db.engine.dialect.name == "postgresql":
        db.session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


def _kind_of(name: str) -> OpenItemKind:
    return {"I6": K.BELOW_FLOOR, "I13": K.ACCOUNT_DIFFERS}.get(name.partition(" ")[0], K.LEDGER_UNSOUND)


def _rows_without_posting(model: Any, states: tuple[Any, ...], what: str) -> Iterator[Finding]:
    # A payment that matched nothing, and that an admin gave to its bounty after all, was not posted as paid.
    entry = select(LedgerEntry.id).where(
        LedgerEntry.reference.in_([model.id + f":{what}", model.id + ":assigned"])).exists()
    for row_id, state in _read(select(model.id, model.state).where(model.state.in_(states), ~entry)):
        yield Finding(K.ROW_WITHOUT_POSTING, row_id, f"{row_id} is {state}, and the ledger has no {row_id}:{what}.")


def _postings_without_row(model: Any, states: tuple[Any, ...], kind: str, what: str) -> Iterator[Finding]:
    named: ColumnElement[str] = func.replace(LedgerEntry.reference, f":{what}", "")
    row = select(model.id).where(model.id == named, model.state.in_(states)).exists()
    entries = select(LedgerEntry.id, LedgerEntry.reference).where(
        LedgerEntry.kind == kind, LedgerEntry.reference.endswith(f":{what}"), ~row)
    for entry_id, reference in _read(entries):
        yield Finding(K.POSTING_WITHOUT_ROW, entry_id, f"The ledger has {reference}, and no row says that it happened.")


def _stale(now: datetime) -> Iterator[Finding]:
    """On their way for longer than anything takes; once named, until they have moved on: no new try makes them young.

    What a stop holds back is late with a reason.
    """
    held_back = why_stopped(None) is not None
    waiting: tuple[tuple[OpenItemKind, Any, tuple[Any, ...]], ...] = (
        (K.FUNDING_STALE, Funding, UNDER_WAY[Funding]),
        (K.REFUND_STALE, Refund, UNDER_WAY[Refund]),
        (K.TRANSFER_STALE, Transfer, (TransferState.SENDING,) if held_back else UNDER_WAY[Transfer]),
        (K.REVERSAL_STALE, TransferReversal, UNDER_WAY[TransferReversal]),
    )
    for kind, model, states in waiting:
        is_late = model.state.in_(states) & (_began(model) < now - STALE_AFTER)
        is_named = model.state.in_(UNDER_WAY[model]) & select(OpenItem.id).where(
            OpenItem.kind == kind, OpenItem.subject_id == model.id, OpenItem.resolved_at.is_(None)).exists()
        for row_id, state in _read(select(model.id, model.state).where(is_late | is_named)):
            yield Finding(kind, row_id, f"{row_id} is {state} for more than a day.")


def _began(model: Any) -> ColumnElement[datetime]:
    """These two go out as soon as they are made. A reversal or a top-up may wait with a reason, and begin again."""
    return model.created_at if model in {Transfer, Refund} else func.coalesce(model.first_sent_at, model.created_at)


def _unheard(now: datetime) -> Iterator[Finding]:
    for event_id, kind in _read(select(StripeEvent.id, StripeEvent.type).where(
            StripeEvent.handled_at.is_(None), StripeEvent.created_at < now - UNHEARD_AFTER)):
        yield Finding(K.EVENT_UNHANDLED, event_id, f"Stripe told of {kind}, and nothing came of it: its job is stuck.")


def _read(statement: Any) -> Any:
    return db.session.execute(statement.execution_options(yield_per=1000))
