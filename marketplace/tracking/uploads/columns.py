"""What the columns of a file are: guessed from its heading, corrected by a person, remembered for the next file."""
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite

from marketplace.foundation import clock
from marketplace.foundation.db import db
from marketplace.foundation.errors import Invalid
from marketplace.foundation.money import CURRENCIES
from marketplace.tracking.models import ColumnMemory, Upload, UploadPurpose
from marketplace.tracking.uploads.values import DAY_ORDERS, DECIMALS, Writing, guess_days, guess_decimals

MOST_REMEMBERED = 500  # Headings of one business.


@dataclass(frozen=True)
class Column:
    """One thing that we read of a row. ``names``: headings that mean it, as ``plain`` writes them, the surest first."""

    key: str
    label: str
    hint: str
    names: tuple[str, ...]
    required: bool = False


@dataclass(frozen=True)
class Sheet:
    """The beginning of a file, as it is read now."""

    heading: list[str]
    rows: list[list[str]] = field(default_factory=list)

    def cells(self, place: int) -> list[str]:
        return [row[place].strip() for row in self.rows if place < len(row) and row[place].strip()]


class BadColumns(Invalid):
    code = "bad_columns"


def plain(heading: str) -> str:
    """``Order-ID (Shop)`` as ``order id shop``."""
    spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", heading)
    return " ".join(re.findall(r"[a-z0-9]+", spaced.lower()))


def guess_columns(heading: Sequence[str], columns: Sequence[Column], remembered: Mapping[str, str]) -> dict[str, int]:
    """What we read to the place of its column. What this business said of such a heading before comes first."""
    known = {column.key for column in columns}
    names = [plain(one) for one in heading]
    found: dict[str, int] = {}
    for place, name in enumerate(names):
        key = remembered.get(name)
        if key in known and key not in found:
            found[key] = place
    for column in columns:
        places = [names.index(name) for name in column.names if name in names and name not in remembered]
        free = [place for place in places if place not in found.values()]
        if column.key not in found and free:
            found[column.key] = free[0]
    return found


def guess_choices(
    sheet: Sheet, columns: Mapping[str, int], remembered: Mapping[str, str], currency: str
) -> dict[str, str]:
    """How days and amounts are written. What can be read in two ways is left out: the person says it."""
    days = guess_days(sheet.cells(columns["day"])) if "day" in columns else "ymd"
    decimals = guess_decimals(sheet.cells(columns["amount"])) if "amount" in columns else "point"
    said = {"days": days or remembered.get("days"), "decimals": decimals or remembered.get("decimals"),
            "currency": remembered.get("currency") or currency}
    return {name: value for name, value in said.items() if value}


def check_columns(chosen: Mapping[str, int], columns: Sequence[Column], sheet: Sheet) -> None:
    """BadColumns (422) for a column that is missing, is not there, or is said to be two things."""
    wrong: dict[str, list[str]] = {}
    for column in columns:
        place = chosen.get(column.key)
        if place is None and column.required:
            wrong[f"column_{column.key}"] = ["Say which column this is."]
        if place is not None and not 0 <= place < len(sheet.heading):
            wrong[f"column_{column.key}"] = ["The file has no such column."]
    twice = [key for key, place in chosen.items() if list(chosen.values()).count(place) > 1]
    for key in twice[1:]:
        wrong[f"column_{key}"] = ["This column is already something else."]
    if wrong:
        raise BadColumns("Some columns need your attention.", fields=wrong)


def check_choices(choices: Mapping[str, str], columns: Mapping[str, int]) -> None:
    """BadColumns (422) where days or amounts could be read in two ways and nobody said in which."""
    wrong = {}
    if "day" in columns and choices.get("days") not in DAY_ORDERS:
        wrong["days"] = ["02/11/2026 may be in February or in November: say how days are written in this file."]
    if "amount" in columns and choices.get("decimals") not in DECIMALS:
        wrong["decimals"] = ["1.234 may be one or a thousand: say how amounts are written in this file."]
    if "amount" in columns and "currency" not in columns and choices.get("currency") not in CURRENCIES:
        wrong["currency"] = ["Say in which currency the amounts are."]
    if wrong:
        raise BadColumns("Some answers are missing.", fields=wrong)


def writing_of(upload: Upload) -> Writing:
    said = upload.choices
    return Writing(said.get("days", "ymd"), said.get("decimals", "point"), said.get("currency", "usd"))


def remembered_columns(business_id: str, purpose: UploadPurpose) -> tuple[dict[str, str], dict[str, str]]:
    """Heading to what it is, and the other answers; empty before the first file."""
    kept = db.session.get(ColumnMemory, (business_id, purpose))
    return (dict(kept.columns), dict(kept.choices)) if kept else ({}, {})


def remember_columns(upload: Upload, heading: Sequence[str]) -> None:
    """For the next file: this one's columns, by their names."""
    used = {place: key for key, place in upload.columns.items()}
    names = {plain(name): used.get(place, "") for place, name in enumerate(heading) if plain(name)}
    before, _ = remembered_columns(upload.business_id, upload.purpose)
    names = dict([*(before | names).items()][-MOST_REMEMBERED:])
    row: dict[str, Any] = {
        "business_id": upload.business_id, "purpose": upload.purpose, "columns": names,
        "choices": {name: value for name, value in upload.choices.items() if name != "programme"},
        "created_at": clock.now()}
    make = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
    said = make(ColumnMemory).values(row)
    db.session.execute(said.on_conflict_do_update(
        index_elements=["business_id", "purpose"], set_={"columns": row["columns"], "choices": row["choices"]}))
