"""Tables of bad days: chargebacks, what is frozen for them, what a business owes, warnings. Facts only."""
from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, String, text
from sqlalchemy.orm import Mapped, composite, mapped_column

from marketplace.foundation.db import Base, Versioned, state_column
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import Money


class ChargebackState(StrEnum):
    INQUIRY = "inquiry"  # The bank asks first; it has taken nothing.
    OPEN = "open"
    WON = "won"
    LOST = "lost"
    CLOSED = "closed"  # The inquiry came to nothing.


class Chargeback(Versioned, Base):
    """The payer's bank wants a funding charge back (at Stripe: a dispute), or took it back after all.

    ``frozen_minor`` is kept in the ledger's disputed account of this id. What Stripe took beyond what was frozen is
    a BusinessDebt of the same id. Always: frozen - owed = parts in force - withdrawn (if above zero) + written off.
    """

    __tablename__ = "chargebacks"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="positive"),
        CheckConstraint("frozen_minor >= 0", name="frozen_not_below_zero"),
        CheckConstraint("(state IN ('inquiry', 'open')) = (closed_at IS NULL)", name="closed_has_time"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("chargeback"))
    funding_id: Mapped[str] = mapped_column(ForeignKey("fundings.id"), index=True)
    business_id: Mapped[str] = mapped_column(ForeignKey("businesses.id"), index=True)
    purpose_id: Mapped[str] = mapped_column(index=True)  # The bounty.
    stripe_id: Mapped[str] = mapped_column(unique=True)  # The dispute; of a payment that failed later, its charge.
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    state: Mapped[ChargebackState] = state_column(ChargebackState)
    stripe_status: Mapped[str]
    reason: Mapped[str]  # Stripe's: fraudulent, product_not_received...
    due_by: Mapped[datetime | None]  # For evidence.
    has_evidence: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    is_refundable: Mapped[bool] = mapped_column(default=False, server_default=text("false"))  # Stripe's word.
    frozen_minor: Mapped[int] = mapped_column(BigInteger, default=0)
    withdrawn_minor: Mapped[int] = mapped_column(BigInteger, default=0)  # Less what was reinstated; it may be more.
    fee_minor: Mapped[int] = mapped_column(BigInteger, default=0)  # Stripe's, beside it.
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]  # Nothing is frozen or owed for it any more.

    amount: Mapped[Money] = composite("amount_minor", "currency")

    @property
    def frozen(self) -> Money:
        return Money(self.frozen_minor, self.currency)

    @property
    def taken(self) -> Money:
        """What Stripe has of it now."""
        return Money(max(self.withdrawn_minor, 0), self.currency)

    @property
    def surplus(self) -> Money:
        """What Stripe gave back beyond all that it took."""
        return Money(max(-self.withdrawn_minor, 0), self.currency)

    @property
    def fee(self) -> Money:
        return Money(self.fee_minor, self.currency)


class FrozenKind(StrEnum):
    FUNDS = "funds"  # Subject: the bounty.
    RESERVED = "reserved"  # Subject: the lead.
    HELD = "held"  # Subject: the reward.


class FrozenState(StrEnum):
    FROZEN = "frozen"
    RETURNED = "returned"  # Back where it came from.
    TAKEN = "taken"  # Gone with a lost chargeback: it was the business's own.
    PROMISED = "promised"  # Back where it came from, and the business owes it: kept on hold until it pays.


class FrozenPart(Versioned, Base):
    """Money that a chargeback froze, and where it came from."""

    __tablename__ = "frozen_parts"
    __table_args__ = (CheckConstraint("amount_minor > 0", name="positive"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("frozen"))
    chargeback_id: Mapped[str] = mapped_column(ForeignKey("chargebacks.id"), index=True)
    kind: Mapped[FrozenKind] = state_column(FrozenKind)
    subject_id: Mapped[str] = mapped_column(index=True)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    state: Mapped[FrozenState] = state_column(FrozenState, default=FrozenState.FROZEN)

    amount: Mapped[Money] = composite("amount_minor", "currency")


class ChargebackMovement(Base):
    """What a chargeback moved at Stripe: one balance transaction, posted once."""

    __tablename__ = "chargeback_movements"

    id: Mapped[str] = mapped_column(primary_key=True)  # The balance transaction's id at Stripe.
    chargeback_id: Mapped[str] = mapped_column(ForeignKey("chargebacks.id"), index=True)
    amount_minor: Mapped[int] = mapped_column(BigInteger)  # Above zero: Stripe took it. Below: it gave it back.
    fee_minor: Mapped[int] = mapped_column(BigInteger)


class BusinessDebt(Versioned, Base):
    """What a business owes us because its own bank, or a refund by hand, took more than its funds."""

    __tablename__ = "business_debts"
    __table_args__ = (
        CheckConstraint("owed_minor >= 0", name="owed_not_below_zero"),
        CheckConstraint("written_off_minor >= 0", name="written_off_not_below_zero"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)  # Of the chargeback, or of the refund.
    business_id: Mapped[str] = mapped_column(ForeignKey("businesses.id"), index=True)
    purpose_id: Mapped[str] = mapped_column(index=True)
    owed_minor: Mapped[int] = mapped_column(BigInteger, default=0)
    written_off_minor: Mapped[int] = mapped_column(BigInteger, default=0)  # Our loss, by an admin's own entry.
    currency: Mapped[str] = mapped_column(String(3))

    owed: Mapped[Money] = composite("owed_minor", "currency")


class WarningState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"  # An admin looked, or a chargeback came.


class FraudWarning(Versioned, Base):
    """The card's bank suspects a funding charge (at Stripe: an early fraud warning)."""

    __tablename__ = "fraud_warnings"
    __table_args__ = (CheckConstraint("(state = 'closed') = (closed_at IS NOT NULL)", name="closed_has_time"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("warning"))
    stripe_id: Mapped[str] = mapped_column(unique=True)
    funding_id: Mapped[str] = mapped_column(ForeignKey("fundings.id"), index=True)
    business_id: Mapped[str] = mapped_column(ForeignKey("businesses.id"), index=True)
    purpose_id: Mapped[str] = mapped_column(index=True)
    fraud_type: Mapped[str]
    state: Mapped[WarningState] = state_column(WarningState, default=WarningState.OPEN)
    closed_at: Mapped[datetime | None]


class AnswerKind(StrEnum):
    EVIDENCE = "evidence"
    ACCEPTANCE = "acceptance"


class AnswerState(StrEnum):
    REQUESTED = "requested"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"


class ChargebackAnswer(Versioned, Base):
    """What we tell the bank through Stripe: evidence once, or that we accept."""

    __tablename__ = "chargeback_answers"

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("answer"))
    chargeback_id: Mapped[str] = mapped_column(ForeignKey("chargebacks.id"), index=True)
    kind: Mapped[AnswerKind] = state_column(AnswerKind)
    text: Mapped[str]
    given_by: Mapped[str]
    state: Mapped[AnswerState] = state_column(AnswerState, default=AnswerState.REQUESTED)
    idempotency_key: Mapped[str] = mapped_column(unique=True)
    attempt_no: Mapped[int] = mapped_column(default=1)
    first_sent_at: Mapped[datetime | None]
    failure: Mapped[str | None]
