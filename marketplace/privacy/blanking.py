"""Empties columns of the rows that belong to one lead, as the list of kinds names them."""
from typing import Any

from sqlalchemy import ColumnElement, Table, update

from marketplace.foundation.db import Base, db
from marketplace.privacy.kinds import Kind, columns_of
from marketplace.referrals.models import Lead

SAYS_BY_BEING_THERE = {("leads", "appeal")}  # That there was one is no secret: it is emptied, not taken away.


def blank_lead(lead: Lead, *kinds: Kind, but: frozenset[str] = frozenset()) -> None:
    """In every table at once. ``but``: columns that stay, as ``table.column``. The session reads everything anew."""
    db.session.flush()
    for name, columns in columns_of(*kinds).items():
        table = Base.metadata.tables[name]
        wanted = [table.c[column] for column in columns if f"{name}.{column}" not in but]
        _blank(table, wanted, rows_of_lead(table, lead))
    db.session.expire_all()


def rows_of_lead(table: Table, lead: Lead) -> ColumnElement[bool]:
    """Which rows of a table are about this lead's buyer."""
    own = {"leads": ("id", lead.id), "buyers": ("id", lead.buyer_id)}
    column, value = own.get(table.name, ("lead_id", lead.id))
    rows: ColumnElement[bool] = table.c[column] == value
    if table.name == "rewards_in_kind":
        return rows & (table.c.whom == "buyer")
    return rows


def _blank(table: Table, columns: list[Any], rows: ColumnElement[bool]) -> None:
    marked = [column for column in columns if (table.name, column.name) in SAYS_BY_BEING_THERE]
    values = {column.name: empty_of(column) for column in columns if column not in marked}
    if values:
        db.session.execute(update(table).where(rows).values(values))
    for column in marked:
        db.session.execute(update(table).where(rows, column.is_not(None)).values({column.name: ""}))


def empty_of(column: Any) -> Any:
    """Nothing, or what comes nearest to it where the column must hold something."""
    if column.nullable:
        return None
    return {"JSON": [], "LargeBinary": b""}.get(type(column.type).__name__, "")
