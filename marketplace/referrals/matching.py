"""Which live bounties fit what somebody wrote, best first, with what one would earn and why each fits."""
from dataclasses import dataclass
from datetime import date, timedelta

from marketplace.bounties.gate import Ruling, forbidden_parts, rule_on
from marketplace.bounties.models import Bounty, Category
from marketplace.bounties.offer_reading import OfferReading, concept_word, inside_words, place_word, square_word
from marketplace.bounties.preview import reward_in_words
from marketplace.bounties.queries import Backing, backing_among, bounties_by_id
from marketplace.bounties.search import find_by_words
from marketplace.bounties.words import concepts
from marketplace.foundation import clock
from marketplace.foundation.places import Place
from marketplace.referrals.fitting import Fit, Offered, fit
from marketplace.referrals.needs import Need, read_need

CANDIDATES = 300  # From the full-text index, for each of the two ways of asking it.
MOST_OFFERED = 8


@dataclass(frozen=True)
class Match:
    """``score`` of 100; ``reward`` in words; ``reasons`` as sentences, the weightiest first."""

    bounty: Bounty
    score: int
    reward: str
    reasons: tuple[str, ...]
    backing: Backing
    is_too_old: bool  # Older than what the bounty takes without a reason.
    law: str  # What the law where the reader lives makes of the reward; "" where it allows all.

    @property
    def is_funded(self) -> bool | None:
        """None where it pays no money."""
        return None if self.backing is Backing.NO_MONEY else self.backing is Backing.FUNDED


@dataclass(frozen=True)
class Reader:
    """Who asks: where they live, as far as it is known, and where they work, whose bounties they cannot earn."""

    jurisdiction: str = ""
    business_ids: frozenset[str] = frozenset()


NOBODY = Reader()


@dataclass(frozen=True)
class Matched:
    """What was read, and what fits it: at most MOST_OFFERED, the best first."""

    need: Need
    matches: tuple[Match, ...]


def match_post(
    text: str, *, title: str = "", language: str | None = None, written_on: date | None = None, reader: Reader = NOBODY,
) -> Matched:
    """Reads only: the post is not kept."""
    need = read_need(text, title, language)
    if not need.is_looking:
        return Matched(need, ())
    found = dict(_candidates(need))
    weighed = [(kept, bounty_id) for bounty_id, reading in found.items()
               if (kept := _rough(need, reading))]
    best = sorted(weighed, key=lambda one: (-one[0].score, one[1]))[:MOST_OFFERED]
    bounties = bounties_by_id(bounty_id for _, bounty_id in best)
    backing = backing_among(list(bounties.values()))
    rulings: dict[tuple[Category, str], Ruling] = {}
    matches = [
        Match(bounty, rough.score, reward_in_words(bounty.terms), _reasons(need, bounty, found[bounty.id]),
              backing[bounty.id], _is_too_old(bounty, written_on), _law(bounty, reader.jurisdiction, rulings))
        for rough, bounty in ((rough, bounties[bounty_id]) for rough, bounty_id in best if bounty_id in bounties)
        if bounty.business_id not in reader.business_ids]
    return Matched(need, tuple(sorted(matches, key=lambda match: (-match.score, match.backing is Backing.NOT_YET))))


def _rough(need: Need, reading: OfferReading) -> Fit | None:
    """Without the bounty's row: its names are only for the sentences."""
    return fit(need, Offered(reading, "", ""))


def _reasons(need: Need, bounty: Bounty, reading: OfferReading) -> tuple[str, ...]:
    fits = fit(need, Offered(reading, bounty.business.name, bounty.place))
    return fits.reasons if fits else ()


def _is_too_old(bounty: Bounty, written_on: date | None) -> bool:
    return written_on is not None and clock.now().date() - written_on > timedelta(days=bounty.terms.evidence_days)


def _law(bounty: Bounty, home: str, rulings: dict[tuple[Category, str], Ruling]) -> str:
    """In the words of the rule; "" where nothing of the reward is forbidden. ``rulings``: asked once for a place."""
    key = bounty.terms.category, bounty.terms.jurisdiction
    if key not in rulings:
        rulings[key] = rule_on(bounty.terms.category, [bounty.terms.jurisdiction, home])
    ruling = rulings[key]
    return ruling.rule.says if ruling.rule and forbidden_parts(bounty.terms, ruling) else ""


def _candidates(need: Need) -> list[tuple[str, OfferReading]]:
    """Where no place is named, the bounties for everywhere first: nothing can speak against them."""
    words, *places = asked_of_index(need)
    if places:
        return find_by_words(words, *places, most=CANDIDATES)
    return [*find_by_words(words, ["zpany"], most=CANDIDATES), *find_by_words(words, most=CANDIDATES)]


def asked_of_index(need: Need) -> list[list[str]]:
    """What is wanted, by concept or else by its words; and the squares of the map where, if any place is named."""
    wanted = [concept_word(name) for name, weight in need.concepts.items() if weight >= 40 for name in _akin(name)]
    places = [_place_words(need)] if need.places else []
    return [list(dict.fromkeys(words)) for words in (wanted or list(need.stems), *places)]


def _akin(name: str) -> list[str]:
    wider = concepts()[name].wider
    narrower = [other.name for other in concepts().values() if other.wider == name]
    return [name, *([wider] if wider else []), *narrower]


def _place_words(need: Need) -> list[str]:
    """Everywhere, unknown places, the countries and states named, and the squares around each city."""
    words = ["zpany", "zpunknown"]
    for place in (place for meant in need.places for place in meant):
        words += [f"zp{place.country.lower()}", f"zp{place.country.lower()}{place.state.lower()}", place_word(place)]
        words += _squares(place) if place.kind in {"city", "region"} else [inside_words(place)[-1]]
    return words


def _squares(place: Place) -> list[str]:
    """One degree is about 110 km, less from west to east the further north."""
    east = 1 if abs(place.latitude) < 50 else 2
    reach = 1 + int(place.radius // 110)
    return [square_word(place.latitude + north, place.longitude + west)
            for north in range(-reach, reach + 1) for west in range(-east * reach, east * reach + 1)]
