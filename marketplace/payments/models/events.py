"""The webhook inbox. Facts only; rules live beside the verbs."""
from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from marketplace.foundation.db import Base


class StripeEvent(Base):
    """The webhook inbox: each event once, by its names alone; what it is about is always fetched anew.

    What Stripe tells in it of a payer is not kept: nobody reads it here, and it is at Stripe.
    """

    __tablename__ = "stripe_events"

    id: Mapped[str] = mapped_column(primary_key=True)  # Stripe's id, so that a repeat is refused.
    type: Mapped[str] = mapped_column(index=True)
    object_id: Mapped[str] = mapped_column(index=True)
    about_id: Mapped[str | None] = mapped_column(index=True)  # The charge it is about, else the payment intent.
    account: Mapped[str | None]
    livemode: Mapped[bool]
    handled_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
