"""What is on offer: by words, category, place and currency; newest or highest reward first."""
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Select, or_
from sqlalchemy.orm import InstrumentedAttribute

from marketplace.bounties.models import Bounty, BountyState, Category
from marketplace.bounties.publishing import OUT_OF_FUNDS
from marketplace.bounties.queries import bounties_visible_to
from marketplace.foundation.db import db
from marketplace.foundation.paging import Page, page


@dataclass(frozen=True)
class BoardSearch:
    words: str = ""
    category: Category | None = None
    place: str = ""
    currency: str = ""
    sort: str = "newest"
    waits_for_funds: bool = False  # Those that paused themselves, instead of the live ones.


def search_board(search: BoardSearch, *, cursor: str | None = None, size: int = 20) -> Page[Bounty]:
    """Live bounties that contain every word, in one page of a keyset order."""
    return page(_matching(search), *_order(search), cursor=cursor, size=size)


def some_wait_for_funds(search: BoardSearch) -> bool:
    """Whether the same search would find bounties that paused themselves for want of funds."""
    waiting = _matching(replace(search, waits_for_funds=True)).with_only_columns(Bounty.id).limit(1)
    return db.session.scalar(waiting) is not None


def _order(search: BoardSearch) -> tuple[InstrumentedAttribute[Any], ...]:
    """Amounts of two currencies do not compare: each currency has its own ranking, one after the other."""
    if search.sort == "newest":
        return Bounty.published_at, Bounty.id
    by_reward = Bounty.highest_reward, Bounty.id
    return by_reward if search.currency else (Bounty.currency, *by_reward)


def _matching(search: BoardSearch) -> Select[Bounty]:
    found = bounties_visible_to(None).where(Bounty.state == BountyState.LIVE)
    if search.waits_for_funds:
        found = bounties_visible_to(None).where(
            Bounty.state == BountyState.PAUSED, Bounty.paused_because == OUT_OF_FUNDS)
    if search.category:
        found = found.where(Bounty.category == search.category)
    if search.currency:
        found = found.where(Bounty.currency == search.currency)
    if search.place:
        # A bounty for anywhere serves every place.
        found = found.where(or_(Bounty.place.icontains(search.place, autoescape=True), Bounty.place == ""))
    for word in search.words.split()[:8]:
        found = found.where(or_(
            Bounty.title.icontains(word, autoescape=True), Bounty.offer.icontains(word, autoescape=True),
            Bounty.place.icontains(word, autoescape=True)))
    return found
