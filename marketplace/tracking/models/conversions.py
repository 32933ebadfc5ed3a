"""Tables of conversions that come in: what was reported, once each, and whom a customer is bound to. Facts only."""
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.foundation.db import Base, Versioned, state_column
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import Money
from marketplace.referrals.models import ConversionSource, LeadSource


class ReportKind(StrEnum):
    """What happened at the business."""

    LEAD = "lead"  # They are known by name now: a form, a trial.
    SIGN_UP = "sign_up"  # What the terms call qualified.
    SALE = "sale"
    RENEWAL = "renewal"
    REFUND = "refund"


class ReportState(StrEnum):
    RECEIVED = "received"
    UNMATCHED = "unmatched"  # Nobody brought them, as far as we know: kept, and asked again when something arrives.
    MATCHED = "matched"  # It is known whose it is; it earns nothing by itself, or waits for what ``reason`` says.
    APPROVED = "approved"  # Counted: a conversion was made, or a refund was taken off one.
    DUPLICATE = "duplicate"  # The same order, from another source.
    REJECTED = "rejected"
    DISPUTED = "disputed"  # A referrer claims it.


WAITS = "state IN ('unmatched', 'matched') AND reason IS NOT NULL"


class Binding(Base):
    """A customer of a business belongs to whoever brought them first, under the terms of that day.

    The customer is a scrambled mark of the business's own id for them, of their address, and of each visit that was
    told of them (``BindingClick``). One that has none of these was found to be another one's customer.
    """

    __tablename__ = "bindings"
    __table_args__ = (
        Index("bindings_customer_key", "business_id", "customer_hash", unique=True),
        Index("bindings_email_key", "business_id", "email_hash", unique=True),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("binding"))
    business_id: Mapped[str] = mapped_column(ForeignKey("businesses.id"))
    customer_hash: Mapped[str | None]
    email_hash: Mapped[str | None]
    source: Mapped[LeadSource] = state_column(LeadSource)  # As that of its lead; of a post as long as that runs.
    link_id: Mapped[str]
    referrer_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    bounty_id: Mapped[str] = mapped_column(ForeignKey("bounties.id"))
    terms_id: Mapped[str] = mapped_column(ForeignKey("terms.id"))
    touched_at: Mapped[datetime]  # When they clicked, or the code was said.
    lead_id: Mapped[str | None] = mapped_column(ForeignKey("leads.id"), index=True)  # Once funds are reserved for it.


class BindingClick(Base):
    """One visit is one customer: whatever is told of it later is of this one."""

    __tablename__ = "binding_clicks"

    business_id: Mapped[str] = mapped_column(ForeignKey("businesses.id"), primary_key=True)
    click_hash: Mapped[str] = mapped_column(primary_key=True)
    binding_id: Mapped[str] = mapped_column(ForeignKey("bindings.id"), index=True)


class Report(Versioned, Base):
    """What a business, its Stripe account, a file or a buyer said that happened; once per (business, source, id)."""

    __tablename__ = "reports"
    __table_args__ = (
        UniqueConstraint("business_id", "source", "external_id"),
        Index("reports_business_idx", "business_id", "id"),
        Index("reports_waiting_idx", "business_id", "reason", "id",
              postgresql_where=text(WAITS), sqlite_where=text(WAITS)),
        Index("reports_of_customer_idx", "business_id", "customer_hash",
              postgresql_where=text(WAITS), sqlite_where=text(WAITS)),
        Index("reports_of_email_idx", "business_id", "email_hash",
              postgresql_where=text(WAITS), sqlite_where=text(WAITS)),
        Index("reports_of_sale_idx", "business_id", "refund_of",
              postgresql_where=text("refund_of IS NOT NULL"), sqlite_where=text("refund_of IS NOT NULL")),
        CheckConstraint("(amount_minor IS NULL) = (currency IS NULL)", name="amount_whole"),
        CheckConstraint("(kind IN ('sale', 'renewal', 'refund')) = (coalesce(amount_minor, 0) > 0)", name="positive"),
        CheckConstraint("(kind = 'refund') = (refund_of IS NOT NULL)", name="refund_names_its_sale"),
        CheckConstraint("state NOT IN ('rejected', 'unmatched') OR reason IS NOT NULL", name="has_reason"),
        CheckConstraint("(state = 'duplicate') = (first_id IS NOT NULL)", name="duplicate_of_one"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("report"))
    business_id: Mapped[str] = mapped_column(ForeignKey("businesses.id"))
    source: Mapped[ConversionSource] = state_column(ConversionSource)
    external_id: Mapped[str]
    fingerprint: Mapped[str]  # Of all that was said: the same id with another body is refused.
    kind: Mapped[ReportKind] = state_column(ReportKind)
    state: Mapped[ReportState] = state_column(ReportState, default=ReportState.RECEIVED)
    amount_minor: Mapped[int | None] = mapped_column(BigInteger)
    currency: Mapped[str | None] = mapped_column(String(3))
    happened_at: Mapped[datetime]
    customer_hash: Mapped[str | None]
    email_hash: Mapped[str | None]
    click_hash: Mapped[str | None]  # Of the click, whether or not they are known by it.
    known_since: Mapped[datetime | None]  # When the business first put this address on its own list.
    link_code: Mapped[str | None]  # Of a click that we signed.
    clicked_at: Mapped[datetime | None]
    code: Mapped[str | None]  # As it was said.
    lead_said: Mapped[str | None]  # The lead that the business, or the buyer, named.
    refund_of: Mapped[str | None]  # The external id of the sale.
    payload: Mapped[dict[str, Any]]  # As it came, but for what names a person.
    reported_by: Mapped[str]
    reason: Mapped[str | None]  # Why it waits, or was not taken: a code.
    reasons: Mapped[list[str]]  # How it was decided whose it is, in words.
    binding_id: Mapped[str | None] = mapped_column(ForeignKey("bindings.id"), index=True)
    lead_id: Mapped[str | None] = mapped_column(ForeignKey("leads.id"), index=True)
    conversion_id: Mapped[str | None] = mapped_column(ForeignKey("conversions.id"), index=True)
    first_id: Mapped[str | None]  # Of a duplicate: the report, or the conversion, that was first.

    @property
    def amount(self) -> Money | None:
        return Money(self.amount_minor or 0, self.currency) if self.currency else None


class Reattribution(Base):
    """An admin gave what a conversion had earned, and was not sent, to another referrer. Never changed."""

    __tablename__ = "reattributions"

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("moved"))
    report_id: Mapped[str] = mapped_column(ForeignKey("reports.id"), index=True)
    lead_id: Mapped[str] = mapped_column(ForeignKey("leads.id"))
    from_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    to_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    moved_minor: Mapped[int] = mapped_column(BigInteger)
    stayed_minor: Mapped[int] = mapped_column(BigInteger)  # Sent already, less what was taken back of it.
    currency: Mapped[str] = mapped_column(String(3))
    reason: Mapped[str]
    decided_by: Mapped[str] = mapped_column(ForeignKey("users.id"))
