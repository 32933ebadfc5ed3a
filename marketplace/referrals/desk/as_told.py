"""A lead as everybody but the moderators knows it: while a decision is told to nobody, it is still being made."""
from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, case, literal, select

from marketplace.foundation.db import db
from marketplace.referrals.models import Decision, Lead, Moderation

told_state: ColumnElement[Any] = case(
    (Lead.tell_at.is_not(None), literal(Moderation.IN_REVIEW, Lead.moderation.type)), else_=Lead.moderation)
DECIDED = frozenset({"lead.accepted", "lead.rejected", "lead.needs_info", "lead.in_review", "stage.new"})
Span = tuple[datetime, datetime | None]


class _AsTold:
    """In review, whatever was decided; all else is the lead's own."""

    moderation = Moderation.IN_REVIEW
    tell_at = stage = accepted_at = protected_until = decided_at = decided_by = None
    reason_code = missed_criterion = reason_note = question = question_asked_at = None

    def __init__(self, lead: Lead) -> None:
        self._lead = lead

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lead, name)


def as_told(lead: Lead) -> Lead:
    """To be read only."""
    return lead if lead.tell_at is None else cast("Lead", _AsTold(lead))


def as_told_row(row: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """The same of a row of the table, by column."""
    return row if row["tell_at"] is None else {name: getattr(_AsTold, name, value) for name, value in row.items()}


def untold_spans(lead: Lead) -> list[Span]:
    """From when until when something was decided that nobody was told, or is not told yet."""
    found = db.session.scalars(select(Decision).where(Decision.lead_id == lead.id).order_by(Decision.created_at)).all()
    spans: list[Span] = [(one.created_at, one.undone_at) for one in found if one.undone_at is not None]
    standing = [one.created_at for one in found if one.undone_at is None]
    return [*spans, (standing[-1], None)] if lead.tell_at is not None and standing else spans


def is_untold(action: str, at: datetime, spans: list[Span]) -> bool:
    return action in DECIDED and any(start <= at and (end is None or at <= end) for start, end in spans)
