"""A transfer that Stripe made and our rows do not know (a backup was restored): an admin says which rewards it paid."""
from collections.abc import Sequence

from sqlalchemy import select

from marketplace.foundation import audit, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Invalid, require
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import Money, show_money, zero
from marketplace.identity.models import User
from marketplace.payments import ledger, lifecycle
from marketplace.payments.books import booking, open_items
from marketplace.payments.models import (
    PLATFORM,
    AccountKind,
    ConnectedAccount,
    Explanation,
    OpenItem,
    OpenItemKind,
    Payable,
    PayableState,
    StripeMovement,
    Transfer,
    TransferState,
)
from marketplace.payments.money_out import payables
from marketplace.payments.permissions import may_keep_books
from marketplace.payments.sending import make_key

PAID_OUT = frozenset({OpenItemKind.TRANSFER_UNKNOWN, OpenItemKind.TRANSFER_DOUBLED})


class NotThese(Invalid):
    code = "not_these_rewards"


def payables_it_may_have_paid(item: OpenItem) -> Sequence[Payable]:
    """What we still owe to whom Stripe paid, in that currency: it would be sent a second time."""
    if item.kind not in PAID_OUT or item.resolved_at is not None:
        return []
    movement = db.session.get(StripeMovement, item.subject_id)
    payee_id = db.session.scalar(select(ConnectedAccount.user_id).where(
        ConnectedAccount.stripe_account_id == movement.destination)) if movement and movement.destination else None
    return db.session.scalars(
        select(Payable).where(Payable.payee_id == payee_id, Payable.state == PayableState.OWED,
                              Payable.amount_minor > 0, Payable.currency == item.currency)
        .order_by(Payable.created_at, Payable.id)).all() if payee_id else []


def adopt_transfer(item: OpenItem, payable_ids: Sequence[str], *, reason: str, by: User) -> Transfer:
    """Stripe's transfer becomes a row of ours that paid these; what it paid beyond them is our loss.

    NotThese (422): of another payee or business, not owed, or more than Stripe paid.
    """
    require(may_keep_books(by), "adopt a transfer")
    booking.require_reason(reason)
    chosen = [payable for payable in payables_it_may_have_paid(item) if payable.id in set(payable_ids)]
    if not chosen or len(chosen) != len(set(payable_ids)) or len({one.business_id for one in chosen}) > 1:
        raise NotThese("Choose rewards of one business that are still owed to this payee.",
                       next_step="Reload the page.")
    movement = booking.still_open_movement(item)
    sent = Money(-movement.net_minor, movement.currency)
    paid = sum((one.amount for one in chosen), zero(sent.currency))
    if paid > sent:
        raise NotThese(f"These are {show_money(paid)}, and Stripe sent {show_money(sent)}.", next_step="Choose fewer.")
    transfer = _as_sent(movement, sent, chosen[0])
    for payable in chosen:
        lifecycle.move_payable(payable, PayableState.IN_TRANSFER, transfer_id=transfer.id, by=by.id)
        lifecycle.move_payable(payable, PayableState.SENT, transfer_id=transfer.id, by=by.id)
    entry_id = ledger.post(
        [(payables.payable_account(one), -one.amount) for one in chosen]
        + [(ledger.account(AccountKind.LOSSES, PLATFORM, sent.currency), paid - sent),
           (ledger.clearing(sent.currency), sent)],
        kind="transfer_sent", reference=f"{transfer.id}:sent")
    db.session.add(Explanation(entry_id=entry_id, movement_id=movement.id))
    movement.explained_at = transfer.sent_at
    audit.record("transfer.adopted", transfer.id, by=by.id, item=item.id, paid_minor=paid.minor, reason=reason.strip())
    outbox.promise("note_transfer", transfer_id=transfer.id)
    open_items.close_item(item, reason=reason, by=by)
    return transfer


def _as_sent(movement: StripeMovement, sent: Money, first: Payable) -> Transfer:
    """Under our own id of it, if Stripe remembers that and nothing of ours has it."""
    known = movement.our_id and db.session.get(Transfer, movement.our_id) is None
    transfer_id = movement.our_id if known and movement.our_id else new_id("transfer")
    transfer = Transfer(
        id=transfer_id, payee_id=first.payee_id, business_id=first.business_id, destination=movement.destination,
        amount=sent, idempotency_key=make_key(transfer_id), state=TransferState.SENDING,
        first_sent_at=movement.occurred_at, stripe_transfer_id=movement.source_id, sent_at=movement.occurred_at)
    lifecycle.move_transfer(transfer, TransferState.SENT, by=audit.SYSTEM, stripe=movement.source_id)
    db.session.add(transfer)
    db.session.flush()
    return transfer
