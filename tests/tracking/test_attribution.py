"""Whose customer somebody is: what beats what, and that the order in which things arrive here changes nothing."""
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.bounties.models import Pick
from marketplace.tracking.attribution import Bound, Share, Touch, TouchKind, Window, Word, attribute

pytestmark = pytest.mark.once

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
USUAL = {"bounty": Window()}


def click(who, days, bounty="bounty"):
    return Touch(TouchKind.CLICK, NOW - timedelta(days=days), who, bounty, f"link_{who}", f"/r/{who}")


def code(who, days=0):
    return Touch(TouchKind.CODE, NOW - timedelta(days=days), who, "bounty", f"link_{who}", who.upper())


def lead(who, days, **more):
    return Bound(f"lead_{who}_{days}", NOW - timedelta(days=days), who, "bounty", "They were pointed out, and said yes", **more)


def whose(touches=(), leads=(), word=None, windows=USUAL):
    return attribute(touches, leads, word, windows, at=NOW).referrer_id


def test_the_last_click_in_its_days_counts_or_the_first_where_the_terms_say_so():
    clicks = [click("ana", 80), click("tom", 2), click("old", 91)]
    assert whose(clicks) == "tom"
    assert whose(clicks, windows={"bounty": Window(90, Pick.FIRST)}) == "ana"
    assert whose(clicks, windows={"bounty": Window(1)}) is None
    assert whose([click("ana", -1)]) is None


def test_a_code_beats_a_link_and_what_bound_them_first_beats_both():
    assert whose([click("tom", 0), code("ana")]) == "ana"
    assert whose([click("tom", 0), code("tom")], [lead("ana", 400), lead("eve", 3)]) == "ana"


def test_the_buyers_own_answer_beats_all_but_the_first_sale():
    known = [click("tom", 1), code("tom")], [lead("tom", 9), lead("ana", 1)]
    assert whose(*known, Word("ana", NOW)) == "ana"
    assert whose(*known, Word(None, NOW)) is None
    assert whose(*known, Word("somebody", NOW)) is None
    sold = [lead("tom", 9), lead("ana", 1), lead("eve", 5, has_bought=True)]
    assert whose(leads=sold, word=Word("ana", NOW, "lead_ana_1")) == "eve"
    assert whose(leads=[*sold, lead("ana", 2, has_bought=True)], word=Word("ana", NOW, "lead_ana_2")) == "ana"


def test_an_agreed_split_is_divided_and_the_reasons_are_sentences():
    found = attribute([click("tom", 1)], [lead("ana", 3, parts=(("eve", 2_500),))], None, USUAL, at=NOW)
    assert found.shares == (Share("ana", 7_500), Share("eve", 2_500))
    assert all(why[0].isupper() and why.endswith(".") for why in found.reasons)
    assert "Not counted: A click on the link /r/tom on 21 Nov 2026." in found.reasons


def test_of_two_bounties_the_last_click_decides_whatever_each_counts_by():
    clicks = [click("ana", 5, "first"), click("eve", 3, "first"), click("tom", 4, "last")]
    assert whose(clicks, windows={"first": Window(90, Pick.FIRST), "last": Window()}) == "tom"


people = st.sampled_from(["ana", "tom", "eve"])
days = st.integers(-3, 120)
touches = st.lists(st.builds(click, people, days) | st.builds(click, people, days, st.just("other")) | st.builds(code, people, days),
                   max_size=6)
leads = st.lists(st.builds(lead, people, st.integers(0, 200)), max_size=3)
words = st.none() | st.builds(Word, st.none() | people, st.just(NOW))
windows = st.fixed_dictionaries({"bounty": st.builds(Window, st.integers(1, 365), st.sampled_from(Pick)),
                                 "other": st.builds(Window, st.integers(1, 365), st.sampled_from(Pick))})


@settings(max_examples=60, deadline=None)
@given(touches, leads, words, windows, st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_nothing(some, bound, word, given_windows, random):
    told = attribute(some, bound, word, given_windows, at=NOW)
    mixed, other = random.sample(some, len(some)), random.sample(bound, len(bound))
    assert attribute(mixed, other, word, given_windows, at=NOW) == told
    assert attribute([*mixed, *some], [*other, *bound], word, given_windows, at=NOW) == told  # What comes twice is once.
    assert sum(share.bps for share in told.shares) in {0, 10_000} and bool(told.shares) == bool(told.bound or told.touch)


@settings(max_examples=60, deadline=None)
@given(touches, leads, windows)
def test_what_came_too_late_or_too_early_changes_nothing(some, bound, given_windows):
    told = attribute(some, bound, None, given_windows, at=NOW)
    more = [click("mallory", 400), click("mallory", -2)]
    found = attribute([*some, *more], bound, None, given_windows, at=NOW)
    assert (found.shares, found.bound, found.touch) == (told.shares, told.bound, told.touch)
