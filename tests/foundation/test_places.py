"""Names of places, and how far they are apart."""
import pytest

from marketplace.foundation import jurisdictions
from marketplace.foundation.fields import JurisdictionCode
from marketplace.foundation.places import distance_km, find_places, parse_place

pytestmark = pytest.mark.once


@pytest.mark.parametrize(("text", "meant"), [
    ("Denver, US", ("Denver", "city", "US", "CO")), ("Aurora, CO", ("Aurora", "city", "US", "CO")),
    ("Portland, OR", ("Portland", "city", "US", "OR")), ("Freiburg, DE", ("Freiburg", "city", "DE", "")),
    ("München, DE", ("Munich", "city", "DE", "")), ("California, US", ("California", "state", "US", "CA")),
    ("Deutschland", ("Germany", "country", "DE", "")), ("Japón", ("Japan", "country", "JP", "")),
    ("Bay Area", ("Bay Area", "region", "US", "CA")), ("NYC", ("New York City", "city", "US", "NY")),
    ("", ("", "anywhere", "", "")),
])
def test_a_place_is_found_by_the_names_people_give_it(text, meant):
    first = parse_place(text)[0]
    assert (first.name, first.kind, first.country, first.state) == meant


def test_an_unknown_name_means_nothing_and_the_narrower_part_decides_between_namesakes():
    assert parse_place("Nowhereville") == find_places("") == ()
    assert {place.state for place in parse_place("Springfield, IL")} == {"IL"}
    assert len({place.state for place in parse_place("Springfield")}) > 2


def test_distances_are_those_of_the_map():
    denver, boulder, freiburg = (parse_place(name)[0] for name in ("Denver, CO", "Boulder, CO", "Freiburg, DE"))
    assert 35 < distance_km(denver, boulder) < 45
    assert 8_000 < distance_km(denver, freiburg) < 8_600
    assert distance_km(denver, denver) == 0


def test_each_place_stands_once_in_the_list_and_a_territory_is_under_its_countrys_law():
    names = [name.removesuffix(", United States") for code, name in jurisdictions.choices()
             if len(code) == 2 or code.startswith("US-")]
    assert sorted({name for name in names if names.count(name) > 1}) == ["Georgia"], "a country and a state"
    assert [code for code, name in jurisdictions.choices() if "Puerto Rico" in name] == ["US-PR"]
    assert JurisdictionCode().deserialize("PR") == "US-PR" and jurisdictions.covers("US", "US-PR")
