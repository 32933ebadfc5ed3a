"""The rooms for money that goes out: transfers, batches with preview and progress, and what payees owe back."""
from collections.abc import Collection
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from marshmallow import Schema
from sqlalchemy import func, select

from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import NotFound, require
from marketplace.foundation.limits import WRITING, caller, limiter
from marketplace.foundation.money import Money, show_money
from marketplace.foundation.paging import page
from marketplace.foundation.web import Form
from marketplace.identity.models import Business, User
from marketplace.identity.session import signed_in, signed_in_user
from marketplace.payments.models import (
    BatchLine,
    BatchState,
    LineState,
    MoneyOrder,
    OrderKind,
    OrderState,
    Transfer,
    TransferBatch,
    TransferReversal,
    TransferState,
    TransferStop,
)
from marketplace.payments.money_out import batches, orders
from marketplace.payments.money_out.approvals import approval_limit, takes_two
from marketplace.payments.money_out.counting import REASONS, what_waits
from marketplace.payments.money_out.receivables import aged_receivables, sums_by_age
from marketplace.payments.money_out.requests import OPEN
from marketplace.payments.money_out.stops import open_stops
from marketplace.payments.queries import transfers_visible_to
from marketplace.payments.schemas import ReversalInput, WriteOffInput

bp = Blueprint("transfers", __name__, url_prefix="/admin")

SHOWN = 100
SHOWS = {
    "all": tuple(TransferState), "open": OPEN, "failed": (TransferState.FAILED,),
    "sent": (TransferState.SENT, TransferState.PARTLY_REVERSED, TransferState.REVERSED),
}


def _operator() -> User:
    user = signed_in_user()
    require(user.is_admin, "enter the operators’ rooms")
    return user


@bp.get("/transfers")
@signed_in
def overview() -> Any:
    return _show_overview(_operator())


def _show_overview(user: User) -> str:
    show = request.args.get("show", "all") if request.args.get("show") in SHOWS else "all"
    found = page(transfers_visible_to(user).where(Transfer.state.in_(SHOWS[show])), Transfer.id,
                 cursor=request.args.get("cursor"))
    recent = db.session.scalars(select(TransferBatch).order_by(TransferBatch.id.desc()).limit(10)).all()
    return render_template(
        "admin/transfers.html", show=show, shows=list(SHOWS), transfers=found, names=_names(found.rows),
        waits=[(reason, REASONS.get(reason, ""), amount, many) for reason, amount, many in what_waits()],
        stops=_told_stops(), batches=recent,
        totals={batch.id: batches.totals_of(batch) for batch in recent}, left_out=_left_out([one.id for one in recent]),
        stuck=[batch for batch in recent if batches.dead_job_of(batch)], next_batch=batches.next_batch_at())


def _left_out(batch_ids: Collection[str]) -> dict[str, list[tuple[str, Money, int]]]:
    """Of each batch: why, how much, and in how many transfers."""
    found = dict[str, list[tuple[str, Money, int]]]()
    rows = db.session.execute(
        select(BatchLine.batch_id, BatchLine.reason, BatchLine.currency, func.sum(BatchLine.amount_minor), func.count())
        .where(BatchLine.batch_id.in_(batch_ids), BatchLine.state == LineState.LEFT_OUT)
        .group_by(BatchLine.batch_id, BatchLine.reason, BatchLine.currency)
        .order_by(BatchLine.currency, BatchLine.reason))
    for batch_id, reason, currency, minor, many in rows:
        found.setdefault(batch_id, []).append((REASONS[str(reason)], Money(int(minor), currency), many))
    return found


def _told_stops() -> list[tuple[TransferStop, str]]:
    """Each with the name of whom it stops, where that is a person or a business."""
    stops = db.session.scalars(open_stops().limit(SHOWN)).all()
    ids = [stop.subject_id for stop in stops]
    named = _names_of(ids, ids)
    return [(stop, named.get(stop.subject_id, "")) for stop in stops]


def _names(rows: Any) -> dict[str, str]:
    """Of payees and businesses, by id."""
    return _names_of({row.payee_id for row in rows}, {row.business_id for row in rows})


def _names_of(people: Collection[str], shops: Collection[str]) -> dict[str, str]:
    named = db.session.execute(select(User.id, User.name).where(User.id.in_(people)).union_all(
        select(Business.id, Business.name).where(Business.id.in_(shops))))
    return {row[0]: row[1] for row in named}


@bp.post("/transfers/batches")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def prepare_batch() -> Any:
    """What has changed since the page was opened is said on it, above what waits by now."""
    user, form = _operator(), Form(Schema())
    if form.is_ready:
        with form.keeping():
            with transaction():
                batch_id = batches.plan_batch(by=user).id
            return redirect(url_for(".batch", batch_id=batch_id))
    return _show_overview(user), form.status


@bp.get("/transfers/batches/<batch_id>")
@signed_in
def batch(batch_id: str) -> Any:
    """Before it runs: who would get what. While it runs: how far it is."""
    user = _operator()
    found = _get_batch(batch_id)
    counts = {row[0]: row[1] for row in db.session.execute(
        select(BatchLine.state, func.count()).where(BatchLine.batch_id == batch_id).group_by(BatchLine.state))}
    lines = db.session.scalars(
        select(BatchLine).where(BatchLine.batch_id == batch_id, BatchLine.state != LineState.LEFT_OUT)
        .order_by(BatchLine.amount_minor.desc(), BatchLine.number)
        .limit(SHOWN)).all()
    totals = batches.totals_of(found)
    needs_two = takes_two(totals)
    return render_template(
        "admin/batch.html", batch=found, lines=lines, names=_names(lines), totals=totals, needs_two=needs_two,
        may_approve=not (needs_two and user.id == found.asked_by),
        limits=[approval_limit(total.currency) for total in totals],
        left_out=_left_out([batch_id]).get(batch_id, []),
        done=counts.get(LineState.REQUESTED, 0), planned=counts.get(LineState.PLANNED, 0),
        dead_job=batches.dead_job_of(found), under_way=found.state in {BatchState.APPROVED, BatchState.RUNNING})


@bp.post("/transfers/batches/<batch_id>/approval")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def approve(batch_id: str) -> Any:
    user = _operator()
    with transaction():
        batches.approve_batch(_get_batch(batch_id), by=user)
    flash("The batch is on its way.", "ok")
    return redirect(url_for(".batch", batch_id=batch_id))


@bp.post("/transfers/batches/<batch_id>/dropping")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def drop(batch_id: str) -> Any:
    user = _operator()
    with transaction():
        batches.drop_batch(_get_batch(batch_id), by=user)
    flash("This batch sends nothing. What is owed goes by itself or with the next batch.", "ok")
    return redirect(url_for(".overview"))


def _get_batch(batch_id: str) -> TransferBatch:
    found = db.session.get(TransferBatch, batch_id)
    if found is None:
        raise NotFound("There is no such batch.", next_step="Look for it in the list.")
    return found


@bp.route("/transfers/<transfer_id>", methods=["GET", "POST"])
@signed_in
@limiter.limit(WRITING, key_func=caller, methods=["POST"])
def transfer(transfer_id: str) -> Any:
    """POST: take part or all of it back, with a reason."""
    user = _operator()
    found = db.session.get(Transfer, transfer_id)
    if found is None:
        raise NotFound("There is no such transfer.", next_step="Look for it in the list.")
    form = Form(ReversalInput(found.currency))
    if form.is_ready:
        with form.keeping():
            with transaction():
                order = orders.ask_reversal(db.session.get_one(Transfer, transfer_id), by=user, **form.fields)
                _say(order)
            return redirect(url_for(".transfer", transfer_id=transfer_id))
    found = db.session.get_one(Transfer, transfer_id)
    reversals = db.session.scalars(
        select(TransferReversal).filter_by(transfer_id=transfer_id).order_by(TransferReversal.id)).all()
    asked = {order.id: (order, name) for order, name in db.session.execute(
        select(MoneyOrder, User.name).join(User, User.id == MoneyOrder.asked_by)
        .where(MoneyOrder.subject_id == transfer_id).order_by(MoneyOrder.id))}
    return render_template(
        "admin/transfer.html", transfer=found, form=form, names=_names([found]),
        reversals=[(one, asked.get(one.reference.partition(":")[0])) for one in reversals],
        waiting=[order for order, _ in asked.values() if order.state is OrderState.ASKED],
        can_be_taken=orders.can_be_taken(found), causes=orders.CAUSES,
        limit=approval_limit(found.currency)), form.status


@bp.get("/receivables")
@signed_in
def receivables() -> Any:
    user = _operator()
    owed = aged_receivables()
    asked = db.session.execute(
        select(MoneyOrder, User.name).join(User, User.id == MoneyOrder.asked_by)
        .where(MoneyOrder.state == OrderState.ASKED).order_by(MoneyOrder.id)).all()
    return render_template(
        "admin/receivables.html", owed=owed[:SHOWN], sums=sums_by_age(owed), causes=orders.CAUSES,
        orders=[(order, name, order.asked_by != user.id) for order, name in asked])


@bp.route("/receivables/<reversal_id>", methods=["GET", "POST"])
@signed_in
@limiter.limit(WRITING, key_func=caller, methods=["POST"])
def receivable(reversal_id: str) -> Any:
    """POST: write it off, with a reason."""
    user = _operator()
    found = db.session.get(TransferReversal, reversal_id)
    if found is None:
        raise NotFound("There is no such debt.", next_step="Look for it in the list.")
    form = Form(WriteOffInput())
    if form.is_ready:
        with form.keeping():
            with transaction():
                order = orders.ask_write_off(db.session.get_one(TransferReversal, reversal_id),
                                             reason=form.fields["reason"], by=user)
                _say(order)
            return redirect(url_for(".receivables"))
    found = db.session.get_one(TransferReversal, reversal_id)
    payee = db.session.get_one(User, db.session.get_one(Transfer, found.transfer_id).payee_id)
    return render_template("admin/receivable.html", reversal=found, payee=payee, form=form,
                           limit=approval_limit(found.currency)), form.status


@bp.get("/orders")
@signed_in
def in_the_room() -> Any:
    _operator()
    return redirect(url_for(".receivables"), 303)


@bp.post("/orders/<order_id>/grant")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def grant(order_id: str) -> Any:
    user = _operator()
    with transaction():
        orders.grant_order(orders.get_order(order_id), by=user)
    _say(orders.get_order(order_id))
    return redirect(url_for(".receivables"))


@bp.post("/orders/<order_id>/refusal")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def refuse(order_id: str) -> Any:
    user = _operator()
    with transaction():
        orders.decline_order(orders.get_order(order_id), by=user)
    flash("Nothing is done about it.", "ok")
    return redirect(url_for(".receivables"))


def _say(order: MoneyOrder) -> None:
    if order.state is OrderState.GRANTED and order.kind is OrderKind.REVERSAL:
        flash(f"Asked of Stripe: {show_money(order.amount)} is being taken back. The payee is told why.", "ok")
    elif order.state is OrderState.GRANTED:
        flash(f"Written off: nobody is asked for {show_money(order.amount)} any more.", "ok")
    else:
        flash("This is more than one admin may decide alone: the others have been asked.", "info")
