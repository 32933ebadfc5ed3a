"""Tables of what a lead earns: conversions, rewards, refunds of sales, clawbacks. Facts only."""
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, composite, mapped_column, relationship

from marketplace.bounties.models import For
from marketplace.foundation.db import Base, Versioned, state_column
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import Money


class ConversionKind(StrEnum):
    """What happened that the bounty pays for."""

    QUALIFIED = "qualified"
    SALE = "sale"
    LATER = "later"  # So many days after the sale.
    RENEWAL = "renewal"
    CORRECTION = "correction"  # What a sale came to beyond what was recorded: by a ruling.


class ConversionSource(StrEnum):
    LEAD_QUALIFIED = "lead_qualified"
    LEAD_WON = "lead_won"
    TERMS = "terms"  # The terms' own clock.
    MANUAL = "manual"
    BUYER_CONFIRMED = "buyer_confirmed"  # By a dispute, the buyer having said so.
    RULING = "ruling"  # By a dispute that ended for the referrer.
    LINK = "link"  # By the business's page, with the click that brought the customer; below: by whom it was told us.
    CODE = "code"
    API = "api"
    STRIPE = "stripe"
    CSV = "csv"


class ConversionState(StrEnum):
    APPROVED = "approved"
    PARTIALLY_REVERSED = "partially_reversed"
    REVERSED = "reversed"


# On the lead's page or by a ruling; of these a report has made only what was reported by hand, or is the buyer's word.
SAID_BY_PEOPLE = "source IN ('lead_won', 'manual', 'buyer_confirmed', 'ruling')"


class Conversion(Versioned, Base):
    """An event that the bounty pays for, counted once per (business, source, external id).

    A sale, a renewal and a correction have a value, others have none and ``amount`` is zero. LATER, RENEWAL and
    CORRECTION name their sale.
    """

    __tablename__ = "conversions"
    __table_args__ = (
        UniqueConstraint("business_id", "source", "external_id"),
        Index("conversions_by_people_idx", "business_id", "id",
              postgresql_where=text(SAID_BY_PEOPLE), sqlite_where=text(SAID_BY_PEOPLE)),
        CheckConstraint("amount_minor >= 0 AND (kind IN ('sale', 'renewal', 'correction')) = (amount_minor > 0)",
                        name="positive"),
        CheckConstraint("refunded_minor BETWEEN 0 AND amount_minor", name="refunded_within"),
        CheckConstraint("(kind IN ('later', 'renewal', 'correction')) = (sale_id IS NOT NULL)", name="follows_a_sale"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("conversion"))
    business_id: Mapped[str] = mapped_column(ForeignKey("businesses.id"))
    bounty_id: Mapped[str] = mapped_column(ForeignKey("bounties.id"), index=True)
    lead_id: Mapped[str] = mapped_column(ForeignKey("leads.id"), index=True)
    kind: Mapped[ConversionKind] = state_column(ConversionKind, default=ConversionKind.SALE)
    sale_id: Mapped[str | None] = mapped_column(ForeignKey("conversions.id"), index=True)
    number: Mapped[int] = mapped_column(default=1)  # Which renewal; of a later part its days after the sale.
    renewals_ended_at: Mapped[datetime | None]  # Of a sale: the business says that none follows any more.
    source: Mapped[ConversionSource] = state_column(ConversionSource)
    external_id: Mapped[str]
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    occurred_on: Mapped[date]
    refunded_minor: Mapped[int] = mapped_column(BigInteger, default=0)
    state: Mapped[ConversionState] = state_column(ConversionState, default=ConversionState.APPROVED)
    payload: Mapped[dict[str, Any]]

    amount: Mapped[Money] = composite("amount_minor", "currency")


class SaleRefund(Base):
    """Part of a sale given back to the buyer, as the business tells it; once per external id."""

    __tablename__ = "sale_refunds"
    __table_args__ = (
        UniqueConstraint("conversion_id", "external_id"),
        CheckConstraint("amount_minor > 0", name="positive"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("sale_refund"))
    conversion_id: Mapped[str] = mapped_column(ForeignKey("conversions.id"), index=True)
    external_id: Mapped[str]
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    recorded_by: Mapped[str]


class RewardState(StrEnum):
    PENDING = "pending"  # Waiting out the return period.
    ON_HOLD = "on_hold"  # Frozen by a person.
    PAYABLE = "payable"
    SCHEDULED = "scheduled"  # In a transfer.
    PAID = "paid"
    VOIDED = "voided"


class Choice(StrEnum):
    """What a buyer does with their share."""

    MONEY = "money"
    DONATION = "donation"  # The business gives as much to its named cause, and has the money back.
    DECLINED = "declined"


class Reward(Versioned, Base):
    """What one conversion earns one person. The amount never changes; clawbacks are beside it.

    A buyer's share has no beneficiary until the buyer wants it as money and has an account.
    """

    __tablename__ = "rewards"
    __table_args__ = (
        UniqueConstraint("conversion_id", "beneficiary_id"),
        Index("rewards_one_buyers_share_key", "conversion_id", unique=True,
              postgresql_where=text("whom = 'buyer'"), sqlite_where=text("whom = 'buyer'")),
        CheckConstraint("amount_minor > 0", name="positive"),
        CheckConstraint("fee_minor >= 0", name="fee_not_below_zero"),
        CheckConstraint("whom = 'buyer' OR beneficiary_id IS NOT NULL", name="beneficiary_named"),
        CheckConstraint("whom = 'buyer' OR choice IS NULL", name="buyers_choose"),
        CheckConstraint("whom <> 'buyer' OR (coalesce(choice, '') = 'money') = (beneficiary_id IS NOT NULL)",
                        name="money_has_beneficiary"),
        CheckConstraint("(state = 'voided') = (void_reason IS NOT NULL)", name="void_has_reason"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("reward"))
    conversion_id: Mapped[str] = mapped_column(ForeignKey("conversions.id"))
    lead_id: Mapped[str] = mapped_column(ForeignKey("leads.id"), index=True)
    bounty_id: Mapped[str] = mapped_column(ForeignKey("bounties.id"))
    business_id: Mapped[str] = mapped_column(ForeignKey("businesses.id"), index=True)
    part: Mapped[ConversionKind] = state_column(ConversionKind, default=ConversionKind.SALE)  # As its conversion says,
    number: Mapped[int] = mapped_column(default=1)  # for letters and lists.
    whom: Mapped[For] = state_column(For, default=For.REFERRER)
    beneficiary_id: Mapped[str | None] = mapped_column(ForeignKey("users.id"), index=True)
    choice: Mapped[Choice | None] = state_column(Choice)
    choice_due_at: Mapped[datetime | None]  # From the release on: without a choice by then it is declined.
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    fee_minor: Mapped[int] = mapped_column(BigInteger)  # Paid by the business on top.
    currency: Mapped[str] = mapped_column(String(3))
    state: Mapped[RewardState] = state_column(RewardState, default=RewardState.PENDING)
    release_at: Mapped[datetime]
    void_reason: Mapped[str | None]

    amount: Mapped[Money] = composite("amount_minor", "currency")
    clawbacks: Mapped[list["Clawback"]] = relationship(lazy="selectin", order_by="Clawback.id")

    @property
    def fee(self) -> Money:
        return Money(self.fee_minor, self.currency)

    @property
    def fee_given_back(self) -> Money:
        return Money(sum(c.fee_minor for c in self.clawbacks), self.currency)

    @property
    def clawed_back(self) -> Money:
        return Money(sum(c.amount_minor for c in self.clawbacks), self.currency)

    @property
    def net(self) -> Money:
        """What is left to the beneficiary after everything that was taken back."""
        return self.amount - self.clawed_back

    def taken_by_case(self, case_id: str) -> list["Clawback"]:
        """When it was found false, and each time that some of it came back later."""
        return [one for one in self.clawbacks if (one.dispute_id or "").startswith(case_id)]


class ClawbackState(StrEnum):
    TAKEN = "taken"  # Out of what was not sent yet, or back from the payee's account.
    REVERSING = "reversing"  # Asked of Stripe.
    OUTSTANDING = "outstanding"  # Stripe could not take it back now; we ask again.


class Clawback(Versioned, Base):
    """The linked negative reward: what a refund of the sale takes back, at the original rate, a dispute, or what else
    an admin decided: that it is another referrer's, or false."""

    __tablename__ = "clawbacks"
    __table_args__ = (
        UniqueConstraint("reward_id", "sale_refund_id"),
        CheckConstraint("amount_minor >= 0 AND fee_minor >= 0", name="not_below_zero"),
        CheckConstraint("(sale_refund_id IS NULL) <> (dispute_id IS NULL)", name="has_one_cause"),
        Index("clawbacks_one_a_dispute_key", "reward_id", "dispute_id", unique=True),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("clawback"))
    reward_id: Mapped[str] = mapped_column(ForeignKey("rewards.id"))
    sale_refund_id: Mapped[str | None] = mapped_column(ForeignKey("sale_refunds.id"))
    dispute_id: Mapped[str | None]  # Or of the reattribution, or of the case of fraud.
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    fee_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    state: Mapped[ClawbackState] = state_column(ClawbackState)

    amount: Mapped[Money] = composite("amount_minor", "currency")

    @property
    def is_of_fraud(self) -> bool:
        return (self.dispute_id or "").startswith("fraud_")  # So begin the ids of its cases.
