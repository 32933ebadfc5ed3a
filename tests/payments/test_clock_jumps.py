"""Hours, a day, a month between a call that got lost and its repeat: Stripe forgets keys, we never do a thing twice."""
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from marketplace.foundation import audit
from marketplace.foundation.db import transaction
from marketplace.identity.models import User
from marketplace.payments.books.reconciliation import compare_with_stripe
from marketplace.payments.ledger import check_ledger
from marketplace.payments.money_in.funding import request_funding
from marketplace.payments.money_in.refunds import refund_free_funds
from marketplace.payments.money_out import payees, transfers
from tests.factories import make_user
from tests.payments.money_steps import BOUNTY, fresh, make_ready, owe, pay_in, take_back, usd

JUMPS = {"23 hours": timedelta(hours=23), "25 hours": timedelta(hours=25), "31 days": timedelta(days=31)}
# What the first call met: nothing arrived, or all was done and the answer got lost, or a failure was kept under the key.
LOSSES = ("lost_before", "lost_after", "half_written", "error_stored", "error_stored_after")


def ask_transfer(stripe: Any, wes: Any, ana: Any, loss: str) -> None:
    owe(ana, wes.memberships[0].business_id, usd(20), f"reward_{loss}")
    with transaction():
        transfers.request_transfers(ana.id)


def ask_reversal(stripe: Any, wes: Any, ana: Any, loss: str) -> None:
    take_back("reward_0", usd(10), f"clawback_{loss}")


def ask_refund(stripe: Any, wes: Any, ana: Any, loss: str) -> None:
    pay_in(stripe, wes, usd(20), f"bounty_{loss}")
    with transaction():
        refund_free_funds(f"bounty_{loss}", "usd", by=audit.SYSTEM)


def ask_checkout(stripe: Any, wes: Any, ana: Any, loss: str) -> None:
    wes = fresh(User, wes.id)
    with transaction():
        request_funding(wes.memberships[0].business_id, BOUNTY, usd(77), by=wes)


def ask_payee(stripe: Any, wes: Any, ana: Any, loss: str) -> None:
    person = make_user(f"Payee {loss}")
    with transaction():
        payees.start_payee(person, "US", by=person)


ASKED: dict[str, tuple[Callable[..., None], str, str]] = {  # What is asked, the path of the call, the kind at Stripe.
    "a transfer": (ask_transfer, r"/v1/transfers$", "transfer"),
    "a reversal": (ask_reversal, r"/v1/transfers/\w+/reversals$", "transfer_reversal"),
    "a refund": (ask_refund, r"/v1/refunds$", "refund"),
    "a payment page": (ask_checkout, r"/v1/checkout/sessions$", "checkout.session"),
    "a connected account": (ask_payee, r"/v2/core/accounts$", "v2.core.account"),
}
BEGUN_AGAIN = {"a payment page", "a connected account"}


@pytest.fixture
def market(stripe, wes, ana, work, later, keep):
    """Wes has paid in, Ana is ready and was sent $100."""
    def build():
        pay_in(stripe, wes, usd(500))
        pay_in(stripe, wes, usd(500), "bounty_other")
        later(days=10)
        make_ready(stripe, ana)
        owe(ana, wes.memberships[0].business_id, usd(100), "reward_0")
        with transaction():
            transfers.request_transfers(ana.id)
        work()
    keep("a market before its clock jumps", build)
    return wes, ana


@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.parametrize("what", ASKED)
def test_a_call_repeated_much_later_is_done_once(market, stripe, work, later, what, jump):
    ask, path, kind = ASKED[what]
    for loss in LOSSES:
        before = len(stripe.box.world.store.all(kind))
        ask(stripe, *market, loss)
        stripe.control.plan_fault(kind=loss, path=path, method="POST")
        for _ in range(4):  # The call, its repeat, and whatever that leads to.
            later(seconds=20)
            work()
            later(seconds=JUMPS[jump].total_seconds())
            work()
        made = len(stripe.box.world.store.all(kind)) - before
        # A page or an account of which nobody heard holds no money: too late for its key, the person begins again.
        assert made <= 1 if what in BEGUN_AGAIN else made == 1, loss
    assert check_ledger() == []
    assert all(line.difference_minor == 0 for line in compare_with_stripe())
