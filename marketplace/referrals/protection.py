"""How long a referrer's protection lasts: what the terms promise, sixty days more for activity, and the time we took.

The time that we took is no extension: it comes on top, whichever was first. A day to which only a buyer's open word
moved the end (asking.py) stands beside them, and the later one counts.
"""
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from marketplace.foundation import audit, clock
from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import db
from marketplace.referrals import lifecycle
from marketplace.referrals.deadlines import ACTIVITY_EXTENDS
from marketplace.referrals.models import Lead

AT_IT, HELD_UP = "the business is at it", "it had waited for a look"  # In the trail: why the end moved.


def extend_for_activity(lead: Lead, *, by: str) -> None:
    """Once: sixty days more on the first sign that the business is at it."""
    assert lead.protected_until is not None
    moves = _moves(lead)
    until = _end(lead, moves) + ACTIVITY_EXTENDS
    if not _was_extended(moves) and until > lead.protected_until:
        lifecycle.protect_until(lead, until, by=by, reason=AT_IT)


def give_back_since(lead: Lead, since: datetime) -> None:
    """It stood still from then until now."""
    assert lead.protected_until is not None
    waited = clock.now() - since
    until = max(_end(lead, _moves(lead)) + waited, lead.protected_until)
    lifecycle.protect_until(lead, until, by=audit.SYSTEM, reason=HELD_UP, seconds=waited.total_seconds())


def _moves(lead: Lead) -> Sequence[dict[str, Any]]:
    return db.session.scalars(audit.events_about(lead.id).where(AuditEvent.action == "lead.protected")
                              .with_only_columns(AuditEvent.details)).all()


def _was_extended(moves: Sequence[dict[str, Any]]) -> bool:
    return any(one["reason"] == AT_IT for one in moves)


def _end(lead: Lead, moves: Sequence[dict[str, Any]]) -> datetime:
    """Without what only an open word moved it to."""
    assert lead.accepted_at is not None
    given_back = timedelta(seconds=sum(one.get("seconds", 0) for one in moves))
    promised = timedelta(days=lead.terms.protection_days)
    return lead.accepted_at + promised + given_back + (ACTIVITY_EXTENDS if _was_extended(moves) else timedelta(0))
