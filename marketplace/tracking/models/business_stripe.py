"""Tables of what a business's own Stripe account tells us: the door it knocks at, and each event once. Facts only."""
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.foundation.crypto import EncryptedText
from marketplace.foundation.db import Base, Versioned, state_column
from marketplace.foundation.ids import new_id

WAITS_FOR_ITS_SALE = "state = 'waiting'"


class StripeDoor(Versioned, Base):
    """Where one business's own Stripe account posts its events. Without a secret it is closed."""

    __tablename__ = "stripe_doors"
    __table_args__ = (CheckConstraint("(old_secret IS NULL) = (old_secret_until IS NULL)", name="old_secret_whole"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("door"))
    business_id: Mapped[str] = mapped_column(ForeignKey("businesses.id"), unique=True)
    secret: Mapped[str | None] = mapped_column(EncryptedText)  # Stripe's, of the endpoint that was made there.
    old_secret: Mapped[str | None] = mapped_column(EncryptedText)  # Counts too, while Stripe exchanges them.
    old_secret_until: Mapped[datetime | None]


class Told(StrEnum):
    """What an event is about, in our words."""

    CHECKOUT = "checkout"
    INVOICE = "invoice"
    INVOICE_PAYMENT = "invoice_payment"  # Which payment an invoice was paid by.
    REFUND = "refund"
    REFUNDED = "refunded"  # How much of a charge was given back in all.
    DISPUTE = "dispute"
    PROMOTION = "promotion"  # The code that a promotion goes by.
    OTHER = "other"


class DoorEventState(StrEnum):
    RECEIVED = "received"
    WAITING = "waiting"  # For the sale that it is about.
    COUNTED = "counted"
    IGNORED = "ignored"


class StripeDoorEvent(Base):
    """An event, once. ``facts`` are amounts and Stripe's ids; ``who`` names the customer until it is handled."""

    __tablename__ = "stripe_door_events"
    __table_args__ = (
        UniqueConstraint("door_id", "stripe_id"),
        Index("stripe_door_events_payment_idx", "door_id", "payment",
              postgresql_where=text("payment IS NOT NULL"), sqlite_where=text("payment IS NOT NULL")),
        Index("stripe_door_events_charge_idx", "door_id", "charge",
              postgresql_where=text("charge IS NOT NULL"), sqlite_where=text("charge IS NOT NULL")),
        Index("stripe_door_events_sale_idx", "door_id", "sale",
              postgresql_where=text("sale IS NOT NULL"), sqlite_where=text("sale IS NOT NULL")),
        Index("stripe_door_events_subscription_idx", "door_id", "subscription",
              postgresql_where=text("subscription IS NOT NULL"), sqlite_where=text("subscription IS NOT NULL")),
        Index("stripe_door_events_promotion_idx", "door_id", "promotion",
              postgresql_where=text("promotion IS NOT NULL"), sqlite_where=text("promotion IS NOT NULL")),
        Index("stripe_door_events_waiting_idx", "door_id", "id",
              postgresql_where=text(WAITS_FOR_ITS_SALE), sqlite_where=text(WAITS_FOR_ITS_SALE)),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("doorevent"))
    door_id: Mapped[str] = mapped_column(ForeignKey("stripe_doors.id"))
    stripe_id: Mapped[str]
    type: Mapped[str]
    told: Mapped[Told] = state_column(Told)
    state: Mapped[DoorEventState] = state_column(DoorEventState, default=DoorEventState.RECEIVED)
    happened_at: Mapped[datetime]
    sale: Mapped[str | None]  # The external id that the sale is counted by: an invoice's, a payment's, a session's.
    payment: Mapped[str | None]  # pi_...
    charge: Mapped[str | None]  # ch_...
    subscription: Mapped[str | None]  # sub_...
    promotion: Mapped[str | None]  # promo_..., of the code that it goes by.
    facts: Mapped[dict[str, Any]]
    who: Mapped[str | None] = mapped_column(EncryptedText)
    given_back_minor: Mapped[int] = mapped_column(BigInteger, default=0)  # Of a sale: so much of its value by now.
    outcome: Mapped[str | None]  # What came of it, in words.
