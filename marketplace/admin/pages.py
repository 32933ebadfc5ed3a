"""For operators: jobs that a person must look at, who did what, and whether the money is all there."""
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from sqlalchemy import select

from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import NotFound, require
from marketplace.foundation.limits import WRITING, caller, limiter
from marketplace.foundation.money import Money
from marketplace.foundation.outbox import OutboxMessage, dead_letters, revive
from marketplace.foundation.paging import page
from marketplace.identity.models import User
from marketplace.identity.session import signed_in, signed_in_user
from marketplace.payments import ledger
from marketplace.payments.books import reconciliation
from marketplace.payments.ledger_checks import check_ledger
from marketplace.payments.stripe_readings import PermanentFailure, TemporaryFailure

bp = Blueprint("admin", __name__, url_prefix="/admin")

JOBS_SHOWN = 100


def _operator() -> User:
    user = signed_in_user()
    require(user.is_admin, "enter the operators’ rooms")
    return user


@bp.get("/jobs")
@signed_in
def jobs() -> Any:
    _operator()
    dead = db.session.scalars(dead_letters().limit(JOBS_SHOWN)).all()
    waiting = db.session.scalars(
        select(OutboxMessage).where(OutboxMessage.done_at.is_(None), OutboxMessage.dead_at.is_(None),
                                    OutboxMessage.last_error.is_not(None))
        .order_by(OutboxMessage.due_at).limit(JOBS_SHOWN)).all()
    return render_template("admin/jobs.html", dead=dead, waiting=waiting)


@bp.post("/jobs/<job_id>/revival")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def revival(job_id: str) -> Any:
    user = _operator()
    with transaction():
        message = db.session.get(OutboxMessage, job_id)
        if message is None:
            raise NotFound("There is no such job.", next_step="Reload the list.")
        revive(message, by=user.id)
        name = message.job
    flash(f"{name} has all its attempts again, and is due now.", "ok")
    return redirect(url_for(".jobs"))


@bp.get("/audit")
@signed_in
def audit() -> Any:
    _operator()
    subject = request.args.get("subject", "").strip()
    events = select(AuditEvent)
    if subject:
        events = events.where((AuditEvent.subject_id == subject) | (AuditEvent.actor_id == subject))
    shown = page(events, AuditEvent.id, cursor=request.args.get("cursor"), size=50)
    people = db.session.scalars(select(User).where(User.id.in_({event.actor_id for event in shown.rows})))
    following = url_for(".audit", subject=subject or None, cursor=shown.next_cursor) if shown.next_cursor else None
    return render_template("admin/audit.html", rows=shown.rows, names={user.id: user.name for user in people},
                           subject=subject, following=following, is_first="cursor" not in request.args)


@bp.get("/ledger")
@signed_in
def ledger_explorer() -> Any:
    """The call to Stripe comes last: reading is over before it."""
    _operator()
    balances = [(kind, Money(minor, currency)) for kind, currency, minor in ledger.trial_balance()]
    sums: dict[str, int] = {}
    for _, amount in balances:
        sums[amount.currency] = sums.get(amount.currency, 0) + amount.minor
    faults = check_ledger()
    lines, silence = _compare()
    return render_template(
        "admin/ledger.html", balances=balances, faults=faults, silence=silence,
        sums=[Money(minor, currency) for currency, minor in sums.items()],
        lines=[{"ledger": Money(line.ledger_minor, line.currency), "stripe": Money(line.stripe_minor, line.currency),
                "difference": Money(line.difference_minor, line.currency)} for line in lines])


def _compare() -> tuple[list[reconciliation.Line], str]:
    """What Stripe says beside what we believe, or why Stripe did not say."""
    try:
        return reconciliation.compare_with_stripe(), ""
    except (TemporaryFailure, PermanentFailure):
        return [], "Stripe does not tell its balance right now."
