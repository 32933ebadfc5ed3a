"""Work that comes round: each job of the rota is promised once a period, however many workers look."""
from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy.exc import IntegrityError

from marketplace.foundation import clock, outbox
from marketplace.foundation.db import transaction, violates


class Rota:
    """``schedule`` says how often, by job. Periods are counted from 1970 in UTC: a day begins at midnight."""

    def __init__(self, schedule: Mapping[str, timedelta]) -> None:
        self._schedule = schedule
        self._seen: dict[str, int] = {}

    def promise_due(self) -> None:
        """Promise what has not been promised in its present period. A period nobody was there for is not made up."""
        now = clock.now().timestamp()
        due = {job: int(now // every.total_seconds()) for job, every in self._schedule.items()}
        for job, period in due.items():
            if self._seen.get(job) != period:
                _promise_once(job, f"rota:{job}:{period}")
        self._seen = due


def _promise_once(job: str, key: str) -> None:
    try:
        with transaction():
            outbox.promise(job, key=key)
    except IntegrityError as error:  # Another worker was faster.
        if not violates(error, "outbox_messages_key_key", "outbox_messages.key"):
            raise
