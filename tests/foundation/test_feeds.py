"""Feeds: the entry of one post is found in every dialect, says no more than it may, and holds nobody up."""
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest

from marketplace.foundation import clock
from marketplace.foundation.feeds import find_entry, find_only_entry

pytestmark = pytest.mark.once  # No database in here.

POST = "https://blog.example/2026/car"
FEED = "https://blog.example/feed"

ATOM = """<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en-GB"><title>Notebook</title>
<entry><title>Another</title><link href="/2026/bike"/><id>tag:blog.example,2026:1</id><published>2026-11-01T08:00:00Z</published></entry>
<entry><title type="html">Goodbye, &lt;i&gt;old&lt;/i&gt; wagon</title><link rel="alternate" href="/2026/car?utm_source=feed"/><link rel="edit" href="/edit"/>
<id>tag:blog.example,2026:2</id><author><name>David Brandt</name><email>david@blog.example</email></author><content type="html">&lt;p&gt;I am in the market for a car&lt;/p&gt;</content>
<updated>2026-11-09T08:00:00Z</updated><published>2026-10-31T08:00:00+01:00</published></entry></feed>"""

RSS = """<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>Notebook</title><managingEditor>boss@blog.example (The Boss)</managingEditor>
<item><title>Another</title><link>https://blog.example/2026/bike</link><dc:creator>Ana Flores</dc:creator></item>
<item><title>Goodbye, old wagon</title><link>https://www.blog.example/2026/car/</link><guid isPermaLink="false">77</guid>
<dc:creator><![CDATA[David Brandt]]></dc:creator><pubDate>Sat, 31 Oct 2026 07:00:00 GMT</pubDate><description>I am in the market for a car</description></item></channel></rss>"""

RDF = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/">
<item rdf:about="https://blog.example/2026/car"><title>Goodbye, old wagon</title><link>https://blog.example/2026/car</link>
<dc:creator>David Brandt</dc:creator><dc:date>2026-10-31</dc:date></item></rdf:RDF>"""

JSON = """{"version": "https://jsonfeed.org/version/1.1", "title": "Notebook", "authors": [{"name": "David Brandt", "url": "https://blog.example/"}], "items":
[{"id": "2", "url": "https://blog.example/2026/car", "title": "Goodbye, old wagon", "content_html": "<p>I am in the market for a car</p>", "date_published": "2026-10-31T08:00:00Z"},
 {"id": "1", "url": "https://blog.example/2026/bike", "content_text": "x", "authors": [{"name": "Ana"}]}]}"""


@pytest.fixture(autouse=True)
def _late_november() -> Iterator[None]:
    clock.use(lambda: datetime(2026, 11, 22, 9, 30, tzinfo=UTC))
    yield
    clock.use(clock.system_time)


def rss(item: str) -> str:
    return f'<rss version="2.0"><channel><item><link>{POST}</link>{item}</item></channel></rss>'


@pytest.mark.parametrize("feed", [ATOM, RSS, RDF, JSON], ids=["Atom", "RSS", "RDF", "JSON Feed"])
def test_the_entry_of_a_post_says_who_wrote_it_and_when(feed: str) -> None:
    entry = find_entry(feed, FEED, {POST})
    assert entry and (entry.title, entry.author, entry.published_on) == ("Goodbye, old wagon", "David Brandt", date(2026, 10, 31))
    assert find_entry(feed, FEED, {"https://blog.example/2026/boat", "not an address"}) is None


def test_a_thread_whose_answers_are_its_entries_tells_of_nobody() -> None:
    answers = "".join(f"<item><link>https://blog.example/t/7#{number}</link><author>x@x.example (Writer {number})</author></item>" for number in range(3))
    assert find_entry(f'<rss version="2.0"><channel>{answers}</channel></rss>', FEED, {"https://blog.example/t/7"}) is None


@pytest.mark.parametrize(("item", "author"), [
    ("<author>david@blog.example (David Brandt)</author>", "David Brandt"), ("<author>David Brandt</author>", "David Brandt"),
    ("<author>David Brandt &lt;david@blog.example&gt;</author>", "David Brandt"), ("<author>david@blog.example</author>", ""), ("<author>&lt;b&gt;https://spam.example/&lt;/b&gt;</author>", ""), ("", ""),
    ("<dc:creator>David Brandt</dc:creator>", "David Brandt"),  # of a name that nothing declares
])
def test_a_name_is_kept_and_an_address_is_not(item: str, author: str) -> None:
    entry = find_entry(rss(item), FEED, {POST})
    assert entry and entry.author == author


def test_an_atom_feed_says_who_wrote_all_of_it() -> None:
    entry = find_entry(f'<feed xmlns="http://www.w3.org/2005/Atom"><author><name>David Brandt</name></author><entry><link href="{POST}"/></entry></feed>', FEED, {POST})
    assert entry and entry.author == "David Brandt"


@pytest.mark.parametrize("item", [
    "<pubDate>Sat, 31 Oct 2037 07:00:00 GMT</pubDate>", "<pubDate>soon</pubDate>", "<pubDate/>",
    '<updated xmlns="http://www.w3.org/2005/Atom">2026-11-09T08:00:00Z</updated>'])
def test_a_day_that_cannot_be_or_is_of_an_edit_is_no_day(item: str) -> None:
    entry = find_entry(rss(item), FEED, {POST})
    assert entry and entry.published_on is None
    edited = f'<feed xmlns="http://www.w3.org/2005/Atom"><entry><link href="{POST}"/><updated>2026-11-09T08:00:00Z</updated></entry></feed>'
    entry = find_entry(edited, FEED, {POST})
    assert entry and entry.published_on is None


def test_a_document_of_one_entry_is_a_post_and_a_whole_feed_is_none() -> None:
    alone = f'<entry xmlns="http://www.w3.org/2005/Atom" xml:lang="en">{ATOM.split("<entry>")[2].partition("</entry>")[0]}</entry>'
    entry = find_only_entry(alone, POST)
    assert entry and (entry.text, entry.author) == ("I am in the market for a car", "David Brandt")
    entry = find_only_entry(rss("<description>&lt;p&gt;I am in the market&lt;/p&gt;&lt;script&gt;x()&lt;/script&gt;</description>"), FEED)
    assert entry and entry.text == "I am in the market"
    assert find_only_entry(ATOM, FEED) is None and find_only_entry(RSS, FEED) is None and find_only_entry(JSON, FEED) is None


@pytest.mark.parametrize("feed", [
    "", "<", "{", "[]", "{}", "null", "x", "<html><body>no</body></html>", "<rss/>", "<rss><channel><item/></channel></rss>", "<item>", "<entry/>", "&a;", "\x00\ufeff", "https://blog.example/feed",
    "/etc/passwd", '{"version": "https://jsonfeed.org/version/1", "items": [1, null, {"url": 7, "authors": [3], "title": {}}, {"url": "http://[", "author": "x"}]}',
    '{"version": "https://jsonfeed.org/version/1", "items": {}}', "<rss version='2.0'><channel><item><link>http://[</link></item></channel></rss>"])
def test_what_is_no_feed_tells_nothing(feed: str) -> None:
    assert find_entry(feed, FEED, {POST}) is None


def test_entities_of_a_feed_open_nothing() -> None:
    hostile = f'<!DOCTYPE rss [<!ENTITY f SYSTEM "file:///etc/passwd"><!ENTITY g "ha">]>{rss("<title>a&f;b&g;</title>")}'
    entry = find_entry(hostile, FEED, {POST})
    assert entry and entry.title == "ab"


def test_a_large_feed_is_read_in_bounded_time() -> None:
    begun = time.process_time()
    entry = find_entry(rss("<title>x</title>" + "<content>" + "word " * 200_000 + "</content>").replace("</channel>", "<item><link>x</link></item>" * 20_000 + "</channel>"), FEED, {POST})
    assert entry and time.process_time() - begun < 2


@pytest.mark.parametrize("feed", [
    '<rss version="2.0"><channel>' + "".join(f"<x{n}:a xmlns:x{n}='u{n}'/>" for n in range(20_000)) + rss("").partition("<channel>")[2],
    rss("<title>x</title>" + "<link>http://b</link>" * 40_000),
], ids=["names beside the entries", "addresses in one entry"])
def test_what_a_hostile_feed_has_too_much_of_costs_no_time(feed: str) -> None:
    begun = time.process_time()
    find_entry(feed, FEED, {POST})
    assert time.process_time() - begun < 1.5
