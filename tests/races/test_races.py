"""Many at once, on both databases: never more than funded, one decision, one lead, one sale, one Stripe transfer."""
import threading
from collections import Counter

import pytest
from flask import Flask
from sqlalchemy import event, func, select

from marketplace.foundation import clock as product_clock
from marketplace.foundation import outbox
from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import db, transaction
from marketplace.foundation.money import Money
from marketplace.identity.api_keys import create_key
from marketplace.jobs import JOBS
from marketplace.payments import ledger
from marketplace.payments.ledger_checks import check_ledger
from marketplace.payments.models import AccountKind, Payable, Transfer
from marketplace.payments.money_in.funds import free_funds, reserved_for
from marketplace.referrals import clawbacks, consent, moderation, rewards, stages
from marketplace.referrals.desk import telling
from marketplace.referrals.desk.next_case import claim_next
from marketplace.referrals.models import (
    Channel,
    Clawback,
    Consent,
    ConsentGrant,
    Conversion,
    Lead,
    LeadClaim,
    Moderation,
    ReasonCode,
    Reward,
)
from tests.browsing import end_reading
from tests.properties.market import OK, decide, person
from tests.races.conftest import COST, REWARD, Stage, lead_row
from tests.races.together import ROUNDS, STALE, attempt_once, together

SLOWER = {"illegal_move", "stale_form", STALE}


@pytest.fixture(autouse=True)
def _counted(record_property) -> None:
    record_property("rounds", ROUNDS)


def test_sixteen_threads_cannot_reserve_more_than_is_funded(app: Flask, stage: Stage, record_property) -> None:
    spent = 0
    for _ in range(ROUNDS):
        bounty = stage.open_bounty(leads=5)
        leads = [stage.point(bounty, referrer=n % 2) for n in range(16)]
        answers = Counter(together(app, [
            lambda lead=lead, n=n: attempt_once(lambda: moderation.accept_lead(lead_row(lead), by=person(stage.admins[n % 8])))
            for n, lead in enumerate(leads)]))
        assert answers == {OK: 5, "funds_gone": 11}
        reserved = sum(reserved_for(lead, "usd").minor for lead in leads)
        assert (reserved, free_funds(bounty, "usd").minor) == (5 * COST, 0)
        accepted = db.session.scalar(select(func.count()).where(Lead.bounty_id == bounty, Lead.moderation == Moderation.ACCEPTED))
        assert accepted == 5
        assert check_ledger() == []
        spent += 16
    record_property("threads", spent)


def test_eight_admins_decide_a_lead_once(app: Flask, stage: Stage, record_property) -> None:
    bounty = stage.open_bounty(leads=4 * ROUNDS + 1)
    for _ in range(4 * ROUNDS):
        lead = stage.point(bounty)

        def accept(admin: str, lead: str = lead) -> str:
            return attempt_once(lambda: moderation.accept_lead(lead_row(lead), by=person(admin)))

        def reject(admin: str, lead: str = lead) -> str:
            return attempt_once(lambda: moderation.reject_lead(
                lead_row(lead), by=person(admin), reason_code=ReasonCode.OUT_OF_SCOPE, missed_criterion="Wants to buy"))

        answers = together(app, [lambda n=n, admin=admin: (accept, reject)[n % 2](admin) for n, admin in enumerate(stage.admins)])
        assert answers.count(OK) == 1
        assert set(answers) - {OK} <= SLOWER
        decisions = db.session.scalars(select(AuditEvent.action).where(
            AuditEvent.subject_id == lead, AuditEvent.action.in_(["lead.accepted", "lead.rejected"]))).all()
        row = lead_row(lead)
        assert decisions == [f"lead.{row.moderation}"]
        assert reserved_for(lead, "usd").minor == (COST if row.moderation is Moderation.ACCEPTED else 0)
        assert row.decided_by == stage.admins[answers.index(OK)]
        assert check_ledger() == []
    record_property("threads", 8 * 4 * ROUNDS)


def test_two_cases_for_two_admins_at_once(app: Flask, stage: Stage) -> None:
    """Eight press “next case” in one moment: each lead is given to one of them."""
    bounty = stage.open_bounty(leads=4)
    leads = [stage.point(bounty, referrer=n % 2) for n in range(4)]

    def take(admin: str) -> str | None:
        with transaction():
            lead = claim_next(by=person(admin))
            return lead.id if lead else None

    given = together(app, [lambda admin=admin: take(admin) for admin in stage.admins])
    assert sorted(lead for lead in given if lead) == sorted(leads)
    holders = {claim.lead_id: claim.user_id for claim in db.session.scalars(select(LeadClaim))}
    assert holders == {lead: admin for admin, lead in zip(stage.admins, given, strict=True) if lead}


def test_a_decision_is_told_or_undone_but_not_both(app: Flask, stage: Stage) -> None:
    bounty, admin = stage.open_bounty(leads=4), stage.admins[0]
    for _ in range(4):
        lead = stage.point(bounty)
        assert attempt_once(lambda lead=lead: moderation.accept_lead(lead_row(lead), by=person(admin))) == OK
        tell_at = lead_row(lead).tell_at.isoformat()
        told, undone = together(app, [
            lambda lead=lead, at=tell_at: attempt_once(lambda: telling.tell_decision(lead, at)),
            lambda lead=lead: attempt_once(lambda: telling.undo_decision(lead_row(lead), by=person(admin)))])
        row = lead_row(lead)
        if undone == OK:
            wanted = Moderation.IN_REVIEW, Consent.UNKNOWN, 0
        else:
            assert told == OK and undone in {STALE, "told_already"}
            wanted = Moderation.ACCEPTED, Consent.ASKED, COST
        assert (row.moderation, row.consent, reserved_for(lead, "usd").minor) == wanted
        assert check_ledger() == []


def test_four_workers_send_a_transfer_once(app: Flask, stage: Stage, record_property) -> None:
    stage.onboard()
    bounty = stage.open_bounty(leads=3 * ROUNDS + 1)
    stage.market.pass_time(days=3)  # What was paid in is available at Stripe.
    for number in range(3 * ROUNDS):
        lead = stage.introduce(bounty)
        assert win(stage, lead, f"order {number}") == OK
        # Two deliveries of one transfer, as when a worker is thought dead and goes on: the second job is the lease's end.
        together(app, [_work_until_idle] * 4)
        transfer = db.session.scalars(select(Transfer).order_by(Transfer.id.desc()).limit(1)).one()
        transfer_id, state = transfer.id, transfer.state
        assert state == "sent"
        assert [one["amount"] for one in stage.market.sandbox.box.world.store.all("transfer")
                if one["metadata"]["transfer_id"] == transfer_id] == [REWARD]
        assert check_ledger() == []
    assert len(stage.market.sandbox.box.world.store.all("transfer")) == 3 * ROUNDS
    _books_agree(stage)
    record_property("threads", 4 * 3 * ROUNDS)


def test_four_deliveries_of_one_transfer_are_one_transfer(app: Flask, stage: Stage, record_property) -> None:
    """A worker that is only slow goes on after its lease: then several make the very same call."""
    stage.onboard()
    bounty = stage.open_bounty(leads=3 * ROUNDS + 1)
    stage.market.pass_time(days=3)
    for number in range(3 * ROUNDS):
        lead = stage.introduce(bounty)
        assert win(stage, lead, f"order {number}") == OK
        while not _sending():
            assert outbox.run_next(JOBS)
            end_reading()
        [transfer_id] = _sending()
        with transaction():
            for _ in range(3):
                outbox.promise("deliver_transfer", transfer_id=transfer_id)
        together(app, [_work_until_idle] * 4)
        for _ in range(6):  # Whoever met the key in use comes again.
            stage.market.pass_time(minutes=10)
            stage.market.work()
        made = [one for one in stage.market.sandbox.box.world.store.all("transfer") if one["metadata"]["transfer_id"] == transfer_id]
        assert [one["amount"] for one in made] == [REWARD]
        assert db.session.get_one(Transfer, transfer_id).stripe_transfer_id == made[0]["id"]
        assert db.session.scalars(outbox.dead_letters()).all() == []
        assert check_ledger() == []
    _books_agree(stage)
    record_property("threads", 4 * 3 * ROUNDS)


def test_two_who_point_at_one_post_in_one_moment_get_one_lead_and_one_duplicate(
    app: Flask, stage: Stage, record_property
) -> None:
    bounty = stage.open_bounty(leads=2)
    for number in range(6 * ROUNDS):
        url = f"https://blog.example/posts/{number}"
        answers = together(app, [
            lambda who=who, url=url: attempt_once(stage.pointing(bounty, referrer=who, url=url)) for who in (0, 1)])
        assert answers == [OK, OK]
        states = db.session.scalars(select(Lead.moderation).order_by(Lead.id.desc()).limit(2)).all()
        assert sorted(states) == [Moderation.DUPLICATE, Moderation.SUBMITTED]
        stage.market.work()
    assert db.session.scalar(select(func.count()).select_from(Lead)) == 12 * ROUNDS
    record_property("threads", 2 * 6 * ROUNDS)


def test_a_yes_sent_twice_in_one_moment_is_one_answer(app: Flask, stage: Stage) -> None:
    bounty = stage.open_bounty(leads=2)
    lead = stage.point(bounty)
    assert attempt_once(lambda: decide(moderation.accept_lead, lead_row(lead), by=person(stage.admins[0]))) == OK
    answers = together(app, [lambda: _say_yes(lead) for _ in range(4)])
    assert answers == [OK] * 4  # The last one counts, as if they had been sent one after the other.
    live = select(func.count()).where(ConsentGrant.lead_id == lead, ConsentGrant.replaced_at.is_(None))
    assert db.session.scalar(live) == 1


def test_a_buyer_who_confirms_through_two_referrers_at_once_is_introduced_by_one(app: Flask, stage: Stage) -> None:
    bounty = stage.open_bounty(leads=2)
    leads = [stage.point(bounty, referrer=n) for n in range(2)]
    for lead in leads:
        assert attempt_once(lambda lead=lead: decide(moderation.accept_lead, lead_row(lead), by=person(stage.admins[0]))) == OK
        assert _say_yes(lead) == OK
    grants = list(db.session.scalars(select(ConsentGrant.id)))
    answers = together(app, [lambda g=g: attempt_once(lambda: consent.confirm_consent(db.session.get_one(ConsentGrant, g))) for g in grants])
    assert sorted(answers) == ["already_answered", OK]


def _say_yes(lead: str) -> str:
    return attempt_once(lambda: consent.give_consent(
        lead_row(lead), name="Dana", email="dana@mail.example", channel=Channel.EMAIL,
        until=product_clock.now().date(), proven=False))


def test_one_idempotency_key_from_eight_threads_makes_one_lead(app: Flask, stage: Stage, record_property) -> None:
    bounty = stage.open_bounty(leads=2)
    with transaction():
        _, secret = create_key(person(stage.referrers[0]), name="Program", scopes=["leads:write"], days=None)
    for number in range(2 * ROUNDS):
        body = {"bounty_id": bounty, "text": "I am looking for a car, soon.", "quote": "I am looking for a car",
                "acquaintance": "online", "how_known": "I read them.", "buyer_email": f"key{number}@mail.example"}
        headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": f"key-{number}"}
        answers = together(app, [
            lambda body=body, headers=headers: app.test_client().post("/api/v1/leads", json=body, headers=headers)] * 8)
        assert {answer.status_code for answer in answers} == {201}, [answer.text for answer in answers]
        assert len({answer.text for answer in answers}) == 1
        assert [answer.headers.get("Idempotent-Replayed") for answer in answers].count("true") == 7
    assert db.session.scalar(select(func.count()).select_from(Lead)) == 2 * ROUNDS
    record_property("threads", 8 * 2 * ROUNDS)


def test_a_sale_recorded_by_eight_people_at_once_counts_once(app: Flask, stage: Stage, record_property) -> None:
    bounty = stage.open_bounty(leads=2 * ROUNDS + 1)
    for number in range(2 * ROUNDS):
        lead = stage.introduce(bounty)
        answers = together(app, [lambda lead=lead, n=number: win(stage, lead, f"order {n}")] * 8)
        assert answers.count(OK) == 1
        assert set(answers) - {OK} <= SLOWER | {"already_counted"}
        conversions = db.session.scalars(select(Conversion.id).where(Conversion.lead_id == lead)).all()
        earned = db.session.scalars(select(Reward).where(Reward.lead_id == lead)).all()
        assert (len(conversions), [reward.amount_minor for reward in earned]) == (1, [REWARD])
        assert check_ledger() == []
    record_property("threads", 8 * 2 * ROUNDS)


def test_one_order_recorded_for_two_leads_at_once_counts_once(app: Flask, stage: Stage, record_property) -> None:
    bounty = stage.open_bounty(leads=4 * ROUNDS + 1)
    for number in range(2 * ROUNDS):
        leads = [stage.introduce(bounty), stage.introduce(bounty, referrer=1)]
        answers = together(app, [lambda lead=lead, n=number: win(stage, lead, f"order {n}") for lead in leads])
        assert sorted(answers) == ["already_counted", OK]
        assert db.session.scalar(select(func.count()).where(Reward.lead_id.in_(leads))) == 1
        assert check_ledger() == []
    record_property("threads", 2 * 2 * ROUNDS)


def test_refunds_of_one_sale_at_once_never_take_more_than_it_earned(app: Flask, stage: Stage, record_property) -> None:
    """Eight people refund 40 % each, in the same moment: two of them fit."""
    bounty = stage.open_bounty(leads=2 * ROUNDS + 1, hold_days=30)
    for number in range(2 * ROUNDS):
        lead = stage.introduce(bounty)
        assert win(stage, lead, f"order {number}") == OK

        def refund(name: str, lead: str = lead) -> str:
            return attempt_once(lambda: clawbacks.refund_sale(
                lead_row(lead), by=person(stage.owner), amount=Money(40_000, "usd"), refund_number=name))

        answers = together(app, [lambda n=n: refund(f"refund {n}") for n in range(8)])
        assert set(answers) <= {OK, STALE, "refund_too_large"}
        assert 1 <= answers.count(OK) <= 2
        reward = db.session.scalars(select(Reward).where(Reward.lead_id == lead)).one()
        taken = db.session.scalar(select(func.sum(Clawback.amount_minor)).where(Clawback.reward_id == reward.id))
        assert taken == REWARD * 40 * answers.count(OK) // 100
        held = ledger.find_balance(AccountKind.HELD, reward.id, "usd").minor
        assert held == COST - COST * 40 * answers.count(OK) // 100
        assert check_ledger() == []
    record_property("threads", 8 * 2 * ROUNDS)


def test_a_refund_in_the_middle_of_a_release_is_not_overlooked(app: Flask, stage: Stage) -> None:
    """It comes between the reading of what the reward is worth and the reading of what is held for it."""
    bounty = stage.open_bounty(leads=1, hold_days=30)
    lead = stage.introduce(bounty)
    assert win(stage, lead, "order 1") == OK
    stage.market.pass_time(days=31)
    reward_id = db.session.scalars(select(Reward.id).where(Reward.lead_id == lead)).one()
    end_reading()

    def refund() -> None:
        with app.app_context():
            assert attempt_once(lambda: clawbacks.refund_sale(
                lead_row(lead), by=person(stage.owner), amount=Money(50_000, "usd"), refund_number="refund 1")) == OK
            db.session.remove()

    meanwhile = threading.Thread(target=refund)
    engine = db.engine

    def step_in(connection: object, cursor: object, statement: str, *details: object) -> None:
        if "FROM ledger_accounts" in statement and threading.current_thread() is not meanwhile and not meanwhile.ident:
            meanwhile.start()
            meanwhile.join(timeout=1)  # As far as it comes: it may have to wait for us.

    event.listen(engine, "before_cursor_execute", step_in)
    try:
        with transaction():
            rewards.release_reward(reward_id)
    finally:
        event.remove(engine, "before_cursor_execute", step_in)
    meanwhile.join(timeout=30)
    end_reading()
    reward, payable = db.session.get_one(Reward, reward_id), db.session.get_one(Payable, reward_id)
    assert reward.net.minor == payable.amount_minor == REWARD // 2
    assert ledger.find_balance(AccountKind.PLATFORM_FEES, "platform", "usd").minor == (COST - REWARD) // 2
    assert check_ledger() == []


def win(stage: Stage, lead: str, order: str) -> str:
    return attempt_once(lambda: stages.win_lead(
        lead_row(lead), by=person(stage.owner), amount=Money(100_000, "usd"),
        occurred_on=product_clock.now().date(), order_number=order))


def _work_until_idle() -> None:
    while outbox.run_next(JOBS):
        pass


def _sending() -> list[str]:
    found = list(db.session.scalars(select(Transfer.id).where(Transfer.state == "sending")))
    end_reading()
    return found


def _books_agree(stage: Stage) -> None:
    """What the ledger believes to have at Stripe is what Stripe has."""
    stage.market.work()
    believed = -ledger.find_balance(AccountKind.CLEARING, "platform", "usd").minor
    there = stage.market.sandbox.control.read_balances()["platform"]["usd"]
    assert believed == there["available"] + there["pending"]


