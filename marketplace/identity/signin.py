"""A person comes back. One answer for a wrong password, an unknown and a closed address."""
from marketplace.foundation.errors import Invalid
from marketplace.identity.models import User
from marketplace.identity.password_rules import hash_password, is_outdated, is_right_password, nobodys_hash
from marketplace.identity.queries import find_user


class BadSignIn(Invalid):
    code = "bad_sign_in"

    def __init__(self) -> None:
        super().__init__("E-mail and password do not fit together.", next_step="Try again, or set a new password.")


def sign_in(email: str, password: str) -> User:
    """The user whose session may begin. Raises BadSignIn, after the same work for everybody."""
    user = find_user(email)
    is_right = is_right_password(password, user.password_hash if user else nobodys_hash())
    if user is None or not is_right or user.closed_at:
        raise BadSignIn
    if is_outdated(user.password_hash):
        user.password_hash = hash_password(password)
    return user
