"""Disputes through their verbs and jobs: who may claim what, the clocks, the freeze, what each end posts."""
from datetime import date

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DatabaseError

from marketplace.bounties.models import Happening, NonCash, RewardKind
from marketplace.foundation import clock as product_clock
from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import Forbidden, Invalid
from marketplace.foundation.money import Money
from marketplace.foundation.states import IllegalMove
from marketplace.payments.disputes.freezing import cover
from marketplace.payments.ledger_checks import check_ledger
from marketplace.payments.models import AccountKind, Payable, TransferStop
from marketplace.payments.money_in import funds
from marketplace.payments.money_out import stops
from marketplace.referrals.clawbacks import refund_sale
from marketplace.referrals.consent import withdraw_consent
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
from marketplace.referrals.disputes.ruling import NotForAdmin, rule, take_up_dispute
from marketplace.referrals.disputes.subjects import Claim, NotDisputable, TooLate
from marketplace.referrals.disputes.witness import MAILED, PASSED_ON, WitnessOver, answer_as_witness, witness_link
from marketplace.referrals.in_kind import fulfil_thing, things_of_lead
from marketplace.referrals.models import (
    Consent,
    ConversionKind,
    Dispute,
    DisputeKind,
    DisputeState,
    Ending,
    KindState,
    Moderation,
    RewardState,
    SplitState,
    Stage,
    WitnessSaid,
)
from marketplace.referrals.queries import conversions_of, rewards_of_lead
from marketplace.referrals.sharing import answer_split, find_split, propose_split
from marketplace.referrals.stages import change_stage, win_lead
from tests.browsing import body_of, end_reading
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
        do(rule, contested(opened(lost, ana), wes, ana), by=mona, **FOR_RESPONDENT)
        second = opened(lost, ana)
        work()
        assert second.state is D.OPEN and holds(AccountKind.RESERVED, lost.id) == 0
        clock.move(days=20)
        work()
        assert fresh(second).state is D.OPEN and rewards_of_lead(again(lost)) == []
        do(take_up_dispute, fresh(second), by=mona)
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
        do(rule, dispute, by=mona, outcome=D.SPLIT, reason="Both have a point.", share_bps=3333)
        (reward,) = rewards_of_lead(again(lost))
        assert (fresh(dispute).state, reward.net) == (D.SPLIT, Money(33_330, "usd"))  # 66.67 % goes back, rounded down.
        assert holds(AccountKind.FUNDS, bounty.id) == before - holds(AccountKind.HELD, reward.id)
        assert holds(AccountKind.HELD, reward.id) == 33_330 + 1_667 and check_ledger() == []

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

    def test_all_of_a_held_reward_waits_and_goes_back(self, sold, bounty, ana, wes, mona, work):
        before, dispute = holds(AccountKind.FUNDS, bounty.id), self.reclaim(sold, wes)
        assert rewards_of_lead(again(sold))[0].state is RewardState.ON_HOLD
        do(accept_claim, fresh(dispute), by=ana)
        (reward,) = rewards_of_lead(again(sold))
        assert (reward.state, reward.net.minor) == (RewardState.VOIDED, 0)
        assert holds(AccountKind.FUNDS, bounty.id) == before + 105_000 and check_ledger() == []

    def test_of_a_part_only_that_part_waits(self, sold, bounty, ana, wes, mona, work, clock):
        dispute, (reward,) = self.reclaim(sold, wes, usd(300)), rewards_of_lead(sold)
        contested(dispute, ana, wes)
        clock.move(days=31)
        work()
        pieces = {one.amount_minor: one for one in db.session.scalars(select(Payable))}
        assert set(pieces) == {70_000, 30_000} and rewards_of_lead(again(sold))[0].state is RewardState.PAYABLE
        assert stops.why_stopped(pieces[70_000]) is None and stops.why_stopped(pieces[30_000])
        before = holds(AccountKind.FUNDS, bounty.id)
        do(rule, fresh(dispute), by=mona, outcome=D.SPLIT, reason="Half of it stays.", share_bps=5_000)
        assert rewards_of_lead(again(sold))[0].net == usd(850) and holds(AccountKind.FUNDS, bounty.id) == before + 15_750
        assert db.session.query(TransferStop).filter_by(lifted_at=None).count() == 0
        assert holds(AccountKind.PAYABLE, reward.id) == 70_000 and check_ledger() == []

    def test_for_the_referrer_everything_goes_on(self, sold, ana, wes, mona, work):
        dispute = contested(self.reclaim(sold, wes), ana, wes)
        do(rule, dispute, by=mona, **FOR_RESPONDENT)
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

    def test_whose_buyer_it_is_moves_what_is_earned_and_not_sent(self, bounty, ana, wes, mona):
        tom = make_user("Tom Berg")
        owner = accept(point(bounty, ana, buyer_email="david@example.com"), by=mona)
        rival = self.rival(bounty, mona, tom)
        win(consent(again(owner)), by=wes)
        dispute = opened(rival, tom, K.DUPLICATE_OWNERSHIP)
        assert dispute.at_issue == usd(1000) and rewards_of_lead(again(owner))[0].state is RewardState.ON_HOLD
        do(rule, contested(dispute, ana, tom), by=mona, outcome=D.SPLIT, reason="Both told him.", share_bps=2_500)
        assert {one.beneficiary_id: one.net for one in rewards_of_lead(again(owner))} == {ana.id: usd(750), tom.id: usd(250)}
        assert {holds(AccountKind.HELD, one.id) for one in rewards_of_lead(owner)} == {78_750, 26_250}
        assert holds(AccountKind.RESERVED, owner.id) == 0 and check_ledger() == []

    def test_what_is_earned_while_it_is_disputed_waits_too(self, bounty, ana, wes, mona, work, clock):
        tom = make_user("Tom Berg")
        owner = accept(point(bounty, ana, buyer_email="david@example.com"), by=mona)
        dispute = opened(self.rival(bounty, mona, tom), tom, K.DUPLICATE_OWNERSHIP)
        win(consent(again(owner)), by=wes)
        assert fresh(dispute).at_issue == usd(1000) and rewards_of_lead(again(owner))[0].state is RewardState.ON_HOLD
        do(withdraw_claim, fresh(dispute), by=tom)
        assert rewards_of_lead(again(owner))[0].state is RewardState.PENDING

    def test_silence_that_an_agreed_split_stands_against_goes_to_an_admin(self, bounty, ana, wes, mona, work, clock):
        tom, eve = make_user("Tom Berg"), make_user("Eve Stone")
        lead = point(bounty, ana, buyer_email="david@example.com")
        split = do(propose_split, lead, by=ana, own_bps=5_000, others=[(eve.email, 5_000)])
        accept(again(lead), by=mona)
        dispute = opened(self.rival(bounty, mona, tom), tom, K.DUPLICATE_OWNERSHIP)
        do(answer_split, db.session.get_one(type(split), split.id), by=eve, agrees=True)
        clock.move(days=8)
        work()
        assert fresh(dispute).state is D.ESCALATED and find_split(again(lead)).parts[0].user_id == eve.id

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


class TestWitness:
    def asked(self, lead, ana, wes):
        dispute = opened(lead, ana)
        do(contest_claim, fresh(dispute), by=wes, text="That is not how it was.")
        return fresh(dispute)

    def answer(self, dispute, said=WitnessSaid.BOUGHT, *, mailed=True, **more):
        link = witness_link(fresh(dispute), is_mailed=mailed).rsplit("/", 1)[1]
        do(answer_as_witness, fresh(dispute), said, purpose=MAILED if mailed else PASSED_ON, token=link, **more)

    def test_is_mailed_only_while_the_yes_stands(self, lost, ana, wes, work, mailbox):
        do(withdraw_consent, again(lost))
        dispute = self.asked(lost, ana, wes)
        work()
        assert dispute.witness_by_mail is False and "/witness/" in body_of(mailbox.last_to(ana.email))
        assert all("question" not in str(one["Subject"]) for one in mailbox.to("david@example.com"))
        self.answer(dispute, mailed=False, bought_on=today(), amount=usd(9))
        assert fresh(dispute).witness.is_proven is False

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
