"""Reads what a fetched page says: who wrote it, when, and its main text."""
import hashlib
import re
import unicodedata
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from urllib.parse import urljoin, urlsplit

import trafilatura
from lxml import etree
from lxml import html as lxml_html
from lxml.html import HtmlElement
from trafilatura.settings import Document

from marketplace.foundation import clock
from marketplace.foundation.postings import Posting, read_one_name, read_posting
from marketplace.foundation.start_tags import without_endless_tags
from marketplace.foundation.urls import BadUrl, canonical_url, split_web_url

# Finding the main text takes time that grows with the square of the elements: 10 s for 10,000 made to be slow
# (measured). Of a larger page all the text is kept, without author and day.
MAX_ELEMENTS = 8_000
MOST_FEEDS = 10  # Links that are looked at.

_BROKEN = (etree.LxmlError, ValueError, TypeError, AttributeError, LookupError, RecursionError)
_TAG = re.compile(r"<[a-zA-Z!/?]")
_LANGUAGE = re.compile(r"([a-zA-Z]{2,3})([-_].*)?")
_FEEDS = frozenset({"application/atom+xml", "application/rss+xml", "application/feed+json"})


@dataclass(frozen=True)
class PageReading:
    """What a page says of itself, none of it proven. ``text`` is plain, may be "", and is what ``sha256`` is of."""

    title: str
    author: str
    published_on: date | None
    language: str | None
    text: str
    canonical_url: str | None
    sha256: str
    feed_url: str | None = None  # Where the site tells programs what is new on it.


def read_page(html: str, url: str) -> PageReading:
    """Never raises for what a page holds: what cannot be read is empty. The result is text, never HTML to show."""
    html = without_endless_tags(html)
    tree = _parse(html)
    small = tree if tree is not None and not _is_huge(tree) else None
    document = _extract(html, url) if small is not None else None
    posting = read_posting(small, url) if small is not None else Posting()
    text = _main_text(html, tree, document)
    return PageReading(
        title=one_line(document.title if document else _window_title(tree)),
        author=one_line(posting.author or (document.author if document else None) or read_one_name(small)),
        published_on=day_of(posting.published) or day_of(document.date if document else None),
        language=_language(tree),
        text=text,
        canonical_url=_canonical(tree, url),
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        feed_url=_feed(tree, url),
    )


def text_of_html(html: str) -> str:
    """Everything a reader could see, as plain text; never raises."""
    html = without_endless_tags(html)
    tree = _parse(html)
    return plain_text(html) if tree is None else plain_text(_all_text(tree))


def _parse(html: str) -> HtmlElement | None:
    if not _TAG.search(html):
        return None  # a text/plain page
    parser = lxml_html.HTMLParser(encoding="utf-8")
    try:
        return lxml_html.document_fromstring(html.encode("utf-8", "replace"), parser=parser)
    except _BROKEN:
        return None


def _is_huge(tree: HtmlElement) -> bool:
    return next(islice(tree.iter(), MAX_ELEMENTS, None), None) is not None


def _window_title(tree: HtmlElement | None) -> str | None:
    found = tree.findtext(".//title") if tree is not None else None
    return str(found) if found else None


def _extract(html: str, url: str) -> Document | None:
    latest = (clock.now() + timedelta(days=1)).date().isoformat()
    try:
        found = trafilatura.bare_extraction(
            html,
            url=url,
            with_metadata=True,
            favor_recall=True,
            date_extraction_params={"original_date": True, "extensive_search": False, "max_date": latest},
        )
    except _BROKEN:
        return None
    return found if isinstance(found, Document) else None


def _main_text(html: str, tree: HtmlElement | None, document: Document | None) -> str:
    if tree is None:
        return plain_text("" if _TAG.search(html) else html)
    if document is None or not (document.text or document.comments):
        return plain_text(_all_text(tree))
    return plain_text("\n".join(filter(None, (document.text, document.comments))))


def _all_text(tree: HtmlElement) -> str:
    """Everything a reader could see: for pages too short or too odd to have a main text."""
    try:
        return str(trafilatura.html2txt(tree))
    except _BROKEN:
        return ""


def plain_text(text: str) -> str:
    """No control characters (a database refuses NUL), no half characters, no more than one empty line."""
    kept = "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs"))
    return re.sub(r"\s*\n\s*\n\s*", "\n\n", kept).strip().strip("\ufeff")


def one_line(text: str | None) -> str:
    return " ".join(plain_text(text or "").split())


def day_of(text: str | None) -> date | None:
    """Of a time in ISO 8601; None of one that is no day, or still to come."""
    try:
        day = date.fromisoformat((text or "").strip()[:10])
    except ValueError:
        return None
    return day if day <= (clock.now() + timedelta(days=1)).date() else None


def _language(tree: HtmlElement | None) -> str | None:
    found = _LANGUAGE.fullmatch((tree.get("lang") or tree.get("xml:lang") or "").strip()) if tree is not None else None
    return found[1].lower() if found else None


def _canonical(tree: HtmlElement | None, url: str) -> str | None:
    """The address the page gives itself, on its own site only: a page could else pass for a stranger's, and take
    that one's place as a duplicate. A front page named for every page (a common fault) is no answer either."""
    for link in tree.iter("link") if tree is not None else ():
        if (link.get("rel") or "").lower().split() == ["canonical"]:
            try:
                named, here = (urlsplit(canonical_url(u)) for u in (urljoin(url, link.get("href") or ""), url))
            except (BadUrl, ValueError):
                return None
            is_front = named.path == "/" and not named.query
            is_own = same_site(named.geturl(), url) and not (is_front and here.path != "/")
            return named.geturl() if is_own else None
    return None


def _feed(tree: HtmlElement | None, url: str) -> str | None:
    """The first that the page links on its own site, but for that of the comments; none less safe on the way."""
    links = tree.iter("link") if tree is not None else ()
    for link in islice(filter(_is_feed, links), MOST_FEEDS):
        try:
            there = split_web_url(urljoin(url, link.get("href") or "")).geturl()
            if same_site(there, url) and there.startswith(("https:", f"{urlsplit(url).scheme}:")):
                return there
        except (BadUrl, ValueError):
            continue
    return None


def _is_feed(link: HtmlElement) -> bool:
    kind = (link.get("type") or "").partition(";")[0].strip().lower()
    is_linked = "alternate" in (link.get("rel") or "").lower().split() and kind in _FEEDS
    return is_linked and "comment" not in f"{link.get('href')} {link.get('title')}".lower()


def same_site(one: str, other: str) -> bool:
    """The same host and port, with or without ``www.``. Raises BadUrl."""
    hosts = [urlsplit(canonical_url(url)).netloc.removeprefix("www.") for url in (one, other)]
    return hosts[0] == hosts[1]
