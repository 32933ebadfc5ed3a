"""What terms earn: every kind of rule in three currencies, caps, the worst case, and the plain words."""
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.bounties.drafting import write_terms
from marketplace.bounties.models import RewardKind, Terms
from marketplace.bounties.preview import plain_terms, preview_way, reward_in_words, reward_sign
from marketplace.bounties.rules import (
    Earned,
    Event,
    For,
    Happening,
    NonCash,
    fee_on,
    highest_reward,
    most_in_shares,
    price,
    times_at_most,
    worst_case,
)
from marketplace.foundation.money import Money, zero
from tests.factories import TERMS, flat

pytestmark = pytest.mark.once
QUALIFIED, WON, LATER, RENEWAL = Happening


def percent(bps, cap, floor=None, **said):
    return {"kind": RewardKind.PERCENT, "rate_bps": bps, "cap_minor": cap, "floor_minor": floor, **said}


def thing(words="Dinner for two", kind=NonCash.THANK_YOU, **said):
    return {"kind": RewardKind.NON_CASH, "thing": kind, "words": words, **said}


def terms_of(*rules, currency="usd", **caps) -> Terms:
    return write_terms({**TERMS, "rules": list(rules), "currency": currency, **caps})


def earned(referrer=0, bounty=0, month=0, currency="usd"):
    return Earned(*(Money(minor, currency) for minor in (referrer, bounty, month)))


STAGED = (flat(20_000, happening=QUALIFIED), flat(100_000), flat(10_000, happening=LATER, after_days=90),
          flat(2_000, happening=RENEWAL, times=3))


# ---- one rule -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("rule", "currency", "sale", "reward", "fee"), [
    (flat(100_000), "usd", 1, 100_000, 5_000),
    (flat(333), "usd", 5_000, 333, 16),  # 16.65 rounded down
    (percent(250, 50_000), "usd", 199_999, 4_999, 249),  # 4,999.975
    (percent(250, 50_000), "usd", 3_000_000, 50_000, 2_500),
    (percent(250, 50_000, 5_000), "usd", 100, 5_000, 250),
    (percent(250, 50_000, 5_000), "usd", 200_000, 5_000, 250),
    (percent(250, 50_000, 5_000), "usd", 200_040, 5_001, 250),
    (percent(1, 50_000), "usd", 9_999, 0, 0),
    (percent(10_000, 50_000), "usd", 49_999, 49_999, 2_499),
    (flat(1_000), "jpy", 1, 1_000, 50),
    (percent(333, 9_999), "jpy", 12_345, 411, 20),  # 411.08
    (percent(333, 400), "jpy", 12_345, 400, 20),
    (flat(1_230), "kwd", 1, 1_230, 60),  # 61.5 fils, in steps of ten
    (percent(250, 50_000), "kwd", 123_450, 3_080, 150),  # 3,086.25
    (percent(250, 2_000), "kwd", 123_450, 2_000, 100),
    (percent(250, 50_000, 4_000), "kwd", 123_450, 4_000, 200),
])
def test_a_sale_earns(rule, currency, sale, reward, fee):
    preview = price(terms_of(rule, currency=currency), Event(WON, Money(sale, currency)))
    assert (preview.reward, preview.fee) == (Money(reward, currency), Money(fee, currency))
    assert preview.buyer_share == zero(currency)


@pytest.mark.parametrize(("rule", "currency", "cost"), [
    (flat(100_000), "usd", 105_000), (percent(250, 50_000), "usd", 52_500), (flat(333), "usd", 349),
    (flat(999), "jpy", 1_048), (flat(1_230), "kwd", 1_290), (thing(), "usd", 0),
    (flat(2_000, happening=RENEWAL, times=3), "usd", 6_300),
    (flat(2_000, happening=RENEWAL, within_months=12), "usd", 25_200),
    (flat(2_000, happening=RENEWAL, times=3, within_months=2), "usd", 4_200),
])
def test_the_worst_case_is_the_most_and_the_fee_on_it(rule, currency, cost):
    assert worst_case(terms_of(rule, currency=currency)) == Money(cost, currency)


# ---- stages, renewals, the buyer, things ----------------------------------------------------------------------------

@pytest.mark.parametrize(("event", "reward"), [
    (Event(QUALIFIED), 20_000), (Event(WON, Money(5, "usd")), 100_000), (Event(LATER, Money(5, "usd")), 10_000),
    (Event(LATER, Money(5, "usd"), after_days=90), 10_000), (Event(LATER, Money(5, "usd"), after_days=30), 0),
    (Event(RENEWAL, Money(5, "usd"), 1), 2_000), (Event(RENEWAL, Money(5, "usd"), 3), 2_000),
    (Event(RENEWAL, Money(5, "usd"), 4), 0),
])
def test_each_stage_earns_its_own(event, reward):
    assert price(terms_of(*STAGED), event).reward == Money(reward, "usd")


def test_the_worst_case_is_the_whole_way():
    terms = terms_of(*STAGED)
    assert highest_reward(terms).minor == 136_000
    assert worst_case(terms).minor == 142_800


@pytest.mark.parametrize(("number", "months", "reward"), [(1, 0, 5_000), (1, 6, 5_000), (6, 6, 5_000), (7, 6, 0), (2, 7, 0)])
def test_renewals_within_months_are_one_a_month_at_most(number, months, reward):
    terms = terms_of(flat(5_000, happening=RENEWAL, within_months=6))
    assert price(terms, Event(RENEWAL, Money(1, "usd"), number, months)).reward.minor == reward


def test_a_percentage_of_a_renewal_is_of_its_own_value():
    terms = terms_of(percent(1_000, 9_000, happening=RENEWAL, times=2))
    preview = price(terms, Event(RENEWAL, Money(50_000, "usd"), 2, 1))
    assert preview.lines == (("The renewal", Money(50_000, "usd")), ("10% of the renewal, rounded down", Money(5_000, "usd")))


def test_the_buyer_has_a_share_of_their_own_and_the_fee_is_on_both():
    terms = terms_of(flat(100_000), percent(100, 5_000, whom=For.BUYER))
    preview = price(terms, Event(WON, Money(399_900, "usd")))
    assert (preview.reward.minor, preview.buyer_share.minor, preview.fee.minor) == (100_000, 3_999, 5_000 + 199)
    assert [(share.whom, share.amount.minor, share.fee.minor) for share in preview.shares] == [
        (For.REFERRER, 100_000, 5_000), (For.BUYER, 3_999, 199)]
    assert preview.lines == (
        ("The sale", Money(399_900, "usd")), ("A fixed reward, whatever the sale", Money(100_000, "usd")),
        ("1% of the sale for the buyer, rounded down", Money(3_999, "usd")))
    assert worst_case(terms).minor == 110_250
    assert highest_reward(terms).minor == 100_000


def test_a_thing_is_a_share_without_money():
    preview = price(terms_of(thing(), flat(5_000)), Event(WON, Money(1, "usd")))
    assert [(share.thing, share.amount.minor) for share in preview.shares] == [(None, 5_000), (NonCash.THANK_YOU, 0)]
    assert ("A thank-you for the referrer: Dinner for two", None) in preview.lines
    assert preview.reward.minor == 5_000


def test_what_is_not_promised_earns_nothing_and_says_so():
    preview = price(terms_of(flat(5_000)), Event(QUALIFIED))
    assert (preview.shares, preview.reward.minor) == ((), 0)
    assert preview.lines == (("Nothing is promised for a qualified lead alone", None),)


@pytest.mark.parametrize("sale", [None, Money(5_000, "eur")])
def test_a_percentage_wants_a_sale_in_its_currency(sale):
    with pytest.raises(ValueError, match="needs a sale in usd"):
        price(terms_of(percent(250, 50_000)), Event(WON, sale))


# ---- caps -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("caps", "used", "reward", "buyer"), [
    ({"cap_per_referrer_minor": 30_000}, earned(), 20_000, 5_000),
    ({"cap_per_referrer_minor": 30_000}, earned(referrer=15_000, bounty=15_000), 15_000, 5_000),
    ({"cap_per_referrer_minor": 30_000}, earned(referrer=30_000, bounty=30_000), 0, 5_000),
    ({"cap_per_bounty_minor": 30_000}, earned(bounty=8_000), 20_000, 2_000),
    ({"cap_per_bounty_minor": 30_000}, earned(bounty=15_000), 15_000, 0),
    ({"cap_per_month_minor": 22_000}, earned(), 20_000, 2_000),
    ({"cap_per_month_minor": 22_000}, earned(bounty=90_000, month=21_999), 1, 0),
    ({"cap_per_month_minor": 50_000, "cap_per_bounty_minor": 40_000}, earned(bounty=17_000, month=12_000), 20_000, 3_000),
    ({"cap_per_referrer_minor": 100}, earned(referrer=500), 0, 5_000),
])
def test_a_cap_leaves_what_is_left_to_the_referrer_first(caps, used, reward, buyer):
    terms = terms_of(flat(5_000, whom=For.BUYER), flat(20_000), **caps)
    preview = price(terms, Event(WON, Money(1, "usd")), used)
    assert (preview.reward.minor, preview.buyer_share.minor) == (reward, buyer)


def test_a_cap_that_cuts_says_so():
    terms = terms_of(flat(20_000), cap_per_month_minor=30_000)
    preview = price(terms, Event(WON, Money(1, "usd")), earned(month=25_000))
    assert preview.lines[-1] == ("But only what is left of the $300 paid in a month", Money(5_000, "usd"))
    assert preview.fee.minor == 250


@pytest.mark.parametrize(("caps", "shares"), [
    ({}, 141_000), ({"cap_per_bounty_minor": 50_000}, 50_000), ({"cap_per_referrer_minor": 50_000}, 55_000),
    ({"cap_per_month_minor": 30_000}, 20_000 + 30_000 + 10_000 + 3 * 2_000),
    ({"cap_per_month_minor": 30_000, "cap_per_referrer_minor": 40_000}, 45_000),
])
def test_caps_lower_what_is_kept_ready(caps, shares):
    terms = terms_of(*STAGED, flat(5_000, whom=For.BUYER), **caps)
    assert most_in_shares(terms).minor == shares
    assert worst_case(terms).minor == shares + shares // 20


# ---- any terms at all -----------------------------------------------------------------------------------------------

def minor_of(currency, least=1):
    step = 10 if currency == "kwd" else 1
    return st.integers(least, 500_000).map(lambda minor: minor * step)


@st.composite
def rules(draw, currency):
    happening, whom, kind = draw(st.sampled_from(list(Happening))), draw(st.sampled_from(list(For))), draw(st.sampled_from(
        [RewardKind.FLAT, RewardKind.PERCENT, RewardKind.NON_CASH]))
    timing = {LATER: {"after_days": draw(st.integers(1, 3))}, RENEWAL: draw(st.sampled_from(
        [{"times": 2}, {"within_months": 3}, {"times": 3, "within_months": 2}]))}.get(happening, {})
    said = {"happening": happening, "whom": whom, **timing}
    if kind is RewardKind.NON_CASH:
        return thing(**said)
    if kind is RewardKind.FLAT or happening is QUALIFIED:
        return flat(draw(minor_of(currency)), **said)
    cap = draw(minor_of(currency))
    floor = draw(st.none() | st.integers(1, cap).map(lambda minor: max(minor - minor % 10, 10) if currency == "kwd" else minor))
    return percent(draw(st.integers(1, 10_000)), cap, floor, **said)


@st.composite
def lives(draw):
    """Terms, and the events of one lead's whole way, in the order of days and with a month for each or one for all."""
    currency = draw(st.sampled_from(["usd", "jpy", "kwd", "huf"]))
    caps = {name: draw(st.none() | minor_of(currency)) for name in (
        "cap_per_referrer_minor", "cap_per_bounty_minor", "cap_per_month_minor")}
    terms = terms_of(*draw(st.lists(rules(currency), min_size=1, max_size=6)), currency=currency, **caps)
    sale = Money(draw(minor_of(currency)), currency)
    days = sorted({rule.after_days for rule in terms.rules if rule.after_days})
    events = [Event(QUALIFIED), Event(WON, sale), *(Event(LATER, sale, after_days=day) for day in days),
              *(Event(RENEWAL, Money(draw(minor_of(currency)), currency), n, draw(st.integers(0, 4))) for n in range(1, 5))]
    happened = [event for event in events if draw(st.integers(0, 5))]
    return terms, happened, draw(st.booleans())


@settings(max_examples=300, deadline=None)
@given(lives())
def test_no_way_costs_more_than_the_worst_case_and_every_cap_holds(life):
    terms, events, is_one_month = life
    nothing = zero(terms.currency)
    mine, all_of_it, fees, month = nothing, nothing, nothing, nothing
    for event in events:
        month = month if is_one_month else nothing
        preview = price(terms, event, Earned(mine, all_of_it, month))
        mine, all_of_it = mine + preview.reward, all_of_it + preview.reward + preview.buyer_share
        fees, month = fees + preview.fee, month + preview.reward + preview.buyer_share
        for cap, used in ((terms.cap_per_referrer_minor, mine), (terms.cap_per_bounty_minor, all_of_it),
                          (terms.cap_per_month_minor, month)):
            assert cap is None or used.minor <= cap
    assert mine <= highest_reward(terms)
    assert all_of_it <= most_in_shares(terms)
    assert all_of_it + fees <= worst_case(terms)


@settings(max_examples=200, deadline=None)
@given(lives())
def test_the_lines_add_up_to_the_result(life):
    terms, events, _ = life
    for event in events:
        preview = price(terms, event)
        shares = {whom: sum(s.amount.minor for s in preview.shares if s.whom is whom) for whom in For}
        assert (shares[For.REFERRER], shares[For.BUYER]) == (preview.reward.minor, preview.buyer_share.minor)
        assert preview.fee.minor == sum(fee_on(terms, share.amount).minor for share in preview.shares)
        said = [amount for words, amount in preview.lines if amount and not words.startswith("The ")]
        for whom, name in ((For.REFERRER, "the referrer"), (For.BUYER, "the buyer")):
            mine = [share.amount for share in preview.shares if share.whom is whom and not share.thing]
            together = [amount.minor for words, amount in preview.lines if words == f"For {name}, together"]
            assert together in ([], [shares[whom]])
            assert together or len(mine) <= 1
            assert all(amount in said for amount in mine)
        assert all(amount.minor % 10 == 0 for amount in said if terms.currency == "kwd")


@settings(max_examples=100, deadline=None)
@given(lives())
def test_the_whole_way_is_the_sum_of_its_steps(life):
    terms, _, _ = life
    way = preview_way(terms, Money(120_000, terms.currency), renewals=4)
    assert way.reward + way.buyer_share + way.fee <= worst_case(terms)
    assert all(times_at_most(rule) >= 1 for rule in terms.rules)
    assert reward_in_words(terms)
    assert all(reward_sign(terms))
    assert all(answer for _, answer in plain_terms(terms))


# ---- the words ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("rules", "sign", "sentence"), [
    ([flat(100_000)], ("$1,000", "when they buy"), "$1,000"),
    ([percent(250, 50_000)], ("2.5%", "of the sale, at most $500"), "2.5% of the sale, at most $500"),
    ([percent(250, 50_000, 5_000)], ("2.5%", "of the sale, at least $50 and at most $500"),
     "2.5% of the sale, at least $50 and at most $500"),
    ([flat(20_000, happening=QUALIFIED)], ("$200", "when they are qualified"), "$200"),
    (STAGED[:3], ("$1,300", "in 3 parts"), "$1,300 in 3 parts"),
    (STAGED, ("$1,360", "at most in 6 parts"), "at most $1,360 in 6 parts"),
    ([flat(100_000), flat(5_000, whom=For.BUYER)], ("$1,000", "when they buy, and a share for the buyer"), "$1,000"),
    ([thing()], ("Thank-you", "when they buy"), "a thank-you (Dinner for two)"),
    ([flat(5_000), thing(kind=NonCash.CREDIT, words="A free service")],
     ("$50", "when they buy, and a credit"), "$50 and a credit (A free service)"),
    ([percent(1_000, 9_000, happening=RENEWAL, within_months=12)], ("$1,080", "at most in 12 parts"), "at most $1,080 in 12 parts"),
])
def test_the_sign_and_the_sentence(rules, sign, sentence):
    terms = terms_of(*rules)
    assert reward_sign(terms) == sign
    assert reward_in_words(terms) == sentence


def test_the_plain_words_name_every_part_the_cause_and_the_caps():
    said = dict(plain_terms(terms_of(
        *STAGED, percent(100, 5_000, whom=For.BUYER), cause="Denver Food Bank", cap_per_referrer_minor=500_000,
        cap_per_month_minor=1_000_000)))
    assert {when: said[when] for when in list(said)[:4]} == {
        "When they are qualified": "You earn $200.", "When they buy": "You earn $1,000.",
        "90 days after the sale": "You earn $100.", "At each of the first 3 renewals": "You earn $20."}
    assert said["When it is paid"].startswith("Each part 30 days after it is earned")
    assert said["What the buyer gets"] == (
        "1% of the sale, at most $50, when they buy. They may take it, give it to Denver Food Bank, or decline it.")
    assert said["At the very most"] == (
        "$5,000 to one referrer, $10,000 in a month of the calendar. What goes beyond is not paid.")


def test_two_flat_parts_at_once_are_added_up():
    preview = price(terms_of(flat(5_000), flat(700)), Event(WON, Money(1, "usd")))
    assert preview.lines[-1] == ("For the referrer, together", Money(5_700, "usd"))


def test_the_plain_words_of_one_reward_are_as_ever():
    said = dict(plain_terms(terms_of(percent(250, 50_000))))
    assert said["What you earn"] == "2.5% of the sale, at most $500, when the buyer you pointed out buys."
    assert not {"What the buyer gets", "At the very most"} & set(said)


def test_renewals_alike_are_one_step_of_the_way():
    way = preview_way(terms_of(*STAGED), Money(3_000_000, "usd"), renewals=9)
    assert [step.title for step in way.steps] == [
        "When they are qualified", "When they buy", "After the sale", "Renewals 1 to 3, each", "Renewal 4"]
    assert (way.reward.minor, way.fee.minor) == (136_000, 6_800)




def test_where_thanks_alone_are_given_the_plain_words_speak_of_no_money():
    said = dict(plain_terms(terms_of(thing(kind=NonCash.THANK_YOU, words="Our thanks on the wall"))))
    assert said["What it costs you"] == "Nothing." and "If the sale is refunded" not in said
    assert "Stripe" not in said["When it is paid"] and "no money" in said["When it is paid"]
