"""How well an offer fits a need, and why, in words: arithmetic alone."""
import pytest

from marketplace.bounties.offer_reading import read_offer
from marketplace.referrals.fitting import OFFERED_FROM, Offered, fit
from marketplace.referrals.needs import read_need

pytestmark = pytest.mark.once

CARS = {"title": "Used cars", "offer": "We sell used cars of every make.", "criteria": ["Wants a car"], "category": "cars"}
JOBS = {"title": "Nurses wanted", "offer": "We hire nurses for our hospital.", "criteria": ["Looks for a job as a nurse"],
        "category": "hiring"}


def fits(text, place="Denver, US", offer=CARS):
    """The score, and the reasons after the first."""
    found = fit(read_need(text), Offered(read_offer(place=place, currency="usd", **offer), "Westside Auto", place))
    return (found.score, found.reasons[1:]) if found else None


@pytest.mark.parametrize(("text", "place", "said"), [
    ("I need a used car in Denver.", "Denver, US", "Denver is the bounty's place."),
    ("I need a used car in Boulder.", "Denver, US", "Boulder is about 40 km from Denver, the bounty's place."),
    ("I need a used car in Colorado Springs.", "Denver, US", "Colorado Springs is about 100 km from Denver, the bounty's place."),
    ("Necesito un coche en Gràcia.", "Barcelona, ES", "Gràcia is next to Barcelona, the bounty's place."),
    ("I need a used car in Oakland.", "California, US", "The bounty is for all of California."),
    ("I need a used car in California.", "San Diego, US", "They name California, and San Diego is there."),
    ("I need a used car in the United States, please.", "Denver, US", "They name United States; the bounty is for Denver, US."),
    ("I need a used car in Kassel.", "Germany", "The bounty is for all of Germany."),
    ("I need a used car.", "", "The bounty is for every place."),
    ("I need a used car.", "Denver, US", "They do not say where they are; the bounty is for Denver, US."),
    ("I need a used car in Little Nowhere.", "Little Nowhere", "They do not say where they are; the bounty is for Little Nowhere."),
])
def test_the_place_is_a_reason(text, place, said):
    assert fits(text, place)[1] == (said,)


@pytest.mark.parametrize(("text", "place"), [
    ("I need a used car in Tampa.", "Denver, US"), ("I need a used car in Reno.", "California, US"),
    ("I need a used car in Vienna.", "Germany"), ("I need a used car in Texas.", "Denver, US"),
    ("I need a used car in Tampa.", "Little Nowhere"), ("Wir suchen ein gebrauchtes Auto.", "Denver, US"),
])
def test_another_place_is_no_fit(text, place):
    assert fits(text, place) is None


def test_nearer_is_better_and_the_distance_is_said():
    scores = [fits(f"I need a used car in {place}.")[0] for place in ("Denver", "Boulder", "Colorado Springs")]
    assert scores == sorted(scores, reverse=True) and len(set(scores)) == 3 and scores[-1] >= OFFERED_FROM
    assert fits("I need a used car in La Mesa.", "San Diego, US")[1] == (
        "La Mesa is about 14 km from San Diego, the bounty's place.",)


def test_a_wider_shop_may_have_it_and_a_narrower_one_has_nothing_else():
    electric = {**CARS, "title": "Electric cars", "offer": "We sell electric cars.", "criteria": ["Wants an electric car"]}
    assert OFFERED_FROM <= fits("I need an electric car in Denver.")[0] < fits("I need an electric car in Denver.", offer=electric)[0]
    assert fits("I need a used car in Denver.", offer=electric) is None


def test_work_and_workers_are_two_things():
    assert fits("I am a nurse, looking for a new job in Denver.", offer=JOBS)[0] >= OFFERED_FROM
    assert fits("I need a nurse for my mother in Denver.", offer=JOBS) is None
    assert fits("I am a nurse, looking for a new job in Denver.") is None
    assert fits("Looking for a job in Denver where I sell a used car a day.")[0] < fits("I need a used car in Denver.")[0]


def test_a_budget_in_another_currency_says_nothing_and_too_small_a_one_refuses():
    demanding = {**CARS, "criteria": ["Spends at least $20,000"]}
    assert fits("I need a used car in Denver, up to $9,000.", offer=demanding) is None
    assert fits("I need a used car in Denver, up to €9,000.", offer=demanding)[1] == ("Denver is the bounty's place.",)
    assert fits("I need a used car in Denver, up to 30k.", offer=demanding)[1][-1] == "They would spend up to $30,000."


def test_one_equal_word_is_not_enough():
    hives = {"title": "Beekeeping hives", "offer": "Hives of larch for beekeeping.", "criteria": ["Keeps bees"], "category": "other"}
    assert fits("I am looking for beekeeping hives in Denver.", offer=hives)[0] >= OFFERED_FROM
    assert fits("I am looking for beekeeping gossip in Denver.", offer=hives) is None


def test_nothing_fits_where_nobody_looks():
    assert fits("Just sold my used car in Denver.") is None
