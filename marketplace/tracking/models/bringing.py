"""Tables of what a business brings from another programme: partners to invite, and what was earned there."""
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, composite, mapped_column

from marketplace.foundation.crypto import EncryptedText
from marketplace.foundation.db import Base, Versioned, state_column
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import Money


class InvitationState(StrEnum):
    BROUGHT = "brought"  # Known from a file. Nobody was written to.
    INVITED = "invited"  # The business said: write to them.
    ACCEPTED = "accepted"
    DECLINED = "declined"
    REMOVED = "removed"  # By the business, or because its time was over: name and address are gone.


class PartnerInvitation(Versioned, Base):
    """Somebody who pointed at this business in another programme, asked to go on here."""

    __tablename__ = "partner_invitations"
    __table_args__ = (
        UniqueConstraint("business_id", "email_hash"),
        Index("partner_invitations_email_hash_idx", "email_hash"),
        CheckConstraint("(state = 'accepted') = (user_id IS NOT NULL)", name="accepted_by_somebody"),
        CheckConstraint("state <> 'invited' OR bounty_id IS NOT NULL", name="invited_to_something"),
        Index("partner_invitations_one_code_key", "business_id", "code_key", unique=True,
              postgresql_where=text("code_key IS NOT NULL"), sqlite_where=text("code_key IS NOT NULL")),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("invitation"))
    business_id: Mapped[str] = mapped_column(ForeignKey("businesses.id"))
    bounty_id: Mapped[str | None] = mapped_column(ForeignKey("bounties.id"))
    programme: Mapped[str]
    name: Mapped[str] = mapped_column(EncryptedText)
    email: Mapped[str] = mapped_column(EncryptedText)
    email_hash: Mapped[str]
    code: Mapped[str | None]  # What they said there, as it was written.
    code_key: Mapped[str | None]
    state: Mapped[InvitationState] = state_column(InvitationState, default=InvitationState.BROUGHT)
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id"), index=True)
    invited_at: Mapped[datetime | None]


class PastReward(Base):
    """What somebody earned in another programme, as its export says. It is history: it pays nothing here."""

    __tablename__ = "past_rewards"
    __table_args__ = (
        UniqueConstraint("business_id", "programme", "external_id"),
        Index("past_rewards_partner_hash_idx", "partner_hash"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("past"))
    business_id: Mapped[str] = mapped_column(ForeignKey("businesses.id"))
    programme: Mapped[str]
    external_id: Mapped[str]
    partner_hash: Mapped[str]  # Of the partner's address: how they find it again.
    earned_on: Mapped[date]
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    said: Mapped[str]  # Its state there: paid, due, voided.

    amount: Mapped[Money] = composite("amount_minor", "currency")
