"""Tables of the ledger: accounts, entries, postings. Facts only; rules live beside the verbs."""
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.foundation.db import Base, state_column
from marketplace.foundation.ids import new_id


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
    DISPUTED = "disputed"  # Frozen while the payer's bank disputes a funding charge. Owner: the dispute.
    OWED_BY_BUSINESS = "owed_by_business"  # What a lost dispute took beyond its funds, below zero. Owner: the dispute.
    LOSSES = "losses"  # What nobody will pay back: our expense, below zero.
    BANK = "bank"  # Our own bank account: below zero after a payout of ours, above after a top-up.


MAY_GO_BELOW_ZERO = frozenset({
    AccountKind.CLEARING, AccountKind.STRIPE_FEES, AccountKind.PLATFORM_FEES, AccountKind.RECEIVABLE,
    AccountKind.OWED_BY_BUSINESS, AccountKind.LOSSES, AccountKind.BANK,
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


class Account(NamedTuple):
    """What is to know of an account; a row that is loaded for it costs three times as much."""

    id: str
    kind: AccountKind
    owner_id: str
    currency: str
    floor_minor: int | None


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
        # An account's postings in the order of time: its page, and its balance since a snapshot from the index alone.
        Index("postings_balance_idx", "account_id", "entry_id", "amount_minor"),
    )

    entry_id: Mapped[str] = mapped_column(
        ForeignKey("ledger_entries.id", deferrable=True, initially="DEFERRED"), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("ledger_accounts.id"), primary_key=True)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    seq: Mapped[int | None] = mapped_column(BigInteger)
    balance_after_minor: Mapped[int | None] = mapped_column(BigInteger)
