"""What a lead earns by rule: qualified, sale, later, renewals; what stays reserved for it; caps; refunds of each."""
from datetime import UTC, date, datetime, timedelta

import pytest

from marketplace.bounties.models import For, Happening, NonCash, RewardKind
from marketplace.bounties.publishing import publish_bounty
from marketplace.foundation import clock
from marketplace.foundation.db import db
from marketplace.foundation.errors import Forbidden, Invalid
from marketplace.foundation.money import Money
from marketplace.identity.models import MemberRole
from marketplace.payments.ledger_checks import check_ledger
from marketplace.payments.models import AccountKind
from marketplace.referrals.afterwards import (
    NoRenewals,
    RenewalsOver,
    RenewalsUsedUp,
    RenewalTooSoon,
    earn_later,
    preview_renewal,
    record_renewal,
    stop_renewals,
)
from marketplace.referrals.clawbacks import preview_clawback, refund_sale
from marketplace.referrals.conversion import AlreadyCounted
from marketplace.referrals.models import (
    Clawback,
    Conversion,
    ConversionKind,
    ConversionState,
    Reward,
    RewardState,
    Stage,
)
from marketplace.referrals.queries import conversions_of, rewards_of_lead
from marketplace.referrals.reserving import whole_months
from marketplace.referrals.stages import change_stage
from tests.browsing import end_reading
from tests.factories import accept, consent, make_bounty, make_member, make_user, owner_of, win
from tests.referrals.steps import actions_on, again, do, holds, point


def flat(cents, happening=Happening.WON, **more):
    return {"kind": RewardKind.FLAT, "amount_minor": cents, "happening": happening, **more}


QUALIFIED, WON = flat(20_000, Happening.QUALIFIED), flat(100_000)
LATER = flat(30_000, Happening.LATER, after_days=90)
RENEWALS = flat(10_000, Happening.RENEWAL, times=2)
MONTHLY = flat(10_000, Happening.RENEWAL, within_months=3)
SALE = Money(3_000_000, "usd")


def usd(cents):
    return Money(cents, "usd")


def with_fee(cents):
    return cents + cents // 20


@pytest.fixture(autouse=True)
def sound_ledger(app):
    yield
    end_reading()
    assert check_ledger() == []


@pytest.fixture
def open_lead(westside, mona):
    """``open_lead(*rules)``: accepted, and the buyer said yes."""
    numbers = iter(range(100))

    def make(*rules, bounty=None, by=None, **terms):
        bounty = bounty or make_bounty(westside, is_live=True, rules=list(rules), **terms)
        lead = accept(point(bounty, by or make_user("Ana Flores")), by=mona)
        return again(consent(lead, email=f"buyer{next(numbers)}@example.com"))

    return make


def stage(lead, to, reason=""):
    do(change_stage, again(lead), to, by=owner_of(lead.business), reason=reason)
    return again(lead)


def renew(lead, number, amount=usd(50_000), on=None):
    return do(record_renewal, again(lead), by=owner_of(lead.business), amount=amount,
              occurred_on=on or clock.now().date(), order_number=number)


def refund(lead, cents, number="R-1", **more):
    return do(refund_sale, again(lead), by=owner_of(lead.business), amount=usd(cents), refund_number=number, **more)


def parts(lead):
    return [(reward.part.value, reward.amount_minor) for reward in rewards_of_lead(again(lead))]


def reserved(lead):
    return holds(AccountKind.RESERVED, lead.id)


class TestStages:
    def test_each_part_is_earned_when_it_happens_and_the_rest_stays_reserved(self, open_lead, work, later):
        lead = open_lead(QUALIFIED, WON, LATER, RENEWALS)
        assert reserved(lead) == with_fee(20_000 + 100_000 + 30_000 + 20_000)
        stage(lead, Stage.QUALIFIED)
        assert (parts(lead), reserved(lead)) == ([("qualified", 20_000)], with_fee(150_000))
        win(again(lead))
        assert (parts(lead)[1:], reserved(lead)) == ([("sale", 100_000)], with_fee(50_000))
        later(days=91)
        work()
        assert (parts(lead)[2:], reserved(lead)) == ([("later", 30_000)], with_fee(20_000))
        renew(lead, "O-2")
        renew(lead, "O-3")
        assert (parts(lead)[3:], reserved(lead)) == ([("renewal", 10_000)] * 2, 0)
        kinds = [(one.kind, one.number, one.amount_minor > 0) for one in conversions_of(again(lead))]
        K = ConversionKind
        assert kinds == [(K.QUALIFIED, 1, False), (K.SALE, 1, True), (K.LATER, 90, False), (K.RENEWAL, 1, True), (K.RENEWAL, 2, True)]

    def test_qualified_pays_once_also_when_it_is_reached_again(self, open_lead):
        lead = open_lead(QUALIFIED, WON)
        stage(lead, Stage.QUALIFIED)
        stage(lead, Stage.LOST, "They went quiet.")
        assert reserved(lead) == 0
        stage(lead, Stage.NEW)
        assert reserved(lead) == with_fee(100_000)
        stage(lead, Stage.QUALIFIED)
        assert parts(lead) == [("qualified", 20_000)]
        win(again(lead))
        assert (parts(lead)[1:], reserved(lead)) == ([("sale", 100_000)], 0)

    def test_who_bought_was_qualified_also_if_nobody_had_said_so(self, open_lead):
        lead = open_lead(QUALIFIED, WON)
        win(lead)
        assert parts(lead) == [("qualified", 20_000), ("sale", 100_000)]

    def test_terms_that_do_not_pay_for_it_count_no_qualified_lead(self, open_lead):
        lead = stage(open_lead(WON), Stage.QUALIFIED)
        assert conversions_of(lead) == []

    def test_what_a_small_sale_did_not_earn_comes_free(self, open_lead):
        percent = {"kind": RewardKind.PERCENT, "rate_bps": 250, "cap_minor": 50_000}
        lead = open_lead(percent, {**percent, "happening": Happening.LATER, "after_days": 30})
        assert reserved(lead) == with_fee(100_000)
        win(lead, amount=usd(100_000))
        assert (parts(lead), reserved(lead)) == ([("sale", 2_500)], with_fee(2_500))

    def test_the_arithmetic_of_that_day_is_kept(self, open_lead):
        lead = open_lead(WON)
        assert ["lines"] == [name for name in win(lead).payload if name == "lines"]

    def test_two_parts_of_one_event_are_one_reward(self, open_lead):
        lead = open_lead(WON, {"kind": RewardKind.PERCENT, "rate_bps": 100, "cap_minor": 50_000})
        win(lead)
        assert parts(lead) == [("sale", 130_000)]


class TestLater:
    def test_is_earned_once_however_often_its_job_runs(self, open_lead, work, later):
        lead = open_lead(WON, LATER)
        sale = win(lead)
        later(days=91)
        work()
        do(earn_later, sale.id, "90")
        assert parts(lead) == [("sale", 100_000), ("later", 30_000)]

    def test_is_not_earned_before_its_day(self, open_lead, work, later):
        lead = open_lead(WON, LATER)
        win(lead)
        later(days=89)
        work()
        assert parts(lead) == [("sale", 100_000)]

    def test_waits_for_the_return_period_of_the_sale_and_no_longer(self, open_lead, work, later):
        lead = open_lead(WON, LATER, flat(5_000, Happening.LATER, after_days=10))
        win(lead)
        later(days=11)
        work()
        early = rewards_of_lead(again(lead))[-1]
        assert (early.amount_minor, (early.release_at - early.created_at).days) == (5_000, 18)
        later(days=80)
        work()
        assert {reward.state for reward in rewards_of_lead(again(lead))} == {RewardState.PAYABLE}

    def test_is_not_earned_of_a_sale_that_was_wholly_given_back(self, bounty, open_lead, work, later):
        lead = open_lead(WON, LATER)
        win(lead)
        refund(lead, SALE.minor)
        assert reserved(lead) == 0
        later(days=91)
        work()
        assert parts(lead) == [("sale", 100_000)]

    def test_of_a_sale_refunded_in_part_keeps_the_other_part(self, open_lead, work, later):
        lead = open_lead(WON, LATER)
        win(lead)
        refund(lead, 1_000_000)
        later(days=91)
        work()
        sale, late = rewards_of_lead(again(lead))
        assert (sale.net, late.amount, late.net) == (usd(66_667), usd(30_000), usd(20_000))
        refund(lead, 1_000_000, "R-2")
        assert [reward.net.minor for reward in rewards_of_lead(again(lead))] == [33_334, 10_000]
        refund(lead, 1_000_000, "R-3")
        assert [reward.net.minor for reward in rewards_of_lead(again(lead))] == [0, 0]
        assert {one.state for one in conversions_of(again(lead))} == {ConversionState.REVERSED}


    def test_a_part_that_a_refund_lowered_is_not_lowered_again_when_the_next_falls_due(self, open_lead, work, later):
        lead = open_lead(WON, LATER, flat(5_000, Happening.LATER, after_days=10))
        win(lead)
        later(days=11)
        work()
        refund(lead, 1_000_000)
        later(days=80)
        work()
        assert [reward.net.minor for reward in rewards_of_lead(again(lead))] == [66_667, 3_334, 20_000]
        assert actions_on(conversions_of(again(lead))[1].id).count("conversion.partially_reversed") == 1


class TestRefund:
    def test_of_the_sale_leaves_the_qualified_part_and_the_renewals(self, open_lead):
        lead = open_lead(QUALIFIED, WON, RENEWALS)
        win(lead)
        renew(lead, "O-2")
        assert preview_clawback(again(lead), SALE, by=owner_of(lead.business)).reward == usd(100_000)
        refund(lead, SALE.minor)
        assert [(reward.part.value, reward.net.minor) for reward in rewards_of_lead(again(lead))] == [
            ("qualified", 20_000), ("sale", 0), ("renewal", 10_000)]
        with pytest.raises(RenewalsOver):
            renew(lead, "O-3")

    def test_of_a_renewal_takes_back_of_that_renewal_alone(self, open_lead):
        lead = open_lead(WON, RENEWALS)
        win(lead)
        first = renew(lead, "O-2")
        renew(lead, "O-3")
        refund(lead, 25_000, conversion_id=first.id)
        assert [reward.net.minor for reward in rewards_of_lead(again(lead))] == [100_000, 5_000, 10_000]

    def test_gives_the_share_back_to_the_funds_with_its_fee(self, open_lead):
        lead = open_lead(WON, LATER)
        win(lead)
        before = holds(AccountKind.FUNDS, lead.bounty_id)
        refund(lead, SALE.minor)
        assert holds(AccountKind.FUNDS, lead.bounty_id) - before == with_fee(130_000)
        assert db.session.query(Clawback).count() == 1


class TestRenewals:
    def test_are_refused_beyond_the_last(self, open_lead):
        lead = open_lead(WON, RENEWALS)
        win(lead)
        renew(lead, "O-1")
        renew(lead, "O-2")
        with pytest.raises(RenewalsUsedUp) as refused:
            renew(lead, "O-3")
        assert refused.value.next_step
        assert len(parts(lead)) == 3

    def test_are_refused_once_the_months_are_over_and_the_money_comes_free(self, open_lead, work, later):
        lead = open_lead(WON, MONTHLY)
        win(lead)
        later(days=100)
        work()
        assert reserved(lead) == with_fee(30_000)
        later(days=30)
        work()
        assert reserved(lead) == 0
        with pytest.raises(RenewalsOver):
            renew(lead, "O-1")

    def test_of_the_paid_months_count_also_when_they_are_recorded_late(self, open_lead, work, later):
        lead = open_lead(WON, MONTHLY)
        day = clock.now().date()
        win(lead)
        later(days=130)
        work()
        assert reserved(lead) == 0
        renew(lead, "O-1", on=day + timedelta(days=40))
        assert (parts(lead)[1:], reserved(lead)) == ([("renewal", 10_000)], 0)

    def test_come_once_a_month_where_they_are_paid_by_month(self, open_lead, later):
        lead = open_lead(WON, MONTHLY)
        win(lead)
        renew(lead, "O-1")
        with pytest.raises(RenewalTooSoon):
            renew(lead, "O-2")
        later(days=31)
        renew(lead, "O-2")
        assert len(parts(lead)) == 3

    def test_of_a_contract_that_began_on_the_last_of_a_month_come_on_the_last_of_each(self, open_lead, clock):
        clock.move(datetime(2027, 1, 31, 12, tzinfo=UTC) - clock())
        lead = open_lead(WON, {**MONTHLY, "within_months": 4})
        win(lead)
        for number, day in enumerate((date(2027, 2, 28), date(2027, 3, 31), date(2027, 4, 30), date(2027, 5, 31))):
            clock.move(datetime(day.year, day.month, day.day, 12, tzinfo=UTC) - clock())
            renew(lead, f"O-{number}", on=day)
        assert len(parts(lead)) == 5

    def test_count_an_order_once(self, open_lead):
        lead = open_lead(WON, RENEWALS)
        win(lead)
        renew(lead, "O-1")
        with pytest.raises(AlreadyCounted):
            renew(lead, "O-1")
        assert db.session.query(Conversion).filter_by(kind=ConversionKind.RENEWAL).count() == 1

    def test_need_a_sale_and_terms_that_pay_for_them(self, open_lead):
        lead = open_lead(WON, RENEWALS)
        with pytest.raises(NoRenewals):
            renew(lead, "O-1")
        plain = open_lead(WON, by=make_user("Tom Berg"))
        win(plain)
        with pytest.raises(NoRenewals):
            renew(plain, "O-1")

    @pytest.mark.parametrize(("amount", "days"), [(usd(0), 0), (Money(5, "eur"), 0), (usd(5), 1), (usd(5), -1)])
    def test_of_a_wrong_amount_or_day_change_nothing(self, open_lead, amount, days):
        lead = open_lead(WON, RENEWALS)
        win(lead)
        with pytest.raises(Invalid):
            renew(lead, "O-1", amount, clock.now().date() + timedelta(days=days))
        assert len(parts(lead)) == 1

    def test_are_recorded_by_the_business_alone(self, open_lead, westside, ana, mona):
        lead = open_lead(WON, RENEWALS)
        win(lead)
        for person in (ana, mona):
            with pytest.raises(Forbidden):
                do(record_renewal, again(lead), by=person, amount=usd(1), occurred_on=clock.now().date(), order_number="O")
        agent = make_member(westside, MemberRole.AGENT)
        assert preview_renewal(again(lead), by=agent, amount=usd(1), occurred_on=clock.now().date()).reward == usd(10_000)

    def test_that_the_business_says_will_not_come_free_their_money(self, open_lead, work, mailbox):
        lead = open_lead(WON, RENEWALS)
        win(lead)
        do(stop_renewals, again(lead), by=owner_of(lead.business))
        assert reserved(lead) == 0
        with pytest.raises(RenewalsOver):
            renew(lead, "O-1")
        work()
        assert "No renewal follows" in str(mailbox.last_to(lead.referrer.email)["Subject"])


class TestCaps:
    def test_a_referrer_earns_no_more_than_their_cap(self, open_lead, westside, ana):
        bounty = make_bounty(westside, is_live=True, funded_for=9, rules=[WON], cap_per_referrer_minor=150_000)
        for _ in range(3):
            win(open_lead(bounty=bounty, by=ana))
        win(open_lead(bounty=bounty, by=make_user("Tom Berg")))
        assert [reward.amount_minor for reward in db.session.query(Reward).order_by(Reward.id)] == [100_000, 50_000, 100_000]

    def test_a_bounty_pays_no_more_than_its_cap_buyers_too(self, open_lead, westside):
        rules = [WON, flat(10_000, whom=For.BUYER)]
        bounty = make_bounty(westside, is_live=True, funded_for=9, rules=rules, cap_per_bounty_minor=165_000)
        for _ in range(2):
            win(open_lead(bounty=bounty))
        assert [(r.whom, r.amount_minor) for r in db.session.query(Reward).order_by(Reward.id)] == [
            (For.REFERRER, 100_000), (For.BUYER, 10_000), (For.REFERRER, 55_000)]

    def test_a_month_pays_no_more_than_its_cap_and_the_next_one_again(self, open_lead, westside, later):
        bounty = make_bounty(westside, is_live=True, funded_for=9, rules=[WON], cap_per_month_minor=100_000)
        for _ in range(2):
            win(open_lead(bounty=bounty))
        assert db.session.query(Reward).count() == 1
        later(days=30)
        win(open_lead(bounty=bounty))
        assert db.session.query(Reward).count() == 2

    def test_what_was_taken_back_makes_room_for_other_leads_and_not_for_itself(self, open_lead, westside, ana):
        bounty = make_bounty(westside, is_live=True, funded_for=9, rules=[WON, RENEWALS], cap_per_referrer_minor=100_000)
        first = open_lead(bounty=bounty, by=ana)
        win(first)
        refund(first, 1_500_000)
        renew(first, "O-1")
        assert parts(first) == [("sale", 100_000)]
        second = open_lead(bounty=bounty, by=ana)
        win(second)
        assert parts(second) == [("sale", 50_000)]

    def test_a_capped_lead_keeps_reserved_no_more_than_it_can_earn(self, open_lead):
        lead = open_lead(WON, LATER, cap_per_bounty_minor=110_000)
        assert reserved(lead) == with_fee(110_000)
        win(lead)
        assert reserved(lead) == with_fee(10_000)


def test_a_thing_that_is_not_money_costs_no_funds(open_lead, westside):
    bounty = make_bounty(westside, rules=[{"kind": RewardKind.NON_CASH, "thing": NonCash.THANK_YOU, "words": "A cake"}])
    do(publish_bounty, bounty, by=owner_of(westside))
    lead = open_lead(bounty=bounty)
    assert reserved(lead) == 0
    win(lead)
    assert (parts(lead), actions_on(lead.id)[-1]) == ([], "stage.won")


@pytest.mark.once
@pytest.mark.parametrize(("start", "end", "months"), [
    (date(2026, 1, 31), date(2026, 2, 27), 0), (date(2026, 1, 31), date(2026, 2, 28), 1),
    (date(2026, 1, 31), date(2026, 3, 30), 1), (date(2026, 1, 31), date(2026, 4, 30), 3),
    (date(2024, 2, 29), date(2025, 2, 28), 12), (date(2026, 2, 28), date(2026, 3, 31), 1),
    (date(2026, 1, 15), date(2026, 2, 15), 1), (date(2026, 11, 2), date(2027, 11, 1), 11)])
def test_months_are_counted_whole(start, end, months):
    assert whole_months(start, end) == months
