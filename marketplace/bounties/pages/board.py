"""What anybody may see: the board, a bounty with what it would earn, a business."""
from typing import Any

from flask import Blueprint, redirect, render_template, url_for

from marketplace.bounties.board import BoardSearch, search_board, some_wait_for_funds
from marketplace.bounties.models import BountyState, Category
from marketplace.bounties.pages.asked import preview_asked, read_asked
from marketplace.bounties.pages.showing import show_bounty
from marketplace.bounties.permissions import may_see_drafts
from marketplace.bounties.preview import reward_sign
from marketplace.bounties.queries import backing_among, bounties_by_id, bounties_of, get_bounty
from marketplace.bounties.schemas import BoardInput
from marketplace.foundation.money import CURRENCIES
from marketplace.identity.permissions import is_member
from marketplace.identity.queries import get_business
from marketplace.identity.session import find_signed_in_user

bp = Blueprint("board", __name__)

bp.add_app_template_global(bounties_by_id)  # Payments know a bounty by its id alone; their pages name it.

# From one page of the board to the next.
KEPT = frozenset({"q", "category", "place", "currency", "sort", "funds", "url"})


@bp.get("/bounties")
def show() -> Any:
    asked = read_asked(BoardInput())
    wanted = asked.fields
    search = BoardSearch(wanted["q"], wanted["category"], wanted["place"], wanted["currency"], wanted["sort"],
                         waits_for_funds=wanted["funds"] == "awaited")
    page = search_board(search, cursor=wanted["cursor"])
    kept: dict[str, Any] = {name: value for name, value in asked.typed.items() if name in KEPT}
    following = url_for(".show", **kept, cursor=page.next_cursor) if page.next_cursor else None
    return render_template(
        "bounties/board.html", asked=asked, search=search, rows=page.rows, backing=backing_among(list(page.rows)),
        sign=reward_sign, categories=list(Category), currencies=list(CURRENCIES), kept=kept, following=following,
        is_first=wanted["cursor"] is None,
        awaited=url_for(".show", **{**kept, "funds": "awaited"}) if not following and _some_wait(search) else None,
    ), asked.status


def _some_wait(search: BoardSearch) -> bool:
    """Asked where the board ends: who takes leads now comes first."""
    return not search.waits_for_funds and some_wait_for_funds(search)


@bp.get("/bounties/<bounty_id>")
def bounty(bounty_id: str) -> Any:
    asked, viewer = read_asked(), find_signed_in_user()
    found = get_bounty(bounty_id, seen_by=viewer)
    is_insider = viewer is not None and may_see_drafts(viewer, found.business_id)
    preview = preview_asked(found, asked, home=viewer.jurisdiction if viewer and not is_insider else "")
    return show_bounty(found, asked=asked, preview=preview), asked.status


@bp.get("/businesses/<slug>")
def business(slug: str) -> Any:
    found, viewer = get_business(slug), find_signed_in_user()
    if found.slug != slug:
        return redirect(url_for(".business", slug=found.slug))
    live = [b for b in bounties_of(found.id, seen_by=None) if b.state is BountyState.LIVE]
    return render_template(
        "bounties/business.html", business=found, bounties=live, backing=backing_among(live), sign=reward_sign,
        is_member=viewer is not None and is_member(viewer, found.id))
