"""The audit trail of very many things at once, written by the database from rows that it has."""
from collections.abc import Mapping

from sqlalchemy import ColumnElement, Integer, Select, Text, cast, func, insert, literal, select

from marketplace.foundation import clock
from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.by_query import json_of, numbered_ids
from marketplace.foundation.db import db, rows_of


def record_each(
    action: str, subjects: Select[str], details: Mapping[str, ColumnElement[str] | str], *, by: str
) -> None:
    """``audit.record`` for each of ``subjects``, a query of ids, in one statement; ``details`` of its columns."""
    number = cast(func.row_number().over(), Integer) - 1
    told = subjects.add_columns(number.label("number"), json_of(details).label("details")).subquery()
    db.session.flush()
    db.session.connection().execute(insert(rows_of(AuditEvent)).from_select(
        ["id", "actor_id", "action", "subject_id", "details", "created_at"],
        select(numbered_ids("audit"), literal(by, Text), literal(action, Text), told.c[0],
               told.c.details, literal(clock.now(), AuditEvent.created_at.type)),
        include_defaults=False))
