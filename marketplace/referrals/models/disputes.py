"""Tables of disputes: who claims what of whom, what each side says, what the buyer says as witness. Facts only."""
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from marketplace.foundation.crypto import EncryptedText
from marketplace.foundation.db import Base, Versioned, state_column
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import Money

LIVE_DISPUTES = "state IN ('open', 'awaiting_response', 'accepted', 'contested', 'escalated')"


class DisputeKind(StrEnum):
    UNTRACKED = "untracked"  # They bought, and the business has not recorded it.
    WRONG_AMOUNT = "wrong_amount"
    REJECTED_UNFAIRLY = "rejected_unfairly"  # The business says that it is not a fit.
    DUPLICATE_OWNERSHIP = "duplicate_ownership"
    GHOST_CLOSE = "ghost_close"  # You sold it and did not tell me.
    BAD_LEAD = "bad_lead"
    NON_PAYMENT = "non_payment"
    FAVOUR_NOT_KEPT = "favour_not_kept"
    DATA_MISUSE = "data_misuse"


class DisputeState(StrEnum):
    OPEN = "open"  # Waits for an admin to take it up: ruled on before, or the claimant has lost many.
    AWAITING_RESPONSE = "awaiting_response"
    ACCEPTED = "accepted"
    CONTESTED = "contested"
    ESCALATED = "escalated"
    RESOLVED_FOR_CLAIMANT = "resolved_for_claimant"
    RESOLVED_FOR_RESPONDENT = "resolved_for_respondent"
    SPLIT = "split"
    WITHDRAWN = "withdrawn"


class DisputeSide(StrEnum):
    REFERRER = "referrer"
    BUSINESS = "business"
    BUYER = "buyer"
    ADMIN = "admin"


class Respondent(StrEnum):
    """Who has to answer."""

    REFERRER = "referrer"
    BUSINESS = "business"


class Ending(StrEnum):
    """What ended it."""

    ACCEPTED = "accepted"  # By the respondent: not counted as lost.
    SILENCE = "silence"
    RULING = "ruling"
    RECORDED = "recorded"  # The business recorded the sale meanwhile.
    WITHDRAWN = "withdrawn"


class WitnessSaid(StrEnum):
    BOUGHT = "bought"
    NOT_BOUGHT = "not_bought"
    RATHER_NOT = "rather_not"


@dataclass(frozen=True)
class WitnessWord:
    """What a witness says, as it stands. ``is_proven``: as that of an answer."""

    said: WitnessSaid
    bought_on: date | None
    amount: Money | None
    said_at: datetime
    is_proven: bool
    is_corrected: bool


class Dispute(Versioned, Base):
    """A claim of one side against another about one lead, reward or thing.

    ``at_issue`` is money of rewards; ``reserved`` what is kept for it of the lead's reserved funds, with fees.
    """

    __tablename__ = "disputes"
    __table_args__ = (
        Index("disputes_one_live_key", "about_id", "kind", unique=True,
              postgresql_where=text(LIVE_DISPUTES), sqlite_where=text(LIVE_DISPUTES)),
        Index("disputes_queue_idx", "state", "due_at"),
        CheckConstraint("(state IN ('open', 'awaiting_response', 'accepted', 'contested', 'escalated'))"
                        " = (ended_at IS NULL)", name="end_has_time"),
        CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name="end_whole"),
        CheckConstraint("coalesce(ended_by, '') <> 'ruling' OR (ruled_by IS NOT NULL AND ruling IS NOT NULL)",
                        name="ruling_has_reason"),
        CheckConstraint("at_issue_minor >= 0 AND reserved_minor >= 0", name="not_below_zero"),
        CheckConstraint("(state = 'split') = (coalesce(share_bps, 0) BETWEEN 1 AND 9999)", name="split_has_share"),
        CheckConstraint("claimant_side = 'buyer' OR claimant_id IS NOT NULL", name="claimant_named"),
        CheckConstraint("respondent_side = 'business' OR respondent_id IS NOT NULL", name="respondent_named"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("dispute"))
    kind: Mapped[DisputeKind] = state_column(DisputeKind)
    state: Mapped[DisputeState] = state_column(DisputeState, default=DisputeState.OPEN)
    lead_id: Mapped[str] = mapped_column(ForeignKey("leads.id"), index=True)
    business_id: Mapped[str] = mapped_column(ForeignKey("businesses.id"), index=True)
    about_id: Mapped[str] = mapped_column(index=True)  # The lead, the sale, the reward, the thing owed.
    claimant_side: Mapped[DisputeSide] = state_column(DisputeSide)
    claimant_id: Mapped[str | None] = mapped_column(ForeignKey("users.id"), index=True)
    respondent_side: Mapped[Respondent] = state_column(Respondent)
    respondent_id: Mapped[str | None] = mapped_column(ForeignKey("users.id"), index=True)

    happened_on: Mapped[date]  # The event in dispute; of a sale, its day.
    sale_minor: Mapped[int | None] = mapped_column(BigInteger)  # The value of the sale, as claimed.
    at_issue_minor: Mapped[int] = mapped_column(BigInteger, default=0)
    currency: Mapped[str] = mapped_column(String(3))
    reserved_minor: Mapped[int] = mapped_column(BigInteger, default=0)

    due_at: Mapped[datetime | None]  # By when whoever is next has to act.
    answered_at: Mapped[datetime | None]
    witness_asked_at: Mapped[datetime | None]
    witness_by_mail: Mapped[bool | None]  # Else the referrer passes the link on.

    ended_at: Mapped[datetime | None]
    ended_by: Mapped[Ending | None] = state_column(Ending)
    ruled_by: Mapped[str | None]
    ruling: Mapped[str | None] = mapped_column(EncryptedText)  # The admin's reason, quoted to both sides.
    share_bps: Mapped[int | None]  # Of what is at issue, for the claimant, where it is split.
    ruled_sale_minor: Mapped[int | None] = mapped_column(BigInteger)

    statements: Mapped[list["DisputeStatement"]] = relationship(lazy="selectin", order_by="DisputeStatement.id")
    witness: Mapped["WitnessAnswer | None"] = relationship(lazy="selectin", uselist=False)

    @property
    def corrections(self) -> list["DisputeStatement"]:
        """What the witness said instead of their answer, which stays; oldest first."""
        return [one for one in self.statements if one.side is DisputeSide.BUYER] if self.witness else []

    @property
    def witness_word(self) -> "WitnessWord | None":
        """What the witness says now: their last correction, or else their answer."""
        if self.witness is None:
            return None
        last: DisputeStatement | WitnessAnswer = self.corrections[-1] if self.corrections else self.witness
        amount = None if last.amount_minor is None else Money(last.amount_minor, self.currency)
        said = last.said or WitnessSaid.RATHER_NOT  # Of a correction that was erased before 0032 nothing is known.
        return WitnessWord(said, last.bought_on, amount, last.created_at,
                           is_proven=self.witness.is_proven, is_corrected=bool(self.corrections))

    @property
    def proven_word(self) -> "WitnessWord | None":
        """The same where the link in our mail shows that it is the buyer who says it."""
        word = self.witness_word
        return word if word and word.is_proven else None

    @property
    def at_issue(self) -> Money:
        return Money(self.at_issue_minor, self.currency)

    @property
    def sale(self) -> Money | None:
        return None if self.sale_minor is None else Money(self.sale_minor, self.currency)

    @property
    def ruled_sale(self) -> Money | None:
        return None if self.ruled_sale_minor is None else Money(self.ruled_sale_minor, self.currency)

    @property
    def reserved(self) -> Money:
        return Money(self.reserved_minor, self.currency)


class DisputeStatement(Base):
    """What one side says, and where it can be seen. Never changed (triggers); it can only be emptied, by an erasure.

    Of a correction by the witness also what they say now: ``said``, ``bought_on``, ``amount_minor``.
    """

    __tablename__ = "dispute_statements"
    __table_args__ = (CheckConstraint("coalesce(said, '') = 'bought' OR (bought_on IS NULL AND amount_minor IS NULL)",
                                      name="sale_only_if_bought"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("statement"))
    dispute_id: Mapped[str] = mapped_column(ForeignKey("disputes.id"), index=True)
    side: Mapped[DisputeSide] = state_column(DisputeSide)
    said_by: Mapped[str]
    text: Mapped[str | None] = mapped_column(EncryptedText)
    link: Mapped[str | None] = mapped_column(EncryptedText)
    said: Mapped[WitnessSaid | None] = state_column(WitnessSaid)
    bought_on: Mapped[date | None]
    amount_minor: Mapped[int | None] = mapped_column(BigInteger)


class WitnessAnswer(Base):
    """The buyer's word, once. Never changed (triggers); the note can be emptied, by an erasure."""

    __tablename__ = "witness_answers"
    __table_args__ = (CheckConstraint("said = 'bought' OR (bought_on IS NULL AND amount_minor IS NULL)",
                                      name="sale_only_if_bought"),)

    dispute_id: Mapped[str] = mapped_column(ForeignKey("disputes.id"), primary_key=True)
    said: Mapped[WitnessSaid] = state_column(WitnessSaid)
    bought_on: Mapped[date | None]
    amount_minor: Mapped[int | None] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    note: Mapped[str | None] = mapped_column(EncryptedText)  # For the admin alone.
    is_proven: Mapped[bool]  # By a link that was mailed to the address the buyer confirmed.

    @property
    def amount(self) -> Money | None:
        return None if self.amount_minor is None else Money(self.amount_minor, self.currency)
