"""A password is forgotten or changed. Either way every session begun before ends."""
from datetime import timedelta

from marketplace.foundation import audit
from marketplace.foundation.db import db
from marketplace.foundation.errors import Invalid
from marketplace.foundation.ids import new_id
from marketplace.identity.confirmation import mark_confirmed
from marketplace.identity.links import dead_link, read_link, write_link
from marketplace.identity.models import User
from marketplace.identity.notices import promise_letter
from marketplace.identity.password_rules import check_password, hash_password, is_right_password
from marketplace.identity.queries import find_user

PURPOSE = "reset_password"
LINK_LASTS = timedelta(hours=1)


class WrongPassword(Invalid):
    code = "wrong_password"

    def __init__(self) -> None:
        said = "This is not your present password."
        super().__init__(said, fields={"current_password": [said]})


def ask_reset(email: str) -> None:
    """Promise a letter if somebody has this address. Says nothing either way."""
    user = find_user(email)
    if user is not None and user.closed_at is None:
        promise_letter("reset_password", user)


def reset_link(user: User) -> str:
    """The token in the link; it dies with the password."""
    return write_link(PURPOSE, user.id, user.session_stamp)


def find_resetting(token: str) -> User:
    """Who may set a new password with this link. Raises DeadLink."""
    user_id, stamp = read_link(PURPOSE, token, lasts=LINK_LASTS)
    user = db.session.get(User, user_id)
    if user is None or user.session_stamp != stamp or user.closed_at:
        raise dead_link("This link was used already, or the password was changed since.")
    return user


def reset_password(token: str, password: str) -> User:
    """Raises DeadLink, WeakPassword. Whoever read the mail has also proven the address."""
    user = find_resetting(token)
    _set_password(user, password, field="password")
    if user.email_confirmed_at is None:
        mark_confirmed(user)
    audit.record("user.password_reset", user.id, by=user.id)
    return user


def change_password(user: User, *, current: str, new: str) -> None:
    """Raises WrongPassword, WeakPassword. The caller's own session needs a new start afterwards."""
    if not is_right_password(current, user.password_hash):
        raise WrongPassword
    _set_password(user, new, field="new_password")
    audit.record("user.password_changed", user.id, by=user.id)


def _set_password(user: User, password: str, *, field: str) -> None:
    check_password(password, email=user.email, name=user.name, field=field)
    user.password_hash = hash_password(password)
    user.session_stamp = new_id("stamp")
    promise_letter("password_changed", user)
