"""For a business: connecting its own Stripe account, and what came of what it said."""
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from marshmallow import Schema

from marketplace.foundation.db import transaction
from marketplace.foundation.errors import NotFound
from marketplace.foundation.fields import clean_text
from marketplace.foundation.letters import public_url
from marketplace.foundation.limits import WRITING, caller, limiter
from marketplace.foundation.paging import page
from marketplace.foundation.web import Form
from marketplace.identity.queries import get_business
from marketplace.identity.session import signed_in, signed_in_user
from marketplace.tracking.business_stripe import doors
from marketplace.tracking.business_stripe.queries import events_at
from marketplace.tracking.business_stripe.reading import CLICK, CODE, LEAD
from marketplace.tracking.models import StripeDoor, StripeDoorEvent

bp = Blueprint("business_stripe", __name__, url_prefix="/businesses/<business_id>/stripe")


class SecretInput(Schema):
    secret = clean_text(1, 300, required=True)


@bp.get("")
@signed_in
def show(business_id: str) -> Any:
    return _page(business_id, Form(Schema()))


@bp.post("")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def connect(business_id: str) -> Any:
    with transaction():
        doors.open_door(get_business(business_id), by=signed_in_user())
    return redirect(url_for(".show", business_id=business_id))


@bp.post("/secret")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def secret(business_id: str) -> Any:
    form = Form(SecretInput())
    if form.is_ready:
        with form.keeping(), transaction():
            doors.tell_secret(_door(business_id), form.fields["secret"], by=signed_in_user())
    if form.is_ready:
        flash("Connected. What your Stripe account tells us from now on is counted.", "ok")
        return redirect(url_for(".show", business_id=business_id))
    form.typed.pop("secret", None)
    return _page(business_id, form)


@bp.post("/closure")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def close(business_id: str) -> Any:
    with transaction():
        doors.close_door(_door(business_id), by=signed_in_user())
    flash("Disconnected. What was counted stays.", "ok")
    return redirect(url_for(".show", business_id=business_id))


def _door(business_id: str) -> StripeDoor:
    door = doors.find_door(get_business(business_id), seen_by=signed_in_user())
    if door is None:
        raise NotFound("Your Stripe account is not connected.", next_step="Begin on the page Own Stripe.")
    return door


def _page(business_id: str, form: Form) -> Any:
    business = get_business(business_id)
    door = doors.find_door(business, seen_by=signed_in_user())
    log = page(events_at(door), StripeDoorEvent.id, cursor=request.args.get("cursor")) if door else None
    return render_template(
        "tracking/business_stripe.html", business=business, door=door, form=form, log=log, events=doors.EVENTS,
        address=public_url(url_for("stripe_door.receive", door_id=door.id)) if door else "",
        names=(CLICK, CODE, LEAD)), form.status
