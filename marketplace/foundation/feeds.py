"""Reads feeds (Atom, RSS, RDF, JSON Feed): what a site tells programs of one of its posts."""
import io
import json
import re
import time
import xml.sax
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from html import unescape
from itertools import islice
from typing import Any

import feedparser
from lxml import etree

from marketplace.foundation.reading import day_of, one_line, plain_text, text_of_html
from marketplace.foundation.start_tags import without_endless_tags
from marketplace.foundation.urls import BadUrl, page_key

MOST_ENTRIES = 200  # The newest; feeds of sites have ten to fifty.
MOST_PARTS = 50  # Elements in a title or a name.
MOST_ELEMENTS = 6_000  # In all of what is left of a feed: its reader takes a tenth of a millisecond for each.
JSON_FEED = "https://jsonfeed.org/version/"
_HEADS = frozenset({
    "title", "link", "id", "guid", "author", "creator", "pubDate", "published", "issued", "date"})
_WHOLE = frozenset({"channel", "entry", "item", "language", "author"})  # Of what stands beside entries.
_TEXTS = frozenset({"content", "encoded", "summary", "description"})
_WRITERS = frozenset({"author", "creator"})
_IN_BRACKETS = re.compile(r"\(([^()]*)\)")
_BROKEN = (etree.LxmlError, xml.sax.SAXException, ValueError, TypeError, AttributeError, LookupError, RecursionError)


@dataclass(frozen=True)
class Entry:
    """What a feed says of one post, none of it proven; empty where it says nothing. ``text`` is plain."""

    addresses: tuple[str, ...]
    title: str
    author: str
    published_on: date | None
    language: str
    text: str


def find_entry(feed: str, url: str, addresses: set[str]) -> Entry | None:
    """The one entry that is the page at one of these addresses: with several, as of a thread's answers, none is."""
    pages = {key for address in addresses if (key := _key(address))}
    found = [entry for entry in _entries(feed, url) if pages & {_key(one) for one in entry.addresses}]
    return found[0] if len(found) == 1 else None


def find_only_entry(feed: str, url: str) -> Entry | None:
    """Of a document about a single post, with its text."""
    found = list(islice(_entries(feed, url, _HEADS | _TEXTS, most=2), 2))
    return found[0] if len(found) == 1 else None


def _key(address: str) -> str:
    try:
        return page_key(address)
    except BadUrl:
        return ""


def _entries(feed: str, url: str, wanted: frozenset[str] = _HEADS, most: int = MOST_ENTRIES) -> Iterator[Entry]:
    """Never raises for what a feed holds."""
    if feed.lstrip().startswith("{"):
        return _of_json(feed, most)
    try:
        # A stream: given text, it would open an address or a file of that name.
        told = feedparser.parse(
            io.BytesIO(_lightened(feed, wanted, most)), sanitize_html=False, resolve_relative_uris=False,
            response_headers={"content-location": url, "content-type": "application/xml; charset=utf-8"})
    except _BROKEN:
        return iter(())
    return (_of_xml(entry, told) for entry in told.entries[:most])


def _of_xml(entry: Any, told: Any) -> Entry:
    is_atom, is_rss = (str(told.version).startswith(name) for name in ("atom", "rss"))
    links = [link.get("href", "") for link in entry.get("links", []) if link.get("rel") == "alternate"]
    whole = [one.get("value", "") for one in entry.get("content", [])] or [entry.get("summary", "")]
    title = entry.get("title", "")
    return Entry(
        addresses=tuple(filter(None, (*links, entry.get("id", "")))),
        title=one_line(text_of_html(title) if "<" in title else unescape(title)),
        author=_writers(entry.get("authors")) or _writers(told.feed.get("authors") if is_atom else ()),
        # In Atom it is the day of the last edit; in RSS the only one that some of its dialects have.
        published_on=_day(entry.get("published_parsed") or (dict.get(entry, "updated_parsed") if is_rss else None)),
        language=one_line(told.feed.get("language"))[:10],
        text=text_of_html("\n".join(whole)))


def _lightened(feed: str, wanted: frozenset[str], most: int) -> bytes:
    """Well-formed, without what is not asked for and with no more entries than are looked at: what then is left for
    the feed's reader, which knows all dialects and is slow, is small."""
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, recover=True,
        remove_comments=True, remove_pis=True)
    root = etree.fromstring(without_endless_tags(feed).strip().encode("utf-8", "replace"), parser)
    etree.strip_elements(root, etree.Entity, with_tail=False)
    for place in () if _name(root) in ("entry", "item") else (root, *root.findall("{*}channel")):
        for part in [one for one in place if _name(one) not in _WHOLE]:
            place.remove(part)
    for number, entry in enumerate(list(root.iter("{*}entry", "{*}item"))):
        if number >= most:
            entry.getparent().remove(entry)
            continue
        for part in list(entry):
            is_page = _name(part) in _HEADS and next(islice(part.iter(), MOST_PARTS, None), None) is not None
            if is_page or _name(part) not in wanted:
                entry.remove(part)
            elif "@" in (part.text or "") and _name(part) in _WRITERS:
                part.text = _without_address(part.text)
    if next(islice(root.iter(), MOST_ELEMENTS, None), None) is not None:
        raise ValueError("larger than any feed of posts")
    etree.cleanup_namespaces(root)
    return bytes(etree.tostring(root, encoding="utf-8"))


def _name(element: Any) -> str:
    """Without its namespace, or a prefix that nothing declares."""
    return str(element.tag).rpartition("}")[2].rpartition(":")[2]


def _without_address(writer: str) -> str:
    """RSS asks for an address and takes a name in brackets; feeds have all there is between."""
    named = _IN_BRACKETS.search(writer)
    return named[1] if named else " ".join(word for word in writer.split() if "@" not in word)


def _of_json(text: str, most: int) -> Iterator[Entry]:
    try:
        feed = json.loads(text)
    except (ValueError, RecursionError):
        return
    is_one = str(feed.get("version")).startswith(JSON_FEED) and isinstance(feed.get("items"), list)
    for item in feed["items"][:most] if is_one else ():
        if isinstance(item, dict):
            written = {name: said if isinstance(said := item.get(name), str) else "" for name in (
                "url", "id", "title", "date_published", "language", "content_text", "content_html")}
            yield Entry(
                addresses=tuple(filter(None, (written["url"], written["id"]))),
                title=one_line(written["title"]), author=_json_writers(item) or _json_writers(feed),
                published_on=day_of(written["date_published"]),
                language=one_line(written["language"] or str(feed.get("language") or ""))[:10],
                text=plain_text(written["content_text"]) or text_of_html(written["content_html"]))


def _json_writers(told: dict[str, Any]) -> str:
    """Version 1.1 has several, 1.0 has one."""
    authors = told.get("authors")
    return _writers(authors if isinstance(authors, list) else [told.get("author")])


def _writers(authors: Any) -> str:
    """Names alone: a mail address is not ours to keep."""
    names = [one_line(one["name"]) for one in authors or ()
             if isinstance(one, dict) and isinstance(one.get("name"), str)]
    return "; ".join(dict.fromkeys(name for name in names if name and not {"@", "/"} & set(name)))[:200]


def _day(moment: time.struct_time | None) -> date | None:
    return day_of(time.strftime("%Y-%m-%d", moment)) if moment else None
