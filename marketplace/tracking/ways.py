"""Where each link leads, known to this process for a few seconds at a time, so that a click asks no database."""
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode

from sqlalchemy import bindparam, select
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from marketplace.bounties.models import Bounty, BountyState
from marketplace.foundation.db import rows_of
from marketplace.identity.models import Business
from marketplace.tracking.click_ids import CLICK_PARAMETER
from marketplace.tracking.destinations import USUAL_UTM, Layout, deep_target, is_shown, lay_out
from marketplace.tracking.models import BountyDestination, BusinessDomain, DomainProof, ReferralLink

FRESH_SECONDS = 3.0  # A paused link stops within 5 in every process: these, one while another asks, and the answer.
ASKING_SECONDS = 1.0
MOST = 50_000  # Links that a process remembers.

_LINKS, _BOUNTIES, _BUSINESSES = rows_of(ReferralLink).c, rows_of(Bounty).c, rows_of(Business).c
_DESTINATIONS, _DOMAINS = rows_of(BountyDestination).c, rows_of(BusinessDomain).c
_WAY = (
    select(_LINKS.code, _LINKS.spoken, _LINKS.ended_at, _BOUNTIES.id.label("bounty_id"), _BOUNTIES.state,
           _BOUNTIES.business_id, _DESTINATIONS.url, _DESTINATIONS.utm)
    .join_from(rows_of(ReferralLink), rows_of(Bounty), _BOUNTIES.id == _LINKS.bounty_id)
    .join(rows_of(BountyDestination), _DESTINATIONS.bounty_id == _BOUNTIES.id, isouter=True)
    .where(_LINKS.code == bindparam("code")))
_SHOWN = select(_DOMAINS.domain, _DOMAINS.proof).where(
    _DOMAINS.business_id == bindparam("business"), _DOMAINS.verified_at.is_not(None))

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Way:
    """A link that runs. ``straight``: to the business's own site; else a page of ours comes between."""

    code: str
    url: str  # "" where the business said nothing.
    utm: str
    known: dict[str, str]
    shown: tuple[tuple[str, DomainProof], ...]
    straight: Layout | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "straight", self._straight_to(self.url) if self.url else None)

    def location(self, click_id: str, sub: str | None, asked: str, *, allow: frozenset[str] = frozenset()) -> str:
        """Where this click is led: absolute to a site that is shown to be the business's, else a path of ours."""
        target = deep_target(asked, self.url, self.shown, allow=allow) if asked else None
        layout = self._straight_to(target) if target else self.straight
        if layout:
            return layout.fill(click_id, sub)
        return f"/r/{self.code}/on?{_onward(click_id, sub, target or '')}"

    def _straight_to(self, url: str) -> Layout | None:
        return lay_out(url, self.utm, self.known) if is_shown(url, self.shown) else None


def _onward(click_id: str, sub: str | None, to: str) -> str:
    return urlencode({CLICK_PARAMETER: click_id} | ({"sub": sub} if sub else {}) | ({"to": to} if to else {}))


def read_way(engine: Engine, code: str) -> Way | None:
    """None for a code that nobody has, and for a link that leads nowhere now."""
    with engine.connect() as connection:
        row = connection.execute(_WAY, {"code": code}).first()
        if row is None or row.ended_at is not None or row.state is not BountyState.LIVE:
            return None
        shown = tuple((domain, proof) for domain, proof in connection.execute(_SHOWN, {"business": row.business_id}))
    known = {"code": row.code, "spoken": row.spoken, "bounty": row.bounty_id}
    return Way(code, row.url or "", row.utm if row.url else USUAL_UTM, known, shown)


@dataclass
class _Known:
    way: Way | None
    until: float


class Ways:
    """Threads share it. A link is asked for anew after FRESH_SECONDS; the database away, what was known goes on."""

    def __init__(self, engine: Engine, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._monotonic = monotonic
        self._known: dict[str, _Known] = {}

    def find(self, code: str) -> Way | None:
        known, now = self._known.get(code), self._monotonic()
        if known is not None:
            if now < known.until:
                return known.way
            known.until = now + ASKING_SECONDS  # One thread asks; the others go on with what was known.
        try:
            way = read_way(self._engine, code)
        except SQLAlchemyError as error:
            log.warning("links are not read anew: %r", error)
            return known.way if known else None
        if known is None and len(self._known) >= MOST:
            self._known = {}  # Those in use are back with their next click.
        self._known[code] = _Known(way, now + FRESH_SECONDS)
        return way
