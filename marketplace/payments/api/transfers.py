"""What people are sent, for programs: what was released to them, in which transfer it went, what came back."""
from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields

from marketplace.foundation.paging import Page, PageQuery, page
from marketplace.identity.session import require_scope, signed_in_user
from marketplace.payments.models import Payable, PayableState, Transfer, TransferState
from marketplace.payments.output_schemas import OneTransferOutput, PayableOutput, TransferOutput
from marketplace.payments.queries import get_transfer, parts_of, payables_visible_to, transfers_visible_to

bp = Blueprint("transfers_api", __name__, url_prefix="/api/v1", description="What people are sent")


class TransferQuery(PageQuery):
    state = fields.Enum(TransferState, by_value=True, load_default=None)
    business_id = fields.String(load_default=None)


class PayableQuery(PageQuery):
    state = fields.Enum(PayableState, by_value=True, load_default=None)
    business_id = fields.String(load_default=None)


class TransferPage(Schema):
    data = fields.List(fields.Nested(TransferOutput), attribute="rows")
    next_cursor = fields.String(allow_none=True)


class PayablePage(Schema):
    data = fields.List(fields.Nested(PayableOutput), attribute="rows")
    next_cursor = fields.String(allow_none=True)


@bp.get("/transfers")
@require_scope("rewards:read")
@bp.arguments(TransferQuery, location="query")
@bp.response(200, TransferPage)
def list_transfers(asked: dict[str, Any]) -> Page[Transfer]:
    """What was sent to you, newest first."""
    found = transfers_visible_to(signed_in_user()).order_by(None)
    if asked["state"]:
        found = found.where(Transfer.state == asked["state"])
    if asked["business_id"]:
        found = found.where(Transfer.business_id == asked["business_id"])
    return page(found, Transfer.id, cursor=asked["cursor"], size=asked["limit"])


@bp.get("/transfers/<transfer_id>")
@require_scope("rewards:read")
@bp.response(200, OneTransferOutput)
def read_transfer(transfer_id: str) -> dict[str, Any]:
    """One transfer: which rewards it paid, and what was taken back of it."""
    transfer = get_transfer(transfer_id, seen_by=signed_in_user())
    paid, taken_back = parts_of(transfer)
    plain = {name: getattr(transfer, name) for name in TransferOutput().fields}
    return {**plain, "payables": paid, "reversals": taken_back}


@bp.get("/payables")
@require_scope("rewards:read")
@bp.arguments(PayableQuery, location="query")
@bp.response(200, PayablePage)
def list_payables(asked: dict[str, Any]) -> Page[Payable]:
    """What was released to you: owed still, in a transfer, or sent."""
    found = payables_visible_to(signed_in_user())
    if asked["state"]:
        found = found.where(Payable.state == asked["state"])
    if asked["business_id"]:
        found = found.where(Payable.business_id == asked["business_id"])
    return page(found, Payable.id, cursor=asked["cursor"], size=asked["limit"])
