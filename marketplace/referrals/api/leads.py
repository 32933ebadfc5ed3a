"""Leads for programs: pointing, following, moderating, working, selling."""
from collections.abc import Sequence
from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields

from marketplace.bounties.queries import get_bounty
from marketplace.foundation.db import db, transaction
from marketplace.foundation.idempotency import asked_anew, once
from marketplace.foundation.limits import PROGRAMS, caller, limiter
from marketplace.foundation.paging import PageQuery, page
from marketplace.identity.session import require_scope, signed_in_user
from marketplace.referrals import appeals, clawbacks, in_kind, moderation, pointing, stages
from marketplace.referrals.audience import Audience, audience_of
from marketplace.referrals.contact import Contact, SeenLead, note_case_opened, note_post_opened, open_contact, see_leads
from marketplace.referrals.desk.as_told import as_told, told_state
from marketplace.referrals.models import Consent, Conversion, Lead, Moderation, Stage
from marketplace.referrals.next_step import next_step
from marketplace.referrals.output_schemas import ContactOutput, LeadOutput, OneLeadOutput, ReceiptOutput, StoryOutput
from marketplace.referrals.permissions import is_referrer, may_moderate
from marketplace.referrals.queries import (
    LEADS,
    find_conversion,
    get_lead,
    leads_visible_to,
    rewards_of_lead,
)
from marketplace.referrals.receipts import receipt_for_business
from marketplace.referrals.reward_schemas import (
    ConversionOutput,
    shown_conversion,
)
from marketplace.referrals.said_bought import word_of
from marketplace.referrals.schemas import (
    AnswerInput,
    ApiLeadInput,
    AppealInput,
    DecisionInput,
    QuestionInput,
    RejectionInput,
    SaleInput,
    SaleRefundInput,
    StageInput,
)
from marketplace.referrals.timeline import tell_story

bp = Blueprint("leads", __name__, url_prefix="/api/v1", description="Buyers pointed out, and what became of them")
limiter.limit(PROGRAMS, key_func=caller, methods=["POST"])(bp)


class LeadQuery(PageQuery):
    """``moderation`` is what the reader has been told of it."""

    moderation = fields.Enum(Moderation, by_value=True, load_default=None)
    consent = fields.Enum(Consent, by_value=True, load_default=None)
    stage = fields.Enum(Stage, by_value=True, load_default=None)
    bounty_id = fields.String(load_default=None)
    business_id = fields.String(load_default=None)


class LeadPage(Schema):
    data = fields.List(fields.Nested(LeadOutput), attribute="rows")
    next_cursor = fields.String(allow_none=True)


def _seen(lead: Lead) -> SeenLead:
    return SeenLead(lead, by=signed_in_user())


def _mine(lead_id: str) -> Lead:
    return get_lead(lead_id, seen_by=signed_in_user())


def _note_looks(leads: Sequence[Lead]) -> bool:
    """Whether anything of a buyer's is about to be shown to others than the referrer; then the trail says so."""
    user = signed_in_user()
    cases = [lead for lead in leads if may_moderate(user, lead)]
    posts = [lead for lead, seen in zip(leads, see_leads(leads, by=user), strict=True)
             if seen.shows_evidence and not may_moderate(user, lead) and not is_referrer(user, lead)]
    if cases or posts:
        shown = [lead.id for lead in (*cases, *posts)]
        with transaction():
            db.session.scalars(LEADS.where(Lead.id.in_(shown))).all()  # Read anew inside, in one go.
            note_case_opened(*cases, by=user)
            note_post_opened(*posts, by=user)
    return bool(cases or posts)


@bp.get("/leads")
@require_scope("leads:read")
@bp.arguments(LeadQuery, location="query")
@bp.response(200, LeadPage)
def list_leads(asked: dict[str, Any]) -> dict[str, Any]:
    """Leads that you pointed out, or that were accepted for your businesses; newest first."""
    leads = leads_visible_to(signed_in_user())
    columns = {"moderation": Lead.moderation if signed_in_user().is_admin else told_state, "consent": Lead.consent,
               "stage": Lead.stage, "bounty_id": Lead.bounty_id, "business_id": Lead.business_id}
    for name, column in columns.items():
        if asked[name] is not None:
            leads = leads.where(column == asked[name])
    found = page(leads, Lead.id, cursor=asked["cursor"], size=asked["limit"])
    if _note_looks(found.rows):
        found = page(leads, Lead.id, cursor=asked["cursor"], size=asked["limit"])
    return {"rows": see_leads(found.rows, by=signed_in_user()), "next_cursor": found.next_cursor}


@bp.post("/leads")
@require_scope("leads:write")
@once
@bp.arguments(ApiLeadInput)
@bp.response(201, OneLeadOutput)
def create_lead(written: dict[str, Any]) -> SeenLead:
    """Point a business at a buyer, under the terms in force today."""
    bounty = get_bounty(written.pop("bounty_id"), seen_by=signed_in_user())
    return _seen(pointing.point_at_buyer(bounty, by=signed_in_user(), **written))


@bp.get("/leads/<lead_id>")
@require_scope("leads:read")
@bp.response(200, OneLeadOutput)
def read_lead(lead_id: str) -> SeenLead:
    """One lead; its evidence is null to a business until the buyer has said yes."""
    _note_looks([_mine(lead_id)])
    return _seen(_mine(lead_id))


@bp.get("/leads/<lead_id>/story")
@require_scope("leads:read")
@bp.response(200, StoryOutput)
def read_story(lead_id: str) -> dict[str, Any]:
    """What happened with this lead, oldest first, and what happens next; as your side of it reads it."""
    lead = _mine(lead_id)
    audience = audience_of(signed_in_user(), lead)
    lead = lead if audience is Audience.ADMIN else as_told(lead)
    return {"story": tell_story(lead, audience),
            "next": next_step(lead, audience, rewards_of_lead(lead), word=word_of(lead))}


@bp.post("/leads/<lead_id>/withdrawal")
@require_scope("leads:write")
@once
@bp.response(201, LeadOutput)
def create_withdrawal(lead_id: str) -> SeenLead:
    """Take your lead back before a decision."""
    lead = _mine(lead_id)
    pointing.withdraw_lead(lead, by=signed_in_user())
    return _seen(lead)


@bp.post("/leads/<lead_id>/answers")
@require_scope("leads:write")
@once
@bp.arguments(AnswerInput)
@bp.response(201, LeadOutput)
def create_answer(written: dict[str, Any], lead_id: str) -> SeenLead:
    """Answer a question about your lead; it goes back to review."""
    lead = _mine(lead_id)
    moderation.answer_info(lead, by=signed_in_user(), **written)
    return _seen(lead)


@bp.post("/leads/<lead_id>/appeals")
@require_scope("leads:write")
@once
@bp.arguments(AppealInput)
@bp.response(201, LeadOutput)
def create_appeal(written: dict[str, Any], lead_id: str) -> SeenLead:
    """Ask for a second look at a refusal; once per lead."""
    lead = _mine(lead_id)
    appeals.appeal_decision(lead, by=signed_in_user(), why=written["why"])
    return _seen(lead)


@bp.post("/leads/<lead_id>/acceptance")
@require_scope("leads:write")
@once
@bp.arguments(DecisionInput)
@bp.response(201, LeadOutput)
def create_acceptance(written: dict[str, Any], lead_id: str) -> SeenLead:
    """Admins: accept; funds are reserved, and the buyer is asked a few minutes later, unless you undo it meanwhile."""
    lead = _mine(lead_id)
    moderation.accept_lead(lead, by=signed_in_user(), **written)
    return _seen(lead)


@bp.post("/leads/<lead_id>/rejection")
@require_scope("leads:write")
@once
@bp.arguments(RejectionInput)
@bp.response(201, LeadOutput)
def create_rejection(written: dict[str, Any], lead_id: str) -> SeenLead:
    """Admins: reject with a reason code and the criterion that was missed."""
    lead = _mine(lead_id)
    moderation.reject_lead(lead, by=signed_in_user(), **written)
    return _seen(lead)


@bp.post("/leads/<lead_id>/questions")
@require_scope("leads:write")
@once
@bp.arguments(QuestionInput)
@bp.response(201, LeadOutput)
def create_question(written: dict[str, Any], lead_id: str) -> SeenLead:
    """Admins: ask the referrer; they have a week."""
    lead = _mine(lead_id)
    moderation.ask_for_info(lead, by=signed_in_user(), **written)
    return _seen(lead)


@bp.get("/leads/<lead_id>/consent-receipt")
@require_scope("leads:read")
@bp.response(200, ReceiptOutput)
def read_consent_receipt(lead_id: str) -> dict[str, Any]:
    """Members: the buyer's yes as a consent receipt by ISO/IEC TS 27560 (JSON-LD), without any address."""
    return receipt_for_business(_mine(lead_id), seen_by=signed_in_user())


@bp.post("/leads/<lead_id>/contact-disclosures")
@require_scope("leads:read")
@asked_anew
@bp.response(201, ContactOutput)
def create_contact_disclosure(lead_id: str) -> Contact:
    """Members: the buyer's contact data as far as they allowed it. Each disclosure is in the audit trail."""
    return open_contact(_mine(lead_id), by=signed_in_user())


@bp.post("/leads/<lead_id>/stages")
@require_scope("leads:write")
@once
@bp.arguments(StageInput)
@bp.response(201, LeadOutput)
def create_stage(written: dict[str, Any], lead_id: str) -> SeenLead:
    """Members: move the lead on; ``won`` goes through a sale."""
    lead = _mine(lead_id)
    stages.change_stage(lead, written.pop("stage"), by=signed_in_user(), **written)
    return _seen(lead)


@bp.post("/leads/<lead_id>/sale")
@require_scope("leads:write")
@once
@bp.arguments(SaleInput)
@bp.response(201, ConversionOutput)
def create_sale(written: dict[str, Any], lead_id: str) -> dict[str, Any]:
    """Members: the sale; makes the conversion and the reward in one go."""
    lead = _mine(lead_id)
    stages.win_lead(lead, by=signed_in_user(), **written)
    return _conversion(lead)


@bp.post("/leads/<lead_id>/refunds")
@require_scope("leads:write")
@once
@bp.arguments(SaleRefundInput)
@bp.response(201, ConversionOutput)
def create_refund(written: dict[str, Any], lead_id: str) -> dict[str, Any]:
    """Owners and managers: part of the sale was given back; its part of the reward is taken back."""
    lead = _mine(lead_id)
    clawbacks.refund_sale(lead, by=signed_in_user(), **written)
    return _conversion(lead)


def _conversion(lead: Lead) -> dict[str, Any]:
    sale = find_conversion(lead)
    assert sale is not None
    return _shown(lead, sale)


def _shown(lead: Lead, conversion: Conversion) -> dict[str, Any]:
    return shown_conversion(conversion, rewards_of_lead(lead), in_kind.things_of_lead(lead))
