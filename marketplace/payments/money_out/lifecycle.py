"""Every state of a batch, its lines and an admins' order, and the only functions that write them."""
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, select, update

from marketplace.foundation import audit, clock
from marketplace.foundation.audit_by_query import record_each
from marketplace.foundation.by_query import listed
from marketplace.foundation.db import db, rows_of
from marketplace.foundation.states import check_move
from marketplace.payments.models import (
    BatchLine,
    BatchState,
    LineState,
    MoneyOrder,
    OrderState,
    Payable,
    PayableState,
    TransferBatch,
)

B, L, M = BatchState, LineState, OrderState

BATCH_MOVES: Mapping[BatchState, frozenset[BatchState]] = {
    B.PREVIEWED: frozenset({B.APPROVED, B.DROPPED}),
    B.APPROVED: frozenset({B.RUNNING}),
    B.RUNNING: frozenset({B.DONE}),
    B.DONE: frozenset(),
    B.DROPPED: frozenset(),
}

ORDER_MOVES: Mapping[OrderState, frozenset[OrderState]] = {
    M.ASKED: frozenset({M.GRANTED, M.DECLINED}),
    M.GRANTED: frozenset(),
    M.DECLINED: frozenset(),
}


def move_batch(batch: TransferBatch, target: BatchState, *, by: str, **details: Any) -> None:
    check_move(BATCH_MOVES, batch.state, target)
    audit.record(f"batch.{target}", batch.id, by=by, was=batch.state, **details)
    batch.state = target
    if target in {B.APPROVED, B.DROPPED}:
        batch.decided_by, batch.decided_at = by, clock.now()
    elif target is B.DONE:
        batch.done_at = clock.now()


def move_order(order: MoneyOrder, target: OrderState, *, by: str) -> None:
    check_move(ORDER_MOVES, order.state, target)
    audit.record(f"order.{target}", order.id, by=by, was=order.state, subject=order.subject_id)
    order.state, order.decided_by, order.decided_at = target, by, clock.now()


def finish_lines(batch_id: str, transfers: Mapping[int, str], reasons: Mapping[int, str]) -> None:
    """planned -> requested or left_out, by number, in two statements. The batch's own audit rows tell of it."""
    lines = rows_of(BatchLine)
    one = (update(lines).where(lines.c.batch_id == batch_id, lines.c.number == bindparam("line"),
                               lines.c.state == L.PLANNED))
    if transfers:
        db.session.execute(one.values(state=L.REQUESTED, transfer_id=bindparam("transfer")),
                           [{"line": number, "transfer": transfer} for number, transfer in transfers.items()])
    if reasons:
        db.session.execute(one.values(state=L.LEFT_OUT, reason=bindparam("why")),
                           [{"line": number, "why": reason} for number, reason in reasons.items()])


def put_in_transfers(moved: Mapping[str, Sequence[str]], *, by: str) -> None:
    """owed -> in_transfer: payables by the transfer that takes them, in two statements. The caller has locked them."""
    payables, given = rows_of(Payable), listed(moved)
    done = db.session.connection().execute(
        update(payables).where(payables.c.id == given.c.key, payables.c.state == PayableState.OWED)
        .values(state=PayableState.IN_TRANSFER, transfer_id=given.c.value, version=payables.c.version + 1))
    if done.rowcount != (wanted := sum(map(len, moved.values()))):
        raise RuntimeError(f"{done.rowcount} payables of {wanted} were owed")
    record_each("payable.in_transfer", select(given.c.key),
                {"was": PayableState.OWED.value, "transfer": given.c.value}, by=by)


def keep_in_transfers(kept: Mapping[str, int]) -> None:
    """So much stays of each in its transfer: what was odd is owed by another payable."""
    payables = rows_of(Payable)
    if kept:
        db.session.execute(
            update(payables).where(payables.c.id == bindparam("payable")).values(amount_minor=bindparam("minor")),
            [{"payable": payable, "minor": minor} for payable, minor in kept.items()])
