"""Free funds go back to the charges they came from, oldest first, each within its charge."""
import pytest
from sqlalchemy import select

from marketplace.foundation import audit
from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import db, transaction
from marketplace.payments.disputes.unmatched import give_back
from marketplace.payments.models import PLATFORM, AccountKind, Funding, Refund, RefundState
from marketplace.payments.money_in import funds
from marketplace.payments.money_in.refunds import refund_free_funds
from tests.factories import make_user
from tests.payments.money_steps import BOUNTY, fresh, holds, owe, pay_in, pay_in_otherwise, promised, usd

K, S = AccountKind, RefundState


def close(purpose: str = BOUNTY) -> list[str]:
    with transaction():
        return [refund.id for refund in refund_free_funds(purpose, "usd", by=audit.SYSTEM)]


def refunded(stripe) -> list[tuple[str, int]]:
    """(charge, amount) of what Stripe gave back, oldest first."""
    return [(one["charge"], one["amount"]) for one in reversed(stripe.box.world.store.all("refund"))]


def test_all_that_is_free_goes_back(stripe, wes, work):
    funding = pay_in(stripe, wes)
    (refund_id,) = close()
    assert holds(K.REFUNDING, refund_id) == 1050_00
    work()
    assert fresh(Refund, refund_id).state is S.SUCCEEDED
    assert fresh(Funding, funding.id).refunded == usd(1050)
    assert (holds(K.FUNDS, BOUNTY), holds(K.REFUNDING, refund_id)) == (0, 0)
    assert holds(K.CLEARING, PLATFORM) == 30_75  # Stripe keeps its fee of the charge: our loss.


def test_the_oldest_charge_is_refunded_first_and_none_beyond_itself(stripe, wes, westside, ana, work, later):
    first = pay_in(stripe, wes, usd(100))
    later(hours=1)
    second = pay_in(stripe, wes, usd(50))
    later(hours=1)
    third = pay_in(stripe, wes, usd(70))
    owe(ana, westside.id, usd(90))
    close()
    work()
    assert refunded(stripe) == [(first.charge_id, 100_00), (second.charge_id, 30_00)]
    assert [fresh(Funding, one.id).refunded_minor for one in (first, second, third)] == [100_00, 30_00, 0]
    with transaction():
        assert refund_free_funds(BOUNTY, "usd", by=audit.SYSTEM) == []


def test_what_is_reserved_stays(stripe, wes, work):
    pay_in(stripe, wes, usd(100))
    with transaction():
        funds.reserve("lead_1", bounty_id=BOUNTY, amount=usd(60))
    close()
    work()
    assert [amount for _, amount in refunded(stripe)] == [40_00]
    assert holds(K.RESERVED, "lead_1") == 60_00


def test_other_bounties_and_currencies_are_left_alone(stripe, wes):
    pay_in(stripe, wes, usd(100), "bounty_other")
    assert close() == []
    assert holds(K.FUNDS, "bounty_other") == 100_00


@pytest.mark.parametrize("trouble", ["lost_before", "lost_after", "half_written", "error_unstored", "error_stored",
                                     "error_stored_after", "rate_limited", "key_in_use"])
def test_whatever_befalls_the_call_the_card_gets_it_once(stripe, wes, work, later, trouble):
    pay_in(stripe, wes, usd(100))
    stripe.control.plan_fault(kind=trouble, path="/v1/refunds$", method="POST")
    (refund_id,) = close()
    for _ in range(3):
        work()
        later(minutes=20)
    assert fresh(Refund, refund_id).state is S.SUCCEEDED
    assert [amount for _, amount in refunded(stripe)] == [100_00]
    assert holds(K.FUNDS, BOUNTY) == 0


def test_a_bank_that_takes_days_is_waited_for(stripe, wes, work, later):
    pay_in(stripe, wes, usd(100))
    stripe.control.plan_refund(status="pending")
    (refund_id,) = close()
    work()
    refund = fresh(Refund, refund_id)
    assert refund.state is S.SENT
    assert holds(K.REFUNDING, refund_id) == 0  # Stripe took it out of our balance at once.
    later(days=1, hours=1)
    work()
    assert fresh(Refund, refund_id).state is S.SENT
    stripe.control.settle_refund(refund.stripe_refund_id, status="succeeded")
    later(days=1, hours=1)
    work()
    assert fresh(Refund, refund_id).state is S.SUCCEEDED
    assert promised("check_refund") == []


def test_a_refund_that_the_bank_sends_back_is_the_bountys_again(stripe, wes, work, later):
    funding = pay_in(stripe, wes, usd(100))
    stripe.control.plan_refund(status="pending")
    (refund_id,) = close()
    work()
    stripe.control.settle_refund(fresh(Refund, refund_id).stripe_refund_id, status="failed")
    later(days=2)
    work()
    refund = fresh(Refund, refund_id)
    assert (refund.state, refund.failure) == (S.FAILED, "lost_or_stolen_card")
    assert holds(K.FUNDS, BOUNTY) == 100_00
    assert fresh(Funding, funding.id).refunded_minor == 0
    assert db.session.scalars(select(AuditEvent).filter_by(action="refund.failed", subject_id=refund_id)).one()


def test_a_refund_that_stripe_refuses_is_the_bountys_again_and_asked_for_a_day_later(stripe, wes, work, later, news):
    pay_in(stripe, wes, usd(100))
    (charge,) = stripe.box.world.store.all("charge")
    with stripe.box.world.store.transaction():
        stripe.box.world.store.save(charge | {"amount_refunded": charge["amount"], "refunded": True})
    (refund_id,) = close()
    work()
    refund = fresh(Refund, refund_id)
    assert refund.state is S.FAILED and "already been refunded" in refund.failure
    assert holds(K.FUNDS, BOUNTY) == 100_00
    assert "return_free_funds" not in [name for name, _ in news]
    later(days=1, hours=1)
    work()
    assert news[-1] == ("return_free_funds", {"bounty_id": BOUNTY})


@pytest.mark.once
def test_a_parked_payment_that_stripe_does_not_give_back_waits_for_a_person_again(stripe, wes, work, later, news):
    mona = make_user("Mona Lind", is_admin=True)
    funding = pay_in_otherwise(stripe, wes, usd(100), amount_total=90_00)
    (charge,) = stripe.box.world.store.all("charge")
    with stripe.box.world.store.transaction():
        stripe.box.world.store.save(charge | {"amount_refunded": charge["amount"], "refunded": True})
    with transaction():
        refund_id = give_back(funding.id, by=mona).id
    work()
    assert fresh(Refund, refund_id).state is S.FAILED
    assert (holds(K.UNMATCHED, funding.id), holds(K.FUNDS, BOUNTY)) == (90_00, 0)
    later(days=2)
    work()
    assert "return_free_funds" not in [name for name, _ in news]
