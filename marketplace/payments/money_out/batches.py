"""What is owed goes out together: counted and shown, approved, and then requested some payees at a time.

    plan      one INSERT .. SELECT of lines: who would get what, who is left out, and why
    approve   by the clock within the limits, else by an admin who did not ask for it
    run       a hundred lines a transaction, each with its tick; killed anywhere, the next worker goes on

A line's amount is the most that its transfer may take: nobody gets more than was seen and approved.
"""
from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy import func, insert, literal, select

from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, require
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import Money
from marketplace.foundation.outbox import OutboxMessage
from marketplace.identity.models import User
from marketplace.payments.models import BatchLine, BatchState, LineState, TransferBatch
from marketplace.payments.money_out import netting
from marketplace.payments.money_out.approvals import require_decider, takes_two
from marketplace.payments.money_out.counting import would_go
from marketplace.payments.money_out.lifecycle import finish_lines, move_batch
from marketplace.payments.money_out.requests import (
    Group,
    Key,
    lock_owed,
    must_wait,
    of_lines,
    ready_destinations,
    request_groups,
    sent_since,
    why_not,
)

AT_A_TIME = 100  # Payees a transaction.
LOOK_AGAIN = timedelta(seconds=5)
PERIODS = {"nightly": timedelta(days=1), "hourly": timedelta(hours=1), "at_once": timedelta(hours=1)}


class NothingToSend(Conflict):
    code = "nothing_to_send"


class BatchUnderWay(Conflict):
    code = "batch_under_way"


def next_batch_at() -> datetime:
    """When the clock begins the next one."""
    now, every = clock.now(), PERIODS[current_app.extensions["settings"].transfer_batches]
    return now + every - timedelta(seconds=now.timestamp() % every.total_seconds())


def begin_batch() -> None:
    """Job of the rota: this night's (or hour's) batch, once. Within the limits it runs; above them admins are asked."""
    slot = next_batch_at().isoformat(timespec="minutes")
    if _is_under_way() or db.session.scalar(select(TransferBatch.id).filter_by(slot=slot)):
        return
    batch = _plan(by=audit.SYSTEM, slot=slot)
    if batch is None:
        return
    if takes_two(totals_of(batch)):
        outbox.promise("send_letter", letter="batch_waits", batch_id=batch.id)
    else:
        _approve(batch, by=audit.SYSTEM)


def plan_batch(*, by: User) -> TransferBatch:
    """Count what would go now, to be looked at before it goes. NothingToSend or BatchUnderWay (409)."""
    require(by.is_admin, "send transfers")
    if _is_under_way():
        raise BatchUnderWay("A batch is on its way already.",
                            next_step="It stands under “Latest batches”. Prepare another once it is done.")
    batch = _plan(by=by.id, slot=None)
    if batch is None:
        raise NothingToSend("Nothing is owed that could be sent now.",
                            next_step="“Owed now” says what waits, and for what; it goes with a later batch.")
    return batch


def approve_batch(batch: TransferBatch, *, by: User) -> None:
    """previewed -> approved: it begins. SecondAdminNeeded (403) above the limit for the admin who asked for it."""
    require_decider(by, asked_by=batch.asked_by, amounts=totals_of(batch), action="send transfers")
    _approve(batch, by=by.id)


def drop_batch(batch: TransferBatch, *, by: User) -> None:
    """previewed -> dropped: nothing of it goes; the next one counts anew."""
    require(by.is_admin, "send transfers")
    move_batch(batch, BatchState.DROPPED, by=by.id)


def dead_job_of(batch: TransferBatch) -> OutboxMessage | None:
    """The job that ran it and was given up: until it is tried again, this batch and all later ones stand still."""
    if batch.state not in {BatchState.APPROVED, BatchState.RUNNING}:
        return None
    dead = db.session.scalars(outbox.dead_letters().where(OutboxMessage.job == "run_batch")).all()
    return next((job for job in dead if job.arguments.get("batch_id") == batch.id), None)


def totals_of(batch: TransferBatch, *states: LineState) -> list[Money]:
    """By currency: what is planned and what was requested, or of the given states alone."""
    rows = db.session.execute(
        select(BatchLine.currency, func.sum(BatchLine.amount_minor))
        .where(BatchLine.batch_id == batch.id,
               BatchLine.state.in_(states or (LineState.PLANNED, LineState.REQUESTED)))
        .group_by(BatchLine.currency).order_by(BatchLine.currency))
    return [Money(int(minor), currency) for currency, minor in rows]


def _approve(batch: TransferBatch, *, by: str) -> None:
    move_batch(batch, BatchState.APPROVED, by=by)
    outbox.promise("run_batch", batch_id=batch.id)


def _is_under_way() -> bool:
    return db.session.scalar(select(TransferBatch.id).where(
        TransferBatch.state.in_([BatchState.APPROVED, BatchState.RUNNING])).limit(1)) is not None


def _plan(*, by: str, slot: str | None) -> TransferBatch | None:
    netting.net_everything()
    db.session.flush()
    for older in db.session.scalars(
            select(TransferBatch).filter_by(state=BatchState.PREVIEWED).with_for_update(key_share=True)):
        move_batch(older, BatchState.DROPPED, by=audit.SYSTEM, why="a newer one took its place")
    counted = would_go().subquery()
    if db.session.scalar(select(counted.c.payee_id).where(counted.c.reason.is_(None)).limit(1)) is None:
        return None
    batch = TransferBatch(id=new_id("batch"), asked_by=by, slot=slot)
    db.session.add(batch)
    db.session.flush()
    key = (counted.c.payee_id, counted.c.business_id, counted.c.currency)
    db.session.execute(insert(BatchLine).from_select(
        ["batch_id", "number", "payee_id", "business_id", "currency", "amount_minor", "stopped_minor", "state",
         "reason", "created_at"],
        select(literal(batch.id), func.row_number().over(order_by=key), *key, counted.c.amount_minor,
               counted.c.stopped_minor, counted.c.state, counted.c.reason,
               literal(batch.created_at, BatchLine.created_at.type)),
        include_defaults=False))
    audit.record("batch.previewed", batch.id, by=by)
    return batch


def run_batch(batch_id: str) -> None:
    """Job: the next hundred lines, then the next ones, until none is planned. Two workers take different lines."""
    approved = _lock(batch_id, BatchState.APPROVED)
    if approved:
        move_batch(approved, BatchState.RUNNING, by=audit.SYSTEM)
        outbox.promise("run_batch", batch_id=batch_id)
        return
    batch = db.session.get_one(TransferBatch, batch_id, populate_existing=True)
    if batch.state is not BatchState.RUNNING:
        return
    planned = select(BatchLine.number, BatchLine.payee_id, BatchLine.business_id, BatchLine.currency,
                     BatchLine.amount_minor).where(BatchLine.batch_id == batch_id, BatchLine.state == LineState.PLANNED)
    lines = db.session.execute(
        planned.order_by(BatchLine.number).limit(AT_A_TIME).with_for_update(skip_locked=True)).all()
    if lines:
        _request(batch, {(payee, business, currency): (number, minor)
                         for number, payee, business, currency, minor in lines})
        outbox.promise("run_batch", batch_id=batch_id)
    elif db.session.execute(planned.limit(1)).first():
        outbox.promise("run_batch", after=LOOK_AGAIN, batch_id=batch_id)  # Another worker has the last ones in hand.
    else:
        _finish(batch_id)


def _request(batch: TransferBatch, lines: dict[Key, tuple[int, int]]) -> None:
    payee_ids = {key[0] for key in lines}
    destinations, waiting = ready_destinations(payee_ids), must_wait(payee_ids)
    groups = {group.key: group for group in lock_owed(
        of_lines(batch.id, {number: key for key, (number, _) in lines.items()}, batch.created_at))}
    apart = sent_since(batch.created_at, {key[0] for key in lines.keys() - groups.keys()})
    going: list[Group] = []
    reasons: dict[int, str] = {}
    for key, (number, most) in lines.items():
        group = groups.get(key)
        if group is None:
            reasons[number] = "sent_apart" if key in apart else "nothing_left"
        elif group.total.minor > most:
            reasons[number] = "changed"
        elif reason := why_not(group, destinations, waiting):
            reasons[number] = reason
        else:
            going.append(group)
    requested = request_groups(going, destinations)
    finish_lines(batch.id, {lines[key][0]: transfer_id for key, transfer_id in requested.items()}, reasons)


def _finish(batch_id: str) -> None:
    running = _lock(batch_id, BatchState.RUNNING)
    if running:
        move_batch(running, BatchState.DONE, by=audit.SYSTEM)
        outbox.promise("send_letter", letter="batch_done", batch_id=batch_id)


def _lock(batch_id: str, state: BatchState) -> TransferBatch | None:
    """Nobody else moves it until this transaction ends; None where another worker has moved it already."""
    return db.session.scalar(select(TransferBatch).filter_by(id=batch_id, state=state)
                             .with_for_update(key_share=True).execution_options(populate_existing=True))
