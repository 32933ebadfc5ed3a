"""The people of the story, and David's blog: a real server on loopback that the fetcher may reach."""
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from flask import Flask

from marketplace.bounties.models import Bounty
from marketplace.identity.models import Business, User
from tests.factories import make_bounty, make_business, make_user, owner_of

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

    def post(self, path: str = "/car", *, head: str = "", text: str = POST) -> str:
        self.pages[path] = text.replace("{head}", head)
        return self.address + path


@pytest.fixture
def blog(app: Flask) -> Iterator[Blog]:
    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked.append(self.path)
            page = found.pages.get(self.path.split("?")[0])
            self.send_response(200 if page else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write((page or "Not found").encode())

        def log_message(self, *said: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    found = Blog(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    before = app.extensions["settings"]
    app.extensions["settings"] = replace(before, fetch_allow=frozenset({found.address.removeprefix("http://")}))
    yield found
    app.extensions["settings"] = before
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def westside(app: Flask) -> Business:
    return make_business(make_user("Wes Park"), about="A family dealership.", place="San Diego")


@pytest.fixture
def wes(westside: Business) -> User:
    return owner_of(westside)


@pytest.fixture
def bounty(westside: Business) -> Bounty:
    """$1,000, funded for three leads."""
    return make_bounty(westside, is_live=True)


@pytest.fixture
def ana(app: Flask) -> User:
    return make_user("Ana Flores")


@pytest.fixture
def mona(app: Flask) -> User:
    return make_user("Mona Lind", is_admin=True)
