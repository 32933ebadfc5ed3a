"""What is released and owed to a payee, until a transfer takes it; and taking part of it back."""
from typing import Literal

from sqlalchemy import Select, func, select

from marketplace.foundation import audit, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import Money, show_money
from marketplace.payments import ledger
from marketplace.payments.models import (
    AccountKind,
    LedgerAccount,
    Payable,
    PayableState,
    Transfer,
    TransferReversal,
    TransferState,
)
from marketplace.payments.sending import make_key

SENT = frozenset({TransferState.SENT, TransferState.PARTLY_REVERSED, TransferState.REVERSED})


class MoreThanLeft(Conflict):
    code = "more_than_left"


def owe(reference: str, *, payee_id: str, business_id: str, amount: Money) -> Payable:
    """Note what was just posted into the payable account of this ``reference``. Promise request_transfers after it."""
    payable = Payable(id=reference, payee_id=payee_id, business_id=business_id, amount=amount)
    db.session.add(payable)
    db.session.flush()
    audit.record("payable.owed", reference, by=audit.SYSTEM, amount_minor=amount.minor, currency=amount.currency)
    return payable


def take_back(
    reference: str, amount: Money, *, credit: LedgerAccount, clawback_id: str
) -> Literal["taken", "reversing"]:
    """Give ``amount`` of a payable to ``credit``: at once while it is owed, else by reversing its transfer.

    When Stripe has answered about a reversal, ``note_reversal(reference=clawback_id)`` is promised.
    MoreThanLeft (409) when less than ``amount`` is left of it.
    """
    payable = lock_payable(reference)
    left = left_of(payable)
    if amount > left:
        raise MoreThanLeft(f"Only {show_money(left)} of this is left.", next_step="Take back no more than that.")
    if payable.state is PayableState.OWED:
        take_from_owed(payable, amount, credit=credit, reference=clawback_id)
        return "taken"
    _ask_reversal(payable, amount, credit=credit, clawback_id=clawback_id)
    return "reversing"


def take_from_owed(payable: Payable, amount: Money, *, credit: LedgerAccount, reference: str) -> None:
    """payable -> ``credit``, of what no transfer has taken."""
    ledger.move(amount, source=payable_account(payable), target=credit,
                kind="take_back", reference=f"{reference}:taken")
    payable.amount -= amount
    audit.record("payable.taken_back", payable.id, by=audit.SYSTEM, amount_minor=amount.minor, why=reference)


def _ask_reversal(payable: Payable, amount: Money, *, credit: LedgerAccount, clawback_id: str) -> None:
    """It is sent once the transfer is; should the transfer fail, transfers.py takes the amount from the payable."""
    transfer = db.session.get_one(Transfer, payable.transfer_id, populate_existing=True)
    reversal_id = new_id("reversal")
    reversal = TransferReversal(
        id=reversal_id, reference=clawback_id, transfer_id=transfer.id, payable_id=payable.id,
        credit_account_id=credit.id, amount=amount, idempotency_key=make_key(reversal_id))
    db.session.add(reversal)
    db.session.flush()
    audit.record("reversal.requested", reversal.id, by=audit.SYSTEM, transfer=transfer.id, amount_minor=amount.minor)
    if transfer.state in SENT:
        outbox.promise("send_reversal", reversal_id=reversal.id)


def left_of(payable: Payable) -> Money:
    """Less what was taken back of it, or is being taken back."""
    asked = db.session.scalar(
        select(func.sum(TransferReversal.amount_minor)).where(TransferReversal.payable_id == payable.id))
    return payable.amount - Money(int(asked or 0), payable.currency)


def lock_payable(reference: str) -> Payable:
    """As it is now, and nobody else changes it until this transaction ends."""
    return db.session.get_one(Payable, reference, populate_existing=True, with_for_update=True)


def payable_account(payable: Payable) -> LedgerAccount:
    return ledger.account(AccountKind.PAYABLE, payable.id, payable.currency)


def payables_of(payee_id: str) -> Select[Payable]:
    """Oldest first."""
    return select(Payable).where(Payable.payee_id == payee_id).order_by(Payable.created_at, Payable.id)


def owed_to(payee_id: str) -> dict[str, Money]:
    """What no transfer has taken yet, by currency."""
    found = db.session.execute(
        select(Payable.currency, func.sum(Payable.amount_minor))
        .where(Payable.payee_id == payee_id, Payable.state == PayableState.OWED, Payable.amount_minor > 0)
        .group_by(Payable.currency))
    return {currency: Money(int(minor), currency) for currency, minor in found}
