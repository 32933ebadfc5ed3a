"""Bounties for programs: the board, and what a business does with its own offers."""
from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from marketplace.bounties import drafting, lowering, publishing
from marketplace.bounties.board import BoardSearch, search_board
from marketplace.bounties.gate import rule_on
from marketplace.bounties.models import Bounty, BountyState
from marketplace.bounties.permissions import may_see_drafts
from marketplace.bounties.queries import bounties_visible_to, get_bounty
from marketplace.bounties.rules import Event, Happening, RewardPreview, price
from marketplace.bounties.schemas import BoardInput, BountyInput, BountyOutput
from marketplace.foundation.fields import Amount
from marketplace.foundation.idempotency import once
from marketplace.foundation.limits import PROGRAMS, caller, limiter
from marketplace.foundation.money import parse_amount
from marketplace.foundation.paging import DEFAULT_SIZE, LARGEST_SIZE, Page, PageQuery, page
from marketplace.identity.queries import get_business
from marketplace.identity.session import require_scope, signed_in_user

bp = Blueprint("bounties", __name__, url_prefix="/api/v1", description="What businesses offer")
limiter.limit(PROGRAMS, key_func=caller, methods=["POST"])(bp)


class BountyPage(Schema):
    data = fields.List(fields.Nested(BountyOutput), attribute="rows")
    next_cursor = fields.String(allow_none=True)


class BoardQuery(BoardInput):
    """The board's filters, and how many at once."""

    limit = fields.Integer(load_default=DEFAULT_SIZE, validate=validate.Range(1, LARGEST_SIZE))


class OwnQuery(PageQuery):
    state = fields.Enum(BountyState, by_value=True, load_default=None)


class EventQuery(Schema):
    sale = fields.String(metadata={"description": "The value of the sale or the renewal, in the bounty’s currency."})
    happening = fields.Enum(Happening, by_value=True, load_default=Happening.WON)
    number = fields.Integer(load_default=1, validate=validate.Range(1, 1_000), metadata={
        "description": "Of a renewal: which one."})
    months = fields.Integer(load_default=0, validate=validate.Range(0, 1_000), metadata={
        "description": "Of a renewal: whole months since the sale."})

    @validates_schema
    def has_sale(self, data: dict[str, Any], **options: object) -> None:
        if data["happening"] is not Happening.QUALIFIED and "sale" not in data:
            raise ValidationError({"sale": ["Give the value of the sale."]})


class PreviewShare(Schema):
    whom = fields.String()
    amount = Amount()
    fee = Amount()
    thing = fields.String(allow_none=True)
    words = fields.String(attribute="rule.words", allow_none=True)
    after_days = fields.Integer()


class PreviewLine(Schema):
    words = fields.String()
    amount = Amount(allow_none=True)


class PreviewOutput(Schema):
    """The arithmetic, line by line, as the bounty's page shows it."""

    reward = Amount()
    buyer_share = Amount()
    fee = Amount()
    shares = fields.List(fields.Nested(PreviewShare))
    lines = fields.Function(
        lambda preview: [PreviewLine().dump({"words": w, "amount": m}) for w, m in preview.lines],
        metadata={"type": "array", "items": {"type": "object"}})


@bp.get("/bounties")
@require_scope("bounties:read")
@bp.arguments(BoardQuery, location="query")
@bp.response(200, BountyPage)
def list_bounties(asked: dict[str, Any]) -> Page[Bounty]:
    """Live bounties: by words, category, place and currency; newest or, currency by currency, highest reward first."""
    search = BoardSearch(asked["q"], asked["category"], asked["place"], asked["currency"], asked["sort"],
                         waits_for_funds=asked["funds"] == "awaited")
    return search_board(search, cursor=asked["cursor"], size=asked["limit"])


@bp.get("/businesses/<business_id>/bounties")
@require_scope("bounties:read")
@bp.arguments(OwnQuery, location="query")
@bp.response(200, BountyPage)
def list_own_bounties(asked: dict[str, Any], business_id: str) -> Page[Bounty]:
    """The bounties of one business, newest first; its own people see drafts and archived ones too."""
    of_one = bounties_visible_to(signed_in_user()).where(Bounty.business_id == get_business(business_id).id)
    if asked["state"]:
        of_one = of_one.where(Bounty.state == asked["state"])
    return page(of_one, Bounty.id, cursor=asked["cursor"], size=asked["limit"])


@bp.get("/bounties/<bounty_id>")
@require_scope("bounties:read")
@bp.response(200, BountyOutput)
def read_bounty(bounty_id: str) -> Bounty:
    """One bounty with the terms in force."""
    return get_bounty(bounty_id, seen_by=signed_in_user())


@bp.get("/bounties/<bounty_id>/reward-preview")
@require_scope("bounties:read")
@bp.arguments(EventQuery, location="query")
@bp.response(200, PreviewOutput)
def read_preview(asked: dict[str, Any], bounty_id: str) -> RewardPreview:
    """What would I earn for a sale of this value, for a renewal, for a qualified lead, as my place’s law allows?"""
    user = signed_in_user()
    bounty = get_bounty(bounty_id, seen_by=user)
    terms, home = bounty.terms, "" if may_see_drafts(user, bounty.business_id) else user.jurisdiction
    sale = parse_amount(asked.pop("sale"), terms.currency) if "sale" in asked else None
    return price(terms, Event(sale=sale, **asked), ruling=rule_on(terms.category, [terms.jurisdiction, home]))


@bp.post("/businesses/<business_id>/bounties")
@require_scope("bounties:write")
@once
@bp.arguments(BountyInput)
@bp.response(201, BountyOutput)
def create_bounty(written: dict[str, Any], business_id: str) -> Bounty:
    """A draft; fund and publish it to make it live."""
    written.pop("version", None)
    return drafting.draft_bounty(get_business(business_id), by=signed_in_user(), **written)


@bp.post("/bounties/<bounty_id>/terms")
@require_scope("bounties:write")
@once
@bp.arguments(BountyInput)
@bp.response(201, BountyOutput)
def create_terms(written: dict[str, Any], bounty_id: str) -> Bounty:
    """Change the offer: new terms with the next number. Leads that exist keep theirs."""
    bounty = get_bounty(bounty_id, seen_by=signed_in_user())
    drafting.change_bounty(bounty, by=signed_in_user(), **written)
    return bounty


@bp.post("/bounties/<bounty_id>/publication")
@require_scope("bounties:write")
@once
@bp.response(201, BountyOutput)
def create_publication(bounty_id: str) -> Bounty:
    """draft or paused -> live; needs funds for one reward and its fee."""
    bounty = get_bounty(bounty_id, seen_by=signed_in_user())
    publishing.publish_bounty(bounty, by=signed_in_user())
    return bounty


@bp.post("/bounties/<bounty_id>/pause")
@require_scope("bounties:write")
@once
@bp.response(201, BountyOutput)
def create_pause(bounty_id: str) -> Bounty:
    """live -> paused: no new leads for now."""
    bounty = get_bounty(bounty_id, seen_by=signed_in_user())
    publishing.pause_bounty(bounty, by=signed_in_user())
    return bounty


@bp.post("/bounties/<bounty_id>/closure")
@require_scope("bounties:write")
@once
@bp.response(201, BountyOutput)
def create_closure(bounty_id: str) -> Bounty:
    """Close for good; free funds go back to the cards that paid."""
    bounty = get_bounty(bounty_id, seen_by=signed_in_user())
    publishing.close_bounty(bounty, by=signed_in_user())
    return bounty


@bp.post("/bounties/<bounty_id>/lowering")
@require_scope("bounties:write")
@once
@bp.response(201, BountyOutput)
def create_lowering(bounty_id: str) -> Bounty:
    """New terms without what the law of the place forbids; leads that exist keep theirs."""
    bounty = get_bounty(bounty_id, seen_by=signed_in_user())
    lowering.lower_bounty(bounty, by=signed_in_user())
    return bounty
