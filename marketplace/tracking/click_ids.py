"""The signed id that a click carries along, in the address and in a cookie: it alone is enough to credit the referrer.

48 letters that need no escaping: the link's code (8), the time in milliseconds (8), the visitor (16), a tag of 96 bits.
"""
import hmac
import re
from base64 import urlsafe_b64decode
from binascii import b2a_base64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

from flask import current_app

from marketplace.foundation.crypto import derived_key

CLICK_PARAMETER = "fp_click"  # In the address that a click is led on to.
CLICK_COOKIE = "fp_click"  # On our own site.
CLICK_ID = re.compile(r"[0-9a-hjkmnp-tv-z]{8}[A-Za-z0-9_-]{40}")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TAG_BYTES = 12
_FOR_ADDRESSES = bytes.maketrans(b"+/", b"-_")
MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Click:
    """``at`` to the millisecond; ``visitor`` is a mark of 16 letters that tells nothing of a person."""

    link_code: str
    at: datetime
    visitor: str


class ClickSigner:
    """Signs and reads without an application around it: the redirect has none."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def sign(self, code: str, milliseconds: int, visitor: str) -> str:
        said = f"{code}{spell(milliseconds.to_bytes(6, 'big'))}{visitor}"
        return said + self._tag(said)

    def read(self, text: str) -> Click | None:
        if not CLICK_ID.fullmatch(text) or not hmac.compare_digest(text[32:], self._tag(text[:32])):
            return None
        milliseconds = int.from_bytes(urlsafe_b64decode(text[8:16]), "big")
        return Click(text[:8], EPOCH + milliseconds * MILLISECOND, text[16:32])

    def _tag(self, said: str) -> str:
        return spell(blake2b(said.encode(), key=self._key, digest_size=_TAG_BYTES).digest())


def spell(said: bytes) -> str:
    """Base 64 for addresses, of three bytes or a multiple: faster than the library's, for it is made at each click."""
    return b2a_base64(said, newline=False).translate(_FOR_ADDRESSES).decode()


def signer() -> ClickSigner:
    """With the application's key. It is made of HASH_KEY, which never changes, as for the links of buyers."""
    found: ClickSigner | None = current_app.extensions.get("click_signer")
    if found is None:
        found = current_app.extensions["click_signer"] = ClickSigner(derived_key("click ids"))
    return found


def sign_click(link_code: str, at: datetime, visitor: str) -> str:
    """``visitor``: 16 letters, digits, ``-`` and ``_``."""
    return signer().sign(link_code, (at - EPOCH) // MILLISECOND, visitor)


def read_click(text: str) -> Click | None:
    """None for what this site did not sign, and for what was changed or cut since."""
    return signer().read(text)
