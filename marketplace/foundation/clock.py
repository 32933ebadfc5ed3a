"""The only place that asks what time it is, so that tests and the demo can move it."""
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path


def system_time() -> datetime:
    return datetime.now(UTC)


_source: Callable[[], datetime] = system_time


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return _source()


def use(source: Callable[[], datetime]) -> None:
    """Take the time from ``source`` from here on: a test's stopped clock, or a shared file."""
    global _source  # noqa: PLW0603 - one clock a process is the point of it
    _source = source


def shifted_by_file(path: Path) -> Callable[[], datetime]:
    """Real time plus the whole seconds written in ``path``: one file moves several processes (development)."""

    def read() -> datetime:
        try:
            seconds = int(path.read_text() or 0)
        except FileNotFoundError:
            seconds = 0
        return system_time() + timedelta(seconds=seconds)

    return read
