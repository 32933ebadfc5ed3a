"""Tables of money that goes out in batches, and of what takes two admins. Facts only; rules live beside the verbs."""
from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, composite, mapped_column

from marketplace.foundation.db import Base, Versioned, state_column
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import Money


class BatchState(StrEnum):
    PREVIEWED = "previewed"
    APPROVED = "approved"
    RUNNING = "running"
    DONE = "done"
    DROPPED = "dropped"


class TransferBatch(Versioned, Base):
    """Everything that was owed at one moment, to be transferred together."""

    __tablename__ = "transfer_batches"
    __table_args__ = (
        CheckConstraint("(decided_by IS NULL) = (decided_at IS NULL)", name="decision_whole"),
        CheckConstraint("(state = 'done') = (done_at IS NOT NULL)", name="done_has_time"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("batch"))
    state: Mapped[BatchState] = state_column(BatchState, default=BatchState.PREVIEWED)
    asked_by: Mapped[str]  # An admin, or the clock.
    slot: Mapped[str | None] = mapped_column(unique=True)  # Which night's or hour's it is: one each.
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None]


class LineState(StrEnum):
    PLANNED = "planned"
    REQUESTED = "requested"
    LEFT_OUT = "left_out"


class BatchLine(Base):
    """What one payee is to get of one business, at most; then the transfer, or why there is none."""

    __tablename__ = "transfer_batch_lines"
    __table_args__ = (
        UniqueConstraint("batch_id", "payee_id", "business_id", "currency"),
        CheckConstraint("amount_minor > 0 AND stopped_minor >= 0", name="positive"),
        CheckConstraint("(state = 'requested') = (transfer_id IS NOT NULL)", name="requested_has_transfer"),
        CheckConstraint("(state = 'left_out') = (reason IS NOT NULL)", name="left_out_has_reason"),
        Index("transfer_batch_lines_planned_idx", "batch_id", "number",
              postgresql_where=text("state = 'planned'"), sqlite_where=text("state = 'planned'")),
    )

    batch_id: Mapped[str] = mapped_column(ForeignKey("transfer_batches.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    payee_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    business_id: Mapped[str] = mapped_column(ForeignKey("businesses.id"))
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    stopped_minor: Mapped[int] = mapped_column(BigInteger)  # Owed besides, and stopped by name.
    currency: Mapped[str] = mapped_column(String(3))
    state: Mapped[LineState] = state_column(LineState, default=LineState.PLANNED)
    reason: Mapped[str | None]  # A word of batches.REASONS.
    transfer_id: Mapped[str | None] = mapped_column(ForeignKey("transfers.id"), unique=True)

    amount: Mapped[Money] = composite("amount_minor", "currency")

    @property
    def stopped(self) -> Money:
        return Money(self.stopped_minor, self.currency)


class OrderKind(StrEnum):
    WRITE_OFF = "write_off"
    REVERSAL = "reversal"


class OrderCause(StrEnum):
    """Why a transfer is taken back, as the business reads it; what the admin writes is the payee's."""

    WRONG_PAYEE = "wrong_payee"
    NOT_GENUINE = "not_genuine"
    TOO_MUCH = "too_much"
    OTHER = "other"


class OrderState(StrEnum):
    ASKED = "asked"
    GRANTED = "granted"
    DECLINED = "declined"


class MoneyOrder(Versioned, Base):
    """An admin's wish to write off a receivable or to reverse a transfer; above a limit another admin decides."""

    __tablename__ = "money_orders"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="positive"),
        CheckConstraint("(state = 'asked') = (decided_by IS NULL)", name="decision_named"),
        Index("money_orders_one_asked_key", "kind", "subject_id", unique=True,
              postgresql_where=text("state = 'asked'"), sqlite_where=text("state = 'asked'")),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("order"))
    kind: Mapped[OrderKind] = state_column(OrderKind)
    subject_id: Mapped[str]  # The reversal that is owed, or the transfer.
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    reason: Mapped[str]
    cause: Mapped[OrderCause | None] = state_column(OrderCause)  # Of a reversal, since 0035.
    state: Mapped[OrderState] = state_column(OrderState, default=OrderState.ASKED)
    asked_by: Mapped[str]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]

    amount: Mapped[Money] = composite("amount_minor", "currency")


class Netting(Base):
    """So much of a payable was not sent: the payee has it already, in a transfer that could not be taken back."""

    __tablename__ = "nettings"
    __table_args__ = (CheckConstraint("amount_minor > 0", name="positive"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("netting"))
    reversal_id: Mapped[str] = mapped_column(ForeignKey("transfer_reversals.id"), index=True)
    payable_id: Mapped[str] = mapped_column(ForeignKey("payables.id"), index=True)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))

    amount: Mapped[Money] = composite("amount_minor", "currency")
