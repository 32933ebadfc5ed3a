"""A business as Stripe's customer, and the one card kept for it by a payment whose payer asked for it.

We keep brand, last four digits and expiry as Stripe told them; the number is at Stripe only. It is removed in
``agreements``.
"""
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from marketplace.foundation import audit, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict
from marketplace.foundation.ids import new_id
from marketplace.foundation.outbox import Errand
from marketplace.payments import sending
from marketplace.payments.models import Funding, StripeCustomer
from marketplace.payments.stripe_gateway import gateway
from marketplace.payments.stripe_readings import PaidWith, PermanentFailure

SYSTEM = audit.SYSTEM


class NoCard(Conflict):
    code = "no_card"


def ensure_customer(business_id: str) -> StripeCustomer:
    """Its row, made on first use; when two make it at once, both get the same one. Stripe is asked later."""
    wanted = select(StripeCustomer).filter_by(business_id=business_id)
    found = db.session.scalar(wanted)
    if found is None:
        plain = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
        row_id = new_id("customer")
        db.session.execute(plain(StripeCustomer).values(
            id=row_id, business_id=business_id, idempotency_key=sending.make_key(row_id), attempt_no=1,
        ).on_conflict_do_nothing())
        found = db.session.scalars(wanted).one()
    return found


def find_customer(business_id: str) -> StripeCustomer | None:
    return db.session.scalar(select(StripeCustomer).filter_by(business_id=business_id))


def find_card(business_id: str) -> StripeCustomer | None:
    """The customer where it has a card, else None."""
    customer = find_customer(business_id)
    return customer if customer and customer.payment_method_id else None


def note_customer(business_id: str, stripe_customer_id: str) -> None:
    """Stripe's id for it, the first time it is heard of."""
    customer = lock_customer(business_id)
    if customer.stripe_customer_id is None:
        customer.stripe_customer_id = stripe_customer_id
        audit.record("customer.made", customer.id, by=SYSTEM, stripe=stripe_customer_id)


def renew_customer_key(business_id: str, attempt_no: int) -> None:
    """The key is burnt. Should Stripe have made a customer under it, nobody will use that one: it has no card."""
    customer = lock_customer(business_id)
    if customer.stripe_customer_id is None and customer.attempt_no == attempt_no:
        _next_key(customer)


def forget_customer(business_id: str, stripe_customer_id: str) -> None:
    """Somebody deleted it at Stripe, and its card with it: the next payment makes a new one."""
    customer = lock_customer(business_id)
    if customer.stripe_customer_id == stripe_customer_id:
        drop_card(customer)
        customer.stripe_customer_id = None
        _next_key(customer)
        audit.record("customer.gone", customer.id, by=SYSTEM, stripe=stripe_customer_id)


def _next_key(customer: StripeCustomer) -> None:
    customer.attempt_no += 1
    customer.idempotency_key = sending.make_key(customer.id, customer.attempt_no)


def keep_card(funding: Funding, paid_with: PaidWith | None) -> None:
    """The payer ticked it: the card of this payment takes the place of the one kept before. Only cards are kept."""
    if not funding.keeps_card or paid_with is None or paid_with.kind != "card":
        return
    customer = lock_customer(funding.business_id)
    before = customer.payment_method_id
    if customer.stripe_customer_id is None or before == paid_with.id:
        return
    customer.payment_method_id, customer.card_brand = paid_with.id, paid_with.brand
    customer.card_last4, customer.card_expires = paid_with.last4, paid_with.expires
    audit.record("card.kept", customer.id, by=funding.requested_by, funding=funding.id)
    if before:
        outbox.promise("forget_card", payment_method_id=before)


def drop_card(customer: StripeCustomer) -> None:
    customer.payment_method_id = customer.card_brand = customer.card_last4 = customer.card_expires = None


def lock_customer(business_id: str) -> StripeCustomer:
    return db.session.scalars(
        select(StripeCustomer).filter_by(business_id=business_id)
        .with_for_update(key_share=True).execution_options(populate_existing=True)).one()


def _detach(payment_method_id: str) -> str:
    try:
        gateway().forget_card(payment_method_id, key=sending.make_key(payment_method_id))
    except PermanentFailure as failure:  # Gone already: an earlier attempt did it, or somebody at Stripe.
        return failure.code
    return "forgotten"


def _note_detached(outcome: str, payment_method_id: str) -> None:
    audit.record("card.forgotten", payment_method_id, by=SYSTEM, outcome=outcome)


FORGET_CARD = Errand(_detach, _note_detached)
