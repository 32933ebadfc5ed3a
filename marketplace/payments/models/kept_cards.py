"""Tables of what a business agreed to for later payments: its customer at Stripe, the kept card, auto top-ups."""
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, composite, mapped_column

from marketplace.foundation.db import Base, Versioned, state_column
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import Money


class StripeCustomer(Versioned, Base):
    """A business as Stripe knows it, once, with the one card it keeps for top-ups. Its number is at Stripe."""

    __tablename__ = "stripe_customers"
    __table_args__ = (
        CheckConstraint("(payment_method_id IS NULL) = (card_brand IS NULL)", name="card_whole"),
        CheckConstraint("payment_method_id IS NULL OR stripe_customer_id IS NOT NULL", name="card_has_customer"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("customer"))
    business_id: Mapped[str] = mapped_column(ForeignKey("businesses.id"), unique=True)
    idempotency_key: Mapped[str] = mapped_column(unique=True)
    attempt_no: Mapped[int] = mapped_column(default=1)
    stripe_customer_id: Mapped[str | None] = mapped_column(unique=True)
    payment_method_id: Mapped[str | None]
    card_brand: Mapped[str | None]
    card_last4: Mapped[str | None] = mapped_column(String(4))
    card_expires: Mapped[str | None] = mapped_column(String(7))  # 2031-12


class TopUpState(StrEnum):
    ON = "on"
    PAUSED = "paused"  # By us: refused twice, card gone, money unused. A person turns it on again.
    OFF = "off"


class AutoTopUp(Versioned, Base):
    """What may be charged to the kept card without asking again, for one bounty."""

    __tablename__ = "auto_top_ups"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="positive"),
        CheckConstraint("monthly_minor >= amount_minor", name="month_holds_one"),
        CheckConstraint("(state = 'paused') = (paused_because IS NOT NULL)", name="paused_says_why"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("topup"))
    business_id: Mapped[str] = mapped_column(ForeignKey("businesses.id"), index=True)
    purpose_id: Mapped[str] = mapped_column(unique=True)  # The bounty.
    agreed_by: Mapped[str] = mapped_column(ForeignKey("users.id"))
    amount_minor: Mapped[int] = mapped_column(BigInteger)  # Each time.
    monthly_minor: Mapped[int] = mapped_column(BigInteger)  # In a calendar month (UTC) at most.
    currency: Mapped[str] = mapped_column(String(3))
    state: Mapped[TopUpState] = state_column(TopUpState, default=TopUpState.ON)
    refusals: Mapped[int] = mapped_column(default=0)  # In a row.
    paused_because: Mapped[str | None]

    amount: Mapped[Money] = composite("amount_minor", "currency")

    @property
    def monthly(self) -> Money:
        return Money(self.monthly_minor, self.currency)
