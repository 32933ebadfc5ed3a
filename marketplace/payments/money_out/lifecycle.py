"""Every state of a batch, its lines and an admins' order, and the only functions that write them."""
from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Table, bindparam, update

from marketplace.foundation import audit, clock
from marketplace.foundation.db import db
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

LINE_MOVES: Mapping[LineState, frozenset[LineState]] = {
    L.PLANNED: frozenset({L.REQUESTED, L.LEFT_OUT}),
    L.REQUESTED: frozenset(),
    L.LEFT_OUT: frozenset(),
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
    lines = cast("Table", BatchLine.__table__)
    one = (update(lines).where(lines.c.batch_id == batch_id, lines.c.number == bindparam("line"),
                               lines.c.state == L.PLANNED))
    if transfers:
        db.session.execute(one.values(state=L.REQUESTED, transfer_id=bindparam("transfer")),
                           [{"line": number, "transfer": transfer} for number, transfer in transfers.items()])
    if reasons:
        db.session.execute(one.values(state=L.LEFT_OUT, reason=bindparam("why")),
                           [{"line": number, "why": reason} for number, reason in reasons.items()])


def put_in_transfers(moved: Sequence[tuple[str, str, int]], *, by: str) -> None:
    """owed -> in_transfer: (payable, transfer, what stays of the amount). The caller holds their locks."""
    payables = cast("Table", Payable.__table__)
    db.session.execute(
        update(payables).where(payables.c.id == bindparam("payable"), payables.c.state == PayableState.OWED)
        .values(state=PayableState.IN_TRANSFER, transfer_id=bindparam("transfer"), amount_minor=bindparam("minor"),
                version=payables.c.version + 1),
        [{"payable": payable, "transfer": transfer, "minor": minor} for payable, transfer, minor in moved])
    for payable, transfer, _ in moved:
        audit.record("payable.in_transfer", payable, by=by, was=PayableState.OWED, transfer=transfer)
