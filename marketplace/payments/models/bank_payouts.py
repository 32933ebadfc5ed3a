"""Table of what Stripe paid out of connected accounts to banks: looked at, never made by us."""
from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, composite, mapped_column

from marketplace.foundation.db import Base, Versioned, state_column
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import Money


class PayoutState(StrEnum):
    """As Stripe names them."""

    PENDING = "pending"
    IN_TRANSIT = "in_transit"
    PAID = "paid"
    FAILED = "failed"
    CANCELED = "canceled"


class BankPayout(Versioned, Base):
    """One payout in Stripe's sense, from a payee's connected account to their bank."""

    __tablename__ = "bank_payouts"

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("payout"))
    payee_id: Mapped[str] = mapped_column(ForeignKey("connected_accounts.id"), index=True)
    stripe_payout_id: Mapped[str] = mapped_column(unique=True)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    state: Mapped[PayoutState] = state_column(PayoutState)
    made_at: Mapped[datetime]
    arrives_on: Mapped[datetime]
    failure_code: Mapped[str | None]

    amount: Mapped[Money] = composite("amount_minor", "currency")
