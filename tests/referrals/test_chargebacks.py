"""What a disputed payment means for leads and rewards: the newest wait first, and nobody's promise is lost."""
from dataclasses import replace

import pytest
from sqlalchemy import select

from marketplace.bounties.models import Bounty, BountyState, For, Happening
from marketplace.bounties.publishing import PaymentInDoubt, close_bounty, publish_bounty
from marketplace.foundation import clock
from marketplace.foundation.db import db
from marketplace.foundation.money import Money
from marketplace.payments.books.reconciliation import compare_with_stripe
from marketplace.payments.disputes.chargebacks import note_dispute
from marketplace.payments.disputes.debts import write_off
from marketplace.payments.disputes.warnings import close_warning
from marketplace.payments.ledger import check_ledger
from marketplace.payments.models import (
    AccountKind,
    Chargeback,
    ChargebackState,
    FraudWarning,
    Funding,
    Refund,
    RefundState,
    TransferStop,
)
from marketplace.payments.money_out import payables
from marketplace.payments.money_out.stops import stop_transfers
from marketplace.referrals.afterwards import record_renewal
from marketplace.referrals.asking import end_lead
from marketplace.referrals.case import what_we_know
from marketplace.referrals.chargebacks import NotUnpaid, note_bad_day, void_unpaid
from marketplace.referrals.clawbacks import refund_sale
from marketplace.referrals.models import Lead, Reward, RewardState
from marketplace.referrals.rewards import freeze_reward, unfreeze_reward
from marketplace.referrals.sharing import answer_split, propose_split
from tests.browsing import body_of, end_reading, what, words_of
from tests.factories import SALE, accept, consent, flat, make_bounty, make_lead, make_user, win
from tests.payments.money_steps import make_ready, pay_in, usd
from tests.referrals.steps import actions_on, do, holds

K, R, B = AccountKind, RewardState, BountyState
ONE = 1050_00  # What one lead costs.


@pytest.fixture
def told(stripe_sandbox, work):
    """`told()`: every webhook comes in and all that is due is done; then the books agree with Stripe's."""
    def deliver():
        stripe_sandbox.deliver_webhooks()
        work()
        end_reading()
        assert check_ledger() == []
        assert [line for line in compare_with_stripe() if line.difference_minor] == []
    return deliver


@pytest.fixture
def funded(app, stripe_sandbox, westside, wes, told, keep):
    """A live bounty of $1,000, paid in at Stripe for three leads."""
    def build():
        bounty = make_bounty(westside)
        pay_in(stripe_sandbox, wes, usd(3150), bounty.id)
        do(publish_bounty, bounty, by=wes)
        told()
        return bounty.id
    return db.session.get_one(Bounty, keep("a bounty paid in at Stripe", build))


def lead_of(bounty, by=None):
    return accept(make_lead(bounty, by=by or make_user()))


def sold(bounty, by=None):
    lead = consent(lead_of(bounty, by), email=f"buyer{id(bounty)}@{by.id if by else 'x'}.example")
    win(lead)
    end_reading()
    return lead, db.session.scalars(select(Reward).filter_by(lead_id=lead.id)).one()


@pytest.fixture
def reward(funded, keep):
    """Of a sale."""
    return reward_by_id(keep("somebody's lead that was sold", lambda: sold(funded)[1].id))


@pytest.fixture
def anas(funded, ana, keep):
    """Her reward, of a sale."""
    return reward_by_id(keep("a lead of Ana's that was sold", lambda: sold(funded, ana)[1].id))


def reward_by_id(reward_id):
    end_reading()
    return db.session.get_one(Reward, reward_id)


def state_of(thing):
    end_reading()
    return db.session.get_one(type(thing), thing.id, populate_existing=True).state


def dispute(sandbox, bounty, **given):
    charge = db.session.scalars(select(Funding.charge_id).filter_by(purpose_id=bounty.id).order_by(Funding.id)).first()
    return sandbox.control.open_dispute(charge, **given)["id"]


def the_chargeback():
    end_reading()
    return db.session.scalars(select(Chargeback)).one()


def subjects(mailbox, person):
    return [what(mail) for mail in mailbox.to(person.email)]


def letter(mailbox, person, subject):
    return next(" ".join(body_of(mail).split()) for mail in mailbox.to(person.email) if what(mail) == subject)


class TestOpened:
    def test_the_bounty_pauses_and_says_so_to_everyone(self, stripe_sandbox, funded, told, anonymous, as_user, wes, mona,
                                                       mailbox):
        dispute(stripe_sandbox, funded)
        told()
        assert state_of(funded) is B.PAUSED
        assert "The bank is looking into a payment for this bounty" in words_of(anonymous.page(f"/bounties/{funded.id}"))
        with pytest.raises(PaymentInDoubt):
            do(publish_bounty, funded, by=wes)
        assert "The bank disputes a payment of yours" in subjects(mailbox, wes)
        assert "A chargeback was opened" in subjects(mailbox, mona)

    def test_free_funds_come_first_and_no_lead_or_reward_is_touched(self, stripe_sandbox, funded, reward, told):
        dispute(stripe_sandbox, funded, amount=2 * ONE, withdraw=False)
        told()
        assert (holds(K.FUNDS, funded.id), holds(K.HELD, reward.id)) == (0, ONE)
        assert state_of(reward) is R.PENDING

    def test_then_reserved_leads_the_newest_first(self, stripe_sandbox, funded, told):
        leads = [lead_of(funded) for _ in range(3)]
        dispute(stripe_sandbox, funded, amount=2 * ONE, withdraw=False)
        told()
        assert [holds(K.RESERVED, lead.id) for lead in leads] == [ONE, 0, 0]

    def test_then_held_rewards_the_newest_first_and_their_people_are_told(self, stripe_sandbox, funded, told, mailbox):
        ana, tom = make_user("Ana Flores"), make_user("Tom Berg")
        (_, first), (_, second) = sold(funded, ana), sold(funded, tom)
        lead = lead_of(funded)
        dispute(stripe_sandbox, funded, amount=2 * ONE)
        told()
        assert (holds(K.RESERVED, lead.id), holds(K.HELD, first.id), holds(K.HELD, second.id)) == (0, ONE, 0)
        assert (state_of(first), state_of(second)) == (R.PENDING, R.ON_HOLD)
        assert "Your reward has to wait" in subjects(mailbox, tom)
        assert "Your reward has to wait" not in subjects(mailbox, ana)

    def test_who_waits_for_a_transfer_that_stops_is_told_once_and_told_when_it_goes_on(
        self, stripe_sandbox, funded, told, later, ana, mailbox
    ):
        sold(funded, ana)
        later(days=31)
        told()
        opened = dispute(stripe_sandbox, funded)
        told()
        stripe_sandbox.control.settle_dispute(opened, status="under_review")
        told()
        assert subjects(mailbox, ana).count("Your reward has to wait") == 1
        assert "The bank is looking into a payment for this bounty." in letter(mailbox, ana, "Your reward has to wait")
        stripe_sandbox.control.settle_dispute(opened, status="won")
        told()
        assert subjects(mailbox, ana).count("Your reward goes on") == 1

    def test_then_transfers_of_what_was_released_stop(self, stripe_sandbox, funded, anas, told, later, ana):
        later(days=31)
        told()
        assert state_of(anas) is R.PAYABLE  # Ana has no account yet, so nothing was sent.
        opened = dispute(stripe_sandbox, funded)
        told()
        make_ready(stripe_sandbox, ana)
        told()
        assert state_of(anas) is R.PAYABLE
        assert db.session.scalars(select(TransferStop).filter_by(source=the_chargeback().id)).one().subject_id == anas.id
        stripe_sandbox.control.settle_dispute(opened, status="won")
        later(days=1)
        told()
        assert state_of(anas) is R.PAID

    @pytest.mark.once
    def test_what_a_claim_set_apart_of_it_stops_too(self, stripe_sandbox, funded, anas, told, later, ana, mailbox):
        later(days=31)
        told()
        apart = do(payables.set_apart, anas.id, usd(300))
        opened = dispute(stripe_sandbox, funded)
        told()
        assert {one.subject_id for one in db.session.scalars(select(TransferStop))} == {anas.id, apart.id}
        assert subjects(mailbox, ana).count("Your reward has to wait") == 1
        assert "$1,000 from Westside Auto is on hold." in letter(mailbox, ana, "Your reward has to wait")
        do(stop_transfers, "payable", anas.id, reason="A claim.", source="dispute_1", by="system")
        stripe_sandbox.control.settle_dispute(opened, status="won")
        told()
        assert "$300 of $1,000 is no longer on hold." in letter(mailbox, ana, "Your reward goes on"), "the rest waits for a claim"

    def test_of_what_was_released_only_as_much_stops_as_is_missing(self, stripe_sandbox, funded, told, later):
        (_, older), (_, newer) = sold(funded, make_user("Ana Flores")), sold(funded, make_user("Tom Berg"))
        later(days=31)
        told()
        dispute(stripe_sandbox, funded, amount=ONE + 500_00, withdraw=False)
        told()
        assert [stop.subject_id for stop in db.session.scalars(select(TransferStop))] == [newer.id]
        assert (state_of(older), state_of(newer)) == (R.PAYABLE, R.PAYABLE)

    def test_every_part_of_what_a_disputed_lead_earns_waits(self, stripe_sandbox, westside, wes, told, ana):
        """The referrer's, that of who shares with them, and the buyer's own: before any job could release one."""
        bounty = make_bounty(westside, rules=[flat(100_000), flat(5_000, whom=For.BUYER)], hold_days=0)
        pay_in(stripe_sandbox, wes, Money(1102_50, "usd"), bounty.id)
        do(publish_bounty, bounty, by=wes)
        tom, lead = make_user("Tom Berg"), make_lead(bounty, by=ana)
        split = do(propose_split, lead, by=ana, own_bps=7_500, others=[(tom.email, 2_500)])
        do(answer_split, split, by=tom, agrees=True)
        consent(accept(lead))
        dispute(stripe_sandbox, bounty)
        told()
        win(lead)
        end_reading()
        assert {(reward.beneficiary_id, reward.state) for reward in db.session.scalars(select(Reward))} == {
            (ana.id, R.ON_HOLD), (tom.id, R.ON_HOLD), (None, R.ON_HOLD)}
        told()
        assert {reward.state for reward in db.session.scalars(select(Reward))} == {R.ON_HOLD}

    def test_a_renewal_counts_the_money_that_is_frozen_for_it(self, stripe_sandbox, westside, wes, told):
        bounty = make_bounty(westside, rules=[flat(100_000), flat(10_000, happening=Happening.RENEWAL, times=2)])
        pay_in(stripe_sandbox, wes, usd(1260), bounty.id)
        do(publish_bounty, bounty, by=wes)
        lead, _ = sold(bounty)
        dispute(stripe_sandbox, bounty)
        told()
        assert holds(K.RESERVED, lead.id) == 0
        do(record_renewal, lead, by=wes, amount=usd(500), occurred_on=clock.now().date(), order_number="O-2")
        told()
        renewal = db.session.scalars(select(Reward).order_by(Reward.id.desc())).first()
        assert (renewal.amount, state_of(renewal)) == (usd(100), R.ON_HOLD)

    def test_the_bank_is_told_what_was_given_back_before(self, stripe_sandbox, funded, told):
        stripe_sandbox.control.refund_by_hand(db.session.scalars(select(Funding.charge_id)).one(), amount=100_00)
        told()
        dispute(stripe_sandbox, funded, amount=3050_00)
        told()
        assert dict(what_we_know(the_chargeback()))["Given back already"] == "$100 in 1 refund"

    def test_what_was_paid_is_not_touched(self, stripe_sandbox, funded, told, later, ana):
        make_ready(stripe_sandbox, ana)
        _, reward = sold(funded, ana)
        later(days=31)
        told()
        opened = dispute(stripe_sandbox, funded)
        stripe_sandbox.control.settle_dispute(opened, status="lost")
        told()
        assert state_of(reward) is R.PAID
        assert holds(K.OWED_BY_BUSINESS, the_chargeback().id) == -1050_00

    def test_a_lead_whose_funds_are_frozen_may_still_be_sold_and_its_reward_waits(self, stripe_sandbox, funded, told,
                                                                                  later):
        leads = [consent(lead_of(funded), email=f"b{number}@example.com") for number in range(3)]
        dispute(stripe_sandbox, funded)
        told()
        win(leads[0])
        reward = db.session.scalars(select(Reward)).one()
        assert state_of(reward) is R.ON_HOLD
        told()
        later(days=40)
        told()
        assert (state_of(reward), holds(K.HELD, reward.id)) == (R.ON_HOLD, 0)

    def test_a_refund_of_the_sale_takes_its_part_of_a_frozen_reward(self, stripe_sandbox, funded, told, wes):
        lead, reward = sold(funded)
        dispute(stripe_sandbox, funded)
        told()
        do(refund_sale, lead, by=wes, amount=SALE.part(1, 2), refund_number="R-1")
        told()
        assert state_of(reward) is R.ON_HOLD
        assert db.session.get_one(Reward, reward.id).net == usd(500)
        assert holds(K.OWED_BY_BUSINESS, the_chargeback().id) == 0

    def test_an_admin_does_not_end_a_hold_that_a_disputed_payment_asks_for(self, stripe_sandbox, funded, reward, told, mona):
        dispute(stripe_sandbox, funded)
        told()
        with pytest.raises(PaymentInDoubt):
            do(unfreeze_reward, db.session.get_one(Reward, reward.id), by=mona)


class TestWon:
    def test_everything_waits_until_stripe_has_given_the_money_back(self, stripe_sandbox, funded, reward, told):
        opened = dispute(stripe_sandbox, funded)
        told()
        won = replace(stripe_sandbox.gateway().read_dispute(opened), status="won")  # Stripe reinstates a little later.
        end_reading()
        do(note_dispute, won)
        do(note_bad_day, the_chargeback().id)
        assert (the_chargeback().state, state_of(reward), state_of(funded)) == (ChargebackState.WON, R.ON_HOLD, B.PAUSED)
        stripe_sandbox.control.settle_dispute(opened, status="won")
        told()
        assert (state_of(reward), state_of(funded)) == (R.PENDING, B.LIVE)

    def test_everything_is_as_before_and_the_bounty_goes_on(self, stripe_sandbox, funded, told, later, mailbox):
        ana = make_user("Ana Flores")
        _, reward = sold(funded, ana)
        lead = lead_of(funded)
        opened = dispute(stripe_sandbox, funded)
        told()
        assert state_of(reward) is R.ON_HOLD
        stripe_sandbox.control.settle_dispute(opened, status="won")
        told()
        assert (state_of(reward), state_of(funded)) == (R.PENDING, B.LIVE)
        assert (holds(K.HELD, reward.id), holds(K.RESERVED, lead.id), holds(K.FUNDS, funded.id)) == (ONE, ONE, ONE)
        assert "Your reward goes on" in subjects(mailbox, ana)
        later(days=31)
        told()
        assert state_of(reward) is R.PAYABLE

    def test_a_hold_that_an_admin_set_before_stays(self, stripe_sandbox, funded, reward, told, mona):
        do(freeze_reward, reward, by=mona, reason="Looks odd")
        opened = dispute(stripe_sandbox, funded)
        told()
        stripe_sandbox.control.settle_dispute(opened, status="won")
        told()
        assert state_of(reward) is R.ON_HOLD
        do(unfreeze_reward, db.session.get_one(Reward, reward.id), by=mona)
        assert state_of(reward) is R.PENDING

    def test_a_lead_that_ended_meanwhile_leaves_its_money_to_the_bounty(self, stripe_sandbox, funded, told):
        lead = lead_of(funded)
        opened = dispute(stripe_sandbox, funded)
        told()
        do(end_lead, lead, why="the protection window ended")
        told()
        stripe_sandbox.control.settle_dispute(opened, status="won")
        told()
        assert (holds(K.RESERVED, lead.id), holds(K.FUNDS, funded.id)) == (0, 3 * ONE)

    def test_two_payments_disputed_the_reward_waits_for_the_last(self, stripe_sandbox, funded, reward, told, wes):
        pay_in(stripe_sandbox, wes, usd(100), funded.id)
        first = dispute(stripe_sandbox, funded, amount=3150_00)
        told()
        second = dispute(stripe_sandbox, funded, amount=200_00)
        told()
        stripe_sandbox.control.settle_dispute(first, status="won")
        told()
        stripe_sandbox.control.settle_dispute(second, status="won")
        told()
        assert (state_of(reward), holds(K.HELD, reward.id)) == (R.PENDING, ONE)
        assert holds(K.FUNDS, funded.id) == 2200_00


class TestLost:
    @pytest.fixture
    def unpaid(self, stripe_sandbox, funded, told, ana, keep):
        """$3,150 gone to the bank, of which one reward and one lead were promised $2,100."""
        def build():
            _, reward = sold(funded, ana)
            lead = consent(lead_of(funded), email="late@example.com")
            opened = dispute(stripe_sandbox, funded)
            told()
            stripe_sandbox.control.settle_dispute(opened, status="lost")
            told()
            return reward.id, lead.id
        reward_id, lead_id = keep("a reward whose payment was lost", build)
        end_reading()
        self.lead = db.session.get_one(Lead, lead_id)
        return db.session.get_one(Reward, reward_id)

    def test_the_reward_waits_and_everybody_reads_why(self, unpaid, funded, as_user, ana, wes, mona, mailbox):
        assert (state_of(unpaid), holds(K.HELD, unpaid.id)) == (R.ON_HOLD, ONE)
        assert holds(K.OWED_BY_BUSINESS, the_chargeback().id) == -2 * ONE
        for person in (ana, wes, mona):
            said = words_of(as_user(person).page(f"/leads/{unpaid.lead_id}"))
            assert "The business’s payment was taken back by its bank" in said
        assert "$2,100 of it had been promised" in letter(mailbox, wes, "Your bank took a payment back")

    def test_it_goes_on_when_the_business_pays_in_again(self, unpaid, funded, stripe_sandbox, told, wes):
        pay_in(stripe_sandbox, wes, usd(2000), funded.id)
        told()
        assert (state_of(unpaid), state_of(funded)) == (R.ON_HOLD, B.PAUSED)
        pay_in(stripe_sandbox, wes, usd(1150), funded.id)
        told()
        assert (state_of(unpaid), state_of(funded)) == (R.PENDING, B.LIVE)
        assert holds(K.FUNDS, funded.id) == ONE
        assert the_chargeback().settled_at

    def test_an_admin_may_void_it_after_thirty_days_and_the_debt_is_less(self, unpaid, funded, told, later, mona, ana,
                                                                         mailbox):
        with pytest.raises(NotUnpaid):
            do(void_unpaid, unpaid, by=mona, reason="They are insolvent.")
        later(days=30)
        told()
        do(void_unpaid, unpaid, by=mona, reason="They are insolvent.")
        told()
        assert state_of(unpaid) is R.VOIDED
        assert holds(K.OWED_BY_BUSINESS, the_chargeback().id) == -ONE
        assert "Your reward could not be paid" in subjects(mailbox, ana)

    def test_written_off_by_us_the_referrer_is_paid(self, unpaid, told, later, mona, ana, stripe_sandbox):
        do(write_off, the_chargeback().id, by=mona, reason="We bear it.")
        told()
        assert state_of(unpaid) is R.PENDING
        later(days=31)
        told()
        assert state_of(unpaid) is R.PAYABLE

    def test_a_lead_that_is_sold_now_makes_a_reward_that_waits_too(self, unpaid, told, later):
        win(self.lead)
        reward = db.session.scalars(select(Reward).filter_by(lead_id=self.lead.id)).one()
        told()
        assert (state_of(reward), holds(K.HELD, reward.id)) == (R.ON_HOLD, ONE)
        later(days=40)
        told()
        assert state_of(reward) is R.ON_HOLD

    def test_a_lead_that_ends_lowers_the_debt(self, unpaid, told):
        do(end_lead, self.lead, why="the protection window ended")
        told()
        assert holds(K.OWED_BY_BUSINESS, the_chargeback().id) == -ONE

    def test_heard_of_only_when_it_is_lost_the_same_ones_wait(self, stripe_sandbox, funded, anas, told, ana):
        lead = lead_of(funded)
        opened = dispute(stripe_sandbox, funded)
        stripe_sandbox.control.settle_dispute(opened, status="lost")
        told()
        assert the_chargeback().state is ChargebackState.LOST
        assert (state_of(anas), state_of(funded)) == (R.ON_HOLD, B.PAUSED)
        assert (holds(K.HELD, anas.id), holds(K.RESERVED, lead.id)) == (ONE, ONE)
        assert holds(K.OWED_BY_BUSINESS, the_chargeback().id) == -2 * ONE


class TestWarned:
    def test_what_is_free_goes_back_the_rest_waits_and_everybody_is_told(self, stripe_sandbox, funded, reward, told, wes, mona,
                                                                         mailbox):
        charge = db.session.scalars(select(Funding.charge_id)).one()
        stripe_sandbox.control.warn_of_fraud(charge)
        told()
        assert [refund.amount for refund in db.session.scalars(select(Refund))] == [usd(2100)]
        assert (state_of(reward), state_of(funded)) == (R.ON_HOLD, B.PAUSED)
        assert "The bank warns us about a payment of yours" in subjects(mailbox, wes)
        assert "An early fraud warning" in subjects(mailbox, mona)

    def test_a_suspected_payment_that_was_still_free_goes_back_whole_and_nobody_waits(self, stripe_sandbox, funded, reward, told,
                                                                                     wes):
        second = pay_in(stripe_sandbox, wes, usd(1050), funded.id)
        stripe_sandbox.control.warn_of_fraud(second.charge_id)
        told()
        assert db.session.scalars(select(Refund)).one().funding_id == second.id
        assert (state_of(reward), state_of(funded)) == (R.PENDING, B.PAUSED)

    def test_what_is_earned_after_it_waits_too_however_short_its_return_period(self, stripe_sandbox, westside, wes, told,
                                                                             ana, mona):
        """A stolen card pays in, a lead is accepted, and only then somebody records a sale."""
        bounty = make_bounty(westside, rules=[flat(100_000), flat(5_000, whom=For.BUYER)], hold_days=0)
        pay_in(stripe_sandbox, wes, Money(1102_50, "usd"), bounty.id)
        do(publish_bounty, bounty, by=wes)
        lead = consent(accept(make_lead(bounty, by=ana)))
        stripe_sandbox.control.warn_of_fraud(db.session.scalars(select(Funding.charge_id)).one())
        told()
        win(lead)
        end_reading()
        assert {reward.state for reward in db.session.scalars(select(Reward))} == {R.ON_HOLD}
        told()
        assert {reward.state for reward in db.session.scalars(select(Reward))} == {R.ON_HOLD}
        do(close_warning, db.session.scalars(select(FraudWarning.id)).one(), by=mona, reason="The card is theirs.")
        told()
        assert {reward.whom: reward.state for reward in db.session.scalars(select(Reward))} == {
            For.REFERRER: R.PAYABLE, For.BUYER: R.PENDING}

    def test_an_admin_closes_it_and_everything_goes_on(self, stripe_sandbox, funded, reward, told, wes, mona):
        stripe_sandbox.control.warn_of_fraud(db.session.scalars(select(Funding.charge_id)).one())
        told()
        do(close_warning, db.session.scalars(select(FraudWarning.id)).one(), by=mona, reason="The card is theirs.")
        told()
        assert state_of(reward) is R.PENDING
        pay_in(stripe_sandbox, wes, usd(1050), funded.id)
        told()
        assert state_of(funded) is B.LIVE

    def test_a_chargeback_takes_over_what_the_warning_held(self, stripe_sandbox, funded, reward, told):
        charge = db.session.scalars(select(Funding.charge_id)).one()
        stripe_sandbox.control.warn_of_fraud(charge)
        told()
        opened = dispute(stripe_sandbox, funded)
        told()
        assert state_of(reward) is R.ON_HOLD
        assert actions_on(reward.id).count("reward.pending") == 1
        stripe_sandbox.control.settle_dispute(opened, status="won")
        told()
        assert state_of(reward) is R.PENDING

    def test_one_that_calls_for_nothing_does_nothing(self, stripe_sandbox, funded, told):
        dispute(stripe_sandbox, funded, amount=100_00)
        stripe_sandbox.control.warn_of_fraud(db.session.scalars(select(Funding.charge_id)).one())
        told()
        assert db.session.scalars(select(FraudWarning)).all() == []


class TestMadeByHand:
    def test_out_of_the_funds_as_far_as_they_go_and_the_bounty_pauses(self, stripe_sandbox, funded, told, wes, mailbox):
        lead_of(funded)
        charge = db.session.scalars(select(Funding.charge_id)).one()
        stripe_sandbox.control.refund_by_hand(charge, amount=2500_00)
        told()
        refund = db.session.scalars(select(Refund)).one()
        assert (refund.origin, holds(K.FUNDS, funded.id)) == ("by_hand", 0)
        assert holds(K.OWED_BY_BUSINESS, refund.id) == -400_00
        assert state_of(funded) is B.PAUSED
        assert "$400 of it was no longer free" in letter(mailbox, wes, "A payment was refunded")
        pay_in(stripe_sandbox, wes, usd(1450), funded.id)
        told()
        assert (holds(K.OWED_BY_BUSINESS, refund.id), holds(K.FUNDS, funded.id)) == (0, ONE)
        assert state_of(funded) is B.LIVE

    def test_one_that_the_bank_sends_back_is_the_bountys_again(self, stripe_sandbox, funded, told, wes, mailbox):
        lead_of(funded)
        made = stripe_sandbox.control.refund_by_hand(db.session.scalars(select(Funding.charge_id)).one(), amount=2500_00)
        told()
        stripe_sandbox.control.settle_refund(made["id"], status="failed")
        told()
        assert holds(K.FUNDS, funded.id) == 2 * ONE
        assert state_of(funded) is B.LIVE
        assert "A refund did not reach you" in subjects(mailbox, wes)


    def test_one_of_a_closed_bounty_that_the_bank_sends_back_waits_for_a_person(self, stripe_sandbox, funded, told, wes,
                                                                                mailbox):
        do(close_bounty, funded, by=wes)
        told()
        refund = db.session.scalars(select(Refund)).one()
        stripe_sandbox.control.settle_refund(refund.stripe_refund_id, status="failed")
        told()
        assert [one.state for one in db.session.scalars(select(Refund))] == [RefundState.FAILED]
        assert holds(K.FUNDS, funded.id) == 3 * ONE


@pytest.mark.parametrize(("ends", "leaves"), [({"status": "won"}, 3 * ONE), ({"status": "lost", "refundable": True}, 2 * ONE)],
                         ids=["won", "lost in part"])
def test_what_the_bank_leaves_of_a_closed_bounty_goes_back_once_it_has_decided(stripe_sandbox, funded, told, wes, ends,
                                                                               leaves):
    opened = dispute(stripe_sandbox, funded, amount=ONE)
    told()
    do(close_bounty, funded, by=wes)
    told()
    assert db.session.scalars(select(Refund)).all() == []
    stripe_sandbox.control.settle_dispute(opened, **ends)
    told()
    assert [one.amount_minor for one in db.session.scalars(select(Refund))] == [leaves]
    assert holds(K.FUNDS, funded.id) == 0


def test_the_pages_say_what_the_bank_left_of_a_payment_and_why_it_stays(stripe_sandbox, funded, told, wes, as_user):
    opened = dispute(stripe_sandbox, funded, amount=ONE)
    told()
    take_back = f"/bounties/{funded.id}/refund"
    assert "until it has decided, nothing of it can go back" in words_of(as_user(wes).page(take_back))
    stripe_sandbox.control.settle_dispute(opened, status="lost")
    told()
    said = words_of(as_user(wes).page(take_back))
    assert "Nothing can go back just now" in said and "$2,100" in said and "Stripe refunds no more of it" in said
    payment = f"/fundings/{db.session.scalars(select(Funding.id)).one()}"
    assert "Stripe refunds no more of it" in words_of(as_user(wes).page(payment))
    stripe_sandbox.control.settle_dispute(opened, status="lost", refundable=True)
    told()
    assert "Goes back to you $2,100" in words_of(as_user(wes).page(take_back))
    assert "Left of it $2,100 goes back" in words_of(as_user(wes).page(payment))


def test_a_payment_for_no_bounty_is_followed_by_payments_alone(app, stripe_sandbox, wes, told):
    funding = pay_in(stripe_sandbox, wes, usd(100), "something_else")
    stripe_sandbox.control.open_dispute(funding.charge_id)
    told()
    do(note_bad_day, the_chargeback().id)
    do(note_bad_day, "nobody")
    assert holds(K.FUNDS, "something_else") == 0
