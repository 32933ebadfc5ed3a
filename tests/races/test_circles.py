"""Everything that can befall one bounty's money, at once: nobody waits for another in a circle, and the books hold."""
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select

from marketplace.bounties.publishing import note_funds_came_free
from marketplace.foundation import audit, outbox
from marketplace.foundation import clock as product_clock
from marketplace.foundation.db import db
from marketplace.foundation.money import Money
from marketplace.jobs import JOBS
from marketplace.payments.disputes import chargebacks as disputes
from marketplace.payments.ledger_checks import check_ledger
from marketplace.payments.models import Chargeback, Funding, Payable
from marketplace.payments.money_in import funding, refunds
from marketplace.payments.money_out import payables
from marketplace.referrals import clawbacks, moderation, rewards, stages
from marketplace.referrals.chargebacks import note_bad_day
from marketplace.referrals.models import Reward
from tests.browsing import end_reading
from tests.properties.market import OK, attempt, bounty_row, person
from tests.races.conftest import COST, Stage, lead_row
from tests.races.together import ROUNDS, attempt_once, together

pytestmark = pytest.mark.database("postgresql")  # SQLite locks the whole file: there is nothing to wait for in a circle.

TURNS = 12
SALE = Money(500_000, "usd")


@pytest.fixture(autouse=True)
def _counted(record_property) -> None:
    record_property("rounds", ROUNDS)


def over_and_over(*verbs: Callable[[int], object]) -> Callable[[], None]:
    """Each in a transaction of its own; what is refused by then is refused."""
    def act() -> None:
        for turn in range(TURNS):
            attempt_once(lambda turn=turn: verbs[turn % len(verbs)](turn))  # type: ignore[misc]
    return act


def errands(errand: outbox.Errand, **arguments: str) -> Callable[[], None]:
    def act() -> None:
        for _ in range(TURNS):
            outbox.do_now(errand, **arguments)
    return act


def win(stage: Stage, lead: str, order: str) -> str:
    return attempt_once(lambda: stages.win_lead(lead_row(lead), by=person(stage.owner), amount=SALE,
                                           occurred_on=product_clock.now().date(), order_number=order))


def give_back(stage: Stage, lead: str) -> Callable[[int], object]:
    return lambda turn: clawbacks.refund_sale(lead_row(lead), by=person(stage.owner), amount=Money(10_000, "usd"),
                                              refund_number=f"{lead} {turn}")


def test_a_disputed_bounty_is_worked_on_from_all_sides_at_once(app: Flask, stage: Stage, record_property) -> None:
    stage.onboard()
    bounty = stage.open_bounty(leads=9, hold_days=30)
    sold = [stage.introduce(bounty, referrer=number % 2) for number in range(4)]
    waiting = [stage.introduce(bounty) for _ in range(2)]
    fresh = stage.point(bounty)
    for number, lead in enumerate(sold):
        assert win(stage, lead, f"order {number}") == OK
    charge = db.session.scalars(select(Funding.charge_id).filter_by(purpose_id=bounty)).one()
    stage.market.sandbox.control.open_dispute(charge, withdraw=False, amount=7 * COST)
    stage.market.sandbox.deliver_webhooks()
    stage.market.work()
    chargeback = db.session.scalars(select(Chargeback.id)).one()
    coming = [paid_unheard(stage, bounty) for _ in range(2)]
    earned = list(db.session.scalars(select(Reward.id).order_by(Reward.id)))
    end_reading()

    together(app, [
        errands(disputes.CHECK_CHARGEBACK, chargeback_id=chargeback),
        over_and_over(lambda turn: note_bad_day(chargeback)),
        over_and_over(give_back(stage, sold[0])), over_and_over(give_back(stage, sold[1])),
        over_and_over(lambda turn: rewards.release_reward(earned[turn % len(earned)])),
        over_and_over(lambda turn: refunds.refund_free_funds(bounty, "usd", by=audit.SYSTEM)),
        over_and_over(lambda turn: note_funds_came_free(bounty_row(bounty))),
        errands(funding.CHECK_FUNDING, funding_id=coming[0]), errands(funding.CHECK_FUNDING, funding_id=coming[1]),
        *(lambda lead=lead: win(stage, lead, f"late {lead}") for lead in waiting),
        over_and_over(lambda turn: moderation.accept_lead(lead_row(fresh), by=person(stage.admins[0]))),
    ])
    assert check_ledger() == []
    record_property("threads", 12)


def paid_unheard(stage: Stage, bounty: str) -> str:
    """Paid on Stripe's page; we have not heard of it."""
    market = stage.market
    funding_id = market.ask_funding(bounty, stage.business, COST, "usd", by=stage.owner)
    market.pass_time(seconds=60)
    market.work()
    assert market.pay(funding_id)
    return funding_id


def test_what_is_sent_and_taken_back_at_once(app: Flask, stage: Stage, record_property) -> None:
    """Released rewards on their way to Stripe, while their sale is given back bit by bit."""
    stage.onboard()
    bounty = stage.open_bounty(leads=4)
    stage.market.pass_time(days=3)
    leads = [stage.introduce(bounty) for _ in range(4)]
    for number, lead in enumerate(leads):
        assert win(stage, lead, f"order {number}") == OK
    owed = list(db.session.scalars(select(Reward.id).order_by(Reward.id)))
    for reward_id in owed:
        assert attempt(lambda reward_id=reward_id: rewards.release_reward(reward_id)) == OK
    assert db.session.scalars(select(Payable.id)).all()
    end_reading()
    together(app, [
        *(over_and_over(give_back(stage, lead)) for lead in leads),
        over_and_over(lambda turn: note_funds_came_free(bounty_row(bounty))),
        over_and_over(lambda turn: payables.left_of_all(owed[turn % len(owed)])),
        work_until_idle, work_until_idle,
    ])
    assert check_ledger() == []
    record_property("threads", 7)


def work_until_idle() -> None:
    while outbox.run_next(JOBS):
        pass
