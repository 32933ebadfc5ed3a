"""Whom a business brought from another programme: its list, the invitation, and what the invited person answers."""
from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for

from marketplace.bounties.models import Bounty, BountyState
from marketplace.foundation.db import db, transaction
from marketplace.foundation.limits import DRAWING, WRITING, caller, limiter
from marketplace.foundation.web import Form
from marketplace.identity.models import Business
from marketplace.identity.queries import get_business
from marketplace.identity.session import find_signed_in_user, signed_in, signed_in_user
from marketplace.tracking.models import InvitationState
from marketplace.tracking.partners.inviting import (
    MOST_A_DAY,
    accept_invitation,
    count_invitations,
    decline_invitation,
    get_invitation,
    get_invited,
    invitations_of,
    invite_partners,
    past_rewards_of,
    remove_invitation,
)
from marketplace.tracking.uploads.programmes import PROGRAMMES
from marketplace.tracking.uploads.schemas import InvitingInput

bp = Blueprint("partners", __name__)


@bp.route("/businesses/<business_id>/partners", methods=["GET", "POST"])
@signed_in
@limiter.limit(DRAWING, key_func=caller, methods=["POST"])
def index(business_id: str) -> Any:
    """The POST writes to everybody who was not written to yet."""
    user, business = signed_in_user(), get_business(business_id)
    partners = invitations_of(business.id, seen_by=user)
    form = Form(InvitingInput())
    if form.is_ready:
        with form.keeping():
            with transaction():
                bounty = db.session.query(Bounty).filter_by(
                    id=form.fields["bounty"], business_id=business.id).one_or_none()
                count = invite_partners(get_business(business_id), bounty, by=user) if bounty else None
            if count is not None:
                flash(f"{count} invitations are on their way.{_rest(business.id)}", "ok")
                return redirect(url_for(".index", business_id=business_id))
            form.errors = {"bounty": ["Choose one of your bounties."]}
    live = db.session.query(Bounty).filter_by(business_id=business.id, state=BountyState.LIVE).order_by(Bounty.id).all()
    return render_template("tracking/partners.html", business=business, partners=partners, form=form, bounties=live,
                           counts=count_invitations(business.id), programmes=PROGRAMMES), form.status


def _rest(business_id: str) -> str:
    left = count_invitations(business_id).get(InvitationState.BROUGHT, 0)
    return f" {left} more can be sent tomorrow: {MOST_A_DAY:,} a day are the most." if left else ""


@bp.get("/invitations/<invitation_id>")
@signed_in
def on_the_list(invitation_id: str) -> Any:
    invitation = get_invitation(invitation_id, seen_by=signed_in_user())
    return redirect(url_for(".index", business_id=invitation.business_id), 303)


@bp.post("/invitations/<invitation_id>/removal")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def removal(invitation_id: str) -> Any:
    with transaction():
        user = signed_in_user()
        invitation = get_invitation(invitation_id, seen_by=user)
        remove_invitation(invitation, by=user)
    flash("Removed: the name and the address are gone.", "ok")
    return redirect(url_for(".index", business_id=invitation.business_id))


@bp.get("/invitation/<token>")
def show(token: str) -> Any:
    """For whoever reads the mail; saying yes takes an account."""
    invitation = get_invited(token)
    return render_template(
        "tracking/invitation.html", invitation=invitation, token=token, user=find_signed_in_user(),
        business=db.session.get_one(Business, invitation.business_id),
        bounty=db.session.get_one(Bounty, invitation.bounty_id),
        past=past_rewards_of(invitation), programme=PROGRAMMES.get(invitation.programme),
        is_open=invitation.state is InvitationState.INVITED)


@bp.post("/invitation/<token>/acceptance")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def acceptance(token: str) -> Any:
    with transaction():
        link = accept_invitation(get_invited(token), by=signed_in_user())
    flash(f"You are in. Your code is {link.spoken}.", "ok")
    return redirect(url_for("links.show", bounty_id=link.bounty_id))


@bp.post("/invitation/<token>/refusal")
@limiter.limit(WRITING, key_func=caller)
def refusal(token: str) -> Any:
    with transaction():
        decline_invitation(get_invited(token))
    flash("Thank you for saying so. Nothing more is written to you about this.", "ok")
    return redirect(url_for(".show", token=token))
