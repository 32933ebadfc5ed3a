"""Reads a business's list of its own contacts, a CSV file: each row becomes hashes, and no address is kept."""
import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from marketplace.foundation.crypto import keyed_hash
from marketplace.foundation.errors import Invalid
from marketplace.foundation.handles import find_handle
from marketplace.referrals.suppression import hash_handle, plain_email

MOST_BYTES = 5 * 1024 * 1024
MOST_ROWS = 50_000
ODD_SHOWN = 20

_EMAIL = re.compile(r"[^\s@]{1,64}@[^\s@.]+(\.[^\s@.]+)+")
_NUMBER = re.compile(r"\+[1-9]\d{6,14}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_COLUMNS = {
    "email": "e-mail", "e-mail": "e-mail", "mail": "e-mail", "email address": "e-mail", "e-mail address": "e-mail",
    "email_sha256": "e-mail", "hashed_email": "e-mail", "em": "e-mail",
    "phone": "phone", "telephone": "phone", "mobile": "phone", "phone number": "phone", "phone_sha256": "phone",
    "hashed_phone": "phone", "ph": "phone",
    "profile": "profile", "handle": "profile", "profile url": "profile",
}


class BadContactList(Invalid):
    code = "bad_contact_list"


@dataclass
class ContactList:
    """``odd``: (line of the file, what is wrong with it), the first ODD_SHOWN of ``odd_count``."""

    hashes: set[str] = field(default_factory=set)
    good: int = 0
    repeated: int = 0
    odd_count: int = 0
    odd: list[tuple[int, str]] = field(default_factory=list)

    @property
    def odd_lines(self) -> list[tuple[str, str]]:
        return [(f"Line {line}", wrong) for line, wrong in self.odd]


def read_contact_list(content: bytes) -> ContactList:
    """BadContactList (422) where it is no such file at all; single rows that are wrong are counted and named."""
    if len(content) > MOST_BYTES:
        raise BadContactList("The file is larger than 5 MB.", next_step="Cut it into parts and upload them one by one.",
                             fields={"file": ["At most 5 MB at once."]})
    rows = _rows(content)
    columns = _columns(next(rows, (0, []))[1])
    found = ContactList()
    for line, row in rows:
        if found.good + found.repeated + found.odd_count >= MOST_ROWS:
            raise BadContactList("The file has more rows than we take at once.", fields={
                "file": [f"At most {MOST_ROWS:,} rows at once: cut it into parts."]})
        _read_row(found, line, row, columns)
    if not (found.good or found.odd_count):
        raise BadContactList("There is no contact in this file.", fields={"file": ["No row has an address in it."]})
    return found


def hash_known(sha256: str) -> str:
    """Of the SHA-256 of a plain spelling: so a list that was hashed before it came here matches as well."""
    return keyed_hash("known-contact", sha256)


def spellings_of_email(email: str) -> set[str]:
    """The hashes under which a list may hold this address: as written, and as its mailbox is reached."""
    return {hash_known(_sha256(spelling)) for spelling in (email.strip().lower(), plain_email(email))}


def spellings_of_phone(phone: str) -> set[str]:
    """``phone`` in E.164 form; ad platforms hash it with the plus or without."""
    return {hash_known(_sha256(spelling)) for spelling in (phone, phone.removeprefix("+"))}


def _rows(content: bytes) -> Iterator[tuple[int, list[str]]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text.replace("\0", "")), delimiter=max(",;\t", key=first.count))
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield reader.line_num, cells
    except csv.Error:
        raise BadContactList("This is not a CSV file.", fields={
            "file": ["Save the list as CSV (text with commas), then upload that."]}) from None


def _columns(header: list[str]) -> dict[int, str]:
    columns = {place: _COLUMNS[name] for place, name in enumerate(name.lower() for name in header) if name in _COLUMNS}
    if not columns:
        raise BadContactList("The first line does not name a column that we know.", fields={
            "file": ["The first line must name at least one of: email, phone, profile."]})
    return columns


def _read_row(found: ContactList, line: int, row: list[str], columns: dict[int, str]) -> None:
    hashes, wrong = set[str](), ""
    for place, kind in columns.items():
        value = row[place] if place < len(row) else ""
        if value:
            made = _HASH[kind](value)
            hashes |= {made} if made else set()
            wrong = wrong or ("" if made else _WRONG[kind])
    if wrong or not hashes:
        found.odd_count += 1
        if len(found.odd) < ODD_SHOWN:
            found.odd.append((line, wrong or "There is no address in it."))
    elif hashes <= found.hashes:
        found.repeated += 1
    else:
        found.good += 1
        found.hashes |= hashes


def _of_email(value: str) -> str | None:
    if _SHA256.fullmatch(value.lower()):
        return hash_known(value.lower())
    return hash_known(_sha256(plain_email(value))) if _EMAIL.fullmatch(value) else None


def _of_phone(value: str) -> str | None:
    if _SHA256.fullmatch(value.lower()):
        return hash_known(value.lower())
    number = re.sub(r"^00", "+", re.sub(r"\(0\)|[\s().\-/]", "", value.removeprefix("'")))
    return hash_known(_sha256(number)) if _NUMBER.fullmatch(number) else None


def _of_profile(value: str) -> str | None:
    handle = find_handle(value if "://" in value else f"https://{value}")
    return hash_handle(handle) if handle else None


_HASH: dict[str, Callable[[str], str | None]] = {"e-mail": _of_email, "phone": _of_phone, "profile": _of_profile}
_WRONG = {
    "e-mail": "The e-mail address is neither one nor the SHA-256 of one.",
    "phone": "The number has no country code (+1 619 555 0100), or is not the SHA-256 of one.",
    "profile": "The profile is not the address of a person's page on a platform that we know.",
}


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
