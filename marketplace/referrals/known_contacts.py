"""Whom a business knew before: its own list, uploaded as hashes. Who was on it before a lead is `already_known`."""
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, func, insert, select

from marketplace.foundation import audit, clock
from marketplace.foundation.db import db, rows_of
from marketplace.foundation.errors import Conflict, require
from marketplace.identity.models import Business, User
from marketplace.identity.permissions import is_manager
from marketplace.referrals.contact_list import ContactList, spellings_of_email, spellings_of_phone
from marketplace.referrals.models import Buyer, KnownContact, Lead, ReasonCode

MOST_KEPT = 500_000  # Hashes of one business.
# Telling at once is telling whose customer somebody is: past this many in a day a moderator says it, in their time.
MOST_TOLD_A_DAY = 3


# Asked for every new lead, so built once.
_KNOWN_SINCE = select(func.min(KnownContact.created_at)).where(
    KnownContact.business_id == bindparam("business_id"), KnownContact.created_at < bindparam("pointed_at"),
    KnownContact.hash.in_(bindparam("spellings", expanding=True)))


class TooManyKnown(Conflict):
    code = "too_many_known"


class ListHasOddRows(Conflict):
    code = "list_has_odd_rows"


@dataclass(frozen=True)
class KnownList:
    """What is kept of a business's list: how many hashes, and from when to when they were uploaded."""

    count: int
    oldest: datetime | None
    newest: datetime | None


@dataclass(frozen=True)
class Taken:
    added: int
    removed: int


def known_list(business_id: str) -> KnownList:
    count, oldest, newest = db.session.execute(select(
        func.count(), func.min(KnownContact.created_at), func.max(KnownContact.created_at))
        .select_from(KnownContact).where(KnownContact.business_id == business_id)).one()
    return KnownList(count, oldest, newest)


def take_contacts(business: Business, contacts: ContactList, *, by: User, replaces: bool) -> Taken:
    """All of it or nothing. Who is on the list already keeps the day on which they first were.

    ListHasOddRows (409) while a row is wrong; TooManyKnown (409) over MOST_KEPT.
    """
    require(is_manager(by, business.id), "upload whom this business knows")
    if contacts.odd_count:
        raise ListHasOddRows(
            "Nothing was taken: some rows cannot be read.", next_step="Correct them in the file, then upload it again.")
    db.session.execute(select(Business.id).where(Business.id == business.id).with_for_update(key_share=True))
    before = set(db.session.scalars(select(KnownContact.hash).where(KnownContact.business_id == business.id)))
    new, gone = contacts.hashes - before, before - contacts.hashes if replaces else set[str]()
    if len(before) + len(new) - len(gone) > MOST_KEPT:
        raise TooManyKnown(f"We keep at most {MOST_KEPT:,} hashes for one business.",
                           next_step="Upload those whom you really know: customers, and people you talk to.")
    _remove(business.id, gone)
    if new:
        now = clock.now()
        db.session.execute(insert(rows_of(KnownContact)), [
            {"business_id": business.id, "hash": one, "created_at": now} for one in sorted(new)])
    audit.record("known_contacts.uploaded", business.id, by=by.id, added=len(new), removed=len(gone))
    return Taken(len(new), len(gone))


def _remove(business_id: str, hashes: set[str]) -> None:
    listed = sorted(hashes)
    for first in range(0, len(listed), 500):
        db.session.execute(delete(KnownContact).where(
            KnownContact.business_id == business_id, KnownContact.hash.in_(listed[first:first + 500])))


def remove_contacts(business: Business, *, by: User) -> int:
    """The whole list; how many hashes it had."""
    require(is_manager(by, business.id), "remove whom this business knows")
    count = known_list(business.id).count
    db.session.execute(delete(KnownContact).where(KnownContact.business_id == business.id))
    audit.record("known_contacts.removed", business.id, by=by.id, removed=count)
    return count


def find_known_since(lead: Lead, buyer: Buyer | None = None) -> datetime | None:
    """When the business first uploaded this lead's buyer; None if that was not before the lead was submitted."""
    buyer = buyer or db.session.get_one(Buyer, lead.buyer_id)
    spellings = {buyer.handle_hash} if buyer.handle_hash else set[str]()
    spellings |= spellings_of_email(buyer.email) if buyer.email else set()
    spellings |= spellings_of_phone(buyer.phone) if buyer.phone else set()
    if not spellings:
        return None
    # Not submitted_at: that moves with every answer and appeal, and a list uploaded meanwhile would count.
    made_at: datetime | None = lead.created_at  # None of one that is not in the database yet.
    pointed_at = clock.now() if made_at is None else made_at
    return db.session.scalar(
        _KNOWN_SINCE, {"business_id": lead.business_id, "spellings": sorted(spellings), "pointed_at": pointed_at})


def is_known_at_once(lead: Lead, buyer: Buyer) -> bool:
    """Whether the referrer of a new lead is told right away. Beyond MOST_TOLD_A_DAY the lead goes its usual way."""
    if find_known_since(lead, buyer) is None:
        return False
    told = db.session.scalar(select(func.count()).select_from(Lead).where(
        Lead.referrer_id == lead.referrer_id, Lead.reason_code == ReasonCode.ALREADY_KNOWN,
        Lead.decided_by == audit.SYSTEM, Lead.decided_at > clock.now() - timedelta(days=1))) or 0
    return told < MOST_TOLD_A_DAY
