"""Many threads at the same gate: each does its part in a context of its own, as two requests would."""
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from flask import Flask
from sqlalchemy.orm.exc import StaleDataError

from marketplace.foundation.db import db
from tests.browsing import end_reading
from tests.properties.market import attempt

T = TypeVar("T")
ROUNDS = int(os.environ.get("FINGERPOST_LENGTH", "1"))
STALE = "stale"  # What the error answers turn into a 409: somebody else was faster.


def together(app: Flask, parts: list[Callable[[], T]]) -> list[T]:
    """What each part gave, in order. All start in the same moment; an error in one is raised here."""
    gate = threading.Barrier(len(parts))

    def take_part(part: Callable[[], T]) -> T:
        with app.app_context():
            try:
                gate.wait(timeout=30)
                return part()
            finally:
                db.session.remove()

    end_reading()
    with ThreadPoolExecutor(len(parts)) as pool:
        running = [pool.submit(take_part, part) for part in parts]
        done = [future.result(timeout=120) for future in running]
    end_reading()
    return done


def attempt_once(verb: Callable[[], object]) -> str:
    """``attempt``, with a row that moved on under our feet told apart."""
    try:
        return attempt(verb)
    except StaleDataError:
        return STALE
