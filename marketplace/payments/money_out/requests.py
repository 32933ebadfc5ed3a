"""From owed to requested: any number of transfers at once, in the same few statements whether for one payee or many."""
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, func, insert, select, union_all

from marketplace.foundation import audit, by_query, clock, outbox
from marketplace.foundation.db import db, rows_of
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import Money, main_units, whole_part
from marketplace.payments import ledger, sending
from marketplace.payments.ledger_by_query import post_each
from marketplace.payments.models import (
    AccountKind,
    BatchLine,
    ConnectedAccount,
    LedgerAccount,
    Payable,
    PayableState,
    PayeeState,
    Transfer,
    TransferState,
)
from marketplace.payments.money_out import stops
from marketplace.payments.money_out.countries import NOT_CONVERTED
from marketplace.payments.money_out.lifecycle import keep_in_transfers, put_in_transfers

MINIMUM_UNITS = 10  # Main units of the currency; less waits for more.
OPEN = (TransferState.REQUESTED, TransferState.SENDING)
# Our own balance at Stripe grows as charges become available; anything else a person has to look at.
RETRY_AFTER = {"balance_insufficient": timedelta(hours=1)}
RETRY_OTHERWISE = timedelta(days=1)
NOT_READY = "payee_not_ready"
STOPPED = "stopped"

Key = tuple[str, str, str]  # Payee, business, currency: never more than one open transfer of each.


class Group(NamedTuple):
    """What one transfer would take: payables, locked, which nobody takes away before this transaction ends."""

    key: Key
    total: Money
    owed: Sequence[str]


@dataclass(frozen=True)
class Destination:
    stripe_account_id: str
    currency: str  # The account's own.


def minimum_transfer(currency: str) -> Money:
    return main_units(MINIMUM_UNITS, currency)


def lock_owed(*wanted: ColumnElement[bool]) -> list[Group]:
    """What is owed, is not stopped and fits ``wanted``, a group for each transfer; payables locked in one order.

    ``wanted`` may speak of Payable and, for a batch, of its lines.
    """
    locked = (
        select(Payable.payee_id, Payable.business_id, Payable.currency, Payable.id, Payable.amount_minor)
        .where(Payable.state == PayableState.OWED, Payable.amount_minor > 0, ~stops.is_stopped(), *wanted)
        .order_by(Payable.payee_id, Payable.business_id, Payable.currency, Payable.id)
        .with_for_update(key_share=True, of=Payable)).cte("locked").c
    key = (locked.payee_id, locked.business_id, locked.currency)
    db.session.flush()
    rows = db.session.connection().execute(  # A row for each group: to read one for each payable takes a fifth longer.
        select(*key, func.sum(locked.amount_minor), func.aggregate_strings(locked.id, "\n"))
        .group_by(*key).order_by(*key))
    return [Group((payee_id, business_id, currency), Money(int(minor), currency), ids.split("\n"))
            for payee_id, business_id, currency, minor, ids in rows]


def of_lines(batch_id: str, numbers: Mapping[int, Key], released_before: datetime) -> ColumnElement[bool]:
    """Payables that these lines of a batch were counted from."""
    of_line = select(BatchLine.number).where(
        BatchLine.batch_id == batch_id, BatchLine.number.in_(numbers), BatchLine.payee_id == Payable.payee_id,
        BatchLine.business_id == Payable.business_id, BatchLine.currency == Payable.currency)
    payees = {payee_id for payee_id, _, _ in numbers.values()}  # Else SQLite looks through all that anybody is owed.
    return and_(Payable.payee_id.in_(payees), Payable.created_at <= released_before, of_line.exists())


def ready_destinations(payee_ids: Iterable[str]) -> dict[str, Destination]:
    """Connected accounts that may be paid, by payee. Asked again of Stripe right before the call."""
    rows = db.session.execute(
        select(ConnectedAccount.user_id, ConnectedAccount.stripe_account_id, ConnectedAccount.currency).where(
            ConnectedAccount.user_id.in_(set(payee_ids)), ConnectedAccount.state == PayeeState.READY,
            ConnectedAccount.stripe_account_id.is_not(None)))
    return {payee_id: Destination(str(account_id), currency) for payee_id, account_id, currency in rows}


def why_not(group: Group, destinations: Mapping[str, Destination], waiting: Mapping[Key, str]) -> str | None:
    """The word for why this cannot be requested now; counting.py says each to people."""
    destination = destinations.get(group.key[0])
    if destination is None:
        return "not_ready"
    if group.key[2] in NOT_CONVERTED and group.key[2] != destination.currency:
        return "not_converted"
    if group.total < minimum_transfer(group.key[2]):
        return "below_minimum"
    return waiting.get(group.key)


def must_wait(payee_ids: Iterable[str]) -> dict[Key, str]:
    """Why not now: one transfer is open already, or the last one was refused a short while ago."""
    newest = select(func.max(Transfer.id)).where(Transfer.payee_id.in_(set(payee_ids))).group_by(
        Transfer.payee_id, Transfer.business_id, Transfer.currency)
    rows = db.session.execute(
        select(Transfer.payee_id, Transfer.business_id, Transfer.currency, Transfer.state, Transfer.failed_at,
               Transfer.failure_code)
        .where(Transfer.id.in_(newest), Transfer.state.in_([*OPEN, TransferState.FAILED])))
    found: dict[Key, str] = {}
    for payee_id, business_id, currency, state, failed_at, code in rows:
        if state in OPEN:
            found[payee_id, business_id, currency] = "one_open"
        elif failed_at and clock.now() < failed_at + retry_after(code):
            found[payee_id, business_id, currency] = "refused_lately"
    return found


def sent_since(counted_at: datetime, payee_ids: Collection[str]) -> set[Key]:
    """What was owed when a batch was counted, and went into a transfer of its own before the batch came to it."""
    rows = db.session.execute(
        select(Transfer.payee_id, Transfer.business_id, Transfer.currency)
        .join(Payable, Payable.transfer_id == Transfer.id)
        .where(Payable.payee_id.in_(payee_ids), Payable.created_at <= counted_at, Transfer.created_at >= counted_at)
        .distinct()) if payee_ids else ()
    return {(payee_id, business_id, currency) for payee_id, business_id, currency in rows}


def retry_after(code: str | None) -> timedelta:
    return timedelta(0) if code in {NOT_READY, STOPPED} else RETRY_AFTER.get(code or "", RETRY_OTHERWISE)


def request_groups(groups: Sequence[Group], destinations: Mapping[str, Destination]) -> dict[Key, str]:
    """A requested transfer for each group, its id by the group's key; the caller has looked whether each may go."""
    if not groups:
        return {}
    ids = {group.key: new_id("transfer") for group in groups}
    rests = {group.key: odd for group in groups if (odd := _odd_units(group))}
    sums = {group.key: group.total.minor - sum(rest.minor for rest in rests.get(group.key, ())) for group in groups}
    _insert_transfers(ids, sums, destinations)
    _insert_rests(rests)
    put_in_transfers({ids[group.key]: group.owed for group in groups}, by=audit.SYSTEM)
    _post(groups, ids, rests)
    keep_in_transfers({rest.of: rest.stays for odd in rests.values() for rest in odd})
    for key, minor in sums.items():
        audit.record("transfer.requested", ids[key], by=audit.SYSTEM, amount_minor=minor, currency=key[2])
    for job in ("send_transfer", "note_transfer"):
        for transfer_id in ids.values():
            outbox.promise(job, transfer_id=transfer_id)
    return ids


@dataclass(frozen=True)
class Rest:
    """Odd units that a bank could not pay out; they are owed on, and go with the next transfer."""

    id: str
    of: str
    root: str
    minor: int
    stays: int  # Of what it came from.


def _odd_units(group: Group) -> list[Rest]:
    """Of the largest, and where that is less than what is odd, of the next ones."""
    odd: int = (group.total - whole_part(group.total)).minor
    rests: list[Rest] = []
    if not odd:
        return rests
    largest_first = db.session.execute(
        select(Payable.id, Payable.amount_minor, Payable.rest_of).where(Payable.id.in_(group.owed))
        .order_by(Payable.amount_minor.desc(), Payable.id.desc()))
    for payable_id, minor, rest_of in largest_first:
        part = min(odd, minor)
        if part:
            rests.append(Rest(new_id("rest"), payable_id, rest_of or payable_id, part, minor - part))
        odd -= part
    return rests


def _insert_transfers(ids: dict[Key, str], sums: dict[Key, int], destinations: Mapping[str, Destination]) -> None:
    now = clock.now()
    db.session.execute(insert(rows_of(Transfer)), [
        {"id": ids[key], "payee_id": key[0], "business_id": key[1], "currency": key[2], "amount_minor": minor,
         "destination": destinations[key[0]].stripe_account_id, "state": TransferState.REQUESTED, "attempt_no": 1,
         "reversed_minor": 0, "idempotency_key": sending.make_key(ids[key]), "created_at": now, "version": 1}
        for key, minor in sums.items()])


def _insert_rests(rests: dict[Key, list[Rest]]) -> None:
    now = clock.now()
    rows: list[dict[str, Any]] = [
        {"id": rest.id, "payee_id": key[0], "business_id": key[1], "currency": key[2], "amount_minor": rest.minor,
         "state": PayableState.OWED, "rest_of": rest.root, "created_at": now, "version": 1}
        for key, carried in rests.items() for rest in carried]
    if rows:
        db.session.execute(insert(rows_of(Payable)), rows)
        for row in rows:
            audit.record("payable.owed", row["id"], by=audit.SYSTEM, amount_minor=row["amount_minor"],
                         currency=row["currency"], rest_of=row["rest_of"])


def _post(groups: Sequence[Group], ids: dict[Key, str], rests: dict[Key, list[Rest]]) -> None:
    """payables -> in transit, an entry a transfer; the odd units back to payables of their own."""
    entries = {key: new_id("entry") for key in ids}
    ledger.accounts(AccountKind.IN_TRANSIT, {transfer_id: key[2] for key, transfer_id in ids.items()})
    taken = {entries[group.key]: group.owed for group in groups}
    lines = [_lines(AccountKind.PAYABLE, taken, Payable, -1),
             _lines(AccountKind.IN_TRANSIT, {entries[key]: [one] for key, one in ids.items()}, Transfer, 1)]
    if rests:
        ledger.accounts(AccountKind.PAYABLE, {rest.id: key[2] for key, odd in rests.items() for rest in odd})
        carried = {entries[key]: [rest.id for rest in odd] for key, odd in rests.items()}
        lines.append(_lines(AccountKind.PAYABLE, carried, Payable, 1))
    post_each({entry_id: f"{ids[key]}:requested" for key, entry_id in entries.items()},
              union_all(*lines), kind="transfer_requested")


def _lines(
    kind: AccountKind, entries: Mapping[str, Sequence[str]], owner: type[Payable | Transfer], sign: int
) -> Select[str, str, int]:
    """Of the accounts of payables or transfers, by their entry; the whole amount of each."""
    given = by_query.listed(entries)
    account_id = select(LedgerAccount.id).where(
        LedgerAccount.kind == kind, LedgerAccount.owner_id == given.c.key, LedgerAccount.currency == owner.currency)
    return (select(given.c.value, account_id.scalar_subquery(), owner.amount_minor * sign)
            .join_from(given, owner, owner.id == given.c.key))
