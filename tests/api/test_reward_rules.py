"""Rewards of several parts for programs: a list in, the same list out, and the arithmetic asked for."""
import pytest

from marketplace.bounties.models import Bounty
from tests import factories as make
from tests.api.program import BOUNTY
from tests.api.test_bad_input import how_many

PLAIN = {name: value for name, value in BOUNTY.items() if not name.startswith("reward")}
PARTS = [
    {"happening": "qualified", "kind": "flat", "amount": "200.00"},
    {"kind": "percent", "percent": "2.5", "floor": "50.00", "cap": "500.00"},
    {"happening": "later", "kind": "flat", "amount": "100.00", "after_days": 90},
    {"happening": "renewal", "kind": "flat", "amount": "20.00", "times": 3},
    {"whom": "buyer", "kind": "flat", "amount": "75.00"},
    {"kind": "non_cash", "thing": "favour", "words": "A drive in the mountains"},
]


@pytest.fixture
def theirs(westside, program):
    return program(make.owner_of(westside))


@pytest.fixture
def bounties(westside):
    return f"/businesses/{westside.id}/bounties"


def text_of(shown):
    """A rule as it came out, in the shape it goes in."""
    amounts = {name: shown[name]["amount"] for name in ("amount", "floor", "cap") if shown[name]}
    plain = {name: shown[name] for name in (
        "happening", "whom", "kind", "percent", "after_days", "times", "months", "thing", "words") if shown[name]}
    return plain | amounts


def test_a_list_of_parts_goes_in_and_comes_out(theirs, bounties):
    sent = {**PLAIN, "rules": PARTS, "cause": "Denver Food Bank", "cap_per_bounty": "9000.00"}
    terms = theirs.must(bounties, sent)["terms"]
    assert [rule["in_words"] for rule in terms["rules"]] == [
        "$200 when they are qualified", "2.5% of the sale, at least $50 and at most $500, when they buy",
        "a favour owed (A drive in the mountains) when they buy", "$75 for the buyer when they buy",
        "$100 90 days after the sale", "$20 at each of the first 3 renewals"]
    assert (terms["highest_reward"]["minor"], terms["worst_case"]["minor"]) == (86_000, 98_175)
    assert (terms["cause"], terms["cap_per_bounty"]["amount"], terms["cap_per_month"]) == ("Denver Food Bank", "9000.00", None)

    again = theirs.must(bounties, {**sent, "rules": [text_of(rule) for rule in terms["rules"]]})["terms"]
    assert again["rules"] == terms["rules"]


def test_the_short_form_is_one_rule_and_stands_beside_others(theirs, bounties):
    one = theirs.must(bounties, BOUNTY)["terms"]["rules"]
    assert [(rule["happening"], rule["whom"], rule["amount"]["minor"]) for rule in one] == [("won", "referrer", 100_000)]
    two = theirs.must(bounties, {**BOUNTY, "rules": PARTS[:1]})["terms"]["rules"]
    assert [rule["happening"] for rule in two] == ["qualified", "won"]


@pytest.mark.parametrize(("rules", "field"), [
    ([], "reward_kind"), ([{}], "rules.0.kind"), (["x"], "rules.0._schema"), ("x", "rules"), ({"a": 1}, "rules"),
    ([PARTS[0], {"kind": "flat"}], "rules.1.amount"), ([{"kind": "percent", "percent": "2"}], "rules.0.cap"),
    ([{"kind": "flat", "amount": "5", "cap": "9"}], "rules.0.cap"), ([{"kind": "flat", "amount": 5}], "rules.0.amount"),
    ([{"kind": "flat", "amount": "5", "times": 3}], "rules.0.times"), ([{"kind": "non_cash", "thing": "credit"}], "rules.0.words"),
    ([{"kind": "non_cash", "words": "A cake"}], "rules.0.thing"), ([{**PARTS[3], "times": 121}], "rules.0.times"),
    ([{**PARTS[0], "fee_bps": 0}], "rules.0.fee_bps"), ([PARTS[0]] * 7, "reward_kind"),
    ([{"happening": "qualified", "kind": "percent", "percent": "2", "cap": "5"}], "rules.0.kind"),
])
def test_a_wrong_part_is_named_by_its_place(theirs, bounties, rules, field):
    refused = theirs.post(bounties, {**PLAIN, "rules": rules})
    assert refused.status_code == 422
    assert field in refused.json["errors"]
    assert how_many(Bounty) == 0


def test_a_cause_wants_a_share_for_the_buyer(theirs, bounties):
    assert "cause" in theirs.post(bounties, {**BOUNTY, "cause": "Denver Food Bank"}).json["errors"]


@pytest.mark.parametrize(("asked", "reward", "buyer", "fee"), [
    ({"sale": "4000"}, "100.00", "75.00", 8_75), ({"happening": "qualified"}, "200.00", "0.00", 10_00),
    ({"happening": "renewal", "sale": "9", "number": "3", "months": "5"}, "20.00", "0.00", 1_00),
    ({"happening": "renewal", "sale": "9", "number": "4"}, "0.00", "0.00", 0),
    ({"happening": "later", "sale": "9"}, "100.00", "0.00", 5_00),
])
def test_what_would_be_earned_is_worked_out_line_by_line(theirs, bounties, asked, reward, buyer, fee):
    bounty = theirs.must(bounties, {**PLAIN, "rules": PARTS})
    shown = theirs.get(f"/bounties/{bounty['id']}/reward-preview", **asked).json
    assert (shown["reward"]["amount"], shown["buyer_share"]["amount"], shown["fee"]["minor"]) == (reward, buyer, fee)
    assert sum(share["amount"]["minor"] for share in shown["shares"]) == shown["reward"]["minor"] + shown["buyer_share"]["minor"]
    assert shown["lines"]


@pytest.mark.parametrize(("asked", "field"), [
    ({}, "sale"), ({"sale": "5", "happening": "never"}, "happening"), ({"sale": "5", "number": "0"}, "number"),
    ({"happening": "renewal"}, "sale"), ({"sale": "5", "months": "-1"}, "months"),
])
def test_an_absurd_question_is_refused(theirs, bounties, asked, field):
    bounty = theirs.must(bounties, {**PLAIN, "rules": PARTS})
    refused = theirs.get(f"/bounties/{bounty['id']}/reward-preview", **asked)
    assert (refused.status_code, field in refused.json["errors"]) == (422, True)


def test_the_board_is_asked_by_currency(theirs, westside):
    for currency in ("usd", "jpy"):
        make.make_bounty(westside, is_live=True, currency=currency, rules=[make.flat(10_000)])
    assert [bounty["terms"]["currency"] for bounty in theirs.get("/bounties", currency="jpy").json["data"]] == ["jpy"]
