"""The sandbox's time: real time and an offset, which may live in a file that the site reads too."""
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from marketplace.payments.sandbox.store import Store


class SandboxClock:
    """``source`` (aware moments) replaces the real time, for a test that owns the clock."""

    def __init__(self, store: Store, *, file: Path | None, source: Callable[[], datetime] | None) -> None:
        self._store, self._file, self._source = store, file, source

    def now(self) -> int:
        """Whole seconds since 1970."""
        return int(self._source().timestamp() if self._source else time.time()) + self.offset()

    def offset(self) -> int:
        if self._file:
            try:
                return int(self._file.read_text().strip() or 0)
            except FileNotFoundError:
                return 0
        rows = self._store.sql("SELECT value FROM setting WHERE name = 'clock_offset'")
        return int(rows[0]["value"]) if rows else 0

    def set_offset(self, seconds: int) -> None:
        if self._file:
            self._file.write_text(f"{seconds}\n")
        else:
            self._store.sql("INSERT INTO setting VALUES ('clock_offset', ?) "
                            "ON CONFLICT (name) DO UPDATE SET value = excluded.value", str(seconds))


def as_text(seconds: int) -> str:
    """v2 writes moments as 2026-05-27T12:00:00.000Z."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
