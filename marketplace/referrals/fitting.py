"""How well a bounty fits a need, and why, in words. Pure arithmetic over what was read of both."""
from dataclasses import dataclass

from marketplace.bounties.offer_reading import OfferReading
from marketplace.bounties.words import concepts
from marketplace.foundation.money import show_money
from marketplace.foundation.places import FAR_KM, NEAR_KM, Place, distance_km
from marketplace.referrals.needs import Need

OFFERED_FROM = 50  # Below it nothing is offered: chosen on the half of the labelled set that is there for it.
WIDER, NARROWER = 72, 44  # A shop for all cars may have an electric one; a shop for electric ones has no other.
WORDS_ALONE = 62  # The most that equal words can do where no concept is known.
NO_PLACE_SAID, FOREIGN = 93, 40
OF_WORK = 60  # Who looks for work is no buyer of anything else.
SPOKEN = {  # Where one writes so without saying where: others would name the place.
    "en": {"US", "GB", "IE", "CA", "AU", "NZ", "ZA", "IN", "SG"}, "de": {"DE", "AT", "CH", "LI", "LU"},
    "es": {"ES", "MX", "AR", "CL", "CO", "PE", "UY", "EC", "CR", "US"}, "fr": {"FR", "BE", "CH", "CA", "LU", "MC"},
}


@dataclass(frozen=True)
class Fit:
    """``score`` of 100; ``reasons`` are sentences for people, the weightiest first."""

    score: int
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Offered:
    """A bounty as it is compared. ``place`` and ``business`` are as they are shown."""

    reading: OfferReading
    business: str
    place: str


def fit(need: Need, offered: Offered) -> Fit | None:
    """None where it does not fit: another thing, another place, too small a budget."""
    if not need.is_looking:
        return None
    about, reason = _what(need, offered)
    if about < OFFERED_FROM:
        return None
    near, where = _where(need, offered)
    if about * near // 100 < OFFERED_FROM:
        return None
    money = _money(need, offered)
    if money is None:
        return None
    return Fit(about * near // 100, tuple(filter(None, (reason, where, money))))


# ---- What


def _what(need: Need, offered: Offered) -> tuple[int, str]:
    reading, best, named = offered.reading, 0, ""
    for wanted, weight in need.concepts.items():
        if reading.category == "hiring" and wanted.startswith("role_") != need.seeks_work:
            continue
        if wanted.startswith("role_") and reading.category != "hiring":
            continue
        for about, share in reading.concepts.items():
            score = weight * share * _alike(wanted, about) // 10_000
            if score > best:
                best, named = score, wanted
    if need.seeks_work and reading.category != "hiring":
        best = best * OF_WORK // 100
    if best:
        said = f"They want {concepts()[named].label}, and {offered.business} offers that."
        return min(100, best + _shared(need, reading)), said
    return _words_alone(need, offered)


def _alike(wanted: str, about: str) -> int:
    if wanted == about:
        return 100
    one, other = concepts()[wanted], concepts()[about]
    if one.wider == about:
        return WIDER
    if other.wider == wanted:
        return NARROWER
    return 0


def _shared(need: Need, reading: OfferReading) -> int:
    """Up to 5 of 100: equal words decide between bounties that fit alike."""
    return 5 * len(set(need.stems) & set(reading.stems)) // max(1, len(need.stems))


def _words_alone(need: Need, offered: Offered) -> tuple[int, str]:
    """What no concept knows: most of the words of what is wanted stand in the offer, one of them in its title."""
    if (need.concepts and max(need.concepts.values()) > OFFERED_FROM) or not need.stems:
        return 0, ""
    wanted = [stem for stem in need.stems if len(stem) > 3][:5]
    common = [stem for stem in wanted if stem in offered.reading.stems]
    in_title = [stem for stem in common if stem in offered.reading.title_stems]
    if len(common) < 2 or not in_title:
        return 0, ""
    return (WORDS_ALONE * min(100, 200 * len(common) // max(2, len(wanted))) // 100,
            f"The words of what they want stand in the offer of {offered.business}.")


# ---- Where


def _where(need: Need, offered: Offered) -> tuple[int, str]:
    theirs = [Place(**place) for place in offered.reading.places]
    if any(place.kind == "anywhere" for place in theirs):
        return 100, "The bounty is for every place."
    if not need.places:
        home = {place.country for place in theirs}
        if theirs and not home & SPOKEN[need.language]:
            return FOREIGN, ""
        return NO_PLACE_SAID, f"They do not say where they are; the bounty is for {offered.place}."
    if not theirs:
        named = {place.name.casefold() for meant in need.places for place in meant}
        return (100, f"{offered.place} is named.") if offered.reading.place_words in named else (0, "")
    return max((_near(place, mine, offered) for meant in need.places for place in meant for mine in theirs),
               key=lambda found: found[0])


def _near(theirs: Place, ours: Place, offered: Offered) -> tuple[int, str]:
    """How well the place in the post fits the bounty's, of 100."""
    if "country" in {theirs.kind, ours.kind}:
        return _in_country(theirs, ours, offered)
    if "state" in {theirs.kind, ours.kind}:
        return _in_state(theirs, ours)
    apart, reach = distance_km(theirs, ours), max(theirs.radius, ours.radius)
    if theirs.name == ours.name and apart < NEAR_KM:
        return 100, f"{ours.name} is the bounty's place."
    said = f"{theirs.name} is {_about(apart)} {ours.name}, the bounty's place."
    if apart > FAR_KM + reach:
        return 0, ""
    return (98 if apart <= NEAR_KM + reach else 80), said


def _in_country(theirs: Place, ours: Place, offered: Offered) -> tuple[int, str]:
    if theirs.country != ours.country:
        return 0, ""
    if ours.kind == "country":
        return 100, f"The bounty is for all of {ours.name}."
    return 85, f"They name {theirs.name}; the bounty is for {offered.place}."


def _in_state(theirs: Place, ours: Place) -> tuple[int, str]:
    if (theirs.country, theirs.state) != (ours.country, ours.state):
        return 0, ""
    if ours.kind == "state":
        return 100, f"The bounty is for all of {ours.name}."
    return 90, f"They name {theirs.name}, and {ours.name} is there."


def _about(kilometres: float) -> str:
    if kilometres < 3:
        return "next to"
    return f"about {round(kilometres, -1 if kilometres > 20 else 0):.0f} km from"


# ---- For how much


def _money(need: Need, offered: Offered) -> str | None:
    """What is to be said of the budget; None where it is too small for what the bounty asks."""
    least, most = offered.reading.least, need.budget_as(offered.reading.currency)
    if most is None:
        return ""
    if least and least[1] in {None, offered.reading.currency} and need.budget and need.budget[0] < least[0]:
        return None
    return f"They would spend up to {show_money(most)}."
