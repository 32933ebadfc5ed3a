"""For moderators: the next case, who has it, passing it on, undoing, and how the queue is worked."""
from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for

from marketplace.foundation.db import transaction
from marketplace.foundation.errors import require
from marketplace.foundation.limits import WRITING, caller, limiter
from marketplace.foundation.web import Form
from marketplace.identity.models import User
from marketplace.identity.session import signed_in, signed_in_user
from marketplace.referrals.desk.claims import let_go, take_over
from marketplace.referrals.desk.escalating import escalate_lead, take_back_escalation
from marketplace.referrals.desk.figures import LOOKED_BACK, appeals_decided, pace_of_all, paces, queue_age
from marketplace.referrals.desk.next_case import claim_next
from marketplace.referrals.desk.ruling import tell_ruling_now, undo_ruling
from marketplace.referrals.desk.telling import GRACE, tell_now, undo_decision
from marketplace.referrals.models import Lead
from marketplace.referrals.pages.lead_page import act_on_lead
from marketplace.referrals.queries import get_lead
from marketplace.referrals.schemas import DecisionInput, EscalationInput, NextInput, RuledInput

bp = Blueprint("desk", __name__)


@bp.post("/moderation/next")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def next_case() -> Any:
    """The most urgent one that nobody has open; the one just put down is let go."""
    user, form = signed_in_user(), Form(NextInput())
    require(user.is_admin, "moderate leads")
    besides = form.fields.get("besides", "")
    with transaction():
        if besides:
            let_go(get_lead(besides, seen_by=user), by=user)
        lead = claim_next(by=user, besides=besides)
        lead_id = lead.id if lead else None
    if lead_id is None:
        flash("Nothing else waits for you: what is left is open at somebody else, or not yours to decide.", "info")
        return redirect(url_for("moderation.queue"))
    return redirect(url_for("lead.show", lead_id=lead_id))


@bp.post("/leads/<lead_id>/claim")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def claim(lead_id: str) -> Any:
    def take(lead: Lead, user: User) -> str:
        take_over(lead, by=user)
        return "It is yours now. Who had it is told so when they decide."

    return act_on_lead(lead_id, "claim", Form(DecisionInput()), take)


@bp.post("/leads/<lead_id>/claim/end")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def end_claim(lead_id: str) -> Any:
    user = signed_in_user()
    require(user.is_admin, "moderate leads")
    with transaction():
        let_go(get_lead(lead_id, seen_by=user), by=user)
    flash("Put back into the queue.", "ok")
    return redirect(url_for("moderation.queue"))


@bp.post("/leads/<lead_id>/undoing")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def undoing(lead_id: str) -> Any:
    form = Form(DecisionInput())

    def undo(lead: Lead, user: User) -> str:
        undo_decision(lead, by=user, **form.fields)
        return "Undone. Nobody was told, and it is yours to decide again."

    return act_on_lead(lead_id, "undoing", form, undo)


@bp.post("/leads/<lead_id>/telling")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def telling(lead_id: str) -> Any:
    def tell(lead: Lead, user: User) -> str:
        tell_now(lead, by=user)
        return "Everybody concerned is told now."

    return act_on_lead(lead_id, "telling", Form(DecisionInput()), tell)


@bp.post("/leads/<lead_id>/ruling/end")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def end_ruling(lead_id: str) -> Any:
    form = Form(RuledInput())

    def undo(lead: Lead, user: User) -> str:
        undo_ruling(lead, get_lead(form.fields["other_id"], seen_by=user), by=user)
        return "Undone. Nobody was told, and the question is open again."

    return act_on_lead(lead_id, "ruling", form, undo)


@bp.post("/leads/<lead_id>/ruling/now")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def tell_ruling(lead_id: str) -> Any:
    form = Form(RuledInput())

    def tell(lead: Lead, user: User) -> str:
        tell_ruling_now(lead, get_lead(form.fields["other_id"], seen_by=user), by=user)
        return "It holds now, and whom it concerns is told."

    return act_on_lead(lead_id, "ruling", form, tell)


@bp.post("/leads/<lead_id>/escalation")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def escalation(lead_id: str) -> Any:
    form = Form(EscalationInput())

    def escalate(lead: Lead, user: User) -> str:
        escalate_lead(lead, by=user, **form.fields)
        return f"Passed on. The other admin is told in {GRACE.seconds // 60} minutes."

    return act_on_lead(lead_id, "escalation", form, escalate)


@bp.post("/leads/<lead_id>/escalation/end")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def end_escalation(lead_id: str) -> Any:
    def take_back(lead: Lead, user: User) -> str:
        take_back_escalation(lead, by=user)
        return "Not passed on: it is yours to decide again."

    return act_on_lead(lead_id, "escalation", Form(DecisionInput()), take_back)


@bp.get("/moderation/figures")
@signed_in
def figures() -> Any:
    require(signed_in_user().is_admin, "see how the queue is worked")
    each = paces()
    return render_template("referrals/desk_figures.html", age=queue_age(), paces=each, all=pace_of_all(each),
                           appeals=appeals_decided(), days=LOOKED_BACK.days)
