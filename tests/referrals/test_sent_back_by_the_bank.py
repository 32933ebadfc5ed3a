"""A bank did not take what Stripe paid out: whoever earned it reads so where the reward stands, and nobody else does."""
import pytest
from sqlalchemy import select

from marketplace.bounties.publishing import publish_bounty
from marketplace.foundation.db import db
from marketplace.payments.models import ConnectedAccount
from marketplace.referrals.models import Reward, RewardState
from tests.browsing import end_reading, words_of
from tests.factories import accept, consent, make_bounty, make_lead, win
from tests.payments.money_steps import make_ready, pay_in, usd
from tests.referrals.steps import do

pytestmark = pytest.mark.once

SAID = "Stripe could not pay"
CLOSED = "The bank account is closed or does not exist."


@pytest.fixture
def told(stripe_sandbox, work):
    def deliver():
        stripe_sandbox.deliver_webhooks()
        work()
        end_reading()
    return deliver


@pytest.fixture
def lead(stripe_sandbox, westside, wes, ana, told, later):
    """Sold, and its reward is sent to Ana's account."""
    bounty = make_bounty(westside)
    pay_in(stripe_sandbox, wes, usd(3150), bounty.id)
    do(publish_bounty, bounty, by=wes)
    told()
    make_ready(stripe_sandbox, ana)
    lead = consent(accept(make_lead(bounty, by=ana)))
    win(lead)
    later(days=31)
    told()
    assert db.session.scalars(select(Reward.state)).one() is RewardState.PAID
    return lead


@pytest.fixture
def pay_out(stripe_sandbox, told, later):
    """`pay_out("failed")`: Stripe pays out all that Ana's account holds, and it ends so."""
    def pay(status):
        later(minutes=5)
        account = db.session.scalars(select(ConnectedAccount.stripe_account_id)).one()
        stripe_sandbox.control.pay_out_account(account, currency="usd", status="in_transit")
        made = max(stripe_sandbox.box.world.store.all("payout"), key=lambda payout: payout["created"])
        why = {"failure_code": "account_closed"} if status == "failed" else {}
        stripe_sandbox.control.settle_payout(made["id"], status=status, **why)
        told()
    return pay


def test_the_reward_says_that_the_bank_sent_it_back_and_why(lead, pay_out, as_user, ana, wes, mona):
    pages = ("/rewards", f"/leads/{lead.id}")
    pay_out("failed")
    for page in pages:
        said = words_of(as_user(ana).page(page))
        assert SAID in said and CLOSED in said
    for other in (wes, mona):
        assert SAID not in words_of(as_user(other).page(pages[1]))


def test_once_a_later_payout_went_through_it_is_said_no_more(lead, pay_out, as_user, ana, later):
    pay_out("failed")
    later(days=1)
    pay_out("paid")
    for page in ("/rewards", f"/leads/{lead.id}"):
        assert SAID not in words_of(as_user(ana).page(page))


def test_what_failed_before_it_was_sent_is_not_its_own(stripe_sandbox, lead, pay_out, as_user, ana, later, told):
    pay_out("failed")
    later(days=1)
    second = consent(accept(make_lead(lead.bounty, by=ana)), email="second@example.com")
    win(second)
    later(days=31)
    told()
    assert [one.state for one in db.session.scalars(select(Reward))] == [RewardState.PAID] * 2
    assert SAID not in words_of(as_user(ana).page(f"/leads/{second.id}"))
    assert words_of(as_user(ana).page("/rewards")).count(SAID) == 1
