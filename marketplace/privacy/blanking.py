"""Empties columns of the rows that belong to one lead, as the list of kinds names them."""
from typing import Any

from sqlalchemy import ColumnElement, Table, delete, select, update

from marketplace.foundation.db import Base, db
from marketplace.privacy.kinds import Kind, columns_of
from marketplace.referrals.models import Dispute, Lead

# That there was one is no secret: it is emptied, not taken away.
SAYS_BY_BEING_THERE = {("leads", "appeal"), ("disputes", "ruling")}
OF_DISPUTES = {"dispute_statements", "witness_answers"}
WHOLE = {"evidence_files"}  # Without its content a row says nothing.


def blank_lead(lead: Lead, *kinds: Kind, but: frozenset[str] = frozenset()) -> None:
    """In every table at once. ``but``: columns that stay, as ``table.column``. The session reads everything anew."""
    db.session.flush()
    db.session.execute(select(Lead.id).where(Lead.id == lead.id).with_for_update())  # The lead first, as everywhere.
    for name, columns in columns_of(*kinds).items():
        table = Base.metadata.tables[name]
        if name in WHOLE:
            _delete_whole(table, rows_of_lead(table, lead))
            continue
        wanted = [table.c[column] for column in columns if f"{name}.{column}" not in but]
        _blank(table, wanted, rows_of_lead(table, lead))
    db.session.expire_all()


def rows_of_lead(table: Table, lead: Lead) -> ColumnElement[bool]:
    """Which rows of a table are about this lead's buyer."""
    if table.name in OF_DISPUTES:
        of_lead: ColumnElement[bool] = table.c.dispute_id.in_(select(Dispute.id).where(Dispute.lead_id == lead.id))
        return of_lead
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


def _delete_whole(table: Table, rows: ColumnElement[bool]) -> None:
    """Pictures of pages before the files that they are of."""
    db.session.execute(delete(table).where(rows, table.c.page_of_id.is_not(None)))
    db.session.execute(delete(table).where(rows))


def empty_of(column: Any) -> Any:
    """Nothing, or what comes nearest to it where the column must hold something."""
    if column.nullable:
        return None
    return {"JSON": [], "LargeBinary": b""}.get(type(column.type).__name__, "")
