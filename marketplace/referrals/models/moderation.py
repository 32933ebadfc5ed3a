"""Tables of the moderators' desk: who has a case open, what was decided, and what was passed on. Facts only."""
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from marketplace.foundation.crypto import EncryptedText
from marketplace.foundation.db import Base, state_column
from marketplace.foundation.ids import new_id
from marketplace.identity.models import User
from marketplace.referrals.models.leads import ReasonCode


class Decided(StrEnum):
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    ASKED = "asked"  # The referrer was asked for more.


class Decision(Base):
    """What an admin, or the clock, decided about a lead. One that was undone was told to nobody."""

    __tablename__ = "decisions"
    __table_args__ = (Index("decisions_when_idx", "created_at"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("decision"))
    lead_id: Mapped[str] = mapped_column(ForeignKey("leads.id"), index=True)
    decided: Mapped[Decided] = state_column(Decided)
    decided_by: Mapped[str]  # An admin's id, or audit.SYSTEM.
    reason_code: Mapped[ReasonCode | None] = state_column(ReasonCode)
    missed_criterion: Mapped[str | None]
    is_appeal: Mapped[bool]  # Made on an appeal.
    hour: Mapped[int]  # Whole hours since 1970, so that both databases can count those in which somebody worked.
    undone_at: Mapped[datetime | None]


class LeadClaim(Base):
    """An admin has this lead open, until then; nobody else decides meanwhile."""

    __tablename__ = "lead_claims"

    lead_id: Mapped[str] = mapped_column(ForeignKey("leads.id"), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    until: Mapped[datetime]

    user: Mapped[User] = relationship(lazy="joined", innerjoin=True)


class Escalation(Base):
    """An admin passed a lead on to another, or to whoever comes, with a note; it stands until somebody decides."""

    __tablename__ = "escalations"
    __table_args__ = (
        Index("escalations_one_standing_key", "lead_id", "escalated_by", unique=True,
              postgresql_where=text("settled_at IS NULL"), sqlite_where=text("settled_at IS NULL")),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("escalation"))
    lead_id: Mapped[str] = mapped_column(ForeignKey("leads.id"), index=True)
    escalated_by: Mapped[str] = mapped_column(ForeignKey("users.id"))
    to_id: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    note: Mapped[str] = mapped_column(EncryptedText)
    settled_at: Mapped[datetime | None]  # Decided, or taken back.
