"""Movements that Stripe makes by itself: its prices, booked by a named rule, and money that it keeps in reserve."""
from sqlalchemy import select

from marketplace.foundation import audit
from marketplace.foundation.db import db
from marketplace.foundation.money import Money
from marketplace.payments import ledger
from marketplace.payments.models import PLATFORM, AccountKind, LedgerEntry, StripeMovement

RULE = "stripes_prices"
# Stripe's prices besides those of a charge, taken straight from our balance: our expense.
STRIPES_PRICES = frozenset({"stripe_fee", "stripe_fx_fee", "tax_fee"})
# Still ours, and out of reach until Stripe lets it go; neither income nor expense.
KEPT_AT_STRIPE = frozenset({
    "reserve_hold", "reserve_release", "payment_network_reserve_hold", "payment_network_reserve_release",
    "payout_minimum_balance_hold", "payout_minimum_balance_release",
})
# Kept against connected accounts in debt: /v1/balance tells it apart, and counts it as ours.
RESERVED_APART = frozenset({"reserve_transaction", "reserved_funds"})


def booked_reference(movement: StripeMovement) -> str:
    """Of the entry that was made for this movement alone: by the rule here, or by an admin."""
    return f"{movement.id}:booked"


def book_price(movement: StripeMovement) -> None:
    """The rule: what Stripe charged us is our expense, once (what it gave back lowers it)."""
    reference = booked_reference(movement)
    if movement.net_minor == 0 or db.session.scalar(select(LedgerEntry.id).filter_by(reference=reference)):
        return
    net = Money(movement.net_minor, movement.currency)
    ledger.move(net, source=ledger.clearing(net.currency),
                target=ledger.account(AccountKind.STRIPE_FEES, PLATFORM, net.currency),
                kind="stripes_price", reference=reference)
    audit.record("movement.booked", movement.id, by=audit.SYSTEM, rule=RULE, type=movement.type,
                 amount_minor=net.minor, currency=net.currency)
