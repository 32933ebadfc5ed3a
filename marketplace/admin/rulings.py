"""For admins: disputes by their clock, and one screen to rule on each."""
from collections.abc import Callable
from typing import Any

from flask import Blueprint, render_template

from marketplace.foundation import clock
from marketplace.foundation.db import db
from marketplace.foundation.errors import require
from marketplace.foundation.limits import WRITING, caller, limiter
from marketplace.foundation.money import plain_amount
from marketplace.foundation.web import Form
from marketplace.identity.models import User
from marketplace.identity.session import signed_in, signed_in_user
from marketplace.referrals.audience import Audience
from marketplace.referrals.disputes.kinds import KINDS
from marketplace.referrals.disputes.permissions import has_no_stake, may_rule
from marketplace.referrals.disputes.queries import (
    ended_lately,
    get_dispute,
    names_in,
    record_in_disputes,
    waiting_for_admins,
    waiting_for_sides,
)
from marketplace.referrals.disputes.ruling import other_word, rule, take_up_dispute
from marketplace.referrals.disputes.schemas import DisputeRulingInput
from marketplace.referrals.disputes.witness import ask_buyer
from marketplace.referrals.disputes.words import (
    SIDES,
    claimant_in_words,
    frozen_in_words,
    next_in_words,
    respondent_in_words,
    state_in_words,
    title_of,
    what_follows,
)
from marketplace.referrals.models import Dispute, DisputeState, Lead
from marketplace.referrals.pages.dispute_acts import act_on_dispute
from marketplace.referrals.schemas import DecisionInput
from marketplace.referrals.timeline import tell_story

bp = Blueprint("rulings", __name__, url_prefix="/admin")

SHOWN = 50


def _operator() -> User:
    user = signed_in_user()
    require(user.is_admin, "enter the operators’ rooms")
    return user


@bp.get("/disputes")
@signed_in
def index() -> Any:
    user = _operator()
    waiting = db.session.scalars(waiting_for_admins().limit(SHOWN)).all()
    theirs = db.session.scalars(waiting_for_sides().limit(SHOWN)).all()
    ended = db.session.scalars(ended_lately().limit(SHOWN)).all()
    return render_template(
        "admin/rulings.html", waiting=waiting, theirs=theirs, ended=ended, title=title_of, next=next_in_words,
        badge=state_in_words, now=clock.now(), names=names_in([*waiting, *theirs, *ended]),
        mine={one.id for one in waiting if may_rule(user, one)})


@bp.get("/disputes/<dispute_id>")
@signed_in
def show(dispute_id: str) -> Any:
    user = _operator()
    return _show(get_dispute(dispute_id, seen_by=user), user)


def _show(dispute: Dispute, user: User, form: Form | None = None) -> str:
    lead = db.session.get_one(Lead, dispute.lead_id)
    may = may_rule(user, dispute)
    is_turn = may and dispute.state in {DisputeState.ESCALATED, DisputeState.OPEN}
    return render_template(
        "admin/ruling.html", dispute=dispute, lead=lead, kind=KINDS[dispute.kind], badge=state_in_words(dispute),
        sides=SIDES, say=next_in_words(dispute, is_ruler=is_turn), frozen=frozen_in_words(dispute),
        claimant=claimant_in_words(dispute),
        respondent=respondent_in_words(dispute), follows=what_follows(dispute), found=_found(dispute),
        other_word=other_word(dispute),
        form=form or Form(DisputeRulingInput()), story=tell_story(lead, Audience.ADMIN),
        has_stake=not has_no_stake(user, dispute), is_allowed=may,
        may_rule=is_turn,
        may_ask=may and dispute.ended_at is None and dispute.witness_asked_at is None and KINDS[dispute.kind].has_sale,
        records=_records(dispute, lead))


def _found(dispute: Dispute) -> dict[str, str]:
    """What the form begins with: what the buyer says, else as claimed; of what they corrected or deny, theirs alone."""
    word, other = dispute.proven_word, other_word(dispute)
    sale, sold_on = (word.amount, word.bought_on) if word else (None, None)
    if other is None:
        sale, sold_on = sale or dispute.sale, sold_on or dispute.happened_on
    return {"amount": plain_amount(sale) if sale else "", "sold_on": sold_on.isoformat() if sold_on else ""}


def _records(dispute: Dispute, lead: Lead) -> list[tuple[str, str, str]]:
    people = {user_id: db.session.get_one(User, user_id).name
              for user_id in (lead.referrer_id, dispute.respondent_id) if user_id}
    found = [(name, record_in_disputes(user_id=user_id)) for user_id, name in people.items()]
    found.append((lead.business.name, record_in_disputes(business_id=lead.business_id)))
    return [(name, f"{record.lost} lost", f"of {record.in_all} that are over") for name, record in found]


def _act(dispute_id: str, form: Form, verb: Callable[[Dispute, User], str]) -> Any:
    return act_on_dispute(dispute_id, form, verb, by=_operator(), may_act=has_no_stake, show=_show)


@bp.post("/disputes/<dispute_id>/ruling")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def ruling(dispute_id: str) -> Any:
    form = Form(DisputeRulingInput())

    def act(dispute: Dispute, user: User) -> str:
        said = form.fields
        rule(dispute, by=user, outcome=said["outcome"], reason=said["reason"], share_bps=said["share_percent"],
             sale=said["amount"], sold_on=said["sold_on"], version=said["version"])
        return "Ruled. What follows from it is posted, and both sides read your reason."

    return _act(dispute_id, form, act)


@bp.post("/disputes/<dispute_id>/taking-up")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def taking_up(dispute_id: str) -> Any:
    def act(dispute: Dispute, user: User) -> str:
        take_up_dispute(dispute, by=user)
        return "Taken up. The other side has five business days."

    return _act(dispute_id, Form(DecisionInput()), act)


@bp.post("/disputes/<dispute_id>/witness")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def witness(dispute_id: str) -> Any:
    def act(dispute: Dispute, user: User) -> str:
        ask_buyer(dispute, by=user)
        return ("Asked, by our mail." if dispute.witness_by_mail
                else "We may not write to the buyer: the referrer was given the link to pass on.")

    return _act(dispute_id, Form(DecisionInput()), act)
