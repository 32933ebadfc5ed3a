"""Which postings explain a movement at Stripe: by Stripe's object to our row, by our row to its entries.

A row's entries have references of one pattern, ``<row>:<what happened>``. A movement that its entries explain to the
cent is done with for good; any other is looked at in every run until it is explained.
"""
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute

from marketplace.foundation import clock
from marketplace.foundation.db import db
from marketplace.payments.books.findings import Finding
from marketplace.payments.books.stripes_own import (
    KEPT_AT_STRIPE,
    RESERVED_APART,
    STRIPES_PRICES,
    book_price,
    booked_reference,
)
from marketplace.payments.models import (
    AccountKind,
    Chargeback,
    ChargebackMovement,
    Explanation,
    Funding,
    LedgerAccount,
    LedgerEntry,
    OpenItemKind,
    Posting,
    Refund,
    StripeMovement,
    Transfer,
    TransferReversal,
)

GRACE = timedelta(hours=1)  # A call or webhook under way settles within minutes; a worker may have been down.

K = OpenItemKind


@dataclass(frozen=True)
class Row:
    """Ours. ``stripe_id`` is what we know it by at Stripe, if we have heard."""

    id: str
    stripe_id: str | None


@dataclass(frozen=True)
class Rule:
    """``find`` our row, ``references`` of its entries; names for a movement without a row, or without an entry."""

    find: Callable[[StripeMovement], Row | None]
    references: tuple[str, ...]
    unknown: OpenItemKind
    not_posted: OpenItemKind
    other: OpenItemKind | None = None  # Our row is known by another of Stripe's objects.
    may_be_unheard: bool = False  # Others than we make such things at Stripe: its word may be on its way.


@dataclass(frozen=True)
class Part:
    entry_id: str
    reference: str
    currency: str
    minor: int  # As posted to clearing: below zero, money came to Stripe.
    is_known: bool  # Found to be this movement's in a run before.


def explain(movement: StripeMovement) -> list[Finding]:
    """What of it no posting explains. What is explained to the cent is noted so, for good."""
    if movement.type in STRIPES_PRICES:
        book_price(movement)
    if movement.type in KEPT_AT_STRIPE | RESERVED_APART:
        movement.explained_at = clock.now()
        return []
    rule, row = _rule_and_row(movement)
    references = [f"{row.id}:{what}" for what in rule.references] if row and _is_it(row, movement) else []
    parts = _parts(movement, [*references, booked_reference(movement)])
    _note_explained(movement, parts)
    foreign = [part for part in parts if part.currency != movement.currency]
    difference = movement.net_minor + sum(part.minor for part in parts if part.currency == movement.currency)
    if not difference and not foreign:
        movement.explained_at = clock.now()
        return []
    if foreign:
        return _in_two_currencies(movement, difference, foreign)
    kind, note, ripe = _name(movement, rule, row, parts, difference)
    return [Finding(kind, movement.id, note, movement.currency, difference, ripe=ripe)]


def _rule_and_row(movement: StripeMovement) -> tuple[Rule, Row | None]:
    """What a chargeback has taken note of is its own, whatever Stripe calls it."""
    chargeback_id = db.session.scalar(select(ChargebackMovement.chargeback_id).filter_by(id=movement.id))
    if chargeback_id:
        taken = Rule(_nothing, (movement.id,), K.ADJUSTMENT_UNEXPLAINED, K.ADJUSTMENT_UNEXPLAINED)
        return taken, Row(chargeback_id, None)
    rule = RULES.get(movement.type, NO_RULE)
    return rule, rule.find(movement)


def _is_it(row: Row, movement: StripeMovement) -> bool:
    return row.stripe_id in {None, movement.source_id}


def _name(
    movement: StripeMovement, rule: Rule, row: Row | None, parts: list[Part], difference: int
) -> tuple[OpenItemKind, str, bool]:
    is_old = movement.occurred_at < clock.now() - GRACE
    what = f"{movement.type} {movement.source_id or movement.id}"
    if row is None:
        return rule.unknown, f"Stripe has {what}; we have nothing of it.", is_old or not rule.may_be_unheard
    if not _is_it(row, movement):
        kind = rule.other or rule.unknown
        return kind, f"Stripe has {what} for our {row.id}, which is {row.stripe_id} there.", True
    if not parts:
        return rule.not_posted, f"Stripe has {what}; our {row.id} has no entry of it.", is_old
    fees = [part for part in parts if part.reference.endswith(":fee")]
    if not fees and difference == -movement.fee_minor:
        return K.FEE_NOT_POSTED, f"Stripe kept a fee of {what}; our {row.id} has no entry of it.", is_old
    if fees and difference == -movement.fee_minor - sum(-part.minor for part in fees):
        return K.FEE_DIFFERS, f"Stripe kept another fee of {what} than our {row.id} has posted.", True
    return K.AMOUNT_DIFFERS, f"{what} has another amount at Stripe than the entries of our {row.id}.", True


def _in_two_currencies(movement: StripeMovement, difference: int, foreign: list[Part]) -> list[Finding]:
    by_currency = {movement.currency: difference}
    for part in foreign:
        by_currency[part.currency] = by_currency.get(part.currency, 0) + part.minor
    note = f"{movement.type} {movement.source_id} is in {movement.currency} at Stripe and in another currency with us."
    return [Finding(K.CURRENCY_DIFFERS, movement.id, note, currency, minor)
            for currency, minor in by_currency.items() if minor]


def _parts(movement: StripeMovement, references: list[str]) -> list[Part]:
    """The row's entries that touched our balance at Stripe the way the movement did, and belong to no other movement.

    An entry that was explained by this movement before stays its own.
    """
    rows: Any = db.session.execute(
        select(LedgerEntry.id, LedgerEntry.reference, LedgerAccount.currency, Posting.amount_minor,
               Explanation.movement_id, Explanation.entry_id)
        .join(Posting, Posting.entry_id == LedgerEntry.id)
        .join(LedgerAccount, LedgerAccount.id == Posting.account_id)
        .outerjoin(Explanation, Explanation.entry_id == LedgerEntry.id)
        .where(LedgerEntry.reference.in_(references), LedgerAccount.kind == AccountKind.CLEARING)
        .order_by(LedgerEntry.id))
    return [Part(entry_id, reference, currency, minor, explained is not None)
            for entry_id, reference, currency, minor, movement_id, explained in rows
            if (explained is None and _same_way(movement, minor, reference)) or movement_id == movement.id]


def _same_way(movement: StripeMovement, minor: int, reference: str) -> bool:
    """A refund and its failure have one source: one takes money out of our balance, the other brings it back."""
    return reference.endswith((":fee", ":booked")) or (minor < 0) == (movement.amount_minor > 0)


def _note_explained(movement: StripeMovement, parts: list[Part]) -> None:
    db.session.add_all([Explanation(entry_id=part.entry_id, movement_id=movement.id)
                        for part in parts if not part.is_known])
    db.session.flush()


def unexplained_postings(now: datetime) -> list[Finding]:
    """Entries that moved our balance at Stripe, as we say, of which Stripe has no movement."""
    rows = db.session.execute(
        select(LedgerEntry.id, LedgerEntry.kind, LedgerEntry.reference, LedgerEntry.created_at,
               LedgerAccount.currency, Posting.amount_minor)
        .join(Posting, Posting.entry_id == LedgerEntry.id)
        .join(LedgerAccount, LedgerAccount.id == Posting.account_id)
        .where(LedgerAccount.kind == AccountKind.CLEARING,
               ~select(Explanation.entry_id).where(Explanation.entry_id == LedgerEntry.id).exists())
        .execution_options(yield_per=1000))
    return [Finding(K.MOVEMENT_MISSING, entry_id, f"We posted {kind} {reference}; Stripe has no movement of it.",
                    currency, int(minor), ripe=created_at < now - GRACE)
            for entry_id, kind, reference, created_at, currency, minor in rows]


def movements_in_sum() -> dict[str, int]:
    """What Stripe's movements add up to, by currency, without what only moved into its reserve and stays ours."""
    rows = db.session.execute(
        select(StripeMovement.currency, func.sum(StripeMovement.net_minor))
        .where(StripeMovement.type.not_in(RESERVED_APART)).group_by(StripeMovement.currency))
    return {currency: int(minor) for currency, minor in rows}


def kept_in_reserve() -> list[Finding]:
    """Ours, and out of reach until Stripe lets it go."""
    total = func.sum(StripeMovement.net_minor)
    rows = db.session.execute(
        select(StripeMovement.currency, total).where(StripeMovement.type.in_(KEPT_AT_STRIPE))
        .group_by(StripeMovement.currency).having(total != 0))
    return [Finding(K.HELD_IN_RESERVE, currency, "Stripe keeps this much of our balance in reserve.", currency,
                    int(minor)) for currency, minor in rows]


# ---- From Stripe's object to our row


def _by(model: Any, stripe_id: InstrumentedAttribute[str | None]) -> Callable[[StripeMovement], Row | None]:
    """By Stripe's object, else by our id in its metadata."""
    def find(movement: StripeMovement) -> Row | None:
        for column, wanted in ((stripe_id, movement.source_id), (model.id, movement.our_id)):
            found = db.session.execute(select(model.id, stripe_id).where(column == wanted)).first() if wanted else None
            if found:
                return Row(*found)
        return None
    return find


def _nothing(movement: StripeMovement) -> None:
    """No row of ours makes such movements."""


FUNDING = _by(Funding, Funding.charge_id)
REFUND = _by(Refund, Refund.stripe_refund_id)
TRANSFER = _by(Transfer, Transfer.stripe_transfer_id)
CHARGEBACK = _by(Chargeback, Chargeback.stripe_id)
REVERSAL = _by(TransferReversal, TransferReversal.stripe_reversal_id)

NO_RULE = Rule(_nothing, (), K.MOVEMENT_UNEXPLAINED, K.MOVEMENT_UNEXPLAINED)
_charge = Rule(FUNDING, ("paid", "fee", "unmatched"), K.CHARGE_UNKNOWN, K.CHARGE_NOT_POSTED)
_refund = Rule(REFUND, ("sent",), K.REFUND_UNKNOWN, K.REFUND_NOT_POSTED, may_be_unheard=True)
_refund_failure = Rule(REFUND, ("failed",), K.REFUND_UNKNOWN, K.REFUND_FAILURE_NOT_POSTED, may_be_unheard=True)
_payout = Rule(_nothing, (), K.PAYOUT_UNEXPLAINED, K.PAYOUT_UNEXPLAINED)
_topup = Rule(_nothing, (), K.TOPUP_UNEXPLAINED, K.TOPUP_UNEXPLAINED)

# By the type of the movement; any other type has no rule, and is named so.
RULES: Mapping[str, Rule] = {
    "charge": _charge, "payment": _charge,
    "refund": _refund, "payment_refund": _refund,
    "refund_failure": _refund_failure, "payment_failure_refund": _refund_failure,
    "transfer": Rule(TRANSFER, ("sent",), K.TRANSFER_UNKNOWN, K.TRANSFER_NOT_POSTED, other=K.TRANSFER_DOUBLED),
    "transfer_refund": Rule(REVERSAL, ("done",), K.REVERSAL_UNKNOWN, K.REVERSAL_NOT_POSTED),
    "transfer_failure": Rule(TRANSFER, ("failed",), K.TRANSFER_UNKNOWN, K.TRANSFER_NOT_POSTED),
    "transfer_cancel": Rule(TRANSFER, ("failed",), K.TRANSFER_UNKNOWN, K.TRANSFER_NOT_POSTED),
    "adjustment": Rule(CHARGEBACK, (), K.ADJUSTMENT_UNEXPLAINED, K.ADJUSTMENT_UNEXPLAINED, may_be_unheard=True),
    "payout": _payout, "payout_failure": _payout, "payout_cancel": _payout,
    "topup": _topup, "topup_reversal": _topup,
    "connect_collection_transfer": Rule(_nothing, (), K.COLLECTION_UNEXPLAINED, K.COLLECTION_UNEXPLAINED),
}
