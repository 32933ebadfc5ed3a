"""Who gets what a lead earned: agreed splits, and the buyer's share as money, for the cause, or declined."""
import pytest

from marketplace.bounties.models import For, RewardKind
from marketplace.bounties.publishing import publish_bounty
from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import Forbidden
from marketplace.foundation.money import Money
from marketplace.foundation.states import IllegalMove
from marketplace.identity.models import User
from marketplace.identity.permissions import EmailUnconfirmed
from marketplace.payments.ledger_checks import check_ledger
from marketplace.payments.models import AccountKind, Payable, Transfer
from marketplace.referrals.buyers_share import (
    NoCause,
    NotYourShare,
    PaidAlready,
    ShareNotOpen,
    decline_share,
    end_choice,
    give_to_cause,
    reopen_choice,
    take_as_money,
)
from marketplace.referrals.clawbacks import refund_sale
from marketplace.referrals.in_kind import end_kind, fulfil_thing, offer_thing
from marketplace.referrals.models import (
    Buyer,
    Choice,
    KindState,
    Lead,
    Reward,
    RewardInKind,
    RewardState,
    Split,
    SplitState,
    Suppression,
    Thing,
)
from marketplace.referrals.pointing import SelfReferral
from marketplace.referrals.reward_letters import LETTERS
from marketplace.referrals.rewards import freeze_reward, release_reward, unfreeze_reward
from marketplace.referrals.sharing import (
    MOST_A_DAY,
    BadSplit,
    NotAsked,
    SplitFixed,
    answer_split,
    divide,
    get_split,
    propose_split,
    withdraw_split,
)
from marketplace.referrals.suppression import hash_email, suppress
from tests.browsing import end_reading, what, words_of
from tests.factories import accept, consent, make_bounty, make_member, make_user, owner_of, win
from tests.payments.money_steps import make_ready, pay_in
from tests.referrals.steps import actions_on, again, do, holds, point

WON = {"kind": RewardKind.FLAT, "amount_minor": 100_000}
BUYERS = {"kind": RewardKind.FLAT, "amount_minor": 5_000, "whom": For.BUYER}


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


class TestSplit:
    @pytest.fixture
    def lead(self, bounty, ana, keep_lead):
        return keep_lead("pointed out", lambda: point(bounty, ana))

    @pytest.fixture
    def tom(self):
        return make_user("Tom Berg")

    @pytest.fixture
    def eva(self):
        return make_user("Eva Roth")

    def propose(self, lead, own, *others, by=None):
        return do(propose_split, again(lead), by=by or lead.referrer, own_bps=own, others=[
            (person if isinstance(person, str) else person.email, bps) for person, bps in others])

    def answer(self, split, by, agrees=True):
        end_reading()
        do(answer_split, db.session.get_one(Split, split.id), by=by, agrees=agrees)

    def sold(self, lead, mona, amount=usd(3_000_000)):
        win(again(consent(accept(again(lead), by=mona))), amount=amount)
        end_reading()
        return {r.beneficiary_id: (r.amount_minor, r.fee_minor) for r in db.session.query(Reward)}

    def test_that_all_agreed_to_is_paid_so_and_odd_cents_are_the_referrers(self, westside, ana, tom, eva, mona):
        lead = point(make_bounty(westside, is_live=True, rules=[{"kind": RewardKind.FLAT, "amount_minor": 10_001}]), ana)
        split = self.propose(lead, 3_334, (tom, 3_333), (eva, 3_333))
        self.answer(split, tom)
        self.answer(split, eva)
        assert the(Split).state is SplitState.AGREED
        found = self.sold(lead, mona)
        assert found == {ana.id: (3_335, 168), tom.id: (3_333, 166), eva.id: (3_333, 166)}
        assert sum(amount for amount, _ in found.values()) == 10_001
        assert sum(fee for _, fee in found.values()) == 500

    def test_that_somebody_has_not_answered_leaves_all_to_the_referrer(self, lead, ana, tom, eva, mona):
        split = self.propose(lead, 5_000, (tom, 2_500), (eva, 2_500))
        self.answer(split, tom)
        assert self.sold(lead, mona) == {ana.id: (100_000, 5_000)}

    def test_leaves_who_agreed_and_became_an_admin_out_of_the_decision(self, lead, tom, mona):
        split = self.propose(lead, 5_000, (tom, 5_000))
        self.answer(split, tom)
        with transaction():
            db.session.get_one(User, tom.id).is_admin = True
        with pytest.raises(Forbidden):
            accept(again(lead), by=tom)
        accept(again(lead), by=mona)

    def test_that_somebody_declines_ends_and_another_may_be_proposed(self, lead, ana, tom, eva, mona, work, mailbox):
        split = self.propose(lead, 5_000, (tom, 2_500), (eva, 2_500))
        self.answer(split, tom, agrees=False)
        assert the(Split).state is SplitState.DECLINED
        work()
        assert "said no" in str(mailbox.last_to(ana.email)["Subject"])
        with pytest.raises(SplitFixed):
            self.answer(split, eva)
        second = self.propose(lead, 5_000, (eva, 5_000))
        self.answer(second, eva)
        assert self.sold(lead, mona) == {ana.id: (50_000, 2_500), eva.id: (50_000, 2_500)}

    def test_replaces_an_earlier_one_until_it_is_agreed(self, lead, tom, eva):
        first = self.propose(lead, 5_000, (tom, 5_000))
        second = self.propose(lead, 4_000, (tom, 6_000))
        with pytest.raises(SplitFixed):
            self.answer(first, tom)
        self.answer(second, tom)
        with pytest.raises(SplitFixed):
            self.propose(lead, 9_000, (tom, 1_000))
        with pytest.raises(IllegalMove):
            do(withdraw_split, db.session.get_one(Split, second.id), by=lead.referrer)

    def test_may_be_taken_back_before_all_agreed(self, lead, ana, tom, mona):
        split = self.propose(lead, 5_000, (tom, 5_000))
        with pytest.raises(Forbidden):
            do(withdraw_split, db.session.get_one(Split, split.id), by=tom)
        do(withdraw_split, db.session.get_one(Split, split.id), by=ana)
        assert self.sold(lead, mona) == {ana.id: (100_000, 5_000)}

    def test_comes_too_late_once_the_lead_is_decided(self, lead, tom, mona):
        accept(again(lead), by=mona)
        with pytest.raises(SplitFixed) as refused:
            self.propose(lead, 5_000, (tom, 5_000))
        assert refused.value.next_step

    @pytest.mark.parametrize(("own", "others"), [
        (5_000, [("tom@example.com", 4_999)]), (5_000, [("tom@example.com", 5_001)]), (10_000, []),
        (10_000, [("tom@example.com", 0)]), (-1, [("tom@example.com", 10_001)]),
        (0, [("tom@example.com", 5_000), ("Tom@example.com", 5_000)]),
        (4_000, [(f"tom{number}@example.com", 1_000) for number in range(6)])])
    def test_that_does_not_add_up_is_refused(self, lead, own, others):
        with pytest.raises(BadSplit):
            self.propose(lead, own, *others)
        assert db.session.query(Split).count() == 0

    def test_names_neither_the_referrer_nor_the_buyer(self, bounty, ana):
        lead = point(bounty, ana, buyer_email="david@example.com")
        for address in (ana.email, "david@example.com"):
            with pytest.raises(BadSplit):
                self.propose(lead, 5_000, (address, 5_000))

    def test_is_proposed_by_the_referrer_alone(self, lead, tom, mona):
        for person in (tom, mona):
            with pytest.raises(Forbidden):
                self.propose(lead, 5_000, (tom, 5_000), by=person)

    def test_is_seen_and_answered_by_whom_it_names_alone(self, lead, ana, tom, eva, mona):
        split = self.propose(lead, 5_000, (tom, 5_000))
        assert get_split(split.id, seen_by=tom).id == get_split(split.id, seen_by=ana).id == split.id
        for person in (eva, mona, make_user("Tim Berg", email=tom.email.replace("@", "+tim@"), is_confirmed=False)):
            with pytest.raises(NotAsked):
                get_split(split.id, seen_by=person)
        for person in (eva, mona):
            with pytest.raises(NotAsked):
                self.answer(split, person)
        with pytest.raises(EmailUnconfirmed):
            self.answer(split, make_user("New", is_confirmed=False))

    def test_is_not_for_the_businesss_own_people(self, lead, westside):
        member = make_member(westside)
        split = self.propose(lead, 5_000, (member, 5_000))
        with pytest.raises(SelfReferral):
            self.answer(split, member)
        self.answer(split, member, agrees=False)

    def test_is_not_for_the_buyer_whatever_was_known_of_them_when_it_was_proposed(self, lead, ana, mona):
        david = make_user("David", email="david@example.com")
        split = self.propose(lead, 0, (david, 10_000))
        end_reading()
        buyer = db.session.get_one(Buyer, lead.buyer_id)
        with transaction():
            db.session.get_one(Buyer, buyer.id).email_hash = hash_email(david.email)
        with pytest.raises(SelfReferral):
            self.answer(split, david)

    def test_is_not_for_whom_the_law_of_their_place_forbids_it_nor_the_referrer_by_another_address(self, lead, ana):
        cal, eva = make_user("Cal Ray", jurisdiction="US-CA"), "eva@elsewhere.example"
        split = self.propose(lead, 4_000, (cal, 3_000), (eva, 3_000))
        with pytest.raises(SelfReferral, match="California"):
            self.answer(split, cal)
        with transaction():
            db.session.get_one(User, ana.id).email = eva
        with pytest.raises(SelfReferral):
            self.answer(split, ana)

    def test_is_not_for_those_who_moderate(self, lead, mona):
        split = self.propose(lead, 5_000, (mona, 5_000))
        with pytest.raises(SelfReferral):
            self.answer(split, mona)

    def test_writes_to_no_more_people_a_day_and_never_to_those_who_said_never(self, lead, tom, work, mailbox):
        with transaction():
            db.session.add(Suppression(hash=hash_email(tom.email)))
        for _ in range(MOST_A_DAY):
            self.propose(lead, 5_000, (tom, 5_000))
        with pytest.raises(SplitFixed):
            self.propose(lead, 5_000, (tom, 5_000))
        work()
        assert mailbox.to(tom.email) == []

    def test_asks_by_mail_with_the_way_to_answer(self, lead, tom, work, mailbox):
        split = self.propose(lead, 5_000, (tom, 5_000))
        work()
        assert mailbox.link_to(tom.email, "/splits/").endswith(split.id)

    def test_may_give_everything_away(self, lead, tom, eva, mona):
        split = self.propose(lead, 0, (tom, 3_333), (eva, 6_667))
        self.answer(split, tom)
        self.answer(split, eva)
        parts = divide(again(lead), usd(100), usd(5))
        assert [(amount.minor, fee.minor) for _, amount, fee in parts] == [(1, 1), (33, 1), (66, 3)]

    def test_given_away_to_the_last_unit_leaves_the_fees_odd_unit_with_the_first(self, lead, tom, eva):
        split = self.propose(lead, 0, (tom, 5_000), (eva, 5_000))
        self.answer(split, tom)
        self.answer(split, eva)
        assert divide(again(lead), usd(100), usd(5)) == [(tom.id, usd(50), usd(3)), (eva.id, usd(50), usd(2))]

    def test_is_taken_back_from_everybody_alike(self, lead, ana, tom, mona, wes):
        split = self.propose(lead, 7_500, (tom, 2_500))
        self.answer(split, tom)
        self.sold(lead, mona)
        do(refund_sale, again(lead), by=wes, amount=usd(1_000_000), refund_number="R-1")
        end_reading()
        assert {r.beneficiary_id: r.net.minor for r in db.session.query(Reward)} == {ana.id: 50_000, tom.id: 16_667}


class TestBuyersShare:
    @pytest.fixture
    def lead(self, westside, ana, mona, keep_lead):
        def build():
            bounty = make_bounty(westside, is_live=True, rules=[WON, BUYERS], cause="the animal shelter")
            lead = consent(accept(point(bounty, ana), by=mona))
            win(lead)
            return lead
        return keep_lead("won", build)

    @pytest.fixture
    def david(self):
        return make_user("David Brandt", email="david@example.com")

    def share(self):
        end_reading()
        return db.session.query(Reward).filter_by(whom=For.BUYER).populate_existing().one()

    def donation(self):
        return the(RewardInKind)

    def test_is_held_beside_the_reward_and_waits_for_a_choice(self, lead, work, later, mailbox):
        work()
        share = self.share()
        assert (share.beneficiary_id, share.choice, holds(AccountKind.HELD, share.id)) == (None, None, 5_250)
        assert mailbox.link_to("david@example.com", "/buyer/buyer-mail/")
        later(days=31)
        work()
        assert (self.share().state, holds(AccountKind.HELD, share.id)) == (RewardState.PENDING, 5_250)
        assert "waits for your choice" in str(mailbox.last_to("david@example.com")["Subject"])

    def test_as_money_goes_the_way_of_every_reward(self, lead, david, work, later):
        do(take_as_money, self.share(), by=david)
        later(days=31)
        work()
        share = self.share()
        assert (share.state, share.beneficiary_id) == (RewardState.PAYABLE, david.id)
        assert db.session.get_one(Payable, share.id).payee_id == david.id
        assert holds(AccountKind.PLATFORM_FEES, "platform") == 5_250

    def test_may_be_taken_as_money_after_the_release_too(self, lead, david, work, later):
        later(days=60)
        work()
        do(take_as_money, self.share(), by=david)
        work()
        assert self.share().state is RewardState.PAYABLE

    def test_is_nobody_elses(self, lead, ana, wes, mona):
        for person in (ana, wes, mona, make_user("David", email="david2@example.com"),
                       make_user("D", email="da.vid@example.com", is_confirmed=False)):
            with pytest.raises(NotYourShare):
                do(take_as_money, self.share(), by=person)

    def test_declined_goes_back_to_the_funds_with_its_fee(self, lead, david, wes, as_user):
        before = holds(AccountKind.FUNDS, lead.bounty_id)
        do(decline_share, self.share())
        share = self.share()
        assert (share.state, share.choice) == (RewardState.VOIDED, Choice.DECLINED)
        assert holds(AccountKind.FUNDS, lead.bounty_id) - before == 5_250
        assert "Our fee, given back $2.50 Returned to the bounty’s funds $52.50" in words_of(as_user(wes).page(f"/leads/{lead.id}"))
        for again_ in (decline_share, give_to_cause):
            with pytest.raises(ShareNotOpen):
                do(again_, self.share())
        with pytest.raises(ShareNotOpen):
            do(take_as_money, self.share(), by=david)

    def test_without_a_choice_is_declined_after_ninety_days_with_notice(self, lead, work, later, mailbox):
        later(days=31)
        work()
        later(days=89)
        work()
        assert self.share().state is RewardState.PENDING
        later(days=2)
        work()
        assert (self.share().state, self.share().choice) == (RewardState.VOIDED, Choice.DECLINED)
        assert "went back" in str(mailbox.last_to("david@example.com")["Subject"])
        subjects = [what(mail) for mail in mailbox.to("david@example.com")]
        assert subjects.count("Your share waits for your choice") == 2  # Once, and one reminder.

    def test_for_the_cause_frees_the_money_once_the_business_gave(self, lead, wes, work, later):
        do(give_to_cause, self.share())
        assert db.session.query(RewardInKind).count() == 0  # The sale may still be given back.
        later(days=31)
        work()
        owed = self.donation()
        assert (owed.thing, owed.words, owed.state) == (Thing.DONATION, "the animal shelter", KindState.OWED)
        before = holds(AccountKind.FUNDS, lead.bounty_id)
        do(fulfil_thing, owed, by=wes, receipt="https://shelter.example/receipts/7")
        assert (self.share().state, self.donation().state) == (RewardState.VOIDED, KindState.FULFILLED)
        assert "animal shelter" in str(self.share().void_reason)
        assert holds(AccountKind.FUNDS, lead.bounty_id) - before == 5_250

    def test_for_the_cause_is_said_by_those_who_handle_money_for_it_frees_some(self, lead, wes, work, later, as_user):
        agent = make_member(lead.business)
        do(give_to_cause, self.share())
        later(days=31)
        work()
        with pytest.raises(Forbidden):
            do(fulfil_thing, self.donation(), by=agent, receipt="https://shelter.example/receipts/7")
        assert "We gave it" not in words_of(as_user(agent).page(f"/leads/{lead.id}"))
        assert "We gave it" in words_of(as_user(wes).page(f"/leads/{lead.id}"))
        assert (self.share().state, self.donation().state) == (RewardState.PENDING, KindState.OWED)

    def test_not_given_in_time_is_the_buyers_choice_anew(self, lead, david, work, later):
        later(days=31)
        work()
        do(give_to_cause, self.share())
        later(days=91)
        work()
        assert (self.donation().state, self.share().choice) == (KindState.EXPIRED, None)
        assert holds(AccountKind.HELD, self.share().id) == 5_250
        do(take_as_money, self.share(), by=david)
        work()
        assert self.share().state is RewardState.PAYABLE

    def test_for_the_cause_is_given_and_not_offered(self, lead, wes, work, later):
        do(give_to_cause, self.share())
        later(days=31)
        work()
        with pytest.raises(Exception, match="given, not offered"):
            do(offer_thing, self.donation(), by=wes, offer="Soon.")

    def test_needs_a_named_cause(self, westside, ana, mona):
        win(consent(accept(point(make_bounty(westside, is_live=True, rules=[WON, BUYERS]), ana), by=mona)))
        with pytest.raises(NoCause):
            do(give_to_cause, self.share())

    def test_is_taken_back_with_the_sale(self, lead, wes, work, later):
        do(give_to_cause, self.share())
        do(refund_sale, again(lead), by=wes, amount=usd(1_000_000), refund_number="R-1")
        assert self.share().net == usd(3_334)
        later(days=31)
        work()
        do(refund_sale, again(lead), by=wes, amount=usd(2_000_000), refund_number="R-2")
        assert (self.share().state, self.donation().state) == (RewardState.VOIDED, KindState.EXPIRED)
        assert holds(AccountKind.HELD, self.share().id) == 0

    def test_on_hold_waits_for_the_admin(self, lead, mona, work, later):
        do(freeze_reward, self.share(), by=mona, reason="A report came in.")
        with pytest.raises(ShareNotOpen):
            do(decline_share, self.share())

    def test_is_asked_about_once_and_an_admins_look_does_not_use_up_the_ninety_days(self, lead, mona, work, later,
                                                                                    mailbox):
        later(days=31)
        work()
        do(end_choice, self.share().id)  # Before its day.
        do(freeze_reward, self.share(), by=mona, reason="A report came in.")
        later(days=91)
        work()
        assert (self.share().state, self.share().choice) == (RewardState.ON_HOLD, None)
        do(unfreeze_reward, self.share(), by=mona)
        work()
        subjects = [what(mail) for mail in mailbox.to("david@example.com")]
        assert subjects.count("Your share waits for your choice") == 1
        later(days=1, minutes=1)
        work()
        assert (self.share().state, self.share().choice) == (RewardState.VOIDED, Choice.DECLINED)

    def test_given_to_the_cause_is_owed_once_and_waits_for_an_admins_look_too(self, lead, mona, wes, work, later):
        do(give_to_cause, self.share())
        later(days=31)
        work()
        do(end_kind, self.donation().id)  # Before its day.
        do(freeze_reward, self.share(), by=mona, reason="A report came in.")
        with pytest.raises(ShareNotOpen):
            do(fulfil_thing, self.donation(), by=wes, receipt="https://shelter.example/receipts/7")
        do(unfreeze_reward, self.share(), by=mona)
        work()
        assert self.donation().state is KindState.OWED
        do(fulfil_thing, self.donation(), by=wes, receipt="https://shelter.example/receipts/7")
        do(reopen_choice, self.donation())  # Too late: it was given.
        assert (self.share().state, self.share().choice) == (RewardState.VOIDED, Choice.DONATION)

    def test_is_told_of_no_more_once_they_have_chosen_or_said_never(self, lead, david, later):
        later(days=31)
        share = self.share()
        do(release_reward, share.id)
        (mail,) = LETTERS["buyer_share_waiting"](reward_id=share.id)
        assert mail.to == "david@example.com" and "$50 from Westside Auto is ready" in mail.text
        do(take_as_money, self.share(), by=david)
        assert LETTERS["buyer_share_waiting"](reward_id=share.id) == []
        assert len(LETTERS["buyer_share_earned"](reward_id=share.id)) == 1
        do(suppress, hash_email("david@example.com"))
        assert LETTERS["buyer_share_earned"](reward_id=share.id) == []

    def test_is_not_for_the_businesss_own_people(self, westside, ana, mona):
        worker = make_member(westside, name="Mo Reyes")
        bounty = make_bounty(westside, is_live=True, rules=[WON, BUYERS])
        win(consent(accept(point(bounty, ana), by=mona), email=worker.email))
        with pytest.raises(SelfReferral):
            do(take_as_money, self.share(), by=worker)

    def test_is_not_paid_to_one_who_has_a_part_of_the_reward(self, westside, ana, mona, david):
        lead = point(make_bounty(westside, is_live=True, rules=[WON, BUYERS]), ana)
        split = do(propose_split, lead, by=ana, own_bps=5_000, others=[(david.email, 5_000)])
        do(answer_split, db.session.get_one(Split, split.id), by=david, agrees=True)
        with pytest.raises(SelfReferral):
            consent(accept(again(lead), by=mona), email=david.email)
        # A yes from before that was refused: the database would not take two rewards of one person either.
        win(consent(again(lead), email="david.at.work@example.com"))
        end_reading()
        with transaction():
            sold = db.session.get_one(Lead, lead.id)
            sold.buyer_hash = db.session.get_one(Buyer, sold.buyer_id).email_hash = hash_email(david.email)
        with pytest.raises(PaidAlready):
            do(take_as_money, self.share(), by=david)

    def test_is_in_the_story_of_everybody(self, lead):
        do(decline_share, self.share())
        assert "share.declined" in actions_on(self.share().id)
        assert owner_of(lead.business)


class TestTransfers:
    """With Stripe's sandbox: each beneficiary is paid to their own account, and gives back their own part."""

    @pytest.fixture
    def paid(self, app, sandbox, westside, wes, ana, mona, work, later, keep):
        def build():
            tom, david = make_user("Tom Berg"), make_user("David Brandt", email="david@example.com")
            bounty = make_bounty(westside, rules=[WON, BUYERS])
            pay_in(sandbox, wes, usd(240_000), purpose=bounty.id)
            do(publish_bounty, bounty, by=wes)
            for person in (ana, tom, david):
                make_ready(sandbox, person)
            lead = point(bounty, ana)
            split = do(propose_split, lead, by=ana, own_bps=7_500, others=[(tom.email, 2_500)])
            do(answer_split, db.session.get_one(Split, split.id), by=tom, agrees=True)
            win(again(consent(accept(again(lead), by=mona))))
            end_reading()
            do(take_as_money, db.session.query(Reward).filter_by(whom=For.BUYER).one(), by=david)
            later(days=31)
            work()
            return lead.id, {ana.id: 75_000, tom.id: 25_000, david.id: 5_000}

        before = app.extensions["gateway"]
        app.extensions["gateway"] = sandbox.gateway()
        lead_id, wanted = keep("paid to everybody of a split, and to the buyer", build)
        end_reading()
        yield db.session.get_one(Lead, lead_id), wanted
        app.extensions["gateway"] = before

    def test_go_to_everybody_of_a_split_and_to_the_buyer(self, paid):
        _, wanted = paid
        end_reading()
        rewards = db.session.query(Reward).all()
        assert {r.beneficiary_id: r.amount_minor for r in rewards} == wanted
        assert {r.state for r in rewards} == {RewardState.PAID}
        assert {t.payee_id: t.amount_minor for t in db.session.query(Transfer)} == wanted
        assert holds(AccountKind.PLATFORM_FEES, "platform") == 5_250

    def test_are_taken_back_from_everybody_when_the_sale_is_refunded(self, paid, wes, work):
        lead, wanted = paid
        do(refund_sale, lead, by=wes, amount=usd(1_000_000), refund_number="R-1")
        work()
        end_reading()
        back = {t.payee_id: t.reversed_minor for t in db.session.query(Transfer)}
        assert back == {payee: amount // 3 for payee, amount in wanted.items()}
