"""Which large platform an address belongs to: its name, the post's number there, and whether a server may read it."""
import re
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from marketplace.foundation.handles import find_handle
from marketplace.foundation.urls import BadUrl, canonical_url


@dataclass(frozen=True)
class PostAddress:
    """``handle`` is ``platform:name`` or None; ``post_id`` and ``comment_id`` are "" where the address has none.

    ``is_closed``: the platform shows posts to people who are signed in, and a server gets its sign-in page.
    """

    platform: str
    name: str
    post_id: str
    comment_id: str
    handle: str | None
    is_closed: bool


@dataclass(frozen=True)
class _Platform:
    """``posts``: paths under which a post stands, its number in the group ``post``; or ``parameters`` that name it."""

    key: str
    name: str
    hosts: str
    posts: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    comment: str = ""  # The parameter of one comment.
    is_closed: bool = False


_ID = r"(?P<post>[\w.-]{1,120})"
_PLATFORMS = tuple((one, re.compile(one.hosts), tuple(re.compile(post) for post in one.posts)) for one in (
    _Platform("reddit", "Reddit", r"(?:(?:old|new|np|sh)\.)?reddit\.com", (
        rf"/(?:r|u|user)/[^/]+/comments/{_ID}(?:/[^/]*/(?P<comment>\w+))?", rf"/comments/{_ID}",
        r"/r/[^/]+/s/(?P<post>\w+)")),
    _Platform("reddit", "Reddit", r"redd\.it", (rf"/{_ID}",)),
    _Platform("facebook", "Facebook", r"(?:(?:[a-z]{2}-[a-z]{2}|web|mbasic|touch)\.)?facebook\.com", (
        rf"/groups/[^/]+/(?:posts|permalink)/{_ID}", rf"/marketplace/item/{_ID}", rf"/[^/]+/(?:posts|videos)/{_ID}",
        rf"/share/\w/{_ID}", rf"/(?:reel|watch)/{_ID}"), ("story_fbid", "fbid", "v"), "comment_id", is_closed=True),
    _Platform("facebook", "Facebook", r"fb\.(?:com|me|watch)", (rf"/{_ID}",), is_closed=True),
    _Platform("x", "X", r"(?:x|twitter)\.com", (
        r"/[^/]+/(?:status|statuses)/(?P<post>\d+)", r"/i/web/status/(?P<post>\d+)"), is_closed=True),
    _Platform("linkedin", "LinkedIn", r"(?:[a-z]{2,3}\.)?linkedin\.com", (
        r"/posts/[^/]*?-(?P<post>\d{10,})(?:-[\w-]+)?/?$", r"/feed/update/urn:li:\w+:(?P<post>\d+)", rf"/pulse/{_ID}"),
        is_closed=True),
    _Platform("craigslist", "Craigslist", r"(?:[a-z0-9-]+\.)+craigslist\.(?:org|[a-z]{2})|craigslist\.org", (
        r"/(?:[^/]+/)*(?P<post>\d{8,})\.html",)),
    _Platform("nextdoor", "Nextdoor", r"(?:[a-z]{2}\.)?nextdoor\.(?:com|[a-z]{2}|co\.uk|com\.au)", (
        rf"/(?:p|news_feed/p|events)/{_ID}", rf"/for_sale_and_free/{_ID}"), ("post",), is_closed=True),
    _Platform("quora", "Quora", r"(?:[\w-]+\.)?quora\.com", (
        r"/(?:unanswered/)?(?P<post>[\w-]{8,200})(?:/answer/[\w-]+)?/?$",)),
    _Platform("stackexchange", "Stack Exchange", (
        r"(?:[\w-]+\.)*(?:stackexchange|stackoverflow|serverfault|superuser|askubuntu)\.com|mathoverflow\.net"), (
        r"/(?:questions|q|a)/(?P<post>\d+)",)),
    _Platform("youtube", "YouTube", r"(?:music\.)?youtube\.com", (
        rf"/(?:shorts|live|post)/{_ID}", r"/embed/(?P<post>[\w-]{11})"), ("v", "lb"), "lc"),
    _Platform("youtube", "YouTube", r"youtu\.be", (rf"/{_ID}",), (), "lc"),
    _Platform("instagram", "Instagram", r"instagram\.com", (
        rf"/(?:[^/]+/)?(?:p|reel|reels|tv)/{_ID}", rf"/stories/[^/]+/{_ID}"), is_closed=True),
    _Platform("tiktok", "TikTok", r"(?:vm\.|vt\.)?tiktok\.com", (
        r"/@[^/]+/(?:video|photo)/(?P<post>\d+)", r"/t/(?P<post>\w+)", r"/v/(?P<post>\d+)"), is_closed=True),
    _Platform("threads", "Threads", r"threads\.(?:net|com)", (rf"/@[^/]+/post/{_ID}", rf"/t/{_ID}"), is_closed=True),
    _Platform("bluesky", "Bluesky", r"bsky\.app", (rf"/profile/[^/]+/post/{_ID}",)),
    _Platform("hackernews", "Hacker News", r"news\.ycombinator\.com", (), ("id",)),
    _Platform("discord", "Discord", r"(?:(?:ptb|canary)\.)?discord\.com", (
        r"/channels/[^/]+/\d+/(?P<post>\d+)",), is_closed=True),
    _Platform("whatsapp", "WhatsApp", r"(?:chat|web)\.whatsapp\.com", is_closed=True),
    _Platform("telegram", "Telegram", r"t\.me", (r"/(?:s/)?\w+/(?P<post>\d+)",)),
))
# Software that runs on anybody's site, told by how it writes its addresses.
_SOFTWARE = tuple((key, name, re.compile(shape)) for key, name, shape in (
    ("fediverse", "Mastodon", (
        r"^/(?:web/|deck/)?@[\w.-]+(?:@[\w.-]+)?/(?:statuses/)?(?P<post>\d{6,}|[0-9A-Za-z]{18,})(?:/|$)")),
    ("fediverse", "Mastodon", r"^/users/[\w.-]+/statuses/(?P<post>\d+)"),
    ("lemmy", "Lemmy", r"^/post/(?P<post>\d+)(?:/(?P<comment>\d+))?/?$"),
    ("discourse", "a forum", r"^/t/[\w%-]+/(?P<post>\d+)(?:/(?P<comment>\d+))?/?$"),
    ("xenforo", "a forum", r"/threads/(?:[\w%.-]*\.)?(?P<post>\d+)(?:/|$)(?:post-(?P<comment>\d+))?"),
    ("phpbb", "a forum", r"/viewtopic\.php$"),
    ("vbulletin", "a forum", r"/showthread\.php$"),
))
_FORUM_PARAMETERS = {"phpbb": ("t", "p"), "vbulletin": ("t", "p")}


def recognise(url: str) -> PostAddress | None:
    """What the address itself says; nothing is asked of the platform. None for a page of no platform that we know."""
    try:
        parts = urlsplit(canonical_url(url))
    except BadUrl:
        return None
    host, path, query = (parts.hostname or "").removeprefix("www."), unquote(parts.path), parse_qs(parts.query)
    for platform, hosts, posts in _PLATFORMS:
        if hosts.fullmatch(host):
            found = next((match for post in posts if (match := post.match(path))), None)
            named = found["post"] if found else _first(query, platform.parameters)
            comment = (found.groupdict().get("comment") if found else "") or _first(query, (platform.comment,))
            return PostAddress(platform.key, platform.name, named, comment, find_handle(url), platform.is_closed)
    for key, name, shape in _SOFTWARE:
        if found := shape.search(path):
            numbers = found.groupdict()
            thread, post = _FORUM_PARAMETERS.get(key, ("", ""))
            return PostAddress(key, name, numbers.get("post") or _first(query, (thread,)),
                               numbers.get("comment") or _first(query, (post,)), find_handle(url), is_closed=False)
    return None


def why_closed(url: str) -> tuple[str, str] | None:
    """(message, next step) where only people who are signed in can read; else None."""
    post = recognise(url)
    if post is None or not post.is_closed:
        return None
    return (f"{post.name} shows its posts only to people who are signed in, so we cannot read this one ourselves.",
            "Paste the text of the post, or add a screenshot of it: name, sentence and date should be seen.")


def _first(query: dict[str, list[str]], names: tuple[str, ...]) -> str:
    return next((query[name][0][:120] for name in names if name and query.get(name)), "")
