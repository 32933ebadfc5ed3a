"""A person signs up. Whether an address is known here is told to its mailbox alone."""
from sqlalchemy.exc import IntegrityError

from marketplace.foundation import audit
from marketplace.foundation.db import db, violates
from marketplace.identity.models import User
from marketplace.identity.notices import promise_letter
from marketplace.identity.password_rules import check_password, hash_password
from marketplace.identity.queries import find_user


def sign_up(name: str, email: str, password: str) -> User | None:
    """None if the address is taken: the page answers alike, the letter differs. Raises WeakPassword."""
    email = email.strip().lower()
    check_password(password, email=email, name=name)
    user = User(name=name, email=email, password_hash=hash_password(password))  # Hashed either way: equal time.
    known = find_user(email)
    if known is None and _is_first(user):
        audit.record("user.signed_up", user.id, by=user.id)
        promise_letter("confirm_email", user)
        return user
    known = known or find_user(email)
    if known is not None and known.closed_at is None:
        promise_letter("already_registered", known)
    return None


def _is_first(user: User) -> bool:
    """Two forms sent at once: the unique address decides, and the second one hears what any later one does."""
    try:
        with db.session.begin_nested():
            db.session.add(user)
    except IntegrityError as error:
        if violates(error, "users_email_key", "users.email"):
            return False
        raise
    return True
