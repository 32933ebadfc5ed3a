"""Finds a business's leads whose texts read alike: signatures kept with the lead, their bands in the database."""
from typing import Any

from sqlalchemy import delete, insert, select

from marketplace.foundation.crypto import derived_key
from marketplace.foundation.db import db
from marketplace.foundation.likeness import BANDS, PLACES, band_keys, places_in_common, sign_text
from marketplace.referrals.models import Lead, LeadSignature, lead_bands

ALIKE = 22  # Of 64 places: two posts that share a signature line of 45 words agree in 11, give or take 3.
MOST_OF_A_KEY = 8  # A key of nothing but such a line has thousands of leads; what is alike meets in other keys too.
MOST_SHOWN = 5
NEVER = "never"  # The scope of those who asked to be left alone, beside one for each business.

_OF_A_KEY = f"SELECT number FROM lead_bands WHERE key = {{key}} ORDER BY number LIMIT {MOST_OF_A_KEY}"  # noqa: S608
_OF_NUMBERS = "SELECT lead_id, signature FROM lead_signatures WHERE number IN ({numbers})"
# In the drivers' own words: bound one by one, 21 keys would cost as much as looking them up.
_BY_KEYS = {
    "postgresql": _OF_NUMBERS.format(numbers=(
        "SELECT found.number FROM unnest(CAST(%s AS bigint[])) AS wanted(key) "  # noqa: S608 - our own words
        f"CROSS JOIN LATERAL ({_OF_A_KEY.format(key='wanted.key')}) AS found")),
    "sqlite": _OF_NUMBERS.format(numbers=" UNION ALL ".join(
        [f"SELECT * FROM ({_OF_A_KEY.format(key='?')})"] * BANDS)),  # noqa: S608
}


def keep_likeness(lead: Lead) -> None:
    """Once its text is there, or is another one: from now on it is found by it. A short text is not kept."""
    forget_likeness(lead)
    signature = sign_text(lead.evidence.text or "", secret=derived_key("likeness"))
    if signature is None or _kept_of(lead) is not None:
        return
    kept = LeadSignature(lead_id=lead.id, signature=signature)
    db.session.add(kept)
    db.session.flush()
    db.session.execute(insert(lead_bands), [
        {"key": key, "number": kept.number} for key in set(_keys(signature, lead.business_id))])


def forget_likeness(lead: Lead) -> None:
    """With the text itself. What was made of it stays only where its author said never: to keep them that word."""
    kept = _kept_of(lead)
    if kept is None:
        return
    _rows_of(kept, delete(lead_bands), lead.business_id)
    if not _is_never(kept):
        db.session.delete(kept)
        db.session.flush()


def keep_never(lead: Lead) -> None:
    """Its author said never: from now on it is found among the leads of every business."""
    kept = _kept_of(lead)
    if kept is not None and not _is_never(kept):
        db.session.execute(insert(lead_bands), [
            {"key": key, "number": kept.number} for key in set(_keys(kept.signature, NEVER))])


def is_like_never(lead: Lead) -> bool:
    """Whether its text reads like that of somebody who asked never to be pointed at, at any business."""
    kept = _kept_of(lead)
    return kept is not None and bool(look_up_alike(kept.signature, business_id=NEVER, but=lead.id))


def _kept_of(lead: Lead) -> LeadSignature | None:
    return db.session.scalar(select(LeadSignature).where(LeadSignature.lead_id == lead.id))


def _is_never(kept: LeadSignature) -> bool:
    return bool(_rows_of(kept, select(lead_bands.c.number).limit(1), NEVER).first())


def _rows_of(kept: LeadSignature, statement: Any, scope: str) -> Any:
    return db.session.execute(statement.where(
        lead_bands.c.key.in_(_keys(kept.signature, scope)), lead_bands.c.number == kept.number))


def find_alike(lead: Lead) -> list[tuple[str, int]]:
    """(lead, percent of the words in common as far as signatures tell), most alike first; of the same business."""
    signature = db.session.scalar(select(LeadSignature.signature).where(LeadSignature.lead_id == lead.id))
    if signature is None:
        return []
    return look_up_alike(signature, business_id=lead.business_id, but=lead.id)


def look_up_alike(signature: bytes, *, business_id: str, but: str = "") -> list[tuple[str, int]]:
    """In two steps: leads that share a band, by the index; of them those whose signatures agree in enough places."""
    dialect, keys = db.engine.dialect.name, _keys(signature, business_id)
    wanted = ("{" + ",".join(map(str, keys)) + "}",) if dialect == "postgresql" else tuple(keys)
    found = db.session.connection().exec_driver_sql(_BY_KEYS[dialect], wanted).all()
    others = {lead_id: other for lead_id, other in found if lead_id != but}
    common = places_in_common(signature, others.values())
    ordered = sorted(zip(common, others, strict=True), reverse=True)
    return [(lead_id, round(100 * places / PLACES)) for places, lead_id in ordered if places >= ALIKE]


def _keys(signature: bytes, business_id: str) -> list[int]:
    return band_keys(signature, scope=business_id, secret=derived_key("likeness"))
