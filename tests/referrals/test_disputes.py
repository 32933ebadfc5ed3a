"""Disputes through their verbs and jobs: who may claim what, the clocks, the freeze, what each end posts."""
from datetime import date, timedelta
from urllib.parse import urlsplit

import pytest
from lxml import html
from sqlalchemy import delete, select, text
from sqlalchemy.exc import DatabaseError

from marketplace.bounties.models import Happening, NonCash, RewardKind
from marketplace.foundation import clock as product_clock
from marketplace.foundation.crypto import sign
from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import Forbidden, Invalid
from marketplace.foundation.money import Money
from marketplace.foundation.show import day_in_words
from marketplace.foundation.states import IllegalMove
from marketplace.identity.models import MemberRole, Membership
from marketplace.payments.disputes.freezing import cover
from marketplace.payments.ledger_checks import check_ledger
from marketplace.payments.models import AccountKind, Payable, TransferStop
from marketplace.payments.money_in import funds
from marketplace.payments.money_out import stops
from marketplace.referrals.asking import MAILED as BUYERS_MAIL
from marketplace.referrals.asking import buyer_link
from marketplace.referrals.audience import Audience
from marketplace.referrals.clawbacks import preview_clawback, refund_sale
from marketplace.referrals.consent import withdraw_consent
from marketplace.referrals.desk.deciders import SecondAdminNeeded
from marketplace.referrals.disputes.answering import (
    DisputeOver,
    accept_claim,
    add_statement,
    contest_claim,
    escalate,
    hand_to_admin,
    withdraw_claim,
)
from marketplace.referrals.disputes.letters import LETTERS
from marketplace.referrals.disputes.opening import AlreadyDisputed, open_dispute
from marketplace.referrals.disputes.permissions import may_rule
from marketplace.referrals.disputes.queries import record_in_disputes
from marketplace.referrals.disputes.remedies import CountedElsewhere, MayNotHaveIt
from marketplace.referrals.disputes.ruling import NotForAdmin, rule, take_up_dispute
from marketplace.referrals.disputes.subjects import Claim, NotDisputable, TooLate, kinds_for
from marketplace.referrals.disputes.witness import (
    MAILED,
    PASSED_ON,
    NotFromMail,
    WitnessOver,
    answer_as_witness,
    correct_answer,
    witness_link,
)
from marketplace.referrals.disputes.words import next_in_words
from marketplace.referrals.figures import earnings_of
from marketplace.referrals.in_kind import fulfil_thing, things_of_lead
from marketplace.referrals.models import (
    Consent,
    ConversionKind,
    ConversionState,
    Dispute,
    DisputeKind,
    DisputeState,
    Ending,
    KindState,
    Moderation,
    RewardState,
    SplitState,
    Stage,
    Suppression,
    WitnessSaid,
)
from marketplace.referrals.next_step import next_step
from marketplace.referrals.passing_on import DecidedFirst
from marketplace.referrals.queries import conversions_of, rewards_of_lead
from marketplace.referrals.reward_letters import reward_earned
from marketplace.referrals.reward_words import reward_next
from marketplace.referrals.sharing import SplitFixed, answer_split, find_split, offer_share, propose_split
from marketplace.referrals.stages import change_stage, win_lead
from marketplace.referrals.suppression import hash_email
from marketplace.referrals.timeline import tell_story
from tests.browsing import body_of, end_reading, what, words_of
from tests.factories import PERCENT, accept, consent, flat, fund_bounty, make_bounty, make_user, win
from tests.referrals.steps import actions_on, again, do, holds, point

TEXT = "He told me that he drives the new car now."
SALE = Money(3_000_000, "usd")
K, D = DisputeKind, DisputeState
FOR_CLAIMANT = {"outcome": D.RESOLVED_FOR_CLAIMANT, "reason": "The order shows it."}
FOR_RESPONDENT = {"outcome": D.RESOLVED_FOR_RESPONDENT, "reason": "Nothing shows that they bought."}


def usd(whole):
    return Money(whole * 100, "usd")


def fresh(dispute):
    end_reading()
    return db.session.get_one(Dispute, dispute.id, populate_existing=True)


def today():
    return product_clock.now().date()


def opened(lead, by, kind=K.GHOST_CLOSE, amount=SALE, **more):
    return do(open_dispute, again(lead), kind, by=by, text=TEXT, claim=Claim(today(), amount, **more))


def contested(dispute, by, ana):
    do(contest_claim, fresh(dispute), by=by, text="That is not how it was.")
    do(escalate, fresh(dispute), by=ana)
    return fresh(dispute)


def talks(bounty, ana, mona, email="david@example.com"):
    return consent(accept(point(bounty, ana), by=mona), email=email)


def closed(lead, wes, stage=Stage.LOST):
    do(change_stage, again(lead), stage, by=wes, reason="Nothing came of it.")
    return again(lead)


@pytest.fixture
def lost(bounty, ana, wes, mona, keep_lead):
    """Introduced, and the business says that nothing came of it."""
    return keep_lead("lost", lambda: closed(talks(bounty, ana, mona), wes))


@pytest.fixture
def sold(bounty, ana, wes, mona, keep_lead):
    """$1,000 for Ana, held."""
    def build():
        lead = talks(bounty, ana, mona, email="rose@example.com")
        win(lead, by=wes)
        return lead
    return keep_lead("sold", build)


class TestOpening:
    def test_sets_aside_what_would_be_earned_and_no_more(self, lost, bounty, ana):
        free = holds(AccountKind.FUNDS, bounty.id)
        dispute = opened(lost, ana)
        assert (dispute.state, dispute.at_issue) == (D.AWAITING_RESPONSE, usd(1000))
        assert holds(AccountKind.RESERVED, lost.id) == 105_000 == free - holds(AccountKind.FUNDS, bounty.id)

    @pytest.mark.once
    def test_each_kind_is_for_its_side(self, lost, sold, ana, wes, mona):
        stranger = make_user("Tom Berg")
        for by, lead, kind in ((wes, lost, K.GHOST_CLOSE), (stranger, lost, K.GHOST_CLOSE), (ana, sold, K.BAD_LEAD),
                               (ana, lost, K.DATA_MISUSE), (None, lost, K.GHOST_CLOSE), (mona, lost, K.GHOST_CLOSE)):
            with pytest.raises(Forbidden):
                opened(lead, by, kind)

    @pytest.mark.once
    def test_only_what_can_be_claimed_as_it_stands(self, lost, sold, ana):
        for lead, kind in ((lost, K.UNTRACKED), (lost, K.WRONG_AMOUNT), (lost, K.REJECTED_UNFAIRLY), (sold, K.GHOST_CLOSE),
                           (lost, K.DUPLICATE_OWNERSHIP), (sold, K.NON_PAYMENT), (sold, K.FAVOUR_NOT_KEPT)):
            with pytest.raises(NotDisputable) as refused:
                opened(lead, ana, kind)
            assert refused.value.next_step
        for claim in (Claim(today()), Claim(today(), Money(1, "eur")), Claim(None, SALE), Claim(date.max, SALE),
                      Claim(date.min, SALE), Claim(today(), Money(0, "usd"))):
            with pytest.raises(Invalid):
                do(open_dispute, again(lost), K.GHOST_CLOSE, by=ana, text=TEXT, claim=claim)

    def test_once_and_within_thirty_days(self, lost, ana, clock):
        dispute = opened(lost, ana)
        with pytest.raises(AlreadyDisputed):
            opened(lost, ana)
        do(withdraw_claim, fresh(dispute), by=ana)
        day = today()
        clock.move(days=31)
        with pytest.raises(TooLate):
            do(open_dispute, again(lost), K.GHOST_CLOSE, by=ana, text=TEXT, claim=Claim(day, SALE))

    def test_who_lost_more_than_three_waits_for_an_admin(self, lost, bounty, ana, wes, mona, work, mailbox):
        for number in range(4):
            lead = closed(talks(bounty, ana, mona, email=f"buyer{number}@example.com"), wes)
            do(rule, contested(opened(lead, ana), wes, ana), by=mona, **FOR_RESPONDENT)
        fifth = opened(lost, ana)
        work()
        assert fifth.state is D.OPEN and holds(AccountKind.RESERVED, lost.id) == 0
        assert "lost more than three" in body_of(mailbox.last_to(mona.email))
        with pytest.raises(IllegalMove):
            do(contest_claim, fresh(fifth), by=wes, text="That is not how it was.")
        do(take_up_dispute, fresh(fifth), by=mona)
        assert fresh(fifth).state is D.AWAITING_RESPONSE and holds(AccountKind.RESERVED, lost.id) == 105_000
        assert record_in_disputes(user_id=ana.id).lost == 4 and record_in_disputes(business_id=bounty.business_id).lost == 0


    def test_what_was_ruled_on_waits_for_an_admin_when_it_is_claimed_again(self, lost, ana, wes, mona, work, clock):
        """Else the loser claims it again until the other side is silent once."""
        first = contested(opened(lost, ana), wes, ana)
        assert next_in_words(first, is_ruler=True).startswith(f"Decide by {day_in_words(first.due_at)}.")
        assert next_in_words(first).startswith(f"An admin decides, by {day_in_words(first.due_at)}.")
        do(rule, first, by=mona, **FOR_RESPONDENT)
        assert next_in_words(fresh(first)) == (
            "It is over: an admin decided for the business. The $1,050 set aside for it is free again.")
        second = opened(lost, ana)
        work()
        assert second.state is D.OPEN and holds(AccountKind.RESERVED, lost.id) == 0
        clock.move(days=20)
        work()
        assert fresh(second).state is D.OPEN and rewards_of_lead(again(lost)) == []
        for verb in (take_up_dispute, lambda dispute, by: rule(dispute, by=by, **FOR_RESPONDENT)):
            with pytest.raises(SecondAdminNeeded):
                do(verb, fresh(second), by=mona)
        do(take_up_dispute, fresh(second), by=make_user("Omar Said", is_admin=True))
        assert fresh(second).state is D.AWAITING_RESPONSE


    @pytest.mark.once
    def test_what_is_too_late_is_not_mailed(self, lost, ana, wes, work):
        dispute = opened(lost, ana)
        early = {name: len(letter(dispute.id)) for name, letter in LETTERS.items()}
        assert early["dispute_opened"] and early["dispute_reminded"] and not early["dispute_ended"]
        assert not (early["dispute_escalated"] or early["dispute_overdue"] or early["dispute_waits"])
        do(withdraw_claim, fresh(dispute), by=ana)
        late = {name: len(letter(dispute.id)) for name, letter in LETTERS.items()}
        assert {name for name, count in late.items() if count} == {"dispute_ended"}


class TestClocks:
    def test_silence_is_for_the_claimant_after_one_reminder(self, lost, ana, wes, work, clock, mailbox):
        dispute = opened(lost, ana)
        work()
        clock.move(days=3, hours=1)  # From Monday; Thursday is the third business day.
        work()
        assert "waits for your answer" in str(mailbox.last_to(wes.email)["Subject"])
        clock.move(days=3)
        work()
        assert fresh(dispute).state is D.AWAITING_RESPONSE  # A week-end is no business day.
        clock.move(days=1)
        work()
        assert (fresh(dispute).state, fresh(dispute).ended_by) == (D.RESOLVED_FOR_CLAIMANT, Ending.SILENCE)
        assert again(lost).stage is Stage.WON and rewards_of_lead(lost)[0].amount == usd(1000)
        over = {who: next(" ".join(body_of(mail).split()) for mail in mailbox.to(who.email) if "is over" in what(mail))
                for who in (ana, wes)}
        assert all(f"It ended on {day_in_words(fresh(dispute).ended_at)}." in told for told in over.values())
        assert "You earn $1,000 by it." in over[ana] and "with our fee of $50 that is $1,050 of the" in over[wes]
        assert record_in_disputes(business_id=lost.business_id).lost == 1

    def test_what_is_contested_goes_to_an_admin_by_itself(self, lost, ana, wes, mona, work, clock, mailbox):
        dispute = opened(lost, ana)
        do(contest_claim, fresh(dispute), by=wes, text="That is not how it was.")
        clock.move(days=8)
        work()
        assert fresh(dispute).state is D.ESCALATED and "ruling" in str(mailbox.last_to(mona.email)["Subject"])
        clock.move(days=8)
        work()
        assert "due" in str(mailbox.last_to(mona.email)["Subject"])

    def test_a_sale_that_the_business_records_ends_it(self, bounty, ana, wes, mona, work):
        lead = talks(bounty, ana, mona)
        dispute = opened(lead, ana, K.UNTRACKED)
        do(win_lead, again(lead), by=wes, amount=SALE, occurred_on=today())
        work()
        assert (fresh(dispute).state, fresh(dispute).ended_by) == (D.RESOLVED_FOR_CLAIMANT, Ending.RECORDED)
        assert len(rewards_of_lead(lead)) == 1 and record_in_disputes(business_id=lead.business_id).lost == 0


class TestAnswering:
    def test_accepting_gives_all_and_is_no_loss(self, lost, ana, wes):
        dispute = opened(lost, ana)
        do(accept_claim, fresh(dispute), by=wes)
        assert fresh(dispute).state is D.RESOLVED_FOR_CLAIMANT and rewards_of_lead(lost)[0].amount == usd(1000)
        assert record_in_disputes(business_id=lost.business_id).lost == 0
        assert ["dispute.awaiting_response", "dispute.accepted", "dispute.resolved_for_claimant"] == [
            one for one in actions_on(dispute.id) if one != "dispute.open"]

    def test_taking_it_back_frees_what_was_set_aside(self, lost, bounty, ana):
        free = holds(AccountKind.FUNDS, bounty.id)
        dispute = opened(lost, ana)
        do(withdraw_claim, fresh(dispute), by=ana)
        assert (holds(AccountKind.FUNDS, bounty.id), holds(AccountKind.RESERVED, lost.id)) == (free, 0)
        with pytest.raises(DisputeOver):
            do(add_statement, fresh(dispute), by=ana, text="One thing more.")

    @pytest.mark.once
    def test_each_side_does_only_its_own_part(self, lost, ana, wes, mona):
        dispute = opened(lost, ana)
        for verb, by, said in ((accept_claim, ana, {}), (contest_claim, ana, {"text": "That is not how it was."}),
                               (escalate, wes, {}), (withdraw_claim, wes, {}), (rule, wes, FOR_CLAIMANT),
                               (rule, ana, FOR_CLAIMANT), (accept_claim, mona, {}), (add_statement, mona, {"text": "So?"})):
            with pytest.raises(Forbidden):
                do(verb, fresh(dispute), by=by, **said)
        with pytest.raises(NotForAdmin):  # It is the other side's turn.
            do(rule, fresh(dispute), by=mona, **FOR_CLAIMANT)

    def test_nothing_that_was_said_is_changed_but_it_can_be_emptied(self, lost, ana):
        dispute = opened(lost, ana)
        for change in ("UPDATE dispute_statements SET text = 'x'", "UPDATE dispute_statements SET text = NULL, side = 'buyer'",
                       "UPDATE dispute_statements SET text = NULL, said = 'bought'",
                       "DELETE FROM dispute_statements"):
            with pytest.raises(DatabaseError, match="immutable"), transaction():
                db.session.execute(text(change))
        with transaction():
            db.session.execute(text("UPDATE dispute_statements SET text = NULL, link = NULL"))
        assert fresh(dispute).statements[0].text is None


class TestRuling:
    @pytest.mark.once
    def test_needs_a_reason_no_stake_and_a_whole_split(self, lost, ana, wes, mona):
        dispute = contested(opened(lost, ana), wes, ana)
        for said in ({**FOR_CLAIMANT, "reason": "Yes."}, {"outcome": D.SPLIT, "reason": "Both are right."},
                     {"outcome": D.SPLIT, "reason": "Both are right.", "share_bps": 10_000},
                     {"outcome": D.WITHDRAWN, "reason": "Both are right."}, {**FOR_CLAIMANT, "sale": Money(5, "eur")}):
            with pytest.raises(Invalid):
                do(rule, fresh(dispute), by=mona, **said)
        assert not may_rule(wes, dispute)

    def test_a_split_gives_that_part_of_what_it_earns(self, lost, bounty, ana, wes, mona):
        before = holds(AccountKind.FUNDS, bounty.id)
        dispute = contested(opened(lost, ana), wes, ana)
        assert "You or another admin rule on it, by" in LETTERS["dispute_escalated"](dispute.id)[-1].text
        do(rule, dispute, by=mona, outcome=D.SPLIT, reason="Both have a point.", share_bps=3333)
        (reward,) = rewards_of_lead(again(lost))
        assert (fresh(dispute).state, reward.net) == (D.SPLIT, Money(33_330, "usd"))  # 66.67 % goes back, rounded down.
        assert holds(AccountKind.FUNDS, bounty.id) == before - holds(AccountKind.HELD, reward.id)
        assert holds(AccountKind.HELD, reward.id) == 33_330 + 1_667 and check_ledger() == []
        [mail] = reward_earned(reward.id)
        assert "$333.30 is yours, for the sale, from Westside Auto. It is what is left of $1,000, since a dispute was decided." in mail.text
        assert "an admin gave you 33.33% of what was at issue, that is $333.30. The sale" in next_in_words(fresh(dispute), ana.id)

    def test_what_no_funds_can_pay_the_business_owes_and_the_reward_waits(self, lost, bounty, ana, wes, mona, work, clock):
        dispute = contested(opened(lost, ana), wes, ana)
        with transaction():  # All but $50 is spent meanwhile, and what was set aside with it.
            funds.free_reservation(lost.id, bounty_id=bounty.id, currency="usd", why="a test")
            free = funds.free_funds(bounty.id, "usd")
            funds.reserve("lead_other", bounty_id=bounty.id, amount=free - Money(5_000, "usd"))
        do(rule, fresh(dispute), by=mona, **FOR_CLAIMANT)
        (reward,) = rewards_of_lead(again(lost))
        assert holds(AccountKind.OWED_BY_BUSINESS, dispute.id) == -100_000 and reward.state is RewardState.ON_HOLD
        clock.move(days=31)
        work()
        assert rewards_of_lead(again(lost))[0].state is RewardState.ON_HOLD
        fund_bounty(bounty)
        with transaction():
            cover(bounty.id, "usd")
        work()
        assert holds(AccountKind.OWED_BY_BUSINESS, dispute.id) == 0
        assert rewards_of_lead(again(lost))[0].state is RewardState.PAYABLE and check_ledger() == []


class TestBadLead:
    def reclaim(self, lead, wes, amount=None):
        return opened(lead, wes, K.BAD_LEAD, amount, about_id=rewards_of_lead(lead)[0].id)

    def test_all_of_a_held_reward_waits_and_goes_back(self, sold, bounty, ana, wes, mona, as_user):
        before, dispute = holds(AccountKind.FUNDS, bounty.id), self.reclaim(sold, wes)
        assert rewards_of_lead(again(sold))[0].state is RewardState.ON_HOLD
        said = words_of(as_user(ana).page("/rewards"))
        assert "All of the reward is frozen by the dispute" in said and "You have until" in said and "Once the dispute is over" in said
        do(accept_claim, fresh(dispute), by=ana)
        (reward,) = rewards_of_lead(again(sold))
        assert (reward.state, reward.net.minor) == (RewardState.VOIDED, 0)
        assert holds(AccountKind.FUNDS, bounty.id) == before + 105_000 and check_ledger() == []

    def test_of_a_part_only_that_part_waits(self, sold, bounty, ana, wes, mona, work, clock, as_user):
        dispute, (reward,) = self.reclaim(sold, wes, usd(300)), rewards_of_lead(sold)
        said = next_step(again(sold), Audience.REFERRER, [reward])
        assert said == (
            f"$300 of the reward is frozen by the dispute “A lead that was not what it said”. You have until "
            f"{day_in_words(dispute.due_at)} to accept it, or to say why not. Without an answer it ends for the business. "
            f"The rest waits out the return period until {day_in_words(reward.release_at)}, then it is released.")
        assert reward_next(reward, wes.id) == reward_next(reward) == said.replace("You have", "The referrer has")
        assert "it ends for you" in next_step(again(sold), Audience.BUSINESS, [reward])
        assert (earnings_of(ana)[0].held, earnings_of(ana)[0].frozen_held) == (usd(1000), usd(300))
        assert "$300 of it frozen by a dispute" in words_of(as_user(ana).page("/rewards"))
        assert "$300 of the reward is frozen" in words_of(as_user(wes).page(f"/leads/{sold.id}"))
        contested(dispute, ana, wes)
        clock.move(days=31)
        work()
        pieces = {one.amount_minor: one for one in db.session.scalars(select(Payable))}
        assert set(pieces) == {70_000, 30_000} and rewards_of_lead(again(sold))[0].state is RewardState.PAYABLE
        assert stops.why_stopped(pieces[70_000]) is None and stops.why_stopped(pieces[30_000])
        before = holds(AccountKind.FUNDS, bounty.id)
        assert reward_next(rewards_of_lead(again(sold))[0], ana.id).endswith("The rest goes out with the next transfer.")
        assert (earnings_of(ana)[0].payable, earnings_of(ana)[0].frozen_payable) == (usd(1000), usd(300))
        with pytest.raises(SecondAdminNeeded):  # Mona accepted the lead that is said to be none.
            do(rule, fresh(dispute), by=mona, **FOR_RESPONDENT)
        assert not may_rule(mona, dispute)
        listed = words_of(as_user(mona).page("/admin/disputes"))
        assert "not yours: another admin rules" in listed and "stake" not in listed
        omar = make_user("Omar Said", is_admin=True)
        do(rule, fresh(dispute), by=omar, outcome=D.SPLIT, reason="Half of it stays.", share_bps=5_000)
        assert rewards_of_lead(again(sold))[0].net == usd(850) and holds(AccountKind.FUNDS, bounty.id) == before + 15_750
        assert db.session.query(TransferStop).filter_by(lifted_at=None).count() == 0
        assert holds(AccountKind.PAYABLE, reward.id) == 70_000 and check_ledger() == []

    def test_for_the_referrer_everything_goes_on(self, sold, ana, wes, mona, work):
        dispute = contested(self.reclaim(sold, wes), ana, wes)
        do(rule, dispute, by=make_user("Omar Said", is_admin=True), **FOR_RESPONDENT)
        assert rewards_of_lead(again(sold))[0].state is RewardState.PENDING
        assert record_in_disputes(business_id=sold.business_id).lost == 1

    def test_a_refund_of_the_sale_afterwards_takes_no_more_than_is_left(self, sold, wes, ana):
        do(accept_claim, self.reclaim(sold, wes, usd(300)), by=ana)
        do(refund_sale, again(sold), by=wes, amount=SALE, refund_number="R-1")
        assert rewards_of_lead(again(sold))[0].net.minor == 0 and check_ledger() == []


class TestOtherKinds:
    def test_the_difference_of_a_wrong_amount_is_earned_and_can_be_refunded(self, westside, ana, wes, mona):
        bounty = make_bounty(westside, is_live=True, **PERCENT)
        lead = talks(bounty, ana, mona)
        win(lead, by=wes, amount=usd(10_000))
        with pytest.raises(Invalid):
            opened(lead, ana, K.WRONG_AMOUNT, usd(9_000))
        dispute = opened(lead, ana, K.WRONG_AMOUNT, usd(15_000))
        assert dispute.at_issue == usd(125)
        do(accept_claim, fresh(dispute), by=wes)
        assert [one.amount for one in rewards_of_lead(again(lead))] == [usd(250), usd(125)]
        more = conversions_of(lead)[-1]
        assert (more.kind, more.amount) == (ConversionKind.CORRECTION, usd(5_000))
        do(refund_sale, again(lead), by=wes, amount=usd(1_000), refund_number="R-1", conversion_id=more.id)
        assert rewards_of_lead(again(lead))[1].net == usd(100) and check_ledger() == []
        larger = opened(lead, ana, K.WRONG_AMOUNT, usd(40_000))
        assert larger.at_issue == usd(125)  # Up to the cap of $500, less the $375 it had earned.
        for sale in (usd(15_000), Money(9_000_000, "eur")):
            with pytest.raises(Invalid):
                do(rule, contested(larger, wes, ana) if larger.state is D.AWAITING_RESPONSE else fresh(larger), by=mona,
                   **FOR_CLAIMANT, sale=sale)
            larger = fresh(larger)

    def test_a_lead_refused_unfairly_counts_as_qualified(self, westside, ana, wes, mona):
        bounty = make_bounty(westside, is_live=True, rules=[flat(20_000, happening=Happening.QUALIFIED), flat(80_000)])
        lead = closed(talks(bounty, ana, mona), wes, Stage.UNQUALIFIED)
        do(rule, contested(opened(lead, ana, K.REJECTED_UNFAIRLY), wes, ana), by=mona, **FOR_CLAIMANT)
        assert [one.amount for one in rewards_of_lead(again(lead))] == [usd(200)]
        assert again(lead).stage is Stage.UNQUALIFIED and check_ledger() == []

    def rival(self, bounty, mona, tom):
        """Pointed at the same buyer, later."""
        lead = point(bounty, tom, buyer_email="david@example.com", text="I am in the market for a car, and a roof rack.")
        assert lead.moderation is Moderation.DUPLICATE
        return lead

    def test_whose_buyer_it_is_becomes_a_split_before_anything_is_earned(self, bounty, ana, wes, mona):
        tom = make_user("Tom Berg")
        owner = accept(point(bounty, ana, buyer_email="david@example.com"), by=mona)
        dispute = contested(opened(self.rival(bounty, mona, tom), tom, K.DUPLICATE_OWNERSHIP), ana, tom)
        do(rule, dispute, by=mona, outcome=D.SPLIT, reason="Both told him.", share_bps=4_000)
        split = find_split(again(owner))
        assert (split.state, split.own_bps, split.parts[0].user_id) == (SplitState.AGREED, 6_000, tom.id)
        win(consent(again(owner)), by=wes)
        assert {one.beneficiary_id: one.amount for one in rewards_of_lead(owner)} == {ana.id: usd(600), tom.id: usd(400)}

    @pytest.mark.parametrize(("share_bps", "goes_over"), [(10_000, True), (5_000, False)])
    def test_what_is_no_money_goes_over_whole_or_stays(self, westside, ana, wes, mona, share_bps, goes_over):
        tom = make_user("Tom Berg")
        wash = {"kind": RewardKind.NON_CASH, "thing": NonCash.FAVOUR, "words": "A car wash"}
        bounty = make_bounty(westside, is_live=True, rules=[
            {**wash, "happening": Happening.QUALIFIED}, flat(100_000), wash])
        owner = accept(point(bounty, ana, buyer_email="david@example.com"), by=mona)
        rival = self.rival(bounty, mona, tom)
        do(change_stage, consent(again(owner)), Stage.QUALIFIED, by=wes)
        dispute = contested(opened(rival, tom, K.DUPLICATE_OWNERSHIP), ana, tom)
        outcome = D.RESOLVED_FOR_CLAIMANT if goes_over else D.SPLIT
        do(rule, dispute, by=mona, outcome=outcome, reason="He told him first.", share_bps=None if goes_over else share_bps)
        said = next_in_words(fresh(dispute))
        assert ("So is what is not money" if goes_over else "cannot be divided") in said
        win(again(owner), by=wes)
        assert {one.beneficiary_id for one in things_of_lead(again(owner))} == {tom.id if goes_over else ana.id}
        assert len(things_of_lead(again(owner))) == 2

    def test_whose_buyer_it_is_moves_what_is_earned_and_not_sent(self, bounty, ana, wes, mona):
        tom = make_user("Tom Berg")
        owner = accept(point(bounty, ana, buyer_email="david@example.com"), by=mona)
        rival = self.rival(bounty, mona, tom)
        win(consent(again(owner)), by=wes)
        dispute = opened(rival, tom, K.DUPLICATE_OWNERSHIP)
        assert dispute.at_issue == usd(1000) and rewards_of_lead(again(owner))[0].state is RewardState.ON_HOLD
        assert "it ends for the other referrer" in next_step(again(owner), Audience.REFERRER, rewards_of_lead(again(owner)))
        do(rule, contested(dispute, ana, tom), by=mona, outcome=D.SPLIT, reason="Both told him.", share_bps=2_500)
        assert {one.beneficiary_id: one.net for one in rewards_of_lead(again(owner))} == {ana.id: usd(750), tom.id: usd(250)}
        assert {holds(AccountKind.HELD, one.id) for one in rewards_of_lead(owner)} == {78_750, 26_250}
        assert "gave the other referrer 25% of what was at issue, that is $250. What" in next_in_words(fresh(dispute), ana.id)
        assert holds(AccountKind.RESERVED, owner.id) == 0 and check_ledger() == []

    def test_what_is_earned_while_it_is_disputed_waits_too(self, bounty, ana, wes, mona, work, clock):
        tom = make_user("Tom Berg")
        owner = accept(point(bounty, ana, buyer_email="david@example.com"), by=mona)
        dispute = opened(self.rival(bounty, mona, tom), tom, K.DUPLICATE_OWNERSHIP)
        win(consent(again(owner)), by=wes)
        assert fresh(dispute).at_issue == usd(1000) and rewards_of_lead(again(owner))[0].state is RewardState.ON_HOLD
        do(withdraw_claim, fresh(dispute), by=tom)
        assert rewards_of_lead(again(owner))[0].state is RewardState.PENDING

    def shared(self, bounty, ana, mona, eve, own_bps=5_000):
        """Ana's lead, the rest of it agreed to be Eve's."""
        lead = point(bounty, ana, buyer_email="david@example.com")
        split = do(propose_split, lead, by=ana, own_bps=own_bps, others=[(eve.email, 10_000 - own_bps)])
        do(answer_split, split, by=eve, agrees=True)
        return accept(again(lead), by=mona)

    def parts_of(self, lead):
        split = find_split(again(lead))
        return {lead.referrer_id: split.own_bps} | {part.user_id: part.share_bps for part in split.parts}

    def test_of_a_shared_reward_the_page_tells_what_was_taken_of_the_referrers_own_part(self, bounty, ana, wes, mona):
        eve = make_user("Eve Stone")
        lead = closed(consent(self.shared(bounty, ana, mona, eve, own_bps=2_000)), wes)
        do(rule, contested(opened(lead, ana), wes, ana), by=mona, outcome=D.SPLIT, reason="Both have a point.", share_bps=5_000)
        rewards = rewards_of_lead(again(lead))
        assert {one.beneficiary_id: one.net for one in rewards} == {ana.id: usd(100), eve.id: usd(400)}
        for order in (rewards, rewards[::-1]):
            assert "Taken back: $100 on 2 Nov 2026 by a dispute." in next_step(again(lead), Audience.REFERRER, order)
        do(refund_sale, again(lead), by=wes, amount=usd(3_000), refund_number="R-1")
        said = next_step(again(lead), Audience.REFERRER, rewards_of_lead(lead))
        assert said.endswith("$100 on 2 Nov 2026 by a dispute; $10 on 2 Nov 2026 for a refund of the sale.")

    def test_of_an_agreed_split_the_owners_own_part_goes_and_the_others_keep_theirs(self, bounty, ana, wes, mona, work, clock):
        tom, eve = make_user("Tom Berg"), make_user("Eve Stone")
        owner = self.shared(bounty, ana, mona, eve)
        rival = self.rival(bounty, mona, tom)
        dispute = opened(rival, tom, K.DUPLICATE_OWNERSHIP)
        do(rule, contested(dispute, ana, tom), by=mona, outcome=D.SPLIT, reason="Both told him.", share_bps=6_000)
        assert self.parts_of(owner) == {ana.id: 2_000, eve.id: 5_000, tom.id: 3_000}
        assert "split.passed_on" in actions_on(find_split(again(owner)).id)
        with pytest.raises(NotDisputable, match="You share in it already"):
            opened(rival, tom, K.DUPLICATE_OWNERSHIP)
        bob = make_user("Bob Lee")
        second = opened(self.rival(bounty, mona, bob), bob, K.DUPLICATE_OWNERSHIP)
        win(consent(again(owner)), by=wes)
        assert fresh(second).at_issue == usd(200)  # Ana's, and nobody else's.
        clock.move(days=8)
        work()  # Silence gives Bob what Ana had kept.
        assert {one.beneficiary_id: one.net for one in rewards_of_lead(again(owner)) if one.net.minor} == {
            eve.id: usd(500), tom.id: usd(300), bob.id: usd(200)}
        assert self.parts_of(owner) == {ana.id: 0, eve.id: 5_000, tom.id: 3_000, bob.id: 2_000} and check_ledger() == []
        cat = make_user("Cat Moss")
        with pytest.raises(NotDisputable, match="nothing of it was sent to them"):  # Nothing is Ana's any more.
            opened(self.rival(bounty, mona, cat), cat, K.DUPLICATE_OWNERSHIP)

    @pytest.mark.once
    def test_who_gave_all_of_it_to_others_has_nothing_to_claim_and_gives_nothing_away_in_a_dispute(self, bounty, ana, mona):
        tom, eve = make_user("Tom Berg"), make_user("Eve Stone")
        lead = point(bounty, ana, buyer_email="david@example.com")
        split = do(propose_split, lead, by=ana, own_bps=0, others=[(eve.email, 10_000)])
        rival = self.rival(bounty, mona, tom)
        dispute = opened(rival, tom, K.DUPLICATE_OWNERSHIP)
        for verb, said in ((propose_split, {"own_bps": 0, "others": [(eve.email, 10_000)]}),
                           (offer_share, {"second_id": rival.id, "own_bps": 0})):
            with pytest.raises(SplitFixed, match="not decided yet"):
                do(verb, again(lead), by=ana, **said)
        with pytest.raises(SplitFixed, match="not decided yet"):
            do(answer_split, db.session.get_one(type(split), split.id), by=eve, agrees=True)
        do(withdraw_claim, fresh(dispute), by=tom)
        do(answer_split, db.session.get_one(type(split), split.id), by=eve, agrees=True)
        with pytest.raises(NotDisputable, match="keeps nothing"):
            opened(rival, tom, K.DUPLICATE_OWNERSHIP)

    @pytest.mark.once
    def test_a_part_too_small_to_divide_stays_whose_it_is(self, bounty, ana, mona):
        tom, eve = make_user("Tom Berg"), make_user("Eve Stone")
        owner = self.shared(bounty, ana, mona, eve, own_bps=1)
        dispute = contested(opened(self.rival(bounty, mona, tom), tom, K.DUPLICATE_OWNERSHIP), ana, tom)
        do(rule, dispute, by=mona, outcome=D.SPLIT, reason="Both told him.", share_bps=5_000)
        assert self.parts_of(owner) == {ana.id: 1, eve.id: 9_999}

    @pytest.mark.once
    def test_it_goes_to_nobody_who_may_not_have_it(self, bounty, ana, wes, mona, work, clock):
        """Who has come to work there, or lives where the law forbids it."""
        tom = make_user("Tom Berg")
        owner = accept(point(bounty, ana, buyer_email="david@example.com"), by=mona)
        rival = self.rival(bounty, mona, tom)
        dispute = opened(rival, tom, K.DUPLICATE_OWNERSHIP)
        with transaction():
            job = Membership(business_id=bounty.business_id, user_id=tom.id, role=MemberRole.AGENT)
            db.session.add(job)
        with pytest.raises(MayNotHaveIt, match="works there"):
            do(accept_claim, fresh(dispute), by=ana)
        clock.move(days=8)
        work()
        assert fresh(dispute).state is D.ESCALATED and find_split(again(owner)) is None
        do(rule, fresh(dispute), by=mona, **FOR_RESPONDENT)
        with pytest.raises(NotDisputable, match="works there"):
            opened(rival, tom, K.DUPLICATE_OWNERSHIP)
        cal = make_user("Cal Ray", jurisdiction="US-CA")
        with pytest.raises(NotDisputable, match="California"):
            opened(self.rival(bounty, mona, cal), cal, K.DUPLICATE_OWNERSHIP)

    def test_it_waits_for_a_claim_of_the_business_to_the_same_reward(self, bounty, ana, wes, mona):
        """Else the two referrers agree, and the business finds nothing left to claim."""
        tom = make_user("Tom Berg")
        owner = accept(point(bounty, ana, buyer_email="david@example.com"), by=mona)
        rival = self.rival(bounty, mona, tom)
        win(consent(again(owner)), by=wes)
        bad = opened(owner, wes, K.BAD_LEAD, usd(300), about_id=rewards_of_lead(again(owner))[0].id)
        whose = opened(rival, tom, K.DUPLICATE_OWNERSHIP)
        with pytest.raises(DecidedFirst):
            do(accept_claim, fresh(whose), by=ana)
        do(accept_claim, fresh(bad), by=ana)
        do(accept_claim, fresh(whose), by=ana)
        assert {one.beneficiary_id: one.net for one in rewards_of_lead(again(owner))} == {ana.id: usd(0), tom.id: usd(700)}
        assert check_ledger() == []

    @pytest.mark.parametrize("is_whole_first", [True, False])
    def test_of_a_released_reward_each_dispute_stops_its_part_until_its_own_end(self, westside, ana, wes, mona, work, clock,
                                                                               is_whole_first):
        tom, bounty = make_user("Tom Berg"), make_bounty(westside, is_live=True, hold_days=7)
        owner = accept(point(bounty, ana, buyer_email="david@example.com"), by=mona)
        rival = self.rival(bounty, mona, tom)
        win(consent(again(owner)), by=wes)
        clock.move(days=8)
        work()
        (reward,) = rewards_of_lead(again(owner))
        claims = [lambda: opened(rival, tom, K.DUPLICATE_OWNERSHIP),
                  lambda: opened(owner, wes, K.BAD_LEAD, usd(300), about_id=reward.id)]
        made = [claim() for claim in (claims if is_whole_first else claims[::-1])]
        bad = made[1] if is_whole_first else made[0]
        do(withdraw_claim, fresh(bad), by=wes)
        pieces = db.session.scalars(select(Payable)).all()
        assert sorted(one.amount_minor for one in pieces) == [30_000, 70_000]
        assert all(stops.why_stopped(one) for one in pieces)

    def test_what_was_not_given_is_owed_again(self, westside, ana, wes, mona, clock):
        bounty = make_bounty(westside, is_live=True, rules=[
            flat(1_000), {"kind": RewardKind.NON_CASH, "thing": NonCash.FAVOUR, "words": "A car wash"}])
        lead = talks(bounty, ana, mona)
        win(lead, by=wes)
        (thing,) = things_of_lead(lead)
        with pytest.raises(NotDisputable):
            opened(lead, ana, K.FAVOUR_NOT_KEPT, None, about_id=thing.id)
        do(fulfil_thing, things_of_lead(lead)[0], by=wes, receipt="Washed on Monday")
        with pytest.raises(NotDisputable):
            opened(lead, ana, K.NON_PAYMENT, None, about_id=thing.id)
        do(accept_claim, opened(lead, ana, K.FAVOUR_NOT_KEPT, None, about_id=thing.id), by=wes)
        end_reading()
        assert things_of_lead(lead)[0].state is KindState.OWED

    def test_misused_data_is_closed_to_the_business(self, bounty, ana, wes, mona, work, mailbox):
        lead = talks(bounty, ana, mona)
        dispute = do(open_dispute, again(lead), K.DATA_MISUSE, by=None, text="They sold my number to somebody else.")
        do(contest_claim, fresh(dispute), by=wes, text="That was not us at all.")
        with transaction():
            hand_to_admin(fresh(dispute), by="system")
        do(rule, fresh(dispute), by=mona, **FOR_CLAIMANT)
        work()
        assert again(lead).consent is Consent.WITHDRAWN
        assert "The order shows it." in body_of(mailbox.last_to("david@example.com"))
        assert "You took your yes back" not in [what(mail) for mail in mailbox.to("david@example.com")], "a ruling did"


PARTS = [{"kind": RewardKind.PERCENT, "rate_bps": 250, "cap_minor": 50_000},
         {"kind": RewardKind.PERCENT, "rate_bps": 100, "cap_minor": 20_000, "happening": Happening.LATER}]


def in_parts(westside, days, **terms):
    """2.5 % of the sale, and 1 % so many days after it."""
    return make_bounty(westside, is_live=True, rules=[PARTS[0], {**PARTS[1], "after_days": days}], **terms)


class TestWhatComesLater:
    def nets(self, lead):
        return [one.net for one in rewards_of_lead(again(lead))]

    def spend_all(self, bounty):
        with transaction():
            funds.reserve("lead_other", bounty_id=bounty.id, amount=funds.free_funds(bounty.id, "usd"))

    def test_is_counted_from_the_sale_as_a_ruling_and_refunds_left_it(self, westside, ana, wes, mona, work, clock):
        lead = talks(in_parts(westside, 90), ana, mona)
        win(lead, by=wes, amount=usd(10_000))
        dispute = opened(lead, ana, K.WRONG_AMOUNT, usd(15_000))
        assert dispute.reserved == usd(125 + 50) + Money(875, "usd")  # With what the later part will earn more.
        do(accept_claim, fresh(dispute), by=wes)
        assert self.nets(lead) == [usd(250), usd(125)] and holds(AccountKind.RESERVED, lead.id) == 15_750
        more = conversions_of(lead)[-1]
        do(refund_sale, again(lead), by=wes, amount=usd(1_500), refund_number="R-1", conversion_id=more.id)
        do(refund_sale, again(lead), by=wes, amount=usd(3_000), refund_number="R-2")
        clock.move(days=91)
        work()
        assert self.nets(lead) == [usd(175), Money(8_750, "usd"), usd(105)]  # 1 % of $15,000, less 30 % given back.
        assert preview_clawback(again(lead), usd(7_000), by=wes).reward == usd(175 + 70)
        do(refund_sale, again(lead), by=wes, amount=usd(7_000), refund_number="R-3")
        assert self.nets(lead) == [usd(0), Money(8_750, "usd"), usd(35)]
        do(refund_sale, again(lead), by=wes, amount=usd(3_500), refund_number="R-4", conversion_id=more.id)
        assert self.nets(lead) == [usd(0)] * 3 and {one.state for one in conversions_of(again(lead))} == {
            ConversionState.REVERSED}
        assert holds(AccountKind.RESERVED, lead.id) == 0 and check_ledger() == []

    def test_what_had_fallen_due_before_a_ruling_earns_its_difference_by_it(self, westside, ana, wes, mona, work, clock):
        lead = talks(in_parts(westside, 10), ana, mona)
        win(lead, by=wes, amount=usd(10_000))
        clock.move(days=11)
        work()
        assert self.nets(lead) == [usd(250), usd(100)]
        dispute = opened(lead, ana, K.WRONG_AMOUNT, usd(15_000))
        assert dispute.at_issue == usd(175)
        do(accept_claim, fresh(dispute), by=wes)
        do(refund_sale, again(lead), by=wes, amount=usd(2_500), refund_number="R-1", conversion_id=conversions_of(lead)[-1].id)
        assert self.nets(lead) == [usd(250), usd(100), Money(8_750, "usd")]
        do(refund_sale, again(lead), by=wes, amount=usd(5_000), refund_number="R-2")
        assert self.nets(lead) == [usd(125), usd(50), Money(8_750, "usd")] and check_ledger() == []

    @pytest.mark.once
    def test_a_sale_that_was_given_back_stands_as_far_as_a_ruling_found_more(self, westside, ana, wes, mona, work, clock):
        lead = talks(in_parts(westside, 90), ana, mona)
        win(lead, by=wes, amount=usd(10_000))
        do(refund_sale, again(lead), by=wes, amount=usd(10_000), refund_number="R-1")
        assert holds(AccountKind.RESERVED, lead.id) == 0
        do(accept_claim, opened(lead, ana, K.WRONG_AMOUNT, usd(15_000)), by=wes)
        clock.move(days=91)
        work()
        assert self.nets(lead) == [usd(0), usd(125), usd(50)] and check_ledger() == []

    @pytest.mark.once
    def test_no_more_is_earned_in_a_month_than_its_cap(self, westside, ana, wes, mona, work, clock):
        lead = talks(in_parts(westside, 10, cap_per_month_minor=40_000), ana, mona)
        win(lead, by=wes, amount=usd(10_000))
        clock.move(days=11)
        work()
        dispute = opened(lead, ana, K.WRONG_AMOUNT, usd(15_000))
        assert dispute.at_issue == usd(50)  # Of $175, for $350 are earned in this month.
        do(accept_claim, fresh(dispute), by=wes)
        assert self.nets(lead) == [usd(250), usd(100), usd(50)] and check_ledger() == []

    def test_what_is_set_aside_for_a_dispute_stays_when_a_part_falls_due(self, westside, ana, wes, mona, work, clock):
        bounty = in_parts(westside, 10)
        lead = talks(bounty, ana, mona)
        win(lead, by=wes, amount=usd(10_000))
        dispute = contested(opened(lead, ana, K.WRONG_AMOUNT, usd(15_000)), wes, ana)
        self.spend_all(bounty)
        clock.move(days=11)
        work()
        self.spend_all(bounty)
        assert holds(AccountKind.RESERVED, lead.id) == fresh(dispute).reserved_minor == 18_375
        do(rule, fresh(dispute), by=mona, **FOR_CLAIMANT)
        assert holds(AccountKind.OWED_BY_BUSINESS, dispute.id) == 0 and sum(one.minor for one in self.nets(lead)) == 52_500
        assert holds(AccountKind.RESERVED, lead.id) == 0 and check_ledger() == []

    def test_nothing_is_released_while_the_business_owes_for_a_ruling(self, westside, ana, wes, mona, work, clock):
        bounty = in_parts(westside, 40)
        lead = closed(talks(bounty, ana, mona), wes)
        dispute = contested(opened(lead, ana, amount=usd(10_000)), wes, ana)
        with transaction():
            funds.free_reservation(lead.id, bounty_id=bounty.id, currency="usd", why="a test")
        self.spend_all(bounty)
        do(rule, fresh(dispute), by=mona, **FOR_CLAIMANT)
        assert holds(AccountKind.OWED_BY_BUSINESS, dispute.id) == -36_750
        clock.move(days=41)
        work()
        assert [one.state for one in rewards_of_lead(again(lead))] == [RewardState.ON_HOLD] * 2
        fund_bounty(bounty)
        with transaction():
            cover(bounty.id, "usd")
        work()
        assert [one.state for one in rewards_of_lead(again(lead))] == [RewardState.PAYABLE] * 2 and check_ledger() == []

    def test_a_sale_of_a_lead_called_unfit_keeps_its_money_when_the_protection_ends(self, westside, ana, wes, mona, work, clock):
        lead = closed(talks(in_parts(westside, 120), ana, mona), wes, Stage.UNQUALIFIED)
        do(rule, contested(opened(lead, ana, amount=usd(10_000)), wes, ana), by=mona, **FOR_CLAIMANT)
        clock.move(days=121)
        work()
        assert again(lead).moderation is Moderation.ACCEPTED and self.nets(lead) == [usd(250), usd(100)]


class TestOneSaleForOneBuyer:
    """David took his yes through Ana back, and said it through Tom."""

    @pytest.fixture
    def taken_back(self, bounty, ana, mona, keep_lead):
        def build():
            lead = talks(bounty, ana, mona)
            do(withdraw_consent, again(lead))
            return lead
        return keep_lead("taken back", build)

    def through_tom(self, bounty, mona):
        tom = make_user("Tom Berg")
        return consent(accept(point(bounty, tom, text="I am in the market for a car, and a roof rack."), by=mona))

    def test_no_ghost_close_is_claimed_of_the_lead_that_was_left(self, taken_back, bounty, ana, mona):
        second = self.through_tom(bounty, mona)
        lead = again(taken_back)
        assert (lead.moderation, lead.consent) == (Moderation.EXPIRED, Consent.WITHDRAWN)
        assert kinds_for(lead) == [K.DUPLICATE_OWNERSHIP] and lead.duplicate_of_id == second.id
        with pytest.raises(NotDisputable, match="another lead"):
            opened(lead, ana)

    @pytest.mark.once
    def test_nor_of_one_that_ended_where_the_sale_of_its_time_was_recorded_for_another(self, bounty, ana, wes, mona, work, clock):
        lead = talks(bounty, ana, mona)
        clock.move(days=90, hours=1)
        work()
        day = today()
        assert again(lead).moderation is Moderation.EXPIRED and kinds_for(again(lead)) == [K.GHOST_CLOSE]
        second = self.through_tom(bounty, mona)
        assert kinds_for(again(lead)) == [K.GHOST_CLOSE]
        clock.move(days=2)
        win(second, by=wes)  # Of a time that was not Ana's any more: what she says of hers can still be claimed.
        assert kinds_for(again(lead)) == [K.GHOST_CLOSE]
        with transaction():
            conversions_of(again(second))[0].occurred_on = day
        with pytest.raises(NotDisputable, match="another lead") as refused:
            do(open_dispute, again(lead), K.GHOST_CLOSE, by=ana, text=TEXT, claim=Claim(day, SALE))
        assert refused.value.next_step.endswith("say whose buyer it is.") and kinds_for(again(lead)) == [K.DUPLICATE_OWNERSHIP]

    @pytest.mark.once
    def test_a_sale_after_the_yes_was_taken_back_is_not_claimed(self, taken_back, ana, wes, clock):
        day = today()
        clock.move(days=2)
        with pytest.raises(NotDisputable, match="taken their yes back"):
            opened(taken_back, ana, K.UNTRACKED)
        do(open_dispute, again(taken_back), K.UNTRACKED, by=ana, text=TEXT, claim=Claim(day, SALE))

    def test_silence_pays_no_second_time(self, taken_back, bounty, ana, wes, mona, work, clock):
        dispute = opened(taken_back, ana, K.UNTRACKED)
        win(self.through_tom(bounty, mona), by=wes)
        clock.move(days=8)
        work()
        assert fresh(dispute).state is D.ESCALATED and rewards_of_lead(again(taken_back)) == []
        with pytest.raises(CountedElsewhere):
            do(rule, fresh(dispute), by=mona, **FOR_CLAIMANT)
        do(rule, fresh(dispute), by=mona, **FOR_RESPONDENT)


class TestWitness:
    def asked(self, lead, ana, wes):
        dispute = opened(lead, ana)
        do(contest_claim, fresh(dispute), by=wes, text="That is not how it was.")
        return fresh(dispute)

    def answer(self, dispute, said=WitnessSaid.BOUGHT, *, mailed=True, **more):
        link = witness_link(fresh(dispute), is_mailed=mailed).rsplit("/", 1)[1]
        do(answer_as_witness, fresh(dispute), said, purpose=MAILED if mailed else PASSED_ON, token=link, **more)

    def test_is_mailed_only_while_the_yes_stands(self, lost, ana, wes, work, mailbox, anonymous):
        do(withdraw_consent, again(lost))
        dispute = self.asked(lost, ana, wes)
        work()
        asked = " ".join(body_of(mailbox.last_to(ana.email)).split())
        assert dispute.witness_by_mail is False and "/witness/" in asked
        assert f"counts until it is decided: please answer by {day_in_words(dispute.due_at)}, if you can" in asked
        assert all("question" not in str(one["Subject"]) for one in mailbox.to("david@example.com"))
        theirs = urlsplit(witness_link(dispute, is_mailed=False)).path
        assert "would settle" not in asked + anonymous.get(theirs).text, "it does not show who says it"
        self.answer(dispute, mailed=False, bought_on=today(), amount=usd(9))
        assert fresh(dispute).witness.is_proven is False
        for audience, says in ((Audience.REFERRER, "You were given a link for the buyer"), (Audience.BUYER, "for you, to ask")):
            told = " ".join(one.title for one in tell_story(again(lost), audience))
            assert says in told and "which does not show by whom: “Yes, I bought" in told and "answered as a witness" not in told
        assert "as witness" not in anonymous.get(urlsplit(buyer_link(again(lost), BUYERS_MAIL)).path).text
        with pytest.raises(NotFromMail):  # Whoever passed the link on would speak as the buyer.
            do(correct_answer, fresh(dispute), WitnessSaid.NOT_BOUGHT, purpose=PASSED_ON, why="They lie.",
               token=witness_link(fresh(dispute), is_mailed=False).rsplit("/", 1)[1])

    def test_a_link_that_is_too_old_sends_a_new_one_to_the_buyer(self, lost, ana, wes, work, mailbox, anonymous):
        dispute = self.asked(lost, ana, wes)
        work()
        asked = len(mailbox.to("david@example.com"))
        said = " ".join(body_of(mailbox.last_to("david@example.com")).split())
        assert f"please answer by {day_in_words(dispute.due_at)}, if you can. If you do nothing, nothing happens" in said
        value = witness_link(dispute, is_mailed=True).rsplit("/", 1)[1].rsplit(".", 2)[0]
        old = f"/witness/{MAILED}/{sign(MAILED, value, until=today() - timedelta(days=1))}"
        page = anonymous.get(old)
        assert page.status_code == 410 and "This link is too old" in page.text
        form = next(one for one in html.fromstring(page.text).forms if "/new-link/" in one.action)
        assert anonymous.get(form.action, follow_redirects=True).status_code == 410
        anonymous.post(form.action, data=dict(form.form_values()))
        work()
        assert len(mailbox.to("david@example.com")) == asked + 1
        assert anonymous.get(mailbox.link_to("david@example.com", "/witness/")).status_code == 200
        self.answer(dispute, WitnessSaid.RATHER_NOT)
        anonymous.post(form.action, data=dict(form.form_values()))
        work()
        assert what(mailbox.last_to("david@example.com")) == "A new link to your page"

    def test_who_said_never_hears_nothing_of_the_outcome(self, lost, ana, wes, mona, work, mailbox):
        dispute = self.asked(lost, ana, wes)
        self.answer(dispute)
        do(escalate, fresh(dispute), by=ana)
        with transaction():
            db.session.add(Suppression(hash=hash_email("david@example.com")))
        do(rule, fresh(dispute), by=mona, **FOR_RESPONDENT)
        work()
        assert all("came of your answer" not in str(one["Subject"]) for one in mailbox.to("david@example.com"))
        with transaction():
            db.session.execute(delete(Suppression))
        [unsent] = LETTERS["witness_told"](dispute.id)
        assert "Your purchase itself is not touched by that." in unsent.text

    def test_answers_once_and_not_after_the_end(self, lost, ana, wes):
        dispute = self.asked(lost, ana, wes)
        self.answer(dispute, WitnessSaid.RATHER_NOT, bought_on=today(), amount=usd(9), note="Please leave me out.")
        said = fresh(dispute).witness
        assert (said.is_proven, said.bought_on, said.amount) == (True, None, None)
        with pytest.raises(WitnessOver):
            self.answer(dispute)
        do(withdraw_claim, fresh(dispute), by=ana)
        over = self.asked(lost, ana, wes)
        do(withdraw_claim, fresh(over), by=ana)
        with pytest.raises(WitnessOver):
            self.answer(over)
