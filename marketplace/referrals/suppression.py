"""Never contact me: hashes of addresses, numbers and posts that nobody may point at again, anywhere."""
from sqlalchemy import select

from marketplace.foundation.crypto import keyed_hash
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict
from marketplace.foundation.urls import page_key
from marketplace.referrals.models import Buyer, Lead, Suppression
from marketplace.referrals.queries import find_live_grant

UNDOTTED = frozenset({"gmail.com", "googlemail.com"})  # One mailbox, with or without dots.


class Suppressed(Conflict):
    code = "buyer_asked_not_to"


def plain_email(email: str) -> str:
    """One spelling for all that reach one mailbox: what stands after a plus is only a label."""
    name, _, host = email.strip().lower().rpartition("@")
    name = name.partition("+")[0] or name
    if host in UNDOTTED:
        name, host = name.replace(".", ""), "gmail.com"
    return f"{name}@{host}"


def hash_email(email: str) -> str:
    """One hash for one mailbox."""
    return keyed_hash("buyer-email", plain_email(email))


def is_suppressed(email: str) -> bool:
    """Whether its owner said never."""
    return db.session.get(Suppression, hash_email(email)) is not None


def hash_phone(phone: str) -> str:
    """``phone`` in E.164 form."""
    return keyed_hash("buyer-phone", phone)


def hash_handle(handle: str) -> str:
    """``handle`` as ``foundation/handles.py`` spells it."""
    return keyed_hash("buyer-handle", handle)


def hash_post(url: str) -> str:
    """One hash for all spellings of a page's address."""
    return keyed_hash("post", page_key(url))


def hashes_of(lead: Lead) -> set[str]:
    """Every mark of this buyer and post: also those that an appeal took out of the first-come indexes.

    An address that somebody typed into the buyer's form and nobody confirmed is not theirs.
    """
    buyer = db.session.get_one(Buyer, lead.buyer_id)
    marks = {lead.post_hash, lead.buyer_hash, buyer.handle_hash,
             hash_post(lead.evidence.url) if lead.evidence.url else None}
    grant = find_live_grant(lead)
    if grant is None or grant.confirmed_at:
        marks |= {buyer.email_hash, buyer.phone_hash}
    return {mark for mark in marks if mark}


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
