"""How alike two texts are: a signature to compare, keys by which a database finds the like ones, the words they share.

A signature is a MinHash (Broder 1997) of the text's runs of three words, by one permutation in bins (Li, Owen, Zhang
2012), empty bins filled from their neighbour (Shrivastava, Li 2014). Two signatures agree in as many places as the
texts share runs: |A and B| / |A or B|, with a standard error of at most 0.06.
"""
import re
from collections.abc import Iterable
from hashlib import blake2b
from operator import eq
from struct import Struct

PLACES = 64  # Of a signature, four bytes each.
BANDS, ROWS = 21, 3  # Two texts that share 0.58 of their runs (a tenth of the words changed) meet with 0.99.
RUN = 3  # Words.
FEWEST_WORDS = 8  # Below, the same words say nothing: "I am looking for a car."

_HALVES = 2  # Each run is hashed into both halves of the places: short texts leave fewer places empty.
_PLACES_OF_A_HALF = PLACES // _HALVES
_EMPTY = 0xFFFFFFFF
_STEP = 0x9E3779B1  # A borrowed value is shifted by this for each place it came from afar.
_HASHES = Struct(f"<{_HALVES}Q")
_SIGNATURE = Struct(f"<{PLACES}I")
_BAND_BYTES = 4 * ROWS
_KEY = Struct("<q")
# Chinese, Japanese and Thai are written without blanks: there each character counts as a word.
_UNSPACED = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")


def sign_text(text: str, *, secret: bytes) -> bytes | None:
    """256 bytes; None for a text of fewer than FEWEST_WORDS. ``secret``, 16 bytes: without it nobody who sees a
    signature can tell whether it is that of a text they know."""
    words = _words(text)
    if len(words) < FEWEST_WORDS:
        return None
    places = [_EMPTY] * PLACES
    hashes = [_HASHES.unpack(blake2b(run, digest_size=_HASHES.size, salt=secret).digest()) for run in _runs(words)]
    for half, column in enumerate(zip(*hashes, strict=True)):
        first = half * _PLACES_OF_A_HALF
        for value in column:
            place, smallest = first + value % _PLACES_OF_A_HALF, value >> 32
            if smallest < places[place]:  # noqa: PLR1730 - min() takes a third of the time of all this
                places[place] = smallest
    return _SIGNATURE.pack(*(_filled(places) if _EMPTY in places else places))


def band_keys(signature: bytes, *, scope: str, secret: bytes) -> list[int]:
    """BANDS signed 64-bit keys. Signatures that are alike share one within the same ``scope``, and none across."""
    salt = blake2b(scope.encode(), digest_size=16, key=secret).digest()
    return [_KEY.unpack(blake2b(signature[band * _BAND_BYTES:][:_BAND_BYTES], digest_size=8, salt=salt,
                                person=bytes([band])).digest())[0] for band in range(BANDS)]


def likeness(one: bytes, other: bytes) -> float:
    """0 to 1: which part of their runs two signed texts share, as far as the signatures tell."""
    return places_in_common(one, [other])[0] / PLACES


def places_in_common(one: bytes, others: Iterable[bytes]) -> list[int]:
    """The same of many, each as the number of equal places, of PLACES."""
    ours = _SIGNATURE.unpack(one)
    return [sum(map(eq, ours, _SIGNATURE.unpack(other))) for other in others]


def likeness_of_texts(one: str, other: str) -> float:
    """The same from the texts themselves, exactly."""
    ours, theirs = _runs(_words(one)), _runs(_words(other))
    return len(ours & theirs) / len(ours | theirs) if ours and theirs else 0.0


def shared_parts(text: str, other: str) -> list[tuple[str, bool]]:
    """``text`` in parts, and whether each stands in ``other`` too: in runs of three words, wherever they stand."""
    places = [(found.start(), found.end(), found[0].casefold().encode()) for found in _WORD.finditer(text)]
    theirs, shared = _runs(_words(other)), [False] * len(places)
    for first in range(len(places) - RUN + 1):
        if b" ".join(word for _, _, word in places[first:first + RUN]) in theirs:
            shared[first:first + RUN] = [True] * RUN
    return _parts(text, places, shared)


def _parts(text: str, places: list[tuple[int, int, bytes]], shared: list[bool]) -> list[tuple[str, bool]]:
    parts: list[tuple[str, bool]] = []
    begun = 0
    for number, (_, end, _) in enumerate(places):
        if number + 1 == len(places) or shared[number + 1] is not shared[number]:
            # What stands between two words is not shared.
            end = end if shared[number] or number + 1 == len(places) else places[number + 1][0]  # noqa: PLW2901
            parts.append((text[begun:end], shared[number]))
            begun = end
    rest = text[begun:]
    return [*parts, (rest, False)] if rest else parts


def _words(text: str) -> list[bytes]:
    return [word.encode() for word in _WORD.findall(text.casefold())]


def _runs(words: list[bytes]) -> set[bytes]:
    return {b" ".join(run) for run in zip(words, words[1:], words[2:], strict=False)}


def _filled(places: list[int]) -> list[int]:
    """An empty place takes the next full one's value of its half; both texts do it alike."""
    filled = list(places)
    for place, value in enumerate(places):
        if value == _EMPTY:
            first = place - place % _PLACES_OF_A_HALF
            for far in range(1, _PLACES_OF_A_HALF):
                lent = places[first + (place - first + far) % _PLACES_OF_A_HALF]
                if lent != _EMPTY:
                    filled[place] = (lent + far * _STEP) & _EMPTY
                    break
    return filled
