"""Where the links of a bounty lead: an address, with UTM parameters, filled in for each click. Never an open redirect.

Straight there only if the business has shown that the domain is its own; everything else gets a page of ours between.
"""
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote, urlsplit, urlunsplit

from sqlalchemy import select

from marketplace.bounties.models import Bounty
from marketplace.foundation import audit
from marketplace.foundation.db import db
from marketplace.foundation.errors import Invalid, require
from marketplace.foundation.urls import BadUrl, refuse_private, split_web_url
from marketplace.identity.models import User
from marketplace.tracking.click_ids import CLICK_PARAMETER
from marketplace.tracking.models import BountyDestination, BusinessDomain, DomainProof
from marketplace.tracking.permissions import may_lead_links

USUAL_UTM = "utm_source=fingerpost&utm_medium=referral&utm_campaign={bounty}&utm_content={sub}"
MARKS = {  # What may stand in a UTM parameter; filled in when somebody clicks.
    "click": "the click's id", "sub": "the referrer's own note, like newsletter", "code": "the link's code",
    "spoken": "the code that is said aloud", "bounty": "the bounty's id",
}
MOST_PARAMETERS = 12
LONGEST_PARAMETER = 120
SUB = re.compile(r"[A-Za-z0-9_.~-]{1,64}")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,39}")
_MARK = re.compile(r"\{([^{}]*)\}")
_PRINTABLE = "".join(chr(number) for number in range(0x21, 0x7f))


class BadTemplate(Invalid):
    code = "bad_utm"

    def __init__(self, said: str) -> None:
        step = "Write it like utm_source=fingerpost&utm_content={sub}."
        super().__init__(said, next_step=step, fields={"utm": [f"{said} {step}"]})


def lead_links(bounty: Bounty, url: str, utm: str, *, by: User, allow: frozenset[str] = frozenset()) -> None:
    """All links of this bounty lead there within 5 seconds. ``url`` "" takes it back. BadUrl, BadTemplate (422).

    ``allow``: ``host:port`` pairs that may be loopback and without TLS (development).
    """
    require(may_lead_links(by, bounty.business_id), "say where the links of this bounty lead")
    found = db.session.get(BountyDestination, bounty.id)
    if not url.strip():
        if found:
            db.session.delete(found)
            audit.record("bounty.led_home", bounty.id, by=by.id)
        return
    try:
        url = web_address(url, allow=allow)
    except BadUrl as refusal:
        refusal.fields = {"url": [f"{refusal.message} {refusal.next_step}"]}
        raise
    utm = check_utm(utm)
    if found is None:
        db.session.add(BountyDestination(bounty_id=bounty.id, url=url, utm=utm, set_by=by.id))
    else:
        found.url, found.utm, found.set_by = url, utm, by.id
    audit.record("bounty.led_to", bounty.id, by=by.id, url=url, utm=utm)


def destination_of(bounty: Bounty) -> BountyDestination | None:
    return db.session.get(BountyDestination, bounty.id)


def domains_shown(business_id: str) -> list[tuple[str, DomainProof]]:
    """Those that the business has shown to be its own, and how."""
    rows = db.session.execute(select(BusinessDomain.domain, BusinessDomain.proof).where(
        BusinessDomain.business_id == business_id, BusinessDomain.verified_at.is_not(None)))
    return [(domain, proof) for domain, proof in rows if proof]


def web_address(text: str, *, allow: frozenset[str] = frozenset()) -> str:
    """One spelling, https, ASCII throughout: what no browser reads in another way than we do. Raises BadUrl."""
    text = text.strip()
    if not text.isprintable():
        raise BadUrl("This address has a character in it that nobody sees.")
    parts = split_web_url(text)
    if parts.scheme != "https" and parts.netloc not in allow:
        raise BadUrl("This address does not begin with https://.", "Give the address of the secure site.")
    refuse_private(text, allow=allow)
    path, query, fragment = (quote(part, safe=_PRINTABLE) for part in (parts.path or "/", parts.query, parts.fragment))
    return urlunsplit((parts.scheme, parts.netloc, path, query, fragment))


def check_utm(template: str) -> str:
    """The template as it is kept. Raises BadTemplate."""
    parts = [part.partition("=")[::2] for part in template.strip().lstrip("?&").split("&") if part.strip()]
    pairs = [(name.strip(), value.strip()) for name, value in parts]
    if len(pairs) > MOST_PARAMETERS:
        raise BadTemplate(f"More than {MOST_PARAMETERS} parameters are too many.")
    for name, value in pairs:
        if not _NAME.fullmatch(name) or name.lower() == CLICK_PARAMETER:
            raise BadTemplate(f"“{name[:40]}” cannot be the name of a parameter.")
        if unknown := [mark for mark in _MARK.findall(value) if mark not in MARKS]:
            raise BadTemplate(f"Nothing is known that would fill in {{{unknown[0][:40]}}}.")
        if not value or len(value) > LONGEST_PARAMETER or re.search(r"[{}]", _MARK.sub("", value)):
            raise BadTemplate(f"What {name} says is empty, too long, or has a brace that nothing closes.")
    return "&".join(f"{name}={_escaped(unquote(value))}" for name, value in pairs)


def _escaped(value: str) -> str:
    return quote(value, safe="{}-._~")


@dataclass(frozen=True)
class Layout:
    """An address with gaps for what is known only when somebody clicks."""

    text: str
    has_sub: bool

    def fill(self, click_id: str, sub: str | None) -> str:
        filled = self.text.replace("{click}", click_id)
        return filled.replace("{sub}", sub or "") if self.has_sub else filled


def lay_out(url: str, utm: str, known: Mapping[str, str]) -> Layout:
    """``url`` with ``utm`` and the click's id appended to its query; a parameter that it has already stays as it is."""
    parts = urlsplit(url)
    has = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    kept = [part for part in parts.query.split("&") if part and part.partition("=")[0] != CLICK_PARAMETER]
    added = [part for part in utm.split("&") if part and part.partition("=")[0] not in has]
    braced = [part.replace("{", "%7B").replace("}", "%7D") for part in kept]
    known = {name: quote(value, safe="") for name, value in known.items()}
    filled = [_MARK.sub(lambda found: known.get(found[1], found[0]), part) for part in added]
    query = "&".join([*braced, *filled, f"{CLICK_PARAMETER}={{click}}"])
    path, fragment = (part.replace("{", "%7B").replace("}", "%7D") for part in (parts.path, parts.fragment))
    text = urlunsplit(parts._replace(path=path, query=query, fragment=fragment))
    return Layout(text, "{sub}" in query)


def is_shown(url: str, shown: Iterable[tuple[str, DomainProof]]) -> bool:
    """Whether the business has shown that the site of this address is its own. DNS speaks for what is below as well."""
    host = urlsplit(url).netloc.removesuffix(":443")
    return any(host == domain or (proof is DomainProof.DNS and host.endswith(f".{domain}")) for domain, proof in shown)


def deep_target(
    asked: str, destination: str, shown: Iterable[tuple[str, DomainProof]], *, allow: frozenset[str] = frozenset()
) -> str | None:
    """What ``?to=`` asks for: a path on the destination's site, or a whole address there or on a domain that is shown
    to be the business's. None for anything else: whoever writes a link cannot have our page speak for another site."""
    there = urlsplit(destination)
    try:
        if asked.startswith("/"):
            if not destination or asked.startswith(("//", "/\\")):
                return None
            asked = f"{there.scheme}://{there.netloc}{asked}"
        target = web_address(asked, allow=allow)
    except BadUrl:
        return None
    return target if urlsplit(target).netloc == there.netloc or is_shown(target, shown) else None
