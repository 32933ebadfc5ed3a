"""Paste a link or what you read: what we understood, the bounties that fit, what each would earn and why."""
from typing import Any

from flask import Blueprint, render_template, request

from marketplace.bounties.preview import reward_sign
from marketplace.foundation.limits import READING_OUTSIDE, caller, limiter
from marketplace.foundation.web import Form
from marketplace.identity.models import User
from marketplace.identity.session import find_signed_in_user
from marketplace.referrals.matching import NOBODY, Matched, Reader, match_post
from marketplace.referrals.need_words import say_budget, say_places, why_nothing
from marketplace.referrals.needs import Need
from marketplace.referrals.reading_posts import Post, read_post
from marketplace.referrals.schemas import MatchInput

bp = Blueprint("matching", __name__)


@bp.route("/match", methods=["GET", "POST"])
@limiter.limit(READING_OUTSIDE, key_func=caller, methods=["POST"])
def match() -> Any:
    form = Form(MatchInput(), initial={"post": request.args.get("url", "")})
    post: Post | None = None
    matched: Matched | None = None
    if form.is_ready:
        with form.keeping():
            post = read_post(**form.fields)
            matched = match_post(post.text, title=post.title, language=post.language, written_on=post.written_on,
                                 reader=reader_of(find_signed_in_user()))
    return render_template(
        "referrals/match.html", form=form, post=post, matched=matched, sign=reward_sign,
        chips=_chips(matched.need) if matched else [],
        nothing=why_nothing(matched.need) if matched and not matched.matches else None,
        is_signed_in=find_signed_in_user() is not None), form.status


def reader_of(user: User | None) -> Reader:
    if user is None:
        return NOBODY
    return Reader(user.jurisdiction, frozenset(one.business_id for one in user.memberships))


def _chips(need: Need) -> list[tuple[str, str]]:
    """(icon, words) of what was read; what was not said is left out."""
    what = [("magnifying-glass", words) for words in need.what]
    where = [("map-pin", name) for name in say_places(need)]
    when = [("calendar", need.when)] if need.when else []
    return [*what, *where, *when, *([("banknotes", budget)] if (budget := say_budget(need)) else [])]
