"""A business's own program on a loopback port: takes what is posted to it, and answers what the test says."""
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from standardwebhooks import Webhook

from marketplace.foundation.db import db, transaction
from marketplace.hooks.endpoints import add_endpoint
from marketplace.hooks.listeners import forget_listeners
from marketplace.identity.models import Business, User
from tests import factories as make
from tests.kept import Keep


@dataclass
class Receiver:
    """``answers``: a status for each request to come, then 204 for ever. ``taken``: headers and body of each."""

    port: int = 0
    answers: list[int] = field(default_factory=list)
    taken: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/fingerpost"

    def said(self, secret: str) -> list[dict[str, Any]]:
        """What came, verified by the library as a receiver would."""
        return [Webhook(secret).verify(body, headers) for headers, body in self.taken]

    def types(self) -> list[str]:
        import json  # noqa: PLC0415

        return [json.loads(body)["type"] for _, body in self.taken]

    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.taken]


@pytest.fixture(scope="session")
def _receiver() -> Iterator[Receiver]:
    found = Receiver()

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.taken.append(({name.lower(): value for name, value in self.headers.items()}, body))
            status = found.answers.pop(0) if found.answers else 204
            self.send_response(status)
            if status in {301, 302}:
                self.send_header("Location", found.url + "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *said: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    found.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def receiver(app: Flask, _receiver: Receiver) -> Iterator[Receiver]:
    before = app.extensions["settings"]
    app.extensions["settings"] = replace(before, fetch_allow=frozenset({f"127.0.0.1:{_receiver.port}"}))
    _receiver.answers.clear()
    _receiver.taken.clear()
    yield _receiver
    app.extensions["settings"] = before


@pytest.fixture
def place(keep: Keep) -> SimpleNamespace:
    """Westside, its owner, and a lead of Ana's that was submitted: nobody listens yet."""
    ids = keep("a submitted lead and its business", _make)
    forget_listeners()
    return SimpleNamespace(wes=db.session.get_one(User, ids.wes), westside=db.session.get_one(Business, ids.westside),
                           lead_id=ids.lead)


def _make() -> SimpleNamespace:
    wes = make.make_user("Wes Park")
    westside = make.make_business(wes)
    lead = make.review_lead(make.make_lead(make.make_bounty(westside, is_live=True)))
    return SimpleNamespace(wes=wes.id, westside=westside.id, lead=lead.id)


@pytest.fixture
def listening(place: SimpleNamespace, receiver: Receiver) -> SimpleNamespace:
    """... and now its program does."""
    with transaction():
        endpoint, secret = add_endpoint(place.westside, url=receiver.url, by=place.wes)
    return SimpleNamespace(**vars(place), endpoint_id=endpoint.id, secret=secret)
