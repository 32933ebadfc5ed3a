"""What an admin decides about money that went wrong: writing off a debt, taking back a transfer. Two, above a limit."""
from sqlalchemy import and_, func, select
from sqlalchemy.orm import join

from marketplace.foundation import audit, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, Invalid, NotFound, require
from marketplace.foundation.money import Money, refuse_odd, show_money, zero
from marketplace.identity.models import User
from marketplace.payments.ledger_trail import find_source
from marketplace.payments.locks import lock_accounts
from marketplace.payments.models import (
    AccountKind,
    MoneyOrder,
    OrderCause,
    OrderKind,
    OrderState,
    Payable,
    ReversalState,
    Transfer,
    TransferReversal,
)
from marketplace.payments.money_out import payables, reversals
from marketplace.payments.money_out.approvals import require_decider, takes_two
from marketplace.payments.money_out.lifecycle import move_order

PIECE_OF = func.coalesce(Payable.rest_of, Payable.id)
ORDERED_BACK = join(Payable, TransferReversal, TransferReversal.payable_id == Payable.id).join(MoneyOrder, and_(
    MoneyOrder.kind == OrderKind.REVERSAL, MoneyOrder.subject_id == Payable.transfer_id,
    TransferReversal.reference.startswith(MoneyOrder.id)))


CAUSES = {  # As the business reads them.
    OrderCause.WRONG_PAYEE: "It had gone to the wrong person.",
    OrderCause.NOT_GENUINE: "What it was paid for was found not to be genuine.",
    OrderCause.TOO_MUCH: "It was more than had been earned.",
    OrderCause.OTHER: "Another reason, which is told to the one who was paid.",
}


class OrderOpen(Conflict):
    code = "order_open"


class NotOwed(Conflict):
    code = "not_owed"


def ask_write_off(reversal: TransferReversal, *, reason: str, by: User) -> MoneyOrder:
    """Nobody will pay this: it becomes our loss, at once or when a second admin agrees. NotOwed, OrderOpen (409)."""
    require(by.is_admin, "write off a debt")
    if reversal.state is not ReversalState.OUTSTANDING:
        raise NotOwed("This is no longer owed, or Stripe is being asked for it right now.",
                      next_step="Reload the page to see where it stands.")
    return _ask(OrderKind.WRITE_OFF, reversal.id, reversal.left, reason=reason, by=by)


def ask_reversal(
    transfer: Transfer, amount: Money, *, reason: str, by: User, cause: OrderCause = OrderCause.OTHER,
) -> MoneyOrder:
    """Take back ``amount`` of a sent transfer, to the funds it came from. What Stripe refuses becomes a debt.

    BadAmount (422) for what it could not take back of anybody.
    """
    require(by.is_admin, "take back a transfer")
    most = can_be_taken(transfer)
    if amount.currency != transfer.currency or amount.minor <= 0 or amount > most:
        raise Invalid("That cannot be taken back of this transfer.",
                      fields={"amount": [f"More than zero, and at most {show_money(most)}."]})
    refuse_odd(amount)
    return _ask(OrderKind.REVERSAL, transfer.id, amount, reason=reason, cause=cause, by=by)


def grant_order(order: MoneyOrder, *, by: User) -> None:
    """asked -> granted: it is done. SecondAdminNeeded (403) above the limit for the admin who asked."""
    _require_no_stake(order.kind, order.subject_id, by)
    require_decider(by, asked_by=order.asked_by, amounts=[_with_earlier(order.kind, order.subject_id, order.amount)],
                    action="decide about this")
    move_order(order, OrderState.GRANTED, by=by.id)
    if order.kind is OrderKind.WRITE_OFF:
        _write_off(order, by=by.id)
    else:
        _take_back(order, by=by.id)


def decline_order(order: MoneyOrder, *, by: User) -> None:
    require(by.is_admin, "decide about this")
    _require_no_stake(order.kind, order.subject_id, by)
    move_order(order, OrderState.DECLINED, by=by.id)


def can_be_taken(transfer: Transfer) -> Money:
    """What of a transfer has not been taken back, and is not being taken back."""
    return sum((payables.left_of(payable) for payable in _sent_in(transfer)), zero(transfer.currency))


def ordered_back_from(payee_id: str) -> list[str]:
    """Payables of this payee of which admins ordered something back."""
    return list(db.session.scalars(
        select(PIECE_OF).select_from(ORDERED_BACK).where(Payable.payee_id == payee_id).distinct()))


def _require_no_stake(kind: OrderKind, subject_id: str, by: User) -> None:
    """Nobody decides about money of their own, or of a business they work for."""
    reversed_id = subject_id if kind is OrderKind.REVERSAL else db.session.get_one(
        TransferReversal, subject_id).transfer_id
    transfer = db.session.get_one(Transfer, reversed_id)
    require(by.id != transfer.payee_id and by.role_in(transfer.business_id) is None, "decide about money of your own")


def _with_earlier(kind: OrderKind, subject_id: str, amount: Money) -> Money:
    """The limit counts for each transfer or debt, in however many slices it is asked for."""
    granted = db.session.query(MoneyOrder).filter_by(kind=kind, subject_id=subject_id, state=OrderState.GRANTED)
    return sum((order.amount for order in granted), start=amount)


def cause_in_words(order: MoneyOrder) -> str:
    """To the business that paid."""
    return CAUSES[order.cause or OrderCause.OTHER]


def _ask(
    kind: OrderKind, subject_id: str, amount: Money, *, reason: str, by: User, cause: OrderCause | None = None,
) -> MoneyOrder:
    _require_no_stake(kind, subject_id, by)
    if db.session.query(MoneyOrder).filter_by(kind=kind, subject_id=subject_id, state=OrderState.ASKED).first():
        raise OrderOpen("This has been asked for already, and waits for another admin.")
    order = MoneyOrder(kind=kind, subject_id=subject_id, amount=amount, reason=reason, cause=cause, asked_by=by.id)
    db.session.add(order)
    db.session.flush()
    audit.record("order.asked", order.id, by=by.id, kind=kind, subject=subject_id, amount_minor=amount.minor,
                 reason=reason)
    if takes_two([_with_earlier(kind, subject_id, amount)]):
        outbox.promise("send_letter", letter="order_waits", order_id=order.id)
    else:
        grant_order(order, by=by)
    return order


def _write_off(order: MoneyOrder, *, by: str) -> None:
    """Our expense: the business gets what it was promised, and the payee is never asked again."""
    reversal = reversals.lock_reversal(order.subject_id)
    if reversal.state is not ReversalState.OUTSTANDING:
        raise NotOwed("It was paid meanwhile, or Stripe is being asked for it right now.",
                      next_step="Look again in a minute; decline the order if it was paid.")
    reversals.write_off(reversal, by=by, reason=order.reason)


def _take_back(order: MoneyOrder, *, by: str) -> None:
    transfer = db.session.get_one(Transfer, order.subject_id)
    funds = {payable.id: find_source(payables.payable_account(payable), AccountKind.FUNDS)
             for payable in _sent_in(transfer)}
    lock_accounts(account.id for account in funds.values())
    sent = [payables.lock_payable(payable_id) for payable_id in sorted(funds)]
    left = order.amount
    if left > can_be_taken(transfer):
        raise Conflict("Part of it was taken back meanwhile.", next_step="Decline this, and ask for less.")
    for payable in sent:
        part = min(left, payables.left_of(payable))
        if part.minor:
            reference = f"{order.id}:{payable.id}"
            payables.take_back_of(payable, part, credit=funds[payable.id], clawback_id=reference)
            outbox.promise("return_fee", reference=reference, taken_minor=str(part.minor))
            left -= part
    audit.record("transfer.reversal_ordered", transfer.id, by=by, order=order.id, amount_minor=order.amount_minor,
                 reason=order.reason)


def _sent_in(transfer: Transfer) -> list[Payable]:
    return list(db.session.query(Payable).filter_by(transfer_id=transfer.id).order_by(Payable.id))


def get_order(order_id: str) -> MoneyOrder:
    order = db.session.get(MoneyOrder, order_id)
    if order is None:
        raise NotFound("There is no such order.", next_step="Reload the list.")
    return order

