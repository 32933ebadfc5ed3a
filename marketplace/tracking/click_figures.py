"""How often links were clicked: counted, and what was not counted and why."""
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, func, select

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


NONE = ClickCount()


def counts_of(codes: Iterable[str]) -> dict[str, ClickCount]:
    """By code of the link; those never clicked are missing. Some seconds behind."""
    rows = db.session.execute(select(click_days.c.code, *_sums()).where(
        click_days.c.code.in_(sorted(codes))).group_by(click_days.c.code))
    return {row.code: _count(row[1:]) for row in rows}


def _sums() -> list[ColumnElement[int]]:
    """In the order of ClickCount."""
    since = (clock.now() - LATELY).date()
    counted, *others = (func.sum(click_days.c[name]) for name in ("counted", "repeats", "prefetches", "bots"))
    return [counted, func.sum(click_days.c.counted).filter(click_days.c.day > since), *others]


def _count(sums: Sequence[int | None]) -> ClickCount:
    return ClickCount(*(int(one or 0) for one in sums))


def most_clicked(
    bounty: Bounty, *, seen_by: User, most: int = 50,
) -> tuple[list[tuple[ReferralLink, ClickCount]], ClickCount]:
    """The links of a bounty, most counted first, and what all of them together have. However many there are, only
    those that are shown are read."""
    require(may_see_clicks(seen_by, bounty), "see the clicks of this bounty")
    counted, of_bounty = func.coalesce(func.sum(click_days.c.counted), 0), ReferralLink.bounty_id == bounty.id
    links = db.session.scalars(
        select(ReferralLink).outerjoin(click_days, click_days.c.code == ReferralLink.code).where(of_bounty)
        .group_by(ReferralLink.id).order_by(counted.desc(), ReferralLink.id).limit(most)).all()
    counts = counts_of([link.code for link in links])
    total = db.session.execute(select(*_sums()).join_from(
        click_days, ReferralLink, ReferralLink.code == click_days.c.code).where(of_bounty)).one()
    return [(link, counts.get(link.code, NONE)) for link in links], _count(total)


def own_links(referrer: User) -> list[tuple[ReferralLink, ClickCount]]:
    """Newest first; also those that ended."""
    links = db.session.scalars(select(ReferralLink).where(
        ReferralLink.referrer_id == referrer.id).order_by(ReferralLink.id.desc()).limit(200)).all()
    counts = counts_of([link.code for link in links])
    return [(link, counts.get(link.code, NONE)) for link in links]
