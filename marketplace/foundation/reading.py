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
from marketplace.foundation.start_tags import without_endless_tags
from marketplace.foundation.urls import BadUrl, canonical_url

# Finding the main text takes time that grows with the square of the elements: 10 s for 10,000 made to be slow
# (measured). Of a larger page all the text is kept, without author and day.
MAX_ELEMENTS = 8_000

_BROKEN = (etree.LxmlError, ValueError, TypeError, AttributeError, LookupError, RecursionError)
_TAG = re.compile(r"<[a-zA-Z!/?]")
_LANGUAGE = re.compile(r"([a-zA-Z]{2,3})([-_].*)?")


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


def read_page(html: str, url: str) -> PageReading:
    """Never raises for what a page holds: what cannot be read is empty. The result is text, never HTML to show."""
    html = without_endless_tags(html)
    tree = _parse(html)
    document = _extract(html, url) if tree is not None and not _is_huge(tree) else None
    text = _main_text(html, tree, document)
    return PageReading(
        title=_one_line(document.title if document else _window_title(tree)),
        author=_one_line(document.author if document else None),
        published_on=_day(document.date if document else None),
        language=_language(tree),
        text=text,
        canonical_url=_canonical(tree, url),
        sha256=hashlib.sha256(text.encode()).hexdigest(),
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


def _one_line(text: str | None) -> str:
    return " ".join(plain_text(text or "").split())


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat((text or "")[:10])
    except ValueError:
        return None


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
            same_site = named.netloc.removeprefix("www.") == here.netloc.removeprefix("www.")
            is_front = named.path == "/" and not named.query
            return named.geturl() if same_site and not (is_front and here.path != "/") else None
    return None
