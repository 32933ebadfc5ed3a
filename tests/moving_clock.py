"""A clock that goes only when it is looked at or moved, so that no test depends on the day it runs."""
from datetime import UTC, datetime, timedelta
from itertools import count

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)  # a Monday morning: business hours begin at once


class MovingClock:
    """Each look is a millisecond later than the one before, so that what happened first is also dated first."""

    def __init__(self, start: datetime = START) -> None:
        self.start = start
        self.moved = timedelta(0)
        self._looks = count()  # safe to share between threads

    def __call__(self) -> datetime:
        return self.start + self.moved + timedelta(milliseconds=next(self._looks))

    def move(self, delta: timedelta | None = None, **units: float) -> None:
        self.moved += delta if delta is not None else timedelta(**units)
