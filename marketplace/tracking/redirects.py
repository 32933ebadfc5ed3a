"""``/r/<code>`` in front of the application: a redirect, a signed id, a line in a file; no session, ORM or template.

What it does not know at once (a code that nobody has, a spoken one, a link that ended) the application answers.
"""
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qs

from marketplace.foundation import clock
from marketplace.tracking.click_ids import CLICK_COOKIE, EPOCH, ClickSigner, spell
from marketplace.tracking.destinations import SUB
from marketplace.tracking.marking import mark_of_request
from marketplace.tracking.models import ClickMark
from marketplace.tracking.ways import Way, Ways

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

COOKIE_KEPT = timedelta(days=365)  # The longest window in which a click can be credited.
CODE_IN_PATH = re.compile(r"/r/([0-9a-hjkmnp-tv-z]{8})")
LONGEST_QUERY = 4096
_COOKIE = re.compile(rf"(?:^|;\s*){CLICK_COOKIE}=([A-Za-z0-9_-]{{48}})(?:;|$)")
_KEPT = f"Max-Age={COOKIE_KEPT // timedelta(seconds=1)}; Path=/; HttpOnly; SameSite=Lax"
_ONLY_SUB = re.compile(rf"sub=({SUB.pattern})")
_MILLISECOND = timedelta(milliseconds=1)
_DAY_BYTES, _MARK_BYTES = 2, 10  # Of a visitor: the day since 1970, then what tells one from another.


class Sink(Protocol):
    """Where clicks are written, with milliseconds since 1970, as in their ids. It raises nothing: they are led on."""

    def write(self, code: str, milliseconds: int, visitor: str, mark: ClickMark, sub: str | None) -> None: ...


@dataclass(frozen=True)
class Visitors:
    """Marks for visitors: of the day and a keyed hash, or of the day and chance. No address is kept."""

    key: bytes

    def of(self, environ: "WSGIEnvironment", day: int) -> str:
        """The same for one browser at one address all day, and another one tomorrow."""
        seen = f"{day}\n{environ.get('REMOTE_ADDR', '')}\n{environ.get('HTTP_USER_AGENT', '')}"
        return visitor_of(day, blake2b(
            seen.encode("utf-8", "replace"), key=self.key, digest_size=_MARK_BYTES).digest())

    def by_chance(self, day: int) -> str:
        return visitor_of(day, os.urandom(_MARK_BYTES))


def visitor_of(day: int, rest: bytes) -> str:
    """The day first: what is new stands together in the database's index."""
    return spell(day.to_bytes(_DAY_BYTES, "big") + rest)


def asks_not_to_be_tracked(environ: "WSGIEnvironment") -> bool:
    """Do Not Track, or Global Privacy Control."""
    return environ.get("HTTP_DNT") == "1" or environ.get("HTTP_SEC_GPC") == "1"


@dataclass(frozen=True)
class Redirects:
    """WSGI middleware. ``allow`` as in ``destinations``; ``secure``: cookies and addresses of production."""

    app: "WSGIApplication"
    ways: Ways
    signer: ClickSigner
    visitors: Visitors
    sink: Sink
    secure: bool
    allow: frozenset[str] = frozenset()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        found = CODE_IN_PATH.fullmatch(path) if path[:3] == "/r/" else None
        if found and environ["REQUEST_METHOD"] in {"GET", "HEAD"}:
            way = self.ways.find(found[1])
            if way is not None:
                start_response("302 Found", self.lead_on(way, environ))
                return [b""]
        return self.app(environ, start_response)

    def lead_on(self, way: Way, environ: "WSGIEnvironment") -> list[tuple[str, str]]:
        """The headers of the redirect; the click is written."""
        milliseconds = (clock.now() - EPOCH) // _MILLISECOND
        day = milliseconds // 86_400_000
        mark = mark_of_request(environ)
        untracked = asks_not_to_be_tracked(environ)
        visitor = self.visitors.by_chance(day) if untracked else self._visitor(environ, day)
        sub, asked = _asked(environ.get("QUERY_STRING", ""))
        self.sink.write(way.code, milliseconds, visitor, mark, sub)
        # What a business reads has a mark of its own: two of them cannot find out that the same person came to both.
        click_id = self.signer.sign(way.code, milliseconds, self.visitors.by_chance(day))
        headers = [
            ("Location", way.location(click_id, sub, asked, allow=self.allow)),
            ("Cache-Control", "no-store"), ("Content-Length", "0"),
            ("Referrer-Policy", "strict-origin"), ("X-Robots-Tag", "noindex, nofollow"),
        ]
        if mark is ClickMark.COUNTED and not untracked:  # Nobody clicked, or they asked not to be known again.
            own = self.signer.sign(way.code, milliseconds, visitor)
            headers.append(("Set-Cookie", f"{CLICK_COOKIE}={own}; {_KEPT}{'; Secure' if self.secure else ''}"))
        if self.secure:
            headers.append(("Strict-Transport-Security", "max-age=31536000; includeSubDomains"))
        return headers

    def _visitor(self, environ: "WSGIEnvironment", day: int) -> str:
        """Known from an earlier click, by the cookie; else by the day's hash."""
        said = _COOKIE.search(environ.get("HTTP_COOKIE", ""))
        earlier = self.signer.read(said[1]) if said else None
        return earlier.visitor if earlier else self.visitors.of(environ, day)


def _asked(query: str) -> tuple[str | None, str]:
    """``?sub=`` and ``?to=``; what is not as it should be is as if it were not there."""
    if not query or len(query) > LONGEST_QUERY:
        return None, ""
    if found := _ONLY_SUB.fullmatch(query):
        return found[1], ""
    said = parse_qs(query, max_num_fields=50, errors="replace") if query.count("&") < 50 else {}
    sub = said.get("sub", [""])[-1]
    return (sub if SUB.fullmatch(sub) else None), said.get("to", [""])[-1]

