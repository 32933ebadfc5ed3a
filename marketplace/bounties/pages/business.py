"""Where a business writes its bounties, changes them, and makes them live, paused or closed."""
from collections.abc import Callable
from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from marshmallow import Schema, fields

from marketplace.bounties.drafting import PLATFORM_FEE_BPS, change_bounty, draft_bounty
from marketplace.bounties.form import BountyForm, initial_form
from marketplace.bounties.lowering import lower_bounty
from marketplace.bounties.models import Bounty, BountyState, Category
from marketplace.bounties.pages.showing import show_bounty
from marketplace.bounties.permissions import may_edit, may_post_for
from marketplace.bounties.preview import plain_terms
from marketplace.bounties.publishing import close_bounty, pause_bounty, publish_bounty
from marketplace.bounties.queries import get_bounty
from marketplace.bounties.rule_schemas import ROWS
from marketplace.bounties.rule_words import percent_text
from marketplace.bounties.schemas import (
    CLICK_DAYS,
    CONSENT_DAYS,
    EVIDENCE_DAYS,
    HOLD_DAYS,
    PROTECTION_DAYS,
)
from marketplace.foundation import jurisdictions
from marketplace.foundation.db import transaction
from marketplace.foundation.errors import Conflict, Invalid, require
from marketplace.foundation.limits import WRITING, caller, limiter
from marketplace.foundation.money import CURRENCIES
from marketplace.foundation.web import Form, StaleForm, check_version
from marketplace.identity.models import User
from marketplace.identity.queries import get_business
from marketplace.identity.session import signed_in, signed_in_user

bp = Blueprint("offers", __name__)

BLANK = {
    "currency": "usd", "reward_kind": "flat", "hold_days": "30", "protection_days": "90", "consent_days": "14",
    "evidence_days": "30", "click_days": "90", "click_pick": "last",
}
CHOICES = {
    "categories": list(Category), "currencies": list(CURRENCIES), "hold_days": HOLD_DAYS,
    "protection_days": PROTECTION_DAYS, "consent_days": CONSENT_DAYS, "evidence_days": EVIDENCE_DAYS, "rows": ROWS,
    "click_days": CLICK_DAYS,
    "fee": percent_text(PLATFORM_FEE_BPS), "jurisdictions": jurisdictions.choices,
}


class ChangeInput(Schema):
    """A button that moves a bounty on, with the version its page was made from."""

    version = fields.Integer(load_default=None)


@bp.route("/businesses/<business_id>/bounties/new", methods=["GET", "POST"])
@signed_in
@limiter.limit(WRITING, key_func=caller, methods=["POST"])
def new(business_id: str) -> Any:
    user, business = signed_in_user(), get_business(business_id)
    require(may_post_for(user, business.id), "post bounties for this business")
    form = Form(BountyForm(), initial={**BLANK, "place": business.place})
    if form.is_ready:
        form.fields.pop("version", None)
        with form.keeping():
            with transaction():
                bounty = draft_bounty(business, by=user, **form.fields)
            flash("Your draft is kept. What it needs next stands below.", "ok")
            return redirect(url_for("board.bounty", bounty_id=bounty.id))
    return render_template("bounties/new.html", form=form, business=business, choices=CHOICES), form.status


@bp.route("/bounties/<bounty_id>/edit", methods=["GET", "POST"])
@signed_in
@limiter.limit(WRITING, key_func=caller, methods=["POST"])
def edit(bounty_id: str) -> Any:
    user = signed_in_user()
    bounty = get_bounty(bounty_id, seen_by=user)
    require(may_edit(user, bounty), "change this bounty")
    form = Form(BountyForm(), initial=_as_typed(bounty))
    number = bounty.terms_number
    if form.is_ready:
        with form.keeping():
            with transaction():
                change_bounty(bounty, by=user, **form.fields)
            flash(_said_about(bounty, number), "ok")
            return redirect(url_for("board.bounty", bounty_id=bounty.id))
    if isinstance(form.refusal, StaleForm):
        form.typed["version"] = str(bounty.version)  # What was changed meanwhile is shown beside it: they may send now.
    return render_template(
        "bounties/edit.html", form=form, bounty=bounty, choices=CHOICES, plain_terms=plain_terms(bounty.terms),
        is_stale=isinstance(form.refusal, StaleForm)), form.status


def _as_typed(bounty: Bounty) -> dict[str, str]:
    return {"title": bounty.title, "offer": bounty.offer, "version": str(bounty.version), **initial_form(bounty.terms)}


def _said_about(bounty: Bounty, number_before: int) -> str:
    if bounty.terms_number == number_before:
        return "Saved. The terms are as they were."
    said = f"Saved. New leads come under terms number {bounty.terms_number}; existing leads keep theirs."
    return f"{said} {bounty.paused_because}" if bounty.state is BountyState.PAUSED and bounty.paused_because else said


@bp.post("/bounties/<bounty_id>/publication")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def publication(bounty_id: str) -> Any:
    return _move(bounty_id, publish_bounty, "It is live: anybody can point at a buyer for it now.")


@bp.post("/bounties/<bounty_id>/lowering")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def lowering(bounty_id: str) -> Any:
    return _move(bounty_id, lower_bounty, "Lowered to what is allowed there. New leads come under these terms.")


@bp.post("/bounties/<bounty_id>/pause")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def pause(bounty_id: str) -> Any:
    return _move(bounty_id, pause_bounty, "It is paused: no new leads come in. Those you have go on.")


@bp.post("/bounties/<bounty_id>/closure")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def closure(bounty_id: str) -> Any:
    return _move(bounty_id, close_bounty, "It is closed. What is free goes back to where it was paid from.")


def _move(bounty_id: str, verb: Callable[..., None], said: str) -> Any:
    """One verb in one transaction; a refusal stands on the bounty's own page, with what to do instead."""
    user: User = signed_in_user()
    form = Form(ChangeInput())
    if form.errors:
        raise Invalid("This page was not sent as it stands.", next_step="Reload it and use its buttons.")
    bounty = get_bounty(bounty_id, seen_by=user)
    try:
        with transaction():
            check_version(bounty, form.fields["version"])
            verb(bounty, by=user)
    except Conflict as refusal:
        return show_bounty(bounty, refusal=refusal), refusal.status
    flash(said, "ok")
    return redirect(url_for("board.bounty", bounty_id=bounty.id))
