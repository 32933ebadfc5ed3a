"""What fits a post, for programs."""
from collections.abc import Callable
from functools import wraps
from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields

from marketplace.bounties.schemas import BountyOutput
from marketplace.foundation.limits import READING_OUTSIDE, caller, limiter
from marketplace.foundation.web import refuse_bad_json
from marketplace.identity.session import require_scope, signed_in_user
from marketplace.referrals.matching import Reader, match_post
from marketplace.referrals.need_words import say_places, why_nothing
from marketplace.referrals.needs import Need
from marketplace.referrals.reading_posts import read_post
from marketplace.referrals.schemas import MatchInput

bp = Blueprint("matches", __name__, url_prefix="/api/v1", description="Which bounties fit a post")


class NeedOutput(Schema):
    """What was read in the post."""

    is_looking = fields.Boolean()
    why_not = fields.String(allow_none=True)
    language = fields.String(metadata={"description": "en, de, es, fr or other"})
    quote = fields.String(attribute="sentence", metadata={"description": "The sentence that says it, word for word."})
    quotes = fields.List(fields.String(), metadata={"description": "This and others that could show it."})
    what = fields.List(fields.String())
    category = fields.String()
    places = fields.Function(lambda need: list(say_places(need)), metadata={
        "type": "array", "items": {"type": "string"}})
    when = fields.String()
    budget = fields.Function(lambda need: _budget(need), metadata={
        "type": ["object", "null"], "description": "The most they would spend, in main units; currency null if unsaid.",
        "properties": {"amount": {"type": "integer"}, "currency": {"type": ["string", "null"]}}})


class MatchOutput(Schema):
    bounty = fields.Nested(BountyOutput)
    score = fields.Integer(metadata={"description": "Of 100."})
    reward = fields.String(metadata={"description": "What one would earn, in words."})
    reasons = fields.List(fields.String())
    funded = fields.Boolean(attribute="is_funded", allow_none=True, metadata={
        "description": "Whether there is money for one more lead; null where it pays no money."})
    too_old = fields.Boolean(attribute="is_too_old", metadata={
        "description": "The post is older than the bounty takes without a reason."})
    law = fields.String(metadata={"description": "What the law of your place allows instead, else empty."})


class MatchedOutput(Schema):
    url = fields.String(allow_none=True)
    title = fields.String()
    author = fields.String()
    published_on = fields.Date(attribute="written_on", allow_none=True)
    need = fields.Nested(NeedOutput)
    matches = fields.List(fields.Nested(MatchOutput), metadata={"description": "The best first; empty if none fits."})
    said = fields.String(metadata={"description": "Where nothing fits: why, and what to do. Else empty."})


def _budget(need: Need) -> dict[str, Any] | None:
    return {"amount": need.budget[0], "currency": need.budget[1]} if need.budget else None


def _read_as_json(view: Callable[..., Any]) -> Callable[..., Any]:
    """Before its fields are looked at; no transaction is opened, for a stranger's server may be waited for."""
    @wraps(view)
    def checked(*arguments: Any, **named: Any) -> Any:
        refuse_bad_json()
        return view(*arguments, **named)

    return checked


@bp.post("/matches")
@limiter.limit(READING_OUTSIDE, key_func=caller)
@require_scope("leads:write")
@_read_as_json
@bp.arguments(MatchInput)
@bp.response(200, MatchedOutput)
def create_match(written: dict[str, Any]) -> dict[str, Any]:
    """The bounties that fit a post, given by its address or text. Nothing is kept; asked again, it is read again."""
    user = signed_in_user()
    reader = Reader(user.jurisdiction, frozenset(one.business_id for one in user.memberships))
    post = read_post(**written)
    matched = match_post(post.text, title=post.title, language=post.language, written_on=post.written_on, reader=reader)
    said = "" if matched.matches else " ".join(why_nothing(matched.need))
    return {"url": post.url or None, "title": post.title, "author": post.author, "written_on": post.written_on,
            "need": matched.need, "matches": matched.matches, "said": said}
