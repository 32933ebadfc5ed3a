"""Steps that tests of referrals share: each is one verb in one transaction, then a fresh look."""
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import select

from marketplace.bounties.models import Bounty
from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import db, transaction
from marketplace.identity.models import User
from marketplace.payments import ledger
from marketplace.payments.models import AccountKind
from marketplace.referrals.desk.ruling import rule_on_buyers, tell_ruling_now
from marketplace.referrals.desk.telling import tell_now
from marketplace.referrals.models import Acquaintance, Lead
from marketplace.referrals.ownership import Ownership
from marketplace.referrals.pointing import point_at_buyer
from tests.browsing import end_reading

T = TypeVar("T")
PLAIN_QUOTE = "I am in the market for a car"


def do(verb: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """Who acts is in this session, as in a request."""
    if isinstance(by := named.get("by"), User):
        named["by"] = db.session.merge(by, load=False)
    with transaction():
        return verb(*arguments, **named)


def decide(verb: Callable[..., None], lead: Lead, *, by: User, **named: Any) -> None:
    """An admin's decision, told at once: nobody waits whether it is undone."""
    with transaction():
        verb(lead, by=by, **named)
        tell_now(lead, by=by)


def rule(lead: Lead, other: Lead, *, by: User, is_same: bool) -> Ownership | None:
    """One buyer or two, told at once."""
    by = db.session.merge(by, load=False)
    with transaction():
        found = rule_on_buyers(lead, other, by=by, is_same=is_same)
        db.session.flush()
        tell_ruling_now(lead, other, by=by)
        return found


def point(bounty: Bounty, by: User, **given: Any) -> Lead:
    """With a text as evidence unless a ``url`` is given."""
    fields = {"quote": PLAIN_QUOTE, "acquaintance": Acquaintance.ONLINE, "how_known": "I read his blog.", **given}
    if "url" not in fields:
        fields.setdefault("text", "So it is decided. I am in the market for a car, and soon.")
    return do(point_at_buyer, bounty, by=by, **fields)


def again(lead: Lead) -> Lead:
    """The lead as the database has it now."""
    end_reading()
    return db.session.get_one(Lead, lead.id, populate_existing=True)


def actions_on(subject_id: str) -> list[str]:
    end_reading()
    return [event.action for event in db.session.scalars(
        select(AuditEvent).where(AuditEvent.subject_id == subject_id).order_by(AuditEvent.id))]


def holds(kind: AccountKind, owner_id: str, currency: str = "usd") -> int:
    """Smallest units that the ledger keeps there."""
    end_reading()
    return ledger.find_balance(kind, owner_id, currency).minor
