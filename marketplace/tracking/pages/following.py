"""For whoever follows a link: what the redirect in front could not answer, and the page before a stranger's site."""
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app, redirect, render_template, request
from flask_limiter.util import get_remote_address

from marketplace.foundation.db import db
from marketplace.foundation.errors import NotFound
from marketplace.foundation.limits import GUESSING, limiter
from marketplace.identity.models import Business
from marketplace.tracking.click_ids import CLICK_PARAMETER, read_click
from marketplace.tracking.destinations import SUB, deep_target, is_shown, lay_out
from marketplace.tracking.disclosure import disclosure_beside
from marketplace.tracking.in_front import redirects_of
from marketplace.tracking.links import find_by_code, is_running
from marketplace.tracking.models import ReferralLink
from marketplace.tracking.ways import Way, read_way

bp = Blueprint("following", __name__)


def _was_a_guess(response: Response) -> bool:
    return response.status_code == 404


@bp.get("/r/<said>")
@limiter.limit(GUESSING, key_func=get_remote_address, deduct_when=_was_a_guess)
def follow(said: str) -> Any:
    """A spoken code, one typed with capitals, or a link that is younger than what the redirect knows."""
    way, _ = _found(said)
    answer = redirect("/")
    answer.headers.clear()
    for name, value in redirects_of(current_app).lead_on(way, request.environ):
        answer.headers.add(name, value)
    answer.set_data(b"")
    return answer


@bp.get("/r/<code>/on")
@limiter.limit(GUESSING, key_func=get_remote_address, deduct_when=_was_a_guess)
def onward(code: str) -> Any:
    """Who sent them, what that person may get, and where they would go: nobody is led to a stranger's site unasked."""
    way, link = _found(code)
    said = request.args.get(CLICK_PARAMETER, "")
    click_id, sub = (said if read_click(said) else ""), request.args.get("sub", "")
    business: Business = link.bounty.business
    asked = deep_target(request.args.get("to", ""), way.url, way.shown, allow=redirects_of(current_app).allow)
    target = asked or way.url or business.website
    href = lay_out(target, way.utm, way.known).fill(click_id, sub if SUB.fullmatch(sub) else None) if target else None
    return render_template(
        "tracking/onward.html", bounty=link.bounty, business=business, first_name=link.referrer.name.split()[0],
        disclosure=disclosure_beside(link.bounty, link.referrer), href=href, spoken=link.spoken,
        there=urlsplit(target).netloc if target else "", is_shown=target is not None and is_shown(target, way.shown))


def _found(said: str) -> tuple[Way, ReferralLink]:
    """One answer for what never was, what ended and what is paused: who guesses learns nothing."""
    link = find_by_code(said)
    way = read_way(db.engine, link.code) if link and is_running(link) else None
    if link is None or way is None:
        raise NotFound("This link leads nowhere now.",
                       next_step="Ask whoever gave it to you for a new one, or look at what is on offer on the board.")
    return way, link
