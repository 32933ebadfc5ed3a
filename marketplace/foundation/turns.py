"""Turns at somebody else's door: so many a second in all, however many workers there are. The next one is a row."""
import time
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.foundation import clock
from marketplace.foundation.db import Base, db, finish_reading, transaction, violates


class Turn(Base):
    """When the next turn of this name is free, if nobody had saved any."""

    __tablename__ = "turns"

    name: Mapped[str] = mapped_column(primary_key=True)
    free_at: Mapped[datetime]


def wait_for_turn(name: str, *, a_second: int) -> None:
    """Come back when it is our turn. A second's worth may be taken at once after a pause.

    Belongs right before a call to another server, where no transaction is open. The wait is short: a worker asks for
    one turn at a time, so that as many turns are ahead of it at most as there are workers.
    """
    finish_reading()
    wait = _take_turn(name, timedelta(seconds=1) / a_second)
    if wait > timedelta(0):
        time.sleep(wait.total_seconds())


def _take_turn(name: str, each: timedelta) -> timedelta:
    """How long until our turn. Leaky bucket: an idle second is saved up, no more."""
    with transaction():
        now = clock.now()
        turn = db.session.scalar(select(Turn).filter_by(name=name).with_for_update())
        if turn is None:
            _first(name)
            turn = db.session.scalars(select(Turn).filter_by(name=name).with_for_update()).one()
        free_at = max(turn.free_at, now - timedelta(seconds=1))
        turn.free_at = free_at + each
        return free_at - now


def _first(name: str) -> None:
    try:
        with db.session.begin_nested():
            db.session.add(Turn(name=name, free_at=clock.now() - timedelta(seconds=1)))
    except IntegrityError as error:  # Another worker was faster.
        if not violates(error, "turns_pk", "turns.name"):
            raise
