"""The webhook inbox. Facts only; rules live beside the verbs."""
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from marketplace.foundation.db import Base


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
