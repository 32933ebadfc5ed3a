"""The moderators' desk for programs: take a case, pass it on, undo a decision, tell it at once."""
from typing import Any

from flask_smorest import Blueprint

from marketplace.foundation.idempotency import once
from marketplace.foundation.limits import PROGRAMS, caller, limiter
from marketplace.identity.session import require_scope, signed_in_user
from marketplace.referrals.contact import SeenLead
from marketplace.referrals.desk import claims, escalating, telling
from marketplace.referrals.models import Lead
from marketplace.referrals.output_schemas import LeadOutput
from marketplace.referrals.queries import get_lead
from marketplace.referrals.schemas import DecisionInput, EscalationInput

bp = Blueprint("desk_api", __name__, url_prefix="/api/v1", description="For admins: cases and decisions")
limiter.limit(PROGRAMS, key_func=caller, methods=["POST"])(bp)


def _case(lead_id: str) -> Lead:
    return get_lead(lead_id, seen_by=signed_in_user())


def _seen(lead: Lead) -> SeenLead:
    return SeenLead(lead, by=signed_in_user())


@bp.post("/leads/<lead_id>/claim")
@require_scope("leads:write")
@once
@bp.response(201, LeadOutput)
def create_claim(lead_id: str) -> SeenLead:
    """Take a case that waits, from whoever has it: nobody else decides it for a quarter of an hour."""
    lead = _case(lead_id)
    claims.take_over(lead, by=signed_in_user())
    return _seen(lead)


@bp.post("/leads/<lead_id>/escalation")
@require_scope("leads:write")
@once
@bp.arguments(EscalationInput)
@bp.response(201, LeadOutput)
def create_lead_escalation(written: dict[str, Any], lead_id: str) -> SeenLead:
    """Pass it on with a note, to one admin or to whoever takes it next; another decides then."""
    lead = _case(lead_id)
    escalating.escalate_lead(lead, by=signed_in_user(), **written)
    return _seen(lead)


@bp.post("/leads/<lead_id>/undoing")
@require_scope("leads:write")
@once
@bp.arguments(DecisionInput)
@bp.response(201, LeadOutput)
def create_undoing(written: dict[str, Any], lead_id: str) -> SeenLead:
    """Undo your own decision while nobody was told of it."""
    lead = _case(lead_id)
    telling.undo_decision(lead, by=signed_in_user(), **written)
    return _seen(lead)


@bp.post("/leads/<lead_id>/telling")
@require_scope("leads:write")
@once
@bp.response(201, LeadOutput)
def create_telling(lead_id: str) -> SeenLead:
    """Tell your decision now instead of a few minutes later."""
    lead = _case(lead_id)
    telling.tell_now(lead, by=signed_in_user())
    return _seen(lead)
