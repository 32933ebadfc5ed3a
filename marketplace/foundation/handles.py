"""Whose post is it? The name that a person goes by on a platform, as its address or its author's line tells it."""
import re
from urllib.parse import parse_qs, unquote, urlsplit

from marketplace.foundation.urls import BadUrl, canonical_url

_NAME = r"([\w.-]{1,80})"
_END = "(?:/|$)"
_NOT_ON_FACEBOOK = (r"groups|events|marketplace|watch|share|sharer|story\.php|permalink\.php|photo|photo\.php|photos|"
                    r"reel|hashtag|pages|people|profile\.php|help|login|public")
# Host (without www.) to the platform and the paths under which one person's own things stand, their name in group 1.
_PLATFORMS: tuple[tuple[re.Pattern[str], str, re.Pattern[str]], ...] = tuple(
    (re.compile(host), platform, re.compile(path + _END)) for host, platform, path in (
        (r"(?:old\.|new\.|np\.)?reddit\.com", "reddit", rf"/(?:u|user)/{_NAME}"),
        (r"(?:x|twitter)\.com", "x", rf"/(?!(?:i|home|search|explore|hashtag|intent|share|settings){_END})@?{_NAME}"),
        (r"instagram\.com", "instagram", rf"/(?!(?:p|reel|reels|tv|stories|explore|accounts|direct){_END}){_NAME}"),
        (r"instagram\.com", "instagram", rf"/stories/{_NAME}"),
        (r"facebook\.com", "facebook", rf"/(?!(?:{_NOT_ON_FACEBOOK}){_END}){_NAME}"),
        (r"facebook\.com", "facebook", r"/people/[^/]+/(\d+)"),
        (r"linkedin\.com", "linkedin", rf"/in/{_NAME}"),
        (r"linkedin\.com", "linkedin", r"/posts/([\w%-]+?)_[^/]*"),
        (r"youtube\.com", "youtube", rf"/@{_NAME}"),
        (r"youtube\.com", "youtube", r"/(?:user|c|channel)/([\w-]{1,80})"),
        (r"tiktok\.com", "tiktok", rf"/@{_NAME}"),
        (r"threads\.(?:net|com)", "threads", rf"/@{_NAME}"),
        (r"bsky\.app", "bluesky", rf"/profile/{_NAME}"),
        (r"medium\.com", "medium", rf"/@{_NAME}"),
        (r"gist\.github\.com", "github", rf"/{_NAME}"),
        (r"github\.com", "github", rf"/{_NAME}/?$"),  # What stands below belongs to a project, not to who wrote it.
        (r"(?:[\w-]+\.)?quora\.com", "quora", rf"/profile/{_NAME}"),
    ))
_BLOG_HOSTS = ("blogspot.com", "wordpress.com", "substack.com", "tumblr.com", "medium.com", "livejournal.com",
               "hashnode.dev", "bearblog.dev", "dreamwidth.org")
_NOT_A_BLOG = frozenset({"www", "help", "support", "blog", "about", "api", "cdn", "static", "public", "signup", "en"})
# On any other site: a fediverse name (Mastodon and the like), or the page of one author or member.
_FEDIVERSE = re.compile(r"/(?:web/)?@([\w.-]{1,80})(?:@([\w.-]+\.\w+))?(?:/|$)")
_MEMBER = re.compile(r"/(?:author|authors|member|members|u|user|users|profile|profiles)/(?!me/)([\w%.-]{2,80})/?$")
# Platforms whose posts do not name the author in the address, but on the page, by the name that is theirs alone.
_TELLS_AUTHOR = {"reddit.com": "reddit", "old.reddit.com": "reddit", "news.ycombinator.com": "hackernews"}
_AUTHOR = re.compile(r"(?:/?u/|@)?([\w.-]{2,80})")


def find_handle(url: str, author: str = "") -> str | None:
    """``platform:name``, one spelling for one person; None where the address names nobody.

    ``author``: what the page itself says, believed only on platforms where that is an account's own name.
    """
    try:
        parts = urlsplit(canonical_url(url))
    except BadUrl:
        return None
    host, path = (parts.hostname or "").removeprefix("www."), unquote(parts.path)
    shapes = [(platform, shape) for names, platform, shape in _PLATFORMS if names.fullmatch(host)]
    named = _on_platform(shapes, path) or _by_number(host, path, parts.query)
    if named is None and host in _TELLS_AUTHOR and (told := _AUTHOR.fullmatch(author.strip())):
        return _spelled(_TELLS_AUTHOR[host], told[1])
    return named if named or shapes else _on_blog(host) or _on_any_site(host, path)


def _on_platform(shapes: list[tuple[str, re.Pattern[str]]], path: str) -> str | None:
    return next((_spelled(platform, found[1]) for platform, shape in shapes if (found := shape.match(path))), None)


def _by_number(host: str, path: str, query: str) -> str | None:
    """Where the query names the person."""
    platform = {("facebook.com", "/profile.php"): "facebook", ("news.ycombinator.com", "/user"): "hackernews"}.get(
        (host, path))
    told = parse_qs(query).get("id") if platform else None
    return _spelled(platform or "", told[0]) if told else None


def _on_blog(host: str) -> str | None:
    name, _, site = host.partition(".")
    return _spelled(site, name) if site in _BLOG_HOSTS and name not in _NOT_A_BLOG else None


def _on_any_site(host: str, path: str) -> str | None:
    if found := _FEDIVERSE.match(path):
        return _spelled("fediverse", f"{found[1]}@{found[2] or host}")
    if found := _MEMBER.search(path):
        return _spelled(host, found[1])
    return None


def _spelled(platform: str, name: str) -> str | None:
    return f"{platform}:{name.strip('.').casefold()}" if name.strip(".") else None
