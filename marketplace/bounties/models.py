"""What businesses offer: bounties, and the immutable terms that leads are promised."""
from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from marketplace.foundation.db import Base, Versioned, state_column
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import Money
from marketplace.identity.models import Business


class BountyState(StrEnum):
    DRAFT = "draft"
    LIVE = "live"
    PAUSED = "paused"
    CLOSED = "closed"
    ARCHIVED = "archived"


class RewardKind(StrEnum):
    FLAT = "flat"
    PERCENT = "percent"  # Of the sale, up to a cap.


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
    OTHER = "other"


class Bounty(Versioned, Base):
    __tablename__ = "bounties"
    __table_args__ = (
        Index("bounties_newest_idx", "state", "published_at", "id"),
        Index("bounties_highest_idx", "state", "highest_reward", "id"),
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
    highest_reward: Mapped[int] = mapped_column(BigInteger)  # In the currency's main unit.
    published_at: Mapped[datetime | None]

    business: Mapped[Business] = relationship(lazy="joined", innerjoin=True)
    terms: Mapped["Terms"] = relationship(
        lazy="joined", viewonly=True, uselist=False,
        primaryjoin="and_(Bounty.id == foreign(Terms.bounty_id), Bounty.terms_number == foreign(Terms.number))")


class Terms(Base):
    """What is promised, numbered per bounty and never changed (triggers); a lead keeps its own."""

    __tablename__ = "terms"
    __table_args__ = (
        UniqueConstraint("bounty_id", "number"),
        CheckConstraint("(reward_kind = 'flat') = (reward_minor IS NOT NULL)", name="flat_has_amount"),
        CheckConstraint("(reward_kind = 'percent') = (reward_bps IS NOT NULL)", name="percent_has_rate"),
        CheckConstraint("(reward_kind = 'percent') = (cap_minor IS NOT NULL)", name="percent_has_cap"),
        CheckConstraint("reward_minor > 0", name="reward_positive"),
        CheckConstraint("cap_minor > 0", name="cap_positive"),
        CheckConstraint("reward_bps BETWEEN 1 AND 10000", name="rate_within"),
        CheckConstraint("fee_bps BETWEEN 0 AND 10000", name="fee_within"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("terms"))
    bounty_id: Mapped[str] = mapped_column(ForeignKey("bounties.id"))
    number: Mapped[int]
    criteria: Mapped[list[str]]
    reward_kind: Mapped[RewardKind] = state_column(RewardKind)
    reward_minor: Mapped[int | None] = mapped_column(BigInteger)
    reward_bps: Mapped[int | None]
    cap_minor: Mapped[int | None] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    fee_bps: Mapped[int]
    hold_days: Mapped[int]
    protection_days: Mapped[int]
    consent_days: Mapped[int]
    evidence_days: Mapped[int]  # Older posts need a reason.
    category: Mapped[Category] = state_column(Category)
    place: Mapped[str]

    @property
    def highest_reward(self) -> Money:
        """The most that one sale can earn: what is reserved for a lead."""
        return Money(self.reward_minor or self.cap_minor or 0, self.currency)

    @property
    def highest_cost(self) -> Money:
        """Reward and platform fee at most: what a business must have funded for one lead."""
        return self.highest_reward + self.fee_on(self.highest_reward)

    def fee_on(self, reward: Money) -> Money:
        """The platform fee on a reward, paid by the business on top; rounded down."""
        return reward.share(self.fee_bps)

    def reward_for(self, sale: Money) -> Money:
        """What a sale of this value earns under these terms."""
        if self.reward_kind is RewardKind.FLAT:
            return self.highest_reward
        return min(sale.share(self.reward_bps or 0), self.highest_reward)
