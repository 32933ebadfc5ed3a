"""Sales of one busy business beside the same spread over a thousand, and beside releases that post no fee of ours."""
import contextlib
import multiprocessing
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from unittest import mock

from flask import Flask
from sqlalchemy import select

from benchmarks.conversions import win
from benchmarks.figures import Figure
from benchmarks.product import product, settle
from benchmarks.sales_world import Shop, make_leads, make_shops
from marketplace.foundation.db import db, transaction
from marketplace.payments import ledger
from marketplace.payments.models import AccountKind
from marketplace.referrals import rewards
from marketplace.referrals.models import Reward

SHOPS = 1_000
WORKERS = 4  # On PostgreSQL; SQLite lets one write at a time.
ROUNDS, A_ROUND = 8, 8  # Sales of each kind, a worker and round.
BUSY, SPREAD, WITHOUT = "busy", "spread", "without"
Task = tuple[str, list[tuple[Shop, str]]]
real_post = ledger.post


def measure(server: str | None = None) -> list[Figure]:
    """Every sale is won and its reward released, in two transactions, as the product does it."""
    on, workers = ("PostgreSQL", WORKERS) if server else ("SQLite", 1)
    with product(server) as app:
        shops = make_shops(SHOPS)
        count = (ROUNDS + 1) * workers * A_ROUND
        leads = {BUSY: make_leads(shops[:1], count), SPREAD: make_leads(shops[1:], count),
                 WITHOUT: make_leads(shops[1:], count)}
        settle()
        spent = _in_turns(app, leads, workers)
        _check(leads)
    busy, spread, without = (statistics.median(spent[kind]) for kind in (BUSY, SPREAD, WITHOUT))
    told = f"{workers * A_ROUND / spread:.0f} a second spread, {workers} at once" if server else "one at a time"
    return [
        Figure(f"{on}: sales of one busy business / of {SHOPS:,}", round(spread / busy, 2), "x", 0.5, "higher", told),
        Figure(f"{on}: sales with our fee posted / without", round(without / spread, 2), "x", 0.8, "higher", told),
    ]


def _in_turns(app: Flask, leads: dict[str, list[tuple[Shop, str]]], workers: int) -> dict[str, list[float]]:
    """Seconds of the wall for each round of each kind, the first round left out; their order changes with the round."""
    spent: dict[str, list[float]] = defaultdict(list)
    rest = {kind: iter(some) for kind, some in leads.items()}
    with _team(app, workers) as do:
        for number in range(ROUNDS + 1):
            kinds = [*leads] if number % 2 else [*reversed(leads)]
            for kind in kinds:
                tasks = [(kind, [next(rest[kind]) for _ in range(A_ROUND)]) for _ in range(workers)]
                began = time.perf_counter()
                do(tasks)
                if number:
                    spent[kind].append(time.perf_counter() - began)
    return spent


@contextlib.contextmanager
def _team(app: Flask, workers: int) -> Iterator[Callable[[list[Task]], None]]:
    """Processes with connections of their own, waiting for work."""
    db.session.remove()
    if workers == 1:
        yield lambda tasks: _sell(*tasks[0])
        return
    db.engine.dispose()
    forking = multiprocessing.get_context("fork")
    ends = [forking.Pipe() for _ in range(workers)]
    team = [forking.Process(target=_work, args=(app, theirs), daemon=True) for _, theirs in ends]
    for one in team:
        one.start()

    def do(tasks: list[Task]) -> None:
        for (ours, _), task in zip(ends, tasks, strict=True):
            ours.send(task)
        for ours, _ in ends:
            assert ours.recv() == "done"

    try:
        yield do
    finally:
        for ours, _ in ends:
            ours.send(None)
        for one in team:
            one.join(10)


def _work(app: Flask, end: Connection) -> None:
    with app.app_context():
        while task := end.recv():
            try:
                _sell(*task)
            except BaseException as error:
                end.send(f"{type(error).__name__}: {error}")
                raise
            end.send("done")


def _sell(kind: str, leads: list[tuple[Shop, str]]) -> None:
    with mock.patch.object(ledger, "post", _without_fee if kind == WITHOUT else real_post):
        for shop, lead_id in leads:
            win(shop, lead_id)
            reward_id = db.session.scalars(select(Reward.id).filter_by(lead_id=lead_id)).one()
            with transaction():
                rewards.release_reward(reward_id)
            db.session.remove()


def _without_fee(lines: list[ledger.Line], *, kind: str, reference: str) -> str:
    """Of a release: the fee stays where it was held, and the entry has no line of a platform account."""
    if kind != "reward_released":
        return real_post(lines, kind=kind, reference=reference)
    fee = next(amount for of, amount in lines if of.kind is AccountKind.PLATFORM_FEES)
    kept = [(of, amount + fee if of.kind is AccountKind.HELD else amount) for of, amount in lines
            if of.kind is not AccountKind.PLATFORM_FEES]
    return real_post(kept, kind=kind, reference=reference)


def _check(leads: dict[str, list[tuple[Shop, str]]]) -> None:
    assert ledger.check_ledger() == []
    fees = ledger.find_balance(AccountKind.PLATFORM_FEES, "platform", "usd").minor
    assert fees == 2_500 * (len(leads[BUSY]) + len(leads[SPREAD])), fees
