"""Takes web addresses apart and brings two spellings of one page to the same text."""
import ipaddress
import re
import socket
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

import idna
from url_normalize import url_normalize

from marketplace.foundation.errors import Invalid

MAX_URL_CHARACTERS = 2048

_TRACKING_PREFIXES = ("utm_", "fb_", "mc_", "pk_", "mtm_", "_hs", "hsa_", "oly_", "vero_")
_TRACKING_NAMES = frozenset({
    "fbclid", "gclid", "gclsrc", "gbraid", "wbraid", "dclid", "msclkid", "yclid", "twclid", "ttclid",
    "li_fat_id", "igsh", "igshid", "rdt_cid", "srsltid", "epik", "ref", "ref_src", "ref_url", "referrer",
    "mkt_tok", "spm", "_ga", "_gl", "__twitter_impression", "cmpid", "trk", "hsctatracking",
})  # fmt: skip
_AMP_SWITCHES = frozenset({("amp", ""), ("amp", "1"), ("amp", "true"), ("outputtype", "amp")})
_SMALL_SCREEN_LABELS = frozenset({"m", "mobile", "amp"})
# co.uk, com.au: a name below these is a whole site, so "m.co.uk" is not the small-screen form of "co.uk".
_REGISTRY_LABELS = frozenset({"co", "com", "org", "net", "gov", "edu", "ac", "or", "ne", "gob", "nom"})
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\x9f\\\s]")
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?")


class BadUrl(Invalid):
    """Not an address of a public web page: 422, with what to do."""

    code = "bad_url"

    def __init__(self, message: str, next_step: str = "") -> None:
        super().__init__(message, next_step=next_step or "Copy the whole address from your browser’s address bar.")


def split_web_url(url: str) -> SplitResult:
    """The parts of an http(s) address, host in lower case and ASCII. Raises BadUrl for anything doubtful."""
    url = url.strip()
    if len(url) > MAX_URL_CHARACTERS:
        raise BadUrl(
            f"This address is longer than {MAX_URL_CHARACTERS} characters.",
            "Remove what follows the question mark, see that the page still opens, and give that address.",
        )
    if _UNSAFE.search(url):
        raise BadUrl("This address has a space, a line break or a backslash in it.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise BadUrl("This is not a complete web address.") from None
    if parts.scheme not in ("http", "https"):
        raise BadUrl("A web address begins with https:// or http://.")
    if "@" in parts.netloc:
        raise BadUrl("This address has a user name in it.", "Give the address without the part before the @ sign.")
    if not host or port == 0:
        raise BadUrl("This address does not name a web site.")
    shown = f"[{ip}]" if (ip := _ipv6(parts.netloc, host)) else _ascii_host(host)
    return parts._replace(netloc=shown if port is None else f"{shown}:{port}")


def refuse_private(url: str, *, allow: frozenset[str] = frozenset()) -> None:
    """BadUrl for an address that says itself that it is not on the public web: this machine, or a private number.

    Nothing is looked up; the fetch vets what a name leads to. ``allow`` as there: ``host:port`` of development.
    """
    parts = split_web_url(url)
    host = (parts.hostname or "").rstrip(".")
    if f"{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}" in allow:
        return
    try:
        # Also 127.1, 0x7f.1 and 2130706433, as browsers read them.
        number: ipaddress.IPv4Address | ipaddress.IPv6Address | None = (
            ipaddress.IPv6Address(host) if ":" in host else ipaddress.IPv4Address(socket.inet_aton(host)))
    except OSError:
        number = None
    is_local_name = host.rpartition(".")[2] in {"localhost", "local", "internal"}
    if is_local_name or (number is not None and not number.is_global):
        raise BadUrl("This address is not on the public web.",
                     "Give the address of a page that anyone can open, or paste its text instead.")


def canonical_url(url: str) -> str:
    """One spelling for one page: for comparing and look-up, not for opening (a shop may need what is dropped).

    Idempotent. Drops fragment, default port, tracking parameters and small-screen host prefixes; sorts the query.
    Raises BadUrl.
    """
    parts = split_web_url(url)._replace(fragment="")
    query = "&".join(sorted((p for p in parts.query.split("&") if p and not _is_tracking(p)), key=_name_of))
    plain = urlunsplit(parts._replace(query=query))
    try:
        normal = urlsplit(url_normalize(plain) or "")
    except ValueError:
        raise BadUrl("This is not a complete web address.") from None
    ordered = "&".join(sorted(filter(None, normal.query.split("&")), key=_name_of))
    result = urlunsplit(normal._replace(netloc=_full_site(normal.netloc), query=ordered))
    split_web_url(result)  # escaping may have made it too long
    return result


def page_key(url: str) -> str:
    """Canonical address without scheme, ``www.`` and closing slash: equal keys are the same page. Raises BadUrl."""
    parts = urlsplit(canonical_url(url))
    host = parts.netloc.removeprefix("www.")
    return host + (parts.path.rstrip("/") or "/") + (f"?{parts.query}" if parts.query else "")


def _ipv6(netloc: str, host: str) -> str | None:
    if not netloc.startswith("["):
        return None
    try:
        return str(ipaddress.IPv6Address(host if "%" not in host else ""))
    except ValueError:
        raise BadUrl("This address does not name a web site.") from None


def _ascii_host(host: str) -> str:
    try:
        plain = host if host.isascii() else idna.encode(host, uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        plain = ""
    if not _HOST.fullmatch(plain) or len(plain) > 253 or any(len(label) > 63 for label in plain.split(".")):
        raise BadUrl("This address does not name a web site.")
    return plain


def _name_of(parameter: str) -> str:
    return parameter.partition("=")[0]


def _is_tracking(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    name, value = unquote(name).lower(), unquote(value).lower()
    return name in _TRACKING_NAMES or name.startswith(_TRACKING_PREFIXES) or (name, value) in _AMP_SWITCHES


def _full_site(netloc: str) -> str:
    """``m.site.org`` -> ``site.org``, ``en.m.site.org`` -> ``en.site.org``; never down to a bare registry name."""
    labels = netloc.split(".")
    for place in (0, 1):
        rest = labels[place + 1 :]
        is_site = len(rest) > 2 or (len(rest) == 2 and rest[0] not in _REGISTRY_LABELS)
        is_language = place == 0 or (len(labels[0]) in (2, 3) and labels[0] != "www")
        if is_site and is_language and labels[place] in _SMALL_SCREEN_LABELS and rest[-1][0].isalpha():
            return _full_site(".".join(labels[:place] + rest))
    return netloc
