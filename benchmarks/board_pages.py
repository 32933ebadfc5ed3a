"""Pages of the board a second, beside the least that Flask itself can do: a view that answers one word."""
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Any

from flask import Flask
from werkzeug.test import EnvironBuilder

from benchmarks.figures import Figure, take_turns
from benchmarks.product import make_live_bounties, product
from marketplace.foundation.db import db

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

BOUNTIES = 2_000
# Measured 88 (6.2 ms), and up to 97 on a busy machine: half of it twenty cards drawn by Jinja, a quarter reading rows
# into objects, the rest the frame, the limiter and the headers. A query by row would break it.
BAR = 110
REQUESTS_A_CALLER = 300  # The site lets one address ask 600 times a minute.


def measure() -> list[Figure]:
    with product() as app:
        make_live_bounties(BOUNTIES, funded_each_minor=1_000_000)
        db.session.remove()
        board = asking(app, "/bounties", expect=b"Point us at a buyer")
        bare_app = Flask("bare")
        bare_app.add_url_rule("/", "say", lambda: "ok")
        bare = asking(bare_app, "/", expect=b"ok")
        queries = count_queries(board)
        page, least = take_turns(board, bare, calls=(20, 400))
    return [
        Figure("board: CPU of a page / bare Flask view", round(page.least / least.least, 1), "x", BAR, "lower",
               f"{page.least / 1000:.2f} ms (median {page.middle / 1000:.2f}) to {least.least:.0f} us "
               f"(median {least.middle:.0f}); {1e6 / page.least:.0f} pages/s a core; {BOUNTIES} live bounties"),
        Figure("board: queries of a page", queries, "queries", 3, "lower", "the page, its funds, no more by row"),
    ]


def asking(app: "WSGIApplication", path: str, *, expect: bytes) -> Callable[[], None]:
    """A call as a server makes it, in process; another address each few hundred requests."""
    plain = EnvironBuilder(path=path, base_url="http://localhost").get_environ()
    serial = count()

    def ask() -> None:
        status: list[str] = []
        number = next(serial) // REQUESTS_A_CALLER
        environ: dict[str, Any] = plain | {"REMOTE_ADDR": f"10.0.{number // 250}.{number % 250}"}
        answer = app(environ, lambda said, headers, trouble=None: status.append(said))  # type: ignore[arg-type,return-value]
        body = b"".join(answer)
        if hasattr(answer, "close"):
            answer.close()
        assert status == ["200 OK"], status
        assert expect in body

    return ask


def count_queries(work: Callable[[], object]) -> int:
    from sqlalchemy import event  # noqa: PLC0415

    seen: list[str] = []

    def note(connection: object, cursor: object, statement: str, *rest: object) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "WITH")):
            seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    work()
    event.remove(db.engine, "before_cursor_execute", note)
    return len(seen)
