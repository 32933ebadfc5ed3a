"""What came back of what was sent, and what Stripe is still asked for: how much, when, and out of what."""
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import or_, select

from marketplace.foundation.db import db
from marketplace.foundation.money import Money
from marketplace.payments.models import LedgerEntry, MoneyOrder, Netting, Payable, ReversalState, TransferReversal


class How(StrEnum):
    UNSENT = "unsent"  # Before any transfer took it.
    ACCOUNT = "account"  # Out of the payee's account at Stripe.
    LATER = "later"  # Kept of what they were owed later.
    OURS = "ours"  # Written off: its owner got it of us, and the payee keeps it.
    ASKED = "asked"  # Not back yet: Stripe is asked,
    REFUSED = "refused"  # or could not; we ask again.


@dataclass(frozen=True)
class Back:
    """Part of a reversal. ``asked_for``: by the caller's own reference. ``at``: when it came, or else was asked for."""

    asked_for: str
    asked_at: datetime
    amount: Money
    how: How
    at: datetime


def came_back(references: Iterable[str]) -> dict[str, list[Back]]:
    """By payable, of the rests carried over from it too. A few statements, however many."""
    wanted, found = list(references), dict[str, list[Back]]()
    reversals = select(Payable.rest_of, TransferReversal).join(
        TransferReversal, TransferReversal.payable_id == Payable.id).where(
        or_(Payable.id.in_(wanted), Payable.rest_of.in_(wanted))).order_by(TransferReversal.id)
    rows = db.session.execute(reversals).all() if wanted else ()
    if not rows:
        return found
    times, netted = _times_of(one for _, one in rows), dict[str, list[Netting]]()
    for netting in db.session.scalars(select(Netting).where(
            Netting.reversal_id.in_([one.id for _, one in rows])).order_by(Netting.id)):
        netted.setdefault(netting.reversal_id, []).append(netting)
    for rest_of, one in rows:
        parts = found.setdefault(rest_of or one.payable_id, [])
        parts += [Back(one.asked_for, one.created_at, part.amount, How.LATER, part.created_at)
                  for part in netted.get(one.id, ())]
        if one.left.minor:
            at = times.get(one.id, one.created_at)
            parts.append(Back(one.asked_for, one.created_at, one.left, HOW[one.state], at))
    return found


def _times_of(reversals: Iterable[TransferReversal]) -> dict[str, datetime]:
    """When the money moved, by reversal."""
    names = {f"{one.id}:{one.state}": one.id for one in reversals}
    return {names[row.reference]: row.created_at for row in db.session.execute(
        select(LedgerEntry.reference, LedgerEntry.created_at).where(LedgerEntry.reference.in_(names)))}


def orders_behind(backs: Iterable[Back]) -> dict[str, MoneyOrder]:
    """Of what admins ordered: the order, by what it was asked for."""
    ids = {back.asked_for: back.asked_for.partition(":")[0] for back in backs}
    orders = {one.id: one for one in db.session.scalars(
        select(MoneyOrder).where(MoneyOrder.id.in_(set(ids.values()))))} if ids else {}
    return {asked_for: orders[order_id] for asked_for, order_id in ids.items() if order_id in orders}


HOW = {
    ReversalState.REQUESTED: How.ASKED, ReversalState.SENDING: How.ASKED, ReversalState.DONE: How.ACCOUNT,
    ReversalState.OUTSTANDING: How.REFUSED, ReversalState.NETTED: How.LATER, ReversalState.WRITTEN_OFF: How.OURS,
}
