"""Reading the ledger: accounts, an account's postings, an entry with all of them, and finding any of it by any id."""
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Select, collate, or_, select

from marketplace.foundation.db import db
from marketplace.foundation.errors import NotFound, require
from marketplace.foundation.money import Money
from marketplace.foundation.paging import Page, page
from marketplace.identity.models import User
from marketplace.payments.models import (
    AccountKind,
    Chargeback,
    Explanation,
    Funding,
    LedgerAccount,
    LedgerEntry,
    OpenItem,
    Posting,
    Refund,
    StripeMovement,
    Transfer,
    TransferReversal,
)
from marketplace.payments.permissions import may_keep_books

MOST_FOUND = 50
PAGE = 50
LOOK_UP = "Look it up by another of its ids."


@dataclass(frozen=True)
class Part:
    """One posting of an entry, with its account."""

    account: LedgerAccount
    amount: Money
    after: Money | None  # The account's balance after it; accounts without a floor keep none.


@dataclass(frozen=True)
class Found:
    """What an id leads to."""

    accounts: Sequence[LedgerAccount]
    entries: Sequence[LedgerEntry]
    movements: Sequence[StripeMovement]

    def __bool__(self) -> bool:
        return bool(self.accounts or self.entries or self.movements)


def accounts_page(
    *, seen_by: User, kind: AccountKind | None, owner_id: str, currency: str, cursor: str | None
) -> Page[LedgerAccount]:
    """Newest first; every filter may be empty."""
    require(may_keep_books(seen_by), "see the ledger")
    wanted = select(LedgerAccount)
    if kind:
        wanted = wanted.where(LedgerAccount.kind == kind)
    if owner_id:
        wanted = wanted.where(LedgerAccount.owner_id == owner_id)
    if currency:
        wanted = wanted.where(LedgerAccount.currency == currency)
    return page(wanted, LedgerAccount.id, cursor=cursor, size=PAGE)


def get_account(account_id: str, *, seen_by: User) -> LedgerAccount:
    require(may_keep_books(seen_by), "see the ledger")
    account = db.session.get(LedgerAccount, account_id)
    if account is None:
        raise NotFound("There is no such account.", next_step=LOOK_UP)
    return account


def postings_page(account: LedgerAccount, *, cursor: str | None) -> tuple[Page[Posting], dict[str, LedgerEntry]]:
    """Newest first, with their entries by id."""
    shown = page(select(Posting).where(Posting.account_id == account.id), Posting.entry_id, cursor=cursor, size=PAGE)
    entries = db.session.scalars(select(LedgerEntry).where(LedgerEntry.id.in_([one.entry_id for one in shown.rows])))
    return shown, {entry.id: entry for entry in entries}


def get_entry(entry_id: str, *, seen_by: User) -> LedgerEntry:
    require(may_keep_books(seen_by), "see the ledger")
    entry = db.session.get(LedgerEntry, entry_id)
    if entry is None:
        raise NotFound("There is no such entry.", next_step=LOOK_UP)
    return entry


def parts_of(entry_ids: Sequence[str]) -> dict[str, list[Part]]:
    """By entry, in the order of the accounts' kinds."""
    rows = db.session.execute(
        select(Posting, LedgerAccount).join(LedgerAccount, LedgerAccount.id == Posting.account_id)
        .where(Posting.entry_id.in_(entry_ids)).order_by(LedgerAccount.kind, LedgerAccount.id))
    found: dict[str, list[Part]] = {entry_id: [] for entry_id in entry_ids}
    for posting, account in rows:
        after = posting.balance_after_minor
        found[posting.entry_id].append(Part(
            account, Money(posting.amount_minor, account.currency),
            None if after is None else Money(after, account.currency)))
    return found


def movement_of(entry: LedgerEntry) -> StripeMovement | None:
    """The movement at Stripe that the entry explains."""
    return db.session.scalar(select(StripeMovement).join(Explanation, Explanation.movement_id == StripeMovement.id)
                             .where(Explanation.entry_id == entry.id))


def get_movement(movement_id: str, *, seen_by: User) -> StripeMovement:
    require(may_keep_books(seen_by), "see the ledger")
    movement = db.session.get(StripeMovement, movement_id)
    if movement is None:
        raise NotFound("We know no such movement at Stripe.", next_step="Reconcile, and look again.")
    return movement


def entries_of(movement: StripeMovement) -> Sequence[LedgerEntry]:
    """Those that explain it."""
    return db.session.scalars(
        select(LedgerEntry).join(Explanation, Explanation.entry_id == LedgerEntry.id)
        .where(Explanation.movement_id == movement.id).order_by(LedgerEntry.id)).all()


def items_about(*subject_ids: str) -> Sequence[OpenItem]:
    """Open and closed, oldest first."""
    return db.session.scalars(select(OpenItem).where(OpenItem.subject_id.in_(subject_ids)).order_by(OpenItem.id)).all()


def find_anything(wanted: str, *, seen_by: User) -> Found:
    """By our id of anything, or Stripe's: of a charge, payment, page, refund, transfer, reversal, movement."""
    require(may_keep_books(seen_by), "see the ledger")
    if not wanted:
        return Found((), (), ())
    ids = [wanted, *_ours(wanted)]
    accounts = db.session.scalars(
        select(LedgerAccount).where(or_(LedgerAccount.id == wanted, LedgerAccount.owner_id.in_(ids)))
        .order_by(LedgerAccount.id).limit(MOST_FOUND)).all()
    movements = db.session.scalars(
        select(StripeMovement).where(or_(StripeMovement.id == wanted, StripeMovement.source_id == wanted,
                                         StripeMovement.our_id.in_(ids)))
        .order_by(StripeMovement.id).limit(MOST_FOUND)).all()
    return Found(accounts, _entries(wanted, ids), movements)


def _entries(wanted: str, ids: Sequence[str]) -> Sequence[LedgerEntry]:
    """By their own id, and by what they refer to: ``<id>:<what happened>``."""
    binary = "C" if db.engine.dialect.name == "postgresql" else "BINARY"
    reference = collate(LedgerEntry.reference, binary)
    about = [(reference >= f"{one}:") & (reference < f"{one};") for one in ids]
    found: Select[LedgerEntry] = select(LedgerEntry).where(or_(LedgerEntry.id == wanted, *about))
    return db.session.scalars(found.order_by(LedgerEntry.id).limit(MOST_FOUND)).all()


def _ours(stripe_id: str) -> list[str]:
    """Our rows of this object at Stripe."""
    looks = (
        select(Transfer.id).where(Transfer.stripe_transfer_id == stripe_id),
        select(TransferReversal.id).where(TransferReversal.stripe_reversal_id == stripe_id),
        select(Refund.id).where(Refund.stripe_refund_id == stripe_id),
        select(Chargeback.id).where(Chargeback.stripe_id == stripe_id),
        select(Funding.id).where(or_(Funding.charge_id == stripe_id, Funding.payment_intent_id == stripe_id,
                                     Funding.checkout_session_id == stripe_id)),
    )
    return [found for look in looks for found in db.session.scalars(look)]
