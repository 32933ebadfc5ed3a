"""Money back out of a sent transfer. Where Stripe refuses, the payee owes it, and we ask again every day."""
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select

from marketplace.foundation import audit, outbox
from marketplace.foundation.db import db
from marketplace.foundation.outbox import Errand
from marketplace.payments import ledger, lifecycle, sending
from marketplace.payments.models import (
    AccountKind,
    LedgerAccount,
    ReversalState,
    Transfer,
    TransferReversal,
    TransferState,
)
from marketplace.payments.sending import NotThere, Refused
from marketplace.payments.stripe_gateway import gateway

ASK_AGAIN_AFTER = timedelta(days=1)

SYSTEM = audit.SYSTEM


@dataclass(frozen=True)
class Reversed:
    stripe_reversal_id: str


Outcome = Reversed | Refused | NotThere | None


def find_reversal(reference: str) -> TransferReversal | None:
    """By the caller's own reference. None: what was taken back came out of what was not sent."""
    return db.session.scalar(select(TransferReversal).filter_by(reference=reference))


def send_reversal(reversal_id: str) -> None:
    """Job, promised once the transfer is sent, and daily while the payee owes: the next attempt begins."""
    reversal = _lock(reversal_id)
    if reversal.state is ReversalState.OUTSTANDING:
        sending.renew_key(reversal, NotThere(reversal.attempt_no))  # The old key would repeat the old refusal.
    elif reversal.state is not ReversalState.REQUESTED:
        return
    sending.start_sending(reversal)
    lifecycle.move_reversal(reversal, ReversalState.SENDING, by=SYSTEM)
    outbox.promise("deliver_reversal", reversal_id=reversal_id)


def _call(reversal_id: str) -> Outcome:
    reversal = sending.read_alone(TransferReversal, reversal_id)
    if reversal.state is not ReversalState.SENDING:
        return None
    stripe_transfer_id = sending.read_alone(Transfer, reversal.transfer_id).stripe_transfer_id
    assert stripe_transfer_id is not None
    stripe = gateway()

    def send(key: str) -> Reversed:
        return Reversed(stripe.reverse_transfer(
            reversal_id=reversal.id, stripe_transfer_id=stripe_transfer_id, amount=reversal.amount, key=key))

    def find() -> Reversed | None:
        found = stripe.find_reversal(stripe_transfer_id=stripe_transfer_id, reversal_id=reversal.id)
        return Reversed(found) if found else None

    return sending.send_once(reversal, send=send, find=find)


def _settle(outcome: Outcome, reversal_id: str) -> None:
    reversal = _lock(reversal_id)
    if reversal.state is not ReversalState.SENDING:
        return
    if isinstance(outcome, Reversed):
        _settle_done(reversal, outcome.stripe_reversal_id)
    elif isinstance(outcome, Refused):
        _settle_outstanding(reversal, outcome)
    elif isinstance(outcome, NotThere) and sending.renew_key(reversal, outcome):
        audit.record("reversal.renewed", reversal.id, by=SYSTEM, attempt=reversal.attempt_no)
        outbox.promise("deliver_reversal", reversal_id=reversal.id)


def _settle_done(reversal: TransferReversal, stripe_reversal_id: str) -> None:
    reversal.stripe_reversal_id = stripe_reversal_id
    reversal.failure_code = reversal.failure = None
    lifecycle.move_reversal(reversal, ReversalState.DONE, by=SYSTEM, stripe=stripe_reversal_id)
    credit = db.session.get_one(LedgerAccount, reversal.credit_account_id)
    ledger.move(reversal.amount, source=ledger.clearing(reversal.currency), target=credit,
                kind="reversal_done", reference=f"{reversal.id}:done")
    due = ledger.find_balance(AccountKind.CLAWBACK_DUE, reversal.id, reversal.currency)
    if due.minor:
        ledger.move(due, source=_due(reversal), target=_receivable(reversal),
                    kind="receivable_paid", reference=f"{reversal.id}:receivable_paid")
    _lower_transfer(reversal)
    outbox.promise("note_reversal", reference=reversal.reference)


def _settle_outstanding(reversal: TransferReversal, refused: Refused) -> None:
    """The payee has spent it. What they owe and what the business is owed stand side by side until it is paid."""
    reversal.failure_code, reversal.failure = refused.code, refused.message
    lifecycle.move_reversal(reversal, ReversalState.OUTSTANDING, by=SYSTEM, code=refused.code, reason=refused.message)
    ledger.move(reversal.amount, source=_receivable(reversal), target=_due(reversal),
                kind="receivable", reference=f"{reversal.id}:outstanding")  # A second refusal posts nothing new.
    outbox.promise("send_reversal", after=ASK_AGAIN_AFTER, reversal_id=reversal.id)
    outbox.promise("note_reversal", reference=reversal.reference)


def _lower_transfer(reversal: TransferReversal) -> None:
    transfer = db.session.get_one(Transfer, reversal.transfer_id, populate_existing=True, with_for_update=True)
    transfer.reversed_minor += reversal.amount_minor
    whole = transfer.reversed_minor == transfer.amount_minor
    lifecycle.move_transfer(transfer, TransferState.REVERSED if whole else TransferState.PARTLY_REVERSED,
                            by=SYSTEM, reversal=reversal.id, amount_minor=reversal.amount_minor)


def _lock(reversal_id: str) -> TransferReversal:
    return db.session.get_one(TransferReversal, reversal_id, populate_existing=True, with_for_update=True)


def _receivable(reversal: TransferReversal) -> LedgerAccount:
    return ledger.account(AccountKind.RECEIVABLE, reversal.id, reversal.currency)


def _due(reversal: TransferReversal) -> LedgerAccount:
    return ledger.account(AccountKind.CLAWBACK_DUE, reversal.id, reversal.currency)


DELIVER_REVERSAL = Errand(_call, _settle)
