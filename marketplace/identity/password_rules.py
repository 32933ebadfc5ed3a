"""What a password must be, and how it is kept: argon2id, never in clear text (OWASP ASVS 5.0, 6.2 and 11.4.2)."""
import unicodedata
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from marketplace.foundation.errors import Invalid

SHORTEST = 12  # Characters.
LONGEST = 128
FEWEST_DIFFERENT = 5  # Different characters; "aaaaaaaaaaaa" is long and worthless.
SHORTEST_NAME = 4  # Letters; "Al" inside a password says nothing.

RUNS = ("1234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertyuiopasdfghjklzxcvbnm")

_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)  # 19 MiB: OWASP's least.


class WeakPassword(Invalid):
    code = "weak_password"

    def __init__(self, message: str, field: str = "password") -> None:
        super().__init__(
            message, next_step="Three or four unrelated words are easy to keep.", fields={field: [message]})


def check_password(password: str, *, email: str, name: str, field: str = "password") -> None:
    """Raises WeakPassword; ``field`` is the box that the sentence belongs to."""
    text = _one_spelling(password)
    if not SHORTEST <= len(text) <= LONGEST:
        raise WeakPassword(f"Use {SHORTEST} to {LONGEST} characters.", field)
    plain = text.casefold()
    if plain in _common_passwords() or len(set(plain)) < FEWEST_DIFFERENT or _is_run(plain):
        raise WeakPassword("This password is one of the first that anybody would try.", field)
    if any(word in plain for word in _own_words(email, name)):
        raise WeakPassword("Leave your name, your address and ours out of the password.", field)


def hash_password(password: str) -> str:
    return _hasher.hash(_one_spelling(password))


def is_right_password(password: str, password_hash: str) -> bool:
    try:
        return _hasher.verify(password_hash, _one_spelling(password))
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(password_hash: str) -> bool:
    """Whether it was hashed with other costs than today's."""
    return _hasher.check_needs_rehash(password_hash)


@cache
def nobodys_hash() -> str:
    """Checked when there is no such user, so that the answer takes as long as for a real one."""
    return hash_password("nobody signs in with this")


def _one_spelling(password: str) -> str:
    """A phone and a desk write one accented letter differently: NFKC makes them the same (NIST 800-63B)."""
    return unicodedata.normalize("NFKC", password)


@cache
def _common_passwords() -> frozenset[str]:
    """The common ones that are long enough to matter: Django's and zxcvbn's lists, joined."""
    return frozenset(Path(__file__).with_name("common_passwords.txt").read_text().splitlines())


def _is_run(plain: str) -> bool:
    """Along the alphabet, the figures or a keyboard, forwards or backwards, round and round."""
    return any(plain in row * LONGEST or plain[::-1] in row * LONGEST for row in RUNS)


def _own_words(email: str, name: str) -> set[str]:
    words = {email.partition("@")[0].casefold(), "fingerpost", *name.casefold().split()}
    return {word for word in words if len(word) >= SHORTEST_NAME}
