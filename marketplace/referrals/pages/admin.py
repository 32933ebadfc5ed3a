"""For moderators: the queue with its clock, and the decisions. Rewards are put on hold and released here."""
from typing import Any

from flask import Blueprint, flash, redirect, url_for

from marketplace.bounties.rules import worst_case
from marketplace.foundation.db import transaction
from marketplace.foundation.errors import require
from marketplace.foundation.limits import WRITING, caller, limiter
from marketplace.foundation.web import Form
from marketplace.identity.models import User
from marketplace.identity.session import signed_in, signed_in_user
from marketplace.referrals.desk.ruling import rule_on_buyers
from marketplace.referrals.desk.telling import GRACE
from marketplace.referrals.models import Lead
from marketplace.referrals.moderation import accept_lead, ask_for_info, reject_lead
from marketplace.referrals.pages.lead_page import Blank, act_on_lead, show_lead
from marketplace.referrals.pages.queue import show_queue
from marketplace.referrals.permissions import may_freeze
from marketplace.referrals.queries import get_lead, get_reward, is_buyer_address_known
from marketplace.referrals.rewards import freeze_reward, unfreeze_reward
from marketplace.referrals.schemas import DecisionInput, FreezeInput, QuestionInput, RejectionInput, RulingInput

bp = Blueprint("moderation", __name__)
MINUTES = GRACE.seconds // 60


@bp.get("/moderation")
@signed_in
def queue() -> Any:
    user = signed_in_user()
    require(user.is_admin, "moderate leads")
    return show_queue(user, Blank())


@bp.post("/leads/<lead_id>/acceptance")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def acceptance(lead_id: str) -> Any:
    form = Form(DecisionInput())

    def accept(lead: Lead, user: User) -> str:
        accept_lead(lead, by=user, **form.fields)
        who = "the buyer is asked" if is_buyer_address_known(lead) else "the referrer gets the private link to pass on"
        reserved = "The funds are reserved; in" if worst_case(lead.terms).minor else "In"
        return f"Accepted. {reserved} {MINUTES} minutes {who}."

    return act_on_lead(lead_id, "acceptance", form, accept)


@bp.post("/leads/<lead_id>/rejection")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def rejection(lead_id: str) -> Any:
    form = Form(RejectionInput())

    def reject(lead: Lead, user: User) -> str:
        reject_lead(lead, by=user, **form.fields)
        return f"Rejected. The referrer reads the reason in {MINUTES} minutes, and may appeal once."

    return act_on_lead(lead_id, "rejection", form, reject)


@bp.post("/leads/<lead_id>/question")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def question(lead_id: str) -> Any:
    form = Form(QuestionInput())

    def ask(lead: Lead, user: User) -> str:
        ask_for_info(lead, by=user, **form.fields)
        return f"Asked. The referrer reads it in {MINUTES} minutes, and has a week to answer."

    return act_on_lead(lead_id, "question", form, ask)


@bp.post("/leads/<lead_id>/ruling")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def ruling(lead_id: str) -> Any:
    form = Form(RulingInput())

    def rule(lead: Lead, user: User) -> str:
        other = get_lead(form.fields.pop("other_id"), seen_by=user)
        found = rule_on_buyers(lead, other, by=user, **form.fields)
        if found is None:
            return "Kept: two buyers. Nobody is asked about these two again."
        return f"Kept: one buyer. {found.why} Both referrers are told in {MINUTES} minutes; until then you can undo it."

    return act_on_lead(lead_id, "ruling", form, rule)


@bp.post("/rewards/<reward_id>/hold")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def hold(reward_id: str) -> Any:
    user, form = signed_in_user(), Form(FreezeInput())
    require(user.is_admin, "put a reward on hold")
    reward = get_reward(reward_id, seen_by=user)
    require(may_freeze(user, reward), "put a reward on hold")
    lead_id = reward.lead_id
    if form.is_ready:
        with form.keeping():
            with transaction():
                freeze_reward(get_reward(reward_id, seen_by=user), by=user, **form.fields)
            flash("The reward is on hold. It is neither lost nor released meanwhile.", "ok")
            return redirect(url_for("lead.show", lead_id=lead_id))
    return show_lead(get_lead(lead_id, seen_by=user), user, forms={"hold": form}), form.status


@bp.post("/rewards/<reward_id>/release-hold")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def release_hold(reward_id: str) -> Any:
    user, form = signed_in_user(), Form(DecisionInput())
    require(user.is_admin, "take a reward off hold")
    reward = get_reward(reward_id, seen_by=user)
    require(may_freeze(user, reward), "take a reward off hold")
    lead_id = reward.lead_id
    if form.is_ready:
        with form.keeping():
            with transaction():
                unfreeze_reward(get_reward(reward_id, seen_by=user), by=user)
            flash("The hold is over. The reward goes on where it was.", "ok")
            return redirect(url_for("lead.show", lead_id=lead_id))
    return show_lead(get_lead(lead_id, seen_by=user), user, forms={"release": form}), form.status
