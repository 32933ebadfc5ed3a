"""Tables by which a buyer is known again: signatures, admins' words on two leads, known contacts. Facts only."""
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.foundation.db import Base
from marketplace.foundation.ids import new_id


class LeadSignature(Base):
    """What a lead's text is like (``foundation/likeness.py``); ``number`` stands for the lead among the bands."""

    __tablename__ = "lead_signatures"

    number: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True)
    lead_id: Mapped[str] = mapped_column(ForeignKey("leads.id"), unique=True)
    signature: Mapped[bytes]


# The index itself, a table only because both databases know it: 21 short rows a lead, made anew from its signature.
# Without a foreign key, whose check would cost more than the row. A key is of one business (scope of band_keys).
lead_bands = Table(
    "lead_bands", Base.metadata,
    Column("key", BigInteger(), nullable=False), Column("number", BigInteger(), nullable=False),
    PrimaryKeyConstraint("key", "number"), sqlite_with_rowid=False)


class BuyerRuling(Base):
    """An admin's word on two leads of one business: one buyer, or two. It is asked once. ``tell_at``: nothing has
    followed from it yet, and until then it can be taken back."""

    __tablename__ = "buyer_rulings"
    __table_args__ = (
        UniqueConstraint("lead_id", "other_id"),
        CheckConstraint("lead_id < other_id", name="in_order"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("ruling"))
    lead_id: Mapped[str] = mapped_column(ForeignKey("leads.id"))
    other_id: Mapped[str] = mapped_column(ForeignKey("leads.id"), index=True)
    is_same: Mapped[bool]
    ruled_by: Mapped[str]
    tell_at: Mapped[datetime | None]


class KnownContact(Base):
    """Somebody a business knew before: a keyed hash, never an address. ``created_at``: when it was first uploaded."""

    __tablename__ = "known_contacts"
    __table_args__ = (PrimaryKeyConstraint("business_id", "hash"), {"sqlite_with_rowid": False})

    business_id: Mapped[str] = mapped_column(ForeignKey("businesses.id"))
    hash: Mapped[str]
