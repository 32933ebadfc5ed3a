"""Many reports at once: what can be nobody's, the most of a long file, is kept by a statement a table.

The others go the way of ``intake``, one after the other, by the same rules. That a report is nobody's is found by what
``resolving`` would look up for it: no link, no code, no lead, no customer who is bound; and no order of that id is
counted.
"""
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, select

from marketplace.foundation import clock
from marketplace.foundation.by_query import among
from marketplace.foundation.db import db
from marketplace.foundation.ids import new_ids
from marketplace.foundation.rows_at_once import keeper, write_at_once
from marketplace.referrals.contact_list import spellings_of_email
from marketplace.referrals.models import Buyer, Conversion, ConversionSource, KnownContact, Lead
from marketplace.referrals.suppression import hash_email
from marketplace.tracking.attribution import attribute
from marketplace.tracking.click_ids import read_click
from marketplace.tracking.intake import NOBODY
from marketplace.tracking.links import MISREAD, key_of
from marketplace.tracking.models import Binding, ReferralLink, Report, ReportKind, ReportState
from marketplace.tracking.reported import Reported, fingerprint_of, hash_customer

REPORTS = ("id", "business_id", "source", "external_id", "fingerprint", "kind", "state", "amount_minor", "currency",
           "happened_at", "customer_hash", "email_hash", "known_since", "code", "payload", "reported_by", "reason",
           "reasons", "created_at", "version")
TRAIL = ("id", "actor_id", "action", "subject_id", "details", "created_at")
WHY_NOBODYS = attribute((), (), None, {}, at=datetime(2000, 1, 1, tzinfo=UTC)).reasons  # In the words of who decides.
FEW = 2_000  # Marks of a business that are held while a part is looked at; of more, each is looked up.
NEEDS_NO_SALE = frozenset({ReportKind.SALE, ReportKind.RENEWAL, ReportKind.SIGN_UP, ReportKind.LEAD})


class Marked:
    """A report with the marks by which its customer is looked up: made when somebody asks for them."""

    __slots__ = ("_business_id", "_customer", "_email", "said")

    def __init__(self, business_id: str, said: Reported) -> None:
        self.said = said
        self._business_id = business_id
        self._customer = self._email = ""

    @property
    def customer_hash(self) -> str | None:
        if not self.said.customer:
            return None
        self._customer = self._customer or hash_customer(self._business_id, self.said.customer)
        return self._customer

    @property
    def email_hash(self) -> str | None:
        if not self.said.email:
            return None
        self._email = self._email or hash_email(self.said.email)
        return self._email

    @property
    def may_be_ones(self) -> bool:
        """It names a lead, or a click of ours; or needs a sale that is known."""
        said = self.said
        is_clicked = said.click is not None and read_click(said.click) is not None
        return is_clicked or said.lead_id is not None or said.kind not in NEEDS_NO_SALE


Marks = frozenset[str]


@dataclass(frozen=True)
class World:
    """What there is at this business that a report could lead to. None: too much to be held, so it is looked up."""

    business_id: str
    customers: Marks | None
    emails: Marks | None
    orders: Marks | None
    has_known: bool

    @property
    def knows_customers(self) -> bool:
        return self.customers is None or self.emails is None or bool(self.customers or self.emails)


def look_around(business_id: str) -> World:
    def few(*statements: Select[Any]) -> Marks | None:
        found: set[str] = set()
        for statement in statements:
            some = db.session.scalars(statement.limit(FEW + 1)).all()
            if len(some) > FEW:
                return None
            found |= {one for one in some if one}
        return frozenset(found)

    own = Binding.business_id == business_id
    has_known = db.session.scalar(select(1).where(KnownContact.business_id == business_id).limit(1)) is not None
    return World(
        business_id, few(select(Binding.customer_hash).where(own)),
        few(select(Binding.email_hash).where(own), select(Buyer.email_hash).join(Lead, Lead.buyer_id == Buyer.id).where(
            Lead.business_id == business_id)),
        few(select(Conversion.external_id).where(
            Conversion.business_id == business_id, Conversion.source.in_(list(ConversionSource)))), has_known)


def find_known(business_id: str, source: ConversionSource, external_ids: Collection[str]) -> set[str]:
    """Those that this source reported before."""
    return set(db.session.scalars(select(Report.external_id).where(
        Report.business_id == business_id, Report.source == source, among(Report.external_id, external_ids))))


def part_nobodys(world: World, many: Sequence[Marked]) -> tuple[list[Marked], list[Marked]]:
    """Those that are nobody's, and those that may be somebody's, both in their order."""
    ones = {one.said.external_id for one in many if one.may_be_ones}
    ones |= _with_a_code(many) | _counted(world, many) | _of_the_known(world, many)
    grown = 0
    while len(ones) != grown:  # What one of them brings along may be the others', if they are of one customer.
        grown = len(ones)
        marks = {mark for one in many if one.said.external_id in ones for mark in (one.customer_hash, one.email_hash)
                 if mark}
        ones |= {one.said.external_id for one in many if one.customer_hash in marks or one.email_hash in marks}
    return ([one for one in many if one.said.external_id not in ones],
            [one for one in many if one.said.external_id in ones])


def keep_unmatched(world: World, many: Iterable[Marked], *, source: ConversionSource, by: str) -> None:
    """Kept, and asked again when a lead or a click arrives: as ``intake`` keeps it, with an audit row."""
    kept, as_kept = list(many), keeper()
    now, why, ids = as_kept(clock.now()), json.dumps(list(WHY_NOBODYS)), new_ids("report", len(kept))
    details = json.dumps({"was": ReportState.RECEIVED, "reason": NOBODY, "source": source})
    known = _known_since(world, kept)
    write_at_once("reports", REPORTS, (
        (report_id, world.business_id, source.value, one.said.external_id, fingerprint_of(one.said),
         one.said.kind.value, ReportState.UNMATCHED.value, one.said.amount.minor if one.said.amount else None,
         one.said.amount.currency if one.said.amount else None, as_kept(one.said.at) if one.said.at else now,
         one.customer_hash, one.email_hash, known.get(one.said.email or ""), one.said.code, json.dumps(one.said.raw),
         by, NOBODY, why, now, 1)
        for report_id, one in zip(ids, kept, strict=True)))
    write_at_once("audit_events", TRAIL, (
        (audit_id, by, "report.unmatched", report_id, details, now)
        for audit_id, report_id in zip(new_ids("audit", len(kept)), ids, strict=True)))


def _known_since(world: World, many: Sequence[Marked]) -> dict[str, str]:
    """Addresses on the business's own list, to when they came onto it."""
    if not world.has_known:
        return {}
    spelled = {spelling: one.said.email for one in many if one.said.email
               for spelling in spellings_of_email(one.said.email)}
    rows = db.session.execute(select(KnownContact.hash, KnownContact.created_at).where(
        KnownContact.business_id == world.business_id, among(KnownContact.hash, spelled)))
    found: dict[str, str] = {}
    as_kept = keeper()
    for spelling, since in rows:
        email = spelled[spelling]
        found[email] = min(found.get(email, as_kept(since)), as_kept(since))
    return found


def _with_a_code(many: Sequence[Marked]) -> set[str]:
    """That may be a link's, however it was said. Whose it is, ``intake`` finds out."""
    keys: dict[str, set[str]] = {}
    of_code: dict[str, set[str]] = {}
    for one in many:
        if one.said.code:
            of_code.setdefault(one.said.code, set()).add(one.said.external_id)
    for code, ids in of_code.items():
        if key := key_of(code):
            keys[key] = keys.get(key, set()) | ids
    if not keys:
        return set()
    codes = {key.lower().translate(MISREAD): key for key in keys}
    found = set(db.session.scalars(select(ReferralLink.spoken_key).where(among(ReferralLink.spoken_key, keys))))
    found |= {codes[code] for code in db.session.scalars(
        select(ReferralLink.code).where(among(ReferralLink.code, codes)))}
    return {external_id for key in found for external_id in keys[key]}


def _counted(world: World, many: Sequence[Marked]) -> set[str]:
    """Whose order is counted already, by whichever way it came."""
    ids = {one.said.external_id for one in many}
    if world.orders is not None:
        return ids & world.orders
    return set(db.session.scalars(select(Conversion.external_id).where(
        Conversion.business_id == world.business_id, Conversion.source.in_(list(ConversionSource)),
        among(Conversion.external_id, ids))))


def _of_the_known(world: World, many: Sequence[Marked]) -> set[str]:
    """Whose customer is bound, or was pointed out at this business."""
    if not world.knows_customers:
        return set()
    customers, emails = world.customers, world.emails
    if customers is None:
        customers = _asked(Binding.customer_hash, (one.customer_hash for one in many),
                           Binding.business_id == world.business_id)
    if emails is None:
        wanted = {one.email_hash for one in many}
        emails = _asked(Binding.email_hash, wanted, Binding.business_id == world.business_id) | _asked(
            Buyer.email_hash, wanted, Lead.buyer_id == Buyer.id, Lead.business_id == world.business_id)
    return {one.said.external_id for one in many if one.customer_hash in customers or one.email_hash in emails}


def _asked(column: Any, marks: Iterable[str | None], *which: ColumnElement[bool]) -> Marks:
    return frozenset(filter(None, db.session.scalars(select(column).where(among(column, marks), *which))))
