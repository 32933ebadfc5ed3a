"""The mailbox is proven: by a link that works once, and only for the address it was sent to."""
from datetime import timedelta

from marketplace.foundation import audit, clock
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict
from marketplace.identity.links import dead_link, read_link, write_link
from marketplace.identity.models import User
from marketplace.identity.notices import promise_letter

PURPOSE = "confirm_email"
LINK_LASTS = timedelta(days=3)


class AlreadyConfirmed(Conflict):
    code = "already_confirmed"

    def __init__(self) -> None:
        super().__init__("This address is confirmed already.", next_step="Nothing is left to do: just sign in.")


def confirmation_link(user: User) -> str:
    """The token in the link; it dies when the address is confirmed or changed."""
    return write_link(PURPOSE, user.id, user.email)


def find_unconfirmed(token: str) -> User:
    """Whose address the link would confirm. Raises DeadLink, AlreadyConfirmed."""
    user_id, email = read_link(PURPOSE, token, lasts=LINK_LASTS)
    user = db.session.get(User, user_id)
    if user is None or user.email != email or user.closed_at:
        raise dead_link("This link belongs to an address that is no longer used here.")
    if user.email_confirmed_at:
        raise AlreadyConfirmed
    return user


def confirm_email(token: str) -> User:
    """The link is the proof, so nobody needs to be signed in. Raises DeadLink, AlreadyConfirmed."""
    user = find_unconfirmed(token)
    mark_confirmed(user)
    return user


def mark_confirmed(user: User) -> None:
    user.email_confirmed_at = clock.now()
    audit.record("user.confirmed", user.id, by=user.id)


def send_confirmation_again(user: User) -> None:
    """Raises AlreadyConfirmed."""
    if user.email_confirmed_at:
        raise AlreadyConfirmed
    promise_letter("confirm_email", user)
