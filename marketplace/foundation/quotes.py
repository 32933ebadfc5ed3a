"""Finds a quoted sentence in a text: word for word however it was copied, and again after small edits.

The shape is the W3C's TextQuoteSelector (Web Annotation Data Model): the exact words, and those before and after.
"""
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz import fuzz

AROUND_CHARACTERS = 60
EXACT = 100
# Of 100, how alike an edited sentence must be: by itself, and where the words around it are still there. Below the
# first, two different wishes for a car look alike; measured in tests/foundation/test_quotes.py.
ALIKE_ALONE = 87
ALIKE_IN_PLACE = 68
AROUND_ALIKE = 80
SHORT = 20  # Characters: so few are found by chance, so an edited one needs its place.
MOST_PLACES = 50  # Where the same sentence stands again and again, the first so many are weighed.
MOST_SEARCHED = 400_000  # Characters of a text that are searched for an edited sentence: half a second at worst.

_INVISIBLE = frozenset("\u200b\u200c\u200d\u2060\ufeff\u00ad")
_QUOTE_MARKS = frozenset("'\"`´‘’‚‛“”„‟‹›«»「」『』〈〉《》＂＇′″")  # noqa: RUF001  # looking alike is the point
_DASHES = frozenset("-‐‑‒–—―−﹘﹣－")  # noqa: RUF001  # likewise
# what people put around a sentence they copied: quote marks, dots of omission, dashes
_OUTER = re.compile(r"^[\s'.\-]+|[\s'.\-]+$")
_MARKS = (3, 2, 1)  # So many such marks at an end, the most first.


@dataclass(frozen=True)
class QuoteMatch:
    """``prefix`` and ``suffix`` are up to 60 characters of the text around the quote; "" if it was not found."""

    found: bool
    prefix: str
    suffix: str


@dataclass(frozen=True)
class Anchor:
    """What a sentence is found again by. Without ``prefix`` and ``suffix`` the words alone decide."""

    exact: str
    prefix: str = ""
    suffix: str = ""


@dataclass(frozen=True)
class Place:
    """Start and end in the text. ``likeness`` is EXACT (100) for word for word, else how alike, of 100."""

    start: int
    end: int
    likeness: int


def find_quote(text: str, quote: str) -> QuoteMatch:
    """Whether ``quote`` stands in ``text`` word for word, and between which words."""
    place = locate_quote(text, quote)
    if place is None:
        return QuoteMatch(found=False, prefix="", suffix="")
    before, after, words = text[:place[0]], text[place[1]:], quote.strip()
    # What was copied around the words stands there once: a full stop of the quote is not said again after it.
    begun = next((n for n in _MARKS if _is_outer(before[-n:]) and words.startswith(before[-n:])), 0)
    ended = next((n for n in _MARKS if _is_outer(after[:n]) and words.endswith(after[:n])), 0)
    return QuoteMatch(found=True, prefix=_before(before[:len(before) - begun]), suffix=_after(after[ended:]))


def locate_quote(text: str, quote: str) -> tuple[int, int] | None:
    """Start and end in ``text``; blanks, case, accents' encoding, quote marks and dashes may differ."""
    letters, places = _folded(text)
    wanted = _wanted(quote)
    at = letters.find(wanted) if wanted else -1
    return (places[at], places[at + len(wanted) - 1] + 1) if at >= 0 else None


def find_anchor(text: str, anchor: Anchor) -> Place | None:
    """Word for word, where the words around it fit best; else where it stands with small edits; else None.

    Edits are any letters changed, put in or left out. What they do to the meaning nobody can tell by letters.
    """
    letters, places = _folded(text)
    wanted = _wanted(anchor.exact)
    if not wanted:
        return None
    before, after = _folded(anchor.prefix)[0].strip(), _folded(anchor.suffix)[0].strip()
    exact = [(_around(letters, at, at + len(wanted), before, after), -at) for at in _all(letters, wanted)]
    if exact:
        at = -max(exact)[1]
        return Place(places[at], places[at + len(wanted) - 1] + 1, EXACT)
    return _find_edited(letters, places, wanted, before, after)


def _find_edited(letters: str, places: list[int], wanted: str, before: str, after: str) -> Place | None:
    letters = letters[:MOST_SEARCHED]
    found = fuzz.partial_ratio_alignment(wanted, letters, score_cutoff=ALIKE_IN_PLACE) if letters else None
    if found is None or len(letters) < len(wanted) / 2:
        return None
    start, end = _whole_words(letters, found.dest_start, found.dest_end)
    likeness = round(max(found.score, fuzz.ratio(wanted, letters[start:end])))
    in_place = _around(letters, start, end, before, after) >= AROUND_ALIKE
    if likeness < (ALIKE_IN_PLACE if in_place else ALIKE_ALONE) or (len(wanted) < SHORT and not in_place):
        return None
    return Place(places[start], places[end - 1] + 1, min(likeness, EXACT - 1))


def _around(letters: str, start: int, end: int, before: str, after: str) -> float:
    """How alike the words on the better side are, of 100; 0 where none are known."""
    room = AROUND_CHARACTERS + SHORT
    sides = [(before, letters[max(start - room, 0):start]), (after, letters[end:end + room])]
    return max((fuzz.partial_ratio(side, there) for side, there in sides if len(side) >= SHORT and there), default=0)


def _all(letters: str, wanted: str) -> Iterator[int]:
    at = letters.find(wanted)
    for _ in range(MOST_PLACES):
        if at < 0:
            return
        yield at
        at = letters.find(wanted, at + 1)


def _whole_words(letters: str, start: int, end: int) -> tuple[int, int]:
    while start > 0 and _is_in_word(letters[start]) and _is_in_word(letters[start - 1]):
        start -= 1
    while end < len(letters) and _is_in_word(letters[end - 1]) and _is_in_word(letters[end]):
        end += 1
    return start, end


def _is_outer(marks: str) -> bool:
    return bool(marks) and not any(mark.isspace() for mark in marks) and not _wanted(marks)


def _wanted(quote: str) -> str:
    return _folded(_OUTER.sub("", _folded(quote)[0]))[0]


def _folded(text: str) -> tuple[str, list[int]]:
    """``text`` as it is compared, and for each of its characters the place in ``text`` that it came from."""
    letters: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        for letter in _fold(character):
            last = letters[-1] if letters else ""
            if letter == " " and not _is_in_word(last):
                continue
            if last == " " and not _is_in_word(letter):
                letters.pop()
                places.pop()
            if letter == "-" and letters[-1:] == ["-"]:
                continue
            letters.append(letter)
            places.append(place)
    return "".join(letters), places


def _is_in_word(letter: str) -> bool:
    """Only blanks between words count: extraction may leave one between "bike" and its question mark."""
    return letter.isalnum() or (letter != "" and unicodedata.combining(letter) > 0)


@lru_cache(maxsize=4096)
def _fold(character: str) -> str:
    if character in _INVISIBLE:
        return ""
    if character in _QUOTE_MARKS:
        return "'"
    if character in _DASHES:
        return "-"
    if character.isspace():
        return " "
    return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())


def _before(text: str) -> str:
    """The end of ``text``, in whole words where it has some."""
    words = " ".join(text[-4 * AROUND_CHARACTERS :].split())
    if len(words) <= AROUND_CHARACTERS:
        return words
    cut = words[-AROUND_CHARACTERS:]
    return cut if words[-AROUND_CHARACTERS - 1] == " " else cut.partition(" ")[2] or cut


def _after(text: str) -> str:
    words = " ".join(text[: 4 * AROUND_CHARACTERS].split())
    if len(words) <= AROUND_CHARACTERS:
        return words
    cut = words[:AROUND_CHARACTERS]
    return cut if words[AROUND_CHARACTERS] == " " else cut.rpartition(" ")[0] or cut
