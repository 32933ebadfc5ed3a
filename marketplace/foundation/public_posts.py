"""Reads a post at its public address; where its page does not say who wrote it or when, its site's feed is asked."""
import hashlib
from dataclasses import replace

from marketplace.foundation.feeds import Entry, find_entry, find_only_entry
from marketplace.foundation.fetch import CONTENT_TYPES, FEED_TYPES, Fetched, FetchFailed, FetchFailure, fetch
from marketplace.foundation.reading import PageReading, read_page, same_site
from marketplace.foundation.urls import BadUrl

FEED_SECONDS = 5.0


def read_public_post(url: str, *, allow: frozenset[str] = frozenset(), asks_feed: bool = True) -> PageReading:
    """Raises FetchFailed. Call it outside a transaction: it waits for a stranger, with ``asks_feed`` perhaps twice."""
    page = fetch(url, allow=allow, kinds=CONTENT_TYPES | FEED_TYPES)
    if page.content_type in FEED_TYPES:
        return _read_alone(page)
    reading = read_page(page.text, page.final_url)
    is_said = reading.author and reading.published_on
    # What follows a # is a part of the page, and may be by somebody else.
    if not asks_feed or is_said or not reading.text or not reading.feed_url or "#" in url:
        return reading
    entry = _ask(reading.feed_url, {url, page.final_url, reading.canonical_url or url}, page.final_url, allow)
    return reading if entry is None else replace(
        reading, title=reading.title or entry.title, author=reading.author or entry.author,
        published_on=reading.published_on or entry.published_on)


def _ask(feed_url: str, addresses: set[str], page_url: str, allow: frozenset[str]) -> Entry | None:
    """A feed that cannot be read is none. One that is led to another site is not the page's own word."""
    try:
        feed = fetch(feed_url, allow=allow, kinds=FEED_TYPES, within=FEED_SECONDS)
        is_own = same_site(feed.final_url, page_url)
    except (FetchFailed, BadUrl):
        return None
    return find_entry(feed.text, feed.final_url, addresses) if is_own else None


def _read_alone(page: Fetched) -> PageReading:
    """The address is that of an entry itself. A whole feed is no post."""
    entry = find_only_entry(page.text, page.final_url)
    if entry is None or not entry.text:
        raise FetchFailed(FetchFailure.NOT_HTML)
    return PageReading(
        entry.title, entry.author, entry.published_on, entry.language.partition("-")[0].lower() or None, entry.text,
        None, hashlib.sha256(entry.text.encode()).hexdigest())
