"""A payer's bank wants its money back: the disputed sum is frozen at once, follows Stripe, and is lost or given back."""
import itertools
import random

import pytest
from sqlalchemy import select

from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import db, transaction
from marketplace.foundation.outbox import do_now
from marketplace.payments import ledger
from marketplace.payments.disputes import answers, debts, freezing
from marketplace.payments.disputes.answers import AlreadyAnswered, NoEvidence, accept_chargeback, submit_evidence
from marketplace.payments.disputes.chargebacks import CHECK_CHARGEBACK, settle
from marketplace.payments.disputes.debts import NothingOwed, write_off
from marketplace.payments.ledger import check_ledger
from marketplace.payments.models import (
    PLATFORM,
    AccountKind,
    AnswerState,
    BusinessDebt,
    Chargeback,
    ChargebackAnswer,
    ChargebackState,
    FrozenKind,
    FrozenPart,
    FrozenState,
    Funding,
    OpenItem,
    StripeEvent,
)
from marketplace.payments.money_in import funds
from marketplace.payments.money_in.refunds import refund_free_funds
from tests.browsing import apart, end_reading
from tests.factories import make_user
from tests.payments.book_steps import reconcile
from tests.payments.money_steps import BOUNTY, fresh, holds, owe, pay_in, promised, usd

K, S = AccountKind, ChargebackState
FEE = 15_00  # Stripe's, for each dispute.


@pytest.fixture
def heard(app, stripe, work):
    """`heard()`: every webhook that waits comes in, and what it sets off is done."""
    stripe.deliver_to_app(apart(app))

    def deliver(**plan):
        stripe.deliver_webhooks(**plan)
        work()
    return deliver


@pytest.fixture
def mona(app):
    return make_user("Mona Lind", is_admin=True)


def the_chargeback() -> Chargeback:
    end_reading()
    return db.session.scalars(select(Chargeback)).one()


def dispute(stripe, funding, **given) -> str:
    return stripe.control.open_dispute(fresh(Funding, funding.id).charge_id, **given)["id"]


def books() -> dict[str, int]:
    """What each kind of account holds, and nothing that holds nothing."""
    end_reading()
    return {str(kind): minor for kind, _, minor in ledger.trial_balance() if minor}


def freeze(kind, subject_id):
    """As referrals would name it."""
    with transaction():
        chargeback = freezing.lock_chargeback(the_chargeback_id())
        return freezing.freeze(chargeback, kind, subject_id).minor


def the_chargeback_id() -> str:
    return db.session.scalars(select(Chargeback.id)).one()


def reserve(lead_id, amount):
    with transaction():
        funds.reserve(lead_id, bounty_id=BOUNTY, amount=amount)


class TestOpened:
    def test_what_is_free_is_frozen_at_once_and_stripe_takes_it_with_its_fee(self, stripe, wes, heard, news):
        funding = pay_in(stripe, wes, usd(1000))
        dispute(stripe, funding)
        heard()
        chargeback = the_chargeback()
        assert (chargeback.state, chargeback.amount, chargeback.reason) == (S.OPEN, usd(1000), "fraudulent")
        assert (chargeback.withdrawn_minor, chargeback.fee_minor, chargeback.frozen_minor) == (1000_00, FEE, 0)
        assert holds(K.FUNDS, BOUNTY) == 0
        assert holds(K.OWED_BY_BUSINESS, chargeback.id) == 0
        assert holds(K.STRIPE_FEES, PLATFORM) == -(29_30 + FEE)
        assert ("note_bad_day", {"source_id": chargeback.id}) in news
        assert ("send_letter", {"letter": "chargeback_open", "chargeback_id": chargeback.id}) in news

    def test_frozen_before_stripe_takes_it(self, stripe, wes, heard):
        funding = pay_in(stripe, wes, usd(1000))
        dispute(stripe, funding, amount=400_00, withdraw=False)
        heard()
        assert (holds(K.FUNDS, BOUNTY), holds(K.DISPUTED, the_chargeback().id)) == (600_00, 400_00)

    def test_never_more_than_the_disputed_sum(self, stripe, wes, heard):
        funding = pay_in(stripe, wes, usd(1000))
        pay_in(stripe, wes, usd(500))
        dispute(stripe, funding, withdraw=False)
        heard()
        assert (holds(K.FUNDS, BOUNTY), holds(K.DISPUTED, the_chargeback().id)) == (500_00, 1000_00)
        reserve("lead_1", usd(100))
        assert freeze(FrozenKind.RESERVED, "lead_1") == 0

    def test_what_is_not_free_is_named_by_referrals_and_frozen_next(self, stripe, wes, heard):
        funding = pay_in(stripe, wes, usd(1000))
        reserve("lead_1", usd(600))
        dispute(stripe, funding, withdraw=False)
        heard()
        assert freeze(FrozenKind.RESERVED, "lead_1") == 600_00
        assert freeze(FrozenKind.RESERVED, "lead_1") == 0
        assert (holds(K.RESERVED, "lead_1"), holds(K.DISPUTED, the_chargeback().id)) == (0, 1000_00)

    def test_what_is_missing_is_owed_until_more_is_frozen(self, stripe, wes, heard):
        funding = pay_in(stripe, wes, usd(1000))
        reserve("lead_1", usd(600))
        dispute(stripe, funding)
        heard()
        chargeback = the_chargeback()
        assert holds(K.OWED_BY_BUSINESS, chargeback.id) == -600_00
        freeze(FrozenKind.RESERVED, "lead_1")
        assert holds(K.OWED_BY_BUSINESS, chargeback.id) == 0
        assert fresh(BusinessDebt, chargeback.id).owed_minor == 0

    def test_what_comes_free_later_is_frozen_too(self, stripe, wes, heard):
        funding = pay_in(stripe, wes, usd(1000))
        reserve("lead_1", usd(600))
        dispute(stripe, funding, withdraw=False)
        heard()
        with transaction():
            funds.free_reservation("lead_1", bounty_id=BOUNTY, currency="usd", why="it ended")
        assert (holds(K.FUNDS, BOUNTY), holds(K.DISPUTED, the_chargeback().id)) == (0, 1000_00)

    def test_a_frozen_lead_that_ends_gives_its_money_to_the_frozen_funds(self, stripe, wes, heard):
        funding = pay_in(stripe, wes, usd(1000))
        reserve("lead_1", usd(600))
        dispute(stripe, funding)
        heard()
        freeze(FrozenKind.RESERVED, "lead_1")
        with transaction():
            funds.free_reservation("lead_1", bounty_id=BOUNTY, currency="usd", why="it ended")
        kinds = {(part.kind, part.amount_minor) for part in db.session.scalars(
            select(FrozenPart).filter_by(state=FrozenState.FROZEN))}
        assert kinds == {(FrozenKind.FUNDS, 400_00), (FrozenKind.FUNDS, 600_00)}
        assert holds(K.OWED_BY_BUSINESS, the_chargeback().id) == 0

    def test_new_money_covers_what_is_missing_first(self, stripe, wes, heard):
        funding = pay_in(stripe, wes, usd(1000))
        reserve("lead_1", usd(600))
        dispute(stripe, funding)
        heard()
        pay_in(stripe, wes, usd(700))
        assert (holds(K.FUNDS, BOUNTY), holds(K.OWED_BY_BUSINESS, the_chargeback().id)) == (100_00, 0)

    def test_a_disputed_charge_is_not_refunded_as_well(self, stripe, wes, heard, work):
        first = pay_in(stripe, wes, usd(100))
        second = pay_in(stripe, wes, usd(50))
        dispute(stripe, first, amount=20_00)
        heard()
        with transaction():
            made = refund_free_funds(BOUNTY, "usd", by=wes.id)
        assert [(one.funding_id, one.amount) for one in made] == [(second.id, usd(50))]
        work()

    def test_an_inquiry_freezes_and_ends_without_a_trace(self, stripe, wes, heard):
        funding = pay_in(stripe, wes, usd(1000))
        asked = dispute(stripe, funding, status="warning_needs_response")
        heard()
        assert (the_chargeback().state, holds(K.DISPUTED, the_chargeback().id)) == (S.INQUIRY, 1000_00)
        stripe.control.settle_dispute(asked, status="warning_closed")
        heard()
        assert (the_chargeback().state, holds(K.FUNDS, BOUNTY)) == (S.CLOSED, 1000_00)
        assert the_chargeback().settled_at

    def test_an_inquiry_may_become_a_chargeback(self, stripe, wes, heard):
        funding = pay_in(stripe, wes, usd(1000))
        asked = dispute(stripe, funding, status="warning_needs_response")
        heard()
        stripe.control.settle_dispute(asked, status="needs_response")
        heard()
        assert (the_chargeback().state, the_chargeback().withdrawn_minor) == (S.OPEN, 1000_00)

    def test_a_dispute_about_somebody_elses_payment_is_left_alone(self, stripe, wes, heard):
        funding = pay_in(stripe, wes, usd(1000))
        opened = dispute(stripe, funding)
        with stripe.box.world.store.transaction():
            found = stripe.box.world.store.find(opened)
            stripe.box.world.store.save(found | {"charge": "ch_other", "payment_intent": None})
        heard()
        assert db.session.scalars(select(Chargeback)).all() == []
        outcomes = {one.outcome for one in db.session.scalars(
            select(StripeEvent).where(StripeEvent.type.startswith("charge.dispute")))}
        assert outcomes == {"ignored: the dispute is about no funding of ours"}
        with stripe.box.world.store.transaction():  # So that the books agree again: it was not ours to take.
            stripe.control.add_movement(type="adjustment", amount=1000_00 + FEE, currency="usd")


class TestEnded:
    def test_won_gives_everything_back_where_it_came_from(self, stripe, wes, heard):
        funding = pay_in(stripe, wes, usd(1000))
        reserve("lead_1", usd(600))
        opened = dispute(stripe, funding)
        heard()
        freeze(FrozenKind.RESERVED, "lead_1")
        stripe.control.settle_dispute(opened, status="won", fee_back=True)
        heard()
        chargeback = the_chargeback()
        assert (chargeback.state, chargeback.withdrawn_minor, chargeback.fee_minor) == (S.WON, 0, 0)
        assert (holds(K.FUNDS, BOUNTY), holds(K.RESERVED, "lead_1")) == (400_00, 600_00)
        assert chargeback.settled_at and chargeback.closed_at

    def test_won_waits_for_the_money_before_it_gives_anything_back(self, stripe, wes, heard):
        funding = pay_in(stripe, wes, usd(1000))
        opened = dispute(stripe, funding)
        heard()
        with stripe.box.world.store.transaction():
            found = stripe.box.world.store.find(opened)
            stripe.box.world.store.save(found | {"status": "won"})
        do_now(CHECK_CHARGEBACK, chargeback_id=the_chargeback_id())
        assert (the_chargeback().state, holds(K.FUNDS, BOUNTY), the_chargeback().settled_at) == (S.WON, 0, None)
        stripe.control.settle_dispute(opened, status="won")
        heard()
        assert (holds(K.FUNDS, BOUNTY), the_chargeback().settled_at is not None) == (1000_00, True)

    def test_lost_takes_the_free_funds_and_nothing_is_owed(self, stripe, wes, heard):
        funding = pay_in(stripe, wes, usd(1000))
        opened = dispute(stripe, funding)
        heard()
        stripe.control.settle_dispute(opened, status="lost")
        heard()
        chargeback = the_chargeback()
        assert (chargeback.state, holds(K.FUNDS, BOUNTY), chargeback.settled_at is not None) == (S.LOST, 0, True)
        assert books() == {"stripe_fees": -(29_30 + FEE), "clearing": 29_30 + FEE}

    def test_lost_leaves_promises_whole_and_the_business_owes_them(self, stripe, wes, heard, news):
        chargeback = lose_with_a_lead(stripe, wes, heard)
        assert holds(K.RESERVED, "lead_1") == 600_00
        assert holds(K.OWED_BY_BUSINESS, chargeback.id) == -600_00
        assert chargeback.settled_at is None
        assert ("send_letter", {"letter": "chargeback_lost", "chargeback_id": chargeback.id}) in news

    def test_the_next_funding_pays_the_debt_first_then_the_promises_are_whole_again(self, stripe, wes, heard):
        chargeback = lose_with_a_lead(stripe, wes, heard)
        pay_in(stripe, wes, usd(250))
        assert (holds(K.OWED_BY_BUSINESS, chargeback.id), holds(K.FUNDS, BOUNTY)) == (-350_00, 0)
        pay_in(stripe, wes, usd(500))
        assert (holds(K.OWED_BY_BUSINESS, chargeback.id), holds(K.FUNDS, BOUNTY)) == (0, 150_00)
        assert fresh(Chargeback, chargeback.id).settled_at
        states = set(db.session.scalars(select(FrozenPart.state)))
        assert states == {FrozenState.TAKEN, FrozenState.RETURNED}

    def test_an_admin_writes_off_what_nobody_will_pay_once(self, stripe, wes, heard, mona):
        chargeback = lose_with_a_lead(stripe, wes, heard)
        with transaction():
            assert write_off(chargeback.id, by=mona, reason="They are gone.") == usd(600)
            settle(freezing.lock_chargeback(chargeback.id))
        assert (holds(K.LOSSES, PLATFORM), holds(K.OWED_BY_BUSINESS, chargeback.id)) == (-600_00, 0)
        assert fresh(Chargeback, chargeback.id).settled_at
        with pytest.raises(NothingOwed), transaction():
            write_off(chargeback.id, by=mona, reason="Again.")
        told = db.session.scalars(select(AuditEvent).filter_by(action="debt.written_off")).one()
        assert (told.actor_id, told.details["reason"]) == (mona.id, "They are gone.")

    def test_a_bank_that_changes_its_mind_gives_back_even_what_was_written_off(self, stripe, wes, heard, mona):
        chargeback = lose_with_a_lead(stripe, wes, heard)
        with transaction():
            write_off(chargeback.id, by=mona, reason="They are gone.")
        stripe.control.settle_dispute(chargeback.stripe_id, status="won")
        heard()
        assert fresh(Chargeback, chargeback.id).state is S.WON
        assert (holds(K.FUNDS, BOUNTY), holds(K.RESERVED, "lead_1"), holds(K.LOSSES, PLATFORM)) == (400_00, 600_00, 0)

    def test_a_payment_that_fails_days_after_it_succeeded_is_a_lost_chargeback(self, stripe, wes, heard):
        funding = pay_in(stripe, wes, usd(1000))
        heard()
        stripe.control.fail_charge(funding.charge_id)
        heard()
        chargeback = the_chargeback()
        assert (chargeback.state, chargeback.reason, chargeback.fee_minor) == (S.LOST, "insufficient_funds", 0)
        assert (holds(K.FUNDS, BOUNTY), chargeback.settled_at is not None) == (0, True)

    def test_what_was_paid_out_is_not_touched_and_owed(self, stripe, wes, westside, ana, heard):
        funding = pay_in(stripe, wes, usd(1000))
        owe(ana, westside.id, usd(900))
        opened = dispute(stripe, funding)
        stripe.control.settle_dispute(opened, status="lost")
        heard()
        assert (holds(K.PAYABLE, "reward_1"), holds(K.OWED_BY_BUSINESS, the_chargeback().id)) == (900_00, -900_00)


def lose_with_a_lead(stripe, wes, heard) -> Chargeback:
    """$1,000 of which $600 are promised to a lead; the bank takes it all."""
    funding = pay_in(stripe, wes, usd(1000))
    reserve("lead_1", usd(600))
    opened = dispute(stripe, funding)
    heard()
    freeze(FrozenKind.RESERVED, "lead_1")
    stripe.control.settle_dispute(opened, status="lost")
    heard()
    return the_chargeback()


class TestHeardBadly:
    @pytest.mark.parametrize("ends", ["won", "lost"])
    def test_heard_of_only_at_the_end_it_is_as_if_heard_in_order(self, stripe, wes, heard, ends):
        funding = pay_in(stripe, wes, usd(1000))
        opened = dispute(stripe, funding)
        stripe.control.settle_dispute(opened, status="under_review")
        stripe.control.settle_dispute(opened, status=ends)
        heard(order="reversed", copies=3)
        assert the_chargeback().state == ends
        assert holds(K.FUNDS, BOUNTY) == (1000_00 if ends == "won" else 0)
        assert the_chargeback().settled_at

    def test_lost_webhooks_cost_only_time(self, stripe, wes, heard, work, later):
        funding = pay_in(stripe, wes, usd(1000))
        opened = dispute(stripe, funding)
        heard()
        stripe.control.settle_dispute(opened, status="won")
        later(days=1, hours=1)
        work()
        assert (the_chargeback().state, holds(K.FUNDS, BOUNTY)) == (S.WON, 1000_00)
        later(days=2)
        work()
        assert promised("check_chargeback") == []

    @pytest.mark.parametrize("seed", range(3))
    def test_any_order_of_any_number_of_events_ends_alike(self, stripe, wes, heard, mona, seed):
        """The same two bad days, told in order or doubled and mixed with new money, a lead and a refund by hand."""
        dice = random.Random(seed)
        steps = story_of_bad_days(stripe, wes)
        for told, step in enumerate(steps):
            step()
            if dice.random() < 0.4:
                heard(order="shuffled", copies=dice.randint(1, 3), seed=seed + told)
                assert check_ledger() == []
        heard(order="shuffled", copies=2, seed=seed)
        for chargeback_id in db.session.scalars(select(Chargeback.id)).all():
            do_now(CHECK_CHARGEBACK, chargeback_id=chargeback_id)
        assert sorted(db.session.scalars(select(Chargeback.state))) == [S.LOST, S.WON]
        ends = books()
        assert ends == {"funds": 800_00, "stripe_fees": ends["stripe_fees"], "clearing": -800_00 - ends["stripe_fees"]}
        assert db.session.scalars(select(Chargeback).where(Chargeback.settled_at.is_(None))).all() == []

    def test_every_movement_of_bad_days_is_explained_to_the_cent(self, stripe, wes, heard, later):
        for step in story_of_bad_days(stripe, wes):
            step()
        failed = pay_in(stripe, wes, usd(300))
        heard()
        stripe.control.fail_charge(failed.charge_id)
        sent_back = stripe.control.refund_by_hand(pay_in(stripe, wes, usd(100)).charge_id, amount=40_00)
        heard()
        stripe.control.settle_refund(sent_back["id"], status="failed")
        heard()
        later(days=1)
        reconcile()
        assert [f"{item.kind} {item.note}" for item in db.session.scalars(
            select(OpenItem).where(OpenItem.resolved_at.is_(None)))] == []

    def test_two_disputes_of_one_payment_share_what_is_there(self, stripe, wes, heard):
        funding = pay_in(stripe, wes, usd(1000))
        first, second = (dispute(stripe, funding, amount=amount) for amount in (700_00, 300_00))
        stripe.control.settle_dispute(first, status="won")
        stripe.control.settle_dispute(second, status="lost")
        heard(order="shuffled", seed=3)
        assert holds(K.FUNDS, BOUNTY) == 700_00


def story_of_bad_days(stripe, wes):
    """Steps at Stripe; in the end $800 are free: $1,500 paid, $500 lost to the bank, $200 refunded by hand."""
    seen = {}

    def pay(name, amount):
        seen[name] = pay_in(stripe, wes, amount)

    def open_(name):
        seen[name + " dispute"] = dispute(stripe, seen[name])

    return [
        lambda: pay("lost", usd(500)), lambda: open_("lost"), lambda: pay("won", usd(600)), lambda: open_("won"),
        lambda: stripe.control.settle_dispute(seen["lost dispute"], status="lost"),
        lambda: stripe.control.settle_dispute(seen["won dispute"], status="under_review"),
        lambda: pay("refunded", usd(400)),
        lambda: stripe.control.refund_by_hand(seen["refunded"].charge_id, amount=200_00),
        lambda: stripe.control.settle_dispute(seen["won dispute"], status="won", fee_back=True),
    ]


@pytest.mark.once
class TestAnswered:
    def test_evidence_goes_to_the_bank_once(self, stripe, wes, heard, work, mona):
        funding = pay_in(stripe, wes, usd(1000))
        opened = dispute(stripe, funding)
        heard()
        with transaction():
            submit_evidence(the_chargeback_id(), text="They signed.", by=mona)
        work()
        assert db.session.scalars(select(ChargebackAnswer.state)).one() is AnswerState.SENT
        assert (the_chargeback().stripe_status, the_chargeback().has_evidence) == ("under_review", True)
        assert stripe.box.world.store.find(opened)["evidence"]["uncategorized_text"] == "They signed."
        with pytest.raises(AlreadyAnswered), transaction():
            submit_evidence(the_chargeback_id(), text="More.", by=mona)

    def test_accepting_loses_it_at_once(self, stripe, wes, heard, work, mona):
        funding = pay_in(stripe, wes, usd(1000))
        dispute(stripe, funding)
        heard()
        with transaction():
            accept_chargeback(the_chargeback_id(), by=mona)
        work()
        assert the_chargeback().state is S.LOST
        with pytest.raises(AlreadyAnswered), transaction():
            accept_chargeback(the_chargeback_id(), by=mona)

    @pytest.mark.parametrize("trouble", ["lost_after", "error_stored_after", "error_stored", "lost_before"])
    def test_whatever_befalls_the_call_the_bank_has_it_once(self, stripe, wes, heard, work, later, mona, trouble):
        funding = pay_in(stripe, wes, usd(1000))
        opened = dispute(stripe, funding)
        heard()
        stripe.control.plan_fault(kind=trouble, path="/v1/disputes/[^/]+$", method="POST")
        with transaction():
            submit_evidence(the_chargeback_id(), text="They signed.", by=mona)
        for _ in range(3):
            work()
            later(minutes=20)
        assert db.session.scalars(select(ChargebackAnswer.state)).one() is AnswerState.SENT
        assert stripe.box.world.store.find(opened)["evidence_details"]["submission_count"] == 1

    def test_what_stripe_refuses_is_told_and_may_be_tried_anew(self, stripe, wes, heard, work, mona):
        funding = pay_in(stripe, wes, usd(1000))
        opened = dispute(stripe, funding)
        heard()
        stripe.control.settle_dispute(opened, status="won")
        with transaction():
            submit_evidence(the_chargeback_id(), text="They signed.", by=mona)
        work()
        answer = db.session.scalars(select(ChargebackAnswer)).one()
        assert answer.state is AnswerState.FAILED and "closed" in answer.failure
        heard()

    def test_an_empty_answer_is_refused(self, stripe, wes, heard, mona):
        funding = pay_in(stripe, wes, usd(1000))
        dispute(stripe, funding)
        heard()
        for text in ("", " ", "x" * (answers.LONGEST_EVIDENCE + 1)):
            with pytest.raises(NoEvidence), transaction():
                submit_evidence(the_chargeback_id(), text=text, by=mona)


def test_check_ledger_sees_a_chargeback_whose_rows_and_accounts_differ(stripe, wes, heard):
    funding = pay_in(stripe, wes, usd(1000))
    dispute(stripe, funding, amount=300_00, withdraw=False)
    heard()
    for field, wrong in itertools.product(("frozen_minor", "withdrawn_minor"), (1,)):
        with transaction():
            chargeback = freezing.lock_chargeback(the_chargeback_id())
            setattr(chargeback, field, getattr(chargeback, field) + wrong)
        assert any("I13 chargeback" in fault for fault in check_ledger()), field
        with transaction():
            chargeback = freezing.lock_chargeback(the_chargeback_id())
            setattr(chargeback, field, getattr(chargeback, field) - wrong)
    with transaction():
        debts.change_debt("refund_x", 5, business_id=funding.business_id, purpose_id=BOUNTY, currency="usd")
    assert any("I13 debt" in fault for fault in check_ledger())
    with transaction():
        debts.change_debt("refund_x", -5, business_id=funding.business_id, purpose_id=BOUNTY, currency="usd")
    assert check_ledger() == []
