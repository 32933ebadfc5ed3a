"""Ids that name their kind and sort by age: ``lead_01m80e3b...``."""
import secrets

from marketplace.foundation import clock

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base 32: no i, l, o, u.


def new_id(kind: str) -> str:
    """``kind`` and 26 digits: 48 bits of milliseconds, then 80 random bits."""
    milliseconds = int(clock.now().timestamp() * 1000)
    number = milliseconds << 80 | secrets.randbits(80)
    digits = "".join(ALPHABET[number >> 5 * place & 31] for place in reversed(range(26)))
    return f"{kind}_{digits}"
