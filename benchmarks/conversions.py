"""One sale with its reward and postings through its verb, beside the same statements sent by hand in a transaction."""
import re
import secrets
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any, Self

import psycopg
from sqlalchemy import event
from sqlalchemy.engine import make_url

from benchmarks.figures import Figure
from benchmarks.product import product
from benchmarks.sales_world import Shop, make_leads, make_shops
from marketplace.foundation import clock
from marketplace.foundation.db import db, transaction
from marketplace.foundation.money import Money
from marketplace.identity.models import User
from marketplace.payments import ledger
from marketplace.payments.models import AccountKind
from marketplace.referrals.queries import get_lead
from marketplace.referrals.stages import win_lead

BAR = 0.5
SLICES, A_SLICE = 20, 8
ID = re.compile(r"\b[a-z]+_[0-9a-z]{26}\b")
SALE = Money(3_000_000, "usd")
OURS = ("BEGIN", "SAVEPOINT", "RELEASE", "PRAGMA")  # The transaction's own words.
Statement = tuple[str, Any]


def measure(server: str | None = None) -> list[Figure]:
    on = "PostgreSQL" if server else "SQLite"
    with product(server):
        [shop] = make_shops(1)
        leads = iter([lead_id for _, lead_id in make_leads([shop], 3 * (SLICES + 2) * A_SLICE)])
        for _ in range(A_SLICE):
            win(shop, next(leads))
        old = next(leads)
        statements = recorded(lambda: win(shop, old))
        with ByHand(statements, shop, old) as hand:
            by_verb, by_hand, by_library = _in_turns(
                lambda: win(shop, next(leads)), lambda: hand.send(next(leads)),
                lambda: hand.send_through_library(next(leads)), is_wall=bool(server))
        assert ledger.check_ledger() == []
    return [Figure(
        f"{on}: conversion, its statements by hand / verb", round(by_hand / by_verb, 2), "x", BAR, "higher",
        f"{len(statements)} statements: by hand {by_hand * 1e3:.2f} ms, the same through SQLAlchemy's connection "
        f"{by_library * 1e3:.2f}, the verb {by_verb * 1e3:.2f} {'of the wall' if server else 'of CPU'}")]


def win(shop: Shop, lead_id: str) -> None:
    """As the route does it."""
    with transaction():
        user = db.session.get_one(User, shop.owner_id)
        win_lead(get_lead(lead_id, seen_by=user), by=user, amount=SALE, occurred_on=clock.now().date())
    db.session.remove()


def recorded(work: Callable[[], None]) -> list[Statement]:
    seen: list[Statement] = []

    def note(connection: object, cursor: object, statement: str, parameters: Any, *rest: object) -> None:
        sets = parameters if isinstance(parameters, list) else [parameters or ()]
        seen.extend((statement, one) for one in sets)

    event.listen(db.engine, "before_cursor_execute", note)
    work()
    event.remove(db.engine, "before_cursor_execute", note)
    return [one for one in seen if not one[0].startswith(OURS)]


class ByHand:
    """The statements with new ids for another lead, on the driver's own connection, each commit as safe as ours."""

    def __init__(self, statements: list[Statement], shop: Shop, old: str) -> None:
        self.statements, self.old = statements, old
        kept = {shop.business_id, shop.owner_id, shop.bounty_id, shop.terms_id, shop.referrer_id}
        with transaction():
            kept.add(ledger.account(AccountKind.FUNDS, shop.bounty_id, "usd").id)
            self.account = ledger.account(AccountKind.RESERVED, old, "usd").id
        made = {one for sql, values in statements if sql.startswith("INSERT")
                for value in _each(values) for one in ID.findall(_text(value))}
        self.fresh = sorted(made - kept - {old, self.account})
        self.accounts: dict[str, str] = {}

    def __enter__(self) -> Self:
        url = make_url(db.engine.url.render_as_string(hide_password=False))
        if db.engine.dialect.name == "sqlite":
            self.connection: Any = sqlite3.connect(url.database or "", isolation_level=None)
            for pragma in ("synchronous=FULL", "foreign_keys=ON", "recursive_triggers=ON", "busy_timeout=30000"):
                self.connection.execute(f"PRAGMA {pragma}")
        else:
            self.connection = psycopg.connect(
                url.set(drivername="postgresql").render_as_string(hide_password=False), autocommit=True)
        found = self.connection.execute("SELECT owner_id, id FROM ledger_accounts WHERE kind = 'reserved'")
        self.accounts = dict(found.fetchall())
        return self

    def __exit__(self, *error: object) -> None:
        self.connection.close()

    def send_through_library(self, lead_id: str) -> None:
        """What the library alone costs: no objects, no statement built."""
        names = self._names(lead_id)
        with db.engine.begin() as connection:
            for sql, values in self.statements:
                found = connection.exec_driver_sql(sql, _named(values, names))
                if found.returns_rows:
                    found.fetchall()

    def _names(self, lead_id: str) -> dict[str, str]:
        names = {one: f"{one[:-16]}{secrets.token_hex(8)}" for one in self.fresh}
        return names | {self.old: lead_id, self.account: self.accounts[lead_id]}

    def send(self, lead_id: str) -> None:
        names, execute = self._names(lead_id), self.connection.execute
        execute("BEGIN IMMEDIATE" if isinstance(self.connection, sqlite3.Connection) else "BEGIN")
        for sql, values in self.statements:
            cursor = execute(sql, _named(values, names))
            if cursor.description:
                cursor.fetchall()
            elif not sql.startswith("INSERT"):
                assert cursor.rowcount == 1, sql
        execute("COMMIT")


def _each(values: Any) -> Iterator[Any]:
    yield from values.values() if isinstance(values, dict) else values


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(getattr(value, "obj", ""))


def _named(values: Any, names: dict[str, str]) -> Any:
    if isinstance(values, dict):
        return {key: _renamed(value, names) for key, value in values.items()}
    return tuple(_renamed(value, names) for value in values)


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, str):
        return names.get(value) or ID.sub(lambda found: names.get(found[0], found[0]), value)
    if isinstance(getattr(value, "obj", None), dict):  # The driver's own wrapping of JSON.
        return type(value)({key: _renamed(one, names) for key, one in value.obj.items()})
    return value


def _in_turns(*works: Callable[[], None], is_wall: bool) -> list[float]:
    """Seconds of one call of each: the slice in the middle of twenty, taken in turns."""
    timer = time.perf_counter if is_wall else time.process_time
    spent: list[list[float]] = [[] for _ in works]
    for number in range(SLICES + 1):
        for place, work in enumerate(works):
            began = timer()
            for _ in range(A_SLICE):
                work()
            if number:
                spent[place].append((timer() - began) / A_SLICE)
    return [statistics.median(one) for one in spent]
