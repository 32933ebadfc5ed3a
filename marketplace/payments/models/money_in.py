"""Tables of money that comes in, and its refunds. Facts only; rules live beside the verbs."""
from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, composite, mapped_column

from marketplace.foundation.db import Base, Versioned, state_column
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import Money


class FundingState(StrEnum):
    REQUESTED = "requested"  # Asked for; Stripe has not opened a Checkout page yet, or not charged the kept card.
    OPEN = "open"  # The Checkout page waits for the payer.
    PROCESSING = "processing"  # Confirmed by the payer; the bank answers within days.
    PAID = "paid"
    EXPIRED = "expired"
    FAILED = "failed"


class FundingWay(StrEnum):
    CHECKOUT = "checkout"  # A person pays on Stripe's page.
    TOP_UP = "top_up"  # The kept card is charged, as agreed.


class Funding(Versioned, Base):
    """A business pays in for one bounty."""

    __tablename__ = "fundings"
    __table_args__ = (
        Index(
            "fundings_one_top_up_key", "purpose_id", unique=True,
            postgresql_where=text("way = 'top_up' AND state IN ('requested', 'open', 'processing')"),
            sqlite_where=text("way = 'top_up' AND state IN ('requested', 'open', 'processing')")),
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
    way: Mapped[FundingWay] = state_column(FundingWay, default=FundingWay.CHECKOUT, server_default="checkout")
    keeps_card: Mapped[bool] = mapped_column(default=False, server_default=text("false"))  # The payer ticked it.
    payment_method_id: Mapped[str | None]  # At Stripe: what is charged, or what was.
    paid_with: Mapped[str | None]  # In words: "Visa ending in 4242".
    failure_code: Mapped[str | None]  # Stripe's: card_declined, authentication_required...
    attempt_no: Mapped[int] = mapped_column(default=1, server_default="1")
    first_sent_at: Mapped[datetime | None]
    available_on: Mapped[datetime | None]  # When Stripe lets us use it.
    warned_at: Mapped[datetime | None]  # That it will be refunded for its age.

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


class RefundOrigin(StrEnum):
    FUNDS = "funds"  # Free funds of the bounty that go back.
    UNMATCHED = "unmatched"  # A payment that matched nothing asked for.
    BY_HAND = "by_hand"  # Made in Stripe's own pages; we only heard of it.


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
    origin: Mapped[RefundOrigin] = state_column(RefundOrigin, default=RefundOrigin.FUNDS, server_default="funds")

    amount: Mapped[Money] = composite("amount_minor", "currency")
