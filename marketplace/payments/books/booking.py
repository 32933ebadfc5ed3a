"""What an admin decides about a difference, as an explicit entry with a reason: the one way books are put right."""
from sqlalchemy import select

from marketplace.foundation import audit, clock
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, require
from marketplace.foundation.money import Money
from marketplace.identity.models import User
from marketplace.payments import ledger
from marketplace.payments.books import explaining, open_items
from marketplace.payments.books.stripes_own import booked_reference
from marketplace.payments.models import (
    PLATFORM,
    AccountKind,
    Explanation,
    LedgerAccount,
    LedgerEntry,
    OpenItem,
    OpenItemKind,
    Posting,
    StripeMovement,
)
from marketplace.payments.permissions import may_keep_books

K = OpenItemKind
OUR_BANK = frozenset({K.PAYOUT_UNEXPLAINED, K.TOPUP_UNEXPLAINED})
OF_A_MOVEMENT = frozenset({
    K.CHARGE_UNKNOWN, K.CHARGE_NOT_POSTED, K.FEE_NOT_POSTED, K.FEE_DIFFERS, K.REFUND_UNKNOWN, K.REFUND_NOT_POSTED,
    K.REFUND_FAILURE_NOT_POSTED, K.TRANSFER_UNKNOWN, K.TRANSFER_DOUBLED, K.TRANSFER_NOT_POSTED, K.REVERSAL_UNKNOWN,
    K.REVERSAL_NOT_POSTED, K.ADJUSTMENT_UNEXPLAINED, K.PAYOUT_UNEXPLAINED, K.TOPUP_UNEXPLAINED,
    K.COLLECTION_UNEXPLAINED, K.MOVEMENT_UNEXPLAINED, K.AMOUNT_DIFFERS,
})
STRIPES_FEES = frozenset({K.FEE_NOT_POSTED, K.FEE_DIFFERS})


class NotBookable(Conflict):
    code = "not_bookable"


def may_be_booked(item: OpenItem) -> bool:
    """Whether one entry can settle it; of the others the cause must be found and mended."""
    return item.resolved_at is None and (item.kind in OF_A_MOVEMENT or item.kind is K.MOVEMENT_MISSING)


def counterpart(item: OpenItem) -> tuple[AccountKind, str]:
    """Where its money goes to or comes from: our bank, Stripe's fees, a named account, or our losses."""
    if item.kind in OUR_BANK:
        return AccountKind.BANK, PLATFORM
    if item.kind in STRIPES_FEES:
        return AccountKind.STRIPE_FEES, PLATFORM
    return (AccountKind.UNMATCHED, item.subject_id) if item.amount_minor > 0 else (AccountKind.LOSSES, PLATFORM)


def book_item(item: OpenItem, *, reason: str, by: User) -> None:
    """One entry between our balance at Stripe and ``counterpart``, worth the item, which is closed with the reason.

    NotBookable (409) where no entry settles it, or where it is not any more what the list shows.
    """
    require(may_keep_books(by), "book a difference")
    if not may_be_booked(item):
        raise NotBookable("No entry can settle this item.", next_step="Find its cause; the runbook says how.")
    require_reason(reason)
    entry_id = _book_entry(item) if item.kind is K.MOVEMENT_MISSING else _book_movement(item)
    kind, owner_id = counterpart(item)
    audit.record("item.booked", item.id, by=by.id, entry=entry_id, about=item.subject_id, account=kind, owner=owner_id,
                 amount_minor=item.amount_minor, currency=item.currency, reason=reason.strip())
    open_items.close_item(item, reason=reason, by=by)


def require_reason(reason: str) -> None:
    if not reason.strip():
        raise open_items.ReasonMissing("Say what this was.", fields={"reason": ["Write a sentence."]})


def still_open_movement(item: OpenItem) -> StripeMovement:
    """The item's movement, locked. NotBookable (409) where it is not any more what the list shows."""
    movement = db.session.get_one(StripeMovement, item.subject_id, with_for_update=True, populate_existing=True)
    still = explaining.explain(movement)
    if [(one.kind, one.amount_minor) for one in still] != [(item.kind, item.amount_minor)]:
        raise NotBookable("This difference has changed since it was found.", next_step="Reconcile again.")
    return movement


def _book_movement(item: OpenItem) -> str:
    movement = still_open_movement(item)
    entry_id = _post(item, booked_reference(movement), item.amount_minor)
    db.session.add(Explanation(entry_id=entry_id, movement_id=movement.id))
    movement.explained_at = clock.now()
    return entry_id


def _book_entry(item: OpenItem) -> str:
    """Take back, with an entry of its own, what was posted and never was."""
    posted = db.session.scalar(
        select(Posting.amount_minor).join(LedgerAccount, LedgerAccount.id == Posting.account_id)
        .where(Posting.entry_id == item.subject_id, LedgerAccount.kind == AccountKind.CLEARING))
    explained = db.session.scalar(select(Explanation.entry_id).filter_by(entry_id=item.subject_id))
    if posted != item.amount_minor or explained:
        raise NotBookable("Stripe shows this movement after all.", next_step="Reconcile again.")
    entry_id = _post(item, f"{item.subject_id}:taken_back", item.amount_minor)
    db.session.add_all([Explanation(entry_id=entry_id), Explanation(entry_id=item.subject_id)])
    return entry_id


def _post(item: OpenItem, reference: str, minor: int) -> str:
    """``minor`` is Stripe less ledger: our balance at Stripe is raised by it, whichever way that is."""
    worth = Money(minor, item.currency)
    kind, owner_id = counterpart(item)
    ledger.move(worth, source=ledger.clearing(item.currency), target=ledger.account(kind, owner_id, item.currency),
                kind=f"booked_{item.kind}", reference=reference)
    return db.session.scalars(select(LedgerEntry.id).filter_by(reference=reference)).one()
