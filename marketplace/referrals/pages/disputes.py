"""Disputes for both sides: open one from a lead, read how it stands, answer, add, go on, take back."""
from collections.abc import Callable, Sequence
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for

from marketplace.foundation import clock
from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import require
from marketplace.foundation.limits import WRITING, caller, limiter
from marketplace.foundation.money import plain_amount
from marketplace.foundation.paging import page
from marketplace.foundation.web import Form
from marketplace.identity.models import Business, User
from marketplace.identity.permissions import may_see_members
from marketplace.identity.queries import get_business
from marketplace.identity.session import signed_in, signed_in_user
from marketplace.referrals.audience import Audience
from marketplace.referrals.disputes.answering import (
    MOST_STATEMENTS,
    accept_claim,
    add_statement,
    contest_claim,
    escalate,
    withdraw_claim,
)
from marketplace.referrals.disputes.kinds import KINDS
from marketplace.referrals.disputes.opening import open_dispute
from marketplace.referrals.disputes.permissions import (
    has_no_stake,
    is_claimant,
    is_respondent,
    may_accept,
    may_claim,
    may_withdraw,
    reads_as,
    side_of,
)
from marketplace.referrals.disputes.queries import (
    LIVE,
    disputes_of,
    disputes_of_business,
    get_dispute,
    leads_in,
)
from marketplace.referrals.disputes.schemas import ClaimInput, ObjectionInput, StatementInput
from marketplace.referrals.disputes.subjects import claimable_things, kinds_for, reclaimable
from marketplace.referrals.disputes.witness import witness_link
from marketplace.referrals.disputes.words import (
    SIDES,
    claimant_in_words,
    frozen_in_words,
    next_in_words,
    respondent_in_words,
    state_in_words,
    title_of,
)
from marketplace.referrals.models import Dispute, DisputeKind, DisputeSide, DisputeState, Lead, WitnessSaid
from marketplace.referrals.naming import name_of, number_of
from marketplace.referrals.pages.dispute_acts import act_on_dispute
from marketplace.referrals.queries import get_lead
from marketplace.referrals.reward_words import part_in_words, thing_at_start
from marketplace.referrals.said_bought import word_of
from marketplace.referrals.schemas import DecisionInput

bp = Blueprint("disputes", __name__)


@bp.get("/disputes")
@signed_in
def index() -> Any:
    """One's own, as the referrer; those of one's businesses have their own lists."""
    user = signed_in_user()
    elsewhere = [one.business for one in user.memberships if may_see_members(user, one.business_id)]
    return _list(disputes_of(user), business=None, elsewhere=elsewhere)


@bp.get("/businesses/<business_id>/disputes")
@signed_in
def of_business(business_id: str) -> Any:
    user, business = signed_in_user(), get_business(business_id)
    require(may_see_members(user, business.id), "see the disputes of this business")
    return _list(disputes_of_business(business.id, seen_by=user), business=business)


def _list(disputes: Any, *, business: Any, elsewhere: Sequence[Business] = ()) -> str:
    user, shown = signed_in_user(), page(disputes, Dispute.id, cursor=request.args.get("cursor"))
    where = {"business_id": business.id} if business else {}
    leads = leads_in(shown.rows, user_id=None if business else user.id)
    audience = Audience.BUSINESS if business else Audience.REFERRER
    return render_template(
        "referrals/disputes.html", rows=shown.rows, business=business, elsewhere=elsewhere, title=title_of,
        is_first="cursor" not in request.args, name=lambda one: name_of(leads[one.id], audience),
        next=lambda one: next_in_words(one, reads_as(user, one)),
        badge=lambda one: state_in_words(one, reads_as(user, one)),
        following=url_for(request.endpoint or "", cursor=shown.next_cursor, **where) if shown.next_cursor else None)


@bp.route("/leads/<lead_id>/disputes/new", methods=["GET", "POST"])
@signed_in
@limiter.limit(WRITING, key_func=caller, methods=["POST"])
def new(lead_id: str) -> Any:
    user = signed_in_user()
    lead = get_lead(lead_id, seen_by=user)
    for_business = not may_claim(user, lead, DisputeSide.REFERRER)
    form = Form(ClaimInput(), initial={} if for_business else _as_the_buyer_said(lead))
    require(not for_business or may_claim(user, lead, DisputeSide.BUSINESS), "open a dispute about this lead")
    if form.is_ready:
        with form.keeping():
            with transaction():
                said = form.fields
                dispute = open_dispute(get_lead(lead_id, seen_by=user), said["kind"], by=user, text=said["text"],
                                       link=said["link"], claim=ClaimInput.claim_in(said))
            is_first_seen = dispute.state is DisputeState.OPEN
            flash("Opened. An admin looks at it before the other side is asked." if is_first_seen
                  else "Opened. The other side is told, and the sum at issue waits.", "ok")
            return redirect(url_for(".show", dispute_id=dispute.id))
    return _form_page(lead, form, for_business=for_business), form.status


def _as_the_buyer_said(lead: Lead) -> dict[str, str]:
    """What a referrer's claim of that sale begins with; a business claims a part of a reward."""
    word = word_of(lead)
    if word is None or word.says is not WitnessSaid.BOUGHT:
        return {}
    return {"amount": plain_amount(word.last_amount), "happened_on": word.last_bought_on.isoformat()}


def _form_page(lead: Lead, form: Form, *, for_business: bool) -> str:
    """One kind at a time: the first page is the choice."""
    offered = kinds_for(lead, for_business=for_business)
    wanted = form.typed.get("kind") or request.args.get("kind", "")
    kind = next((one for one in offered if one.value == wanted), offered[0] if len(offered) == 1 else None)
    things = claimable_things(lead, kind) if kind in {DisputeKind.NON_PAYMENT, DisputeKind.FAVOUR_NOT_KEPT} else []
    return render_template(
        "referrals/dispute_new.html", lead=lead, form=form, offered=offered, kinds=KINDS, kind=kind,
        today=clock.now().date(), things=[(one.id, thing_at_start(one)) for one in things],
        rewards=reclaimable(lead) if kind is DisputeKind.BAD_LEAD else [], part=part_in_words)


@bp.get("/disputes/<dispute_id>")
@signed_in
def show(dispute_id: str) -> Any:
    user = signed_in_user()
    dispute = get_dispute(dispute_id, seen_by=user)
    if side_of(user, dispute) is None and has_no_stake(user, dispute):
        return redirect(url_for("rulings.show", dispute_id=dispute.id))
    return _show(dispute, user)


def _show(dispute: Dispute, user: User, name: str = "", form: Form | None = None) -> str:
    side, lead = side_of(user, dispute), db.session.get_one(Lead, dispute.lead_id)
    waits, is_ours, is_theirs = dispute.state, is_claimant(user, dispute), is_respondent(user, dispute)
    to = reads_as(user, dispute)
    mine = sum(one.side is side for one in dispute.statements)
    # A referrer passes the buyer's link on; nobody else is given it.
    passes_on = (dispute.witness_asked_at is not None and not dispute.witness_by_mail and dispute.witness is None
                 and waits in LIVE and user.id == lead.referrer_id)
    return render_template(
        "referrals/dispute.html", dispute=dispute, lead=lead, kind=KINDS[dispute.kind],
        badge=state_in_words(dispute, to), say=next_in_words(dispute, to), frozen=frozen_in_words(dispute),
        claimant=claimant_in_words(dispute, to), respondent=respondent_in_words(dispute, to), sides=SIDES, user=user,
        is_turn=(is_theirs and waits is DisputeState.AWAITING_RESPONSE)
        or (is_ours and waits is DisputeState.CONTESTED),
        may_contest=is_theirs and waits is DisputeState.AWAITING_RESPONSE,
        may_accept=waits is DisputeState.AWAITING_RESPONSE and may_accept(user, dispute),
        may_escalate=is_ours and waits is DisputeState.CONTESTED,
        may_withdraw=waits in LIVE and may_withdraw(user, dispute),
        may_add=side is not None and waits in LIVE and mine < MOST_STATEMENTS
        and not (is_theirs and waits is DisputeState.AWAITING_RESPONSE),
        witness_link=witness_link(dispute, is_mailed=False) if passes_on else None,
        sees_lead=user.id == lead.referrer_id or user.role_in(lead.business_id) is not None,
        number=number_of(leads_in([dispute], user_id=user.id)[dispute.id].id),
        sent=name, form=form, blank=Form(StatementInput()) if form is None else form)


def _act(dispute_id: str, name: str, form: Form, verb: Callable[[Dispute, User], str]) -> Any:
    return act_on_dispute(dispute_id, form, verb, by=signed_in_user(), may_act=side_of,
                          show=lambda dispute, user, sent: _show(dispute, user, name, sent))


@bp.post("/disputes/<dispute_id>/acceptance")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def acceptance(dispute_id: str) -> Any:
    form = Form(DecisionInput())

    def act(dispute: Dispute, user: User) -> str:
        accept_claim(dispute, by=user, **form.fields)
        return "Accepted. What follows from it is done, and the other side is told."

    return _act(dispute_id, "acceptance", form, act)


@bp.post("/disputes/<dispute_id>/objection")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def objection(dispute_id: str) -> Any:
    form = Form(ObjectionInput())

    def act(dispute: Dispute, user: User) -> str:
        contest_claim(dispute, by=user, **form.fields)
        return "Sent. The other side reads it, and may take it to an admin."

    return _act(dispute_id, "objection", form, act)


@bp.post("/disputes/<dispute_id>/escalation")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def escalation(dispute_id: str) -> Any:
    def act(dispute: Dispute, user: User) -> str:
        escalate(dispute, by=user)
        return "An admin decides now. Add whatever helps them."

    return _act(dispute_id, "escalation", Form(DecisionInput()), act)


@bp.post("/disputes/<dispute_id>/withdrawal")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def withdrawal(dispute_id: str) -> Any:
    def act(dispute: Dispute, user: User) -> str:
        withdraw_claim(dispute, by=user)
        return "Taken back. What waited goes on."

    return _act(dispute_id, "withdrawal", Form(DecisionInput()), act)


@bp.post("/disputes/<dispute_id>/statements")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def statement(dispute_id: str) -> Any:
    form = Form(StatementInput())

    def act(dispute: Dispute, user: User) -> str:
        add_statement(dispute, by=user, **form.fields)
        return "Added. Nobody can change it any more."

    return _act(dispute_id, "statement", form, act)
