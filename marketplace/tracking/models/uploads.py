"""Tables of files that a business uploads: encrypted parts, what came of each row, what its columns are. Facts only."""
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.foundation.crypto import EncryptedBytes, EncryptedText
from marketplace.foundation.db import Base, Versioned, state_column
from marketplace.foundation.ids import new_id


class UploadPurpose(StrEnum):
    """What the rows are."""

    CONVERSIONS = "conversions"
    PARTNERS = "partners"  # Of another programme: people to invite, with their codes.
    PAST_REWARDS = "past_rewards"  # Of another programme: history, which pays nothing.


class UploadState(StrEnum):
    RECEIVED = "received"  # The person says what the columns are.
    CHECKING = "checking"  # A job looks at every row; nothing is taken.
    CHECKED = "checked"  # The person reads what would come of each row.
    TAKING = "taking"
    TAKEN = "taken"
    DISCARDED = "discarded"  # Given up, or its time was over: the file is gone, the counts stay.


class Upload(Versioned, Base):
    """One file.

    ``counts``: outcome to number of rows, of the check, then of the taking; ``earns``: currency to smallest units.
    """

    __tablename__ = "uploads"
    __table_args__ = (
        Index("uploads_business_id_idx", "business_id", "id"),
        CheckConstraint("parts_done BETWEEN 0 AND part_count", name="parts_done_within"),
        CheckConstraint("size_bytes > 0 AND line_count > 0 AND part_count > 0", name="not_empty"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("upload"))
    business_id: Mapped[str] = mapped_column(ForeignKey("businesses.id"))
    uploaded_by: Mapped[str] = mapped_column(ForeignKey("users.id"))
    purpose: Mapped[UploadPurpose] = state_column(UploadPurpose)
    state: Mapped[UploadState] = state_column(UploadState, default=UploadState.RECEIVED)
    file_name: Mapped[str] = mapped_column(EncryptedText)  # As it was called; names of files name people.
    sha256: Mapped[str] = mapped_column(index=True)  # Keyed: the same file is known again, and nothing can be guessed.
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    line_count: Mapped[int]
    encoding: Mapped[str]
    separator: Mapped[str]
    columns: Mapped[dict[str, Any]]  # What we read of a row to the place of its column, from 0.
    choices: Mapped[dict[str, Any]]  # How days and amounts are written, which currency, what the rows are.
    part_count: Mapped[int]
    parts_done: Mapped[int] = mapped_column(default=0)  # Of the check, then of the taking.
    row_count: Mapped[int] = mapped_column(default=0)  # Looked at so far.
    counts: Mapped[dict[str, Any]]
    earns: Mapped[dict[str, Any]]
    chosen: Mapped[dict[str, Any]]  # Which outcomes are taken, and which rows are left out.
    checked_at: Mapped[datetime | None]
    taken_at: Mapped[datetime | None]


class UploadPart(Base):
    """Some rows of a file, cut between two rows, compressed; and what came of each."""

    __tablename__ = "upload_parts"
    __table_args__ = (UniqueConstraint("upload_id", "number"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("part"))
    upload_id: Mapped[str] = mapped_column(ForeignKey("uploads.id"))
    number: Mapped[int]  # From 0; the first begins with the heading.
    content: Mapped[bytes] = mapped_column(EncryptedBytes, deferred=True)
    first_row: Mapped[int | None]  # As a spreadsheet counts: the heading is row 1.
    outcomes: Mapped[bytes | None] = mapped_column(EncryptedBytes, deferred=True)
    counts: Mapped[dict[str, Any] | None]


class ColumnMemory(Base):
    """What a business said of the columns of its last file: the next one with the same heading begins so."""

    __tablename__ = "column_memories"

    business_id: Mapped[str] = mapped_column(ForeignKey("businesses.id"), primary_key=True)
    purpose: Mapped[UploadPurpose] = state_column(UploadPurpose, primary_key=True)
    columns: Mapped[dict[str, Any]]  # A heading's name to what we read of it.
    choices: Mapped[dict[str, Any]]


# Which external ids were seen in a file so far, as hashes: a million of them are looked up, never held in memory. Gone
# with the file.
upload_keys = Table(
    "upload_keys", Base.metadata,
    Column("upload_id", Text(), nullable=False), Column("key", BigInteger(), nullable=False),
    Column("row", Integer(), nullable=False),
    PrimaryKeyConstraint("upload_id", "key"), sqlite_with_rowid=False)
