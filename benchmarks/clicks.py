"""`/r/<code>` with its click recorded beside a Flask view that only answers 302: same server, workers, load; then what
becomes of it after ten million clicks, when a link ends, when the processes are killed, and under tricks."""
import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product as pairs_of
from pathlib import Path
from urllib.parse import quote, urlsplit

import flask_migrate
from flask import Flask
from sqlalchemy import func, insert, select, update

from benchmarks.clicks_grown import growth
from benchmarks.figures import Figure
from benchmarks.load import Ran, cpu_of, load, serving
from benchmarks.product import _database
from benchmarks.sales_world import make_shops
from marketplace.app import create_app
from marketplace.foundation import clock
from marketplace.foundation.db import db, transaction
from marketplace.foundation.ids import new_id
from marketplace.settings import Settings
from marketplace.tracking.click_ids import CLICK_COOKIE, sign_click
from marketplace.tracking.in_front import redirects_of
from marketplace.tracking.links import key_of, new_code
from marketplace.tracking.models import BountyDestination, BusinessDomain, DomainProof, ReferralLink, clicks
from scripts.processes import ROOT, generated_secrets

LINKS, VISITORS, ROUNDS, SECONDS = 500, 20_000, 3, 3.0
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"
REACH = {"SQLite": (4.0, 2.5), "PostgreSQL": (2.0, 0.5)}  # Answers a second: by the spool, at once.
WORKER = """
import os, time
from pathlib import Path
from marketplace.app import create_app
from marketplace.settings import Settings
from marketplace.tracking.taking_in import Rounds
settings = Settings.from_env(os.environ)
with create_app(settings).app_context():
    rounds = Rounds(settings.click_dir)
    print("ready", flush=True)
    while True:
        rounds.go_round()
        time.sleep(0.25)
"""


@dataclass(frozen=True)
class Cost:
    """Of one way: its best round, and the CPU of one answer in microseconds, everything that it sets off included."""

    ran: Ran
    cpu: float


def measure(server: str | None = None) -> list[Figure]:
    on = "PostgreSQL" if server else "SQLite"
    (ROOT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as folder, _database(server, folder) as url:
        env = generated_secrets() | {
            "FINGERPOST_ENV": "development", "DATABASE_URL": url, "PUBLIC_URL": "http://localhost", "MAIL_DIR": folder,
            "STRIPE_SECRET_KEY": "sk_test_sandbox", "STRIPE_API_BASE": "http://127.0.0.1:9",
            "CLICK_DIR": f"{folder}/clicks", "RATE_LIMIT_STORAGE": "memory://"}
        app = create_app(Settings.from_env(env))
        with app.app_context():
            flask_migrate.upgrade(directory=str(ROOT / "migrations"))
            codes, requests = _world()
            figures = [*_beside_the_bare_view(on, env, requests), *_ending(on, env, codes, requests)]
            figures += [_killed(on, env, requests), *growth(on)]
            if not server:
                figures.append(_tricks(app, codes[0]))
            db.session.remove()
            db.engine.dispose()
        return figures


def _world() -> tuple[list[str], list[bytes]]:
    """Links of as many referrers, all to a site that is shown, and what so many visitors' browsers would send."""
    shops, now = make_shops(LINKS), clock.now()
    links = [{"id": new_id("link"), "code": new_code(), "spoken": (said := f"ANA-{secrets.token_hex(4)}"), "version": 1,
              "spoken_key": key_of(said), "bounty_id": shop.bounty_id, "referrer_id": shop.referrer_id}
             for shop in shops]
    with transaction():
        db.session.execute(insert(ReferralLink), links)
        db.session.execute(insert(BountyDestination), [
            {"bounty_id": shop.bounty_id, "url": "https://westside.example/cars", "version": 1, "set_by": shop.owner_id,
             "utm": "utm_source=fingerpost&utm_content={sub}"} for shop in shops])
        db.session.execute(insert(BusinessDomain), [
            {"id": new_id("domain"), "business_id": shop.business_id, "domain": "westside.example", "token": "-",
             "version": 1,
             "proof": DomainProof.DNS, "verified_at": now, "added_by": shop.owner_id} for shop in shops])
    db.session.remove()
    codes = [str(link["code"]) for link in links]
    visitors = [secrets.token_urlsafe(12) for _ in range(VISITORS)]
    return codes, [
        (f"GET /r/{codes[place % LINKS]}?sub=blog HTTP/1.1\r\nHost: localhost\r\nUser-Agent: {FIREFOX}\r\n"
         "Accept: text/html\r\n"
         f"Cookie: {CLICK_COOKIE}={sign_click(codes[place % LINKS], now, visitor)}\r\n\r\n").encode()
        for place, visitor in enumerate(visitors)]


def _beside_the_bare_view(on: str, env: dict[str, str], requests: list[bytes]) -> list[Figure]:
    with serving("benchmarks.bare_redirect:app", env) as bare, serving("wsgi:app", env) as spooled, \
            serving("wsgi:app", env | {"CLICKS": "sync"}) as at_once, _worker(env) as worker:
        servers = [_postmaster()] if on == "PostgreSQL" else []
        ways = {"bare": (bare, []), "spool": (spooled, [worker, *servers]), "sync": (at_once, servers)}
        costs: dict[str, list[Cost]] = {name: [] for name in ways}
        for number in range(ROUNDS + 1):
            for name, ((port, process), others) in ways.items():
                cost = _cost(port, requests, [process.pid, *others], seconds=SECONDS if number else 1.0,
                             is_recorded=name != "bare")
                if number:
                    costs[name].append(cost)
    best = {name: max(cost.ran.a_second for cost in some) for name, some in costs.items()}
    cpu = {name: min(cost.cpu for cost in some) for name, some in costs.items()}
    p99 = {name: min(cost.ran.p99_ms for cost in some) for name, some in costs.items()}
    said = (f"answers a second {best['bare']:.0f}, {best['spool']:.0f}, at once {best['sync']:.0f}; "
            f"CPU of one {cpu['bare']:.0f}, {cpu['spool']:.0f}, {cpu['sync']:.0f} us; "
            f"p99 {p99['bare']:.0f}, {p99['spool']:.0f}, {p99['sync']:.0f} ms")
    spool, sync = REACH[on]
    return [
        Figure(f"{on}: redirect with its click, answers a second / bare view",
               round(best["spool"] / best["bare"], 2), "x", spool, "higher", said),
        Figure(f"{on}: the same, CPU of app, worker and database / bare view",
               round(cpu["spool"] / cpu["bare"], 2), "x", 0.35, "lower"),
        Figure(f"{on}: the same, p99 / bare view", round(p99["spool"] / p99["bare"], 2), "x", 1.0, "lower"),
        Figure(f"{on}: CLICKS=sync, answers a second / bare view", round(best["sync"] / best["bare"], 2), "x", sync,
               "higher"),
    ]


def _cost(port: int, requests: list[bytes], processes: list[int], *, seconds: float, is_recorded: bool) -> Cost:
    """Until every click that was answered is in the database."""
    rows, began = _rows() if is_recorded else 0, cpu_of(*processes)
    ran = load(port, requests, seconds=seconds)
    assert set(ran.statuses) == {b"302"}, ran.statuses
    if is_recorded:
        _wait_until(lambda: _rows() >= rows + ran.answers)
    return Cost(ran, (cpu_of(*processes) - began) / ran.answers * 1e6)


def _rows() -> int:
    with db.engine.connect() as connection:
        return int(connection.scalar(select(func.coalesce(func.max(clicks.c.id), 0))) or 0)


def _wait_until(is_so: object, seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not is_so():  # type: ignore[operator]
        assert time.monotonic() < until, "clicks are missing"
        time.sleep(0.05)


@contextlib.contextmanager
def _worker(env: dict[str, str]) -> Iterator[int]:
    worker = subprocess.Popen([sys.executable, "-c", WORKER], cwd=ROOT, env={**os.environ, **env},
                              stdout=subprocess.PIPE)
    assert worker.stdout
    try:
        assert worker.stdout.readline() == b"ready\n"
        yield worker.pid
    finally:
        worker.kill()
        worker.wait()
        worker.stdout.close()


def _postmaster() -> int:
    with db.engine.connect() as connection:
        folder = connection.exec_driver_sql("SHOW data_directory").scalar()
    return int((Path(str(folder)) / "postmaster.pid").read_text().split()[0])


def _ending(on: str, env: dict[str, str], codes: list[str], requests: list[bytes]) -> list[Figure]:
    """All links end at once: until when any process leads anybody on."""
    with serving("wsgi:app", env) as (port, _):
        load(port, requests, seconds=1.0)
        with db.engine.begin() as connection:
            connection.execute(update(ReferralLink.__table__).values(ended_at=clock.now()))
        ended = last = time.monotonic()
        while time.monotonic() < ended + 7.0:
            code = codes[secrets.randbelow(LINKS)]
            if _asked_once(port, code).startswith(b"HTTP/1.1 302"):
                last = time.monotonic()
            time.sleep(0.01)
    with db.engine.begin() as connection:
        connection.execute(update(ReferralLink.__table__).values(ended_at=None))
    return [Figure(f"{on}: an ended link stops in every process after", round(last - ended, 1), "s", 5.0, "lower")]


def _asked_once(port: int, code: str) -> bytes:
    """By a connection of its own, so that each process is asked in turn."""
    with socket.create_connection(("127.0.0.1", port), 10) as one:
        one.sendall((f"GET /r/{code} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: {FIREFOX}\r\n"
                     "Connection: close\r\n\r\n").encode())
        return one.recv(4096)


def _killed(on: str, env: dict[str, str], requests: list[bytes]) -> Figure:
    """kill -9 of the server and of the worker under load: what was answered is taken in by the next worker, once."""
    rows = _rows()
    with serving("wsgi:app", env) as (port, server), _worker(env):
        threading.Timer(1.5, lambda: os.killpg(server.pid, signal.SIGKILL)).start()
        answered = load(port, requests, seconds=3.0).answers
    with _worker(env):
        _wait_until(lambda: not list(Path(env["CLICK_DIR"]).glob("*.clicks")))
    with db.engine.connect() as connection:
        kept = int(connection.scalar(select(func.count()).where(clicks.c.id > rows)) or 0)
    return Figure(f"{on}: clicks lost when all processes are killed", max(answered - kept, 0), "", 0, "lower",
                  f"{answered} answered, {kept} in the database: {kept - answered} were written, not answered")


BITS = ("https:", "//", "/\\", "\\\\", "@", "%40", "#", "?", "evil.example", "westside.example", "%00",
        "%0d%0aLocation:", "\t", ".",
        "javascript:", "\u3002", ":443")


def _tricks(app: Flask, code: str) -> Figure:
    """Ten thousand targets of `?to=` put together from what has fooled others."""
    redirects, won, tried = redirects_of(app), 0, 0
    way = redirects.ways.find(code)
    assert way is not None
    tricks = ["".join(parts) for length in (2, 3, 4) for parts in pairs_of(BITS, repeat=length)][:10_000]
    for trick in tricks:
        headers = dict(redirects.lead_on(way, {
            "REQUEST_METHOD": "GET", "QUERY_STRING": f"to={quote(trick)}", "HTTP_USER_AGENT": FIREFOX,
            "REMOTE_ADDR": "203.0.113.7"}))
        there = urlsplit(headers["Location"])
        safe = (there.netloc.removesuffix(":443").endswith("westside.example") and "evil" not in there.netloc) or (
            not there.netloc and not there.scheme and headers["Location"].startswith(f"/r/{code}/on?"))
        won += not safe or any(odd in headers["Location"] for odd in "\r\n\t\\")
        tried += 1
    return Figure("tricks that lead to a site that is not shown", won, "", 0, "lower", f"of {tried}")


