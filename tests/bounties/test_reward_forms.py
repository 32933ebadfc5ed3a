"""Writing rewards of several parts by form: rows, refusals beside their fields, and the same text back again."""
import pytest
from lxml import html
from sqlalchemy import select

from marketplace.bounties.drafting import in_order
from marketplace.bounties.form import BountyForm, initial_form
from marketplace.bounties.models import Bounty, BountyState, For, Happening, NonCash, RewardKind
from marketplace.bounties.rules import worst_case
from marketplace.foundation.db import db
from marketplace.referrals.models import Lead
from tests.bounties.test_business_pages import FILLED, token_of
from tests.browsing import end_reading, words_of
from tests.factories import PERCENT, accept, flat, make_bounty, make_business, make_lead, make_user, owner_of

QUALIFIED = {"part_2_kind": "flat", "part_2_happening": "qualified", "part_2_whom": "referrer", "part_2_amount": "200"}
LATER = {"part_3_kind": "flat", "part_3_happening": "later", "part_3_amount": "100", "part_3_after_days": "90"}
RENEWAL = {"part_4_kind": "percent", "part_4_happening": "renewal", "part_4_percent": "5", "part_4_cap": "50", "part_4_times": "3"}
BUYER = {"part_5_kind": "flat", "part_5_whom": "buyer", "part_5_amount": "75", "cause": "Denver Food Bank"}
THANKS = {"part_6_kind": "thank_you", "part_6_words": "Dinner for two"}

pytestmark = [pytest.mark.usefixtures("app"), pytest.mark.once]


def only_bounty():
    end_reading()
    return db.session.scalars(select(Bounty)).one()


def rules_of(bounty):
    return [(rule.happening.value, rule.whom.value, rule.kind.value,
             rule.amount_minor or rule.rate_bps or rule.words) for rule in bounty.terms.rules]


@pytest.fixture
def business(app):
    return make_business()


@pytest.fixture
def write(business, as_user):
    """Send the form of a new bounty with these fields on top of the simple ones."""
    browser, url = as_user(owner_of(business)), f"/businesses/{business.id}/bounties/new"
    token = token_of(browser.page(url))
    return lambda **fields: browser.post(url, data={**FILLED, "csrf_token": token, **fields}, follow_redirects=True)


def test_every_kind_of_part_in_one_form(write):
    answer = write(**QUALIFIED, **LATER, **RENEWAL, **BUYER, **THANKS, cap_per_referrer="5000", cap_per_month="2000")
    assert answer.status_code == 200
    bounty = only_bounty()
    assert rules_of(bounty) == [
        ("qualified", "referrer", "flat", 20_000), ("won", "referrer", "flat", 100_000),
        ("won", "referrer", "non_cash", "Dinner for two"), ("won", "buyer", "flat", 7_500),
        ("later", "referrer", "flat", 10_000), ("renewal", "referrer", "percent", 500)]
    assert [rule.position for rule in bounty.terms.rules] == [1, 2, 3, 4, 5, 6]
    assert bounty.terms.rules[5].times == 3
    assert bounty.terms.rules[4].after_days == 90
    terms = bounty.terms
    assert (terms.cause, terms.cap_per_referrer_minor, terms.cap_per_month_minor, terms.cap_per_bounty_minor, terms.rule_count) == (
        "Denver Food Bank", 500_000, 200_000, None, 6)
    assert bounty.highest_reward == 145_000
    assert worst_case(terms).minor == 160_125
    assert "Fund it for at least one lead: $1,601.25." in answer.text


def test_parts_alone_without_a_reward_for_the_sale(write):
    assert write(reward_kind="", **QUALIFIED).status_code == 200
    assert rules_of(only_bounty()) == [("qualified", "referrer", "flat", 20_000)]
    typed = initial_form(only_bounty().terms)
    assert (typed["reward_kind"], typed["part_2_amount"], typed.get("reward")) == ("", "200.00", None)


def test_what_a_choice_hides_is_not_looked_at(write):
    """Somebody typed a percentage, then chose a fixed sum; the page hides the first, and so do we."""
    answer = write(**QUALIFIED, part_2_percent="999", part_2_cap="nonsense", part_2_after_days="x", part_2_words="y",
                   part_3_kind="none", part_3_amount="-5", reward_percent="oh", cause="A cause without a share")
    assert answer.status_code == 200
    assert rules_of(only_bounty()) == [("qualified", "referrer", "flat", 20_000), ("won", "referrer", "flat", 100_000)]
    assert only_bounty().terms.cause is None


@pytest.mark.parametrize(("fields", "field", "said"), [
    ({**QUALIFIED, "part_2_amount": ""}, "part_2_amount", "Say how much."),
    ({**QUALIFIED, "part_2_amount": "0.50"}, "part_2_amount", "At least $1."),
    ({**QUALIFIED, "part_2_amount": "1.001"}, "part_2_amount", "2 decimals"),
    ({**QUALIFIED, "part_2_kind": "percent", "part_2_percent": "2", "part_2_cap": "9"}, "part_2_kind", "no sale yet"),
    ({**LATER, "part_3_after_days": ""}, "part_3_after_days", "how many days"),
    ({**LATER, "part_3_after_days": "0"}, "part_3_after_days", "Write a number from 1 to 730."),
    ({**LATER, "part_3_after_days": "731"}, "part_3_after_days", "Write a number from 1 to 730."),
    ({**RENEWAL, "part_4_times": ""}, "part_4_times", "how many renewals"),
    ({**RENEWAL, "part_4_times": "many"}, "part_4_times", "Write a whole number"),
    ({**RENEWAL, "part_4_cap": ""}, "part_4_cap", "kept ready for each lead"),
    ({**RENEWAL, "part_4_percent": "101"}, "part_4_percent", "Between 0.01 and 100."),
    ({**RENEWAL, "part_4_floor": "51"}, "part_4_floor", "No more than the cap of $50."),
    ({**THANKS, "part_6_words": ""}, "part_6_words", "Say what it is."),
    ({"part_2_kind": "gold"}, "part_2_kind", "Choose one of the list"),
    ({**QUALIFIED, "part_2_whom": "me"}, "part_2_whom", "Choose one of the list"),
    ({**QUALIFIED, "part_2_colour": "red"}, "part_2_colour", "Unknown field."),
    ({"part_7_kind": "flat", "part_7_amount": "5", **QUALIFIED, **LATER, **RENEWAL, **BUYER, **THANKS}, "reward_kind", "At most 6 parts."),
    ({"cap_per_referrer": "999.99"}, "cap_per_referrer", "At least $1,000"),
    ({"cap_per_month": "lots"}, "cap_per_month", "in figures"),
    ({"reward_kind": "percent", "reward_percent": "2.5"}, "reward_cap", "kept ready for each lead"),
    ({"reward_kind": "percent", "reward_percent": "2.5", "reward_cap": "5", "reward_floor": "6"}, "reward_floor", "No more than"),
    ({"reward_kind": ""}, "reward_kind", "Say what you pay."),
    ({"currency": "kwd", "reward": "1.005"}, "reward", "steps of 0.010"),
    ({"currency": "jpy", "reward": "1000.5"}, "reward", "no decimals"),
])
def test_what_is_wrong_with_a_part_is_said_beside_it_and_what_was_typed_stays(write, fields, field, said):
    answer = write(**fields)
    assert answer.status_code == 422
    assert f'href="#f-{field}"' in answer.text
    assert said in answer.text
    assert "people who call you back" in answer.text
    end_reading()
    assert db.session.scalars(select(Bounty)).all() == []


def test_the_refused_row_stays_open_with_its_text(write):
    answer = write(**{**RENEWAL, "part_4_cap": ""}, **BUYER)
    page = html.fromstring(answer.text)
    assert page.xpath("//details[@open][.//input[@id='f-part_4_percent']]") != []
    assert page.xpath("//input[@id='f-part_4_percent']/@value") == ["5"]
    assert page.xpath("//p[@id='f-part_4_cap-problem']") != []
    assert page.xpath("//select[@id='f-part_5_whom']/option[@selected]/@value") == ["buyer"]
    assert page.xpath("//input[@id='f-cause']/@value") == ["Denver Food Bank"]
    assert page.xpath("//details[@open][.//input[@id='f-part_2_amount']]") == []


ALL_KINDS = [
    flat(20_000, happening=Happening.QUALIFIED), flat(100_000), flat(10_000, happening=Happening.LATER, after_days=90),
    {"happening": Happening.RENEWAL, "kind": RewardKind.PERCENT, "rate_bps": 525, "floor_minor": 150, "cap_minor": 5_050,
     "within_months": 12, "times": 3},
    flat(7_500, whom=For.BUYER),
    {"kind": RewardKind.NON_CASH, "thing": NonCash.FAVOUR, "words": "A drive in the mountains"},
]


@pytest.mark.once
@pytest.mark.parametrize("terms", [
    {}, PERCENT, {"rules": ALL_KINDS, "cause": "Denver Food Bank", "cap_per_referrer_minor": 900_000,
                  "cap_per_bounty_minor": 9_000_000, "cap_per_month_minor": 500_000},
    {"rules": [flat(5_000, happening=Happening.QUALIFIED)]},
    {"rules": [{"kind": RewardKind.NON_CASH, "thing": NonCash.CREDIT, "words": "A free service"}]},
    {"rules": [flat(5_000), flat(700)]}, {"rules": [flat(123_450)], "currency": "kwd"}, {"rules": [flat(5_000)], "currency": "jpy"},
])
def test_the_form_filled_from_terms_says_the_same_terms_again(terms):
    bounty = make_bounty(**terms)
    typed = {"title": bounty.title, "offer": bounty.offer, **initial_form(bounty.terms)}
    loaded = BountyForm().load({name: text for name, text in typed.items() if text})
    asked = {**terms, "rules": terms.get("rules", [flat(100_000)])}
    assert in_order(loaded["rules"]) == in_order(asked["rules"])
    assert {name: loaded[name] for name in asked if name != "rules"} == {name: asked[name] for name in asked if name != "rules"}


def test_saving_a_staged_bounty_untouched_makes_no_new_terms(as_user, business):
    bounty = make_bounty(business, rules=ALL_KINDS, cause="Denver Food Bank", cap_per_month_minor=500_000)
    answer = as_user(owner_of(business)).submit(f"/bounties/{bounty.id}/edit", {}, press="Save")
    assert "The terms are as they were" in answer.text


def test_a_part_is_taken_out_and_leads_keep_theirs(as_user, business):
    bounty = make_bounty(business, is_live=True, rules=ALL_KINDS[:2])
    lead = make_lead(bounty)
    answer = as_user(owner_of(business)).submit(f"/bounties/{bounty.id}/edit", {"part_2_kind": "none"}, press="Save")
    assert "New leads come under terms number 2" in answer.text
    assert rules_of(only_bounty()) == [("won", "referrer", "flat", 100_000)]
    db.session.refresh(lead)
    assert len(lead.terms.rules) == 2


def test_the_page_shows_every_part_and_previews_the_whole_way(anonymous, business):
    bounty = make_bounty(business, is_live=True, rules=ALL_KINDS[:4])
    page = words_of(anonymous.page(f"/bounties/{bounty.id}"))
    assert "When they are qualified You earn $200." in page
    assert "At each of the first 3 renewals in the first 12 months You earn 5.25% of the renewal, at least $1.50" in page
    way = words_of(anonymous.page(f"/bounties/{bounty.id}?sale=500&renewals=2"))
    assert "Renewals 1 to 2, each" in way
    assert "5.25% of the renewal, rounded down $26.25" in way
    assert "$1,352.50 for you in all" in way  # 200 + 1,000 + 100 + 2 x 26.25


@pytest.mark.parametrize("renewals", ["-1", "x", "1.5", "99999", "٣"])
def test_absurd_renewals_are_explained_and_stay_typed(anonymous, business, renewals):
    bounty = make_bounty(business, is_live=True, rules=ALL_KINDS[:4])
    answer = anonymous.get(f"/bounties/{bounty.id}", query_string={"sale": "500", "renewals": renewals})
    assert answer.status_code == 422
    assert 'id="f-renewals-problem"' in answer.text
    assert f'value="{renewals}"' in answer.text


def test_a_bounty_that_pays_no_money_needs_no_funds(as_user, anonymous, business):
    bounty = make_bounty(business, rules=[{"kind": RewardKind.NON_CASH, "thing": NonCash.THANK_YOU, "words": "Dinner for two"}])
    owner = as_user(owner_of(business))
    assert "It pays no money, so it needs no funds." in words_of(owner.page(f"/bounties/{bounty.id}"))
    owner.submit(f"/bounties/{bounty.id}", action="/publication")
    assert only_bounty().state is BountyState.LIVE
    ana = make_user("Ana Flores")
    board = words_of(as_user(ana).page("/bounties"))
    assert "Thank-you when they buy" in board
    for address in ("/", "/bounties", f"/bounties/{only_bounty().id}", f"/businesses/{business.slug}"):
        badges = [one.text_content().strip() for one in anonymous.page(address).xpath("//main//*[contains(@class, 'badge')]")]
        assert "Pays no money" in badges and not [said for said in badges if "unded" in said], address
    accept(make_lead(only_bounty(), by=ana))
    assert only_bounty().state is BountyState.LIVE
    lead_page = as_user(ana).page(f"/leads/{db.session.query(Lead.id).scalar()}")
    assert "reserved" not in words_of(lead_page) and "set aside" not in words_of(lead_page)


def test_the_highest_reward_is_ranked_within_a_currency(anonymous, business):
    for title, currency, minor in (("Yen, ten thousand", "jpy", 10_000), ("Dollars, ninety", "usd", 9_000),
                                   ("Dollars, a hundred", "usd", 10_000), ("Dinars, fifty", "kwd", 50_000)):
        make_bounty(business, is_live=True, title=title, currency=currency, rules=[flat(minor)])

    def titles(query):
        page = anonymous.page(f"/bounties?{query}")
        return [" ".join(h.text_content().split()) for h in page.xpath("//article//h3")]

    assert titles("sort=highest") == ["Dollars, a hundred", "Dollars, ninety", "Dinars, fifty", "Yen, ten thousand"]
    assert titles("sort=highest&currency=usd") == ["Dollars, a hundred", "Dollars, ninety"]
    assert titles("currency=kwd") == ["Dinars, fifty"]
    assert anonymous.get("/bounties?currency=xxx").status_code == 422
