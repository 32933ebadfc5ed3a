"""Tables of people who are paid, what is owed to them, and what went. Facts only; rules live beside the verbs."""
from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, composite, mapped_column

from marketplace.foundation.db import Base, Versioned, state_column
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import Money


class PayeeState(StrEnum):
    NONE = "none"
    LINK_ISSUED = "link_issued"
    IN_REVIEW = "in_review"
    ACTION_NEEDED = "action_needed"
    READY = "ready"
    RESTRICTED = "restricted"
    CLOSED = "closed"


class Agreement(StrEnum):
    """Stripe's terms of service with the payee; ``recipient`` where the payee's region asks for it."""

    FULL = "full"
    RECIPIENT = "recipient"


class ConnectedAccount(Versioned, Base):
    """A user's account at Stripe, into which transfers go. Bank details live at Stripe only.

    A closed one is kept; then the person may start another.
    """

    __tablename__ = "connected_accounts"
    __table_args__ = (
        Index("connected_accounts_one_open_key", "user_id", unique=True,
              postgresql_where=text("state <> 'closed'"), sqlite_where=text("state <> 'closed'")),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("payee"))
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    country: Mapped[str] = mapped_column(String(2))
    currency: Mapped[str] = mapped_column(String(3))
    agreement: Mapped[Agreement] = state_column(Agreement, default=Agreement.FULL, server_default="full")
    state: Mapped[PayeeState] = state_column(PayeeState, default=PayeeState.NONE)
    idempotency_key: Mapped[str] = mapped_column(unique=True)
    stripe_account_id: Mapped[str | None] = mapped_column(unique=True)
    requirements: Mapped[list[str]] = mapped_column(default=list)  # Stripe's open questions, in words.
    requirements_due_at: Mapped[datetime | None]  # When Stripe stops payments without the answers.
    restriction: Mapped[str | None]  # Stripe's code for why it takes no money now.
    bank_marks: Mapped[list[str] | None]  # Of every bank account ever seen there: Stripe's fingerprints.
    bank_changed_at: Mapped[datetime | None]
    checked_at: Mapped[datetime | None]


class TransferState(StrEnum):
    REQUESTED = "requested"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    PARTLY_REVERSED = "partly_reversed"
    REVERSED = "reversed"


class Transfer(Versioned, Base):
    """Money from the platform to a payee's connected account, in Stripe's sense of the word."""

    __tablename__ = "transfers"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="positive"),
        CheckConstraint("reversed_minor BETWEEN 0 AND amount_minor", name="reversed_within"),
        CheckConstraint(
            "(state IN ('sent', 'partly_reversed', 'reversed')) = (stripe_transfer_id IS NOT NULL)",
            name="sent_has_id"),
        CheckConstraint("(state = 'failed') = (failed_at IS NOT NULL)", name="failed_has_time"),
        Index(
            "transfers_one_open_key", "payee_id", "business_id", "currency", unique=True,
            postgresql_where=text("state IN ('requested', 'sending')"),
            sqlite_where=text("state IN ('requested', 'sending')")),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("transfer"))
    payee_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    business_id: Mapped[str] = mapped_column(ForeignKey("businesses.id"), index=True)
    destination: Mapped[str]  # The connected account's id at Stripe.
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    state: Mapped[TransferState] = state_column(TransferState, default=TransferState.REQUESTED)
    idempotency_key: Mapped[str] = mapped_column(unique=True)
    attempt_no: Mapped[int] = mapped_column(default=1)
    first_sent_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    stripe_transfer_id: Mapped[str | None] = mapped_column(unique=True)
    reversed_minor: Mapped[int] = mapped_column(BigInteger, default=0)
    failed_at: Mapped[datetime | None]
    failure_code: Mapped[str | None]  # Stripe's: balance_insufficient...
    failure: Mapped[str | None]

    amount: Mapped[Money] = composite("amount_minor", "currency")

    @property
    def taken_back(self) -> Money:
        return Money(self.reversed_minor, self.currency)


class PayableState(StrEnum):
    OWED = "owed"
    IN_TRANSFER = "in_transfer"
    SENT = "sent"


class Payable(Versioned, Base):
    """One released amount owed to a payee; its id is the reference of what it is for (the reward)."""

    __tablename__ = "payables"
    __table_args__ = (
        CheckConstraint("amount_minor >= 0", name="not_below_zero"),
        CheckConstraint("(state = 'owed') = (transfer_id IS NULL)", name="transfer_named"),
        Index("payables_owed_idx", "payee_id", "business_id", "currency",
              postgresql_where=text("state = 'owed'"), sqlite_where=text("state = 'owed'")),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    payee_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    business_id: Mapped[str] = mapped_column(ForeignKey("businesses.id"))
    amount_minor: Mapped[int] = mapped_column(BigInteger)  # Less what was taken back before it was sent.
    currency: Mapped[str] = mapped_column(String(3))
    state: Mapped[PayableState] = state_column(PayableState, default=PayableState.OWED)
    transfer_id: Mapped[str | None] = mapped_column(ForeignKey("transfers.id"), index=True)
    rest_of: Mapped[str | None] = mapped_column(index=True)  # The payable whose odd units this carries over.

    amount: Mapped[Money] = composite("amount_minor", "currency")


class ReversalState(StrEnum):
    REQUESTED = "requested"
    SENDING = "sending"
    DONE = "done"
    OUTSTANDING = "outstanding"  # Stripe refused: the payee owes it, and we ask again.
    NETTED = "netted"  # Kept of what was owed to the payee later.
    WRITTEN_OFF = "written_off"  # Nobody will pay it: our loss, never asked for again.


class TransferReversal(Versioned, Base):
    """Part of a sent transfer taken back, for a reference of the caller's (the clawback)."""

    __tablename__ = "transfer_reversals"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="positive"),
        CheckConstraint("(state = 'done') = (stripe_reversal_id IS NOT NULL)", name="done_has_id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("reversal"))
    reference: Mapped[str] = mapped_column(unique=True)
    transfer_id: Mapped[str] = mapped_column(ForeignKey("transfers.id"), index=True)
    payable_id: Mapped[str] = mapped_column(ForeignKey("payables.id"), index=True)
    credit_account_id: Mapped[str] = mapped_column(ForeignKey("ledger_accounts.id"))
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    state: Mapped[ReversalState] = state_column(ReversalState, default=ReversalState.REQUESTED)
    idempotency_key: Mapped[str] = mapped_column(unique=True)
    attempt_no: Mapped[int] = mapped_column(default=1)
    first_sent_at: Mapped[datetime | None]
    stripe_reversal_id: Mapped[str | None] = mapped_column(unique=True)
    failure_code: Mapped[str | None]
    failure: Mapped[str | None]
    netting_id: Mapped[str | None]  # Taken of what this netting paid, in an older transfer.
    netted_minor: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    owed_since: Mapped[datetime | None]  # Stripe's first no.

    amount: Mapped[Money] = composite("amount_minor", "currency")

    @property
    def asked_for(self) -> str:
        """The caller's own reference; what lay in several transfers has a reversal for each."""
        return self.reference.partition("/")[0]

    @property
    def netted(self) -> Money:
        return Money(self.netted_minor, self.currency)

    @property
    def left(self) -> Money:
        """What Stripe is asked for: less what later rewards paid of it."""
        return Money(self.amount_minor - self.netted_minor, self.currency)
