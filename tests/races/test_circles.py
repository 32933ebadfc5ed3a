"""Everything that can befall one bounty's money, at once: nobody waits for another in a circle, and the books hold."""
from collections.abc import Callable
from dataclasses import replace

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
from marketplace.referrals import clawbacks, consent, moderation, rewards, stages
from marketplace.referrals.chargebacks import note_bad_day
from marketplace.referrals.models import Channel, Consent, ConsentGrant, Reward
from marketplace.referrals.queries import find_live_grant
from tests.browsing import end_reading
from tests.properties.market import OK, attempt, bounty_row, decide, person
from tests.races.conftest import COST, Stage, lead_row
from tests.races.together import ROUNDS, attempt_once, together

pytestmark = pytest.mark.database("postgresql")  # SQLite locks the whole file: there is nothing to wait for in a circle.

TURNS = 6
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


BUYERS = 4


@pytest.mark.parametrize("is_yes_taken_back", [False, True], ids=["no to both", "a yes taken back"])
def test_never_said_to_two_businesses_at_once(app: Flask, stage: Stage, record_property, is_yes_taken_back) -> None:
    """Each answer settles the buyer's other lead too, so each has both bounties' funds to wait for."""
    here = stage.open_bounty(leads=BUYERS)
    there = replace(stage, business=stage.market.make_business(stage.owner, "Eastside Auto")).open_bounty(leads=BUYERS)
    pairs = []
    for number in range(BUYERS):  # So many of one person's would wait for a look.
        email = f"twice{next(stage.serial)}@mail.example"
        pairs.append([stage.point(bounty, email=email, referrer=number % 2) for bounty in (here, there)])
        for lead in pairs[-1]:
            assert attempt(lambda lead=lead: decide(moderation.accept_lead, lead_row(lead), by=person(stage.admins[0]))) == OK
        if is_yes_taken_back:
            for lead in pairs[-1]:
                assert attempt(lambda lead=lead, email=email: say_yes(lead, email)) == OK

    answer = consent.withdraw_consent if is_yes_taken_back else consent.refuse_consent
    answers = together(app, [lambda lead=lead: attempt_once(lambda: answer(lead_row(lead), never=True))
                             for pair in pairs for lead in pair])
    said = [set(answers[at:at + 2]) for at in range(0, len(answers), 2)]
    expected = {OK} if is_yes_taken_back else {OK, "already_answered"}  # Only a yes survives a never said elsewhere.
    assert said == [expected] * BUYERS
    assert {lead_row(lead).consent for pair in pairs for lead in pair} == {
        Consent.WITHDRAWN if is_yes_taken_back else Consent.REFUSED}
    assert check_ledger() == []
    record_property("threads", 2 * BUYERS)


def test_one_yes_to_two_who_pointed_at_once(app: Flask, stage: Stage, record_property) -> None:
    """The buyer confirms both in the same moment: the first one counts, and ends the other."""
    here, there = (stage.open_bounty(leads=BUYERS) for _ in range(2))
    grants = []
    for number in range(BUYERS):
        pair = [stage.point(bounty, referrer=number % 2) for bounty in (here, there)]
        email = f"both{next(stage.serial)}@mail.example"
        for lead in pair:
            assert attempt(lambda lead=lead: decide(moderation.accept_lead, lead_row(lead), by=person(stage.admins[0]))) == OK
            assert attempt(lambda lead=lead, email=email: give_yes(lead, email)) == OK
            grants.append(db.session.scalars(select(ConsentGrant.id).filter_by(lead_id=lead)).one())
    end_reading()
    answers = together(app, [lambda grant=grant: attempt_once(
        lambda: consent.confirm_consent(db.session.get_one(ConsentGrant, grant))) for grant in grants])
    assert [sorted(answers[at:at + 2]) for at in range(0, len(answers), 2)] == [["already_answered", OK]] * BUYERS
    assert check_ledger() == []
    record_property("threads", len(grants))


def give_yes(lead: str, email: str) -> None:
    consent.give_consent(lead_row(lead), name="Dana", email=email, channel=Channel.EMAIL,
                         until=product_clock.now().date(), proven=False)


def say_yes(lead: str, email: str) -> None:
    give_yes(lead, email)
    grant = find_live_grant(lead_row(lead))
    assert grant is not None
    consent.confirm_consent(grant)
