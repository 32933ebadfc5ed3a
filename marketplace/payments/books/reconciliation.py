"""The ledger beside our rows, Stripe's movements and Stripe's balance, to the cent: finds, names, and repairs nothing.

A run reads Stripe's movements since the last one (and three days more) a page at a time, each kept in a transaction of
its own, then compares. Killed anywhere, it is taken up where it was. What differs becomes an open item.
"""
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db, finish_reading
from marketplace.foundation.errors import require
from marketplace.foundation.outbox import Errand, do_now
from marketplace.identity.models import User
from marketplace.payments import ledger
from marketplace.payments.books import explaining, open_items, row_checks
from marketplace.payments.books.findings import Finding
from marketplace.payments.models import AccountKind, OpenItemKind, Reconciliation, StripeMovement
from marketplace.payments.permissions import may_keep_books
from marketplace.payments.sending import read_alone
from marketplace.payments.stripe_gateway import gateway
from marketplace.payments.stripe_readings import BalanceReading, BalanceTransaction

OVERLAP = timedelta(days=3)  # Stripe may show a movement later than it dates it.
TAKEN_OVER_AFTER = timedelta(hours=1)  # A run that stands longer is begun anew.
RUNS_SHOWN = 10
LOOKS = 5  # At a balance that will not stand still.

K = OpenItemKind
NOTHING = BalanceReading(0, 0)


@dataclass(frozen=True)
class Line:
    """``ledger_minor`` is what we believe to have at Stripe, ``stripe_minor`` what Stripe says, pending included."""

    currency: str
    ledger_minor: int
    stripe_minor: int

    @property
    def difference_minor(self) -> int:
        return self.stripe_minor - self.ledger_minor


@dataclass(frozen=True)
class FourWays:
    """One currency of a run. stripe = ledger + named + under_way, or there is an open item that says so.

    ``movements_minor`` is what Stripe's movements add up to, ``named_minor`` what open items are worth, those that an
    admin has explained among them, ``under_way_minor`` what is too young to be called a difference.
    """

    ledger_minor: int
    movements_minor: int
    stripe_minor: int
    named_minor: int
    under_way_minor: int

    @property
    def difference_minor(self) -> int:
        return self.stripe_minor - self.ledger_minor

    @property
    def unnamed_minor(self) -> int:
        """Nothing, unless what had been explained was changed past the code; then the run names that too."""
        return self.difference_minor - self.named_minor - self.under_way_minor


@dataclass(frozen=True)
class Read:
    """A page of movements; on the last one the balance too, None where it never stood still, and our rows' faults."""

    movements: list[BalanceTransaction]
    is_last: bool
    balances: dict[str, BalanceReading] | None = None
    in_rows: Sequence[Finding] = ()


def compare_with_stripe() -> list[Line]:
    """One line a currency. A call or webhook still under way may differ for a moment; nothing else may."""
    believed = _believed()
    finish_reading()
    told = gateway().read_balance()
    return [Line(currency, believed.get(currency, 0), told.get(currency, NOTHING).total_minor)
            for currency in sorted(believed.keys() | told.keys())]


def reconcile() -> None:
    """Job, daily: begin a run, unless one is under way."""
    _begin(by=audit.SYSTEM)


def request_reconciliation(*, by: User) -> Reconciliation:
    """Begin a run now; its result stands on the page of reconciliation within a minute or so."""
    require(may_keep_books(by), "reconcile the books")
    return _begin(by=by.id)


def last_runs(*, seen_by: User) -> Sequence[Reconciliation]:
    """Newest first."""
    require(may_keep_books(seen_by), "see the books")
    return db.session.scalars(select(Reconciliation).order_by(Reconciliation.id.desc()).limit(RUNS_SHOWN)).all()


def begin_by_hand() -> Reconciliation:
    """For the command, whose caller holds the database itself; ``run_to_the_end`` does what the worker would."""
    return _begin(by="command", promise=False)


def run_to_the_end(run_id: str) -> Reconciliation:
    """Every page, and the comparison. Opens its own transactions; raises what Stripe's silence raises."""
    while (run := db.session.get_one(Reconciliation, run_id)).finished_at is None:
        do_now(READ_MOVEMENTS, run_id=run_id)
    return run


def _begin(*, by: str, promise: bool = True) -> Reconciliation:
    """Runs follow each other: the newest is locked while the next is decided."""
    last = db.session.scalar(
        select(Reconciliation).order_by(Reconciliation.id.desc()).limit(1).with_for_update())
    if promise and last and last.finished_at is None and last.created_at > clock.now() - TAKEN_OVER_AFTER:
        return last
    through = db.session.scalar(
        select(Reconciliation.read_through).where(Reconciliation.finished_at.is_not(None))
        .order_by(Reconciliation.id.desc()).limit(1))
    run = Reconciliation(asked_by=by, read_from=through - OVERLAP if through else None, read_through=through)
    db.session.add(run)
    db.session.flush()
    audit.record("reconciliation.begun", run.id, by=by)
    if promise:
        outbox.promise("read_movements", run_id=run.id)
    return run


def _read(run_id: str) -> Read | None:
    run = read_alone(Reconciliation, run_id)
    if run.finished_at is not None:
        return None
    page = gateway().page_of_movements(created_from=run.read_from, after=run.cursor)
    if not page.is_last:
        return Read(page.movements, is_last=False)
    balances, newest = _read_at_rest(_newest(run, page.movements))
    in_rows = list(row_checks.find_in_rows())
    finish_reading()
    return Read([*page.movements, *newest], is_last=True, balances=balances, in_rows=in_rows)


def _read_at_rest(since: datetime | None) -> tuple[dict[str, BalanceReading] | None, list[BalanceTransaction]]:
    """Stripe's balance, and movements as they were while it stood still: the same before and after they were read."""
    stripe = gateway()
    before = stripe.read_balance()
    for _ in range(LOOKS):
        newest = stripe.page_of_movements(created_from=since)
        after = stripe.read_balance()
        if before == after and newest.is_last:
            return after, newest.movements
        before = after
    return None, []


def _keep(read: Read | None, run_id: str) -> None:
    if read is not None and read.is_last:
        row_checks.hold_still()
    run = db.session.get_one(Reconciliation, run_id, populate_existing=True, with_for_update=True)
    if read is None or run.finished_at is not None:
        return
    for movement in _keep_new(run, read.movements):
        explaining.explain(movement)
    run.read_through = _newest(run, read.movements)
    if read.is_last:
        _finish(run, read)
    else:
        run.cursor = read.movements[-1].id
        if run.asked_by != "command":
            outbox.promise("read_movements", run_id=run.id)


def _newest(run: Reconciliation, movements: Sequence[BalanceTransaction]) -> datetime | None:
    moments = [one.created for one in movements] + ([run.read_through] if run.read_through else [])
    return max(moments, default=None)


def _keep_new(run: Reconciliation, read: Sequence[BalanceTransaction]) -> list[StripeMovement]:
    if not read:
        return []
    plain = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
    made = plain(StripeMovement).on_conflict_do_nothing().returning(StripeMovement.id)
    new = list(db.session.scalars(made, [
        {"id": one.id, "type": one.type, "reporting_category": one.reporting_category, "amount_minor": one.amount,
         "fee_minor": one.fee, "net_minor": one.net, "currency": one.currency, "source_id": one.source,
         "our_id": one.our_id, "destination": one.destination, "occurred_at": one.created,
         "available_on": one.available_on, "created_at": clock.now()}
        for one in {one.id: one for one in read}.values()]))
    run.movements += len(new)
    return list(db.session.scalars(
        select(StripeMovement).where(StripeMovement.id.in_(new)).order_by(StripeMovement.id)))


def _finish(run: Reconciliation, read: Read) -> None:
    findings = [*_of_movements(), *explaining.unexplained_postings(clock.now()), *explaining.kept_in_reserve()]
    sums, believed = explaining.movements_in_sum(), _believed()
    told = read.balances if read.balances is not None else {}
    if read.balances is not None:
        findings += _of_balances(sums, read.balances)
    lines = {}
    for currency in sorted(sums.keys() | believed.keys() | told.keys()):
        stripe = told[currency].total_minor if currency in told else sums.get(currency, 0)
        ways = _four_ways(currency, believed.get(currency, 0), sums.get(currency, 0), stripe, findings)
        if ways.unnamed_minor:
            findings.append(Finding(
                K.LEDGER_UNSOUND, currency, "Entries that had explained Stripe’s movements are gone, or have changed.",
                currency, ways.unnamed_minor))
            ways = replace(ways, named_minor=ways.named_minor + ways.unnamed_minor)
        lines[currency] = asdict(ways)
    still_open, new = open_items.note_findings([*findings, *read.in_rows])
    if new:
        outbox.promise("send_letter", letter="books_disagree", run_id=run.id)
    run.lines, run.finished_at = lines, clock.now()
    audit.record("reconciliation.finished", run.id, by=audit.SYSTEM, movements=run.movements, open_items=still_open,
                 balance_moved=True if read.balances is None else None)


def _four_ways(currency: str, believed: int, movements: int, stripe: int, findings: Sequence[Finding]) -> FourWays:
    worth = [one for one in findings if one.currency == currency and one.kind is not K.BALANCE_NEGATIVE]
    return FourWays(believed, movements, stripe,
                    named_minor=sum(one.amount_minor for one in worth if one.ripe),
                    under_way_minor=sum(one.amount_minor for one in worth if not one.ripe))


def _of_movements() -> list[Finding]:
    """Of all that is not explained to the cent yet, however old."""
    ids = db.session.scalars(select(StripeMovement.id).where(StripeMovement.explained_at.is_(None))
                             .order_by(StripeMovement.id)).all()
    found = []
    for movement_id in ids:
        movement = db.session.get_one(StripeMovement, movement_id)
        found += explaining.explain(movement)
    return found


def _of_balances(sums: dict[str, int], told: dict[str, BalanceReading]) -> list[Finding]:
    found = []
    for currency in sorted(sums.keys() | told.keys()):
        there = told.get(currency, NOTHING)
        rest = there.total_minor - sums.get(currency, 0)
        if rest:
            found.append(Finding(K.BALANCE_DIFFERS, currency, "Stripe’s balance is not what its movements add up to.",
                                 currency, rest))
        if there.available_minor + there.pending_minor < 0:
            found.append(Finding(K.BALANCE_NEGATIVE, currency, "Our balance at Stripe is below zero: top it up."))
    return found


def _believed() -> dict[str, int]:
    return {currency: -minor for kind, currency, minor in ledger.trial_balance() if kind is AccountKind.CLEARING}


READ_MOVEMENTS = Errand(_read, _keep)
