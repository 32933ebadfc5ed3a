"""A payer's bank wants its money back: the disputed sum is frozen at once, follows Stripe, and is lost or given back."""
import itertools
import random

import pytest
from sqlalchemy import select

from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import Forbidden, NotFound
from marketplace.foundation.outbox import do_now
from marketplace.identity.models import MemberRole, Membership
from marketplace.payments import ledger
from marketplace.payments.disputes import answers, debts, freezing, letters, queries
from marketplace.payments.disputes.answers import AlreadyAnswered, NoEvidence, accept_chargeback, submit_evidence
from marketplace.payments.disputes.chargebacks import CHECK_CHARGEBACK, note_dispute, settle
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
    Refund,
    RefundOrigin,
    RefundState,
    StripeEvent,
)
from marketplace.payments.money_in import funds
from marketplace.payments.money_in.refunds import WAITS, refund_free_funds
from marketplace.payments.sandbox.events import emit
from marketplace.payments.stripe_readings import TemporaryFailure
from tests.browsing import apart, end_reading
from tests.factories import make_business, make_member, make_user, owner_of
from tests.payments.book_steps import reconcile
from tests.payments.money_steps import BOUNTY, fresh, holds, owe, pay_in, pay_in_otherwise, promised, usd

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
def funding(stripe, wes, keep_row):
    """$1,000."""
    return keep_row("paid in", lambda: pay_in(stripe, wes, usd(1000)))


@pytest.fixture
def opened(stripe, funding, heard, keep):
    """Disputed, and the money is at the bank."""
    def build():
        opened = dispute(stripe, funding)
        heard()
        return opened
    return keep("a payment that the bank took back", build)


@pytest.fixture
def chargeback(stripe, funding, heard, keep_row):
    """$600 of it are promised to a lead; the bank takes it all."""
    def build():
        reserve("lead_1", usd(600))
        opened = dispute(stripe, funding)
        heard()
        freeze(FrozenKind.RESERVED, "lead_1")
        stripe.control.settle_dispute(opened, status="lost")
        heard()
        return the_chargeback()
    return keep_row("lost, with a lead", build)


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
    def test_what_is_free_is_frozen_at_once_and_stripe_takes_it_with_its_fee(self, stripe, wes, heard, opened, news):
        chargeback = the_chargeback()
        assert (chargeback.state, chargeback.amount, chargeback.reason) == (S.OPEN, usd(1000), "fraudulent")
        assert (chargeback.withdrawn_minor, chargeback.fee_minor, chargeback.frozen_minor) == (1000_00, FEE, 0)
        assert holds(K.FUNDS, BOUNTY) == 0
        assert holds(K.OWED_BY_BUSINESS, chargeback.id) == 0
        assert holds(K.STRIPE_FEES, PLATFORM) == -(29_30 + FEE)
        assert ("note_bad_day", {"source_id": chargeback.id}) in news
        assert ("send_letter", {"letter": "chargeback_open", "chargeback_id": chargeback.id}) in news

    def test_frozen_before_stripe_takes_it(self, stripe, wes, funding, heard):
        dispute(stripe, funding, amount=400_00, withdraw=False)
        heard()
        assert (holds(K.FUNDS, BOUNTY), holds(K.DISPUTED, the_chargeback().id)) == (600_00, 400_00)

    def test_never_more_than_the_disputed_sum(self, stripe, wes, funding, heard):
        pay_in(stripe, wes, usd(500))
        dispute(stripe, funding, withdraw=False)
        heard()
        assert (holds(K.FUNDS, BOUNTY), holds(K.DISPUTED, the_chargeback().id)) == (500_00, 1000_00)
        reserve("lead_1", usd(100))
        assert freeze(FrozenKind.RESERVED, "lead_1") == 0

    def test_what_is_not_free_is_named_by_referrals_and_frozen_next(self, stripe, wes, funding, heard):
        reserve("lead_1", usd(600))
        dispute(stripe, funding, withdraw=False)
        heard()
        assert freeze(FrozenKind.RESERVED, "lead_1") == 600_00
        assert freeze(FrozenKind.RESERVED, "lead_1") == 0
        assert (holds(K.RESERVED, "lead_1"), holds(K.DISPUTED, the_chargeback().id)) == (0, 1000_00)

    def test_what_is_missing_is_owed_until_more_is_frozen(self, stripe, wes, funding, heard):
        reserve("lead_1", usd(600))
        dispute(stripe, funding)
        heard()
        chargeback = the_chargeback()
        assert holds(K.OWED_BY_BUSINESS, chargeback.id) == -600_00
        freeze(FrozenKind.RESERVED, "lead_1")
        assert holds(K.OWED_BY_BUSINESS, chargeback.id) == 0
        assert fresh(BusinessDebt, chargeback.id).owed_minor == 0

    def test_what_comes_free_later_is_frozen_too(self, stripe, wes, funding, heard):
        reserve("lead_1", usd(600))
        dispute(stripe, funding, withdraw=False)
        heard()
        with transaction():
            funds.free_reservation("lead_1", bounty_id=BOUNTY, currency="usd", why="it ended")
        assert (holds(K.FUNDS, BOUNTY), holds(K.DISPUTED, the_chargeback().id)) == (0, 1000_00)

    def test_a_frozen_lead_that_ends_gives_its_money_to_the_frozen_funds(self, stripe, wes, funding, heard):
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

    def test_new_money_covers_what_is_missing_first(self, stripe, wes, funding, heard):
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

    def test_an_inquiry_freezes_and_ends_without_a_trace(self, stripe, wes, funding, heard):
        asked = dispute(stripe, funding, status="warning_needs_response")
        heard()
        assert (the_chargeback().state, holds(K.DISPUTED, the_chargeback().id)) == (S.INQUIRY, 1000_00)
        stripe.control.settle_dispute(asked, status="warning_closed")
        heard()
        assert (the_chargeback().state, holds(K.FUNDS, BOUNTY)) == (S.CLOSED, 1000_00)
        assert the_chargeback().settled_at

    def test_an_inquiry_may_become_a_chargeback(self, stripe, wes, funding, heard):
        asked = dispute(stripe, funding, status="warning_needs_response")
        heard()
        stripe.control.settle_dispute(asked, status="needs_response")
        heard()
        assert (the_chargeback().state, the_chargeback().withdrawn_minor) == (S.OPEN, 1000_00)

    def test_a_dispute_about_somebody_elses_payment_is_left_alone(self, stripe, wes, funding, heard):
        opened = dispute(stripe, funding)
        change(stripe, opened, charge="ch_other", payment_intent=None)
        heard()
        assert db.session.scalars(select(Chargeback)).all() == []
        assert outcomes("charge.dispute") == {"ignored: the dispute is about no funding of ours"}
        with stripe.box.world.store.transaction():  # So that the books agree again: it was not ours to take.
            stripe.control.add_movement(type="adjustment", amount=1000_00 + FEE, currency="usd")


    @pytest.mark.once
    @pytest.mark.parametrize(("changed", "said"), [
        ({"livemode": True}, "ignored: the dispute is of Stripe's other mode"),
        ({"currency": "eur"}, "a person must look: the dispute is in another currency than the payment"),
    ])
    def test_a_dispute_that_cannot_be_ours_as_it_is_told_takes_nothing(self, stripe, wes, heard, changed, said):
        opened = dispute(stripe, pay_in(stripe, wes, usd(1000)), withdraw=False)
        change(stripe, opened, **changed)
        heard()
        assert db.session.scalars(select(Chargeback)).all() == [] and holds(K.FUNDS, BOUNTY) == 1000_00
        assert outcomes("charge.dispute") == {said}

    @pytest.mark.once
    def test_a_card_that_was_refused_at_once_is_no_payment_taken_back(self, stripe, wes, funding, heard):
        heard()
        change(stripe, funding.charge_id, status="failed", failure_code="card_declined")
        with stripe.box.world.store.transaction():
            emit(stripe.box.world, "charge.failed", stripe.box.world.store.find(funding.charge_id))
        heard()
        assert outcomes("charge.failed") == {"ignored: the payment had not succeeded before"}
        assert holds(K.FUNDS, BOUNTY) == 1000_00


def change(stripe, object_id, **changes) -> None:
    """Stripe's object, as it is from now on; no event tells of it."""
    store = stripe.box.world.store
    with store.transaction():
        store.save(store.find(object_id) | changes)


def outcomes(kind: str) -> set[str]:
    """What came of the events whose type begins so."""
    return set(db.session.scalars(select(StripeEvent.outcome).where(StripeEvent.type.startswith(kind))))


class TestEnded:
    def test_won_gives_everything_back_where_it_came_from(self, stripe, wes, funding, heard):
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

    def test_won_waits_for_the_money_before_it_gives_anything_back(self, stripe, wes, heard, opened):
        change(stripe, opened, status="won")
        do_now(CHECK_CHARGEBACK, chargeback_id=the_chargeback_id())
        assert (the_chargeback().state, holds(K.FUNDS, BOUNTY), the_chargeback().settled_at) == (S.WON, 0, None)
        stripe.control.settle_dispute(opened, status="won")
        heard()
        assert (holds(K.FUNDS, BOUNTY), the_chargeback().settled_at is not None) == (1000_00, True)

    def test_lost_takes_the_free_funds_and_nothing_is_owed(self, stripe, wes, heard, opened):
        stripe.control.settle_dispute(opened, status="lost")
        heard()
        chargeback = the_chargeback()
        assert (chargeback.state, holds(K.FUNDS, BOUNTY), chargeback.settled_at is not None) == (S.LOST, 0, True)
        assert books() == {"stripe_fees": -(29_30 + FEE), "clearing": 29_30 + FEE}

    def test_lost_leaves_promises_whole_and_the_business_owes_them(self, stripe, wes, heard, chargeback, news):
        assert holds(K.RESERVED, "lead_1") == 600_00
        assert holds(K.OWED_BY_BUSINESS, chargeback.id) == -600_00
        assert chargeback.settled_at is None
        assert ("send_letter", {"letter": "chargeback_lost", "chargeback_id": chargeback.id}) in news

    def test_the_next_funding_pays_the_debt_first_then_the_promises_are_whole_again(self, stripe, wes, heard, chargeback):
        pay_in(stripe, wes, usd(250))
        assert (holds(K.OWED_BY_BUSINESS, chargeback.id), holds(K.FUNDS, BOUNTY)) == (-350_00, 0)
        pay_in(stripe, wes, usd(500))
        assert (holds(K.OWED_BY_BUSINESS, chargeback.id), holds(K.FUNDS, BOUNTY)) == (0, 150_00)
        assert fresh(Chargeback, chargeback.id).settled_at
        states = set(db.session.scalars(select(FrozenPart.state)))
        assert states == {FrozenState.TAKEN, FrozenState.RETURNED}

    def test_an_admin_writes_off_what_nobody_will_pay_once(self, stripe, wes, heard, chargeback, mona):
        with transaction():
            assert write_off(chargeback.id, by=mona, reason="They are gone.") == usd(600)
            settle(freezing.lock_chargeback(chargeback.id))
        assert (holds(K.LOSSES, PLATFORM), holds(K.OWED_BY_BUSINESS, chargeback.id)) == (-600_00, 0)
        assert fresh(Chargeback, chargeback.id).settled_at
        with pytest.raises(NothingOwed), transaction():
            write_off(chargeback.id, by=mona, reason="Again.")
        told = db.session.scalars(select(AuditEvent).filter_by(action="debt.written_off")).one()
        assert (told.actor_id, told.details["reason"]) == (mona.id, "They are gone.")

    def test_a_bank_that_changes_its_mind_gives_back_even_what_was_written_off(self, stripe, wes, heard, chargeback, mona):
        with transaction():
            write_off(chargeback.id, by=mona, reason="They are gone.")
        stripe.control.settle_dispute(chargeback.stripe_id, status="won")
        heard()
        assert fresh(Chargeback, chargeback.id).state is S.WON
        assert (holds(K.FUNDS, BOUNTY), holds(K.RESERVED, "lead_1"), holds(K.LOSSES, PLATFORM)) == (400_00, 600_00, 0)

    def test_a_bank_that_changes_its_mind_twice_costs_us_no_more_than_once(self, stripe, wes, heard, chargeback, mona):
        """The second loss is written off under a name of its own, though it is the same sum."""
        with transaction():
            write_off(chargeback.id, by=mona, reason="They are gone.")
        for ends in ("won", "lost"):
            stripe.control.settle_dispute(chargeback.stripe_id, status=ends)
            heard()
        with transaction():
            assert write_off(chargeback.id, by=mona, reason="They are gone.") == usd(600)
        assert (holds(K.LOSSES, PLATFORM), holds(K.OWED_BY_BUSINESS, chargeback.id)) == (-600_00, 0)

    @pytest.mark.parametrize("is_written_off", [False, True])
    def test_what_stripe_gives_back_beyond_what_it_took_lowers_what_it_costs_us(
            self, stripe, wes, heard, chargeback, mona, later, is_written_off):
        """Nobody paid that in: not the bounty's, and no difference that would stop anybody's money."""
        if is_written_off:
            with transaction():
                write_off(chargeback.id, by=mona, reason="They are gone.")
        before = holds(K.STRIPE_FEES, PLATFORM)
        stripe.control.settle_dispute(chargeback.stripe_id, status="won", back=1012_00)
        heard()
        assert (holds(K.FUNDS, BOUNTY), holds(K.RESERVED, "lead_1"), holds(K.LOSSES, PLATFORM)) == (400_00, 600_00, 0)
        assert holds(K.STRIPE_FEES, PLATFORM) == before + 12_00
        chargeback = fresh(Chargeback, chargeback.id)
        assert (chargeback.surplus, chargeback.taken, chargeback.settled_at is not None) == (usd(12), usd(0), True)
        assert check_ledger() == []
        later(hours=2)
        run = reconcile()
        assert {line["ledger_minor"] - line["stripe_minor"] for line in run.lines.values()} == {0}
        assert db.session.scalars(select(OpenItem)).all() == []

    def test_a_surplus_that_stripe_takes_again_is_at_hand_for_that(self, stripe, wes, heard, opened):
        before = holds(K.STRIPE_FEES, PLATFORM)
        stripe.control.settle_dispute(opened, status="won", back=1012_00)
        heard()
        for amount, left in ((-5_00, 7_00), (-7_00, 0), (3_00, 3_00)):
            moved = stripe.control.add_movement(type="adjustment", amount=amount, currency="usd", source=opened)["id"]
            change(stripe, opened, _movements=[*stripe.box.world.store.find(opened)["_movements"], moved])
            do_now(CHECK_CHARGEBACK, chargeback_id=the_chargeback_id())
            assert (holds(K.STRIPE_FEES, PLATFORM) - before, holds(K.FUNDS, BOUNTY)) == (left, 1000_00)
            assert check_ledger() == []

    @pytest.mark.once
    def test_an_admin_who_works_for_the_business_writes_off_nothing_of_it(self, stripe, wes, westside, heard, chargeback, mona):
        with transaction():
            db.session.add(Membership(business_id=westside.id, user_id=mona.id, role=MemberRole.AGENT))
        end_reading()
        with pytest.raises(Forbidden), transaction():
            write_off(chargeback.id, by=mona, reason="We are gone.")
        assert holds(K.OWED_BY_BUSINESS, chargeback.id) == -600_00

    @pytest.mark.once
    def test_once_it_is_over_nothing_is_frozen_for_it_any_more(self, stripe, wes, funding, heard):
        opened = dispute(stripe, funding)
        stripe.control.settle_dispute(opened, status="won")
        heard()
        reserve("lead_1", usd(600))
        assert (freeze(FrozenKind.FUNDS, BOUNTY), freeze(FrozenKind.RESERVED, "lead_1")) == (0, 0)

    @pytest.mark.once
    def test_a_movement_of_nothing_is_noted_and_posts_nothing(self, stripe, wes, heard):
        opened = dispute(stripe, pay_in(stripe, wes, usd(1000)), withdraw=False)
        heard()
        nothing = stripe.control.add_movement(type="adjustment", amount=0, currency="usd", source=opened)["id"]
        change(stripe, opened, _movements=[nothing])
        do_now(CHECK_CHARGEBACK, chargeback_id=the_chargeback_id())
        assert [one.id for one in queries.movements_of(the_chargeback())] == [nothing]
        assert (the_chargeback().withdrawn_minor, holds(K.DISPUTED, the_chargeback().id)) == (0, 1000_00)

    @pytest.mark.once
    def test_the_bounty_says_so_until_what_the_bank_took_is_settled(self, stripe, wes, heard, chargeback, mona):
        assert queries.why_bounty_stopped(BOUNTY) == queries.PAYMENT_TAKEN_BACK
        end_reading()
        pay_in(stripe, wes, usd(600))
        assert fresh(Chargeback, chargeback.id).settled_at and queries.why_bounty_stopped(BOUNTY) is None

    def test_a_payment_that_fails_days_after_it_succeeded_is_a_lost_chargeback(self, stripe, wes, funding, heard, later, work):
        heard()
        stripe.control.fail_charge(funding.charge_id)
        heard()
        chargeback = the_chargeback()
        assert (chargeback.state, chargeback.reason, chargeback.fee_minor) == (S.LOST, "insufficient_funds", 0)
        assert (holds(K.FUNDS, BOUNTY), chargeback.settled_at is not None) == (0, True)
        later(days=1, hours=1)  # No dispute stands behind it that could be asked about.
        work()
        assert promised("check_chargeback") == []

    def test_what_was_paid_out_is_not_touched_and_owed(self, stripe, wes, funding, westside, ana, heard):
        owe(ana, westside.id, usd(900))
        opened = dispute(stripe, funding)
        stripe.control.settle_dispute(opened, status="lost")
        heard()
        assert (holds(K.PAYABLE, "reward_1"), holds(K.OWED_BY_BUSINESS, the_chargeback().id)) == (900_00, -900_00)


class TestHeardBadly:
    @pytest.mark.parametrize("ends", ["won", "lost"])
    def test_heard_of_only_at_the_end_it_is_as_if_heard_in_order(self, stripe, wes, funding, heard, ends):
        opened = dispute(stripe, funding)
        stripe.control.settle_dispute(opened, status="under_review")
        stripe.control.settle_dispute(opened, status=ends)
        heard(order="reversed", copies=3)
        assert the_chargeback().state == ends
        assert holds(K.FUNDS, BOUNTY) == (1000_00 if ends == "won" else 0)
        assert the_chargeback().settled_at

    def test_lost_webhooks_cost_only_time(self, stripe, wes, heard, opened, work, later):
        stripe.control.settle_dispute(opened, status="won")
        later(days=1, hours=1)
        work()
        assert (the_chargeback().state, holds(K.FUNDS, BOUNTY)) == (S.WON, 1000_00)
        later(days=2)
        work()
        assert promised("check_chargeback") == []

    @pytest.mark.parametrize(("first", "then"), [("lost", "won"), ("under_review", "lost")])
    def test_what_was_read_before_and_comes_in_after_changes_nothing(self, stripe, wes, funding, heard, first, then):
        opened = dispute(stripe, funding)
        stripe.control.settle_dispute(opened, status=first)
        early = stripe.gateway().read_dispute(opened)
        stripe.control.settle_dispute(opened, status=then)
        heard()
        with transaction():
            assert note_dispute(early) == f"chargeback {then}"
        assert (the_chargeback().state, the_chargeback().stripe_status) == (then, then)
        assert holds(K.FUNDS, BOUNTY) == (1000_00 if then == "won" else 0)

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

    def test_two_disputes_of_one_payment_share_what_is_there(self, stripe, wes, funding, heard):
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
    def test_evidence_goes_to_the_bank_once(self, stripe, wes, heard, opened, work, mona):
        with transaction():
            submit_evidence(the_chargeback_id(), text="They signed.", by=mona)
        work()
        assert db.session.scalars(select(ChargebackAnswer.state)).one() is AnswerState.SENT
        assert (the_chargeback().stripe_status, the_chargeback().has_evidence) == ("under_review", True)
        assert stripe.box.world.store.find(opened)["evidence"]["uncategorized_text"] == "They signed."
        with pytest.raises(AlreadyAnswered), transaction():
            submit_evidence(the_chargeback_id(), text="More.", by=mona)

    def test_jobs_done_twice_tell_the_bank_once(self, stripe, wes, heard, opened, jobs, mona):
        with transaction():
            answer_id = submit_evidence(the_chargeback_id(), text="They signed.", by=mona).id
        for _ in range(2):
            with transaction():
                jobs["send_answer"](answer_id=answer_id)
        outcomes = [answers.DELIVER_ANSWER.call(answer_id=answer_id) for _ in range(2)]  # The key answers the second.
        for outcome in outcomes:
            with transaction():
                answers.DELIVER_ANSWER.settle(outcome, answer_id=answer_id)
        do_now(answers.DELIVER_ANSWER, answer_id=answer_id)
        assert fresh(ChargebackAnswer, answer_id).state is AnswerState.SENT
        assert stripe.box.world.store.find(opened)["evidence_details"]["submission_count"] == 1
        assert stripe.calls_to(f"/v1/disputes/{opened}") == 2
        assert len(promised("deliver_answer")) == 1

    def test_two_workers_that_find_no_answer_make_one_new_key(self, stripe, wes, heard, opened, work, jobs, mona):
        with transaction():
            answer_id = submit_evidence(the_chargeback_id(), text="They signed.", by=mona).id
        with transaction():
            jobs["send_answer"](answer_id=answer_id)
        stripe.control.plan_fault(kind="error_stored", path="/v1/disputes/[^/]+$", method="POST")
        with pytest.raises(TemporaryFailure):
            answers.DELIVER_ANSWER.call(answer_id=answer_id)
        for outcome in [answers.DELIVER_ANSWER.call(answer_id=answer_id) for _ in range(2)]:
            with transaction():
                answers.DELIVER_ANSWER.settle(outcome, answer_id=answer_id)
        assert fresh(ChargebackAnswer, answer_id).attempt_no == 2
        work()
        assert stripe.box.world.store.find(opened)["evidence_details"]["submission_count"] == 1

    def test_accepting_loses_it_at_once(self, stripe, wes, heard, opened, work, mona):
        with transaction():
            accept_chargeback(the_chargeback_id(), by=mona)
        work()
        assert the_chargeback().state is S.LOST
        with pytest.raises(AlreadyAnswered), transaction():
            accept_chargeback(the_chargeback_id(), by=mona)

    @pytest.mark.parametrize("trouble", ["lost_after", "error_stored_after", "error_stored", "lost_before"])
    def test_whatever_befalls_the_call_the_bank_has_it_once(self, stripe, wes, heard, opened, work, later, mona, trouble):
        stripe.control.plan_fault(kind=trouble, path="/v1/disputes/[^/]+$", method="POST")
        with transaction():
            submit_evidence(the_chargeback_id(), text="They signed.", by=mona)
        for _ in range(3):
            work()
            later(minutes=20)
        assert db.session.scalars(select(ChargebackAnswer.state)).one() is AnswerState.SENT
        assert stripe.box.world.store.find(opened)["evidence_details"]["submission_count"] == 1

    def test_what_stripe_refuses_is_told_and_may_be_tried_anew(self, stripe, wes, heard, opened, work, mona):
        stripe.control.settle_dispute(opened, status="won")
        with transaction():
            submit_evidence(the_chargeback_id(), text="They signed.", by=mona)
        work()
        answer = db.session.scalars(select(ChargebackAnswer)).one()
        assert answer.state is AnswerState.FAILED and "closed" in answer.failure
        heard()

    def test_an_empty_answer_is_refused(self, stripe, wes, heard, opened, mona):
        for text in ("", " ", "x" * (answers.LONGEST_EVIDENCE + 1)):
            with pytest.raises(NoEvidence), transaction():
                submit_evidence(the_chargeback_id(), text=text, by=mona)


class TestMadeByHand:
    def test_our_own_refund_that_stripe_tells_of_before_its_answer_came_is_counted_once(self, stripe, wes, heard, later):
        pay_in(stripe, wes, usd(100))
        stripe.control.plan_fault(kind="lost_after", path="/v1/refunds$", method="POST")
        with transaction():
            refund_id = refund_free_funds(BOUNTY, "usd", by=wes.id)[0].id
        heard()
        heard()
        assert "ours: the job that made it keeps it" in outcomes("refund.")
        later(minutes=1)
        heard()
        assert db.session.scalars(select(Refund.id)).all() == [refund_id]
        assert (fresh(Refund, refund_id).state, holds(K.FUNDS, BOUNTY)) == (RefundState.SUCCEEDED, 0)

    @pytest.mark.once
    def test_one_that_came_back_before_we_heard_of_it_took_nothing(self, stripe, wes, heard):
        funding = pay_in(stripe, wes, usd(100))
        made = stripe.control.refund_by_hand(funding.charge_id, amount=40_00)
        stripe.control.settle_refund(made["id"], status="failed")
        heard()
        assert db.session.scalars(select(Refund)).all() == [] and holds(K.FUNDS, BOUNTY) == 100_00

    def test_one_beside_a_refund_of_ours_for_all_of_it_waits_until_stripe_has_refused_ours(self, stripe, wes, heard):
        funding = pay_in(stripe, wes, usd(100))
        pay_in(stripe, wes, usd(100), purpose="bounty_trucks")
        with transaction():
            refund_free_funds(BOUNTY, "usd", by=wes.id)
        stripe.control.refund_by_hand(funding.charge_id, amount=40_00)
        heard()
        assert any(said.startswith("waits: a refund of ours is on its way") for said in outcomes("refund."))
        assert [(one.origin, one.state, one.amount) for one in refunds()] == [
            (RefundOrigin.FUNDS, RefundState.FAILED, usd(100)), (RefundOrigin.BY_HAND, RefundState.SUCCEEDED, usd(40))]
        assert (holds(K.FUNDS, BOUNTY), fresh(Funding, funding.id).refunded_minor) == (60_00, 40_00)

    @pytest.mark.parametrize("when", ["before ours is sent", "while ours waits for our balance"])
    def test_one_that_leaves_our_balance_too_low_for_ours_is_learnt_of_at_once(self, stripe, wes, heard, work, when):
        """The platform has no other money: our balance will never cover ours, so nobody waits for that."""
        funding = pay_in(stripe, wes, usd(100))
        stripe.box.world.balance_skew["usd"] = -50_00 if when.startswith("while") else 0
        with transaction():
            refund_free_funds(BOUNTY, "usd", by=wes.id)
        if when.startswith("while"):
            work()
            assert [one.failure for one in refunds()] == [WAITS]
        stripe.control.refund_by_hand(funding.charge_id, amount=40_00)
        heard()
        assert [(one.origin, one.state, one.amount) for one in refunds()] == [
            (RefundOrigin.FUNDS, RefundState.FAILED, usd(100)), (RefundOrigin.BY_HAND, RefundState.SUCCEEDED, usd(40))]
        assert (holds(K.FUNDS, BOUNTY), holds(K.REFUNDING, refunds()[0].id)) == (60_00, 0)
        stripe.box.world.balance_skew.clear()

    @pytest.mark.once
    def test_of_a_parked_payment_it_goes_out_of_what_is_parked(self, stripe, wes, heard):
        funding = pay_in_otherwise(stripe, wes, usd(100), amount_total=90_00)
        stripe.control.refund_by_hand(funding.charge_id, amount=40_00)
        heard()
        assert (holds(K.UNMATCHED, funding.id), holds(K.FUNDS, BOUNTY)) == (50_00, 0)
        assert [(one.origin, one.state) for one in refunds()] == [(RefundOrigin.UNMATCHED, RefundState.SUCCEEDED)]
        assert db.session.scalars(select(BusinessDebt)).all() == []

    @pytest.mark.once
    def test_its_letter_speaks_of_a_debt_only_where_there_is_one(self, stripe, wes, heard, mona):
        funding = pay_in(stripe, wes, usd(100))
        reserve("lead_1", usd(50))
        for amount in (40_00, 20_00):
            stripe.control.refund_by_hand(funding.charge_id, amount=amount)
            heard()
        free, owed = (letters.refund_by_hand(one.id)[0].text for one in refunds())
        assert "We sent $40 of a payment back" in free and "no longer free" not in free
        assert "$10 of it was no longer free" in owed
        with transaction():
            write_off(refunds()[1].id, by=mona, reason="They are gone.")
        (told,) = letters.debt_written_off(refunds()[1].id)
        assert (told.to, "borne by us" in told.text, funding.id in told.text) == (wes.email, True, True)


def refunds() -> list[Refund]:
    end_reading()
    return list(db.session.scalars(select(Refund).order_by(Refund.id)))


@pytest.mark.once
class TestWarned:
    def test_where_nothing_is_free_nothing_goes_back_and_everybody_is_told(self, stripe, wes, heard, news):
        funding = pay_in(stripe, wes, usd(100))
        reserve("lead_1", usd(100))
        stripe.control.warn_of_fraud(funding.charge_id)
        heard()
        assert refunds() == [] and holds(K.RESERVED, "lead_1") == 100_00
        assert [said["letter"] for name, said in news if name == "send_letter"][-1] == "fraud_warning"
        assert queries.why_bounty_stopped(BOUNTY) == queries.PAYMENT_SUSPECTED

    @pytest.mark.parametrize("changed", [{"livemode": True}, {"charge": "ch_other"}])
    def test_of_what_is_not_ours_it_is_left_alone(self, stripe, wes, heard, changed):
        warned = stripe.control.warn_of_fraud(pay_in(stripe, wes, usd(100)).charge_id)
        change(stripe, warned["id"], **changed)
        heard()
        assert outcomes("radar.") == {"ignored: the warning is about no funding of ours"}
        assert (refunds(), holds(K.FUNDS, BOUNTY)) == ([], 100_00)


@pytest.mark.once
class TestSeenAndTold:
    def test_a_chargeback_is_seen_by_who_handles_the_businesss_money_and_by_admins(self, stripe, wes, westside, heard, mona):
        dispute(stripe, pay_in(stripe, wes, usd(1000)))
        heard()
        chargeback_id = the_chargeback_id()
        for user in (wes, mona, make_member(westside, MemberRole.MANAGER)):
            assert queries.get_chargeback(chargeback_id, seen_by=user).id == chargeback_id
        for user in (make_member(westside, MemberRole.AGENT), owner_of(make_business())):
            with pytest.raises(NotFound):
                queries.get_chargeback(chargeback_id, seen_by=user)

    @pytest.mark.parametrize("ends", ["won", "lost"])
    def test_a_letter_that_no_longer_applies_when_its_turn_comes_is_not_sent(self, stripe, wes, funding, heard, opened, mona, ends):
        assert sent(the_chargeback_id()) == {"open"}
        stripe.control.settle_dispute(opened, status=ends)
        heard()
        assert sent(the_chargeback_id()) == {ends}


def sent(chargeback_id: str) -> set[str]:
    """Which of its letters would be sent now, to the business and to the admins."""
    found = {kind: letters.LETTERS[f"chargeback_{kind}"](chargeback_id) for kind in ("open", "won", "lost")}
    assert {len(mails) for mails in found.values()} <= {0, 2}
    return {kind for kind, mails in found.items() if mails}


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
