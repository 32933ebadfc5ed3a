"""Ids that name their kind and sort by age: ``lead_01m80e3b...``."""
import secrets
import threading
from datetime import datetime

from marketplace.foundation import clock

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base 32: no i, l, o, u.
RANDOM_BITS = 80
STEP_BITS = 40  # What follows within a millisecond stays after, and cannot be guessed.
NUMBER_DIGITS = 5  # At the end of an id, where a statement numbers its rows by itself: 32 ** 5 of them.
PAIRS = [first + second for first in ALPHABET for second in ALPHABET]
PLACES = range(120, -1, -10)

_lock = threading.Lock()
_last = [0]


def new_id(kind: str) -> str:
    """``kind`` and 26 digits: 48 bits of milliseconds, then 80 random bits.

    What one process makes in the same millisecond sorts in the order of making: a story is told by it.
    """
    with _lock:
        number = _last[0] = _following()
    return _spelled(kind, number)


def new_stem(kind: str) -> str:
    """A new id less its last NUMBER_DIGITS: whatever these are, no other id has them, and it sorts like a new one."""
    bits = 5 * NUMBER_DIGITS
    with _lock:
        number = (_following() >> bits) + 1 << bits
        _last[0] = number + (1 << bits) - 1
    return _spelled(kind, number)[:-NUMBER_DIGITS]


def new_ids(kind: str, count: int) -> list[str]:
    """So many at once, in their order: at most 32 ** NUMBER_DIGITS."""
    stem = new_stem(kind)
    return [f"{stem}{ALPHABET[number >> 20 & 31]}{PAIRS[number >> 10 & 1023]}{PAIRS[number & 1023]}"
            for number in range(count)]


def _following() -> int:
    milliseconds = int(clock.now().timestamp() * 1000)
    if _last[0] >> RANDOM_BITS == milliseconds:
        return _last[0] + 1 + secrets.randbits(STEP_BITS)
    return milliseconds << RANDOM_BITS | secrets.randbits(RANDOM_BITS)


def first_id(kind: str, moment: datetime) -> str:
    """No id made at this moment or later sorts before it."""
    return _spelled(kind, int(moment.timestamp() * 1000) << RANDOM_BITS)


def _spelled(kind: str, number: int) -> str:
    return f"{kind}_" + "".join([PAIRS[number >> place & 1023] for place in PLACES])
