"""A post at its address: who wrote it and when, from its page, else from the feed of its own site and no other."""
from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest

from marketplace.foundation import clock
from marketplace.foundation.fetch import FetchFailed, FetchFailure
from marketplace.foundation.public_posts import read_public_post
from tests.foundation.test_fetch import PUBLIC, Web, server, web  # noqa: F401 - the fixtures

pytestmark = pytest.mark.once  # No database in here.

URL = "http://blog.example/car"
SILENT = """<html lang="en"><head><title>Goodbye, old wagon</title>{head}</head><body><article><h1>Goodbye, old wagon</h1>
<p>The transmission has given up for good this time, and the workshop shook its head at it. I am in the market for a car.</p></article></body></html>"""
LINK = '<link rel="alternate" type="application/rss+xml" href="{}">'
FEED = b"""<rss version="2.0"><channel><item><title>x</title><link>http://blog.example/car</link><author>d@blog.example (David Brandt)</author>
<pubDate>Sat, 31 Oct 2026 07:00:00 GMT</pubDate><description>I am in the market for a car</description></item></channel></rss>"""
SAID = '<meta name="author" content="Maria Kern"><meta property="article:published_time" content="2026-11-12">'


@pytest.fixture(autouse=True)
def _late_november() -> Iterator[None]:
    clock.use(lambda: datetime(2026, 11, 22, 9, 30, tzinfo=UTC))
    yield
    clock.use(clock.system_time)


def put(web: Web, head: str = LINK.format("/feed"), feed: bytes = FEED) -> None:  # noqa: F811
    web.page("/car", SILENT.format(head=head).encode())
    web.page("/feed", feed, "application/rss+xml")


def who_and_when(url: str = URL, **more: bool) -> tuple[str, date | None]:
    reading = read_public_post(url, **more)
    assert reading.title == "Goodbye, old wagon" and "I am in the market for a car" in reading.text
    return reading.author, reading.published_on


def test_where_the_page_is_silent_its_feed_says_who_and_when(web: Web) -> None:  # noqa: F811
    put(web)
    assert who_and_when() == ("David Brandt", date(2026, 10, 31))
    assert web.dialled == [(PUBLIC, 80)] * 2
    assert "application/rss+xml" in web.headers[1]["accept"] and "html" not in web.headers[1]["accept"]


@pytest.mark.parametrize(("said", "found"), [
    (SAID.partition(">")[0] + ">", ("Maria Kern", date(2026, 10, 31))), (SAID.partition(">")[2], ("David Brandt", date(2026, 11, 12)))])
def test_what_the_page_says_itself_counts_first(web: Web, said: str, found: tuple[str, date]) -> None:  # noqa: F811
    put(web, said + LINK.format("/feed"))
    assert who_and_when() == found


@pytest.mark.parametrize(("head", "url", "more"), [
    (SAID + LINK.format("/feed"), URL, {}), (LINK.format("/feed"), URL, {"asks_feed": False}), (LINK.format("/feed"), f"{URL}#answer-7", {}), ("", URL, {}),
    (LINK.format("http://other.example/feed"), URL, {}), (LINK.format("http://127.0.0.1/feed"), URL, {}), (LINK.format("file:///feed"), URL, {}),
    (LINK.format("/comments/feed"), URL, {}), (LINK.format("/feed").replace("rss+xml", "json"), URL, {}), (LINK.format("http://[::1"), URL, {}),
])
def test_a_feed_is_asked_only_where_it_is_needed_and_the_pages_own(web: Web, head: str, url: str, more: dict[str, bool]) -> None:  # noqa: F811
    put(web, head)
    web.pages["/car#answer-7"] = web.pages["/car"]
    found = who_and_when(url, **more)
    assert found == (("Maria Kern", date(2026, 11, 12)) if SAID in head else ("", None))
    assert len(web.dialled) == 1


@pytest.mark.parametrize("place", ["http://other.example/there", "http://127.0.0.1/feed", "http://10.0.0.1/feed", "file:///feed"])
def test_a_feed_that_is_led_elsewhere_is_not_the_pages_word(web: Web, place: str) -> None:  # noqa: F811
    put(web)
    web.redirect("/feed", place)
    web.page("/there", FEED, "text/xml")
    assert who_and_when() == ("", None)
    assert {host for host, _ in web.dialled} == {PUBLIC}


@pytest.mark.parametrize(("kind", "body", "status"), [
    ("text/html", FEED, 200), ("text/xml", b"not a feed", 200), ("text/xml", FEED, 404), ("text/xml", b"x" * 2_100_000, 200),
    ("text/xml", FEED.replace(b"/car", b"/boat"), 200)])
def test_a_feed_that_tells_nothing_takes_nothing_from_the_page(web: Web, kind: str, body: bytes, status: int) -> None:  # noqa: F811
    put(web)
    web.page("/feed", body, kind, status)
    assert who_and_when() == ("", None)


def test_the_address_of_a_single_entry_is_read_and_a_whole_feed_is_none(web: Web) -> None:  # noqa: F811
    web.page("/entry", FEED, "application/rss+xml")
    reading = read_public_post("http://blog.example/entry")
    assert (reading.text, reading.author, reading.published_on) == ("I am in the market for a car", "David Brandt", date(2026, 10, 31))
    item = FEED[FEED.index(b"<item>"):FEED.index(b"</channel>")]
    for feed in (FEED.replace(item, item * 2), FEED.replace(b"description", b"comments"), b"<html/>"):
        web.page("/feed", feed, "application/rss+xml")
        with pytest.raises(FetchFailed) as refusal:
            read_public_post("http://blog.example/feed")
        assert refusal.value.reason is FetchFailure.NOT_HTML
