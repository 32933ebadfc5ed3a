"""Where disputes, signs of fraud and doubtful payments meet: no money is made, lost or paid twice, and nothing slips out."""
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from marketplace.bounties.models import Bounty, Happening
from marketplace.foundation import clock as product_clock
from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import Invalid
from marketplace.foundation.traces import TraceKind, keep_traces
from marketplace.payments.ledger_checks import check_ledger
from marketplace.payments.models import AccountKind, Payable
from marketplace.payments.money_in import funds
from marketplace.payments.money_out.stops import why_stopped
from marketplace.referrals.caps import used_up
from marketplace.referrals.clawbacks import refund_sale
from marketplace.referrals.disputes.answering import accept_claim, withdraw_claim
from marketplace.referrals.disputes.ruling import rule
from marketplace.referrals.disputes.subjects import NotDisputable
from marketplace.referrals.fraud import cases
from marketplace.referrals.fraud.scoring import look_at_owed
from marketplace.referrals.holds import hold_reward, live_holds
from marketplace.referrals.models import (
    Buyer,
    CaseState,
    Consent,
    DisputeKind,
    DisputeState,
    Ending,
    Lead,
    Moderation,
    RewardState,
    Stage,
)
from marketplace.referrals.ownership import counted_elsewhere
from marketplace.referrals.queries import rewards_of_lead
from marketplace.referrals.rewards import freeze_reward, release_reward
from marketplace.referrals.stages import change_stage, win_lead
from tests.browsing import end_reading
from tests.factories import PERCENT, accept, consent, flat, make_bounty, make_user, win
from tests.referrals.steps import again, do, holds, point
from tests.referrals.test_disputes import (
    FOR_CLAIMANT,
    FOR_RESPONDENT,
    SALE,
    closed,
    contested,
    fresh,
    opened,
    talks,
    usd,
)

K, D = DisputeKind, DisputeState
LATER = flat(30_000, happening=Happening.LATER, after_days=40)


def rivals(bounty, ana, mona):
    """Ana's lead, and Tom's that counts as its duplicate."""
    tom = make_user("Tom Berg")
    owner = accept(point(bounty, ana, buyer_email="david@example.com"), by=mona)
    rival = point(bounty, tom, buyer_email="david@example.com", text="I am in the market for a car, and a roof rack.")
    assert rival.moderation is Moderation.DUPLICATE
    return owner, rival, tom


def kept_by(lead):
    found = {}
    for one in rewards_of_lead(again(lead)):
        found[one.beneficiary_id] = found.get(one.beneficiary_id, 0) + one.net.minor
    return found


class TestWhoseBuyerItIs:
    def test_what_is_still_to_be_earned_follows_the_ruling_too(self, westside, ana, wes, mona):
        bounty = make_bounty(westside, is_live=True, rules=[flat(20_000, happening=Happening.QUALIFIED), flat(80_000)])
        owner, rival, tom = rivals(bounty, ana, mona)
        do(change_stage, consent(again(owner)), Stage.QUALIFIED, by=wes)
        do(rule, contested(opened(rival, tom, K.DUPLICATE_OWNERSHIP), ana, tom), by=mona, **FOR_CLAIMANT)
        win(again(owner), by=wes)
        assert {who: sum_ for who, sum_ in kept_by(owner).items() if sum_} == {tom.id: 100_000} and check_ledger() == []

    def test_a_refund_afterwards_takes_its_share_of_both(self, bounty, ana, wes, mona):
        owner, rival, tom = rivals(bounty, ana, mona)
        win(consent(again(owner)), by=wes)
        dispute = contested(opened(rival, tom, K.DUPLICATE_OWNERSHIP), ana, tom)
        do(rule, dispute, by=mona, outcome=D.SPLIT, reason="Both told him.", share_bps=5_000)
        do(refund_sale, again(owner), by=wes, amount=usd(12_000), refund_number="R-1")  # 40 %
        assert kept_by(owner) == {ana.id: 30_000, tom.id: 30_000} and check_ledger() == []
        do(refund_sale, again(owner), by=wes, amount=usd(18_000), refund_number="R-2")
        assert kept_by(owner) == {ana.id: 0, tom.id: 0} and check_ledger() == []

    def test_what_waits_for_something_else_waits_on(self, bounty, ana, wes, mona):
        owner, rival, tom = rivals(bounty, ana, mona)
        win(consent(again(owner)), by=wes)
        with transaction():
            (reward,) = rewards_of_lead(owner)
            freeze_reward(reward, by=mona, reason="Looking into it.")
            hold_reward(reward, source_id="warn_1", reason="A payment is suspected.")
        do(rule, contested(opened(rival, tom, K.DUPLICATE_OWNERSHIP), ana, tom), by=mona, **FOR_CLAIMANT)
        passed = next(one for one in rewards_of_lead(again(owner)) if one.beneficiary_id == tom.id)
        assert passed.state is RewardState.ON_HOLD
        assert [(one.source_id, one.was_on_hold) for one in live_holds(passed.id)] == [("warn_1", True)]

    def test_a_correction_afterwards_counts_what_was_passed_on_once(self, westside, ana, wes, mona):
        bounty = make_bounty(westside, is_live=True, cap_per_bounty_minor=60_000, **PERCENT)
        owner, rival, tom = rivals(bounty, ana, mona)
        win(consent(again(owner)), by=wes, amount=usd(10_000))
        do(rule, contested(opened(rival, tom, K.DUPLICATE_OWNERSHIP), ana, tom), by=mona, **FOR_CLAIMANT)
        assert opened(owner, ana, K.WRONG_AMOUNT, usd(15_000)).at_issue == usd(125)
        assert used_up(again(owner)).on_bounty == usd(250)


class TestWhatIsOwedByRuling:
    def test_waits_for_the_business_although_something_else_holds_it_too(self, bounty, ana, wes, mona):
        owner, rival, tom = rivals(bounty, ana, mona)
        closed(consent(again(owner)), wes)
        whose, ghost = opened(rival, tom, K.DUPLICATE_OWNERSHIP), contested(opened(owner, ana), wes, ana)
        with transaction():
            funds.free_reservation(owner.id, bounty_id=bounty.id, currency="usd", why="a test")
            funds.reserve("lead_other", bounty_id=bounty.id, amount=funds.free_funds(bounty.id, "usd"))
        do(rule, fresh(ghost), by=mona, **FOR_CLAIMANT)
        do(withdraw_claim, fresh(whose), by=tom)
        assert rewards_of_lead(again(owner))[0].state is RewardState.ON_HOLD

    def test_a_later_part_of_a_sale_that_was_not_told_is_paid_for_too(self, westside, ana, wes, mona, work, clock):
        bounty = make_bounty(westside, is_live=True, rules=[flat(50_000), LATER])
        lead = closed(talks(bounty, ana, mona), wes)
        do(accept_claim, opened(lead, ana), by=wes)
        clock.move(days=41)
        work()
        assert [one.amount for one in rewards_of_lead(again(lead))] == [usd(500), usd(300)] and check_ledger() == []

    def test_a_correction_does_not_spend_what_is_kept_for_a_later_part(self, westside, ana, wes, mona, work, clock):
        bounty = make_bounty(westside, is_live=True, rules=[*PERCENT["rules"], LATER])
        lead = talks(bounty, ana, mona)
        win(lead, by=wes, amount=usd(10_000))
        do(accept_claim, opened(lead, ana, K.WRONG_AMOUNT, usd(15_000)), by=wes)
        clock.move(days=41)
        work()
        assert [one.amount for one in rewards_of_lead(again(lead))] == [usd(250), usd(125), usd(300)]


@pytest.mark.once
class TestClaims:
    def test_a_serial_claimant_who_was_right_is_not_stuck(self, bounty, ana, wes, mona, work):
        for number in range(4):
            other = closed(talks(bounty, ana, mona, email=f"eve{number}@example.com"), wes)
            do(rule, contested(opened(other, ana), wes, ana), by=mona, **FOR_RESPONDENT)
        lead = talks(bounty, ana, mona)
        dispute = opened(lead, ana, K.UNTRACKED)
        do(win_lead, again(lead), by=wes, amount=SALE, occurred_on=product_clock.now().date())
        work()
        assert dispute.state is not D.OPEN or fresh(dispute).ended_by is Ending.RECORDED

    def test_a_sale_after_the_protection_is_over_was_not_hidden_from_anybody(self, bounty, ana, wes, mona, work, clock):
        lead = talks(bounty, ana, mona)
        clock.move(days=100)
        work()
        assert again(lead).moderation is Moderation.EXPIRED
        with pytest.raises(NotDisputable):
            opened(lead, ana)

    def test_an_admin_finds_no_sale_in_the_future(self, bounty, ana, wes, mona):
        dispute = contested(opened(closed(talks(bounty, ana, mona), wes), ana), wes, ana)
        with pytest.raises(Invalid):
            do(rule, dispute, by=mona, **FOR_CLAIMANT, sold_on=product_clock.now().date() + timedelta(days=9))

    def test_what_is_at_issue_stays_though_the_business_closes_the_lead(self, bounty, ana, wes, mona):
        lead, free = talks(bounty, ana, mona), holds(AccountKind.FUNDS, bounty.id)
        dispute = opened(lead, ana, K.UNTRACKED)
        closed(lead, wes)
        assert (holds(AccountKind.RESERVED, lead.id), holds(AccountKind.FUNDS, bounty.id)) == (105_000, free)
        do(withdraw_claim, fresh(dispute), by=ana)
        assert (holds(AccountKind.RESERVED, lead.id), holds(AccountKind.FUNDS, bounty.id)) == (0, free + 105_000)


@pytest.mark.once
class TestFraud:
    def test_stops_and_takes_back_also_what_a_dispute_set_apart(self, bounty, ana, wes, mona, work, clock):
        lead = talks(bounty, ana, mona)
        win(lead, by=wes)
        dispute = opened(lead, wes, K.BAD_LEAD, usd(300), about_id=rewards_of_lead(lead)[0].id)
        clock.move(days=31)
        do(release_reward, rewards_of_lead(lead)[0].id)
        do(keep_traces, ana.id, {TraceKind.ACCOUNT: "bank"})
        do(keep_traces, make_user("Tom Berg").id, {TraceKind.ACCOUNT: "bank"})
        do(look_at_owed, ana.id)
        do(withdraw_claim, fresh(dispute), by=wes)
        again(lead)
        pieces = list(db.session.scalars(select(Payable)))
        assert len(pieces) == 2 and all(why_stopped(one) for one in pieces)
        do(cases.confirm_fraud, cases.find_case(lead.id), by=mona, reason="One bank account.")
        clock.move(days=15)
        work()
        again(lead)
        assert sum(one.amount_minor for one in db.session.scalars(select(Payable))) == 0 and check_ledger() == []

    def test_nothing_more_is_earned_by_what_was_found_false(self, westside, ana, wes, mona, work, clock):
        bounty = make_bounty(westside, is_live=True, rules=[flat(50_000), LATER])
        lead = accept(point(bounty, ana), by=mona)
        do(keep_traces, ana.id, {TraceKind.DEVICE: "hers"})
        do(keep_traces, lead.id, {TraceKind.DEVICE: "hers"})
        consent(again(lead))
        win(again(lead), by=wes)
        work()
        do(cases.confirm_fraud, cases.find_case(lead.id), by=mona, reason="She is the buyer.")
        clock.move(days=15)
        work()
        assert holds(AccountKind.RESERVED, lead.id) == 0
        clock.move(days=26)
        work()
        assert [one.state for one in rewards_of_lead(again(lead))] == [RewardState.VOIDED] and check_ledger() == []

    def test_what_was_let_go_is_not_kept(self, bounty, ana, mona):
        lead = accept(point(bounty, ana), by=mona)
        do(keep_traces, ana.id, {TraceKind.DEVICE: "hers"})
        do(keep_traces, lead.id, {TraceKind.DEVICE: "hers"})
        consent(again(lead))
        case = cases.find_case(lead.id)
        do(cases.let_go, case, by=mona, reason="A family computer.")
        with pytest.raises(cases.NotHeld):
            do(cases.keep_case, case, by=mona, reason="Wait.")
        assert case.state is CaseState.LET_GO


def test_a_sale_counts_for_another_lead_by_any_way_of_knowing_the_buyer(bounty, ana):
    elsewhere = make_bounty(is_live=True, title="Introduce a buyer to Eastside").id
    at = {name: point(bounty if name != "elsewhere" else db.session.get_one(Bounty, elsewhere), ana, text=f"A car, number {name}.").id
          for name in ("second", "first", "behind", "before", "same", "address", "elsewhere", "nobody")}
    leads = {name: again(db.session.get_one(Lead, one)) for name, one in at.items()}
    with transaction():
        for name, of in (("second", "first"), ("before", "behind")):
            db.session.get_one(Lead, at[name]).duplicate_of_id = at[of]
        for name, email in (("same", "a"), ("address", "a"), ("elsewhere", "a"), ("second", "b"), ("nobody", None)):
            db.session.get_one(Buyer, leads[name].buyer_id).email_hash = email
        # A yes that was taken back, and theirs through another lead.
        db.session.execute(update(Lead).values(accepted_at=product_clock.now(), protected_until=product_clock.now(), stage=Stage.INTRODUCED))
        for name, lead_id in at.items():
            is_taken_back = name in {"second", "behind", "same", "nobody"}
            db.session.get_one(Lead, lead_id).consent = Consent.WITHDRAWN if is_taken_back else Consent.GRANTED
    end_reading()
    found = counted_elsewhere([db.session.get_one(Lead, at[name]) for name in ("second", "behind", "same", "nobody", "elsewhere")])
    assert {lead_id: one.id for lead_id, one in found.items()} == {
        at["second"]: at["first"], at["behind"]: at["before"], at["same"]: at["address"]}
