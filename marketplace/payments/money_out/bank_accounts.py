"""A new bank account waits: a thief who changes it gets nothing before its owner has read our mail."""
from datetime import datetime, timedelta

from sqlalchemy import exists, select

from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, require
from marketplace.foundation.traces import TraceKind, keep_traces
from marketplace.identity.models import User
from marketplace.payments.models import ConnectedAccount, PayeeState, TransferStop
from marketplace.payments.money_out.stops import lift_stops, stop_transfers
from marketplace.payments.permissions import may_be_paid_as
from marketplace.payments.stripe_readings import ConnectedAccountReading

NEW_BANK_WAITS = timedelta(hours=72)


class BankNotChanged(Conflict):
    code = "bank_not_changed"


def note_banks(payee: ConnectedAccount, reading: ConnectedAccountReading) -> None:
    """Nothing is sent for NEW_BANK_WAITS after a bank account appears that was not there before.

    The first one of a person does not wait; one that was there before and comes back does not either.
    """
    if not reading.bank_marks:
        return
    is_new, is_first = has_new_bank(payee, reading), payee.bank_marks is None
    payee.bank_marks = sorted({*(payee.bank_marks or ()), *reading.bank_marks})
    if is_new or is_first:
        for mark in reading.bank_marks:
            keep_traces(payee.user_id, {TraceKind.ACCOUNT: mark})
        outbox.promise("look_at_owed", payee_id=payee.user_id)
    if is_new or (is_first and _had_another_account(payee)):
        _stop(payee)


def has_new_bank(payee: ConnectedAccount, reading: ConnectedAccountReading) -> bool:
    """Also asked right before each transfer, whatever became of Stripe's events."""
    return payee.bank_marks is not None and not set(reading.bank_marks) <= set(payee.bank_marks)


def waits_until(payee: ConnectedAccount) -> datetime | None:
    """None once the new bank account has waited long enough, or where there is none."""
    until = payee.bank_changed_at + NEW_BANK_WAITS if payee.bank_changed_at else None
    return until if until and clock.now() < until else None


def lift_bank_stop(payee_id: str) -> None:
    """Job, promised with each change: the last one's lifts the stop."""
    payee = db.session.get_one(ConnectedAccount, payee_id, populate_existing=True, with_for_update={"key_share": True})
    if waits_until(payee):
        return
    lift_stops(_source(payee), by=audit.SYSTEM)
    outbox.promise("request_transfers", payee_id=payee.user_id)


def object_to_bank(payee_id: str, *, by: User) -> None:
    """"It was not me": nothing is sent until an operator has looked at it with the person. BankNotChanged (409)."""
    payee = db.session.get_one(ConnectedAccount, payee_id, populate_existing=True, with_for_update={"key_share": True})
    require(may_be_paid_as(by, payee.user_id), "say whose bank account this is")
    if not waits_until(payee):
        raise BankNotChanged("Your bank account at Stripe has not changed in the last 72 hours.",
                             next_step="If something else looks wrong, write to us.")
    if not is_objected_to(payee):
        stop_transfers("payee", payee.user_id, source=_objection(payee), by=by.id,
                       reason="The payee says that somebody else changed the bank account.")
        outbox.promise("send_letter", letter="bank_account_disowned", payee_id=payee.id)


def is_objected_to(payee: ConnectedAccount) -> bool:
    return bool(db.session.scalar(select(exists().where(
        TransferStop.source == _objection(payee), TransferStop.lifted_at.is_(None)))))


def end_objection(payee: ConnectedAccount, *, by: str) -> None:
    """An operator has looked: the bank account is the person's own."""
    lift_stops(_objection(payee), by=by)
    outbox.promise("request_transfers", payee_id=payee.user_id)


def _stop(payee: ConnectedAccount) -> None:
    payee.bank_changed_at = clock.now()
    audit.record("payee.bank_changed", payee.id, by=audit.SYSTEM)
    stop_transfers("payee", payee.user_id, source=_source(payee), by=audit.SYSTEM,
                   reason="The bank account at Stripe was changed: nothing is sent for 72 hours.")
    outbox.promise("lift_bank_stop", after=NEW_BANK_WAITS, payee_id=payee.id)
    outbox.promise("send_letter", letter="bank_account_changed", payee_id=payee.id,
                   changed_at=payee.bank_changed_at.isoformat())


def _had_another_account(payee: ConnectedAccount) -> bool:
    return bool(db.session.scalar(select(exists().where(
        ConnectedAccount.user_id == payee.user_id, ConnectedAccount.id != payee.id,
        ConnectedAccount.state == PayeeState.CLOSED, ConnectedAccount.bank_marks.is_not(None)))))


def _objection(payee: ConnectedAccount) -> str:
    return f"objection:{payee.id}"


def _source(payee: ConnectedAccount) -> str:
    return f"bank:{payee.id}"
