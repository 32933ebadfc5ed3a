"""From owed to requested: any number of transfers at once, in the same few statements whether for one payee or many."""
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, Table, func, insert, select

from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import Money, main_units, whole_part
from marketplace.payments import ledger, sending
from marketplace.payments.ledger import Account, Line, Movement
from marketplace.payments.models import (
    AccountKind,
    BatchLine,
    ConnectedAccount,
    Payable,
    PayableState,
    PayeeState,
    Transfer,
    TransferState,
)
from marketplace.payments.money_out import stops
from marketplace.payments.money_out.countries import NOT_CONVERTED
from marketplace.payments.money_out.lifecycle import put_in_transfers

MINIMUM_UNITS = 10  # Main units of the currency; less waits for more.
OPEN = (TransferState.REQUESTED, TransferState.SENDING)
# Our own balance at Stripe grows as charges become available; anything else a person has to look at.
RETRY_AFTER = {"balance_insufficient": timedelta(hours=1)}
RETRY_OTHERWISE = timedelta(days=1)
NOT_READY = "payee_not_ready"
STOPPED = "stopped"

Key = tuple[str, str, str]  # Payee, business, currency: never more than one open transfer of each.


@dataclass(frozen=True)
class Owed:
    """One payable, locked: nobody takes it away before this transaction ends."""

    id: str
    minor: int
    rest_of: str | None


@dataclass(frozen=True)
class Group:
    """What one transfer would take."""

    key: Key
    owed: Sequence[Owed]

    @property
    def total(self) -> Money:
        return Money(sum(one.minor for one in self.owed), self.key[2])


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
    rows = db.session.execute(
        select(Payable.payee_id, Payable.business_id, Payable.currency, Payable.id, Payable.amount_minor,
               Payable.rest_of)
        .where(Payable.state == PayableState.OWED, Payable.amount_minor > 0, ~stops.is_stopped(), *wanted)
        .order_by(Payable.payee_id, Payable.business_id, Payable.currency, Payable.id)
        .with_for_update(key_share=True, of=Payable))
    found: dict[Key, list[Owed]] = defaultdict(list)
    for payee_id, business_id, currency, payable_id, minor, rest_of in rows:
        found[payee_id, business_id, currency].append(Owed(payable_id, minor, rest_of))
    return [Group(key, owed) for key, owed in found.items()]


def of_lines(batch_id: str, numbers: Collection[int], released_before: datetime) -> ColumnElement[bool]:
    """Payables that these lines of a batch were counted from."""
    return select(BatchLine.number).where(
        BatchLine.batch_id == batch_id, BatchLine.number.in_(numbers), BatchLine.payee_id == Payable.payee_id,
        BatchLine.business_id == Payable.business_id, BatchLine.currency == Payable.currency,
        Payable.created_at <= released_before).exists()


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


def retry_after(code: str | None) -> timedelta:
    return timedelta(0) if code in {NOT_READY, STOPPED} else RETRY_AFTER.get(code or "", RETRY_OTHERWISE)


def request_groups(groups: Sequence[Group], destinations: Mapping[str, Destination]) -> dict[Key, str]:
    """A requested transfer for each group, its id by the group's key; the caller has looked whether each may go."""
    if not groups:
        return {}
    ids = {group.key: new_id("transfer") for group in groups}
    rests = {group.key: _odd_units(group) for group in groups}
    sums = {group.key: group.total.minor - sum(rest.minor for rest in rests[group.key]) for group in groups}
    _insert_transfers(ids, sums, destinations)
    _insert_rests(rests)
    _post(groups, ids, sums, rests)
    moved = []
    for group in groups:
        carried = {rest.of: rest.minor for rest in rests[group.key]}
        moved += [(one.id, ids[group.key], one.minor - carried.get(one.id, 0)) for one in group.owed]
    put_in_transfers(moved, by=audit.SYSTEM)
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


def _odd_units(group: Group) -> list[Rest]:
    """Of the largest, and where that is less than what is odd, of the next ones."""
    odd, rests = (group.total - whole_part(group.total)).minor, []
    for one in sorted(group.owed, key=lambda one: (one.minor, one.id), reverse=True):
        part = min(odd, one.minor)
        if part:
            rests.append(Rest(new_id("rest"), one.id, one.rest_of or one.id, part))
        odd -= part
    return rests


def _insert_transfers(ids: dict[Key, str], sums: dict[Key, int], destinations: Mapping[str, Destination]) -> None:
    now = clock.now()
    db.session.execute(insert(cast("Table", Transfer.__table__)), [
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
        db.session.execute(insert(cast("Table", Payable.__table__)), rows)
        for row in rows:
            audit.record("payable.owed", row["id"], by=audit.SYSTEM, amount_minor=row["amount_minor"],
                         currency=row["currency"], rest_of=row["rest_of"])


def _post(groups: Sequence[Group], ids: dict[Key, str], sums: dict[Key, int],
          rests: dict[Key, list[Rest]]) -> None:
    owners = {one.id: group.key[2] for group in groups for one in group.owed}
    owners |= {rest.id: key[2] for key, carried in rests.items() for rest in carried}
    owed = ledger.accounts(AccountKind.PAYABLE, owners)
    on_its_way = ledger.accounts(AccountKind.IN_TRANSIT, {ids[key]: key[2] for key in ids})
    ledger.post_many([
        Movement("transfer_requested", f"{ids[group.key]}:requested",
                 _lines(group, owed, on_its_way[ids[group.key]], sums[group.key], rests[group.key]))
        for group in groups])


def _lines(
    group: Group, owed: dict[str, Account], on_its_way: Account, minor: int, rests: Sequence[Rest]
) -> list[Line]:
    currency = group.key[2]
    lines = [(owed[one.id], Money(-one.minor, currency)) for one in group.owed]
    lines += [(owed[rest.id], Money(rest.minor, currency)) for rest in rests]
    return [*lines, (on_its_way, Money(minor, currency))]
