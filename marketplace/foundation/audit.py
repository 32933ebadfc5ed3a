"""An append-only record of who did what to which thing, and why. Triggers refuse changes to it."""
from collections.abc import Callable, Collection
from typing import Any

from sqlalchemy import Select, insert, select
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.foundation import clock
from marketplace.foundation.db import Base, add_row, at_the_end, rows_of
from marketplace.foundation.ids import new_id

SYSTEM = "system"  # The actor where the clock or a rule acted, not a person.


class AuditEvent(Base):
    __tablename__ = "audit_events"

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("audit"))
    actor_id: Mapped[str] = mapped_column(index=True)
    action: Mapped[str]
    subject_id: Mapped[str] = mapped_column(index=True)
    details: Mapped[dict[str, Any]]


TRAIL = insert(rows_of(AuditEvent))
Follower = Callable[[list[dict[str, Any]]], None]

_followed: dict[str, Follower] = {}


def follow(actions: Collection[str], follower: Follower) -> None:
    """``follower`` gets the rows of these actions that a transaction wrote, at its end and inside it.

    So news of lower packages reaches a higher one that they do not know.
    """
    _followed.update(dict.fromkeys(actions, follower))


def record(action: str, subject_id: str, *, by: str, **details: Any) -> None:
    """``action`` is ``thing.past_participle``; ``by`` an id, or SYSTEM. No personal data in ``details``."""
    kept = {name: value for name, value in details.items() if value not in (None, "")}
    row = {"id": new_id("audit"), "actor_id": by, "action": action, "subject_id": subject_id, "details": kept,
           "created_at": clock.now()}
    add_row(TRAIL, row)
    if action in _followed:
        at_the_end(_followed[action], row)


def events_about(*subject_ids: str) -> Select[AuditEvent]:
    """Oldest first."""
    return select(AuditEvent).where(AuditEvent.subject_id.in_(subject_ids)).order_by(AuditEvent.id)
