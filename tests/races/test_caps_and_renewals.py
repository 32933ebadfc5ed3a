"""Many sales, renewals and answers at once: caps hold, nothing is counted twice, nobody is left with half a split."""
import pytest

from marketplace.bounties.models import Happening, RewardKind
from marketplace.foundation import clock
from marketplace.foundation.db import db
from marketplace.foundation.money import Money
from marketplace.identity.models import User
from marketplace.payments.ledger_checks import check_ledger
from marketplace.referrals.afterwards import earn_later, record_renewal
from marketplace.referrals.models import Conversion, ConversionKind, Lead, Reward, Split, SplitState
from marketplace.referrals.sharing import answer_split, propose_split
from marketplace.referrals.stages import win_lead
from tests.browsing import end_reading
from tests.factories import SALE, accept, consent, make_bounty, make_business, make_user, owner_of, win
from tests.properties.market import OK
from tests.races.together import attempt_once, together
from tests.referrals.steps import do, point

WON = {"kind": RewardKind.FLAT, "amount_minor": 100_000}
MANY = 8


def rewards():
    end_reading()
    return [reward.amount_minor for reward in db.session.query(Reward)]


@pytest.fixture
def business(app):
    return make_business()


def open_leads(business, count, **terms):
    ana, mona = make_user("Ana Flores"), make_user("Mona Lind", is_admin=True)
    bounty = make_bounty(business, is_live=True, funded_for=count + 1, **terms)
    leads = [consent(accept(point(bounty, ana, text=f"I am in the market for a car, number {n}, soon."), by=mona),
                     email=f"buyer{n}@example.com") for n in range(count)]
    return [lead.id for lead in leads], owner_of(business).id


@pytest.mark.parametrize("cap", ["cap_per_referrer_minor", "cap_per_bounty_minor", "cap_per_month_minor"])
def test_sales_at_once_never_earn_more_than_the_cap(app, business, cap):
    leads, owner = open_leads(business, MANY, rules=[WON], **{cap: 250_000})

    def sell(lead_id):
        def verb():
            win_lead(db.session.get_one(Lead, lead_id), by=db.session.get_one(User, owner), amount=SALE,
                     occurred_on=clock.now().date())
        return lambda: attempt_once(verb)

    assert together(app, [sell(lead_id) for lead_id in leads]) == [OK] * MANY
    assert sum(rewards()) == 250_000
    assert check_ledger() == []


def test_renewals_at_once_are_never_more_than_the_terms_pay_for(app, business):
    rules = [WON, {"kind": RewardKind.FLAT, "amount_minor": 10_000, "happening": Happening.RENEWAL, "times": 2}]
    (lead_id,), owner = open_leads(business, 1, rules=rules)
    win(db.session.get_one(Lead, lead_id))

    def renew(number):
        def verb():
            record_renewal(db.session.get_one(Lead, lead_id), by=db.session.get_one(User, owner),
                           amount=Money(50_000, "usd"), occurred_on=clock.now().date(), order_number=f"O-{number}")
        return lambda: attempt_once(verb)

    said = together(app, [renew(number) for number in range(MANY)])
    assert sorted(set(said)) == [OK, "renewals_used_up"]
    assert said.count(OK) == 2
    assert sorted(rewards()) == [10_000, 10_000, 100_000]


def test_a_later_part_is_earned_once_however_many_workers_come(app, business):
    rules = [WON, {"kind": RewardKind.FLAT, "amount_minor": 10_000, "happening": Happening.LATER, "after_days": 1}]
    (lead_id,), _ = open_leads(business, 1, rules=rules)
    sale_id = win(db.session.get_one(Lead, lead_id)).id

    def earn():
        earn_later(sale_id, "1")

    assert together(app, [lambda: attempt_once(earn)] * MANY) == [OK] * MANY
    end_reading()
    assert db.session.query(Conversion).filter_by(kind=ConversionKind.LATER).count() == 1
    assert sorted(rewards()) == [10_000, 100_000]


def test_the_last_yes_to_a_split_fixes_it_also_when_all_come_at_once(app, business):
    ana = make_user("Ana Flores")
    lead = point(make_bounty(business, is_live=True, rules=[WON]), ana)
    people = [make_user(f"Person {n}") for n in range(5)]
    split_id = do(propose_split, lead, by=ana, own_bps=5_000, others=[(one.email, 1_000) for one in people]).id

    def agree(user_id):
        def verb():
            answer_split(db.session.get_one(Split, split_id), by=db.session.get_one(User, user_id), agrees=True)
        return lambda: attempt_once(verb)

    assert together(app, [agree(one.id) for one in people]) == [OK] * 5
    end_reading()
    assert db.session.get_one(Split, split_id).state is SplitState.AGREED
