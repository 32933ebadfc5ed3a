"""What somebody says that happened at a business: checked, marked, and told from the same id with another body."""
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy import bindparam, select

from marketplace.foundation import clock
from marketplace.foundation.crypto import keyed_hash
from marketplace.foundation.db import facts
from marketplace.foundation.errors import Conflict, Invalid
from marketplace.foundation.money import CURRENCIES, LARGEST_MINOR, Money, plain_amount
from marketplace.referrals.contact_list import spellings_of_email
from marketplace.referrals.models import ConversionSource, KnownContact
from marketplace.referrals.suppression import hash_email
from marketplace.tracking.click_ids import Click, read_click
from marketplace.tracking.models import Report, ReportKind

LONGEST_ID = 200
AHEAD = timedelta(minutes=10)  # A clock that is a little fast.
SOMEWHERE_STILL_THAT_DAY = timedelta(hours=36)  # Of a day without an hour: until it is over everywhere.
OLDEST = timedelta(days=3 * 365)
WITH_AMOUNT = frozenset({ReportKind.SALE, ReportKind.RENEWAL, ReportKind.REFUND})
KNOWN_SINCE = select(KnownContact.hash, KnownContact.created_at).where(
    KnownContact.business_id == bindparam("business_id"),
    KnownContact.hash.in_(bindparam("spellings", expanding=True)))
IN_ONE_STATEMENT = 1_000


class ReportedOtherwise(Conflict):
    """The same id from the same source, with another body."""

    code = "external_id_reused"


@dataclass(frozen=True, kw_only=True)
class Reported:
    """``external_id`` is the business's own name for it; each counts once for a source.

    ``amount`` is without taxes and shipping. ``customer`` is the business's own id for whoever bought: it and ``email``
    are scrambled at once and never kept. ``click`` is the signed id that came along in the address, ``code`` what the
    customer said. Where only the click says who it is, it is the customer's mark. ``refund_of`` is the external id of
    the sale or the renewal. ``raw`` is kept as it is: nothing that names a person belongs there. ``at`` unsaid is now.
    """

    external_id: str
    kind: ReportKind
    amount: Money | None = None
    at: datetime | None = None
    customer: str | None = None
    email: str | None = None
    click: str | None = None
    code: str | None = None
    lead_id: str | None = None
    refund_of: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)


def check_reported(said: Reported) -> None:
    """Invalid (422), with the fields at fault. What is wrong here is wrong whoever's it is, so nothing is kept."""
    wrong: dict[str, list[str]] = {}
    if not said.external_id.strip() or len(said.external_id) > LONGEST_ID:
        wrong["external_id"] = [f"Your own id for it, at most {LONGEST_ID} characters."]
    if said.kind in WITH_AMOUNT:
        wrong |= _wrong_amount(said.amount)
    elif said.amount is not None:
        wrong["amount"] = ["Only a sale, a renewal or a refund has an amount."]
    if (said.kind is ReportKind.REFUND) != bool(said.refund_of):
        wrong["refund_of"] = ["The external id of the sale or the renewal, of a refund alone."]
    if said.at is not None and not clock.now() - OLDEST <= said.at <= clock.now() + AHEAD:
        wrong["at"] = ["A time in the last three years, with its zone, and not in the future."]
    if wrong:
        raise Invalid("Some fields need attention.", next_step="Correct them and send it again.", fields=wrong)


def _wrong_amount(amount: Money | None) -> dict[str, list[str]]:
    if amount is None:
        return {"amount": ["What they paid, without taxes and shipping."]}
    if amount.currency not in CURRENCIES:
        return {"currency": ["We do not handle this currency yet."]}
    if amount.minor <= 0:
        return {"amount": ["More than zero. For a trial that costs nothing report a sign_up."]}
    return {"amount": ["More than we can handle at once."]} if amount.minor > LARGEST_MINOR else {}


def columns_of(
    business_id: str, said: Reported, *, source: ConversionSource, by: str, known: Mapping[str, datetime] | None = None
) -> dict[str, Any]:
    """What is kept of it: marks instead of names. ``known``: by address, where many are looked up at once."""
    if known is None:
        known = known_since(business_id, [said.email] if said.email else [])
    click = read_click(said.click) if said.click else None
    click_mark = hash_click(business_id, str(said.click)) if click else None
    now = clock.now()
    at = min(said.at, now) if said.at else now
    return {
        "business_id": business_id, "source": source, "external_id": said.external_id, "kind": said.kind,
        "fingerprint": fingerprint_of(said), "amount_minor": said.amount.minor if said.amount else None,
        "currency": said.amount.currency if said.amount else None, "happened_at": at,
        "customer_hash": _customer_mark(business_id, said, click_mark), "click_hash": click_mark,
        "email_hash": hash_email(said.email) if said.email else None,
        "known_since": known.get(said.email) if said.email else None,
        "link_code": click.link_code if click else None, "clicked_at": _clicked_at(click, at) if click else None,
        "code": said.code.strip()[:100] if said.code else None, "lead_said": said.lead_id, "refund_of": said.refund_of,
        "payload": dict(said.raw), "reported_by": by, "reason": None, "reasons": []}


def _customer_mark(business_id: str, said: Reported, click_mark: str | None) -> str | None:
    """Of whom nothing is told but a click, it is known by that click: one visit is one customer."""
    if said.customer:
        return hash_customer(business_id, said.customer)
    return None if said.email else click_mark


def own_id(customer_hash: str | None, click_hash: str | None) -> str | None:
    """The mark of the business's own id for them, unless a click stands in its place."""
    return customer_hash if customer_hash != click_hash else None


def _clicked_at(click: Click, at: datetime) -> datetime:
    """Two clocks differ a little, and a file says a day without an hour. A click after that came after the sale."""
    is_day_alone = at.timetz().replace(tzinfo=None) == time(0)
    return min(click.at, at) if click.at <= at + (SOMEWHERE_STILL_THAT_DAY if is_day_alone else AHEAD) else click.at


def fingerprint_of(said: Reported) -> str:
    """Keyed, so that nobody can guess an address from it."""
    amount = [plain_amount(said.amount), said.amount.currency] if said.amount else None
    return keyed_hash("reported", json.dumps([
        said.kind, amount, said.at.isoformat() if said.at else None, said.customer, said.email, said.click, said.code,
        said.lead_id, said.refund_of]))


def check_same(known: Report, said: Reported) -> None:
    """ReportedOtherwise (409) where another body was kept under this id."""
    if known.fingerprint != fingerprint_of(said):
        raise ReportedOtherwise(
            "This external id was reported before, with other facts.",
            next_step="Give each event its own id; to correct one, report a refund, or write to us.")


def hash_customer(business_id: str, customer: str) -> str:
    """Of one business alone: the same id elsewhere is somebody else."""
    return keyed_hash("customer", f"{business_id} {customer.strip()}")


def hash_click(business_id: str, click: str) -> str:
    return keyed_hash("customer by click", f"{business_id} {click}")


def known_since(business_id: str, emails: Sequence[str]) -> dict[str, datetime]:
    """Of each address when the business first put it on its own list; those that never were are left out."""
    spelled: dict[str, set[str]] = {}
    for email in emails:
        for hashed in spellings_of_email(email):
            spelled.setdefault(hashed, set()).add(email)
    hashes, found = sorted(spelled), dict[str, datetime]()
    for start in range(0, len(hashes), IN_ONE_STATEMENT):
        for row in facts(KNOWN_SINCE, {
                "business_id": business_id, "spellings": hashes[start:start + IN_ONE_STATEMENT]}):
            for email in spelled[row.hash]:
                found[email] = min(row.created_at, found.get(email, row.created_at))
    return found
