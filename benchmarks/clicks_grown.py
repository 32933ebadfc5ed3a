"""What taking clicks in costs at ten thousand of them and at ten million: one batch of it, its look-ups included."""
import os
import secrets
import time
from datetime import datetime, timedelta

from benchmarks.figures import Figure
from benchmarks.product import settle
from marketplace.foundation import clock
from marketplace.foundation.db import db, transaction
from marketplace.tracking.click_ids import EPOCH, MILLISECOND
from marketplace.tracking.marking import Seen
from marketplace.tracking.models import ClickMark
from marketplace.tracking.redirects import visitor_of
from marketplace.tracking.taking_in import as_kept, write_clicks

FEW, MANY = 10_000, int(os.environ.get("FINGERPOST_CLICKS", "10000000"))
BATCH, ROUNDS, OVER = 4_000, 12, timedelta(days=365)
AT_ONCE = 100_000
CODES = [secrets.token_hex(4) for _ in range(5_000)]


def growth(on: str) -> list[Figure]:
    """A year of clicks, the last of them now; a batch is of now, a tenth of it by visitors of the past months."""
    _empty()
    _fill(FEW)
    few = _batch_cost()
    _empty()
    _fill(MANY)
    many = _batch_cost()
    return [Figure(f"{on}: taking a click in, at {MANY:,} / at {FEW:,}", round(many / few, 2), "x", 2.0, "lower",
                   f"{few:.0f} us and {many:.0f} us of the wall for each, in batches of {BATCH:,}")]


def _empty() -> None:
    with transaction():
        db.session.connection().exec_driver_sql("DELETE FROM clicks" if _is_lite() else "TRUNCATE clicks")
        db.session.connection().exec_driver_sql("DELETE FROM click_days")


def _fill(count: int) -> None:
    now = clock.now()
    began, step = now - OVER, OVER / count
    for start in range(0, count, AT_ONCE):
        rows = [(CODES[number % 5_000], began + number * step, _visitor(began + number * step))
                for number in range(start, min(start + AT_ONCE, count))]
        with transaction():
            connection = db.session.connection()
            if _is_lite():
                connection.exec_driver_sql(
                    "INSERT INTO clicks (code, at, visitor, mark) VALUES (?, ?, ?, 'counted')",
                    [(code, as_kept(at), visitor) for code, at, visitor in rows])
            else:
                driver = connection.connection.driver_connection
                with driver.cursor() as cursor, cursor.copy("COPY clicks (code, at, visitor, mark) FROM STDIN") as copy:  # type: ignore[union-attr]
                    copy.write("".join(f"{code}\t{at.isoformat()}\t{visitor}\tcounted\n" for code, at, visitor in rows))
    settle()


def _visitor(at: datetime) -> str:
    return visitor_of((at - EPOCH).days, secrets.token_bytes(10))


def _batch_cost() -> float:
    """Microseconds of a click: the middle of the rounds."""
    spent = []
    for number in range(ROUNDS + 2):
        now = clock.now()
        seen = [Seen(CODES[place % 5_000], (now - EPOCH) // MILLISECOND,
                     _visitor(now - timedelta(days=place % 90 if place % 10 == 0 else 0)),
                     ClickMark.COUNTED, None) for place in range(BATCH)]
        began = time.perf_counter()
        with transaction():
            write_clicks(seen)
        if number >= 2:
            spent.append((time.perf_counter() - began) / BATCH * 1e6)
    return sorted(spent)[len(spent) // 2]


def _is_lite() -> bool:
    return db.engine.dialect.name == "sqlite"
