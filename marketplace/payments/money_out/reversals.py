"""Money back out of a sent transfer. Where Stripe refuses, the payee owes it, and we ask again every day."""
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from sqlalchemy import select

from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.outbox import Errand
from marketplace.foundation.turns import wait_for_turn
from marketplace.payments import ledger, lifecycle, sending
from marketplace.payments.locks import lock_accounts
from marketplace.payments.models import (
    PLATFORM,
    Account,
    AccountKind,
    ReversalState,
    Transfer,
    TransferReversal,
    TransferState,
)
from marketplace.payments.sending import NotThere, Refused
from marketplace.payments.stripe_gateway import gateway

ASK_AGAIN_AFTER = timedelta(days=1)
A_SECOND = 20  # As for transfers: all workers together.
# Nothing more is asked of the payee.
OVER = frozenset({ReversalState.DONE, ReversalState.NETTED, ReversalState.WRITTEN_OFF})

SYSTEM = audit.SYSTEM


@dataclass(frozen=True)
class Reversed:
    stripe_reversal_id: str


Outcome = Reversed | Refused | NotThere | None


def find_reversal(reference: str) -> TransferReversal | None:
    """By the caller's own reference, the first if there are several. None: it came out of what was not sent."""
    return db.session.scalar(select(TransferReversal).filter_by(reference=reference))


def standing_of(reference: str) -> Literal["taken", "reversing", "outstanding"]:
    """How far the money asked back for a caller's reference is: taken also when nothing had been sent."""
    states = set(db.session.scalars(select(TransferReversal.state).where(
        (TransferReversal.reference == reference) | TransferReversal.reference.startswith(f"{reference}/"))))
    if states <= OVER:
        return "taken"
    return "outstanding" if ReversalState.OUTSTANDING in states else "reversing"


def send_reversal(reversal_id: str) -> None:
    """Job, promised once the transfer is sent, and daily while the payee owes: the next attempt begins."""
    reversal = lock_reversal(reversal_id)
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
        wait_for_turn("reversals", a_second=A_SECOND)
        return Reversed(stripe.reverse_transfer(
            reversal_id=reversal.id, stripe_transfer_id=stripe_transfer_id, amount=reversal.left, key=key))

    def find() -> Reversed | None:
        found = stripe.find_reversal(stripe_transfer_id=stripe_transfer_id, reversal_id=reversal.id)
        return Reversed(found) if found else None

    return sending.send_once(reversal, send=send, find=find)


def _settle(outcome: Outcome, reversal_id: str) -> None:
    reversal = lock_reversal(reversal_id)
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
    credit = ledger.get_account(reversal.credit_account_id)
    ledger.move(reversal.left, source=ledger.clearing(reversal.currency), target=credit,
                kind="reversal_done", reference=f"{reversal.id}:done")
    due = ledger.find_balance(AccountKind.CLAWBACK_DUE, reversal.id, reversal.currency)
    if due.minor:
        ledger.move(due, source=due_account(reversal), target=receivable_account(reversal),
                    kind="receivable_paid", reference=f"{reversal.id}:receivable_paid")
    _lower_transfer(reversal)
    outbox.promise("note_reversal", reference=reversal.asked_for)


def _settle_outstanding(reversal: TransferReversal, refused: Refused) -> None:
    """The payee has spent it. What they owe and what the business is owed stand side by side until it is paid."""
    reversal.failure_code, reversal.failure = refused.code, refused.message
    lifecycle.move_reversal(reversal, ReversalState.OUTSTANDING, by=SYSTEM, code=refused.code, reason=refused.message)
    if reversal.owed_since is None:  # A second refusal posts nothing new.
        reversal.owed_since = clock.now()
        ledger.move(reversal.amount, source=receivable_account(reversal), target=due_account(reversal),
                    kind="receivable", reference=f"{reversal.id}:outstanding")
        outbox.promise("send_letter", letter="owed_back", reversal_id=reversal.id)
    outbox.promise("send_reversal", after=ASK_AGAIN_AFTER, reversal_id=reversal.id)
    outbox.promise("note_reversal", reference=reversal.asked_for)


def _lower_transfer(reversal: TransferReversal) -> None:
    transfer = db.session.get_one(
        Transfer, reversal.transfer_id, populate_existing=True, with_for_update={"key_share": True})
    transfer.reversed_minor += reversal.left.minor
    whole = transfer.reversed_minor == transfer.amount_minor
    lifecycle.move_transfer(transfer, TransferState.REVERSED if whole else TransferState.PARTLY_REVERSED,
                            by=SYSTEM, reversal=reversal.id, amount_minor=reversal.left.minor)


def write_off(reversal: TransferReversal, *, by: str, reason: str) -> None:
    """outstanding -> written_off, locked by the caller: our loss; whoever was to get the money gets it from us."""
    left = reversal.left
    ledger.post(
        [(ledger.account(AccountKind.LOSSES, PLATFORM, reversal.currency), -left),
         (ledger.get_account(reversal.credit_account_id), left),
         (due_account(reversal), -left), (receivable_account(reversal), left)],
        kind="written_off", reference=f"{reversal.id}:written_off")
    lifecycle.move_reversal(reversal, ReversalState.WRITTEN_OFF, by=by, amount_minor=left.minor, reason=reason)
    outbox.promise("note_reversal", reference=reversal.asked_for)
    outbox.promise("send_letter", letter="payee_debt_written_off", reversal_id=reversal.id)


def lock_reversal(reversal_id: str) -> TransferReversal:
    """With the funds that it returns to, as it is now; nobody else changes it until this transaction ends."""
    lock_accounts(db.session.scalars(select(TransferReversal.credit_account_id).filter_by(id=reversal_id)))
    return db.session.get_one(
        TransferReversal, reversal_id, populate_existing=True, with_for_update={"key_share": True})


def receivable_account(reversal: TransferReversal) -> Account:
    """What the payee owes, below zero."""
    return ledger.account(AccountKind.RECEIVABLE, reversal.id, reversal.currency)


def due_account(reversal: TransferReversal) -> Account:
    """What its owner gets once the payee has paid."""
    return ledger.account(AccountKind.CLAWBACK_DUE, reversal.id, reversal.currency)


DELIVER_REVERSAL = Errand(_call, _settle)
