"""The people of the story, and David's blog: a real server on loopback that the fetcher may reach."""
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from flask import Flask

from marketplace.bounties.models import Bounty
from marketplace.foundation.db import db
from marketplace.identity.models import Business, User
from marketplace.referrals.models import Lead
from tests.browsing import end_reading
from tests.factories import make_bounty, make_business, make_user
from tests.kept import Keep

QUOTE = "I am in the market for a car"
POST = """<html lang="en"><head><title>Goodbye, old wagon</title><meta name="author" content="David Brandt">{head}
<meta property="article:published_time" content="2026-10-31T07:00:00Z"></head><body><article><h1>Goodbye, old wagon</h1>
<p>The transmission has given up for good this time, and the workshop shook its head at it.</p>
<p>So it is decided. I am in the market for a car, something for two kids and a dog, before Christmas.</p></article></body></html>"""


@dataclass
class Blog:
    """Pages by path; a path that is missing answers 404."""

    address: str
    pages: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    kinds: dict[str, str] = field(default_factory=dict)  # Of what is no HTML.

    def post(self, path: str = "/car", *, head: str = "", text: str = POST) -> str:
        self.pages[path] = text.replace("{head}", head)
        return self.address + path


@pytest.fixture(scope="session")
def _blog() -> Iterator[Blog]:
    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked.append(self.path)
            page = found.pages.get(self.path.split("?")[0])
            self.send_response(200 if page else 404)
            self.send_header("Content-Type", found.kinds.get(self.path, "text/html; charset=utf-8"))
            self.end_headers()
            self.wfile.write((page or "Not found").encode())

        def log_message(self, *said: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    found = Blog(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def blog(app: Flask, _blog: Blog) -> Iterator[Blog]:
    """The same address in every test, so that worlds with a post in them can be kept; its pages are the test's own."""
    before = app.extensions["settings"]
    app.extensions["settings"] = replace(before, fetch_allow=frozenset({_blog.address.removeprefix("http://")}))
    yield _blog
    app.extensions["settings"] = before
    _blog.pages.clear()
    _blog.asked.clear()
    _blog.kinds.clear()


@pytest.fixture
def _people(app: Flask, keep: Keep, request: pytest.FixtureRequest) -> SimpleNamespace:
    """Ids. With their bounty only where the test has it: it holds money that the sandbox knows nothing of."""
    if "bounty" in request.fixturenames:
        return keep("the people and their bounty", lambda: _make_people(with_bounty=True))
    return keep("the people", lambda: _make_people(with_bounty=False))


def _make_people(*, with_bounty: bool) -> SimpleNamespace:
    wes = make_user("Wes Park")
    westside = make_business(wes, about="A family dealership.", place="Denver")
    bounty = make_bounty(westside, is_live=True) if with_bounty else None
    return SimpleNamespace(
        wes=wes.id, westside=westside.id, bounty=bounty and bounty.id, ana=make_user("Ana Flores").id,
        mona=make_user("Mona Lind", is_admin=True).id)


@pytest.fixture
def westside(_people: SimpleNamespace) -> Business:
    return db.session.get_one(Business, _people.westside)


@pytest.fixture
def wes(_people: SimpleNamespace) -> User:
    return db.session.get_one(User, _people.wes)


@pytest.fixture
def bounty(_people: SimpleNamespace) -> Bounty:
    """$1,000, funded for three leads."""
    return db.session.get_one(Bounty, _people.bounty)


@pytest.fixture
def ana(_people: SimpleNamespace) -> User:
    return db.session.get_one(User, _people.ana)


@pytest.fixture
def mona(_people: SimpleNamespace) -> User:
    return db.session.get_one(User, _people.mona)


@pytest.fixture
def keep_lead(keep: Keep, request: pytest.FixtureRequest) -> Callable[[str, Callable[[], Lead]], Lead]:
    """`keep_lead("won", build)`: the lead that `build` makes, kept for this file's tests, as the database has it."""
    def kept(name: str, build: Callable[[], Lead]) -> Lead:
        lead_id = keep(f"{request.module.__name__}: {name}", lambda: build().id)
        end_reading()
        return db.session.get_one(Lead, lead_id, populate_existing=True)
    return kept
