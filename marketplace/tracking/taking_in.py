"""Brings the clicks of this machine's files into the database: each once, however often it is killed on the way.

How far a file was read stands in the database, and moves in the transaction that writes its clicks.
"""
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Text, any_, bindparam, delete, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite

from marketplace.foundation import clock, outbox
from marketplace.foundation.by_query import listed
from marketplace.foundation.db import db, facts, insert_unless_there, rows_of, transaction
from marketplace.tracking.click_ids import EPOCH, MILLISECOND
from marketplace.tracking.marking import REPEAT_WITHIN, Seen, mark_repeats
from marketplace.tracking.models import ClickMark, ClickSpool, click_days, clicks
from marketplace.tracking.spools import is_over, read_clicks, spooled

AT_ONCE = 256 * 1024  # Bytes in one transaction: some four thousand clicks, a twentieth of a second of the write lock.
ROUND_SECONDS = 1.0
FORGOTTEN_AT_ONCE = 20_000
KEPT_FOR = timedelta(days=400)  # The longest window of a click is 365; the days' numbers stay.
COLUMN_OF = {
    ClickMark.COUNTED: "counted", ClickMark.BOT: "bots", ClickMark.PREFETCH: "prefetches", ClickMark.REPEAT: "repeats"}

_DAY = 86_400_000  # Milliseconds.
_SPOOLS = rows_of(ClickSpool)
_TAKEN = select(_SPOOLS.c.taken).where(_SPOOLS.c.name == bindparam("of")).with_for_update()
_MOVE = update(_SPOOLS).where(_SPOOLS.c.name == bindparam("of")).values(taken=bindparam("to"))
_COPY = "COPY clicks (code, at, visitor, mark, sub) FROM STDIN"
_INSERT = "INSERT INTO clicks (code, at, visitor, mark, sub) VALUES (?, ?, ?, ?, ?)"


class Rounds:
    """For a worker, between two jobs: what this machine's processes wrote, at most once in ROUND_SECONDS."""

    def __init__(self, folder: Path, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._monotonic = monotonic
        self._next = monotonic()

    def go_round(self) -> None:
        now = self._monotonic()
        if now >= self._next:
            self._next = now + ROUND_SECONDS
            take_in(self._folder)


def take_in(folder: Path) -> int:
    """All that the files of ``folder`` hold by now; how many clicks it was. Opens its own transactions.

    Two workers of one machine may do it at once. A file that no process writes to any more is removed at its end.
    """
    number = 0
    for path in spooled(folder):
        try:
            over = is_over(path)  # Asked before the last look: nothing is written after that.
            while took := _take_some(path):
                number += took
        except FileNotFoundError:  # The other worker was done with it.
            continue
        if over:
            _remove(path)
    return number


def _take_some(path: Path) -> int:
    """Lines taken, at least 1 while there are any. FileNotFoundError, and nothing is written, once it is removed."""
    with transaction():
        facts(insert_unless_there(_SPOOLS), {"name": path.name, "taken": 0, "created_at": clock.now()})
        start = facts(_TAKEN, {"of": path.name}).scalar_one()
        seen, end = read_clicks(path, start, AT_ONCE)
        if end == start:
            return 0
        if seen:
            write_clicks(seen)
        facts(_MOVE, {"of": path.name, "to": end})
    return max(len(seen), 1)


def _remove(path: Path) -> None:
    """First the file: with only its row gone it would be taken in anew."""
    path.unlink(missing_ok=True)
    with transaction():
        facts(delete(_SPOOLS).where(_SPOOLS.c.name == path.name), {})


def write_clicks(seen: Sequence[Seen]) -> None:
    """Rows, and the numbers of their days, in the caller's transaction."""
    marks = mark_repeats(seen, _counted_around(seen))
    _insert(seen, marks)
    counts: dict[tuple[str, date], Counter[str]] = defaultdict(Counter)
    numbers = Counter((click.code, click.milliseconds // _DAY, mark) for click, mark in zip(seen, marks, strict=True))
    for (code, day, mark), number in numbers.items():
        counts[code, (EPOCH + day * timedelta(days=1)).date()][COLUMN_OF[mark]] += number
    none = dict.fromkeys(COLUMN_OF.values(), 0)
    facts(_adding(db.engine.dialect.name), [  # In one order, so that two workers do not wait for each other.
        {"code": code, "day": day, **none, **some} for (code, day), some in sorted(counts.items())])


def _counted_around(seen: Sequence[Seen]) -> dict[tuple[str, str], list[int]]:
    """When (ms) these visitors were counted within an hour of these clicks, by visitor and link."""
    wanted = {click.visitor for click in seen if click.mark is ClickMark.COUNTED}
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    if wanted:
        times = [click.milliseconds for click in seen]
        rows = facts(select(clicks.c.visitor, clicks.c.code, clicks.c.at).where(
                _is_one_of(sorted(wanted)),
                clicks.c.at.between(EPOCH + min(times) * MILLISECOND - REPEAT_WITHIN,
                                    EPOCH + max(times) * MILLISECOND + REPEAT_WITHIN),
                clicks.c.mark == ClickMark.COUNTED), {})
        for visitor, code, at in rows:
            found[visitor, code].append((at - EPOCH) // MILLISECOND)
    return dict(found)


def _is_one_of(visitors: list[str]) -> ColumnElement[bool]:
    """By one parameter. Joined to a list, PostgreSQL may read that anew for each row, without figures yet."""
    if db.engine.dialect.name == "sqlite":
        return clicks.c.visitor.in_(select(listed({"": visitors}).c.key))
    return clicks.c.visitor == any_(literal(visitors, postgresql.ARRAY(Text)))


def _insert(seen: Sequence[Seen], marks: Sequence[ClickMark]) -> None:
    """In the drivers' own words: a statement that builds parameters row by row costs four times as much."""
    connection = db.session.connection()
    seconds: dict[int, str] = {}
    rows = []
    for (code, at, visitor, _, sub), mark in zip(seen, marks, strict=True):
        second, rest = divmod(at, 1000)
        if (said := seconds.get(second)) is None:
            said = seconds[second] = as_kept(EPOCH + second * timedelta(seconds=1))[:20]
        rows.append((code, f"{said}{rest:03}000", visitor, mark.value, sub))
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_INSERT, rows)
        return
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.write("".join(f"{code}\t{at}+00\t{visitor}\t{mark}\t{sub or chr(92) + 'N'}\n"
                           for code, at, visitor, mark, sub in rows))


def as_kept(at: datetime) -> str:
    """As SQLAlchemy writes times on SQLite; ``at`` in UTC."""
    return at.isoformat(" ", "microseconds")[:26]


@cache
def _adding(dialect: str) -> Any:
    new = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(click_days)
    return new.on_conflict_do_update(
        index_elements=["code", "day"],
        set_={name: click_days.c[name] + new.excluded[name] for name in COLUMN_OF.values()})


def forget_clicks() -> None:
    """Job, daily: rows of clicks that nobody can be credited for any more, and itself again while there are more.

    They came in the order of time, give or take some minutes, so no index of times is kept for it.
    """
    first = select(clicks.c.id).order_by(clicks.c.id).limit(FORGOTTEN_AT_ONCE).subquery()
    gone = facts(delete(clicks).where(
        clicks.c.id.in_(select(first.c.id)), clicks.c.at < clock.now() - KEPT_FOR), {}).rowcount
    if gone == FORGOTTEN_AT_ONCE:
        outbox.promise("forget_clicks")
