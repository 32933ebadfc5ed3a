"""An append-only record of who did what to which thing, and why. Triggers refuse changes to it."""
from collections.abc import Iterable
from typing import Any, cast

from sqlalchemy import Select, Table, insert, select
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.foundation import clock
from marketplace.foundation.db import Base, db
from marketplace.foundation.ids import new_id

SYSTEM = "system"  # The actor where the clock or a rule acted, not a person.


class AuditEvent(Base):
    __tablename__ = "audit_events"

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("audit"))
    actor_id: Mapped[str] = mapped_column(index=True)
    action: Mapped[str]
    subject_id: Mapped[str] = mapped_column(index=True)
    details: Mapped[dict[str, Any]]


def record(action: str, subject_id: str, *, by: str, **details: Any) -> None:
    """``action`` is ``thing.past_participle``; ``by`` an id, or SYSTEM. No personal data in ``details``."""
    db.session.add(AuditEvent(actor_id=by, action=action, subject_id=subject_id, details=_kept(details)))


def record_many(action: str, told: Iterable[tuple[str, dict[str, Any]]], *, by: str) -> None:
    """The same of many things, each with its details, in one statement."""
    rows = [{"id": new_id("audit"), "actor_id": by, "action": action, "subject_id": subject_id,
             "details": _kept(details), "created_at": clock.now()} for subject_id, details in told]
    if rows:
        db.session.execute(insert(cast("Table", AuditEvent.__table__)), rows)


def _kept(details: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in details.items() if value not in (None, "")}


def events_about(*subject_ids: str) -> Select[AuditEvent]:
    """Oldest first."""
    return select(AuditEvent).where(AuditEvent.subject_id.in_(subject_ids)).order_by(AuditEvent.id)
