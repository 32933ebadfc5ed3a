"""Never contact me: hashes of addresses, numbers and posts that nobody may point at again, anywhere."""
from sqlalchemy import select

from marketplace.foundation.crypto import keyed_hash
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict
from marketplace.foundation.urls import page_key
from marketplace.referrals.models import Suppression


class Suppressed(Conflict):
    code = "buyer_asked_not_to"


def hash_email(email: str) -> str:
    return keyed_hash("buyer-email", email.strip().lower())


def hash_phone(phone: str) -> str:
    """``phone`` in E.164 form."""
    return keyed_hash("buyer-phone", phone)


def hash_post(url: str) -> str:
    """One hash for all spellings of a page's address."""
    return keyed_hash("post", page_key(url))


def suppress(*hashes: str | None) -> None:
    for value in filter(None, hashes):
        if db.session.get(Suppression, value) is None:
            db.session.add(Suppression(hash=value))


def refuse_suppressed(*hashes: str | None) -> None:
    wanted = [value for value in hashes if value]
    if wanted and db.session.scalar(select(Suppression.hash).where(Suppression.hash.in_(wanted)).limit(1)):
        raise Suppressed(
            "We cannot take this one: the person behind it asked not to be pointed at.",
            next_step="Please respect that. There are other buyers to help.")
