"""For the referrer: the link of a bounty with its codes, picture and card; all their links with their clicks."""
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, url_for

from marketplace.bounties.queries import bounties_by_id, get_bounty
from marketplace.foundation.db import transaction
from marketplace.foundation.limits import WRITING, caller, limiter
from marketplace.identity.session import signed_in, signed_in_user
from marketplace.referrals.permissions import may_point
from marketplace.tracking.cards import address_of, qr_png, qr_svg
from marketplace.tracking.click_figures import NONE, counts_of, own_links
from marketplace.tracking.disclosure import disclosure_beside
from marketplace.tracking.links import end_link, find_link, is_running, link_of
from marketplace.tracking.queries import get_link

bp = Blueprint("links", __name__)

DRAWINGS = {"svg": (qr_svg, "image/svg+xml"), "png": (qr_png, "image/png")}


@bp.get("/links")
@signed_in
def index() -> Any:
    links = own_links(signed_in_user())
    return render_template(
        "tracking/links.html", links=links, bounties=bounties_by_id(link.bounty_id for link, _ in links))


@bp.get("/bounties/<bounty_id>/link")
@signed_in
def show(bounty_id: str) -> Any:
    user = signed_in_user()
    bounty = get_bounty(bounty_id, seen_by=user)
    link = find_link(bounty, user)
    return render_template(
        "tracking/link.html", bounty=bounty, link=link, disclosure=disclosure_beside(bounty, user),
        address=address_of(link) if link else "", clicks=counts_of([link.code]).get(link.code, NONE) if link else NONE,
        may_have_one=may_point(user, bounty), is_live=bounty.state.value == "live")


@bp.post("/bounties/<bounty_id>/link")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def make(bounty_id: str) -> Any:
    user = signed_in_user()
    with transaction():
        link_of(get_bounty(bounty_id, seen_by=user), by=user)
    return redirect(url_for(".show", bounty_id=bounty_id))


@bp.post("/links/<link_id>/end")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def end(link_id: str) -> Any:
    with transaction():
        link = get_link(link_id, seen_by=signed_in_user())
        end_link(link, by=signed_in_user())
    flash("The link leads nowhere any more. What was clicked before still counts.", "ok")
    return redirect(url_for(".index"))


@bp.get("/links/<link_id>/code.<any(svg, png):kind>")
@signed_in
def picture(link_id: str, kind: str) -> Any:
    link = get_link(link_id, seen_by=signed_in_user())
    draw, media_type = DRAWINGS[kind]
    answer = Response(draw(link), mimetype=media_type)
    answer.headers["Content-Disposition"] = f'inline; filename="{link.code}.{kind}"'
    return answer


@bp.get("/links/<link_id>/card")
@signed_in
def card(link_id: str) -> Any:
    user = signed_in_user()
    link = get_link(link_id, seen_by=user)
    return render_template("tracking/card.html", link=link, bounty=link.bounty, address=address_of(link),
                           disclosure=disclosure_beside(link.bounty, user), is_running=is_running(link))
