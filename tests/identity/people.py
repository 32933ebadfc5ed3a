"""People and businesses for the tests of identity; name only what the test is about."""
from itertools import count
from typing import Any

from marketplace.foundation import clock
from marketplace.foundation.db import db, transaction
from marketplace.identity.businesses import found_business
from marketplace.identity.models import Business, MemberRole, Membership, User
from marketplace.identity.password_rules import hash_password
from tests.browsing import end_reading

PASSWORD = "correct horse battery staple"
_HASH = hash_password(PASSWORD)
serial = count(1)


def make_person(name: str = "Ana Silva", *, is_confirmed: bool = True, **given: Any) -> User:
    number = next(serial)
    fields = {"email": f"person{number}@example.com", "password_hash": _HASH, **given}
    with transaction():
        user = User(name=name, email_confirmed_at=clock.now() if is_confirmed else None, **fields)
        db.session.add(user)
    return user


def make_business(owner: User, name: str = "Westside Auto", **given: Any) -> Business:
    with transaction():
        return found_business(name, **given, by=owner)


def make_member(business: Business, role: MemberRole, name: str = "Mo Reyes") -> tuple[User, Membership]:
    user = make_person(name)
    with transaction():
        member = Membership(business_id=business.id, user_id=user.id, role=role)
        db.session.add(member)
    end_reading()
    return user, member
