"""What is released and owed to a payee, until a transfer takes it; and taking part of it back."""
from collections.abc import Sequence
from typing import Literal

from sqlalchemy import Select, func, select

from marketplace.foundation import audit, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import Money, show_money, zero
from marketplace.payments import ledger, lifecycle
from marketplace.payments.models import (
    Account,
    AccountKind,
    Netting,
    Payable,
    PayableState,
    Transfer,
    TransferReversal,
    TransferState,
)
from marketplace.payments.money_out import stops
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
    reference: str, amount: Money, *, credit: Account, clawback_id: str
) -> Literal["taken", "reversing"]:
    """Give ``amount`` of a payable to ``credit``: at once while it is owed, else by reversing its transfer.

    When Stripe has answered about a reversal, ``note_reversal(reference=clawback_id)`` is promised.
    MoreThanLeft (409) when less than ``amount`` is left of it.
    """
    pieces = lock_pieces(reference)
    left = sum((left_of(piece) for piece in pieces), zero(amount.currency))
    if amount > left:
        raise MoreThanLeft(f"Only {show_money(left)} of this is left.", next_step="Take back no more than that.")
    for piece in pieces:  # First what is owed, of each of them: nothing is asked of Stripe while any is.
        amount -= _take_owed(piece, amount, credit=credit, clawback_id=clawback_id)
    asked = 0
    for piece in pieces:
        part = min(amount, left_of(piece))
        asked = _take(piece, part, credit=credit, clawback_id=clawback_id, asked=asked)
        amount -= part
        note_all_netted(piece)
    return "reversing" if asked else "taken"


def note_all_netted(piece: Payable) -> None:
    """Nothing is owed of it any more, and the payee has what is left of it in older transfers: it was sent."""
    left = [transfer_id for _, transfer_id, free in _netted(piece) if free.minor]
    if piece.state is PayableState.OWED and not piece.amount.minor and left:
        lifecycle.move_payable(piece, PayableState.SENT, transfer_id=left[-1], by=audit.SYSTEM)
        outbox.promise("note_transfer", transfer_id=left[-1])


def take_back_of(payable: Payable, amount: Money, *, credit: Account, clawback_id: str) -> None:
    """``take_back`` of this one row alone, of which so much is left."""
    piece = lock_payable(payable.id)
    amount -= _take_owed(piece, amount, credit=credit, clawback_id=clawback_id)
    _take(piece, amount, credit=credit, clawback_id=clawback_id, asked=0)


def _take_owed(piece: Payable, amount: Money, *, credit: Account, clawback_id: str) -> Money:
    """So much of it as no transfer has taken. How much it was."""
    own = min(amount, _own_left(piece)) if piece.state is PayableState.OWED else zero(amount.currency)
    if own.minor:
        part_of = f":{piece.id}" if piece.rest_of else ""
        take_from_owed(piece, own, credit=credit, reference=f"{clawback_id}{part_of}")
    return own


def _take(piece: Payable, amount: Money, *, credit: Account, clawback_id: str, asked: int) -> int:
    """Of its own transfer, then of the older ones that paid it. How many reversals by now."""
    own = min(amount, _own_left(piece)) if piece.state is not PayableState.OWED else zero(amount.currency)
    if own.minor:
        assert piece.transfer_id is not None
        asked = _ask_reversal(piece, own, piece.transfer_id, credit=credit, clawback_id=clawback_id, number=asked)
    amount -= own
    for netting, transfer_id, free in _netted(piece):
        part = min(amount, free)
        if part.minor:
            asked = _ask_reversal(piece, part, transfer_id, credit=credit, clawback_id=clawback_id, number=asked,
                                  netting_id=netting.id)
        amount -= part
    return asked


def take_from_owed(payable: Payable, amount: Money, *, credit: Account, reference: str) -> None:
    """payable -> ``credit``, of what no transfer has taken."""
    ledger.move(amount, source=payable_account(payable), target=credit,
                kind="take_back", reference=f"{reference}:taken")
    payable.amount -= amount
    audit.record("payable.taken_back", payable.id, by=audit.SYSTEM, amount_minor=amount.minor, why=reference)


def _ask_reversal(
    payable: Payable, amount: Money, transfer_id: str, *, credit: Account, clawback_id: str, number: int,
    netting_id: str | None = None,
) -> int:
    """It is sent once the transfer is; should the transfer fail, transfers.py takes the amount from the payable.

    What lies in several transfers is asked of each; the first reversal has the caller's own reference.
    """
    transfer = db.session.get_one(Transfer, transfer_id, populate_existing=True)
    reversal_id = new_id("reversal")
    reversal = TransferReversal(
        id=reversal_id, reference=f"{clawback_id}/{number + 1}" if number else clawback_id, transfer_id=transfer.id,
        payable_id=payable.id, credit_account_id=credit.id, amount=amount, idempotency_key=make_key(reversal_id),
        netted_minor=0, netting_id=netting_id)
    db.session.add(reversal)
    db.session.flush()
    audit.record("reversal.requested", reversal.id, by=audit.SYSTEM, transfer=transfer.id, amount_minor=amount.minor)
    if transfer.state in SENT:
        outbox.promise("send_reversal", reversal_id=reversal.id)
    return number + 1


def set_apart(reference: str, amount: Money) -> Payable | None:
    """A payable of its own for part of what is owed and in no transfer; the rest goes its way. All of it: itself.

    None where nothing is owed any more. It is a piece of the first one: taken back with it, told under its name.
    """
    payable = lock_payable(reference)
    if payable.state is not PayableState.OWED or payable.amount_minor == 0:
        return None
    if amount >= payable.amount:
        return payable
    apart = Payable(id=new_id("rest"), payee_id=payable.payee_id, business_id=payable.business_id, amount=amount,
                    rest_of=payable.rest_of or payable.id)
    ledger.move(amount, source=payable_account(payable),
                target=ledger.account(AccountKind.PAYABLE, apart.id, amount.currency), kind="payable_set_apart",
                reference=f"{apart.id}:set_apart")
    payable.amount -= amount
    db.session.add(apart)
    db.session.flush()
    audit.record("payable.owed", apart.id, by=audit.SYSTEM, amount_minor=amount.minor, currency=amount.currency,
                 rest_of=apart.rest_of)
    stops.stop_alike(apart, like=payable.id)
    return apart


def left_of(payable: Payable) -> Money:
    """Owed or sent of it, or paid by an older transfer; less what was taken back of that, or is being taken back."""
    return sum((free for _, _, free in _netted(payable)), _own_left(payable))


def owed_of_all(reference: str) -> Money:
    """Of a payable and its pieces, what no transfer has taken."""
    pieces = lock_pieces(reference)
    return sum((piece.amount for piece in pieces if piece.state is PayableState.OWED), zero(pieces[0].currency))


def left_of_all(reference: str) -> Money:
    """Of a payable and the odd units that were carried over from it."""
    pieces = lock_pieces(reference)
    return sum((left_of(piece) for piece in pieces), zero(pieces[0].currency))


def see_left_of_all(reference: str) -> Money:
    """``left_of_all``, to show it: nothing is locked."""
    pieces = db.session.scalars(_pieces_of(reference)).all()
    return sum((left_of(piece) for piece in pieces), zero(pieces[0].currency))


def _own_left(payable: Payable) -> Money:
    """Of what is owed, or went with its own transfer."""
    asked = db.session.scalar(select(func.sum(TransferReversal.amount_minor)).where(
        TransferReversal.payable_id == payable.id, TransferReversal.netting_id.is_(None)))
    return payable.amount - Money(int(asked or 0), payable.currency)


def _netted(payable: Payable) -> list[tuple[Netting, str, Money]]:
    """What older transfers paid of it, each with the transfer in which it lies and what is left there."""
    rows = db.session.execute(
        select(Netting, TransferReversal.transfer_id)
        .join(TransferReversal, TransferReversal.id == Netting.reversal_id)
        .where(Netting.payable_id == payable.id).order_by(Netting.id)).all()
    found = []
    for netting, transfer_id in rows:
        asked = db.session.scalar(select(func.sum(TransferReversal.amount_minor)).filter_by(netting_id=netting.id))
        found.append((netting, transfer_id, netting.amount - Money(int(asked or 0), payable.currency)))
    return found


def lock_pieces(reference: str) -> Sequence[Payable]:
    """A payable and the odd units carried over from it; what is still owed comes first."""
    pieces = db.session.scalars(
        _pieces_of(reference).with_for_update(key_share=True).execution_options(populate_existing=True)).all()
    return sorted(pieces, key=lambda piece: piece.state is not PayableState.OWED)


def _pieces_of(reference: str) -> Select[Payable]:
    return select(Payable).where((Payable.id == reference) | (Payable.rest_of == reference)).order_by(Payable.id)


def lock_payable(reference: str) -> Payable:
    """As it is now, and nobody else changes it until this transaction ends."""
    return db.session.get_one(Payable, reference, populate_existing=True, with_for_update={"key_share": True})


def payable_account(payable: Payable) -> Account:
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
