"""On which of the machine's cores a test process and its PostgreSQL work."""
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import make_url

CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []  # Where that can be asked for.


def stay_on_one(number: int) -> None:
    """Process and server wait for each other: to wake the other one's core each time takes a fifth of it all."""
    if CORES:
        os.sched_setaffinity(0, {CORES[number % len(CORES)]})


@contextlib.contextmanager
def on_one(number: int) -> Iterator[None]:
    """What is started meanwhile stays there."""
    stay_on_one(number)
    try:
        yield
    finally:
        _use_all(0)


@contextlib.contextmanager
def on_all(server: str) -> Iterator[None]:
    """For threads and processes that race, and whatever serves them from now on. ``server``: the address of one of ours."""
    if not CORES:
        yield
        return
    here = os.sched_getaffinity(0)
    of_server = Path(str(make_url(server).query["host"])) / "data" / "postmaster.pid"
    pids = [0, int(of_server.read_text().split()[0])]
    for pid in pids:
        _use_all(pid)
    try:
        yield
    finally:
        for pid in pids:
            os.sched_setaffinity(pid, here)


def _use_all(pid: int) -> None:
    if CORES:
        os.sched_setaffinity(pid, CORES)
