"""Reads one public web page for a person who gave its address, within fixed bounds, or says why not."""
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from marketplace.foundation import clock
from marketplace.foundation.dialling import (
    AntiSSRFError,
    Deadline,
    DeadlinePassed,
    PublicWebAdapter,
    RefusedAddress,
)
from marketplace.foundation.errors import Invalid
from marketplace.foundation.urls import BadUrl, split_web_url

CONNECT_SECONDS = 3.0
READ_SECONDS = 5.0
TOTAL_SECONDS = 10.0
MAX_BYTES = 2 * 1024 * 1024  # after decompression
MAX_REDIRECTS = 3
CONTENT_TYPES = frozenset({"text/html", "application/xhtml+xml", "text/plain"})
FEED_TYPES = frozenset({
    "application/atom+xml", "application/rss+xml", "application/rdf+xml", "application/xml", "text/xml",
    "application/feed+json", "application/json"})
HEADERS = {
    "User-Agent": "Fingerpost/1.0 (reads a page when a person points us to it)",
    "Accept": "text/html,application/xhtml+xml,text/plain;q=0.9",
    "Accept-Encoding": "gzip, deflate",
    "Connection": "close",
}

_EXPECTED = (OSError, urllib3.exceptions.HTTPError, AntiSSRFError, RefusedAddress, DeadlinePassed, BadUrl, UnicodeError)
_CHUNK_BYTES = 16 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ENCODINGS = frozenset({"", "identity", "gzip", "x-gzip", "deflate"})
# A stranger names the decoder, and Python has slow and odd ones (idna, unicode_escape).
_CHARSET = re.compile(
    r"utf-?(8|16|32)|(us-?)?ascii|iso-?8859|latin|windows-|cp\d|koi8|gb|big5|euc|shift|sjis|mac", re.IGNORECASE
)
_BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_META_CHARSET = re.compile(
    rb"(?:<meta[^>]{0,200}?charset|<\?xml[^>]{0,100}?encoding)\s*=\s*[\"']?\s*(?!utf-?(?:16|32))([\w.:-]{1,40})",
    re.IGNORECASE)  # What is written in plain letters is in neither of these two.


class FetchFailure(StrEnum):
    UNREACHABLE = "unreachable"
    REFUSED_ADDRESS = "refused_address"
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    NOT_HTML = "not_html"
    TOO_MANY_REDIRECTS = "too_many_redirects"
    HTTP_ERROR = "http_error"
    BAD_URL = "bad_url"


_WHAT_TO_SAY = {
    FetchFailure.UNREACHABLE: (
        "We could not reach this page.",
        "Open it in a private browser window; if it opens there, try again later, else paste its text instead.",
    ),
    FetchFailure.REFUSED_ADDRESS: (
        "This address, or one that it leads to, is not on the public web.",
        "Give the address of a page that anyone can open, or paste its text instead.",
    ),
    FetchFailure.TOO_LARGE: (
        "This page is larger than 2 MB.",
        "Give the address of the single post or comment, or paste its text instead.",
    ),
    FetchFailure.TOO_SLOW: ("This page took too long to answer.", "Try again later, or paste its text instead."),
    FetchFailure.NOT_HTML: (
        "This address holds something other than a page of text.",
        "Give the address of the page that shows the post, or paste its text instead.",
    ),
    FetchFailure.TOO_MANY_REDIRECTS: (
        "This page sends its visitors on too many times.",
        "Open it in your browser and give the address where you end up.",
    ),
    FetchFailure.HTTP_ERROR: (
        "The site did not give us this page.",
        "See that it opens in a private browser window without signing in, or paste its text instead.",
    ),
    FetchFailure.BAD_URL: (
        "This is not the address of a web page.",
        "Copy the whole address from your browser’s address bar; it begins with https:// or http://.",
    ),
}


def say_failure(reason: FetchFailure) -> str:
    """The sentence for people, without what to do."""
    return _WHAT_TO_SAY[reason][0]


class FetchFailed(Invalid):
    """No page: ``reason`` for programs, message and next step for the referrer, naming no address and no cause."""

    def __init__(self, reason: FetchFailure, *, page_status: int | None = None) -> None:
        message, next_step = _WHAT_TO_SAY[reason]
        super().__init__(message, next_step=next_step)
        self.reason = reason
        self.code = f"page_{reason}"
        self.page_status = page_status


@dataclass(frozen=True)
class Fetched:
    """A page as text. ``status`` is 200 to 299, ``content_type`` has no parameters, ``fetched_at`` is UTC."""

    url: str
    final_url: str
    status: int
    content_type: str
    text: str
    fetched_at: datetime


def fetch(
    url: str, *, allow: frozenset[str] = frozenset(), kinds: frozenset[str] = CONTENT_TYPES,
    within: float | None = None,
) -> Fetched:
    """The page at ``url``, in at most 10 seconds, 2 MiB and 3 redirects. Raises FetchFailed, nothing else.

    ``allow`` names ``host:port`` pairs that may be loopback, on any port (development: the demo blog).
    ``kinds``: content types that are read; ``within``: other seconds than ten. Call it outside a database
    transaction: it waits for a stranger.
    """
    here = url.strip()
    with Deadline(within or TOTAL_SECONDS) as deadline, failures_named(deadline):
        for _ in range(MAX_REDIRECTS + 1):
            with _opened(here, deadline, allow, kinds) as response:
                if response.status_code not in _REDIRECTS:
                    return _page(url, response, deadline, kinds)
                here = _next_address(here, response)
    raise FetchFailed(FetchFailure.TOO_MANY_REDIRECTS)


@contextmanager
def _opened(
    url: str, deadline: Deadline, allow: frozenset[str], kinds: frozenset[str]
) -> Iterator[requests.Response]:
    split_web_url(url)
    wanted = HEADERS if kinds >= CONTENT_TYPES else HEADERS | {"Accept": ",".join(sorted(kinds))}
    request = requests.Request("GET", url, headers=wanted).prepare()
    adapter = PublicWebAdapter(deadline, allow)
    try:
        patience = (deadline.at_most(CONNECT_SECONDS), deadline.at_most(READ_SECONDS))
        with adapter.send(request, stream=True, timeout=patience, proxies={}) as response:
            yield response
    finally:
        adapter.close()


def _next_address(here: str, response: requests.Response) -> str:
    """Where a redirect leads, if it may: the same rules as for the first address, and never from https to http."""
    location = response.headers.get("Location")
    if not location:
        raise FetchFailed(FetchFailure.HTTP_ERROR, page_status=response.status_code)
    try:
        # header bytes arrive as latin-1, but are UTF-8 where they are not ASCII (as requests itself takes them)
        there = urljoin(here, location.encode("latin-1").decode("utf-8", "replace").strip().replace(" ", "%20"))
        scheme = split_web_url(there).scheme
    except (BadUrl, ValueError):
        raise FetchFailed(FetchFailure.REFUSED_ADDRESS) from None
    if scheme == "http" and urlsplit(here).scheme == "https":
        raise FetchFailed(FetchFailure.REFUSED_ADDRESS)
    return there


def _page(url: str, response: requests.Response, deadline: Deadline, kinds: frozenset[str]) -> Fetched:
    if not 200 <= response.status_code < 300:
        raise FetchFailed(FetchFailure.HTTP_ERROR, page_status=response.status_code)
    content_type = response.headers.get("Content-Type", "")
    kind = content_type.partition(";")[0].strip().lower()
    encodings = {name.strip().lower() for name in response.headers.get("Content-Encoding", "").split(",")}
    if kind not in kinds or not encodings <= _ENCODINGS:
        raise FetchFailed(FetchFailure.NOT_HTML)
    body = _read(response)
    deadline.at_most(READ_SECONDS)  # a page that was cut off by the deadline must not pass for a whole one
    return Fetched(url, response.url, response.status_code, kind, decode_page(body, content_type), clock.now())


def _read(response: requests.Response) -> bytes:
    """The decompressed body, refused as soon as it is too large: a small answer can unpack to gigabytes."""
    body = bytearray()
    while chunk := response.raw.read(_CHUNK_BYTES, decode_content=True):
        body += chunk
        if len(body) > MAX_BYTES:
            raise FetchFailed(FetchFailure.TOO_LARGE)
    return bytes(body)


def decode_page(body: bytes, content_type: str) -> str:
    """By byte order mark, header, meta tag, else UTF-8, else Windows-1252 (what browsers take latin-1 for). No NUL."""
    header = re.search(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", content_type, re.IGNORECASE)
    meta = _META_CHARSET.search(body[:2048])
    marked = next((name for mark, name in _BYTE_ORDER_MARKS.items() if body.startswith(mark)), "")
    for name in (marked, header and header[1], meta and meta[1].decode(), "utf-8"):
        if name and _CHARSET.match(name):
            codec = "cp1252" if re.fullmatch(r"(iso-?8859-?1|latin-?1|us-ascii|ascii)", name, re.IGNORECASE) else name
            try:
                return body.decode(codec).replace("\0", "")
            except (LookupError, UnicodeError):
                continue
    return body.decode("cp1252", "replace").replace("\0", "")


@contextmanager
def failures_named(deadline: Deadline) -> Iterator[None]:
    try:
        yield
    except FetchFailed:
        raise
    except _EXPECTED as cause:
        raise FetchFailed(FetchFailure.TOO_SLOW if deadline.passed else _reason(cause)) from cause


def _reason(cause: Exception) -> FetchFailure:
    match cause:
        case AntiSSRFError() | RefusedAddress():
            return FetchFailure.REFUSED_ADDRESS
        case DeadlinePassed() | requests.ReadTimeout() | urllib3.exceptions.ReadTimeoutError():
            return FetchFailure.TOO_SLOW
        case BadUrl() | UnicodeError() | requests.exceptions.InvalidURL():
            return FetchFailure.BAD_URL
        case urllib3.exceptions.DecodeError():
            return FetchFailure.NOT_HTML
        case _:
            return FetchFailure.UNREACHABLE
