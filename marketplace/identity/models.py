"""Who is here: users, businesses, their members, API keys."""
from datetime import datetime
from enum import StrEnum

from flask_login import UserMixin
from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from marketplace.foundation.db import Base, Versioned, state_column
from marketplace.foundation.ids import new_id


class MemberRole(StrEnum):
    OWNER = "owner"  # Everything, money and members included.
    MANAGER = "manager"  # Bounties, funding and leads.
    AGENT = "agent"  # Leads only.


class User(UserMixin, Versioned, Base):
    """A person who signs in. Referrer, member and admin are hats of the same person."""

    __tablename__ = "users"
    __table_args__ = (CheckConstraint("email = lower(email)", name="email_lower"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("user"))
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    password_hash: Mapped[str]
    jurisdiction: Mapped[str] = mapped_column(default="")  # Whose law counts where they live: US-CA; "" was not said.
    is_admin: Mapped[bool] = mapped_column(default=False)
    email_confirmed_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    # Changed with the password: every session begun before ends.
    session_stamp: Mapped[str] = mapped_column(default=lambda: new_id("stamp"))

    memberships: Mapped[list["Membership"]] = relationship(back_populates="user", order_by="Membership.id")

    @property
    def is_active(self) -> bool:
        return self.closed_at is None

    def get_id(self) -> str:
        """What the session keeps. A new stamp makes it worthless."""
        return f"{self.id}.{self.session_stamp}"

    def role_in(self, business_id: str) -> MemberRole | None:
        return next((m.role for m in self.memberships if m.business_id == business_id), None)


class Business(Versioned, Base):
    __tablename__ = "businesses"

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("biz"))
    name: Mapped[str]
    slug: Mapped[str] = mapped_column(unique=True)
    about: Mapped[str] = mapped_column(default="")
    place: Mapped[str] = mapped_column(default="")
    website: Mapped[str | None]


class Membership(Base):
    __tablename__ = "memberships"
    __table_args__ = (UniqueConstraint("business_id", "user_id"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("member"))
    business_id: Mapped[str] = mapped_column(ForeignKey("businesses.id"))
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    role: Mapped[MemberRole] = state_column(MemberRole)

    user: Mapped[User] = relationship(lazy="raise", back_populates="memberships")
    business: Mapped[Business] = relationship(lazy="joined", innerjoin=True)


class ApiKey(Base):
    """Acts for its owner within its scopes. The secret is shown once and kept only as a hash."""

    __tablename__ = "api_keys"
    __table_args__ = (
        CheckConstraint("(revoked_at IS NULL) = (revoked_by IS NULL)", name="revoked_whole"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("key"))
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    name: Mapped[str]
    prefix: Mapped[str] = mapped_column(unique=True)
    secret_hash: Mapped[str]
    scopes: Mapped[list[str]]
    last_used_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[str | None]
