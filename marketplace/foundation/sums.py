"""Finds sums of money in running text, as people write them: $24,000, 15.000 €, 18k, ten grand."""
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from marketplace.foundation.money import CURRENCIES, LARGEST_MINOR, Money

_SIGNS = {
    "$": "usd", "us$": "usd", "usd": "usd", "dollar": "usd", "dollars": "usd", "bucks": "usd", "dolares": "usd",
    "€": "eur", "eur": "eur", "euro": "eur", "euros": "eur", "£": "gbp", "gbp": "gbp", "pounds": "gbp", "quid": "gbp",
    "chf": "chf", "fr.": "chf", "franken": "chf", "cad": "cad", "¥": "jpy", "yen": "jpy", "huf": "huf", "kwd": "kwd",
}
_SIGN = "|".join(sorted((re.escape(sign) for sign in _SIGNS), key=len, reverse=True))
_SPELLED = {"five": 5, "ten": 10, "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50}
_SUM = re.compile(
    rf"(?<![\w.,])(?P<before>{_SIGN})?\s?"
    rf"(?P<number>\d{{1,3}}(?:[.,' ]\d{{3}})+(?!\d)|\d{{1,7}}(?:[.,]\d{{1,2}})?|{'|'.join(_SPELLED)})"
    rf"\s?(?P<thousand>k|tsd|grand|mil(?![a-z]))?(?![\d])\s?(?P<after>{_SIGN})?(?![\w])")


@dataclass(frozen=True)
class Sum:
    """``main``: in main units. ``currency`` is None where none was said. ``start``, ``end``: places in the text."""

    main: Decimal
    currency: str | None
    start: int
    end: int
    is_round: bool  # Written with "k" or "grand": a sum even without a currency.

    def money(self, currency: str) -> Money | None:
        """None beyond what we can handle."""
        minor = int(self.main.scaleb(CURRENCIES[currency].digits)) if currency in CURRENCIES else LARGEST_MINOR + 1
        return Money(minor, currency) if 0 < minor <= LARGEST_MINOR else None


def find_sums(folded: str) -> Iterator[Sum]:
    """In lower-case text; also bare numbers, which the caller must know to be sums."""
    for found in _SUM.finditer(folded):
        number, sign = found["number"], found["before"] or found["after"]
        if number in _SPELLED and found["thousand"] != "grand":
            continue
        main = Decimal(_SPELLED[number]) if number in _SPELLED else _read(number)
        if found["thousand"]:
            main *= 1000
        yield Sum(main, _SIGNS[sign] if sign else None, found.start(), found.end(), bool(found["thousand"]))


def _read(number: str) -> Decimal:
    """A point or a comma before three figures groups thousands, before one or two it begins the decimals."""
    if re.fullmatch(r"\d{1,3}(?:[.,' ]\d{3})+", number):
        return Decimal(re.sub(r"\D", "", number))
    return Decimal(number.replace(",", "."))
