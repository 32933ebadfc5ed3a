"""What a bounty is about, read once and kept beside it: concepts, words, place, the least that a buyer must spend."""
import re
from dataclasses import asdict, dataclass
from typing import Any

from marketplace.bounties.words import concepts, content_stems, find_mentions, fold, language_of, tokens_of
from marketplace.foundation.places import Place, parse_place
from marketplace.foundation.sums import find_sums

ANALYSER = 1  # Raise it when the words or this module change: what was read by an older one is read again.
OTHER_CATEGORY = 50  # Of 100: what a solar bounty says of cars is beside the point;
AKIN = 80  # but a cleaner may call it home or service.
_AKIN = frozenset({"home", "services", "solar", "other", "real_estate", "insurance"})
MOST_STEMS = 80
_DEMANDS = re.compile(
    r"\b(?:at least|from|minimum(?: of)?|budget of|starting at|more than|ab|"
    r"mindestens|desde|a partir de|minimo|au moins)"
    r"\b\W*(?:\w+\W+){0,2}$")


@dataclass(frozen=True)
class OfferReading:
    """``concepts``: how much it is about each, of 100. ``least``: main units and currency, or None."""

    concepts: dict[str, int]
    title_stems: list[str]
    stems: list[str]
    places: list[dict[str, Any]]
    place_words: str
    category: str
    currency: str
    least: tuple[int, str | None] | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def read_offer(
    *, title: str, offer: str, criteria: list[str], category: str, place: str, currency: str,
) -> OfferReading:
    """Pure: the same words give the same reading on every machine."""
    parts = ((title, 60), (offer, 50), (". ".join(criteria), 50))
    whole = " . ".join(text for text, _ in parts)
    language = language_of(tokens_of(whole))
    about: dict[str, int] = {}
    for text, weight in parts:
        for concept in {mention.concept for mention in find_mentions(tokens_of(text), language)}:
            about[concept] = about.get(concept, 0) + weight * _fits(concepts()[concept].category, category) // 100
    most = min(100, max(about.values(), default=100))
    return OfferReading(
        concepts={name: min(100, weight * 100 // most) for name, weight in sorted(about.items())},
        title_stems=content_stems(tokens_of(title), language),
        stems=content_stems(tokens_of(whole), language)[:MOST_STEMS],
        places=[asdict(one) for one in parse_place(place)], place_words=fold(place.split(",", maxsplit=1)[0]),
        category=category, currency=currency, least=_least(fold(f"{offer} . {'. '.join(criteria)}")))


def _fits(concept: str, bounty: str) -> int:
    if concept == bounty:
        return 100
    return AKIN if {concept, bounty} <= _AKIN else OTHER_CATEGORY


def index_words(reading: OfferReading) -> str:
    """What the full-text index holds: stems, concepts and places, each as one plain word."""
    places = [Place(**place) for place in reading.places]
    kinds = [word for place in places for word in (place_word(place), *inside_words(place))] or ["zpunknown"]
    return " ".join(dict.fromkeys([*reading.stems, *(concept_word(name) for name in reading.concepts), *kinds]))


def concept_word(name: str) -> str:
    return "zc" + name.replace("_", "")


def place_word(place: Place) -> str:
    """A square of one degree for what lies somewhere, else the country or "anywhere"."""
    if place.kind == "anywhere":
        return "zpany"
    if place.kind == "country":
        return f"zp{place.country.lower()}"
    if place.kind == "state":
        return f"zp{place.country.lower()}{place.state.lower()}"
    return square_word(place.latitude, place.longitude)


def inside_words(place: Place) -> list[str]:
    """The country and the state of the US that a bounty's place lies in."""
    country = f"zi{place.country.lower()}"
    return [country, *([country + place.state.lower()] if place.state else [])] if place.country else []


def square_word(latitude: float, longitude: float) -> str:
    return f"zq{int(latitude + 90)}x{int(longitude + 180) % 360}"


def _least(folded: str) -> tuple[int, str | None] | None:
    for found in find_sums(folded):
        if found.main >= 100 and (found.currency or found.is_round) and _DEMANDS.search(folded[:found.start]):
            return int(found.main), found.currency
    return None
