"""Money out: what is owed to a payee goes to their connected account. ``sending`` tells why it happens once."""
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby

from sqlalchemy import select

from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db, finish_reading
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import Money, main_units, zero
from marketplace.foundation.outbox import Errand
from marketplace.payments import ledger, lifecycle, sending
from marketplace.payments.models import (
    AccountKind,
    ConnectedAccount,
    LedgerAccount,
    Payable,
    PayableState,
    PayeeState,
    ReversalState,
    Transfer,
    TransferReversal,
    TransferState,
)
from marketplace.payments.money_out import payables, stops
from marketplace.payments.money_out.payees import note_reading
from marketplace.payments.sending import NotThere, Refused
from marketplace.payments.stripe_gateway import gateway
from marketplace.payments.stripe_readings import ConnectedAccountReading, PermanentFailure

MINIMUM_UNITS = 10  # Main units of the currency; less waits for more.
OPEN = (TransferState.REQUESTED, TransferState.SENDING)
# Our own balance at Stripe grows as charges become available; anything else a person has to look at.
RETRY_AFTER = {"balance_insufficient": timedelta(hours=1)}
RETRY_OTHERWISE = timedelta(days=1)
NOT_READY = "payee_not_ready"
STOPPED = "stopped"

SYSTEM = audit.SYSTEM


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


def minimum_transfer(currency: str) -> Money:
    return main_units(MINIMUM_UNITS, currency)


def request_transfers(payee_id: str) -> None:
    """Job: for each business and currency, one transfer of all that is owed, if it is enough and may be sent now."""
    destination = db.session.scalar(select(ConnectedAccount).filter_by(user_id=payee_id))
    if destination is None or destination.state is not PayeeState.READY:
        return  # Asked again when the account gets ready: payees.py.
    owed = db.session.scalars(
        payables.payables_of(payee_id)
        .where(Payable.state == PayableState.OWED, Payable.amount_minor > 0)
        .order_by(None).order_by(Payable.business_id, Payable.currency, Payable.id)
        .with_for_update().execution_options(populate_existing=True)).all()
    stopped = stops.stopped_among(owed)
    owed = [payable for payable in owed if payable.id not in stopped]
    for _, group in groupby(owed, key=lambda payable: (payable.business_id, payable.currency)):
        _request_transfer(destination, list(group))


def _request_transfer(destination: ConnectedAccount, owed: Sequence[Payable]) -> None:
    first = owed[0]
    total = sum((payable.amount for payable in owed), zero(first.currency))
    if total < minimum_transfer(first.currency) or _must_wait(first):
        return
    transfer_id = new_id("transfer")
    transfer = Transfer(
        id=transfer_id, payee_id=first.payee_id, business_id=first.business_id, amount=total,
        destination=destination.stripe_account_id, idempotency_key=sending.make_key(transfer_id))
    db.session.add(transfer)
    db.session.flush()
    ledger.post(
        [(payables.payable_account(payable), -payable.amount) for payable in owed]
        + [(_in_transit(transfer), total)],
        kind="transfer_requested", reference=f"{transfer_id}:requested")
    for payable in owed:
        lifecycle.move_payable(payable, PayableState.IN_TRANSFER, transfer_id=transfer_id, by=SYSTEM)
    audit.record("transfer.requested", transfer_id, by=SYSTEM, amount_minor=total.minor, currency=total.currency)
    outbox.promise("send_transfer", transfer_id=transfer_id)
    outbox.promise("note_transfer", transfer_id=transfer_id)


def _must_wait(payable: Payable) -> bool:
    """One open transfer per payee, business and currency; after a refusal not at once again."""
    same = select(Transfer).filter_by(
        payee_id=payable.payee_id, business_id=payable.business_id, currency=payable.currency)
    last = db.session.scalar(same.order_by(Transfer.id.desc()).limit(1))
    if last is None or last.state not in {*OPEN, TransferState.FAILED}:
        return False
    return last.failed_at is None or clock.now() < last.failed_at + _retry_after(last.failure_code)


def _retry_after(code: str | None) -> timedelta:
    return timedelta(0) if code in {NOT_READY, STOPPED} else RETRY_AFTER.get(code or "", RETRY_OTHERWISE)


def send_transfer(transfer_id: str) -> None:
    """Job: from its commit on the key may be in use; only then is anything sent."""
    transfer = _lock(transfer_id)
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
    not_now = _why_not_now(transfer)
    if not_now:
        # An earlier attempt may have gone through before the account or the money was stopped.
        return _find(transfer) or not_now

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
    if not reading.is_ready:
        return NotReady(reading)
    reason = stops.why_transfer_stopped(transfer)
    finish_reading()
    return Stopped(reason) if reason else None


def _find(transfer: Transfer) -> Sent | None:
    found = gateway().find_transfer(transfer_id=transfer.id, group=transfer.id)
    return Sent(found) if found else None


def _settle(outcome: Outcome, transfer_id: str) -> None:
    transfer = _lock(transfer_id)
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
        payee = db.session.scalars(select(ConnectedAccount).filter_by(user_id=transfer.payee_id)).one()
        note_reading(payee, outcome.reading)
    elif isinstance(outcome, Stopped):
        _settle_failed(transfer, Refused(STOPPED, outcome.reason))
    elif isinstance(outcome, Refused):
        _settle_failed(transfer, outcome)


def _settle_sent(transfer: Transfer, stripe_transfer_id: str) -> None:
    transfer.stripe_transfer_id, transfer.sent_at = stripe_transfer_id, clock.now()
    lifecycle.move_transfer(transfer, TransferState.SENT, by=SYSTEM, stripe=stripe_transfer_id)
    ledger.move(transfer.amount, source=_in_transit(transfer), target=ledger.clearing(transfer.currency),
                kind="transfer_sent", reference=f"{transfer.id}:sent")
    for payable in _lock_payables(transfer):
        lifecycle.move_payable(payable, PayableState.SENT, transfer_id=transfer.id, by=SYSTEM)
    for reversal in _waiting_reversals(transfer):
        outbox.promise("send_reversal", reversal_id=reversal.id)
    outbox.promise("note_transfer", transfer_id=transfer.id)
    outbox.promise("request_transfers", payee_id=transfer.payee_id)  # What was released meanwhile waited for this one.


def _settle_failed(transfer: Transfer, refused: Refused) -> None:
    """Everything as it was before, and what was to be taken back out of it is taken now."""
    transfer.failed_at, transfer.failure_code, transfer.failure = clock.now(), refused.code, refused.message
    lifecycle.move_transfer(transfer, TransferState.FAILED, by=SYSTEM, code=refused.code, reason=refused.message)
    back = _lock_payables(transfer)
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
        outbox.promise("request_transfers", after=_retry_after(refused.code), payee_id=transfer.payee_id)


def _take_instead(reversal: TransferReversal) -> None:
    """Stripe was never asked, so there is nothing to reverse: the row goes, the audit trail keeps it."""
    payable = db.session.get_one(Payable, reversal.payable_id)
    credit = db.session.get_one(LedgerAccount, reversal.credit_account_id)
    payables.take_from_owed(payable, reversal.amount, credit=credit, reference=reversal.reference)
    audit.record("reversal.dropped", reversal.id, by=SYSTEM, why="the transfer was not sent")
    outbox.promise("note_reversal", reference=reversal.reference)
    db.session.delete(reversal)


def _waiting_reversals(transfer: Transfer) -> Sequence[TransferReversal]:
    """Read after the payables are locked: payables.take_back locks them before it adds one."""
    return db.session.scalars(
        select(TransferReversal).filter_by(transfer_id=transfer.id, state=ReversalState.REQUESTED)
        .order_by(TransferReversal.id)).all()


def _lock(transfer_id: str) -> Transfer:
    return db.session.get_one(Transfer, transfer_id, populate_existing=True, with_for_update=True)


def _lock_payables(transfer: Transfer) -> Sequence[Payable]:
    return db.session.scalars(
        select(Payable).filter_by(transfer_id=transfer.id).order_by(Payable.id)
        .with_for_update().execution_options(populate_existing=True)).all()


def _in_transit(transfer: Transfer) -> LedgerAccount:
    return ledger.account(AccountKind.IN_TRANSIT, transfer.id, transfer.currency)


DELIVER_TRANSFER = Errand(_call, _settle)
