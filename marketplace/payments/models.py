"""Tables of money. Columns, constraints and states only; rules live beside the verbs."""
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, composite, mapped_column

from marketplace.foundation.db import Base, Versioned, state_column
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import Money


class AccountKind(StrEnum):
    """Balances are credit-positive: what we owe is above zero, what Stripe keeps for us is below."""

    CLEARING = "clearing"  # Money at Stripe, the platform's balance there. Below zero: that much is there.
    STRIPE_FEES = "stripe_fees"  # What Stripe kept of charges: our expense, below zero.
    PLATFORM_FEES = "platform_fees"  # What we earned.
    FUNDS = "funds"  # A bounty's free funds. Owner: the bounty.
    RESERVED = "reserved"  # Kept for one accepted lead. Owner: the lead.
    HELD = "held"  # A reward (and its fee) waiting out the return period. Owner: the reward.
    PAYABLE = "payable"  # A released reward. Owner: the reward.
    IN_TRANSIT = "in_transit"  # On its way to a connected account. Owner: the transfer.
    REFUNDING = "refunding"  # On its way back to a card. Owner: the refund.
    UNMATCHED = "unmatched"  # Paid in, but not what was asked for: a person must decide. Owner: the funding.
    RECEIVABLE = "receivable"  # What a payee owes back, below zero. Owner: the reversal.
    CLAWBACK_DUE = "clawback_due"  # Owed to a business once the receivable is paid. Owner: the reversal.


MAY_GO_BELOW_ZERO = frozenset({
    AccountKind.CLEARING, AccountKind.STRIPE_FEES, AccountKind.PLATFORM_FEES, AccountKind.RECEIVABLE,
})
PLATFORM = "platform"  # Owner of the accounts that are ours.


class LedgerAccount(Base):
    """Never changed or deleted (triggers). With a floor its postings carry a running balance."""

    __tablename__ = "ledger_accounts"
    __table_args__ = (UniqueConstraint("kind", "owner_id", "currency"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("acct"))
    kind: Mapped[AccountKind] = state_column(AccountKind)
    owner_id: Mapped[str] = mapped_column(index=True)
    currency: Mapped[str] = mapped_column(String(3))
    floor_minor: Mapped[int | None] = mapped_column(BigInteger)


class LedgerEntry(Base):
    """One movement of money. Written after its postings: its insert checks that they sum to zero."""

    __tablename__ = "ledger_entries"

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(index=True)
    reference: Mapped[str] = mapped_column(unique=True)
    fingerprint: Mapped[str]


class Posting(Base):
    """One account's part of an entry, in smallest units; never changed (triggers)."""

    __tablename__ = "postings"
    __table_args__ = (
        UniqueConstraint("account_id", "seq"),
        CheckConstraint("amount_minor <> 0", name="not_zero"),
        CheckConstraint("(seq IS NULL) = (balance_after_minor IS NULL)", name="chain_whole"),
    )

    entry_id: Mapped[str] = mapped_column(
        ForeignKey("ledger_entries.id", deferrable=True, initially="DEFERRED"), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("ledger_accounts.id"), primary_key=True, index=True)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    seq: Mapped[int | None] = mapped_column(BigInteger)
    balance_after_minor: Mapped[int | None] = mapped_column(BigInteger)


class FundingState(StrEnum):
    REQUESTED = "requested"  # Asked for; Stripe has not opened a Checkout page yet.
    OPEN = "open"  # The Checkout page waits for the payer.
    PAID = "paid"
    EXPIRED = "expired"
    FAILED = "failed"


class Funding(Versioned, Base):
    """A business pays in for one bounty."""

    __tablename__ = "fundings"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="positive"),
        CheckConstraint("refunded_minor BETWEEN 0 AND amount_minor", name="refunded_within"),
        CheckConstraint("(state = 'paid') = (paid_at IS NOT NULL)", name="paid_has_time"),
        CheckConstraint("state <> 'paid' OR payment_intent_id IS NOT NULL", name="paid_has_payment"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("fund"))
    business_id: Mapped[str] = mapped_column(ForeignKey("businesses.id"), index=True)
    purpose_id: Mapped[str] = mapped_column(index=True)  # The bounty.
    requested_by: Mapped[str] = mapped_column(ForeignKey("users.id"))
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    state: Mapped[FundingState] = state_column(FundingState, default=FundingState.REQUESTED)
    idempotency_key: Mapped[str] = mapped_column(unique=True)
    failure: Mapped[str | None]
    checkout_session_id: Mapped[str | None] = mapped_column(unique=True)
    checkout_url: Mapped[str | None]
    payment_intent_id: Mapped[str | None] = mapped_column(unique=True)
    charge_id: Mapped[str | None]
    fee_minor: Mapped[int | None] = mapped_column(BigInteger)  # What Stripe kept; known when settled.
    refunded_minor: Mapped[int] = mapped_column(BigInteger, default=0)  # Asked for or done, not failed.
    paid_at: Mapped[datetime | None]

    amount: Mapped[Money] = composite("amount_minor", "currency")

    @property
    def refunded(self) -> Money:
        return Money(self.refunded_minor, self.currency)


class RefundState(StrEnum):
    REQUESTED = "requested"
    SENDING = "sending"  # The key is kept, the call may have been made: look before making a new one.
    SENT = "sent"  # Stripe has it and the bank is working on it.
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Refund(Versioned, Base):
    """Part of one funding charge on its way back to where it came from."""

    __tablename__ = "refunds"
    __table_args__ = (CheckConstraint("amount_minor > 0", name="positive"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("refund"))
    funding_id: Mapped[str] = mapped_column(ForeignKey("fundings.id"), index=True)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    state: Mapped[RefundState] = state_column(RefundState, default=RefundState.REQUESTED)
    idempotency_key: Mapped[str] = mapped_column(unique=True)
    attempt_no: Mapped[int] = mapped_column(default=1)
    first_sent_at: Mapped[datetime | None]
    stripe_refund_id: Mapped[str | None] = mapped_column(unique=True)
    failure: Mapped[str | None]

    amount: Mapped[Money] = composite("amount_minor", "currency")


class PayeeState(StrEnum):
    NONE = "none"
    LINK_ISSUED = "link_issued"
    IN_REVIEW = "in_review"
    ACTION_NEEDED = "action_needed"
    READY = "ready"
    RESTRICTED = "restricted"
    CLOSED = "closed"


class ConnectedAccount(Versioned, Base):
    """A user's account at Stripe, into which transfers go. Bank details live at Stripe only."""

    __tablename__ = "connected_accounts"

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("payee"))
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), unique=True)
    country: Mapped[str] = mapped_column(String(2))
    currency: Mapped[str] = mapped_column(String(3))
    state: Mapped[PayeeState] = state_column(PayeeState, default=PayeeState.NONE)
    idempotency_key: Mapped[str] = mapped_column(unique=True)
    stripe_account_id: Mapped[str | None] = mapped_column(unique=True)
    requirements: Mapped[list[str]] = mapped_column(default=list)  # Stripe's open questions, in words.
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
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    payee_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    business_id: Mapped[str] = mapped_column(ForeignKey("businesses.id"))
    amount_minor: Mapped[int] = mapped_column(BigInteger)  # Less what was taken back before it was sent.
    currency: Mapped[str] = mapped_column(String(3))
    state: Mapped[PayableState] = state_column(PayableState, default=PayableState.OWED)
    transfer_id: Mapped[str | None] = mapped_column(ForeignKey("transfers.id"), index=True)

    amount: Mapped[Money] = composite("amount_minor", "currency")


class ReversalState(StrEnum):
    REQUESTED = "requested"
    SENDING = "sending"
    DONE = "done"
    OUTSTANDING = "outstanding"  # Stripe refused: the payee owes it, and we ask again.


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

    amount: Mapped[Money] = composite("amount_minor", "currency")


class StripeEvent(Base):
    """The webhook inbox: each event once, as it came; what it is about is always fetched anew."""

    __tablename__ = "stripe_events"

    id: Mapped[str] = mapped_column(primary_key=True)  # Stripe's id, so that a repeat is refused.
    type: Mapped[str] = mapped_column(index=True)
    object_id: Mapped[str] = mapped_column(index=True)
    account: Mapped[str | None]
    livemode: Mapped[bool]
    payload: Mapped[dict[str, Any]]
    handled_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
