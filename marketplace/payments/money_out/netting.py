"""What a payee owes back is kept of what they are owed, before anything is sent: a newer reward pays the older debt.

Nothing moves at Stripe: the payee has the money already, in the transfer that could not be taken back. In the books the
payable's money goes where that reversal's was to go; see docs/decisions/0012-batches-and-netting.md.
"""
from collections.abc import Sequence

from sqlalchemy import ColumnElement, select

from marketplace.foundation import audit, outbox
from marketplace.foundation.db import db
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import Money
from marketplace.payments import ledger, lifecycle
from marketplace.payments.locks import lock_accounts
from marketplace.payments.models import (
    Netting,
    Payable,
    PayableState,
    ReversalState,
    Transfer,
    TransferReversal,
)
from marketplace.payments.money_out import payables, reversals, stops

SYSTEM = audit.SYSTEM


def net_everything() -> None:
    """For all who owe something back and are owed something."""
    debtors = db.session.scalars(
        select(Transfer.payee_id).join(TransferReversal, TransferReversal.transfer_id == Transfer.id)
        .join(Payable, Payable.payee_id == Transfer.payee_id)
        .where(TransferReversal.state == ReversalState.OUTSTANDING, *_owed()).distinct()).all()
    funds = _lock_credited(debtors)
    for payee_id in sorted(debtors):
        _net_payee(payee_id, funds)


def net_payee(payee_id: str) -> None:
    """Oldest debt first; money of the same business first, then of others, oldest first. Currencies never mix."""
    if funds := _lock_credited([payee_id]):
        _net_payee(payee_id, funds)


def _lock_credited(payee_ids: Sequence[str]) -> set[str]:
    """All funds that their debts are owed to, before any payable is locked. A debt that comes now is for later."""
    funds = set(db.session.scalars(
        select(TransferReversal.credit_account_id).join(Transfer, Transfer.id == TransferReversal.transfer_id)
        .where(Transfer.payee_id.in_(payee_ids), TransferReversal.state == ReversalState.OUTSTANDING)))
    lock_accounts(funds)
    return funds


def _net_payee(payee_id: str, funds: set[str]) -> None:
    owed = db.session.scalars(
        payables.payables_of(payee_id).where(*_owed()).order_by(None).order_by(Payable.id)
        .with_for_update(key_share=True).execution_options(populate_existing=True)).all()
    for reversal, business_id in _lock_debts(payee_id, funds):
        of_currency = [payable for payable in owed if payable.currency == reversal.currency]
        for payable in sorted(of_currency, key=lambda one: (one.business_id != business_id, one.id)):
            amount = min(reversal.left, payable.amount)
            if amount.minor:
                _net(reversal, payable, amount)


def _owed() -> list[ColumnElement[bool]]:
    return [Payable.state == PayableState.OWED, Payable.amount_minor > 0, ~stops.is_stopped()]


def _lock_debts(payee_id: str, funds: set[str]) -> Sequence[tuple[TransferReversal, str]]:
    """With the business that each is owed to."""
    found = (select(TransferReversal, Transfer.business_id)
             .join(Transfer, Transfer.id == TransferReversal.transfer_id)
             .where(Transfer.payee_id == payee_id, TransferReversal.state == ReversalState.OUTSTANDING,
                    TransferReversal.credit_account_id.in_(funds))
             .order_by(TransferReversal.id)
             .with_for_update(key_share=True, of=TransferReversal).execution_options(populate_existing=True))
    return [(reversal, business_id) for reversal, business_id in db.session.execute(found)]


def _net(reversal: TransferReversal, payable: Payable, amount: Money) -> None:
    netting = Netting(id=new_id("netting"), reversal_id=reversal.id, payable_id=payable.id, amount=amount)
    db.session.add(netting)
    ledger.post(
        [(payables.payable_account(payable), -amount),
         (ledger.get_account(reversal.credit_account_id), amount),
         (reversals.due_account(reversal), -amount), (reversals.receivable_account(reversal), amount)],
        kind="netted", reference=netting.id)
    reversal.netted_minor += amount.minor
    payable.amount -= amount
    audit.record("payable.netted", payable.id, by=SYSTEM, reversal=reversal.id, amount_minor=amount.minor)
    if reversal.left.minor == 0:
        lifecycle.move_reversal(reversal, ReversalState.NETTED, by=SYSTEM)
        outbox.promise("note_reversal", reference=reversal.asked_for)
    if payable.amount.minor == 0:
        # The payee has all of it, in the older transfer.
        lifecycle.move_payable(payable, PayableState.SENT, transfer_id=reversal.transfer_id, by=SYSTEM)
        outbox.promise("note_transfer", transfer_id=reversal.transfer_id)
    outbox.promise("send_letter", letter="reward_netted", netting_id=netting.id)
