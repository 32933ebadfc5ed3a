"""Tables of fraud: what each look found, and what waits for a person because of it. Facts only."""
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from marketplace.foundation.crypto import EncryptedText
from marketplace.foundation.db import Base, Versioned, state_column
from marketplace.foundation.ids import new_id
from marketplace.referrals.models.leads import Lead


class Point(StrEnum):
    """When a lead is looked at."""

    POINTING = "pointing"
    CONSENT = "consent"
    CONVERSION = "conversion"
    TRANSFER = "transfer"


class Verdict(StrEnum):
    PASS = "pass"  # noqa: S105 - no password
    LONGER = "longer"
    HOLD = "hold"
    STOP = "stop"


class FraudScore(Base):
    """One look: never changed. ``reasons`` are rules with their weight of that day and a count, no personal data."""

    __tablename__ = "fraud_scores"

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("score"))
    lead_id: Mapped[str] = mapped_column(ForeignKey("leads.id"), index=True)
    reward_id: Mapped[str | None] = mapped_column(ForeignKey("rewards.id"))
    point: Mapped[Point] = state_column(Point)
    score: Mapped[int]
    verdict: Mapped[Verdict] = state_column(Verdict)
    reasons: Mapped[list[Any]] = mapped_column(JSON)  # [rule, weight, what was counted]
    rules_version: Mapped[int]


class CaseState(StrEnum):
    OPEN = "open"
    LET_GO = "let_go"
    EXPIRED = "expired"  # Nobody kept it, or its lead ended first.
    CONFIRMED = "confirmed"  # An admin says it is fraud; the person may appeal.
    PROVEN = "proven"  # The time for an appeal is over, or the second admin says so too.


FOUND_FRAUD = (CaseState.CONFIRMED, CaseState.PROVEN)


class FraudCase(Versioned, Base):
    """A lead that waits for a person. A hold ends by itself at ``expires_at``; a stop has no such day.

    What was found first stays in the audit trail; ``reason`` and who decided are of the last word.
    """

    __tablename__ = "fraud_cases"
    __table_args__ = (
        Index("fraud_cases_one_live_key", "lead_id", unique=True,
              postgresql_where=text("state IN ('open', 'confirmed')"),
              sqlite_where=text("state IN ('open', 'confirmed')")),
        Index("fraud_cases_queue_idx", "state", "due_at"),
        CheckConstraint("level IN ('hold', 'stop')", name="level_waits"),
        CheckConstraint("level = 'stop' OR expires_at IS NOT NULL", name="hold_ends"),
        CheckConstraint("(decided_at IS NULL) = (decided_by IS NULL)", name="decision_whole"),
        CheckConstraint("state IN ('open', 'expired') OR decided_by IS NOT NULL", name="decided_by_somebody"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("fraud"))
    lead_id: Mapped[str] = mapped_column(ForeignKey("leads.id"))
    about_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)  # The referrer.
    score_id: Mapped[str] = mapped_column(ForeignKey("fraud_scores.id"))  # The look that says most.
    level: Mapped[Verdict] = state_column(Verdict)
    state: Mapped[CaseState] = state_column(CaseState, default=CaseState.OPEN)
    due_at: Mapped[datetime]  # By when an admin should have looked.
    expires_at: Mapped[datetime | None]
    keep_reason: Mapped[str | None] = mapped_column(EncryptedText)
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None]
    reason: Mapped[str | None] = mapped_column(EncryptedText)  # The admin's words to the person.
    explanation: Mapped[str | None] = mapped_column(EncryptedText)  # The person's words before anybody had decided.
    explained_at: Mapped[datetime | None]
    appeal: Mapped[str | None] = mapped_column(EncryptedText)  # And against what was found.
    appealed_at: Mapped[datetime | None]
    settles_at: Mapped[datetime | None]  # Confirmed: until then they may appeal.
    ended_with_lead: Mapped[bool] = mapped_column(default=False, server_default=false())  # An appeal looks again.

    lead: Mapped[Lead] = relationship(lazy="joined", innerjoin=True)
    look: Mapped[FraudScore] = relationship(lazy="joined", innerjoin=True)

    @property
    def is_appealed(self) -> bool:
        """What was found waits for another admin."""
        return self.state is CaseState.OPEN and self.settles_at is not None
