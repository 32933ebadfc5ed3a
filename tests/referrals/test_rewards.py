"""What a sale earns, when it is released, and what a refund takes back: to the cent."""
import re
from itertools import pairwise
from urllib.parse import urlencode

import pytest
from lxml import html
from sqlalchemy import select, update

from marketplace.bounties.drafting import change_bounty
from marketplace.bounties.models import BountyState
from marketplace.bounties.publishing import close_bounty, publish_bounty
from marketplace.foundation import clock
from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import Conflict, Forbidden, Invalid, NotFound
from marketplace.foundation.money import Money, show_money
from marketplace.foundation.outbox import OutboxMessage, do_now
from marketplace.foundation.show import day_in_words
from marketplace.foundation.states import IllegalMove
from marketplace.foundation.traces import TraceKind, keep_traces
from marketplace.hooks.contents import CLAWBACK, read_told
from marketplace.identity.models import MemberRole, User
from marketplace.jobs import JOBS, LETTERS
from marketplace.payments.ledger_checks import check_ledger
from marketplace.payments.models import (
    PLATFORM,
    AccountKind,
    ConnectedAccount,
    MoneyOrder,
    OrderCause,
    Payable,
    PayableState,
    Refund,
    ReversalState,
    Transfer,
    TransferReversal,
    TransferState,
    TransferStop,
)
from marketplace.payments.money_out import payables, stops
from marketplace.payments.money_out.batches import next_batch_at
from marketplace.payments.money_out.netting import net_everything
from marketplace.payments.money_out.orders import ask_reversal, ask_write_off
from marketplace.payments.money_out.payees import CHECK_PAYEE
from marketplace.payments.money_out.stops import why_stopped
from marketplace.payments.money_out.transfers import DELIVER_TRANSFER, request_transfers, send_transfer
from marketplace.referrals import going_out
from marketplace.referrals.audience import Audience
from marketplace.referrals.clawbacks import RefundKnown, RefundTooLarge, preview_clawback, refund_sale
from marketplace.referrals.clawing_back import note_reversal, return_fee, take_back_by_ruling
from marketplace.referrals.disputes.answering import accept_claim
from marketplace.referrals.disputes.opening import open_dispute
from marketplace.referrals.disputes.subjects import Claim
from marketplace.referrals.figures import earnings_of
from marketplace.referrals.fraud import cases, effects
from marketplace.referrals.fraud.scoring import look_at
from marketplace.referrals.fraud.words import has_unsent
from marketplace.referrals.holds import hold_reward, lift_holds, why_held
from marketplace.referrals.models import (
    Clawback,
    ClawbackState,
    Conversion,
    ConversionSource,
    ConversionState,
    DisputeKind,
    DisputeState,
    Point,
    Reward,
    RewardState,
)
from marketplace.referrals.money_back import money_back_of
from marketplace.referrals.naming import name_of, number_of
from marketplace.referrals.next_step import next_step
from marketplace.referrals.queries import get_reward, rewards_of_lead
from marketplace.referrals.reward_letters import reward_thawed
from marketplace.referrals.reward_schemas import RewardOutput
from marketplace.referrals.rewards import freeze_reward, note_transfer, release_reward, unfreeze_reward
from marketplace.tracking.models import Report, ReportKind, ReportState
from marketplace.tracking.reattribution import reattribute
from marketplace.tracking.refunds import apply_refund
from tests.browsing import body_of, end_reading, what, words_of
from tests.factories import (
    PERCENT,
    SALE,
    TERMS,
    accept,
    consent,
    flat,
    make_bounty,
    make_member,
    make_user,
    owner_of,
    win,
)
from tests.payments.money_steps import make_ready, owe, pay_in
from tests.referrals.steps import actions_on, again, do, holds, point
from tests.tracking.report_steps import link


def usd(cents):
    return Money(cents, "usd")


def the(model):
    end_reading()
    return db.session.query(model).populate_existing().one()


@pytest.fixture(autouse=True)
def sound_ledger(app):
    yield
    end_reading()
    assert check_ledger() == []


@pytest.fixture
def lead(bounty, ana, mona, keep_lead):
    return keep_lead("open", lambda: consent(accept(point(bounty, ana), by=mona)))


CAR = Money(3_000_000, "usd")


def says(lead):
    lead = again(lead)
    return next_step(lead, Audience.REFERRER, rewards_of_lead(lead))


def schedule_transfer(lead):
    """Of the lead's reward, released before its day and not sent yet: the reward and the transfer's id."""
    [reward] = rewards_of_lead(lead)
    with transaction():
        release_reward(reward.id)
        request_transfers(reward.beneficiary_id)
        transfer_id = db.session.get_one(Payable, reward.id).transfer_id
    do(note_transfer, transfer_id)
    return reward, transfer_id


def sold(bounty, *, sale=CAR):
    """The lead of a sale under this bounty's terms."""
    lead = consent(accept(point(bounty, make_user("Ana Flores"))))
    win(lead, amount=sale)
    return again(lead)


class TestEarning:
    @pytest.mark.parametrize(("terms", "sale", "reward", "fee"), [
        ({}, 3_000_000, 100_000, 5_000),
        ({}, 1, 100_000, 5_000),
        (PERCENT, 1_000_000, 25_000, 1_250),
        (PERCENT, 3_000_000, 50_000, 2_500),  # the cap
        (PERCENT, 12_345, 308, 15),  # 308.625 and 15.4: rounded down
    ])
    def test_a_sale_earns_by_the_terms(self, terms, sale, reward, fee, westside):
        sold(make_bounty(westside, is_live=True, **terms), sale=usd(sale))
        earned = the(Reward)
        assert (earned.amount, earned.fee, earned.state) == (usd(reward), usd(fee), RewardState.PENDING)
        assert holds(AccountKind.HELD, earned.id) == reward + fee

    def test_what_was_reserved_too_much_comes_free(self, westside):
        bounty = make_bounty(westside, funded_for=1, is_live=True, **PERCENT)
        lead = sold(bounty, sale=usd(1_000_000))
        assert holds(AccountKind.RESERVED, lead.id) == 0
        assert holds(AccountKind.FUNDS, bounty.id) == 52_500 - 26_250

    def test_a_sale_too_small_for_a_cent_earns_nothing_and_frees_all(self, westside):
        bounty = make_bounty(westside, funded_for=1, is_live=True, **PERCENT)
        sold(bounty, sale=usd(39))
        assert db.session.query(Reward).count() == 0
        assert holds(AccountKind.FUNDS, bounty.id) == 52_500

    def test_a_paused_bounty_goes_on_when_funds_come_free(self, westside, work):
        bounty = make_bounty(westside, funded_for=1, is_live=True, **PERCENT)
        lead = consent(accept(point(bounty, make_user("Ana Flores"))))
        assert again(lead).bounty.state is BountyState.PAUSED
        win(lead, amount=usd(39))
        work()
        assert again(lead).bounty.state is BountyState.LIVE

    def test_the_terms_of_that_day_count_whatever_the_bounty_says_now(self, bounty, ana, mona, wes):
        lead = consent(accept(point(bounty, ana), by=mona))
        fields = {name: getattr(bounty.terms, name) for name in TERMS}
        do(change_bounty, bounty, by=wes, title=bounty.title, offer=bounty.offer, **{**fields, "rules": [flat(10_000)], "hold_days": 7})
        win(again(lead))
        assert the(Reward).amount == usd(100_000)
        assert (the(Reward).release_at - the(Reward).created_at).days in {29, 30}

    def test_the_referrer_is_told(self, lead, ana, work, mailbox):
        win(lead)
        work()
        assert "earned a reward" in str(mailbox.last_to(ana.email)["Subject"])


class TestHolding:
    def test_a_reward_is_released_when_its_time_is_over(self, lead, ana, work, later, mailbox, monkeypatch):
        win(lead)
        later(days=29, hours=23)
        work()
        assert the(Reward).state is RewardState.PENDING
        later(hours=2)
        work()
        reward = the(Reward)
        assert reward.state is RewardState.PAYABLE
        assert (holds(AccountKind.PAYABLE, reward.id), holds(AccountKind.PLATFORM_FEES, "platform")) == (100_000, 5_000)
        assert db.session.get_one(Payable, reward.id).amount == usd(100_000)
        assert "$1,000 is released. It goes out once your Stripe account is ready" in " ".join(body_of(mailbox.last_to(ana.email)).split())
        for why, says in ((None, f"with the next transfers, on {day_in_words(next_batch_at())} at the latest."),
                          ("below_minimum", "once at least $10 from Westside Auto waits for you.")):
            monkeypatch.setattr(going_out, "why_left_out", lambda payable, why=why: why)
            assert says in going_out.goes_out_in_words(reward, lead)

    def test_without_a_return_period_it_is_released_at_once(self, westside, work, later):
        sold(make_bounty(westside, is_live=True, hold_days=0))
        later(seconds=1)
        work()
        assert the(Reward).state is RewardState.PAYABLE

    def test_a_release_too_early_or_twice_does_nothing(self, lead, later):
        win(lead)
        do(release_reward, the(Reward).id)
        assert the(Reward).state is RewardState.PENDING
        later(days=31)
        for _ in range(2):
            do(release_reward, the(Reward).id)
        assert holds(AccountKind.PAYABLE, the(Reward).id) == 100_000

    def test_an_admin_freezes_it_and_it_waits(self, lead, mona, ana, wes, work, later):
        win(lead)
        for person in (ana, wes):
            with pytest.raises(Forbidden):
                do(freeze_reward, the(Reward), by=person, reason="I say so")
        do(freeze_reward, the(Reward), by=mona, reason="A report came in.")
        later(days=31)
        work()
        assert the(Reward).state is RewardState.ON_HOLD
        with pytest.raises(Forbidden):
            do(unfreeze_reward, the(Reward), by=ana)
        do(unfreeze_reward, the(Reward), by=mona)
        work()
        assert the(Reward).state is RewardState.PAYABLE

    def test_a_hold_that_ends_early_leaves_the_rest_of_the_wait(self, lead, mona, work, later):
        win(lead)
        do(freeze_reward, the(Reward), by=mona, reason="A report came in.")
        do(unfreeze_reward, the(Reward), by=mona)
        later(days=29)
        work()
        assert the(Reward).state is RewardState.PENDING
        later(days=2)
        work()
        assert the(Reward).state is RewardState.PAYABLE

    def test_a_payment_that_is_doubted_a_second_time_holds_it_a_second_time(self, lead):
        win(lead)
        for doubt in ("The bank asks.", "The bank asks again."):
            do(hold_reward, the(Reward), source_id="chargeback_1", reason=doubt)
            assert (the(Reward).state, why_held(the(Reward))) == (RewardState.ON_HOLD, doubt)
            do(lift_holds, "chargeback_1", why="It is settled.")
            assert (the(Reward).state, why_held(the(Reward))) == (RewardState.PENDING, None)

    def test_an_admin_with_a_stake_neither_holds_nor_lets_go(self, bounty, westside, mona):
        boss = make_user("Boss", is_admin=True)
        win(consent(accept(point(bounty, boss), by=mona)))
        colleague = make_member(westside)
        with transaction():
            db.session.get_one(User, colleague.id).is_admin = True
        do(freeze_reward, the(Reward), by=mona, reason="A report came in.")
        for person in (boss, db.session.get_one(User, colleague.id)):
            with pytest.raises(Forbidden):
                do(unfreeze_reward, the(Reward), by=person)
        assert the(Reward).state is RewardState.ON_HOLD

    def test_a_release_that_comes_too_early_comes_again(self, lead, work, later):
        """A clock went back between two machines: nobody else would release it."""
        win(lead)
        with transaction():
            db.session.query(OutboxMessage).filter_by(job="release_reward").one().done_at = clock.now()
            release_reward(db.session.query(Reward).one().id)
        later(days=31)
        work()
        assert the(Reward).state is RewardState.PAYABLE

    def test_what_is_released_cannot_be_frozen(self, lead, mona, work, later):
        win(lead)
        later(days=31)
        work()
        with pytest.raises(IllegalMove):
            do(freeze_reward, the(Reward), by=mona, reason="Too late.")


class TestRefund:
    @pytest.fixture
    def won(self, lead, keep_lead):
        return keep_lead("won", lambda: win(lead) and lead)

    def refund(self, lead, cents, number, by=None):
        return do(refund_sale, again(lead), by=by or owner_of(lead.business), amount=usd(cents), refund_number=number)

    def test_takes_back_the_part_that_it_had_earned(self, bounty, won, wes):
        before = holds(AccountKind.FUNDS, bounty.id)
        taken = preview_clawback(won, usd(100_000), by=wes)
        assert (taken.reward, taken.fee, taken.to_bounty) == (usd(3_333), usd(166), usd(3_333 + 166))
        self.refund(won, 100_000, "R-1")
        reward = the(Reward)
        assert reward.fee_given_back == usd(166)
        assert (reward.clawed_back, reward.net) == (usd(3_333), usd(96_667))  # odd cents stay with the referrer
        assert the(Conversion).state is ConversionState.PARTIALLY_REVERSED
        assert holds(AccountKind.FUNDS, bounty.id) - before == 3_333 + 166

    def test_many_small_ones_take_what_one_large_one_takes(self, won):
        for number in range(1, 8):
            self.refund(won, 142_857, f"R-{number}")
        assert the(Reward).clawed_back == usd(100_000 * 7 * 142_857 // 3_000_000)

    def test_of_a_sale_smaller_than_its_reward_counts_no_part_twice(self, lead):
        win(lead, amount=usd(3))
        for cents, taken in ((1, 33_333), (2, 66_666), (3, 100_000)):
            self.refund(lead, 1, f"R-{cents}")
            assert the(Reward).clawed_back == usd(taken)

    def test_in_many_steps_never_takes_more_than_the_share_so_far(self, won):
        refunded = [0, 1, 2, 3, 30, 31, 2_999_999, 3_000_000]
        for number, (before, after) in enumerate(pairwise(refunded)):
            self.refund(won, after - before, f"R-{number}")
            assert the(Reward).clawed_back == usd(100_000 * after // 3_000_000)
        assert the(Reward).state is RewardState.VOIDED

    def test_of_everything_voids_the_reward(self, bounty, won, wes, work):
        self.refund(won, 3_000_000, "R-1")
        assert (the(Reward).state, the(Conversion).state) == (RewardState.VOIDED, ConversionState.REVERSED)
        assert the(Reward).void_reason
        assert holds(AccountKind.FUNDS, bounty.id) == 315_000
        with pytest.raises(RefundTooLarge):
            self.refund(won, 1, "R-2")

    def test_while_on_hold_takes_back_too(self, won, mona):
        do(freeze_reward, the(Reward), by=mona, reason="A report came in.")
        self.refund(won, 3_000_000, "R-1")
        assert the(Reward).state is RewardState.VOIDED
        assert reward_thawed(the(Reward).id) == []  # Promised before.

    def test_too_small_for_a_cent_takes_nothing(self, won):
        self.refund(won, 29, "R-1")
        assert db.session.query(Clawback).count() == 0

    def test_after_the_release_comes_out_of_what_is_owed(self, bounty, won, work, later):
        later(days=31)
        work()
        before = holds(AccountKind.FUNDS, bounty.id)
        self.refund(won, 1_500_000, "R-1")
        reward = the(Reward)
        assert (holds(AccountKind.PAYABLE, reward.id), the(Clawback).state) == (50_000, ClawbackState.TAKEN)
        assert holds(AccountKind.FUNDS, bounty.id) - before == 50_000 + 2_500
        assert holds(AccountKind.PLATFORM_FEES, "platform") == 2_500
        self.refund(won, 1_500_000, "R-2")
        assert the(Reward).state is RewardState.VOIDED
        assert holds(AccountKind.PLATFORM_FEES, "platform") == 0

    def test_after_the_release_of_the_fees_share_only(self, westside, work, later):
        """The reward's share may round to nothing where the fee's does not, and the other way round."""
        lead = sold(make_bounty(westside, is_live=True, rules=[flat(100)], hold_days=0), sale=usd(1_000))
        later(seconds=1)
        work()
        self.refund(lead, 10, "R-1")
        assert (the(Reward).clawed_back, the(Clawback).fee_minor) == (usd(1), 0)

    def test_that_takes_of_the_fee_alone_writes_to_nobody(self, westside, work, mailbox):
        lead = sold(make_bounty(westside, is_live=True, rules=[flat(3_333)]), sale=usd(333_333))
        self.refund(lead, 2_008, "R-1")
        self.refund(lead, 1, "R-2")
        assert [(one.amount_minor, one.fee_minor) for one in db.session.query(Clawback).order_by(Clawback.id)] == [
            (20, 0), (0, 1)]
        work()
        subjects = [what(mail) for mail in mailbox.to(lead.referrer.email)]
        assert subjects.count("Part of a sale was refunded") == 1

    def test_counts_once(self, won):
        self.refund(won, 100_000, "R-1")
        with pytest.raises(RefundKnown):
            self.refund(won, 100_000, "R-1")
        assert the(Conversion).refunded_minor == 100_000

    @pytest.mark.parametrize(("amount", "kind"), [
        (usd(0), Invalid), (usd(-5), Invalid), (Money(100, "eur"), Invalid), (usd(3_000_001), RefundTooLarge)])
    def test_bad_input_changes_nothing(self, won, wes, amount, kind):
        for act in (lambda: refund_sale(won, by=wes, amount=amount, refund_number="R"), lambda: preview_clawback(won, amount, by=wes)):
            with pytest.raises(kind):
                do(act)
        assert the(Conversion).refunded_minor == 0

    def test_needs_a_sale(self, lead, wes):
        with pytest.raises(Conflict):
            self.refund(lead, 100, "R-1")

    def test_is_for_owners_and_managers(self, won, westside, ana, mona):
        for person in (make_member(westside, MemberRole.AGENT), ana, mona):
            with pytest.raises(Forbidden):
                self.refund(won, 100, "R-1", by=person)
            with pytest.raises(Forbidden):
                preview_clawback(won, usd(100), by=person)
        self.refund(won, 100, "R-1", by=make_member(westside, MemberRole.MANAGER))

    def test_is_told_to_the_referrer(self, won, ana, work, mailbox):
        self.refund(won, 100_000, "R-1")
        work()
        assert "$33.33" in mailbox.last_to(ana.email).get_body(("plain",)).get_content()

    def test_of_a_closed_bounty_goes_back_to_the_card(self, bounty, won, wes):
        do(close_bounty, bounty, by=wes)
        self.refund(won, 100_000, "R-1")
        assert db.session.query(OutboxMessage).filter_by(job="return_free_funds").count() == 2


class TestTransfer:
    """With Stripe's sandbox: the reward follows its transfer, and money that was sent can be taken back."""

    @pytest.fixture
    def paid(self, app, sandbox, westside, wes, ana, mona, work, later, keep_lead):
        def build():
            bounty = make_bounty(westside)
            pay_in(sandbox, wes, usd(210_000), purpose=bounty.id)
            do(publish_bounty, bounty, by=wes)
            make_ready(sandbox, ana)
            lead = consent(accept(point(bounty, ana), by=mona))
            win(lead)
            later(days=31)
            work()
            return lead

        before = app.extensions["gateway"]
        app.extensions["gateway"] = sandbox.gateway()
        yield keep_lead("paid", build)
        app.extensions["gateway"] = before

    @pytest.fixture
    def sell_another(self, paid, sandbox, westside, wes, ana, mona, later):
        """Another lead of hers, of a bounty of its own, whose reward may be released by now."""
        def sell():
            bounty = make_bounty(westside, hold_days=7)
            pay_in(sandbox, wes, usd(105_000), purpose=bounty.id)
            do(publish_bounty, bounty, by=wes)
            lead = consent(accept(point(bounty, ana), by=mona), email="bo@example.com")
            win(lead)
            later(days=8)
            return lead
        return sell

    def test_a_released_reward_is_paid(self, paid, ana, mailbox):
        assert the(Reward).state is RewardState.PAID
        steps = [action for action in actions_on(the(Reward).id) if action.startswith("reward.")]
        assert steps == ["reward.pending", "reward.payable", "reward.scheduled", "reward.paid"]
        assert "was paid" in str(mailbox.last_to(ana.email)["Subject"])
        [told] = [" ".join(body_of(mail).split()) for mail in mailbox.to(ana.email) if what(mail) == "Your reward is released"]
        assert "$1,000 is released. It is on its way to your Stripe account." in told

    def test_news_of_a_transfer_twice_changes_nothing(self, paid):
        transfer = the(Transfer)
        do(note_transfer, transfer.id)
        assert the(Reward).state is RewardState.PAID

    def test_a_refund_afterwards_is_taken_back_from_the_connected_account(self, paid, wes, work, as_user):
        do(refund_sale, paid, by=wes, amount=usd(100_000), refund_number="R-1")
        assert the(Clawback).state is ClawbackState.REVERSING
        assert says(paid).endswith("$33.33 is being taken back from your Stripe account.")
        work()
        assert says(paid) == ("Taken back: $33.33 on 3 Dec 2026 for a refund of the sale, out of your Stripe account. "
                              "The rest stays paid; nothing more happens with it.")
        assert (the(Clawback).state, the(Reward).state) == (ClawbackState.TAKEN, RewardState.PAID)
        assert the(Reward).net == usd(96_667)
        do(note_reversal, the(Clawback).id)
        assert the(Clawback).state is ClawbackState.TAKEN
        assert "/refund" in as_user(wes).get(f"/leads/{paid.id}").text
        do(refund_sale, paid, by=wes, amount=usd(2_900_000), refund_number="R-2")
        work()
        assert says(paid).startswith("Nothing more: it was paid, then taken back in full: $1,000 on 3 Dec 2026 for a refund")
        assert "/refund" not in as_user(wes).get(f"/leads/{paid.id}").text  # Nothing of the sale is left to give back.

    def test_one_refunded_on_its_way_that_never_went_is_voided(self, paid, ana, mona, wes, work, sandbox, later):
        second = consent(accept(point(paid.bounty, ana), by=mona), email="bo@example.com")
        win(second)
        later(days=31)
        reward_id = schedule_transfer(second)[0].id
        do(refund_sale, again(second), by=wes, amount=SALE, refund_number="R-1")
        sandbox.control.set_account_state(the(ConnectedAccount).stripe_account_id, state="restricted")
        work()
        end_reading()
        assert db.session.get_one(Reward, reward_id, populate_existing=True).state is RewardState.VOIDED

    def test_one_disputed_on_its_way_that_never_went_waits_for_the_end_of_the_dispute(
            self, sell_another, ana, wes, work, sandbox):
        second = sell_another()
        reward_id = schedule_transfer(second)[0].id
        claim = Claim(amount=usd(40_000), about_id=reward_id)
        dispute = do(open_dispute, again(second), DisputeKind.BAD_LEAD, by=wes, text="They only asked the way.", claim=claim)
        sandbox.control.set_account_state(the(ConnectedAccount).stripe_account_id, state="restricted")
        work()
        end_reading()
        assert db.session.get_one(Reward, reward_id, populate_existing=True).state is RewardState.PAYABLE
        pieces = db.session.query(Payable).filter((Payable.id == reward_id) | (Payable.rest_of == reward_id)).all()
        assert {piece.amount: why_stopped(piece) for piece in pieces} == {
            usd(40_000): "A dispute about it is not decided yet.", usd(60_000): None}
        assert dispute.state is DisputeState.AWAITING_RESPONSE

    @pytest.mark.parametrize(("is_sent", "is_claim_first"), [(True, False), (False, False), (True, True)],
                             ids=["sent", "on its way", "sent, and the claim was over before"])
    def test_found_false_while_part_of_it_is_on_its_way_all_of_it_goes_back_with_its_fee_and_nothing_twice(
            self, is_sent, is_claim_first, sell_another, ana, mona, wes, work, later, as_user, mailbox):
        first, lead = holds(AccountKind.PLATFORM_FEES, PLATFORM), sell_another()
        reward = rewards_of_lead(lead)[0]
        with transaction():
            release_reward(reward.id)
        claim = Claim(amount=usd(33_333), about_id=reward.id)
        dispute = do(open_dispute, again(lead), DisputeKind.BAD_LEAD, by=wes, text="They only asked the way.", claim=claim)
        with transaction():
            request_transfers(ana.id)
            transfer_id = db.session.get_one(Payable, reward.id).transfer_id
        with transaction():
            note_transfer(transfer_id)
        if is_sent:
            work()
        if is_claim_first:
            do(accept_claim, dispute, by=ana)
        for one in (ana.id, lead.id):
            do(keep_traces, one, {TraceKind.DEVICE: "hers"})
        do(look_at, again(lead), Point.CONSENT)
        do(cases.confirm_fraud, cases.find_case(lead.id), by=mona, reason="One device.")
        do(cases.explain_lead, again(lead), by=ana, why="He is my husband.")
        do(cases.confirm_fraud, cases.find_case(lead.id), by=make_user("Nils Roy", is_admin=True), reason="Still one.")
        [clawback] = rewards_of_lead(again(lead))[0].clawbacks
        assert (clawback.amount, clawback.fee_minor, clawback.state) == (usd(33_333), 1_666, ClawbackState.TAKEN)
        assert holds(AccountKind.FUNDS, lead.bounty_id) == 33_333 + 1_666
        work()
        assert db.session.query(TransferStop).filter_by(lifted_at=None, reason=effects.HELD).count() == 0
        if not is_claim_first:
            mails = [" ".join(body_of(mail).split()) for mail in mailbox.to(wes.email)]
            do(accept_claim, dispute, by=ana)
            work()
        assert len(rewards_of_lead(again(lead))[0].clawbacks) == 1
        said = words_of(as_user(wes).page(f"/disputes/{dispute.id}"))
        assert "$333.33 of the reward is taken back" in said
        assert ("with what was taken back of it since the claim." in said) is not is_claim_first
        if is_sent and not is_claim_first:
            assert "sent yet is back in your bounty: $333.33, and with it our fee of $16.66." in mails[-1]
            shown = words_of(as_user(wes).page(f"/leads/{lead.id}"))
            for line in ("Taken back: it was found not to be genuine -$333.33", "What is left $666.67",
                         "Our fee, given back -$16.66", "Returns to the bounty’s funds $349.99"):
                assert line in shown
            assert "and an admin decides about what was sent" in words_of(as_user(ana).page(f"/leads/{lead.id}"))
        if is_sent:
            do(ask_reversal, db.session.get_one(Transfer, transfer_id), usd(66_667), reason="Found false", by=mona)
            work()
        end_reading()
        assert rewards_of_lead(again(lead))[0].state is (RewardState.PAID if is_sent else RewardState.VOIDED)
        assert (holds(AccountKind.FUNDS, lead.bounty_id), holds(AccountKind.PLATFORM_FEES, PLATFORM)) == (105_000, first)
        later(days=2)
        work()
        assert db.session.query(Transfer).filter_by(payee_id=ana.id).count() == 2

    def test_found_false_in_a_transfer_that_is_taken_back_before_its_job_ran_nothing_stays_stopped(
            self, sell_another, ana, mona, work, monkeypatch):
        lead = sell_another()
        _, transfer_id = schedule_transfer(lead)
        do(send_transfer, transfer_id)
        DELIVER_TRANSFER.call(transfer_id)  # Stripe has it; its answer is lost.
        for one in (ana.id, lead.id):
            do(keep_traces, one, {TraceKind.DEVICE: "hers"})
        do(look_at, again(lead), Point.CONSENT)
        do(cases.confirm_fraud, cases.find_case(lead.id), by=mona, reason="One device.")
        do(cases.explain_lead, again(lead), by=ana, why="He is my husband.")
        do(cases.confirm_fraud, cases.find_case(lead.id), by=make_user("Nils Roy", is_admin=True), reason="Still one.")
        with monkeypatch.context() as late:
            late.setitem(JOBS, "note_transfer", lambda transfer_id: None)
            work()
            do(ask_reversal, db.session.get_one(Transfer, transfer_id), usd(100_000), reason="Found false", by=mona)
            work()
        transfer = db.session.get_one(Transfer, transfer_id)
        assert transfer.state is TransferState.REVERSED
        stops_open = db.session.query(TransferStop).filter_by(lifted_at=None, reason=effects.HELD)
        assert stops_open.count() == 1
        do(note_transfer, transfer_id)
        work()
        assert stops_open.count() == 0
        assert rewards_of_lead(again(lead))[0].state is RewardState.PAID

    def test_what_a_ruling_took_of_a_transfer_that_never_went_was_not_refunded(
            self, sell_another, ana, mona, work, sandbox):
        lead = sell_another()
        reward, _ = schedule_transfer(lead)
        do(take_back_by_ruling, reward, usd(100_000), dispute_id="dispute_1", by=mona.id)
        sandbox.control.set_account_state(the(ConnectedAccount).stripe_account_id, state="restricted")
        work()
        [reward] = rewards_of_lead(again(lead))
        assert (reward.state, reward.void_reason) == (RewardState.VOIDED, "All of it was taken back.")

    def test_what_comes_back_later_of_a_paid_reward_that_was_found_false_is_taken_too(
            self, sell_another, ana, mona, work, sandbox):
        account, lead = the(ConnectedAccount), sell_another()
        [reward] = rewards_of_lead(lead)
        with transaction():
            release_reward(reward.id)
            payables.set_apart(reward.id, usd(33_333))
            rest = payables.set_apart(reward.id, usd(11_111))
            stops.stop_transfers("payable", rest.id, reason="It waits.", source="item", by=mona.id)
        [early] = db.session.scalars(select(Payable.id).filter_by(rest_of=reward.id).where(Payable.id != rest.id))
        with transaction():
            stops.stop_transfers("payable", early, reason="It waits.", source="early", by=mona.id)
            request_transfers(ana.id)
        work()
        do(stops.lift_stops, "early", by=mona.id)
        assert "with the next transfers" in going_out.goes_out_in_words(rewards_of_lead(again(lead))[0], lead)
        with transaction():
            request_transfers(ana.id)
        assert rewards_of_lead(again(lead))[0].state is RewardState.PAID
        for one in (ana.id, lead.id):
            do(keep_traces, one, {TraceKind.DEVICE: "hers"})
        do(look_at, again(lead), Point.CONSENT)
        do(cases.confirm_fraud, cases.find_case(lead.id), by=mona, reason="One device.")
        assert "and was not sent yet goes back" in says(again(lead))
        do(cases.explain_lead, again(lead), by=ana, why="He is my husband.")
        do(cases.confirm_fraud, cases.find_case(lead.id), by=make_user("Nils Roy", is_admin=True), reason="Still one.")
        sandbox.control.set_account_state(account.stripe_account_id, state="restricted")
        work()
        sandbox.control.set_account_state(account.stripe_account_id, state="active")
        do_now(CHECK_PAYEE, payee_id=account.id)
        work()
        assert sorted(one.amount_minor for one in rewards_of_lead(again(lead))[0].clawbacks) == [11_111, 33_333]
        assert not has_unsent(rewards_of_lead(again(lead)))
        sent = [one.amount_minor for one in db.session.query(Transfer).filter_by(state=TransferState.SENT)]
        assert sorted(sent) == [55_556, 100_000]
        assert holds(AccountKind.FUNDS, lead.bounty_id) == 33_333 + 11_111 + 1_666 + 555

    def test_what_stripe_cannot_take_back_now_stays_outstanding_until_it_can(self, paid, wes, ana, work, sandbox, later):
        account = the(ConnectedAccount).stripe_account_id
        sandbox.control.pay_out_account(account, currency="usd")
        do(refund_sale, paid, by=wes, amount=usd(100_000), refund_number="R-1")
        work()
        assert the(Clawback).state is ClawbackState.OUTSTANDING
        assert says(paid).endswith("$33.33 could not be taken back yet. We ask again.")
        do(note_reversal, the(Clawback).id)
        assert the(Clawback).state is ClawbackState.OUTSTANDING
        with sandbox.box.world.store.transaction():  # New money arrives in the payee's account.
            kept = sandbox.box.world.store.get("v2.core.account", account)
            sandbox.box.world.store.save(kept | {"_balance": {"usd": 100_00}})
        later(days=1, minutes=5)
        work()
        assert the(Clawback).state is ClawbackState.TAKEN


    def test_what_an_admin_took_back_goes_to_the_funds_with_its_fee_and_is_told_to_both(
            self, paid, ana, mona, wes, work, as_user, mailbox):
        do(ask_reversal, the(Transfer), usd(20_000), reason="The wrong Ana", cause=OrderCause.WRONG_PAYEE, by=mona)
        assert says(paid).endswith("An admin ordered it: $200 is being taken back from your Stripe account.")
        work()
        assert holds(AccountKind.FUNDS, paid.bounty_id) == 105_000 + 20_000 + 1_000
        assert holds(AccountKind.PLATFORM_FEES, PLATFORM) == 4_000
        mails, day = [mailbox.last_to(one.email) for one in (wes, ana)], day_in_words(clock.now())
        told, hers = (" ".join(body_of(mail).split()) for mail in mails)
        assert f"On {day} an admin took back $200 of $1,000 that was paid for the sale. Why: It had gone to the wrong person. It returns to the bounty’s funds as" in told
        assert "Of our fee $10 went there at once." in told and "The wrong Ana" not in told
        assert f"On {day} an admin took back $200 of $1,000 that you were paid for the sale." in hers and "The wrong Ana" in hers
        assert LETTERS["transfer_reversed_by_hand"](order_id=the(MoneyOrder).id) == []
        do(lambda: db.session.execute(update(OutboxMessage).where(OutboxMessage.key.startswith("taken_by_order")).values(key=None)))
        old = LETTERS["transfer_reversed_by_hand"](order_id=the(MoneyOrder).id)  # As it was promised before.
        assert {" ".join(one.text.split()) for one in old} == {told, hers}
        for mail, reader in zip(mails, (Audience.BUSINESS, Audience.REFERRER), strict=True):
            assert number_of(paid.id) in mail["Subject"] and f"About: {name_of(paid, reader)}" in " ".join(body_of(mail).split())
        told = words_of(as_user(ana).page(f"/leads/{paid.id}"))
        assert f"On {day} an admin took back $200 of what was sent. Why: The wrong Ana" in told
        assert (way := "if you think that it is wrong, answer our mail about it.") in told and "Open a dispute" in told
        assert "The admin’s reason: The wrong Ana" in words_of(as_user(ana).page("/rewards"))
        told = words_of(as_user(wes).page(f"/leads/{paid.id}"))
        assert f"On {day} an admin took back $200 of what was sent, to the bounty’s funds, and our fee on it too. Why: It had gone to the wrong person." in told
        assert "The wrong Ana" not in told and way not in told  # Both are for whom it was paid to.
        with transaction():  # Of what is left; nothing is given back twice.
            report = Report(
                business_id=paid.business_id, source=ConversionSource.API, external_id="R-1", fingerprint="", kind=ReportKind.REFUND,
                refund_of=the(Conversion).external_id, state=ReportState.RECEIVED, amount_minor=SALE.minor, currency="usd",
                happened_at=clock.now(), payload={}, reported_by=wes.id, reasons=[])
            db.session.add(report)
            db.session.flush()
            apply_refund(report, by=wes.id)
            assert "and of the reward the same part, less what an admin had taken of it before." in report.reasons[-1]
        work()
        assert (holds(AccountKind.FUNDS, paid.bounty_id), holds(AccountKind.PLATFORM_FEES, PLATFORM)) == (210_000, 0)

    @pytest.mark.parametrize("is_order_first", [True, False])
    def test_beside_what_an_admin_took_back_the_pages_say_of_a_refund_what_it_moved(
            self, paid, ana, mona, wes, work, as_user, mailbox, is_order_first):
        def refund(half):
            would, before = preview_clawback(again(paid), usd(SALE.minor // 2), by=wes), holds(AccountKind.FUNDS, paid.bounty_id)
            of_wes, asked = as_user(wes), {"amount": "15000", "refund_number": f"R-{half}"}
            card = words_of(of_wes.page(f"/leads/{paid.id}/refund/preview?{urlencode(asked | {'currency': 'usd'})}").xpath("//*[@id='refund']")[0])
            said = words_of(html.fromstring(of_wes.submit(f"/leads/{paid.id}", asked, action="/refund").text))
            work()
            assert holds(AccountKind.FUNDS, paid.bounty_id) - before == would.to_bounty.minor
            assert would.is_cut is (is_order_first or half == 2)
            if nothing := would.is_cut and not would.to_bounty.minor:
                assert "Refunded. Nothing more is taken back: an admin had taken the rest before." in said
            else:
                assert f"{show_money(would.to_bounty)} returns to your bounty’s funds." in said
                assert f"Of the reward {show_money(would.reward)}" in card
            assert ("Nothing more is taken back: an admin had taken the rest before." in card) is nothing
            assert ("an admin had taken the rest before" in card) is would.is_cut
            assert ("n admin had taken the rest before." in said) is would.is_cut

        def told(person):
            return {fact.xpath("string(dt)").strip(): " ".join(fact.xpath("string(dd)").split())
                    for fact in as_user(person).page(f"/leads/{paid.id}").xpath("//dl/div")}

        for is_order in (is_order_first, not is_order_first):
            if is_order:
                do(ask_reversal, the(Transfer), usd(90_000 if is_order_first else 20_000), reason="The wrong Ana", by=mona)
                work()
            else:
                refund(1)
        moved, left, fee = ((10_000, 0, 0) if is_order_first else (50_000, 30_000, 1_500))
        assert holds(AccountKind.PLATFORM_FEES, PLATFORM) == fee
        assert holds(AccountKind.FUNDS, paid.bounty_id) == 105_000 + (100_000 - left) + (5_000 - fee)
        assert check_ledger() == []
        page, of_ana = told(wes), words_of(as_user(ana).page(f"/leads/{paid.id}"))
        assert page["Taken back: $15,000 of the sale was refunded"].startswith(f"-{show_money(usd(moved))}")
        assert (page["What is left"], page["Our fee, what is left"]) == (show_money(usd(left)), show_money(usd(fee)))
        assert page["Returns to the bounty’s funds"] == show_money(usd(105_000 - left - fee))
        assert ("an admin had taken back the rest before" in of_ana) is is_order_first
        assert f"{show_money(usd(100_000 - left))} taken back" in words_of(as_user(ana).page("/rewards"))
        (sums,) = earnings_of(ana)
        assert (sums.paid, sums.taken_back) == (usd(left), usd(100_000 - left))
        if is_order_first:
            mail = " ".join(body_of(mailbox.last_to(ana.email)).split())
            assert f"On {day_in_words(clock.now())} part of the sale was refunded. $100 of your reward of $1,000 for the sale" in mail
            assert "$0 stays yours" in mail
        clawback = the(Clawback)
        assert read_told(CLAWBACK, [clawback.id])[clawback.id].data["taken_back"]["minor"] == moved
        sold = Report(
            business_id=paid.business_id, source=ConversionSource.API, external_id="1", fingerprint="", kind=ReportKind.SALE,
            state=ReportState.APPROVED, amount_minor=SALE.minor, currency="usd", happened_at=clock.now(), lead_id=paid.id,
            payload={}, reported_by=wes.id, reasons=[])
        with transaction():
            db.session.add(sold)
        code = link(paid.bounty, make_user("Tom Reed")).spoken
        assert do(reattribute, sold, by=mona, code=code, reason="Tom brought them.").stayed_minor == left
        refund(2)
        assert holds(AccountKind.FUNDS, paid.bounty_id) == 210_000 and check_ledger() == []
        assert told(wes)["Returns to the bounty’s funds"] == "$1,050"

    # Each step: an admin takes so many dollars, or a refund of so many percent; then what is left.
    @pytest.mark.parametrize("steps", [
        [("admin", 200, 800), ("refund", 50, 300), ("refund", 50, 0)],
        [("refund", 50, 500), ("admin", 200, 300), ("admin", 300, 0)],
        [("admin", 1_000, 0)],
        [("refund", 100, 0)],
    ])
    def test_every_place_names_what_really_moved(self, paid, ana, mona, wes, work, as_user, steps):
        def sums_in(words):
            return sum(int(found.replace(",", "")) for found in re.findall(r"\$([\d,]+) on \d+ \w+ \d+ ", words))

        def check(left):
            refunded = sum(amount for who, amount, _ in done if who == "refund")
            gone, reward = 1_000 - left, the(Reward)
            shown, told = RewardOutput().dump(reward), says(paid)
            assert (shown["net"]["minor"], shown["clawed_back"]["minor"]) == (left * 100, gone * 100)
            assert sums_in(told) == sums_in(shown["next"]) == gone
            assert ("was paid, then taken back in full" in told) is (left == 0)
            (sums,) = earnings_of(ana)
            assert (sums.paid, sums.taken_back) == (usd(left * 100), usd(gone * 100))
            money, badge = show_money(usd(left * 100)), "Paid" if left else "Taken back"
            of_ana, of_wes = as_user(ana), as_user(wes)
            for page in (of_ana.page(f"/leads/{paid.id}"), of_wes.page(f"/leads/{paid.id}")):
                (block,) = page.xpath(f"//*[@id='{reward.id}']")
                assert money in words_of(block) and badge in words_of(block) and sums_in(words_of(block)) == gone
                assert ("taken back" in words_of(page.xpath("//*[@aria-label='Where this lead stands']")[0])) is (left == 0)
            (row,) = of_ana.page("/rewards").xpath("//tbody/tr")
            assert money in words_of(row) and badge in words_of(row) and sums_in(words_of(row)) == gone
            assert money in words_of(of_ana.page("/leads").xpath("//tbody/tr")[0])
            (plate,) = of_ana.page("/dashboard/referrer").xpath("//*[contains(@class, 'plate')]")
            assert money in words_of(plate.getparent()) and badge in words_of(plate.getparent())
            cells = of_wes.page(f"/businesses/{paid.business_id}/conversions").xpath("//tbody/tr/td | //tbody/tr/th")
            state = "Given back" if refunded == 100 else "Taken back" if not left else "Partly given back" if refunded else "Counted"
            assert [words_of(cell) for cell in cells][4:6] == [state, f"${left:,}"]
            story = words_of(of_wes.page(f"/leads/{paid.id}"))
            ordered = [amount for who, amount, _ in done if who == "admin"]
            for amount in ordered:  # One line each, each with its reason.
                line, why = f"Taken back by an admin on {day_in_words(clock.now())} -${amount:,}", f"Why: No. {amount}"
                assert line in story and line in words_of(of_ana.page(f"/leads/{paid.id}"))
                assert f"{show_money(usd(amount * 100))} on {day_in_words(clock.now())} by an admin" in story
                assert why in words_of(of_ana.page(f"/leads/{paid.id}")) and f"No. {amount}" in words_of(row)
            assert [f"{show_money(usd(amount * 100))} of $1,000 for the sale · it returns to the bounty’s funds as soon as "
                    f"Stripe has it; {show_money(usd(amount * 5))} of our fee is there already" in story
                    for amount in ordered] == [True] * len(ordered)
            assert story.count("Back in the bounty’s funds") == len(ordered)

        done = list[tuple[str, int, int]]()
        check(1_000)
        for who, amount, left in steps:
            if who == "admin":
                do(ask_reversal, the(Transfer), usd(amount * 100), reason=f"No. {amount}", by=mona)
            else:
                do(refund_sale, again(paid), by=wes, amount=usd(SALE.minor * amount // 100), refund_number=f"R-{left}")
            work()
            done.append((who, amount, left))
            check(left)

    def test_what_stripe_refused_to_give_back_to_an_admin_was_not_taken(self, paid, ana, mona, work, as_user, sandbox, mailbox):
        sandbox.control.pay_out_account(the(ConnectedAccount).stripe_account_id, currency="usd")
        do(ask_reversal, the(Transfer), usd(20_000), reason="The wrong Ana", by=mona)
        work()
        assert the(TransferReversal).state is ReversalState.OUTSTANDING
        row = words_of(as_user(ana).page("/rewards").xpath("//tbody/tr")[0])
        assert "An admin ordered it: $200 could not be taken back yet. We ask again." in row and "$1,000" in row and "reason" not in row
        owe(ana, paid.business_id, usd(15_000), "reward_later", purpose=paid.bounty_id)
        do(net_everything)
        work()
        assert says(paid) == ("An admin ordered it: $50 could not be taken back yet. We ask again. Taken back: $150 on 3 Dec 2026 by "
                              "an admin, out of later rewards of yours.")
        assert "refunded" not in words_of(as_user(ana).page("/payouts"))
        do(ask_write_off, the(TransferReversal), reason="They cannot pay.", by=mona)
        work()
        told, name = {what(mail): " ".join(body_of(mail).split()) for mail in mailbox.to(ana.email)}, name_of(paid, Audience.REFERRER)
        day = day_in_words(clock.now())
        assert f"$1,000 was paid on {day}, for the sale, from Westside Auto." in told["Your reward was paid"]
        for subject, says_how_much in (
                ("You owe something back", "$200 of your reward of $1,000 for the sale is taken back"),
                ("Part of your reward paid what you owed", f"out of your account there: your reward of $1,000 for the sale ({name})."),
                ("You owe nothing more", "we gave up $50 of your reward of $1,000 for the sale")):
            assert says_how_much in told[subject] and str(name) in told[subject] and f"On {day}" in told[subject], subject
            assert "refunded" not in told[subject]
        (back,) = money_back_of([the(Reward)]).values()
        assert (back.left, back.to_bounty, back.taken) == (usd(85_000), usd(20_000 + 1_000), usd(15_000))
        assert says(paid) == ("Taken back: $150 on 3 Dec 2026 by an admin, out of later rewards of yours. "
                              "The rest stays paid; nothing more happens with it.")
        story = words_of(as_user(ana).page(f"/leads/{paid.id}"))
        assert "It is owed no more" in story and "which we paid ourselves: you owe it no more" in story

    def test_of_a_reward_that_paid_a_debt_in_part_only_what_is_owed_is_taken_and_it_was_paid(
            self, sell_another, mona, wes, work, sandbox):
        sandbox.control.pay_out_account(the(ConnectedAccount).stripe_account_id, currency="usd")
        do(ask_reversal, the(Transfer), usd(40_000), reason="The wrong Ana", by=mona)
        work()
        lead = sell_another()
        [reward] = rewards_of_lead(lead)
        with transaction():
            release_reward(reward.id)
            net_everything()
        do(refund_sale, again(lead), by=wes, amount=usd(SALE.minor * 6 // 10), refund_number="R-1")
        work()
        [reward] = rewards_of_lead(again(lead))
        assert (reward.state, reward.void_reason, reward.net) == (RewardState.PAID, None, usd(40_000))
        assert db.session.get_one(Payable, reward.id).amount == usd(0)
        do(refund_sale, again(lead), by=wes, amount=usd(SALE.minor * 4 // 10), refund_number="R-2")
        work()
        assert rewards_of_lead(again(lead))[0].state is RewardState.PAID

    def test_taken_back_in_slices_the_fee_returns_to_the_cent(self, paid, mona, wes, work):
        do(refund_sale, paid, by=wes, amount=usd(100_000), refund_number="R-1")
        for cents in (33_333, 33_333, 30_001):
            order = do(ask_reversal, the(Transfer), usd(cents), reason="The wrong Ana", by=mona)
            work()
            do(return_fee, f"{order.id}:{the(Reward).id}", taken_minor=str(cents))  # Done twice.
        assert (holds(AccountKind.FUNDS, paid.bounty_id), holds(AccountKind.PLATFORM_FEES, PLATFORM)) == (210_000, 0)

    def test_what_an_admin_took_back_of_a_closed_bounty_goes_back_to_its_card(self, paid, mona, wes, work, mailbox):
        do(close_bounty, paid.bounty, by=wes)
        work()
        assert [refund.amount for refund in db.session.query(Refund)] == [usd(105_000)]
        do(ask_reversal, the(Transfer), usd(100_000), reason="The wrong Ana", by=mona)
        work()
        end_reading()
        assert sum(refund.amount_minor for refund in db.session.query(Refund)) == 105_000 + 100_000 + 5_000
        [told] = [body_of(mail) for mail in mailbox.to(wes.email) if what(mail) == "A reward that you paid for is taken back"]
        assert "It goes back to the card that paid as soon as Stripe has it, for the bounty is closed." in " ".join(told.split())


def test_a_transfer_that_did_not_go_through_gives_the_reward_back(lead, ana, work, later):
    """Payments' rows say what happened to its transfer; the reward follows them."""
    win(lead)
    later(days=31)
    work()
    reward, payable = the(Reward), the(Payable)
    with_transfer = Transfer(payee_id=ana.id, business_id=reward.business_id, destination="acct_x", amount=usd(100_000), idempotency_key="k")

    def take() -> None:
        db.session.add(with_transfer)
        db.session.flush()
        kept = db.session.get_one(Payable, payable.id)
        kept.state, kept.transfer_id = PayableState.IN_TRANSFER, with_transfer.id

    def give_back() -> None:
        kept = db.session.get_one(Payable, payable.id)
        kept.state, kept.transfer_id = PayableState.OWED, None

    do(take)
    do(note_transfer, with_transfer.id)
    assert the(Reward).state is RewardState.SCHEDULED
    do(note_transfer, with_transfer.id)
    do(give_back)
    do(note_transfer, with_transfer.id)
    assert the(Reward).state is RewardState.PAYABLE
    do(lambda: db.session.delete(db.session.get_one(Transfer, with_transfer.id)))


def test_the_mail_of_a_reward_that_waits_names_each_reason_once(lead):
    win(lead)
    for source, reason in (("one", "The bank asks."), ("two", "The bank asks."), ("three", "A bank warned us.")):
        do(hold_reward, the(Reward), source_id=source, reason=reason)
    [mail] = LETTERS["reward_frozen"](reward_id=the(Reward).id)
    assert "is on hold. The bank asks. A bank warned us." in " ".join(mail.text.split())


def test_a_reward_is_seen_by_whom_it_concerns(lead, ana, wes, mona):
    win(lead)
    reward = the(Reward)
    for person in (ana, wes, mona):
        assert get_reward(reward.id, seen_by=person).id == reward.id
    with pytest.raises(NotFound):
        get_reward(reward.id, seen_by=make_user("Bo Li"))
