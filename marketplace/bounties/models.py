"""What businesses offer: bounties, and the immutable terms that leads are promised."""
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from marketplace.foundation.db import Base, Versioned, state_column
from marketplace.foundation.ids import new_id
from marketplace.identity.models import Business


class BountyState(StrEnum):
    DRAFT = "draft"
    LIVE = "live"
    PAUSED = "paused"
    CLOSED = "closed"
    ARCHIVED = "archived"


class Happening(StrEnum):
    """What a bounty can pay for."""

    QUALIFIED = "qualified"
    WON = "won"
    LATER = "later"  # So many days after the sale.
    RENEWAL = "renewal"


class For(StrEnum):
    """Whom it pays."""

    REFERRER = "referrer"
    BUYER = "buyer"


class RewardKind(StrEnum):
    FLAT = "flat"
    PERCENT = "percent"  # Of the sale, at least a floor, at most a cap.
    NON_CASH = "non_cash"


class NonCash(StrEnum):
    CREDIT = "credit"
    THANK_YOU = "thank_you"
    FAVOUR = "favour"


class Category(StrEnum):
    CARS = "cars"
    HOME = "home"
    SOLAR = "solar"
    SOFTWARE = "software"
    SERVICES = "services"
    HIRING = "hiring"
    TRAVEL = "travel"
    EDUCATION = "education"
    HEALTH = "health"
    REAL_ESTATE = "real_estate"  # Homes sold, mortgages, closings.
    INSURANCE = "insurance"
    OTHER = "other"


class Pick(StrEnum):
    """Which of several clicks counts."""

    FIRST = "first"
    LAST = "last"


class Allowed(StrEnum):
    """The most that may be given for a referral, from the freest to the strictest."""

    CASH = "cash"  # Money, and what is worth money: credit, a favour.
    THANK_YOU = "thank_you"  # Thanks without a value.
    NOTHING = "nothing"


class Bounty(Versioned, Base):
    __tablename__ = "bounties"
    __table_args__ = (
        Index("bounties_newest_idx", "state", "published_at", "id"),
        Index("bounties_highest_idx", "state", "currency", "highest_reward", "id"),
        CheckConstraint("state = 'draft' OR published_at IS NOT NULL", name="published_has_time"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("bounty"))
    business_id: Mapped[str] = mapped_column(ForeignKey("businesses.id"), index=True)
    title: Mapped[str]
    offer: Mapped[str]
    state: Mapped[BountyState] = state_column(BountyState, default=BountyState.DRAFT)
    paused_because: Mapped[str | None]
    terms_number: Mapped[int] = mapped_column(default=0)  # The number of the terms in force.
    # Copied from the terms in force, so that the board can sort and filter by an index.
    category: Mapped[Category] = state_column(Category)
    place: Mapped[str]
    currency: Mapped[str] = mapped_column(String(3))
    highest_reward: Mapped[int] = mapped_column(BigInteger)  # Minor units; compared within one currency only.
    published_at: Mapped[datetime | None]

    business: Mapped[Business] = relationship(lazy="joined", innerjoin=True)
    terms: Mapped["Terms"] = relationship(
        lazy="joined", viewonly=True, uselist=False,
        primaryjoin="and_(Bounty.id == foreign(Terms.bounty_id), Bounty.terms_number == foreign(Terms.number))")

    @property
    def is_closed(self) -> bool:
        """For good: it takes no leads and no funds any more."""
        return self.state in {BountyState.CLOSED, BountyState.ARCHIVED}


class Terms(Base):
    """What is promised, numbered per bounty and never changed (triggers); a lead keeps its own."""

    __tablename__ = "terms"
    __table_args__ = (
        UniqueConstraint("bounty_id", "number"),
        CheckConstraint("fee_bps BETWEEN 0 AND 10000", name="fee_within"),
        CheckConstraint("rule_count BETWEEN 1 AND 8", name="some_rules"),
        CheckConstraint("click_days BETWEEN 1 AND 365", name="click_days_within"),
        CheckConstraint("cap_per_referrer_minor > 0", name="cap_per_referrer_positive"),
        CheckConstraint("cap_per_bounty_minor > 0", name="cap_per_bounty_positive"),
        CheckConstraint("cap_per_month_minor > 0", name="cap_per_month_positive"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("terms"))
    bounty_id: Mapped[str] = mapped_column(ForeignKey("bounties.id"))
    number: Mapped[int]
    criteria: Mapped[list[str]]
    rule_count: Mapped[int] = mapped_column(default=1)  # So many rules and no more: they are sealed with the terms.
    cap_per_referrer_minor: Mapped[int | None] = mapped_column(BigInteger)  # Of this bounty, the fee apart.
    cap_per_bounty_minor: Mapped[int | None] = mapped_column(BigInteger)
    cap_per_month_minor: Mapped[int | None] = mapped_column(BigInteger)  # A month of the calendar, UTC.
    cause: Mapped[str | None]  # What a buyer may give their share to.
    currency: Mapped[str] = mapped_column(String(3))
    fee_bps: Mapped[int]
    hold_days: Mapped[int]
    protection_days: Mapped[int]
    consent_days: Mapped[int]
    evidence_days: Mapped[int]  # Older posts need a reason.
    category: Mapped[Category] = state_column(Category)
    place: Mapped[str]
    jurisdiction: Mapped[str] = mapped_column(default="")  # Whose law counts where it is sold: US-CA; "" was not said.
    click_days: Mapped[int] = mapped_column(default=90, server_default="90")  # So long a click can bind a customer.
    click_pick: Mapped[Pick] = state_column(Pick, default=Pick.LAST, server_default="last")

    rules: Mapped[list["RewardRule"]] = relationship(order_by="RewardRule.position")


class RewardRule(Base):
    """One part of what is promised; as immutable as the terms it belongs to (triggers)."""

    __tablename__ = "reward_rules"
    __table_args__ = (
        UniqueConstraint("terms_id", "position"),
        CheckConstraint("position >= 1", name="position_from_one"),
        CheckConstraint("(kind = 'flat') = (amount_minor IS NOT NULL)", name="flat_has_amount"),
        CheckConstraint("(kind = 'percent') = (rate_bps IS NOT NULL)", name="percent_has_rate"),
        CheckConstraint("(kind = 'percent') = (cap_minor IS NOT NULL)", name="percent_has_cap"),
        CheckConstraint("kind = 'percent' OR floor_minor IS NULL", name="floor_of_percent"),
        CheckConstraint("kind <> 'percent' OR happening <> 'qualified'", name="percent_needs_sale"),
        CheckConstraint("(kind = 'non_cash') = (thing IS NOT NULL)", name="non_cash_has_thing"),
        CheckConstraint("(kind = 'non_cash') = (words IS NOT NULL)", name="non_cash_has_words"),
        CheckConstraint("(happening = 'later') = (after_days IS NOT NULL)", name="later_has_days"),
        CheckConstraint("(happening = 'renewal') = (times IS NOT NULL OR within_months IS NOT NULL)",
                        name="renewals_are_counted"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("cap_minor > 0", name="cap_positive"),
        CheckConstraint("floor_minor > 0 AND floor_minor <= cap_minor", name="floor_within_cap"),
        CheckConstraint("rate_bps BETWEEN 1 AND 10000", name="rate_within"),
        CheckConstraint("times BETWEEN 1 AND 120", name="times_within"),
        CheckConstraint("within_months BETWEEN 1 AND 120", name="months_within"),
        CheckConstraint("after_days BETWEEN 1 AND 730", name="days_within"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("rule"))
    terms_id: Mapped[str] = mapped_column(ForeignKey("terms.id"))
    position: Mapped[int]
    happening: Mapped[Happening] = state_column(Happening)
    whom: Mapped[For] = state_column(For)
    kind: Mapped[RewardKind] = state_column(RewardKind)
    amount_minor: Mapped[int | None] = mapped_column(BigInteger)
    rate_bps: Mapped[int | None]
    floor_minor: Mapped[int | None] = mapped_column(BigInteger)
    cap_minor: Mapped[int | None] = mapped_column(BigInteger)
    times: Mapped[int | None]
    within_months: Mapped[int | None]  # One renewal a month at most.
    after_days: Mapped[int | None]
    thing: Mapped[NonCash | None] = state_column(NonCash)
    words: Mapped[str | None]


class GateRule(Base):
    """What one place's law lets anybody be given for a referral in one category; a change is the next number.

    ``proposed_by`` is None for what is shipped with Fingerpost, which holds from the start.
    """

    __tablename__ = "gate_rules"
    __table_args__ = (
        UniqueConstraint("key", "number"),
        CheckConstraint("number >= 1", name="number_from_one"),
        CheckConstraint("(reviewed_by IS NULL) = (reviewed_at IS NULL)", name="reviewed_whole"),
        CheckConstraint("reviewed_by <> proposed_by", name="reviewed_by_another"),
        CheckConstraint("proposed_by IS NOT NULL OR number = 1", name="shipped_is_first"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("gate"))
    key: Mapped[str]  # us-ca-cars
    number: Mapped[int]
    category: Mapped[Category] = state_column(Category)
    jurisdiction: Mapped[str]  # US, US-CA; "" is the world.
    allows: Mapped[Allowed] = state_column(Allowed)
    binds_buyer: Mapped[bool] = mapped_column(default=False)  # The buyer's own share falls under it too.
    says: Mapped[str]  # What is forbidden, in plain words.
    exception: Mapped[str] = mapped_column(default="")  # Who may be paid all the same; Fingerpost checks no licences.
    citation: Mapped[str]
    source_url: Mapped[str] = mapped_column(default="")
    cited_on: Mapped[date]
    proposed_by: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    reviewed_by: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    reviewed_at: Mapped[datetime | None]


class BountyWords(Base):
    """What was read of a live bounty, for finding it by its words; the full-text index hangs on ``words``."""

    __tablename__ = "bounty_words"

    id: Mapped[int] = mapped_column(primary_key=True)
    bounty_id: Mapped[str] = mapped_column(ForeignKey("bounties.id"), unique=True)
    words: Mapped[str]
    reading: Mapped[dict[str, Any]]
    analyser: Mapped[int] = mapped_column(index=True)
