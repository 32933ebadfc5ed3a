"""Tables of the books beside Stripe: its movements, what explains them, and what nothing explains. Facts only."""
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.foundation.db import Base, Versioned, state_column
from marketplace.foundation.ids import new_id


class StripeMovement(Base):
    """One balance transaction of the platform at Stripe, kept once, as Stripe gave it. Stripe never changes one."""

    __tablename__ = "stripe_movements"
    __table_args__ = (
        CheckConstraint("net_minor = amount_minor - fee_minor", name="net_is_the_rest"),
        Index("stripe_movements_open_idx", "id", postgresql_where=text("explained_at IS NULL"),
              sqlite_where=text("explained_at IS NULL")),
    )

    id: Mapped[str] = mapped_column(primary_key=True)  # Stripe's: txn_...
    type: Mapped[str]
    reporting_category: Mapped[str]
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    fee_minor: Mapped[int] = mapped_column(BigInteger)
    net_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    source_id: Mapped[str | None] = mapped_column(index=True)  # Stripe's object: ch_..., tr_..., re_...
    our_id: Mapped[str | None]  # Our row, as the object's metadata names it.
    destination: Mapped[str | None]  # Of a transfer: the connected account.
    occurred_at: Mapped[datetime] = mapped_column(index=True)
    available_on: Mapped[datetime]
    explained_at: Mapped[datetime | None]  # Since when postings explain it to the cent.


class Explanation(Base):
    """An entry's part in our balance at Stripe is explained: by a movement there, or by an entry that takes it back."""

    __tablename__ = "explanations"

    entry_id: Mapped[str] = mapped_column(ForeignKey("ledger_entries.id"), primary_key=True)
    movement_id: Mapped[str | None] = mapped_column(ForeignKey("stripe_movements.id"), index=True)


class Reconciliation(Base):
    """One run: what it has read of Stripe's movements so far, and what came of it."""

    __tablename__ = "reconciliations"
    __table_args__ = (CheckConstraint("(finished_at IS NULL) = (lines IS NULL)", name="finished_has_lines"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("reconciliation"))
    asked_by: Mapped[str]
    read_from: Mapped[datetime | None]  # None: all that there is.
    read_through: Mapped[datetime | None]  # The newest movement seen: where the next run begins, less the overlap.
    cursor: Mapped[str | None]  # The last movement of the page before.
    movements: Mapped[int] = mapped_column(default=0)  # How many were new to us.
    finished_at: Mapped[datetime | None]
    lines: Mapped[dict[str, Any] | None]  # By currency, in smallest units.


class OpenItemKind(StrEnum):
    """What can differ, by name; docs/reconciliation.md says for each what it means and what to do."""

    CHARGE_UNKNOWN = "charge_unknown"
    CHARGE_NOT_POSTED = "charge_not_posted"
    FEE_NOT_POSTED = "fee_not_posted"
    FEE_DIFFERS = "fee_differs"
    REFUND_UNKNOWN = "refund_unknown"
    REFUND_NOT_POSTED = "refund_not_posted"
    REFUND_FAILURE_NOT_POSTED = "refund_failure_not_posted"
    TRANSFER_UNKNOWN = "transfer_unknown"
    TRANSFER_DOUBLED = "transfer_doubled"
    TRANSFER_NOT_POSTED = "transfer_not_posted"
    REVERSAL_UNKNOWN = "reversal_unknown"
    REVERSAL_NOT_POSTED = "reversal_not_posted"
    ADJUSTMENT_UNEXPLAINED = "adjustment_unexplained"
    PAYOUT_UNEXPLAINED = "payout_unexplained"
    TOPUP_UNEXPLAINED = "topup_unexplained"
    COLLECTION_UNEXPLAINED = "collection_unexplained"
    MOVEMENT_UNEXPLAINED = "movement_unexplained"
    AMOUNT_DIFFERS = "amount_differs"
    CURRENCY_DIFFERS = "currency_differs"
    MOVEMENT_MISSING = "movement_missing"
    BALANCE_DIFFERS = "balance_differs"
    BALANCE_NEGATIVE = "balance_negative"
    HELD_IN_RESERVE = "held_in_reserve"
    ROW_WITHOUT_POSTING = "row_without_posting"
    POSTING_WITHOUT_ROW = "posting_without_row"
    ACCOUNT_DIFFERS = "account_differs"
    FUNDING_STALE = "funding_stale"
    TRANSFER_STALE = "transfer_stale"
    REFUND_STALE = "refund_stale"
    REVERSAL_STALE = "reversal_stale"
    EVENT_UNHANDLED = "event_unhandled"
    BELOW_FLOOR = "below_floor"
    LEDGER_UNSOUND = "ledger_unsound"


class OpenItem(Versioned, Base):
    """A difference with its name, from when it was first seen until a later run misses it or an admin explains it."""

    __tablename__ = "open_items"
    __table_args__ = (
        Index("open_items_one_open_key", "kind", "subject_id", "currency", unique=True,
              postgresql_where=text("resolved_at IS NULL"), sqlite_where=text("resolved_at IS NULL")),
        CheckConstraint("(resolved_at IS NULL) = (resolved_by IS NULL)", name="resolved_by_whom"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("item"))
    kind: Mapped[OpenItemKind] = state_column(OpenItemKind)
    subject_id: Mapped[str] = mapped_column(index=True)  # The movement, row, entry, event or currency it is about.
    currency: Mapped[str] = mapped_column(String(3), default="")  # Empty where no money differs.
    amount_minor: Mapped[int] = mapped_column(BigInteger, default=0)  # Stripe less ledger. Below zero: we hold less.
    note: Mapped[str]
    last_seen_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[str | None]
    reason: Mapped[str | None]


class BalanceSnapshot(Base):
    """What an account, or a kind of account, held after all entries up to one; balances add what came later."""

    __tablename__ = "balance_snapshots"

    subject_id: Mapped[str] = mapped_column(primary_key=True)  # An account's id, or "kind:currency".
    balance_minor: Mapped[int] = mapped_column(BigInteger)
    through_entry_id: Mapped[str]
    taken_at: Mapped[datetime]


class EventPoll(Base):
    """How far Stripe's lists of events have been read, a row a list."""

    __tablename__ = "event_polls"

    id: Mapped[str] = mapped_column(primary_key=True)
    read_through: Mapped[datetime]
