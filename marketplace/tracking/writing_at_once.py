"""The other way of keeping clicks (CLICKS=sync): each is in the database before its redirect is answered."""
import fcntl
import logging
import os
import threading
from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Engine

from marketplace.tracking.click_ids import EPOCH
from marketplace.tracking.marking import REPEAT_WITHIN
from marketplace.tracking.models import ClickMark
from marketplace.tracking.spools import Spool
from marketplace.tracking.taking_in import COLUMN_OF, as_kept

_MILLISECOND = timedelta(milliseconds=1)
_COLUMNS = "code, at, visitor, mark, sub"
_NAMES = {"mark": "::text", "visitor": "::text", "since": "", "until": "", "code": "::text"}
# A repeat is one of the same visitor and link within the hour, as in marking.py. One round trip each.
_MARK = ("CASE WHEN {mark} = 'counted' AND EXISTS (SELECT 1 FROM clicks WHERE visitor = {visitor} AND at > {since} "
         "AND at < {until} AND code = {code} AND mark = 'counted') THEN 'repeat' ELSE {mark} END")
_DAY = "INSERT INTO click_days (code, day, counted, bots, prefetches, repeats) "
_ADD = " ON CONFLICT (code, day) DO UPDATE SET " + ", ".join(
    f"{name} = click_days.{name} + excluded.{name}" for name in COLUMN_OF.values())
_POSTGRESQL = (
    f"WITH new AS (INSERT INTO clicks ({_COLUMNS}) SELECT %(code)s::text, %(at)s, %(visitor)s::text, "  # noqa: S608 - our own words
    + _MARK.format(**{name: f"%({name})s{kind}" for name, kind in _NAMES.items()})
    + ", %(sub)s::text RETURNING mark) " + _DAY +
    "SELECT %(code)s::text, %(day)s, (mark = 'counted')::int, (mark = 'bot')::int, (mark = 'prefetch')::int, "
    "(mark = 'repeat')::int FROM new" + _ADD)
_SQLITE = (
    f"INSERT INTO clicks ({_COLUMNS}) SELECT :code, :at, :visitor, "
    + _MARK.format(**{name: f":{name}" for name in _NAMES}) + ", :sub RETURNING mark")
_SQLITE_DAY = _DAY + "VALUES (:code, :day, :counted, :bots, :prefetches, :repeats)" + _ADD

log = logging.getLogger(__name__)


class _Turns:
    """Of this machine’s processes one writes: SQLite lets who waits sleep, this lock wakes the next one at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        self._process = 0

    def __enter__(self) -> None:
        if self._file is None or self._process != os.getpid():  # A child of a fork has its own.
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._process = os.getpid()
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        assert self._file is not None
        fcntl.flock(self._file, fcntl.LOCK_UN)


@dataclass
class _Waiting:
    given: dict[str, Any]
    is_written: bool = False
    error: Exception | None = None


class WritingAtOnce:
    """On PostgreSQL each thread has its own connection. With the database away a click goes to the spool instead."""

    def __init__(self, engine: Engine, spool: Spool) -> None:
        self._engine = engine
        self._spool = spool
        self._of_thread = threading.local()
        self._kept: list[Any] = []
        self._lite: Any = None  # SQLite's: one for all threads, in turns.
        self._waiting: deque[_Waiting] = deque()
        self._one_writer = threading.Lock()
        self._turns = _Turns(spool.folder / "writing.lock")

    def write(self, code: str, milliseconds: int, visitor: str, mark: ClickMark, sub: str | None) -> None:
        at = EPOCH + milliseconds * _MILLISECOND
        given = {"code": code, "at": at, "visitor": visitor, "mark": str(mark), "sub": sub, "day": at.date(),
                 "since": at - REPEAT_WITHIN, "until": at + REPEAT_WITHIN}
        try:
            if self._engine.dialect.name == "sqlite":
                self._on_sqlite(given)
            else:
                self._connection().execute(_POSTGRESQL, given)
        except Exception as error:  # noqa: BLE001 - drivers' errors have no parent in common
            log.warning("a click goes to the spool: %r", error)
            self._hang_up()
            self._spool.write(code, milliseconds, visitor, mark, sub)

    def _on_sqlite(self, given: dict[str, Any]) -> None:
        """Whose turn it is writes for all who wait, in one commit."""
        given |= {name: as_kept(given[name]) for name in ("at", "since", "until")} | {"day": given["day"].isoformat()}
        mine = _Waiting(given)
        self._waiting.append(mine)
        with self._one_writer:
            if not mine.is_written and mine.error is None:
                self._write_all_who_wait()
        if mine.error is not None:
            raise mine.error

    def _write_all_who_wait(self) -> None:
        some: list[_Waiting] = []
        with self._turns:
            while self._waiting:
                some.append(self._waiting.popleft())
            try:
                self._write_on_sqlite([one.given for one in some])
            except Exception as error:  # noqa: BLE001 - each of them raises it, and goes to the spool
                for one in some:
                    one.error = error
            else:
                for one in some:
                    one.is_written = True

    def _write_on_sqlite(self, some: list[dict[str, Any]]) -> None:
        if self._lite is None:
            self._lite = self._borrowed()
        self._lite.execute("BEGIN IMMEDIATE")
        try:
            for given in some:
                mark = self._lite.execute(_SQLITE, given).fetchone()[0]
                counts = {column: int(mark == word) for word, column in COLUMN_OF.items()}
                self._lite.execute(_SQLITE_DAY, given | counts)
            self._lite.execute("COMMIT")
        except BaseException:
            self._lite.execute("ROLLBACK")
            raise

    def _connection(self) -> Any:
        """Of this thread."""
        found = getattr(self._of_thread, "connection", None)
        if found is None:
            found = self._of_thread.connection = self._borrowed()
            found.autocommit = True
        return found

    def _borrowed(self) -> Any:
        """Prepared like every other one, but not of the pool: that looks at each before it gives it."""
        borrowed = self._engine.raw_connection()
        found = borrowed.driver_connection
        borrowed.detach()
        self._kept.append(borrowed)  # Let go, it would be rolled back and closed.
        return found

    def close(self) -> None:
        """This thread's connection, and the spool."""
        self._hang_up()
        self._spool.close()

    def _hang_up(self) -> None:
        found, self._of_thread.connection = getattr(self._of_thread, "connection", None), None
        if self._engine.dialect.name == "sqlite":
            with self._one_writer:
                found, self._lite = self._lite, None
        if found is not None:
            self._kept = [one for one in self._kept if one.dbapi_connection is not found]
            try:
                found.close()
            except Exception as error:  # noqa: BLE001 - it is given up anyway
                log.debug("a connection did not close: %r", error)
