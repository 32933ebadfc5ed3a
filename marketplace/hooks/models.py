"""Tables of webhooks out: endpoints, events, their deliveries and each attempt. Facts only."""
from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from marketplace.foundation.crypto import EncryptedText
from marketplace.foundation.db import Base, Versioned, state_column
from marketplace.foundation.ids import new_id

NOT_REMOVED = "state <> 'removed'"
WAITING = "state = 'waiting'"


class EndpointState(StrEnum):
    ON = "on"
    OFF = "off"  # By its people.
    DISABLED = "disabled"  # By us: it failed for days, or said that it is gone.
    REMOVED = "removed"


class WebhookEndpoint(Versioned, Base):
    """An address of a business's own program. ``kinds`` are what it is told of: words of contents.KINDS."""

    __tablename__ = "webhook_endpoints"
    __table_args__ = (
        Index("webhook_endpoints_one_per_url_key", "business_id", "url", unique=True,
              postgresql_where=text(NOT_REMOVED), sqlite_where=text(NOT_REMOVED)),
        CheckConstraint("(old_secret IS NULL) = (old_secret_until IS NULL)", name="old_secret_whole"),
        CheckConstraint("(state = 'disabled') = (why_disabled IS NOT NULL)", name="disabled_has_reason"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("hook"))
    business_id: Mapped[str] = mapped_column(ForeignKey("businesses.id"))
    url: Mapped[str]
    note: Mapped[str] = mapped_column(default="")  # What it is for, in its people's words.
    kinds: Mapped[list[str]]
    state: Mapped[EndpointState] = state_column(EndpointState, default=EndpointState.ON)
    secret: Mapped[str] = mapped_column(EncryptedText)
    old_secret: Mapped[str | None] = mapped_column(EncryptedText)  # Signs too, until its time is over.
    old_secret_until: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]  # When it last took something.
    failed_at: Mapped[datetime | None]  # When it last did not.
    failing_since: Mapped[datetime | None]  # The first failure that no success followed.
    unanswered: Mapped[int] = mapped_column(default=0)  # How often in a row nothing came back at all.
    rests_until: Mapped[datetime | None]  # Nothing is sent before then: it would only wait for nothing.
    why_disabled: Mapped[str | None]


class WebhookEvent(Base):
    """What happened once, as it is told to everybody who listens: ``body`` is sent as it stands here, byte for byte."""

    __tablename__ = "webhook_events"
    __table_args__ = (UniqueConstraint("audit_id", "type"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("event"))
    business_id: Mapped[str] = mapped_column(ForeignKey("businesses.id"))
    type: Mapped[str]
    object_id: Mapped[str]
    audit_id: Mapped[str | None]  # None: a test.
    body: Mapped[str]


class DeliveryState(StrEnum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


class WebhookDelivery(Base):
    """An event on its way to one endpoint. Of one object the next goes only once the one before has ended."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index("webhook_deliveries_order_idx", "endpoint_id", "object_id", "id",
              postgresql_where=text(WAITING), sqlite_where=text(WAITING)),
        Index("webhook_deliveries_log_idx", "endpoint_id", "id"),
        CheckConstraint("(state = 'waiting') = (ended_at IS NULL)", name="ended_has_time"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("delivery"))
    endpoint_id: Mapped[str] = mapped_column(ForeignKey("webhook_endpoints.id"))
    event_id: Mapped[str] = mapped_column(ForeignKey("webhook_events.id"), index=True)
    object_id: Mapped[str]
    replay_of: Mapped[str | None]  # The delivery that somebody wanted once more.
    state: Mapped[DeliveryState] = state_column(DeliveryState, default=DeliveryState.WAITING)
    attempts: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime | None]  # When it is tried again.
    ended_at: Mapped[datetime | None]

    event: Mapped[WebhookEvent] = relationship(lazy="joined", innerjoin=True)
    log: Mapped[list["WebhookAttempt"]] = relationship(lazy="raise", order_by="WebhookAttempt.id")


class WebhookAttempt(Base):
    """One knock at the door: what came back, and how long it took. Nothing of the answer itself is kept."""

    __tablename__ = "webhook_attempts"
    __table_args__ = (CheckConstraint("(status IS NULL) = (failure IS NOT NULL)", name="has_one_outcome"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("attempt"))
    delivery_id: Mapped[str] = mapped_column(ForeignKey("webhook_deliveries.id"), index=True)
    status: Mapped[int | None]  # Of HTTP.
    failure: Mapped[str | None]  # A FetchFailure, where nothing came back.
    milliseconds: Mapped[int]
