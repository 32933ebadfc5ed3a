"""A refund that the payer's bank sent back to us waits for a person: nothing later sends it again by itself."""
from sqlalchemy import select

from marketplace.bounties.models import BountyState
from marketplace.bounties.publishing import return_free_funds
from marketplace.foundation import clock
from marketplace.foundation.db import db, transaction
from marketplace.foundation.outbox import do_now
from marketplace.payments import ledger
from marketplace.payments.models import AccountKind, Refund, RefundState
from marketplace.payments.money_in import ageing
from marketplace.payments.money_in.funds import reserve
from marketplace.payments.money_in.refunds import CHECK_REFUND
from tests.browsing import end_reading
from tests.factories import make_bounty
from tests.payments.money_steps import fresh, holds, pay_in, usd


def closed(westside):
    bounty = make_bounty(westside)
    with transaction():
        db.session.add(bounty)
        bounty.state, bounty.published_at = BountyState.CLOSED, clock.now()
    return bounty.id


def back(bounty_id):
    """As the job does; the refunds that it asked for."""
    with transaction():
        return_free_funds(bounty_id)
    end_reading()


def refunds_of() -> list[tuple[RefundState, int]]:
    end_reading()
    return [(one.state, one.amount_minor) for one in db.session.scalars(select(Refund).order_by(Refund.id))]


def claw_back(bounty_id, amount):
    """Money comes free in the closed bounty, out of what was kept for a lead."""
    with transaction():
        ledger.move(amount, source=ledger.account(AccountKind.RESERVED, "lead_1", "usd"),
                    target=ledger.account(AccountKind.FUNDS, bounty_id, "usd"), kind="test", reference="came free")


def test_what_a_bank_sent_back_is_not_sent_again_when_more_comes_free(stripe, wes, westside, work, later):
    bounty_id = closed(westside)
    pay_in(stripe, wes, usd(1000), bounty_id)
    with transaction():
        reserve("lead_1", bounty_id=bounty_id, amount=usd(200))
    later(days=10)
    back(bounty_id)
    work()
    refund = db.session.scalars(select(Refund)).one()
    stripe.control.settle_refund(refund.stripe_refund_id, status="failed")
    do_now(CHECK_REFUND, refund_id=refund.id)
    claw_back(bounty_id, usd(50))
    back(bounty_id)
    assert refunds_of() == [(RefundState.FAILED, 800_00)]
    assert holds(AccountKind.FUNDS, bounty_id) == 850_00
    assert [(one.is_stuck, one.unused) for one in ageing.all_aged(at_most=10)] == [(True, usd(850))]


def test_what_comes_free_of_another_payment_still_goes_back(stripe, wes, westside, work, later):
    bounty_id = closed(westside)
    pay_in(stripe, wes, usd(1000), bounty_id)
    later(days=10)
    back(bounty_id)
    work()
    refund = db.session.scalars(select(Refund)).one()
    stripe.control.settle_refund(refund.stripe_refund_id, status="failed")
    do_now(CHECK_REFUND, refund_id=refund.id)
    second = pay_in(stripe, wes, usd(300), bounty_id)
    later(days=10)
    back(bounty_id)
    work()
    assert refunds_of() == [(RefundState.FAILED, 1000_00), (RefundState.SUCCEEDED, 300_00)]
    assert fresh(type(second), second.id).refunded == usd(300)
    assert holds(AccountKind.FUNDS, bounty_id) == 1000_00
