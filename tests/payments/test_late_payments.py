"""Payments that a bank decides on days after the payer confirmed them."""
import pytest

from marketplace.foundation.outbox import do_now
from marketplace.payments.models import AccountKind, Funding, FundingState
from marketplace.payments.money_in.funding import CHECK_FUNDING
from tests.browsing import apart
from tests.payments.money_steps import BOUNTY, ask_to_fund, fresh, holds, promised, usd

K, S = AccountKind, FundingState


@pytest.fixture
def confirmed(stripe, wes):
    """Confirmed on Stripe's page with a bank account, and heard of."""
    funding = ask_to_fund(wes, usd(100))
    stripe.control.pay_checkout(funding.checkout_session_id, card="bank_debit")
    do_now(CHECK_FUNDING, funding_id=funding.id)
    return fresh(Funding, funding.id)


def written(news):
    return [said["letter"] for name, said in news if name == "send_letter"]


def settle(stripe, funding, *, succeeded):
    stripe.control.settle_checkout(funding.checkout_session_id, succeeded=succeeded)


def test_confirmed_is_not_paid(confirmed, work, news):
    work()
    assert confirmed.state is S.PROCESSING
    assert holds(K.FUNDS, BOUNTY) == 0
    assert written(news) == ["funding_processing"]


def test_what_arrives_days_later_counts(stripe, confirmed, work, later, news):
    later(days=3)
    settle(stripe, confirmed, succeeded=True)
    work()
    funding = fresh(Funding, confirmed.id)
    assert (funding.state, funding.paid_with) == (S.PAID, "us bank account ending in 6789")
    assert holds(K.FUNDS, BOUNTY) == 100_00
    assert written(news) == ["funding_processing", "funding_receipt"]
    assert promised("check_funding") == []


def test_what_the_bank_refuses_days_later_funds_nothing_and_says_why(stripe, confirmed, work, later, news):
    later(days=3)
    settle(stripe, confirmed, succeeded=False)
    work()
    funding = fresh(Funding, confirmed.id)
    assert funding.state is S.FAILED and "unauthorized" in funding.failure
    assert holds(K.FUNDS, BOUNTY) == 0
    assert written(news) == ["funding_processing", "funding_failed"]
    assert promised("check_funding") == []


@pytest.mark.parametrize("succeeded", [True, False])
def test_stripes_own_word_doubled_and_in_the_wrong_order_ends_it_alike(stripe, wes, app, work, sandbox, succeeded):
    funding = ask_to_fund(wes, usd(100))
    stripe.control.pay_checkout(funding.checkout_session_id, card="bank_debit")
    settle(stripe, funding, succeeded=succeeded)
    sandbox.deliver_to_app(apart(app))
    sandbox.deliver_webhooks(order="reversed", copies=3)
    work()
    assert fresh(Funding, funding.id).state is (S.PAID if succeeded else S.FAILED)
    assert holds(K.FUNDS, BOUNTY) == (100_00 if succeeded else 0)


def test_a_bank_account_is_not_kept_for_top_ups(stripe, wes, westside):
    from marketplace.foundation.db import transaction  # noqa: PLC0415
    from marketplace.payments.money_in.funding import OPEN_CHECKOUT, request_funding  # noqa: PLC0415
    from marketplace.payments.money_in.kept_cards import find_card  # noqa: PLC0415

    with transaction():
        funding = request_funding(westside.id, BOUNTY, usd(100), by=wes, keeps_card=True)
    do_now(OPEN_CHECKOUT, funding_id=funding.id)
    opened = fresh(Funding, funding.id)
    stripe.control.pay_checkout(opened.checkout_session_id, card="bank_debit")
    settle(stripe, opened, succeeded=True)
    do_now(CHECK_FUNDING, funding_id=funding.id)
    assert fresh(Funding, funding.id).state is S.PAID
    assert find_card(westside.id) is None
