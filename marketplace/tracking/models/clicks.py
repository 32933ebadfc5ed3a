"""Tables of clicks: a row a click, a row a link and day with their number, how far each spool was taken in. Facts only.

A click tells nothing of a person: ``visitor`` is a random or scrambled mark, and no address is kept anywhere.
"""
from enum import StrEnum

from sqlalchemy import BigInteger, Column, Date, Index, Integer, PrimaryKeyConstraint, String, Table, Text
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.foundation.db import Base, UtcDateTime, state_type


class ClickMark(StrEnum):
    COUNTED = "counted"
    BOT = "bot"  # It calls itself a program.
    PREFETCH = "prefetch"  # Loaded before anybody clicked.
    REPEAT = "repeat"  # The same visitor and link within the hour.


# No row is ever an object: they come in batches, and are read by statements. Visitors are named by time first, so that
# new rows stand beside each other in the index, whatever its size.
clicks = Table(
    "clicks", Base.metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("code", String(8), nullable=False),  # Of the link. No reference: a click costs no look-up.
    Column("at", UtcDateTime(), nullable=False),
    Column("visitor", String(16), nullable=False),
    Column("mark", state_type(ClickMark), nullable=False),
    Column("sub", Text(), nullable=True),  # The referrer's own note of the place: ?sub=newsletter.
    Index("clicks_visitor_idx", "visitor", "at"),
)


# How many clicks a link had on a day (UTC); kept in the transaction that brings the clicks.
click_days = Table(
    "click_days", Base.metadata,
    Column("code", String(8), nullable=False), Column("day", Date(), nullable=False),
    Column("counted", Integer(), nullable=False), Column("bots", Integer(), nullable=False),
    Column("prefetches", Integer(), nullable=False), Column("repeats", Integer(), nullable=False),
    PrimaryKeyConstraint("code", "day"), sqlite_with_rowid=False)


class ClickSpool(Base):
    """A file of clicks that a process wrote, and how much of it is in the database."""

    __tablename__ = "click_spools"

    name: Mapped[str] = mapped_column(primary_key=True)
    taken: Mapped[int] = mapped_column(BigInteger)  # Bytes.
