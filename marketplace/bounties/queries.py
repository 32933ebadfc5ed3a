"""Reads. Every list starts from what this person (or the public: None) may see."""
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import aliased, defaultload

from marketplace.bounties.models import Bounty, BountyState, Terms
from marketplace.bounties.rules import worst_case
from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import db
from marketplace.foundation.errors import NotFound
from marketplace.foundation.money import Money, zero
from marketplace.identity.models import User
from marketplace.payments import ledger
from marketplace.payments.models import AccountKind, Funding, LedgerAccount, Posting

PUBLIC = (BountyState.LIVE, BountyState.PAUSED, BountyState.CLOSED)
BOUNTIES = select(Bounty).options(defaultload(Bounty.terms).selectinload(Terms.rules))  # Lists say what they pay.


def bounties_visible_to(user: User | None) -> Select[Bounty]:
    """Published ones are public; drafts and archived ones belong to the business and the admins."""
    bounties = BOUNTIES
    if user is None:
        return bounties.where(Bounty.state.in_(PUBLIC))
    if user.is_admin:
        return bounties
    own = [membership.business_id for membership in user.memberships]
    return bounties.where(or_(Bounty.state.in_(PUBLIC), Bounty.business_id.in_(own)))


def bounties_by_id(ids: Iterable[str]) -> dict[str, Bounty]:
    """For pages of other packages that hold only an id; whoever calls has asked whether the reader may see them."""
    return {one.id: one for one in db.session.scalars(BOUNTIES.where(Bounty.id.in_(set(ids))))}


def get_bounty(bounty_id: str, *, seen_by: User | None) -> Bounty:
    bounty = db.session.scalar(bounties_visible_to(seen_by).where(Bounty.id == bounty_id))
    if bounty is None:
        raise NotFound("There is no such bounty.", next_step="Look for another one on the board.")
    return bounty


def bounties_of(business_id: str, *, seen_by: User | None) -> list[Bounty]:
    found = bounties_visible_to(seen_by).where(Bounty.business_id == business_id).order_by(Bounty.id.desc())
    return list(db.session.scalars(found))


def find_closing(bounty_id: str) -> datetime | None:
    """When it closed."""
    return db.session.scalar(select(AuditEvent.created_at).where(
        AuditEvent.subject_id == bounty_id, AuditEvent.action == f"bounty.{BountyState.CLOSED}"))


def free_funds_of(bounty: Bounty) -> Money:
    """What is paid in and not reserved for a lead."""
    return ledger.find_balance(AccountKind.FUNDS, bounty.id, bounty.terms.currency)


class Backing(StrEnum):
    """Whether there is money for one more lead: the badge of a bounty."""

    FUNDED = "funded"
    NOT_YET = "not_yet"
    NO_MONEY = "no_money"  # It promises things alone, so none is needed.


def backing_among(bounties: list[Bounty]) -> dict[str, Backing]:
    free = ledger.balances(AccountKind.FUNDS, [bounty.id for bounty in bounties])
    return {b.id: backing_by(free.get(b.id, zero(b.currency)), worst_case(b.terms)) for b in bounties}


def backing_by(free: Money, cost: Money) -> Backing:
    """``cost``: the most that one lead may cost."""
    if not cost.minor:
        return Backing.NO_MONEY
    return Backing.FUNDED if free >= cost else Backing.NOT_YET


def free_among(bounties: list[Bounty]) -> dict[str, Money]:
    """What is paid in and not reserved, by bounty; those with nothing are missing."""
    return ledger.balances(AccountKind.FUNDS, [bounty.id for bounty in bounties])


def reserved_among(bounties: list[Bounty]) -> dict[str, Money]:
    """What is reserved for leads, by bounty; those with nothing are missing.

    A reservation's account belongs to its lead, so it is found through the entry that filled it from the bounty.
    """
    funds, taken, given = aliased(LedgerAccount), aliased(Posting), aliased(Posting)
    total = func.sum(Posting.amount_minor)
    filled = (
        select(funds.owner_id.label("bounty_id"), LedgerAccount.id.label("account_id"), LedgerAccount.currency)
        .join(taken, taken.account_id == funds.id)
        .join(given, given.entry_id == taken.entry_id)
        .join(LedgerAccount, LedgerAccount.id == given.account_id)
        .where(funds.kind == AccountKind.FUNDS, funds.owner_id.in_([bounty.id for bounty in bounties]),
               LedgerAccount.kind == AccountKind.RESERVED)
        .distinct().subquery())
    found = db.session.execute(
        select(filled.c.bounty_id, filled.c.currency, total)
        .join(Posting, Posting.account_id == filled.c.account_id)
        .group_by(filled.c.bounty_id, filled.c.currency).having(total != 0))
    return {bounty_id: Money(int(minor), currency) for bounty_id, currency, minor in found}


def was_ever_funded(bounty: Bounty) -> bool:
    """Also true while a payment is on its way."""
    return db.session.scalar(select(Funding.id).where(Funding.purpose_id == bounty.id).limit(1)) is not None
