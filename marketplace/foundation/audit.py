"""An append-only record of who did what to which thing, and why. Triggers refuse changes to it."""
from typing import Any

from sqlalchemy import Select, insert, select
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.foundation import clock
from marketplace.foundation.db import Base, add_row, rows_of
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


def record(action: str, subject_id: str, *, by: str, **details: Any) -> None:
    """``action`` is ``thing.past_participle``; ``by`` an id, or SYSTEM. No personal data in ``details``."""
    kept = {name: value for name, value in details.items() if value not in (None, "")}
    add_row(TRAIL, {"id": new_id("audit"), "actor_id": by, "action": action, "subject_id": subject_id,
                    "details": kept, "created_at": clock.now()})


def events_about(*subject_ids: str) -> Select[AuditEvent]:
    """Oldest first."""
    return select(AuditEvent).where(AuditEvent.subject_id.in_(subject_ids)).order_by(AuditEvent.id)
