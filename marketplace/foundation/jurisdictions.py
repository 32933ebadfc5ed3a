"""Where law is made: countries and the parts of some of them, by their ISO 3166 codes (``US``, ``US-CA``)."""
from collections.abc import Iterable
from functools import cache

from marketplace.foundation.show import list_in_words

TERRITORIES = ("AS", "GU", "MP", "PR", "UM", "VI")  # Of the US, which ISO 3166 lists as countries as well.
PARTED = ("US", "CA")  # Countries whose parts make such law themselves; elsewhere the country is asked alone.


@cache
def known() -> dict[str, str]:
    """Code to name, countries first, each list by name."""
    import pycountry  # noqa: PLC0415 - it reads all of its lists

    countries = {one.alpha_2: getattr(one, "common_name", one.name) for one in pycountry.countries}
    parts = {one.code: f"{one.name}, {countries[country]}"
             for country in PARTED for one in pycountry.subdivisions if one.country_code == country}
    return {**dict(sorted(countries.items(), key=lambda item: item[1])),
            **dict(sorted(parts.items(), key=lambda item: item[1]))}


def name_of(code: str) -> str:
    """``California, United States``; the code itself, should it be none of ours."""
    return known().get(code, code)


def named_together(codes: Iterable[str]) -> str:
    """``California and Texas (United States), British Columbia (Canada), Germany``: each country said once."""
    parts: dict[str, list[str]] = {}
    for code in sorted(set(codes), key=name_of):
        country = code.partition("-")[0]
        parts.setdefault(name_of(country), []).append(name_of(code).removesuffix(f", {name_of(country)}"))
    return ", ".join(country if names == [country] else f"{list_in_words(names)} ({country})"
                     for country, names in parts.items())


def covers(wide: str, narrow: str) -> bool:
    """Whether what holds in ``wide`` holds in ``narrow``: a country covers its parts, "" the world."""
    return wide in {"", narrow} or narrow.startswith(f"{wide}-")


def plain_code(code: str) -> str:
    """One code for one place: a territory is a part of its country, whose law holds there too."""
    return f"US-{code}" if code in TERRITORIES else code


def choices() -> list[tuple[str, str]]:
    """For a form, each place once: the parts of the countries that have them stand with their country's name, all by
    name."""
    once = [(code, name) for code, name in known().items() if plain_code(code) == code]
    return sorted(once, key=lambda item: item[1])
