"""What a business paid in, for programs."""
from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields

from marketplace.foundation.errors import require
from marketplace.foundation.paging import Page, PageQuery, page
from marketplace.identity.queries import get_business
from marketplace.identity.session import require_scope, signed_in_user
from marketplace.payments.models import Funding, FundingState
from marketplace.payments.output_schemas import FundingOutput
from marketplace.payments.permissions import may_see_funding
from marketplace.payments.queries import fundings_visible_to, get_funding

bp = Blueprint("funding_api", __name__, url_prefix="/api/v1", description="What businesses paid in")


class FundingQuery(PageQuery):
    state = fields.Enum(FundingState, by_value=True, load_default=None)
    bounty_id = fields.String(load_default=None)


class FundingPage(Schema):
    data = fields.List(fields.Nested(FundingOutput), attribute="rows")
    next_cursor = fields.String(allow_none=True)


@bp.get("/businesses/<business_id>/fundings")
@require_scope("money:read")
@bp.arguments(FundingQuery, location="query")
@bp.response(200, FundingPage)
def list_fundings(asked: dict[str, Any], business_id: str) -> Page[Funding]:
    """All payments of a business for its bounties, newest first."""
    user, business = signed_in_user(), get_business(business_id)
    require(may_see_funding(user, business.id), "see what this business paid in")
    own = fundings_visible_to(user).where(Funding.business_id == business.id).order_by(None)
    if asked["state"]:
        own = own.where(Funding.state == asked["state"])
    if asked["bounty_id"]:
        own = own.where(Funding.purpose_id == asked["bounty_id"])
    return page(own, Funding.id, cursor=asked["cursor"], size=asked["limit"])


@bp.get("/fundings/<funding_id>")
@require_scope("money:read")
@bp.response(200, FundingOutput)
def read_funding(funding_id: str) -> Funding:
    """One payment: how far it is, and what went back of it."""
    return get_funding(funding_id, seen_by=signed_in_user())
