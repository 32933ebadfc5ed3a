"""Money out: what is owed to a payee goes to their connected account. ``sending`` tells why it happens once."""
from collections.abc import Sequence
from dataclasses import dataclass

from flask import current_app
from sqlalchemy import select

from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db, finish_reading
from marketplace.foundation.outbox import Errand
from marketplace.foundation.turns import wait_for_turn
from marketplace.payments import ledger, lifecycle, sending
from marketplace.payments.locks import lock_accounts
from marketplace.payments.models import (
    Account,
    AccountKind,
    ConnectedAccount,
    Payable,
    PayableState,
    ReversalState,
    Transfer,
    TransferReversal,
    TransferState,
)
from marketplace.payments.money_out import netting, payables, stops
from marketplace.payments.money_out.approvals import takes_two
from marketplace.payments.money_out.bank_accounts import has_new_bank
from marketplace.payments.money_out.payees import note_reading
from marketplace.payments.money_out.requests import (
    NOT_READY,
    STOPPED,
    lock_owed,
    must_wait,
    ready_destinations,
    request_groups,
    retry_after,
    why_not,
)
from marketplace.payments.sending import NotThere, Refused
from marketplace.payments.stripe_gateway import gateway
from marketplace.payments.stripe_readings import ConnectedAccountReading, PermanentFailure, TemporaryFailure

SYSTEM = audit.SYSTEM
AT_ONCE = "at_once"
# Stripe takes 25 calls a second at one of its addresses (docs.stripe.com/rate-limits), from all workers together.
A_SECOND = 20


@dataclass(frozen=True)
class Sent:
    stripe_transfer_id: str


@dataclass(frozen=True)
class NotReady:
    """The connected account may not receive money now; nothing was sent."""

    reading: ConnectedAccountReading


@dataclass(frozen=True)
class Stopped:
    """A dispute or an open item names the money; nothing was sent."""

    reason: str


Outcome = Sent | NotReady | Stopped | Refused | NotThere | None


def request_transfers(payee_id: str) -> None:
    """Job: a transfer for each business and currency of all that is owed, if it is enough and may be sent now.

    Only where the market pays at once; else, and above what one admin may send, the next batch takes it.
    """
    if not pays_at_once():
        return
    destinations = ready_destinations([payee_id])
    if not destinations:
        return  # Asked again when the account gets ready: payees.py.
    netting.net_payee(payee_id)
    db.session.flush()
    groups = lock_owed(Payable.payee_id == payee_id)
    waiting = must_wait([payee_id])
    request_groups([
        group for group in groups if not why_not(group, destinations, waiting) and not takes_two([group.total])
    ], destinations)


def pays_at_once() -> bool:
    """Whether a released reward waits for no batch (a small market's choice: TRANSFER_BATCHES)."""
    return bool(current_app.extensions["settings"].transfer_batches == AT_ONCE)


def send_transfer(transfer_id: str) -> None:
    """Job: from its commit on the key may be in use; only then is anything sent."""
    transfer = _lock(transfer_id, may_fail=True)
    if transfer.state is not TransferState.REQUESTED:
        return
    reason = stops.why_transfer_stopped(transfer)
    if reason:
        _settle_failed(transfer, Refused(STOPPED, reason))
    else:
        sending.start_sending(transfer)
        lifecycle.move_transfer(transfer, TransferState.SENDING, by=SYSTEM)
        outbox.promise("deliver_transfer", transfer_id=transfer_id)


def _call(transfer_id: str) -> Outcome:
    transfer = sending.read_alone(Transfer, transfer_id)
    if transfer.state is not TransferState.SENDING:
        return None
    stripe = gateway()
    wait_for_turn("transfers", a_second=A_SECOND)
    not_now = _why_not_now(transfer)
    if not_now:
        # An earlier attempt may have gone through before the account or the money was stopped, or may be under way.
        found = _find(transfer)
        if found is None and sending.may_be_under_way(transfer):
            raise TemporaryFailure("an earlier call may still be under way")
        return found or not_now

    def send(key: str) -> Sent:
        return Sent(stripe.send_transfer(transfer_id=transfer.id, destination=transfer.destination,
                                         amount=transfer.amount, group=transfer.id, key=key))

    return sending.send_once(transfer, send=send, find=lambda: _find(transfer))


def _why_not_now(transfer: Transfer) -> NotReady | Stopped | Refused | None:
    """Stops are read last: nothing of ours comes between the look and the call."""
    try:
        reading = gateway().read_connected_account(transfer.destination)
    except PermanentFailure as failure:
        return Refused(failure.code, str(failure))
    if not reading.is_ready or has_new_bank(_payee_at(transfer.destination), reading):
        finish_reading()
        return NotReady(reading)
    reason = stops.why_transfer_stopped(transfer)
    finish_reading()
    return Stopped(reason) if reason else None


def _payee_at(destination: str) -> ConnectedAccount:
    """By the account it went to: the person may have closed it and started another since."""
    return db.session.scalars(select(ConnectedAccount).filter_by(stripe_account_id=destination)
                              .execution_options(populate_existing=True)).one()


def _find(transfer: Transfer) -> Sent | None:
    found = gateway().find_transfer(transfer_id=transfer.id, group=transfer.id)
    return Sent(found) if found else None


def _settle(outcome: Outcome, transfer_id: str) -> None:
    transfer = _lock(transfer_id, may_fail=isinstance(outcome, (NotReady, Stopped, Refused)))
    if transfer.state is not TransferState.SENDING:
        return
    if isinstance(outcome, Sent):
        _settle_sent(transfer, outcome.stripe_transfer_id)
    elif isinstance(outcome, NotThere):
        if sending.renew_key(transfer, outcome):
            audit.record("transfer.renewed", transfer.id, by=SYSTEM, attempt=transfer.attempt_no)
            outbox.promise("deliver_transfer", transfer_id=transfer.id)
    elif isinstance(outcome, NotReady):
        _settle_failed(transfer, Refused(NOT_READY, "The connected account cannot receive money now."))
        note_reading(_payee_at(transfer.destination), outcome.reading)
    elif isinstance(outcome, Stopped):
        _settle_failed(transfer, Refused(STOPPED, outcome.reason))
    elif isinstance(outcome, Refused):
        _settle_failed(transfer, outcome)


def _settle_sent(transfer: Transfer, stripe_transfer_id: str) -> None:
    transfer.stripe_transfer_id, transfer.sent_at = stripe_transfer_id, clock.now()
    lifecycle.move_transfer(transfer, TransferState.SENT, by=SYSTEM, stripe=stripe_transfer_id)
    ledger.move(transfer.amount, source=_in_transit(transfer), target=ledger.clearing(transfer.currency),
                kind="transfer_sent", reference=f"{transfer.id}:sent")
    for payable in _lock_payables(transfer.id):
        lifecycle.move_payable(payable, PayableState.SENT, transfer_id=transfer.id, by=SYSTEM)
    for reversal in _waiting_reversals(transfer):
        outbox.promise("send_reversal", reversal_id=reversal.id)
    outbox.promise("note_transfer", transfer_id=transfer.id)
    outbox.promise("request_transfers", payee_id=transfer.payee_id)  # What was released meanwhile waited for this one.


def _settle_failed(transfer: Transfer, refused: Refused) -> None:
    """Everything as it was before, and what was to be taken back out of it is taken now."""
    transfer.failed_at, transfer.failure_code, transfer.failure = clock.now(), refused.code, refused.message
    lifecycle.move_transfer(transfer, TransferState.FAILED, by=SYSTEM, code=refused.code, reason=refused.message)
    back = _lock_payables(transfer.id)
    ledger.post(
        [(_in_transit(transfer), -transfer.amount)]
        + [(payables.payable_account(payable), payable.amount) for payable in back],
        kind="transfer_failed", reference=f"{transfer.id}:failed")
    for payable in back:
        lifecycle.move_payable(payable, PayableState.OWED, transfer_id=None, by=SYSTEM)
    for reversal in _waiting_reversals(transfer):
        _take_instead(reversal)
    outbox.promise("note_transfer", transfer_id=transfer.id)
    if refused.code != NOT_READY:
        outbox.promise("request_transfers", after=retry_after(refused.code), payee_id=transfer.payee_id)


def _take_instead(reversal: TransferReversal) -> None:
    """Stripe was never asked, so there is nothing to reverse: the row goes, the audit trail keeps it."""
    payable = db.session.get_one(Payable, reversal.payable_id)
    credit = ledger.get_account(reversal.credit_account_id)
    payables.take_from_owed(payable, reversal.amount, credit=credit, reference=reversal.reference)
    payables.note_all_netted(payable)
    audit.record("reversal.dropped", reversal.id, by=SYSTEM, why="the transfer was not sent")
    outbox.promise("note_reversal", reference=reversal.asked_for)
    db.session.delete(reversal)


def _waiting_reversals(transfer: Transfer) -> Sequence[TransferReversal]:
    """Read after the payables are locked: payables.take_back locks them before it adds one."""
    return db.session.scalars(
        select(TransferReversal).filter_by(transfer_id=transfer.id, state=ReversalState.REQUESTED)
        .order_by(TransferReversal.id)).all()


def _lock(transfer_id: str, *, may_fail: bool = False) -> Transfer:
    """After its payables, as whoever takes money back does; if it ``may_fail``, after the funds that get some then."""
    funds = _credited(transfer_id) if may_fail else set()
    lock_accounts(funds)
    _lock_payables(transfer_id)
    if may_fail and not _credited(transfer_id) <= funds:
        raise TemporaryFailure("more of it was asked back at this moment")
    return db.session.get_one(Transfer, transfer_id, populate_existing=True, with_for_update={"key_share": True})


def _credited(transfer_id: str) -> set[str]:
    """The accounts that get what is to be taken back of it."""
    return set(db.session.scalars(select(TransferReversal.credit_account_id).filter_by(
        transfer_id=transfer_id, state=ReversalState.REQUESTED)))


def _lock_payables(transfer_id: str) -> Sequence[Payable]:
    return db.session.scalars(
        select(Payable).filter_by(transfer_id=transfer_id).order_by(Payable.id)
        .with_for_update(key_share=True).execution_options(populate_existing=True)).all()


def _in_transit(transfer: Transfer) -> Account:
    return ledger.account(AccountKind.IN_TRANSIT, transfer.id, transfer.currency)


DELIVER_TRANSFER = Errand(_call, _settle)
