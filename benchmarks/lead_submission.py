"""One lead submitted through its verb, beside the very same SQL sent by hand to the same kind of file."""
import re
import secrets
import sqlite3
import time
from collections.abc import Callable
from itertools import count
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import make_url

from benchmarks.figures import Figure, take_turns
from benchmarks.product import make_live_bounties, make_user, product
from marketplace.bounties.models import Bounty
from marketplace.foundation.db import db, transaction
from marketplace.identity.models import User
from marketplace.referrals.models import Acquaintance
from marketplace.referrals.pointing import point_at_buyer

# Measured 11 to 14: twelve statements through the ORM at half a millisecond each (a select built anew costs 0.9 ms,
# the driver's own 0.01), and five values encrypted. One more promise adds one; twice as many statements break it.
BAR = 20
NEW_ID = re.compile(r"\b(?:buyer|lead|evidence|audit|job)_[0-9a-z]{26}\b")
Statement = tuple[str, Any]


def measure() -> list[Figure]:
    with product():
        [bounty_id] = make_live_bounties(1, funded_each_minor=90_000_000)
        ana = make_user("Ana").id
        submit = submitting(bounty_id, ana)
        submit()
        statements = recorded(submit)
        path = make_url(str(db.engine.url)).database or ""
        by_hand = sending_by_hand(path, statements)
        verb, hand = take_turns(submit, by_hand, calls=(20, 100))
        wall = [_wall(submit), _wall(by_hand)]
    return [Figure(
        "lead submitted: CPU of the verb / its SQL by hand", round(verb.least / hand.least, 1), "x", BAR, "lower",
        f"{verb.least / 1000:.2f} ms (median {verb.middle / 1000:.2f}) to {hand.least:.0f} us (median {hand.middle:.0f}), "  # noqa: E501
        f"{len(statements)} statements; with the disk {wall[0]:.2f} ms to {wall[1]:.2f} ms")]


def submitting(bounty_id: str, user_id: str) -> Callable[[], None]:
    serial = count()

    def submit() -> None:
        number = next(serial)
        with transaction():
            point_at_buyer(
                db.session.get_one(Bounty, bounty_id), by=db.session.get_one(User, user_id),
                url=f"https://blog.example/posts/{number}", quote="I am in the market for a car, to buy soon.",
                acquaintance=Acquaintance.ONLINE, how_known="I have read this blog for years.", buyer_name="David",
                buyer_email=f"david{number}@mail.example")
        db.session.remove()

    return submit


def recorded(work: Callable[[], None]) -> list[Statement]:
    """What the verb sends, in order, without the savepoint's own words."""
    seen: list[Statement] = []

    def note(connection: object, cursor: object, statement: str, parameters: Any, *rest: object) -> None:
        sets = parameters if parameters and isinstance(parameters[0], tuple | list) else [parameters or ()]
        seen.extend((statement, one) for one in sets)

    event.listen(db.engine, "before_cursor_execute", note)
    work()
    event.remove(db.engine, "before_cursor_execute", note)
    return [one for one in seen if not one[0].startswith(("BEGIN", "SAVEPOINT", "RELEASE", "PRAGMA"))]


def sending_by_hand(path: str, statements: list[Statement]) -> Callable[[], None]:
    """The same statements with new ids, on a connection with the product's own safety: each commit reaches the disk."""
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("synchronous=FULL", "foreign_keys=ON", "recursive_triggers=ON", "busy_timeout=30000"):
        connection.execute(f"PRAGMA {pragma}")
    texts = " ".join(str(value) for _, parameters in statements for value in parameters)
    old = sorted(set(NEW_ID.findall(texts)))
    hashes = sorted({value for sql, parameters in statements if "INTO leads" in sql for value in parameters
                     if isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}|[A-Za-z0-9_-]{43}=?", value)})
    serial = count()

    def send() -> None:
        number = next(serial)
        fresh = {one: f"{one[:-12]}{number:06d}{secrets.token_hex(3)}" for one in old}
        fresh |= {one: f"{number:08d}{one[8:]}" for one in hashes}
        connection.execute("BEGIN IMMEDIATE")
        for sql, parameters in statements:
            connection.execute(sql, [_replaced(value, fresh) for value in parameters]).fetchall()
        connection.execute("COMMIT")

    return send


def _replaced(value: Any, fresh: dict[str, str]) -> Any:
    if not isinstance(value, str):
        return value
    if value in fresh:
        return fresh[value]
    return NEW_ID.sub(lambda found: fresh[found[0]], value) if value.startswith("{") else value


def _wall(work: Callable[[], None]) -> float:
    """Milliseconds, the fastest of thirty."""
    spent = []
    for _ in range(30):
        began = time.perf_counter()
        work()
        spent.append(time.perf_counter() - began)
    return min(spent) * 1000
