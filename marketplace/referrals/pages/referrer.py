"""For people who point: pointing at a buyer, their own leads, answering, taking back, appealing."""
import json
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from marketplace.bounties.gate import is_gated
from marketplace.bounties.lowering import less_elsewhere, read_law
from marketplace.bounties.models import Bounty
from marketplace.bounties.preview import plain_terms
from marketplace.bounties.queries import get_bounty
from marketplace.foundation import jurisdictions
from marketplace.foundation.browsers import traces_of_request
from marketplace.foundation.crypto import DamagedSecret, UnknownKey, decrypt, encrypt
from marketplace.foundation.db import transaction
from marketplace.foundation.errors import DomainError
from marketplace.foundation.given_files import GivenFile
from marketplace.foundation.limits import WRITING, caller, limiter
from marketplace.foundation.paging import page
from marketplace.foundation.traces import keep_traces
from marketplace.foundation.web import Form, takes_up_to
from marketplace.identity.models import User
from marketplace.identity.permissions import EmailUnconfirmed, require_confirmed
from marketplace.identity.session import find_signed_in_user, signed_in, signed_in_user
from marketplace.referrals.appeals import appeal_decision
from marketplace.referrals.audience import Audience
from marketplace.referrals.desk.as_told import as_told
from marketplace.referrals.figures import pointed_counts, pointed_state, rewards_by_lead
from marketplace.referrals.models import Acquaintance, Lead, Moderation, ReasonCode
from marketplace.referrals.moderation import answer_info
from marketplace.referrals.money_back import money_back_of
from marketplace.referrals.next_step import next_steps
from marketplace.referrals.pages.evidence_files import MOST_SENT, read_given_files
from marketplace.referrals.pages.lead_page import act_on_lead
from marketplace.referrals.pointing import (
    AlreadyPointed,
    BountyNotOpen,
    SelfReferral,
    check_may_point,
    point_at_buyer,
    withdraw_lead,
)
from marketplace.referrals.queries import found_false_among, get_lead, leads_pointed_by
from marketplace.referrals.said_bought import words_of
from marketplace.referrals.schemas import AnswerInput, AppealInput, DecisionInput, DraftInput, PointInput

bp = Blueprint("pointing", __name__)

DRAFT = "draft"
LONGEST_COOKIE = 3_900  # Browsers keep 4 KB of one.

KNOWN = [
    {"value": Acquaintance.FRIEND.value, "label": "A friend"},
    {"value": Acquaintance.FAMILY.value, "label": "Family"},
    {"value": Acquaintance.COLLEAGUE.value, "label": "From work"},
    {"value": Acquaintance.ONLINE.value, "label": "Online", "text": "I read or follow them"},
    {"value": Acquaintance.NONE.value, "label": "Not at all", "text": "I only saw the post"},
]


@takes_up_to(MOST_SENT)
@bp.route("/bounties/<bounty_id>/point", methods=["GET", "POST"])
@signed_in
@limiter.limit(WRITING, key_func=caller, methods=["POST"])
def point(bounty_id: str) -> Any:
    user = signed_in_user()
    bounty = get_bounty(bounty_id, seen_by=user)
    form = Form(PointInput(), initial=_begun_with())
    obstacle = _find_obstacle(bounty, user)
    if form.is_ready and obstacle is None:
        with form.keeping():
            try:
                files = read_given_files()
                with transaction():
                    lead = point_at_buyer(get_bounty(bounty_id, seen_by=user), by=user, files=files, **form.fields)
                    keep_traces(user.id, traces_of_request())
                flash(*_said_about(lead))
                done = redirect(url_for("lead.show", lead_id=lead.id))
                done.delete_cookie(DRAFT, path=_form_of(bounty_id))
                return done
            except SelfReferral as refusal:  # A Forbidden that one can mend: another address.
                form.refuse(refusal)
    return _show(bounty, user, form, obstacle), obstacle.status if obstacle else form.status


@bp.post("/bounties/<bounty_id>/point/draft")
@limiter.limit(WRITING, key_func=caller)
def draft(bounty_id: str) -> Any:
    """From a match: the pointing form with what is known filled in. Words of a post never stand in an address."""
    sent = Form(DraftInput())
    begun = {name: sent.fields.get(name, "") for name in ("url", "quote", "text")}
    user = find_signed_in_user()
    if user is None:
        return _keep_begun(redirect(url_for("sign.sign_in", next=_form_of(bounty_id))), bounty_id, begun)
    bounty = get_bounty(bounty_id, seen_by=user)
    obstacle = _find_obstacle(bounty, user)
    return _show(bounty, user, Begun(begun), obstacle), obstacle.status if obstacle else 200


@dataclass
class Begun:
    """Shaped like Form: what a form starts with, before anybody sent it."""

    typed: dict[str, str]
    errors: dict[str, list[str]] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    refusal: DomainError | None = None


def _keep_begun(answer: Response, bounty_id: str, begun: dict[str, str]) -> Response:
    """Signing in empties the session, so the address and the sentence wait in a cookie of this form alone."""
    kept = encrypt(json.dumps({name: begun[name] for name in ("url", "quote")}))
    if len(kept) <= LONGEST_COOKIE:
        answer.set_cookie(DRAFT, kept, max_age=3_600, path=_form_of(bounty_id), httponly=True, samesite="Lax",
                          secure=current_app.config["SESSION_COOKIE_SECURE"])
    return answer


def _begun_with() -> dict[str, str]:
    """The address that a page carried along; else what was chosen before signing in."""
    kept = request.cookies.get(DRAFT)
    if "url" in request.args or not kept:
        return {"url": request.args.get("url", "")}
    try:
        begun: dict[str, str] = json.loads(decrypt(kept))
    except (DamagedSecret, UnknownKey, ValueError):
        return {}
    return begun


def _form_of(bounty_id: str) -> str:
    return url_for(".point", bounty_id=bounty_id)


def _show(bounty: Bounty, user: User, form: Form | Begun, obstacle: DomainError | None) -> str:
    law = read_law(bounty, user.jurisdiction)
    return render_template(
        "referrals/point.html", law=law, places=_places(bounty, user), less=less_elsewhere(bounty), form=form,
        bounty=bounty,
        sign=law.sign(bounty.terms), known=KNOWN, plain_terms=plain_terms(bounty.terms), obstacle=obstacle,
        known_lead=form.refusal.lead_id if isinstance(form.refusal, AlreadyPointed) else "",
        is_unconfirmed=isinstance(obstacle, EmailUnconfirmed))


def _places(bounty: Bounty, user: User) -> dict[str, Any] | None:
    """What the form asks where the law limits rewards: the choices, and whether we know where they live."""
    if not is_gated(bounty.terms.category):
        return None
    return {"choices": jurisdictions.choices(), "is_home_known": bool(user.jurisdiction)}


def _find_obstacle(bounty: Bounty, user: User) -> DomainError | None:
    """Why this person cannot point here at all, said before they type."""
    try:
        require_confirmed(user)
        check_may_point(bounty, by=user)
    except (EmailUnconfirmed, SelfReferral, BountyNotOpen) as obstacle:
        return obstacle
    return None


def _said_about(lead: Lead) -> tuple[str, str]:
    if lead.moderation is Moderation.DUPLICATE:
        return "Somebody was faster with this buyer. Your lead is kept, and you can appeal below.", "warn"
    if lead.reason_code is ReasonCode.ALREADY_KNOWN:
        return "The business knew this buyer before. Your lead is kept, and you can appeal below.", "warn"
    return "Thank you. We have it, and this page tells you how it goes on.", "ok"


@bp.get("/leads")
@signed_in
def leads() -> Any:
    user = signed_in_user()
    mine, wanted = leads_pointed_by(user), request.args.get("moderation", "")
    if wanted in set(Moderation):
        mine = mine.where(pointed_state == Moderation(wanted))
    found = page(mine, Lead.id, cursor=request.args.get("cursor"))
    rows = [as_told(lead) for lead in found.rows]
    rewards = rewards_by_lead(found.rows)
    following = url_for(".leads", moderation=wanted or None, cursor=found.next_cursor) if found.next_cursor else None
    return render_template(
        "referrals/leads.html", rows=rows, rewards=rewards, following=following, wanted=wanted,
        money_back=money_back_of(chain(*rewards.values())),
        counts=pointed_counts(user), states=list(Moderation), is_first="cursor" not in request.args,
        ended=found_false_among([lead.id for lead in rows]),
        says=next_steps(rows, Audience.REFERRER, rewards, words_of([lead.id for lead in rows])))


@bp.post("/leads/<lead_id>/withdrawal")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def withdrawal(lead_id: str) -> Any:
    def withdraw(lead: Lead, user: User) -> str:
        withdraw_lead(lead, by=user)
        return "You took the lead back. Nobody was given anything."

    return act_on_lead(lead_id, "withdrawal", Form(DecisionInput()), withdraw)


@takes_up_to(MOST_SENT)
@bp.post("/leads/<lead_id>/answer")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def answer(lead_id: str) -> Any:
    form = Form(AnswerInput())
    files: list[GivenFile] = []
    if form.is_ready:
        get_lead(lead_id, seen_by=signed_in_user())
        with form.keeping():
            files = read_given_files()

    def send_answer(lead: Lead, user: User) -> str:
        answer_info(lead, by=user, files=files, **form.fields)
        return "Thank you. Your lead goes on."

    return act_on_lead(lead_id, "answer", form, send_answer)


@bp.post("/leads/<lead_id>/appeal")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def appeal(lead_id: str) -> Any:
    form = Form(AppealInput())

    def send_appeal(lead: Lead, user: User) -> str:
        appeal_decision(lead, by=user, why=form.fields["why"])
        return "We look at it again. The clock starts again from now."

    return act_on_lead(lead_id, "appeal", form, send_appeal)
