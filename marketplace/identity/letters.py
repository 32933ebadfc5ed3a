"""The mails about somebody's own sign-in and businesses. Written when sent, so that they say what is true then.

A letter that no longer applies when its turn comes is not sent: the function answers an empty list.
"""
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from marketplace.foundation.db import db
from marketplace.foundation.letters import compose, public_url
from marketplace.foundation.mail import Mail
from marketplace.identity import confirmation, passwords
from marketplace.identity.models import Membership, User


def confirm_email(*, user_id: str, asked: str) -> list[Mail]:
    user = db.session.get_one(User, user_id)
    if user.email_confirmed_at or user.closed_at:
        return []
    return [compose(
        user.email, "Please confirm your e-mail address",
        "You joined Fingerpost with this address. Please confirm that it is yours. "
        f"The link works for {_say(confirmation.LINK_LASTS)}; until then you can look around, but not point or post.",
        name=user.name, action=("Confirm my address", public_url(f"/confirm/{confirmation.confirmation_link(user)}")),
        why="You get this mail because somebody joined with this address. If that was not you, do nothing.")]


def already_registered(*, user_id: str, asked: str) -> list[Mail]:
    """For somebody who tried to join with an address that has joined: only the mailbox learns of it."""
    user = db.session.get_one(User, user_id)
    return [] if user.closed_at else [compose(
        user.email, "You have joined Fingerpost already",
        "Somebody, probably you, tried to join Fingerpost with this address. You have joined already, so just sign in:",
        public_url("/sign-in"),
        f"If you forgot your password, set a new one. The link works for {_say(passwords.LINK_LASTS)}, and once.",
        name=user.name, action=("Set a new password", _reset_url(user)),
        why="You get this mail because somebody typed your address. If that was not you, nothing has changed.")]


def reset_password(*, user_id: str, asked: str) -> list[Mail]:
    user = db.session.get_one(User, user_id)
    return [] if user.closed_at else [compose(
        user.email, "Set a new password",
        f"with this link you set a new password. It works for {_say(passwords.LINK_LASTS)}, and once. "
        "Wherever you are signed in, you will be signed out.",
        name=user.name, action=("Set a new password", _reset_url(user)),
        why="You get this mail because somebody asked for it. If that was not you, your password stays as it is.")]


def password_changed(*, user_id: str, asked: str) -> list[Mail]:
    user = db.session.get_one(User, user_id)
    return [compose(
        user.email, "Your password was changed",
        "Your password was just changed, and every other sign-in of yours has ended. If that was you, all is well.",
        "If it was not, set a new password at once.",
        name=user.name, action=("That was not me", public_url("/forgot")),
        why="You get this mail whenever your password changes.")]


def member_added(*, membership_id: str) -> list[Mail]:
    member = db.session.scalar(
        select(Membership).options(joinedload(Membership.user)).where(Membership.id == membership_id))
    if member is None:
        return []
    return [compose(
        member.user.email, f"You are a member of {member.business.name} now",
        f"You are a member of {member.business.name} on Fingerpost now, as {member.role.value}. "
        "You can look at it, or leave it again.",
        name=member.user.name, action=("Look at it", public_url(f"/businesses/{member.business_id}/members")),
        why=f"You get this mail because an owner of {member.business.name} added you.")]


def _reset_url(user: User) -> str:
    return public_url(f"/reset/{passwords.reset_link(user)}")


def _say(span: timedelta) -> str:
    hours = int(span.total_seconds()) // 3600
    return f"{hours // 24} days" if hours > 24 else "one hour" if hours == 1 else f"{hours} hours"


LETTERS: dict[str, Callable[..., list[Mail]]] = {
    "confirm_email": confirm_email,
    "already_registered": already_registered,
    "reset_password": reset_password,
    "password_changed": password_changed,
    "member_added": member_added,
}
