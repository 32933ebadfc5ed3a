"""What a cell means: a day, an amount, a word, however people and programs write them.

Where it may mean two things, the person has said which (``Writing``).
"""
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from marketplace.foundation.money import CURRENCIES, LARGEST_MINOR, Money, show_money

DAY_ORDERS = {"ymd": "2026-11-02 (year first)", "dmy": "02/11/2026 (day first)", "mdy": "11/02/2026 (month first)"}
DECIMALS = {"point": "1,234.50 (a point before the cents)", "comma": "1.234,50 (a comma before the cents)",
            "minor": "123450 (whole cents)"}
SYMBOLS = {"$": ("usd", "cad"), "€": ("eur",), "£": ("gbp",), "¥": ("jpy",), "₣": ("chf",), "ft": ("huf",)}

_MONTHS = {name: number for number, name in enumerate(
    ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1)}
_PARTED = re.compile(r"(\d{1,4})[-/. ](\d{1,2})[-/. ](\d{1,4})(?:[T ,]+(.+))?", re.ASCII)
_NAMED = re.compile(r"(?:(\d{1,2})\.?[ -]+)?([a-z]{3,9})\.?[ -]+(?:(\d{1,2})(?:st|nd|rd|th)?,?[ -]+)?(\d{4})"
                    r"(?:,? +(.+))?",
                    re.ASCII | re.IGNORECASE)
_HOUR = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d{1,9})?)?\s*(am|pm)?\s*(z|utc|gmt|[+-]\d{2}:?\d{2})?",
                   re.ASCII | re.IGNORECASE)
_SECONDS = re.compile(r"1\d{9}(\d{3})?", re.ASCII)  # Unix time, with or without milliseconds.
# Nothing is tried in a second way (*+): a cell of blanks would cost twenty milliseconds, a file of them hours.
_FIGURES = re.compile(r"(?P<minus>[-\u2212(])?\s*+(?P<before>[a-z$€£¥₣]{1,3})?\s*+(?P<inner>[-\u2212])?"
                      r"(?P<figures>\d[\d.,'’\u00a0\u202f ]*+)\s*+(?P<after>[a-z$€£¥₣]{1,3})?\)?", re.IGNORECASE)
_PLAIN = re.compile(r"\d{1,15}(?:\.\d{1,3})?", re.ASCII)
_GROUPED = {"point": re.compile(r"\d{1,3}(?:[,'’ ]\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?", re.ASCII),
            "comma": re.compile(r"\d{1,3}(?:[.'’ ]\d{3})+(?:,\d+)?|\d+(?:,\d+)?", re.ASCII),
            "minor": re.compile(r"\d+", re.ASCII)}


class Odd(ValueError):
    """A cell that says nothing we can use: what is wrong, and what to do about it."""

    def __init__(self, why: str, next_step: str) -> None:
        super().__init__(why)
        self.why, self.next_step = why, next_step


@dataclass(frozen=True)
class Writing:
    """How days and amounts are written in a file. ``currency`` where no column says it."""

    days: str = "ymd"
    decimals: str = "point"
    currency: str = "usd"


@lru_cache(maxsize=4096)  # A file says the same day again and again.
def read_day(cell: str, order: str) -> datetime:
    """The moment in UTC; an hour without a zone is one of UTC."""
    try:
        moment = datetime.fromisoformat(cell)
    except ValueError:
        if _SECONDS.fullmatch(cell):
            return datetime.fromtimestamp(int(cell[:10]), UTC)
        moment = _read_spelled(cell, order)
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError:
        raise Odd(f"“{_short(cell)}” is no day that can be.", "Write days like 2026-11-02.") from None


def moment_of(cell: str, order: str, now: datetime) -> datetime:
    """Of a day without an hour its beginning, so that the same file says the same tomorrow. Odd for one yet to come."""
    moment = read_day(cell, order)
    if moment > now:
        raise Odd("That day has not come yet.", "Correct the day, or change how days are written in this file.")
    return moment


def guess_days(cells: list[str]) -> str | None:
    """The order in which all of these can be read; None where two orders fit alike, and a person has to say it."""
    parted = [found for found in map(_PARTED.fullmatch, cells) if found]
    if not parted or all(len(found[1]) == 4 for found in parted):
        return "ymd"
    first, second = max(int(found[1]) for found in parted), max(int(found[2]) for found in parted)
    if first > 12 >= second:
        return "dmy"
    return "mdy" if second > 12 >= first else None


def read_amount(cell: str, currency: str, decimals: str) -> Money:
    """In smallest units. Odd for another currency, for nothing, for less than nothing, for more than can be handled."""
    if decimals == "point" and _PLAIN.fullmatch(cell):  # The most of them, in a third of the time.
        return _in_bounds(_minor(cell, currency, decimals), currency)
    found = _FIGURES.fullmatch(cell)
    if not found:
        raise Odd(f"“{_short(cell)}” is no amount.", "Write it in figures, like 1234.50.")
    for sign in filter(None, (found["before"], found["after"])):
        said = SYMBOLS.get(sign.lower(), (sign.lower(),))
        if currency not in said:
            raise Odd(f"“{_short(cell)}” is not in {currency.upper()}.", "Say the currency in a column of its own.")
    figures = re.sub(r"[\u00a0\u202f]", " ", found["figures"].strip())
    if not _GROUPED[decimals].fullmatch(figures):
        raise Odd(f"“{_short(cell)}” does not read as {DECIMALS[decimals].split(' ')[0]}.",
                  "Correct the amount, or change how amounts are written in this file.")
    if found["minus"] or found["inner"]:
        raise Odd("An amount below zero is no sale.", "Record money that went back as a refund of its sale.")
    return _in_bounds(_minor(figures, currency, decimals), currency)


def _in_bounds(minor: int, currency: str) -> Money:
    if minor > LARGEST_MINOR:
        raise Odd(f"That is more than we handle at once ({show_money(Money(LARGEST_MINOR, currency))}).",
                  "Check the amount, and how amounts are written in this file.")
    return Money(minor, currency)


def guess_decimals(cells: list[str]) -> str | None:
    """None where 1.234 and 1,234 could mean either, and a person has to say it."""
    points = {cell[-3:-2] for cell in (re.sub(r"[^\d.,]", "", one) for one in cells) if len(cell) > 3}
    if "." in points and "," not in points:
        return "point"
    if "," in points and "." not in points:
        return "comma"
    both = [cell for cell in cells if "." in cell or "," in cell]
    return "point" if not both else None


def read_currency(cell: str) -> str:
    code = cell.lower()
    if code not in CURRENCIES:
        raise Odd(f"We do not handle “{_short(cell)}”.", f"Write one of {', '.join(sorted(CURRENCIES)).upper()}.")
    return code


def _minor(figures: str, currency: str, decimals: str) -> int:
    if decimals == "minor":
        return int(figures[:20])
    point = "," if decimals == "comma" else "."
    whole, _, part = figures.partition(point)
    digits = CURRENCIES[currency].digits
    part = part.rstrip("0")
    if len(part) > digits:
        raise Odd(f"{currency.upper()} has {digits or 'no'} decimals.", "Round the amount as the buyer paid it.")
    if not whole.isdigit():
        whole = re.sub(r"\D", "", whole)
    return int((whole + part.ljust(digits, "0"))[:20])


def _read_spelled(cell: str, order: str) -> datetime:
    try:
        if found := _PARTED.fullmatch(cell):
            first, second, third = int(found[1]), int(found[2]), int(found[3])
            if len(found[1]) == 4:
                year, month, day = first, second, third
            else:
                day, month = (second, first) if order == "mdy" else (first, second)
                year = third + 2000 if len(found[3]) <= 2 else third
            return _at(year, month, day, found[4])
        if (found := _NAMED.fullmatch(cell)) and (month := _MONTHS.get(found[2][:3].lower(), 0)):
            return _at(int(found[4]), month, int(found[1] or found[3] or 0), found[5])
    except ValueError:
        pass
    raise Odd(f"“{_short(cell)}” is no day.",
              "Write days like 2026-11-02, or change how they are written in this file.")


def _at(year: int, month: int, day: int, hour: str | None) -> datetime:
    moment = datetime(year, month, day, tzinfo=UTC)
    if not hour:
        return moment
    found = _HOUR.fullmatch(hour.strip())
    if not found:
        raise ValueError(hour)
    hours = int(found[1])
    if found[4]:
        hours = hours % 12 + (12 if found[4].lower() == "pm" else 0)
    moment += timedelta(hours=hours, minutes=int(found[2]), seconds=int(found[3] or 0))
    if found[5] and found[5][0] in "+-":
        sign, zone = (1 if found[5][0] == "+" else -1), found[5].replace(":", "")
        moment -= sign * timedelta(hours=int(zone[1:3]), minutes=int(zone[3:5]))
    return moment


def _short(cell: str) -> str:
    return cell if len(cell) <= 40 else f"{cell[:39]}…"
