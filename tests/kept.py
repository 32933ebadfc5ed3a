"""Worlds that many tests begin in: built once in a test process, then brought back as they were."""
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import event

from marketplace.foundation.db import db
from tests.backups import Backup, SandboxBackup
from tests.database import copies_of
from tests.moving_clock import MovingClock
from tests.sandbox_server import SandboxServer

T = TypeVar("T")
Chain = tuple[str, ...]


@dataclass
class _World:
    said: Any
    code: object
    rows: Backup
    stripe: SandboxBackup | None
    moved: timedelta
    looks: int
    mails: dict[str, bytes]


@dataclass
class Shelf:
    """The worlds of one test process, and how often something was committed."""

    worlds: dict[Chain, _World] = field(default_factory=dict)
    commits: int = 0
    before: int = 0  # what was committed before this test

    def begin_test(self) -> None:
        self.before = self.commits

    def watch(self) -> None:
        for engine in (db.engine, copies_of(db.engine.url).past_rules):
            event.listen(engine, "commit", self._count)

    def _count(self, connection: object) -> None:
        self.commits += 1


class Keep:
    """``keep(name, build)``: what ``build`` says, with every row, mail, Stripe object and the hour that it leaves.

    One world may stand on another. ``build`` says ids and plain values, never rows; it gets nothing from outside
    that is not the same in each test. Where the test has done something of its own before, it is built, not brought back.
    """

    def __init__(self, shelf: Shelf, clock: MovingClock, mails: Path, stripe: SandboxServer | None) -> None:
        self._shelf, self._clock, self._mails, self._stripe = shelf, clock, mails, stripe
        self._chain: Chain = ("with Stripe",) if stripe else ()
        self._at: object = (shelf.before, timedelta(0), stripe and stripe.changes_before)

    def __call__(self, name: str, build: Callable[[], T]) -> T:
        is_alone, self._chain = self._at == self._place(), (*self._chain, name)
        kept = self._shelf.worlds.get(self._chain) if is_alone else None
        if kept:
            assert kept.code == _code(build), f"two worlds are called {name!r}"
            self._bring_back(kept)
            said = kept.said
        else:
            said = build()
            if is_alone:
                self._shelf.worlds[self._chain] = self._as_it_is(said, _code(build))
        self._at = self._place() if is_alone else None
        return said

    def _place(self) -> object:
        return self._shelf.commits, self._clock.moved, self._stripe and self._stripe.changes

    def _as_it_is(self, said: Any, code: object) -> _World:
        looks = next(self._clock._looks)
        return _World(said, code, Backup(), SandboxBackup(self._stripe) if self._stripe else None, self._clock.moved, looks,
                      {mail.name: mail.read_bytes() for mail in self._mails.iterdir()})

    def _bring_back(self, world: _World) -> None:
        world.rows.restore()
        if self._stripe and world.stripe:
            world.stripe.restore(self._stripe)
        self._clock.moved, self._clock._looks = world.moved, itertools.count(world.looks)
        for name, content in world.mails.items():
            (self._mails / name).write_bytes(content)


def _code(build: Callable[[], object]) -> object:
    return getattr(build, "__code__", build)
