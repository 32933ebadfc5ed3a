"""Tables beside the evidence: what came of reading the post again, and the files that were given. Facts only."""
from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.foundation.crypto import EncryptedBytes, EncryptedText
from marketplace.foundation.db import Base, state_column
from marketplace.foundation.ids import new_id


class CheckMoment(StrEnum):
    """What the reading was for."""

    BEFORE_ASKING = "before_asking"  # The lead was in review: the buyer had not been asked.
    BEFORE_REWARD = "before_reward"


class CheckOutcome(StrEnum):
    UNCHANGED = "unchanged"  # The same text, to the letter.
    STILL_THERE = "still_there"  # The page changed; the quote stands there, perhaps with small edits.
    QUOTE_GONE = "quote_gone"
    PAGE_GONE = "page_gone"  # The site says so: 404 or 410.
    NOT_READ = "not_read"  # Not now, for a reason that says nothing about the post.


class EvidenceCheck(Base):
    """The post was read again. Never changed, but that ``now_reads`` is emptied with the evidence."""

    __tablename__ = "evidence_checks"
    __table_args__ = (
        CheckConstraint("(outcome IN ('page_gone', 'not_read')) = (sha256 IS NULL)", name="read_has_a_hash"),
        CheckConstraint("likeness BETWEEN 0 AND 100", name="likeness_is_percent"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("check"))
    lead_id: Mapped[str] = mapped_column(ForeignKey("leads.id"), index=True)
    moment: Mapped[CheckMoment] = state_column(CheckMoment)
    outcome: Mapped[CheckOutcome] = state_column(CheckOutcome)
    failure: Mapped[str | None]  # A FetchFailure, or "empty".
    sha256: Mapped[str | None]  # Of the text as it was then.
    likeness: Mapped[int | None]  # Of the quote as it stands now to the one that was given; 100 is word for word.
    is_over: Mapped[bool]  # The text reads now as if nothing were looked for any more, and did not before.
    now_reads: Mapped[str | None] = mapped_column(EncryptedText)  # The sentence as it is now, if it was edited.
    checked_at: Mapped[datetime]


class FileKind(StrEnum):
    IMAGE = "image"
    PDF = "pdf"
    EMAIL = "email"


class EvidenceFile(Base):
    """A file given as evidence, or a picture of one of its pages. Images are kept as we wrote them anew."""

    __tablename__ = "evidence_files"
    __table_args__ = (CheckConstraint("size_bytes > 0", name="has_content"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("file"))
    lead_id: Mapped[str] = mapped_column(ForeignKey("leads.id"), index=True)
    page_of_id: Mapped[str | None] = mapped_column(ForeignKey("evidence_files.id"), index=True)
    kind: Mapped[FileKind] = state_column(FileKind)
    media_type: Mapped[str]
    size_bytes: Mapped[int]
    given_sha256: Mapped[str]  # Of the bytes that were uploaded.
    page_count: Mapped[int | None]
    text: Mapped[str | None] = mapped_column(EncryptedText)  # What it says, as far as it is text.
    content: Mapped[bytes] = mapped_column(EncryptedBytes, deferred=True)
