"""The only writer of entries. The database itself refuses what does not balance, changes, or goes below a floor."""
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, func, insert, select
from sqlalchemy.orm import aliased

from marketplace.foundation import clock
from marketplace.foundation.db import db, facts, insert_unless_there, rows_of
from marketplace.foundation.errors import Conflict
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import Money, show_money
from marketplace.payments.ledger_balances import balance as balance
from marketplace.payments.ledger_balances import balances as balances
from marketplace.payments.ledger_balances import count_postings as count_postings
from marketplace.payments.ledger_balances import find_balance as find_balance
from marketplace.payments.ledger_balances import trial_balance as trial_balance
from marketplace.payments.ledger_checks import check_ledger as check_ledger
from marketplace.payments.models import (
    MAY_GO_BELOW_ZERO,
    PLATFORM,
    AccountKind,
    LedgerAccount,
    LedgerEntry,
    Posting,
)
from marketplace.payments.models import Account as Account

Line = tuple[Account, Money]
Link = tuple[int, int]  # An account's latest posting: its number, and the balance after it.
IN_ONE_STATEMENT = 1_000

_later = aliased(Posting)
LOCK = select(LedgerAccount.id).where(LedgerAccount.id.in_(bindparam("ids", expanding=True))).order_by(
    LedgerAccount.id).with_for_update(key_share=True)
FACTS = [LedgerAccount.__table__.c[name] for name in Account._fields]
OWN = select(*FACTS).where(
    LedgerAccount.kind == bindparam("kind"), LedgerAccount.owner_id.in_(bindparam("owners", expanding=True)))
ONE = select(*FACTS).where(LedgerAccount.id == bindparam("id"))
KNOWN = select(LedgerEntry.id, LedgerEntry.reference, LedgerEntry.fingerprint).where(
    LedgerEntry.reference.in_(bindparam("references", expanding=True)))
LAST = select(Posting.account_id, Posting.seq, Posting.balance_after_minor).where(
    Posting.account_id.in_(bindparam("ids", expanding=True)),
    Posting.seq == select(func.max(_later.seq)).where(_later.account_id == Posting.account_id).scalar_subquery())
POSTINGS, ENTRIES = insert(rows_of(Posting)), insert(rows_of(LedgerEntry))
ACCOUNTS = insert(rows_of(LedgerAccount))


@dataclass(frozen=True)
class Movement:
    """What ``post`` takes, for ``post_many``."""

    kind: str
    reference: str
    lines: Sequence[Line]


class NotEnoughMoney(Conflict):
    code = "not_enough_money"


class Unbalanced(ValueError):
    """Lines that do not sum to zero, or mix currencies: a fault of the program, not of its user."""


class ReferenceReused(ValueError):
    """The same reference with other lines: two different movements claim to be one."""


def account(kind: AccountKind, owner_id: str, currency: str) -> Account:
    """Made on first use; when two make it at once, both get the same one."""
    return accounts(kind, {owner_id: currency})[owner_id]


def accounts(kind: AccountKind, owners: Mapping[str, str]) -> dict[str, Account]:
    """By owner, each in the owner's currency (``owners`` says which); the missing ones are made."""
    found = _accounts_of(kind, owners)
    if missing := sorted(owners.keys() - found.keys()):
        now, floor = clock.now(), None if kind in MAY_GO_BELOW_ZERO else 0
        made = facts(insert_unless_there(rows_of(LedgerAccount), *FACTS), [
            {"id": new_id("acct"), "kind": kind, "owner_id": owner, "currency": owners[owner], "floor_minor": floor,
             "created_at": now} for owner in missing])
        found |= {row.owner_id: Account._make(row) for row in made}
        found |= _accounts_of(kind, {owner: owners[owner] for owner in missing if owner not in found})
    return found


def open_accounts(*wanted: tuple[AccountKind, str, str]) -> dict[str, Account]:
    """Of each kind, owner and currency, by owner. Each owner was made in this very transaction, so that nobody else can
    have opened theirs."""
    now = clock.now()
    made = {owner: Account(new_id("acct"), kind, owner, currency, None if kind in MAY_GO_BELOW_ZERO else 0)
            for kind, owner, currency in wanted}
    if made:
        facts(ACCOUNTS, [{**one._asdict(), "created_at": now} for one in made.values()])
    return made


def _accounts_of(kind: AccountKind, owners: Mapping[str, str]) -> dict[str, Account]:
    return {row.owner_id: Account._make(row) for some in batched(sorted(owners))
            for row in facts(OWN, {"kind": kind, "owners": some}) if owners[row.owner_id] == row.currency}


def get_account(account_id: str) -> Account:
    return Account._make(facts(ONE, {"id": account_id}).one())


def clearing(currency: str) -> Account:
    """The platform's balance at Stripe."""
    return account(AccountKind.CLEARING, PLATFORM, currency)


def move(amount: Money, *, source: Account, target: Account, kind: str, reference: str) -> str:
    """``post`` for the plainest case: out of one account, into another."""
    return post([(source, -amount), (target, amount)], kind=kind, reference=reference)


def post(lines: Sequence[Line], *, kind: str, reference: str) -> str:
    """Write one balanced entry and give its id; positive lines raise what we owe to the account's owner.

    The same ``reference`` posts once: a repeat gives the first entry's id, one with other lines is ReferenceReused.
    Lines of nothing are dropped, several for one account are added up. NotEnoughMoney (409) below a floor.
    """
    return post_many([Movement(kind, reference, lines)])[0]


def post_many(movements: Sequence[Movement], *, are_new: bool = False) -> list[str]:
    """``post`` for many at once, each an entry of its own, in a handful of statements; the entries' ids in order.

    They are written in the order given: what one pays in, a later one may take. All or none (the caller's
    transaction ends with the first that is refused). ``are_new``: their references name what this very transaction
    made, so none of them was posted before.
    """
    drafts = [_Draft(one, _merged(one.lines)) for one in movements]
    db.session.flush()
    write = db.session.connection().execute  # Prebuilt statements, past the session: a third of the time.
    floored = sorted({of.id for draft in drafts for of, _ in draft.merged if of.floor_minor is not None})
    if db.engine.dialect.name != "sqlite":  # SQLite has locked the file.
        for ids in batched(floored):
            write(LOCK, {"ids": ids})
    written: dict[str, Mapping[str, Any]] = {
        row.reference: {"id": row.id, "fingerprint": row.fingerprint}
        for references in batched([] if are_new else [one.reference for one in movements])
        for row in write(KNOWN, {"references": references})}
    last: dict[str, Link] = {row.account_id: (row.seq, row.balance_after_minor)
                             for ids in batched(floored) for row in write(LAST, {"ids": ids})}
    postings: list[dict[str, object]] = []
    entries: list[dict[str, object]] = []
    ids_in_order = []
    now = clock.now()
    for draft in drafts:
        reference = draft.movement.reference
        if reference in written:
            ids_in_order.append(_same(written[reference], draft))
            continue
        entry_id = new_id("entry")
        ids_in_order.append(entry_id)
        entries.append({"id": entry_id, "kind": draft.movement.kind, "reference": reference,
                        "fingerprint": draft.fingerprint, "created_at": now})
        written[reference] = entries[-1]
        for of, amount in draft.merged:
            seq = after = None
            if of.floor_minor is not None:
                seq, after = last[of.id] = _next_link(of, amount, *last.get(of.id, (0, 0)))
            postings.append({"entry_id": entry_id, "account_id": of.id, "amount_minor": amount.minor, "seq": seq,
                             "balance_after_minor": after, "created_at": now})
    if entries:
        # Postings first: the entry's own insert checks their sum and seals them (triggers, in the first migration).
        write(POSTINGS, postings)
        write(ENTRIES, entries)
    return ids_in_order


class _Draft:
    """A movement with its lines added up."""

    def __init__(self, movement: Movement, merged: list[Line]) -> None:
        self.movement, self.merged = movement, merged
        self.fingerprint = _fingerprint(movement.kind, merged)


def _same(entry: Mapping[str, Any], draft: _Draft) -> str:
    """The id of the entry with this reference, which must be of these very lines."""
    if entry["fingerprint"] != draft.fingerprint:
        raise ReferenceReused(f"{draft.movement.reference} was posted before with other lines")
    return str(entry["id"])


def _merged(lines: Sequence[Line]) -> list[Line]:
    by_account: dict[str, Line] = {}
    sums: dict[str, int] = {}
    for of, amount in lines:
        if amount.currency != of.currency:
            raise Unbalanced(f"{amount.currency} posted to an account in {of.currency}")
        before = by_account.get(of.id)
        by_account[of.id] = (of, before[1] + amount if before else amount)
        sums[of.currency] = sums.get(of.currency, 0) + amount.minor
    merged = sorted((line for line in by_account.values() if line[1].minor), key=lambda line: line[0].id)
    if any(sums.values()) or len(merged) < 2:
        raise Unbalanced(f"not a movement of money: {sums}, {len(merged)} accounts")
    return merged


def _fingerprint(kind: str, merged: Sequence[Line]) -> str:
    said = json.dumps([kind, [[of.id, amount.minor] for of, amount in merged]])
    return hashlib.sha256(said.encode()).hexdigest()


def _next_link(of: Account, amount: Money, seq: int, before: int) -> Link:
    """The account's chain goes on. Those without a floor have none: they would serialise everything."""
    assert of.floor_minor is not None
    after = before + amount.minor
    if amount.minor < 0 and after < of.floor_minor:
        raise NotEnoughMoney(
            f"Only {show_money(Money(before, of.currency))} is there, and {show_money(-amount)} is needed.",
            next_step="Add funds, or choose a smaller amount.")
    return seq + 1, after


def batched(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    """As many as one statement's list of values may hold."""
    for start in range(0, len(keys), IN_ONE_STATEMENT):
        yield keys[start:start + IN_ONE_STATEMENT]
