"""Ids that name their kind and sort by age: ``lead_01m80e3b...``."""
import secrets
import threading
from datetime import datetime

from marketplace.foundation import clock

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base 32: no i, l, o, u.
RANDOM_BITS = 80
STEP_BITS = 40  # What follows within a millisecond stays after, and cannot be guessed.
PAIRS = [first + second for first in ALPHABET for second in ALPHABET]
PLACES = range(120, -1, -10)

_lock = threading.Lock()
_last = [0]


def new_id(kind: str) -> str:
    """``kind`` and 26 digits: 48 bits of milliseconds, then 80 random bits.

    What one process makes in the same millisecond sorts in the order of making: a story is told by it.
    """
    milliseconds = int(clock.now().timestamp() * 1000)
    with _lock:
        if _last[0] >> RANDOM_BITS == milliseconds:
            number = _last[0] + 1 + secrets.randbits(STEP_BITS)
        else:
            number = milliseconds << RANDOM_BITS | secrets.randbits(RANDOM_BITS)
        _last[0] = number
    return _spelled(kind, number)


def first_id(kind: str, moment: datetime) -> str:
    """No id made at this moment or later sorts before it."""
    return _spelled(kind, int(moment.timestamp() * 1000) << RANDOM_BITS)


def _spelled(kind: str, number: int) -> str:
    return f"{kind}_" + "".join([PAIRS[number >> place & 1023] for place in PLACES])
