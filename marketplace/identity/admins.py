"""Platform staff are made by a command on the server, never by a form."""
from marketplace.foundation import audit
from marketplace.foundation.errors import NotFound
from marketplace.identity.models import User
from marketplace.identity.queries import find_user


def make_admin(email: str) -> User:
    """Raises NotFound."""
    user = find_user(email)
    if user is None or user.closed_at:
        raise NotFound("Nobody has signed up with this address.", next_step="Sign up first, then run this again.")
    if not user.is_admin:
        user.is_admin = True
        audit.record("user.made_admin", user.id, by=audit.SYSTEM)
    return user
