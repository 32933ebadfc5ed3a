"""Who wrote a post and when, as its page tells programs: kinds that the reader of articles leaves out."""
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import urljoin

from lxml.html import HtmlElement

from marketplace.foundation.urls import BadUrl, page_key

KINDS = frozenset({"discussionforumposting", "question", "demand", "realestatelisting"})  # Of schema.org.
WROTE, WHEN = ("author", "creator"), ("datePublished", "dateCreated", "datePosted")
WHERE = ("url", "@id", "mainEntityOfPage")
WANTED = frozenset({*WROTE, *WHEN, *WHERE, "name", "alternateName"})
LONGEST_NAME = 80
MOST = 20  # Posts that a page tells of, and blocks in which it does.
DEEPEST = 4
NOBODY = frozenset({"admin", "administrator", "root", "user", "webmaster", "author", "anonymous", "guest", "unknown"})

Told = dict[str, Any]


@dataclass(frozen=True)
class Posting:
    """As the page has it: ``published`` may be no day at all."""

    author: str = ""
    published: str = ""


def read_posting(tree: HtmlElement, url: str) -> Posting:
    """The post that the page is about: the one that names its address, else the only one. Never raises."""
    for told in (_of_scripts(tree), _of_attributes(tree)):
        posts = list(islice(told, MOST))
        own = [post for post in posts if _names(post, url)] or posts
        if len(own) == 1:
            return Posting(_author(own[0]), _first(own[0], WHEN))
    return Posting()


def read_one_name(tree: HtmlElement | None) -> str:
    """The page's word for its author where that is a single name, which is too little for the reader of articles."""
    said = {(one.get("name") or one.get("property") or "").lower(): " ".join((one.get("content") or "").split())
            for one in (tree.iter("meta") if tree is not None else ())}
    name = said.get("author", "")
    is_site = name.lower() in {said.get("og:site_name", "").lower(), said.get("application-name", "").lower()}
    return name if _is_name(name) and " " not in name and not is_site else ""


def _of_scripts(tree: HtmlElement) -> Iterator[Told]:
    for script in islice(tree.iter("script"), 20 * MOST):
        if (script.get("type") or "").lower().strip() == "application/ld+json" and script.text:
            try:
                yield from _posts_in(json.loads(script.text, strict=False), DEEPEST)
            except (ValueError, RecursionError):
                continue


def _posts_in(told: Any, deep: int) -> Iterator[Told]:
    """Not what answers a post, nor the posts of a list: the page is about none of those."""
    if isinstance(told, list) and deep:
        for one in told:
            yield from _posts_in(one, deep - 1)
    elif isinstance(told, dict) and deep:
        if _is_post(told.get("@type")):
            yield told
        else:
            for name in ("@graph", "mainEntity", "mainEntityOfPage"):
                yield from _posts_in(told.get(name), deep - 1)


def _of_attributes(tree: HtmlElement) -> Iterator[Told]:
    for item in tree.iterfind(".//*[@itemscope]"):
        is_answer = item.get("itemprop") and "mainEntity" not in item.get("itemprop", "").split()
        if not is_answer and _is_post((item.get("itemtype") or "").split()):
            yield _properties(item, DEEPEST)


def _properties(item: HtmlElement, deep: int) -> Told:
    """Of one item what is asked for, the first of each; what stands in an item within it is that one's."""
    found: Told = {"@type": [kind.rpartition("/")[2] for kind in (item.get("itemtype") or "Person").split()]}
    waiting = list(item)[::-1]
    while waiting:
        one = waiting.pop()
        is_item = one.get("itemscope") is not None
        for name in WANTED & set((one.get("itemprop") or "").split()) - found.keys():
            found[name] = _properties(one, deep - 1) if is_item and deep else _word(one)
        if not is_item:
            waiting += list(one)[::-1]
    return found


def _word(one: HtmlElement) -> str:
    for attribute in ("content", "datetime", "href", "src"):
        if attribute in one.attrib and one.tag not in ("a", "span", "div"):
            return str(one.get(attribute))
    return " ".join(one.itertext())


def _is_post(kinds: Any) -> bool:
    names = kinds if isinstance(kinds, list) else [kinds]
    return any(isinstance(name, str) and name.rpartition("/")[2].lower() in KINDS for name in names)


def _names(post: Told, url: str) -> bool:
    try:
        here = page_key(url)
    except BadUrl:
        return False
    for name in WHERE:
        said = post.get(name)
        address = said.get("@id") if isinstance(said, dict) else said
        try:
            if isinstance(address, str) and address and page_key(urljoin(url, address)) == here:
                return True
        except (BadUrl, ValueError):
            continue
    return False


def _author(post: Told) -> str:
    for name in WROTE:
        writers = post.get(name)
        said = [_name(one) for one in (writers if isinstance(writers, list) else [writers])]
        if names := [one for one in said if one]:
            return "; ".join(names[:3])
    return ""


def _name(writer: Any) -> str:
    """Of a person: a firm is none."""
    if isinstance(writer, dict):
        kinds = writer.get("@type", "Person")
        if "Person" not in (kinds if isinstance(kinds, list) else [kinds]):
            return ""
        writer = writer.get("name") or writer.get("alternateName")
    words = " ".join(writer.split()) if isinstance(writer, str) else ""
    return words if _is_name(words) else ""


def _is_name(words: str) -> bool:
    return 0 < len(words) <= LONGEST_NAME and not {"@", "/"} & set(words) and words.lower() not in NOBODY


def _first(post: Told, names: tuple[str, ...]) -> str:
    return next((said for name in names if isinstance(said := post.get(name), str) and said), "")
