"""Rows of people who pointed at this business in another programme: each an invitation that nobody has sent yet."""
import re
from collections.abc import Collection, Iterable, Sequence
from urllib.parse import parse_qsl, urlsplit

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import select

from marketplace.foundation import audit
from marketplace.foundation.by_query import among
from marketplace.foundation.db import db
from marketplace.foundation.fields import clean
from marketplace.referrals.suppression import hash_email
from marketplace.tracking.links import key_of
from marketplace.tracking.models import PartnerInvitation, ReferralLink, Upload
from marketplace.tracking.uploads import programmes
from marketplace.tracking.uploads.columns import Column
from marketplace.tracking.uploads.rows import Row, RowOutcome, RowResult
from marketplace.tracking.uploads.values import Odd

COLUMNS = (
    Column("email", "E-mail", "By it they are invited, and found again if they are here already.", programmes.EMAIL,
           required=True),
    Column("first_name", "First name", "", programmes.FIRST_NAME),
    Column("last_name", "Last name", "", programmes.LAST_NAME),
    Column("name", "Whole name", "Where it stands in one column.", programmes.NAME),
    Column("code", "Their code or link", "They may keep it as the code they say, where nobody has it yet.",
           programmes.CODE),
)
LONGEST_CODE = 40


class PartnerRows:
    columns: Sequence[Column] = COLUMNS

    def key(self, row: Row) -> tuple[str, bool]:
        return row.cells.get("email", "").lower() or f"row {row.number}", True

    def check(self, upload: Upload, rows: Sequence[Row]) -> list[RowResult]:
        return [result for result, _ in _look(upload, rows)]

    def take(self, upload: Upload, rows: Sequence[Row]) -> list[RowResult]:
        results = []
        for result, invitation in _look(upload, rows):
            if invitation is not None:
                db.session.add(invitation)
            results.append(result)
        db.session.flush()
        kept = sum(1 for one in results if one.outcome is RowOutcome.KEPT)
        if kept:
            audit.record("partners.brought", upload.business_id, by=upload.uploaded_by, upload=upload.id, count=kept)
        return results


def _look(upload: Upload, rows: Sequence[Row]) -> list[tuple[RowResult, PartnerInvitation | None]]:
    marks = {row.number: hash_email(row.cells["email"]) for row in rows if _is_address(row.cells.get("email", ""))}
    codes = {row.number: key_of(code) for row in rows if (code := wanted_code(row.cells.get("code", "")))}
    known, taken = _known(upload.business_id, marks.values()), _taken(upload.business_id, codes.values())
    seen: set[str] = set()
    found: list[tuple[RowResult, PartnerInvitation | None]] = []
    for row in rows:
        try:
            name = _name(row)
            mark = marks.get(row.number)
            if mark is None:
                raise Odd("There is no whole e-mail address.", "Write one like ana@example.com.")
        except Odd as wrong:
            found.append((RowResult(row.number, RowOutcome.UNREADABLE, why=wrong.why, next_step=wrong.next_step), None))
            continue
        if mark in known or mark in seen:
            found.append((RowResult(row.number, RowOutcome.BEFORE, name, "You brought this person before."), None))
            continue
        seen.add(mark)
        code, key = wanted_code(row.cells.get("code", "")), codes.get(row.number)
        is_free = key is not None and key not in taken
        if is_free and key is not None:
            taken.add(key)
        why = "" if not code else f"They may go on saying {code}." if is_free else (
            f"Somebody has the code {code} already: they get another one.")
        found.append((RowResult(row.number, RowOutcome.KEPT, name, why), PartnerInvitation(
            business_id=upload.business_id, programme=upload.choices.get("programme", "other"), name=name,
            email=row.cells["email"].lower(), email_hash=mark, code=code if is_free else None,
            code_key=key if is_free else None)))
    return found


def wanted_code(cell: str) -> str | None:
    """A code as it was said, or what an address ends with: ``https://shop.example/?via=ana`` is ANA."""
    said = cell.strip()
    if "://" in said or said.startswith("www."):
        parts = urlsplit(said if "://" in said else f"https://{said}")
        given = [value for _, value in parse_qsl(parts.query)]
        said = given[0] if given else parts.path.rstrip("/").rpartition("/")[2]
    said = "-".join(re.findall(r"[A-Z0-9]+", clean(said).upper()))
    return said if 3 <= len(said) <= LONGEST_CODE else None


def _name(row: Row) -> str:
    cells = row.cells
    parts = [cells[key] for key in ("first_name", "last_name") if key in cells] or [cells.get("name", "")]
    name = " ".join(clean(" ".join(parts)).split())[:100]
    return "" if "@" in name else name


def _is_address(cell: str) -> bool:
    try:
        validate_email(cell, check_deliverability=False)
    except EmailNotValidError:
        return False
    return True


def _known(business_id: str, marks: Iterable[str]) -> set[str]:
    return set(db.session.scalars(select(PartnerInvitation.email_hash).where(
        PartnerInvitation.business_id == business_id, among(PartnerInvitation.email_hash, marks))))


def _taken(business_id: str, keys: Collection[str]) -> set[str]:
    """By a link of anybody, or promised to somebody whom this business brought."""
    links = select(ReferralLink.spoken_key).where(among(ReferralLink.spoken_key, keys))
    promised = select(PartnerInvitation.code_key).where(
        PartnerInvitation.business_id == business_id, among(PartnerInvitation.code_key, keys))
    return set(db.session.scalars(links)) | set(filter(None, db.session.scalars(promised)))
