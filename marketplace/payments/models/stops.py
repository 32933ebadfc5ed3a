"""Table of stops: what forbids money to go out, until it is lifted. Facts only; rules live beside the verbs."""
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.foundation.db import Base, state_column
from marketplace.foundation.ids import new_id


class StopScope(StrEnum):
    ALL = "all"
    BUSINESS = "business"
    PAYEE = "payee"
    PAYABLE = "payable"


class TransferStop(Base):
    """No transfer of what ``subject_id`` names, while ``source`` (a dispute, an open item) has not lifted it."""

    __tablename__ = "transfer_stops"
    __table_args__ = (
        Index(
            "transfer_stops_once_key", "source", "scope", "subject_id", unique=True,
            postgresql_where=text("lifted_at IS NULL"), sqlite_where=text("lifted_at IS NULL")),
        Index(
            "transfer_stops_open_idx", "scope", "subject_id",
            postgresql_where=text("lifted_at IS NULL"), sqlite_where=text("lifted_at IS NULL")),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("stop"))
    scope: Mapped[StopScope] = state_column(StopScope)
    subject_id: Mapped[str]  # Of the business, the user or the payable; empty for all.
    reason: Mapped[str]  # For the payee and for admins.
    source: Mapped[str]
    lifted_at: Mapped[datetime | None]
