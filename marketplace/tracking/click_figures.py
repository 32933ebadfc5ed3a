"""How often links were clicked: counted, and what was not counted and why."""
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select

from marketplace.bounties.models import Bounty
from marketplace.foundation import clock
from marketplace.foundation.db import db
from marketplace.foundation.errors import require
from marketplace.identity.models import User
from marketplace.tracking.models import ReferralLink, click_days
from marketplace.tracking.permissions import may_see_clicks

LATELY = timedelta(days=30)


@dataclass(frozen=True)
class ClickCount:
    """``counted`` are people, once an hour each; ``lately`` are those of them in the last 30 days (UTC)."""

    counted: int = 0
    lately: int = 0
    repeats: int = 0
    prefetches: int = 0
    bots: int = 0

    @property
    def not_counted(self) -> int:
        return self.repeats + self.prefetches + self.bots

    def __add__(self, other: "ClickCount") -> "ClickCount":
        return ClickCount(self.counted + other.counted, self.lately + other.lately, self.repeats + other.repeats,
                          self.prefetches + other.prefetches, self.bots + other.bots)


NONE = ClickCount()


def counts_of(codes: Iterable[str]) -> dict[str, ClickCount]:
    """By code of the link; those never clicked are missing. Some seconds behind."""
    since = (clock.now() - LATELY).date()
    sums = [func.sum(click_days.c[name]) for name in ("counted", "repeats", "prefetches", "bots")]
    lately = func.sum(click_days.c.counted).filter(click_days.c.day > since)
    rows = db.session.execute(select(click_days.c.code, lately, *sums).where(
        click_days.c.code.in_(sorted(codes))).group_by(click_days.c.code))
    return {code: ClickCount(int(counted), int(recent or 0), int(repeats), int(early), int(bots))
            for code, recent, counted, repeats, early, bots in rows}


def most_clicked(
    bounty: Bounty, *, seen_by: User, most: int = 50,
) -> tuple[list[tuple[ReferralLink, ClickCount]], ClickCount]:
    """The links of a bounty, most counted first, and what all of them together have."""
    require(may_see_clicks(seen_by, bounty), "see the clicks of this bounty")
    links = {link.code: link for link in db.session.scalars(
        select(ReferralLink).where(ReferralLink.bounty_id == bounty.id))}
    counts = counts_of(links)
    shown = sorted(links.values(), key=lambda link: (-counts.get(link.code, NONE).counted, link.id))[:most]
    return [(link, counts.get(link.code, NONE)) for link in shown], sum(counts.values(), NONE)


def own_links(referrer: User) -> list[tuple[ReferralLink, ClickCount]]:
    """Newest first; also those that ended."""
    links = db.session.scalars(select(ReferralLink).where(
        ReferralLink.referrer_id == referrer.id).order_by(ReferralLink.id.desc()).limit(200)).all()
    counts = counts_of([link.code for link in links])
    return [(link, counts.get(link.code, NONE)) for link in links]
