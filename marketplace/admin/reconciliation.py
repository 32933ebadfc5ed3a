"""The room of reconciliation: the last run, what stands open and how old it is, and what an admin decides about it."""
from collections.abc import Callable
from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from marshmallow import Schema
from sqlalchemy import select

from marketplace.foundation.db import db, transaction
from marketplace.foundation.limits import WRITING, caller, limiter
from marketplace.foundation.money import Money
from marketplace.foundation.web import Form
from marketplace.identity.models import User
from marketplace.identity.session import signed_in, signed_in_user
from marketplace.payments.books import adopting, booking, open_items
from marketplace.payments.books.reconciliation import FourWays, last_runs, request_reconciliation
from marketplace.payments.models import OpenItem
from marketplace.payments.money_out.stops import why_stopped
from marketplace.payments.schemas import AdoptionInput, ExplanationInput

bp = Blueprint("reconciliation", __name__, url_prefix="/admin/reconciliation")

CLOSED_SHOWN = 20


@bp.get("")
@signed_in
def show() -> Any:
    runs = last_runs(seen_by=signed_in_user())
    finished = next((run for run in runs if run.finished_at), None)
    items = db.session.scalars(open_items.open_items()).all()
    closed = db.session.scalars(
        select(OpenItem).where(OpenItem.resolved_at.is_not(None)).order_by(OpenItem.resolved_at.desc())
        .limit(CLOSED_SHOWN)).all()
    people = {user.id: user.name for user in db.session.scalars(
        select(User).where(User.id.in_({item.resolved_by for item in closed})))}
    return render_template(
        "admin/reconciliation.html", runs=runs, last=finished, is_running=bool(runs and not runs[0].finished_at),
        lines=_shown(finished.lines or {}) if finished else [], items=items, closed=closed, people=people,
        worth=open_items.worth, stops=open_items.does_stop, stopped=why_stopped(None))


def _shown(lines: dict[str, Any]) -> list[dict[str, Money]]:
    ways = [(currency, FourWays(**line)) for currency, line in sorted(lines.items())]
    return [{"ledger": Money(one.ledger_minor, currency), "movements": Money(one.movements_minor, currency),
             "stripe": Money(one.stripe_minor, currency), "named": Money(one.named_minor, currency),
             "under_way": Money(one.under_way_minor, currency), "difference": Money(one.difference_minor, currency)}
            for currency, one in ways]


@bp.post("")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def begin() -> Any:
    with transaction():
        request_reconciliation(by=signed_in_user())
    flash("Stripe’s movements are being read. The result stands here within a minute.", "ok")
    return redirect(url_for(".show"))


@bp.get("/items/<item_id>")
@signed_in
def item(item_id: str) -> Any:
    return _show_item(open_items.get_item(item_id, seen_by=signed_in_user()))


def _show_item(one: OpenItem) -> str:
    kind, owner = booking.counterpart(one)
    return render_template(
        "admin/open_item.html", item=one, worth=open_items.worth(one), bookable=booking.may_be_booked(one),
        counterpart=kind, owner=owner, owed=adopting.payables_it_may_have_paid(one),
        does_stop=open_items.does_stop(one.kind, one.amount_minor),
        closed_by=db.session.get(User, one.resolved_by) if one.resolved_by else None)


@bp.post("/items/<item_id>/closure")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def close(item_id: str) -> Any:
    """An explanation without an entry: it stays closed for as long as nothing about it changes."""
    return _settle(item_id, ExplanationInput(), open_items.close_item, "The item is closed, and its stop is lifted.")


@bp.post("/items/<item_id>/booking")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def book(item_id: str) -> Any:
    return _settle(item_id, ExplanationInput(), booking.book_item, "The entry is posted, and the item is closed.")


@bp.post("/items/<item_id>/adoption")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def adopt(item_id: str) -> Any:
    """Which rewards an unknown transfer paid."""
    return _settle(item_id, AdoptionInput(), adopting.adopt_transfer,
                   "These rewards count as paid by that transfer, and the item is closed.")


def _settle(item_id: str, schema: Schema, verb: Callable[..., object], said: str) -> Any:
    user, form = signed_in_user(), Form(schema)
    if form.is_ready:
        with form.keeping():
            with transaction():
                verb(open_items.get_item(item_id, seen_by=user), by=user, **form.fields)
            flash(said, "ok")
            return redirect(url_for(".show"))
    return _show_item(open_items.get_item(item_id, seen_by=user)), form.status
