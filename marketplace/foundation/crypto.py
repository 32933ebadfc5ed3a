"""Keeps secrets: encrypted columns with key rotation, keyed hashes for look-up, signed links."""
import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import date
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from flask import Flask, current_app
from sqlalchemy import Dialect, LargeBinary, Text
from sqlalchemy.types import TypeDecorator

from marketplace.foundation import clock
from marketplace.foundation.errors import DomainError, NotFound

_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,16}")
_LINK_VALUE = re.compile(r"[A-Za-z0-9._~-]{1,200}")
_LINK_END = re.compile(r"[0-9a-f]{5}")  # A day, counted as Python does.
_HASH_KEY_CHARACTERS = 32
_TAG_BYTES = 16  # 128 bits: a guess is hopeless, and the link stays short enough for one line of a mail


class UnknownKey(Exception):
    """A value was encrypted with a key that the settings no longer hold."""


class DamagedSecret(Exception):
    """A stored secret is cut, edited, or was never encrypted."""


class BadLink(NotFound):
    """A link that this site did not make: 404, so that it tells nothing."""

    code = "bad_link"

    def __init__(self) -> None:
        super().__init__(
            "This link is not valid.",
            next_step="Open the link in the message or mail you got, or copy the whole of it."
        )


class LinkEnded(DomainError):
    """A link of ours whose last day is over: 410. ``value`` is what it would have opened."""

    status, code = 410, "link_ended"

    def __init__(self, value: str) -> None:
        super().__init__("This link is too old: for your safety, a link opens for a while and no longer.",
                         next_step="Have a new one sent to you.")
        self.value = value


class Cipher:
    """Encrypts with the newest key, decrypts with the one that was used. ``k1:<Fernet key>,k0:<Fernet key>``."""

    def __init__(self, keys: str) -> None:
        self._fernets: dict[str, Fernet] = {}
        for entry in keys.split(","):
            key_id, _, key = entry.strip().partition(":")
            if not _KEY_ID.fullmatch(key_id) or key_id in self._fernets:
                raise ValueError("encryption keys are written id:key, comma between, newest first, each id once")
            try:
                self._fernets[key_id] = Fernet(key)
            except ValueError:
                raise ValueError(f"encryption key {key_id!r} is not a Fernet key (32 bytes, url-safe base64)") from None
        self.newest = next(iter(self._fernets))

    def encrypt(self, text: str) -> str:
        return self.encrypt_bytes(text.encode()).decode()

    def encrypt_bytes(self, content: bytes) -> bytes:
        return f"{self.newest}:".encode() + self._fernets[self.newest].encrypt(content)

    def decrypt(self, token: str) -> str:
        """Raises UnknownKey, DamagedSecret."""
        return self.decrypt_bytes(token).decode()

    def decrypt_bytes(self, token: str) -> bytes:
        """Raises UnknownKey, DamagedSecret."""
        key_id, colon, secret = token.partition(":")
        if not colon:
            raise DamagedSecret("a stored secret has no key id")
        if key_id not in self._fernets:
            raise UnknownKey(f"a value was encrypted with key {key_id!r}: put it back into the encryption keys")
        try:
            return self._fernets[key_id].decrypt(secret)
        except InvalidToken:
            raise DamagedSecret(f"a value encrypted with key {key_id!r} was changed, or the key was") from None

    def is_current(self, token: str) -> bool:
        """Whether the newest key encrypted it; if not, write the row again to rotate it."""
        return token.startswith(f"{self.newest}:")


class KeyedHash:
    """HMAC-SHA256 under one secret; values hashed for different purposes never look alike."""

    def __init__(self, key: str) -> None:
        if len(key) < _HASH_KEY_CHARACTERS:
            raise ValueError(f"the hash key has fewer than {_HASH_KEY_CHARACTERS} characters")
        self._key = key.encode()

    def digest(self, purpose: str, value: str) -> bytes:
        if not purpose or "\0" in purpose:
            raise ValueError("a keyed hash needs a purpose without NUL")
        return hmac.digest(self._key, f"{purpose}\0{value}".encode(), hashlib.sha256)


@dataclass(frozen=True)
class Secrets:
    cipher: Cipher
    keyed_hash: KeyedHash


def init_app(app: Flask, *, encryption_keys: str, hash_key: str) -> None:
    """Give the app its keys. Raises ValueError, naming what is wrong and never the key."""
    app.extensions["secrets"] = Secrets(Cipher(encryption_keys), KeyedHash(hash_key))


def encrypt(text: str) -> str:
    return _secrets().cipher.encrypt(text)


def encrypt_bytes(content: bytes) -> bytes:
    """As an EncryptedBytes column keeps it: for what is encrypted before its transaction begins."""
    return _secrets().cipher.encrypt_bytes(content)


def decrypt(token: str) -> str:
    """Raises UnknownKey, DamagedSecret."""
    return _secrets().cipher.decrypt(token)


def encrypt_anew(token: str) -> str:
    """With the newest key, whichever it was before. Raises UnknownKey, DamagedSecret."""
    cipher = _secrets().cipher
    return cipher.encrypt_bytes(cipher.decrypt_bytes(token)).decode()


def newest_key() -> str:
    """The name of the key that encrypts now; never the key."""
    return _secrets().cipher.newest


def keyed_hash(purpose: str, value: str) -> str:
    """64 hex digits to find a secret value by; bring the value to one spelling first. No way back without the key."""
    return _secrets().keyed_hash.digest(f"hash:{purpose}", value).hex()


def derived_key(purpose: str) -> bytes:
    """16 bytes for hashes that are made by the thousand: the same for one purpose, as long as the hash key stays."""
    return _secrets().keyed_hash.digest("key", purpose)[:16]


def sign(purpose: str, value: str, *, until: date) -> str:
    """``value.end.tag`` for a link that opens through that day (UTC). The row that it opens may close before.

    ``value`` is an id (letters, digits, ``._~-``); anything else raises ValueError.
    """
    if not _LINK_VALUE.fullmatch(value):
        raise ValueError("only an id can be signed into a link")
    signed = f"{value}.{until.toordinal():x}"
    return f"{signed}.{_tag(purpose, signed)}"


def unsign(purpose: str, token: str) -> str:
    """The value of a link made by ``sign`` for the same purpose. Raises BadLink, and LinkEnded after its last day.

    One that was made before links had a last day, ``value.tag``, has ended.
    """
    signed, _, tag = token.rpartition(".")
    value, _, end = signed.rpartition(".")
    is_dated = _LINK_END.fullmatch(end) is not None
    if not is_dated:
        value = signed
    if not _LINK_VALUE.fullmatch(value) or not hmac.compare_digest(tag.encode(), _tag(purpose, signed).encode()):
        raise BadLink
    if not is_dated or int(end, 16) < clock.now().date().toordinal():
        raise LinkEnded(value)
    return value


def _tag(purpose: str, signed: str) -> str:
    digest = _secrets().keyed_hash.digest(f"link:{purpose}", signed)[:_TAG_BYTES]
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _secrets() -> Secrets:
    found: Secrets = current_app.extensions["secrets"]
    return found


class EncryptedText(TypeDecorator[str]):
    """Text that is encrypted in the database. Comparing it finds nothing: look up by a ``keyed_hash`` column."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else encrypt(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else decrypt(value)


class EncryptedBytes(TypeDecorator[bytes]):
    """A file that is encrypted in the database, a third larger than it is; its key's id stands before it."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        return None if value is None else _secrets().cipher.encrypt_bytes(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> bytes | None:
        return None if value is None else _secrets().cipher.decrypt_bytes(bytes(value).decode("ascii", "replace"))
