"""Disputes for programs: read them, open one, answer, add, go on, take back."""
from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields

from marketplace.foundation.idempotency import once
from marketplace.foundation.limits import PROGRAMS, caller, limiter
from marketplace.foundation.paging import Page, PageQuery, page
from marketplace.identity.session import require_scope, signed_in_user
from marketplace.referrals.disputes import answering
from marketplace.referrals.disputes.opening import open_dispute
from marketplace.referrals.disputes.queries import disputes_visible_to, get_dispute
from marketplace.referrals.disputes.schemas import ClaimInput, DisputeOutput, ObjectionInput, StatementInput
from marketplace.referrals.models import Dispute, DisputeKind, DisputeState
from marketplace.referrals.queries import get_lead
from marketplace.referrals.schemas import DecisionInput

bp = Blueprint("dispute", __name__, url_prefix="/api/v1", description="What one side claims of the other")
limiter.limit(PROGRAMS, key_func=caller, methods=["POST"])(bp)


class DisputeQuery(PageQuery):
    state = fields.Enum(DisputeState, by_value=True, load_default=None)
    kind = fields.Enum(DisputeKind, by_value=True, load_default=None)
    lead_id = fields.String(load_default=None)
    business_id = fields.String(load_default=None)


class DisputePage(Schema):
    data = fields.List(fields.Nested(DisputeOutput), attribute="rows")
    next_cursor = fields.String(allow_none=True)


def _mine(dispute_id: str) -> Dispute:
    return get_dispute(dispute_id, seen_by=signed_in_user())


@bp.get("/disputes")
@require_scope("leads:read")
@bp.arguments(DisputeQuery, location="query")
@bp.response(200, DisputePage)
def list_disputes(asked: dict[str, Any]) -> Page[Dispute]:
    """Those that you or your businesses are a side of; newest first."""
    found = disputes_visible_to(signed_in_user()).order_by(None)
    for name in ("state", "kind", "lead_id", "business_id"):
        if asked[name] is not None:
            found = found.where(getattr(Dispute, name) == asked[name])
    return page(found, Dispute.id, cursor=asked["cursor"], size=asked["limit"])


@bp.get("/disputes/<dispute_id>")
@require_scope("leads:read")
@bp.response(200, DisputeOutput)
def read_dispute(dispute_id: str) -> Dispute:
    """What is at issue, what waits, what both sides and the buyer said, what happens next."""
    return _mine(dispute_id)


@bp.post("/leads/<lead_id>/disputes")
@require_scope("leads:write")
@once
@bp.arguments(ClaimInput)
@bp.response(201, DisputeOutput)
def create_dispute(written: dict[str, Any], lead_id: str) -> Dispute:
    """Within thirty days of what it is about. The other side has five business days; silence ends it for you."""
    lead = get_lead(lead_id, seen_by=signed_in_user())
    return open_dispute(lead, written["kind"], by=signed_in_user(), text=written["text"], link=written["link"],
                        claim=ClaimInput.claim_in(written))


@bp.post("/disputes/<dispute_id>/acceptances")
@require_scope("leads:write")
@once
@bp.arguments(DecisionInput)
@bp.response(201, DisputeOutput)
def create_dispute_acceptance(written: dict[str, Any], dispute_id: str) -> Dispute:
    """Who has to answer: accept all that is claimed; it is posted at once."""
    dispute = _mine(dispute_id)
    answering.accept_claim(dispute, by=signed_in_user(), **written)
    return dispute


@bp.post("/disputes/<dispute_id>/objections")
@require_scope("leads:write")
@once
@bp.arguments(ObjectionInput)
@bp.response(201, DisputeOutput)
def create_objection(written: dict[str, Any], dispute_id: str) -> Dispute:
    """Who has to answer: say why not."""
    dispute = _mine(dispute_id)
    answering.contest_claim(dispute, by=signed_in_user(), **written)
    return dispute


@bp.post("/disputes/<dispute_id>/escalations")
@require_scope("leads:write")
@once
@bp.response(201, DisputeOutput)
def create_escalation(dispute_id: str) -> Dispute:
    """Who claims: let an admin decide."""
    dispute = _mine(dispute_id)
    answering.escalate(dispute, by=signed_in_user())
    return dispute


@bp.post("/disputes/<dispute_id>/withdrawals")
@require_scope("leads:write")
@once
@bp.response(201, DisputeOutput)
def create_dispute_withdrawal(dispute_id: str) -> Dispute:
    """Who claims: take it back; what waited goes on."""
    dispute = _mine(dispute_id)
    answering.withdraw_claim(dispute, by=signed_in_user())
    return dispute


@bp.post("/disputes/<dispute_id>/statements")
@require_scope("leads:write")
@once
@bp.arguments(StatementInput)
@bp.response(201, DisputeOutput)
def create_statement(written: dict[str, Any], dispute_id: str) -> Dispute:
    """Either side: add what should be known. It cannot be changed later."""
    dispute = _mine(dispute_id)
    answering.add_statement(dispute, by=signed_in_user(), **written)
    return dispute
