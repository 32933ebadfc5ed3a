"""Tables of links: whose they are, where they lead, and whose the sites are that they lead to. Facts only."""
from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from marketplace.bounties.models import Bounty
from marketplace.foundation.db import Base, Versioned, state_column
from marketplace.foundation.ids import new_id
from marketplace.identity.models import User


class ReferralLink(Versioned, Base):
    """A referrer's own way to one bounty: ``/r/<code>``, or ``spoken`` said aloud. One that ended stays ended."""

    __tablename__ = "referral_links"
    __table_args__ = (
        Index("referral_links_one_running_key", "bounty_id", "referrer_id", unique=True,
              postgresql_where=text("ended_at IS NULL"), sqlite_where=text("ended_at IS NULL")),
        Index("referral_links_referrer_id_idx", "referrer_id"),
        CheckConstraint("length(code) = 8", name="code_of_eight"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("link"))
    code: Mapped[str] = mapped_column(unique=True)
    spoken: Mapped[str]  # As it is written on the card: ANA-WESTSIDE.
    spoken_key: Mapped[str] = mapped_column(unique=True)  # What is left of it when nobody minds how it was said.
    bounty_id: Mapped[str] = mapped_column(ForeignKey("bounties.id"))
    referrer_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    ended_at: Mapped[datetime | None]

    bounty: Mapped[Bounty] = relationship(lazy="raise")
    referrer: Mapped[User] = relationship(lazy="raise")


class BountyDestination(Versioned, Base):
    """Where the links of a bounty lead. ``utm`` is appended, its {marks} filled in for each click."""

    __tablename__ = "bounty_destinations"

    bounty_id: Mapped[str] = mapped_column(ForeignKey("bounties.id"), primary_key=True)
    url: Mapped[str]
    utm: Mapped[str]
    set_by: Mapped[str] = mapped_column(ForeignKey("users.id"))


class DomainProof(StrEnum):
    """How a business showed that a domain is its own."""

    DNS = "dns"
    FILE = "file"


class BusinessDomain(Versioned, Base):
    """A domain that a business says is its own; from ``verified_at`` on its links may lead straight there."""

    __tablename__ = "business_domains"
    __table_args__ = (
        UniqueConstraint("business_id", "domain"),
        CheckConstraint("(verified_at IS NULL) = (proof IS NULL)", name="verified_whole"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("domain"))
    business_id: Mapped[str] = mapped_column(ForeignKey("businesses.id"))
    domain: Mapped[str]
    token: Mapped[str]  # What the domain must show.
    proof: Mapped[DomainProof | None] = state_column(DomainProof)
    verified_at: Mapped[datetime | None]
    last_seen_at: Mapped[datetime | None]  # When the proof was last found.
    added_by: Mapped[str] = mapped_column(ForeignKey("users.id"))
