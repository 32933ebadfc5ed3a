"""Tables of what is shared and what is not money: agreed splits of a reward, and rewards owed in kind. Facts only."""
from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from marketplace.bounties.models import For
from marketplace.foundation.crypto import EncryptedText
from marketplace.foundation.db import Base, Versioned, state_column
from marketplace.foundation.ids import new_id

LIVE_SPLITS = "state IN ('proposed', 'agreed')"
OPEN_DONATIONS = "state IN ('owed', 'offered') AND reward_id IS NOT NULL"


class SplitState(StrEnum):
    PROPOSED = "proposed"
    AGREED = "agreed"  # By everybody named: frozen.
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


class Split(Versioned, Base):
    """How a referrer wants to share what a lead earns. It counts from the moment all have agreed."""

    __tablename__ = "splits"
    __table_args__ = (
        Index("splits_one_live_key", "lead_id", unique=True,
              postgresql_where=text(LIVE_SPLITS), sqlite_where=text(LIVE_SPLITS)),
        CheckConstraint("own_bps BETWEEN 0 AND 9999", name="own_within"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("split"))
    lead_id: Mapped[str] = mapped_column(ForeignKey("leads.id"), index=True)
    own_bps: Mapped[int]  # The referrer's own part; with the others' it adds up to 10,000.
    state: Mapped[SplitState] = state_column(SplitState, default=SplitState.PROPOSED)

    parts: Mapped[list["SplitPart"]] = relationship(lazy="selectin", order_by="SplitPart.id", back_populates="split")


class PartState(StrEnum):
    ASKED = "asked"
    AGREED = "agreed"
    DECLINED = "declined"


class SplitPart(Versioned, Base):
    """One other person's part, by the address that the referrer gave; theirs once they have agreed."""

    __tablename__ = "split_parts"
    __table_args__ = (
        UniqueConstraint("split_id", "email_hash"),
        CheckConstraint("share_bps BETWEEN 1 AND 10000", name="share_within"),
        CheckConstraint("(state = 'agreed') = (user_id IS NOT NULL)", name="agreed_has_user"),
        CheckConstraint("(state = 'asked') = (answered_at IS NULL)", name="answer_has_time"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("part"))
    split_id: Mapped[str] = mapped_column(ForeignKey("splits.id"), index=True)
    email: Mapped[str] = mapped_column(EncryptedText)
    email_hash: Mapped[str] = mapped_column(index=True)
    share_bps: Mapped[int]
    state: Mapped[PartState] = state_column(PartState, default=PartState.ASKED)
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id"), index=True)
    answered_at: Mapped[datetime | None]
    second_id: Mapped[str | None] = mapped_column(ForeignKey("leads.id"))  # Their own lead, of the same buyer.

    split: Mapped[Split] = relationship(lazy="joined", innerjoin=True, back_populates="parts")


class Thing(StrEnum):
    CREDIT = "credit"
    THANK_YOU = "thank_you"
    FAVOUR = "favour"
    DONATION = "donation"  # Of a buyer's share, to the cause that the terms name.


class KindState(StrEnum):
    OWED = "owed"
    OFFERED = "offered"
    FULFILLED = "fulfilled"
    ACKNOWLEDGED = "acknowledged"
    DECLINED = "declined"
    FORGIVEN = "forgiven"
    EXPIRED = "expired"


class RewardInKind(Versioned, Base):
    """What a business owes that is not money: no ledger account. ``reward_id``: the money behind a donation."""

    __tablename__ = "rewards_in_kind"
    __table_args__ = (
        UniqueConstraint("conversion_id", "rule_id"),
        Index("rewards_in_kind_one_donation_key", "reward_id", unique=True,
              postgresql_where=text(OPEN_DONATIONS), sqlite_where=text(OPEN_DONATIONS)),
        CheckConstraint("(thing = 'donation') = (reward_id IS NOT NULL)", name="donation_has_money"),
        CheckConstraint("(thing = 'donation') = (rule_id IS NULL)", name="thing_has_rule"),
        CheckConstraint("whom = 'buyer' OR beneficiary_id IS NOT NULL", name="beneficiary_named"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("kind"))
    conversion_id: Mapped[str] = mapped_column(ForeignKey("conversions.id"))
    lead_id: Mapped[str] = mapped_column(ForeignKey("leads.id"), index=True)
    business_id: Mapped[str] = mapped_column(ForeignKey("businesses.id"), index=True)
    whom: Mapped[For] = state_column(For)
    beneficiary_id: Mapped[str | None] = mapped_column(ForeignKey("users.id"), index=True)
    rule_id: Mapped[str | None] = mapped_column(ForeignKey("reward_rules.id"))
    reward_id: Mapped[str | None] = mapped_column(ForeignKey("rewards.id"))
    thing: Mapped[Thing] = state_column(Thing)
    words: Mapped[str]  # As the terms say it: a bottle of wine; of a donation, the cause.
    state: Mapped[KindState] = state_column(KindState, default=KindState.OWED)
    offer: Mapped[str | None] = mapped_column(EncryptedText)  # The business: how to have it; a code perhaps.
    receipt: Mapped[str | None]  # The business, once it is done: what, when; an address that shows it.
    expires_at: Mapped[datetime]
