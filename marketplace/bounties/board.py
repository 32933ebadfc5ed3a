"""What is on offer: by words, category, place and currency; newest or highest reward first."""
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, or_
from sqlalchemy.orm import InstrumentedAttribute

from marketplace.bounties.models import Bounty, BountyState, Category
from marketplace.bounties.queries import bounties_visible_to
from marketplace.foundation.paging import Page, page

SORTS: dict[str, tuple[InstrumentedAttribute[Any], ...]] = {
    "newest": (Bounty.published_at, Bounty.id),
    # Amounts of two currencies do not compare, so each currency has its own ranking, one after the other.
    "highest": (Bounty.currency, Bounty.highest_reward, Bounty.id),
}


@dataclass(frozen=True)
class BoardSearch:
    words: str = ""
    category: Category | None = None
    place: str = ""
    currency: str = ""
    sort: str = "newest"


def search_board(search: BoardSearch, *, cursor: str | None = None, size: int = 20) -> Page[Bounty]:
    """Live bounties that contain every word, in one page of a keyset order."""
    return page(_matching(search), *SORTS[search.sort], cursor=cursor, size=size)


def _matching(search: BoardSearch) -> Select[Bounty]:
    found = bounties_visible_to(None).where(Bounty.state == BountyState.LIVE)
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
