"""The only writer of entries. The database itself refuses what does not balance, changes, or goes below a floor."""
import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import cast

from sqlalchemy import Table, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import Money, show_money, zero
from marketplace.payments.ledger_checks import check_ledger as check_ledger
from marketplace.payments.models import MAY_GO_BELOW_ZERO, PLATFORM, AccountKind, LedgerAccount, LedgerEntry, Posting

Line = tuple[LedgerAccount, Money]


class NotEnoughMoney(Conflict):
    code = "not_enough_money"


class Unbalanced(ValueError):
    """Lines that do not sum to zero, or mix currencies: a fault of the program, not of its user."""


class ReferenceReused(ValueError):
    """The same reference with other lines: two different movements claim to be one."""


def account(kind: AccountKind, owner_id: str, currency: str) -> LedgerAccount:
    """Made on first use; when two make it at once, both get the same one."""
    wanted = select(LedgerAccount).filter_by(kind=kind, owner_id=owner_id, currency=currency)
    found = db.session.scalar(wanted)
    if found is None:
        floor = None if kind in MAY_GO_BELOW_ZERO else 0
        plain = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
        made = plain(LedgerAccount).values(kind=kind, owner_id=owner_id, currency=currency, floor_minor=floor)
        db.session.execute(made.on_conflict_do_nothing())
        found = db.session.scalars(wanted).one()
    return found


def clearing(currency: str) -> LedgerAccount:
    """The platform's balance at Stripe."""
    return account(AccountKind.CLEARING, PLATFORM, currency)


def move(amount: Money, *, source: LedgerAccount, target: LedgerAccount, kind: str, reference: str) -> LedgerEntry:
    """``post`` for the plainest case: out of one account, into another."""
    return post([(source, -amount), (target, amount)], kind=kind, reference=reference)


def post(lines: Sequence[Line], *, kind: str, reference: str) -> LedgerEntry:
    """Write one balanced entry; positive lines raise what we owe to the account's owner.

    The same ``reference`` posts once: a repeat gives the first entry back, one with other lines is ReferenceReused.
    Lines of nothing are dropped, several for one account are added up. NotEnoughMoney (409) below a floor.
    """
    merged = _merged(lines)
    fingerprint = _fingerprint(kind, merged)
    _lock(merged)
    known = db.session.scalar(select(LedgerEntry).filter_by(reference=reference))
    if known is not None:
        if known.fingerprint != fingerprint:
            raise ReferenceReused(f"{reference} was posted before with other lines")
        return known
    entry = LedgerEntry(id=new_id("entry"), kind=kind, reference=reference, fingerprint=fingerprint)
    # Postings first: the entry's own insert checks their sum and seals them (triggers, in the first migration).
    db.session.execute(insert(cast("Table", Posting.__table__)), [
        {"entry_id": entry.id, "account_id": of.id, "amount_minor": amount.minor} | _link(of, amount)
        for of, amount in merged
    ])
    db.session.add(entry)
    db.session.flush()
    return entry


def _merged(lines: Sequence[Line]) -> list[Line]:
    by_account: dict[str, Line] = {}
    sums: dict[str, int] = {}
    for of, amount in lines:
        if amount.currency != of.currency:
            raise Unbalanced(f"{amount.currency} posted to an account in {of.currency}")
        _, before = by_account.get(of.id, (of, zero(of.currency)))
        by_account[of.id] = (of, before + amount)
        sums[of.currency] = sums.get(of.currency, 0) + amount.minor
    merged = sorted((line for line in by_account.values() if line[1].minor), key=lambda line: line[0].id)
    if any(sums.values()) or len(merged) < 2:
        raise Unbalanced(f"not a movement of money: {sums}, {len(merged)} accounts")
    return merged


def _fingerprint(kind: str, merged: Sequence[Line]) -> str:
    said = json.dumps([kind, [[of.id, amount.minor] for of, amount in merged]])
    return hashlib.sha256(said.encode()).hexdigest()


def _lock(merged: Sequence[Line]) -> None:
    """In one order everywhere, so that two entries never wait for each other in a circle. (SQLite locks the file.)"""
    floored = [of.id for of, _ in merged if of.floor_minor is not None]
    db.session.execute(
        select(LedgerAccount.id).where(LedgerAccount.id.in_(floored)).order_by(LedgerAccount.id).with_for_update())


def _link(of: LedgerAccount, amount: Money) -> dict[str, int | None]:
    """The next link of the account's chain. Accounts without a floor have none: they would serialise everything."""
    if of.floor_minor is None:
        return {"seq": None, "balance_after_minor": None}
    seq, before = _last_link(of)
    after = before + amount.minor
    if amount.minor < 0 and after < of.floor_minor:
        raise NotEnoughMoney(
            f"Only {show_money(Money(before, of.currency))} is there, and {show_money(-amount)} is needed.",
            next_step="Add funds, or choose a smaller amount.")
    return {"seq": seq + 1, "balance_after_minor": after}


def count_postings(of: LedgerAccount) -> int:
    """How often money moved in or out of an account with a floor: numbers movements that may come again."""
    return _last_link(of)[0]


def _last_link(of: LedgerAccount) -> tuple[int, int]:
    last = db.session.execute(
        select(Posting.seq, Posting.balance_after_minor).filter_by(account_id=of.id)
        .order_by(Posting.seq.desc()).limit(1)).one_or_none()
    return (last.seq, last.balance_after_minor) if last else (0, 0)


def balance(of: LedgerAccount) -> Money:
    """Above zero: we owe it. Below: it is ours, or kept for us."""
    if of.floor_minor is not None:
        return Money(_last_link(of)[1], of.currency)
    total = db.session.scalar(select(func.sum(Posting.amount_minor)).filter_by(account_id=of.id))
    return Money(int(total or 0), of.currency)


def find_balance(kind: AccountKind, owner_id: str, currency: str) -> Money:
    """Zero where there is no such account yet; makes none."""
    found = db.session.scalar(select(LedgerAccount).filter_by(kind=kind, owner_id=owner_id, currency=currency))
    return balance(found) if found else zero(currency)


def balances(kind: AccountKind, owner_ids: Iterable[str]) -> dict[str, Money]:
    """Owners with money of this kind, in one query. An owner has one currency; nothing is added across two."""
    total = func.sum(Posting.amount_minor)
    found = db.session.execute(
        select(LedgerAccount.owner_id, LedgerAccount.currency, total)
        .join(Posting, Posting.account_id == LedgerAccount.id)
        .where(LedgerAccount.kind == kind, LedgerAccount.owner_id.in_(list(owner_ids)))
        .group_by(LedgerAccount.owner_id, LedgerAccount.currency).having(total != 0))
    return {owner_id: Money(int(minor), currency) for owner_id, currency, minor in found}


def trial_balance() -> list[tuple[AccountKind, str, int]]:
    """(kind, currency, minor) of everything; adds up to nothing per currency."""
    found = db.session.execute(
        select(LedgerAccount.kind, LedgerAccount.currency, func.sum(Posting.amount_minor))
        .join(Posting, Posting.account_id == LedgerAccount.id)
        .group_by(LedgerAccount.kind, LedgerAccount.currency)
        .order_by(LedgerAccount.currency, LedgerAccount.kind))
    return [(kind, currency, int(minor)) for kind, currency, minor in found]
