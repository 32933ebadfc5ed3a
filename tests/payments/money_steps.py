"""The steps that money's tests have in common; each is the product's own verb or job."""
from typing import Any

from sqlalchemy import select

from marketplace.foundation.db import db, transaction
from marketplace.foundation.money import Money
from marketplace.foundation.outbox import OutboxMessage, do_now
from marketplace.identity.models import User
from marketplace.payments import ledger
from marketplace.payments.models import AccountKind, ConnectedAccount, Funding, Payable, Transfer
from marketplace.payments.money_in.funding import CHECK_FUNDING, OPEN_CHECKOUT, request_funding
from marketplace.payments.money_out import payables, payees
from tests.browsing import end_reading
from tests.sandbox_server import SandboxServer

News = list[tuple[str, dict[str, Any]]]
BOUNTY = "bounty_cars"


def usd(whole: int) -> Money:
    return Money(whole * 100, "usd")


ONE_LEAD = usd(1050)  # A reward of $1,000 and the fee on it.


def ask_to_fund(by: User, amount: Money = ONE_LEAD, purpose: str = BOUNTY) -> Funding:
    """Asked for, and Stripe's page is open."""
    with transaction():
        funding = request_funding(by.memberships[0].business_id, purpose, amount, by=by)
    do_now(OPEN_CHECKOUT, funding_id=funding.id)
    return fresh(Funding, funding.id)


def pay_in(stripe: SandboxServer, by: User, amount: Money = ONE_LEAD, purpose: str = BOUNTY) -> Funding:
    """Paid on Stripe's page, and heard of."""
    funding = ask_to_fund(by, amount, purpose)
    stripe.control.pay_checkout(funding.checkout_session_id)
    do_now(CHECK_FUNDING, funding_id=funding.id)
    return fresh(Funding, funding.id)


def pay_in_otherwise(stripe: SandboxServer, by: User, amount: Money = ONE_LEAD, kept_in: str = "", **paid: Any) -> Funding:
    """Paid on Stripe's page, but not what was asked for: ``amount_total`` or ``currency``. It is parked.

    ``kept_in``: the currency into which Stripe has changed it for us.
    """
    funding = ask_to_fund(by, amount)
    store = stripe.box.world.store
    with store.transaction():
        store.save(store.find(funding.checkout_session_id) | paid)
    stripe.control.pay_checkout(funding.checkout_session_id)
    if kept_in:
        (charge,) = store.all("charge")
        stripe.control.change_movement(charge["balance_transaction"], currency=kept_in)
    do_now(CHECK_FUNDING, funding_id=funding.id)
    return fresh(Funding, funding.id)


def make_ready(stripe: SandboxServer, user: User, country: str = "US") -> ConnectedAccount:
    """With a connected account that may be paid."""
    with transaction():
        payee = payees.start_payee(user, country, by=user)
    do_now(payees.CREATE_PAYEE, payee_id=payee.id)
    stripe.control.set_account_state(fresh(ConnectedAccount, payee.id).stripe_account_id, state="active")
    do_now(payees.CHECK_PAYEE, payee_id=payee.id)
    return fresh(ConnectedAccount, payee.id)


def owe(payee: User, business_id: str, amount: Money, reference: str = "reward_1", purpose: str = BOUNTY) -> Payable:
    """As a released reward would: out of the bounty's funds, owed to the payee."""
    with transaction():
        ledger.move(amount, source=ledger.account(AccountKind.FUNDS, purpose, amount.currency),
                    target=ledger.account(AccountKind.PAYABLE, reference, amount.currency),
                    kind="reward_released", reference=f"{reference}:released")
        return payables.owe(reference, payee_id=payee.id, business_id=business_id, amount=amount)


def take_back(reference: str, amount: Money, clawback_id: str = "clawback_1", purpose: str = BOUNTY) -> str:
    with transaction():
        credit = ledger.account(AccountKind.FUNDS, purpose, amount.currency)
        return payables.take_back(reference, amount, credit=credit, clawback_id=clawback_id)


def holds(kind: AccountKind, owner_id: str, currency: str = "usd") -> int:
    end_reading()
    return ledger.find_balance(kind, owner_id, currency).minor


def fresh(model: Any, row_id: str) -> Any:
    end_reading()
    return db.session.get_one(model, row_id)


def only_transfer() -> Transfer:
    end_reading()
    return db.session.scalars(select(Transfer)).one()


def promised(job: str) -> list[OutboxMessage]:
    """Still to be done."""
    end_reading()
    return list(db.session.scalars(select(OutboxMessage).filter_by(job=job, done_at=None)))
