"""Everything that is kept about an account holder, in one file: JSON for programs, a CSV a table for spreadsheets."""
import io
import json
import zipfile
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from sqlalchemy import select

from marketplace.foundation import audit, clock
from marketplace.foundation.db import db
from marketplace.foundation.letters import public_url
from marketplace.foundation.sheets import write_sheet
from marketplace.identity.models import User
from marketplace.privacy.holders import LEFT_OUT, rows_of_user, tables_of_holders
from marketplace.privacy.kinds import KINDS, Whose
from marketplace.referrals.desk.as_told import as_told_row

Rows = list[dict[str, Any]]


def everything_about(user: User) -> dict[str, Rows]:
    """Table to rows, oldest first; tables without a row of theirs are left out."""
    return {name: rows for name, rows in _tables(user) if rows}


def _tables(user: User) -> Iterator[tuple[str, Rows]]:
    for table in tables_of_holders():
        columns = [column for column in table.columns if str(column) not in LEFT_OUT]
        found = db.session.execute(
            select(*columns).where(rows_of_user(table, user.id)).order_by(*table.primary_key.columns))
        rows = [as_told_row(row) if table.name == "leads" else row for row in found.mappings()]
        yield table.name, [{name: plain_value(value) for name, value in row.items()} for row in rows]


def pack(user: User, *, by: User) -> bytes:
    """A zip: ``about-me.json`` and a CSV for each table. The trail says that it was taken."""
    audit.record("user.exported", user.id, by=by.id)
    tables = everything_about(user)
    told = {
        "about": user.email, "made_at": clock.now().isoformat(),
        "kept_by": {"name": "Fingerpost", "url": public_url("/")},
        "kinds": [{"name": kind.name, "purpose": kind.purpose, "kept": kind.kept}
                  for kind in KINDS if kind.whose is Whose.HOLDER],
        "tables": tables,
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("about-me.json", json.dumps(told, indent=2, ensure_ascii=False) + "\n")
        for name, rows in tables.items():
            heading = list(rows[0])
            file.writestr(f"{name}.csv", write_sheet(heading, ([cell_of(row[key]) for key in heading] for row in rows)))
    return packed.getvalue()


def plain_value(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    return value


def cell_of(value: Any) -> str:
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
