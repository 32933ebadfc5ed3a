"""A business's webhooks: the list, adding one, its secret shown once, its log, a test, replays."""
import json
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for

from marketplace.foundation import outbox
from marketplace.foundation.db import transaction
from marketplace.foundation.limits import READING_OUTSIDE, WRITING, caller, limiter
from marketplace.foundation.paging import page
from marketplace.foundation.web import Form
from marketplace.hooks import endpoints, trying
from marketplace.hooks.contents import KINDS
from marketplace.hooks.endpoints import BOTH_VALID, MOST_ENDPOINTS
from marketplace.hooks.models import DeliveryState, WebhookDelivery, WebhookEndpoint
from marketplace.hooks.queries import deliveries_to, endpoints_of, get_delivery, get_endpoint
from marketplace.hooks.schemas import EndpointChange, EndpointInput
from marketplace.hooks.sending import DELIVER
from marketplace.identity.queries import get_business
from marketplace.identity.session import signed_in, signed_in_user

bp = Blueprint("hooks", __name__, url_prefix="/businesses/<business_id>/webhooks")

STATES = {
    DeliveryState.WAITING: ("Waiting", "warn"), DeliveryState.DELIVERED: ("Delivered", "ok"),
    DeliveryState.GIVEN_UP: ("Given up", "bad")}


@bp.route("", methods=["GET", "POST"])
@signed_in
@limiter.limit(WRITING, key_func=caller, methods=["POST"])
def show(business_id: str) -> Any:
    """The secret stands on the page that answers the form, and nowhere else."""
    user, business = signed_in_user(), get_business(business_id)
    there = endpoints_of(business_id, seen_by=user)
    form, secret = Form(EndpointInput()), None
    if form.is_ready:
        with form.keeping(), transaction():
            added, secret = endpoints.add_endpoint(get_business(business_id), by=user, **form.fields)
        if secret and form.is_ready:
            return _page(added, form=form, secret=secret)
        there = endpoints_of(business_id, seen_by=user)
    return render_template(
        "hooks/endpoints.html", business=business, endpoints=there, form=form, kinds=KINDS, most=MOST_ENDPOINTS,
        chosen=request.form.getlist("kinds") or list(KINDS)), form.status


@bp.get("/<endpoint_id>")
@signed_in
def endpoint(business_id: str, endpoint_id: str) -> Any:
    return _page(_mine(business_id, endpoint_id))


@bp.post("/<endpoint_id>/kinds")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def change(business_id: str, endpoint_id: str) -> Any:
    form = Form(EndpointChange())
    if form.is_ready:
        with form.keeping(), transaction():
            endpoints.change_endpoint(_mine(business_id, endpoint_id), by=signed_in_user(), **form.fields)
    if form.is_ready:
        flash("Saved. It holds for what happens from now on.", "ok")
        return _back(business_id, endpoint_id)
    return _page(_mine(business_id, endpoint_id), form=form)


@bp.post("/<endpoint_id>/secret")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def secret(business_id: str, endpoint_id: str) -> Any:
    with transaction():
        exchanged = endpoints.exchange_secret(_mine(business_id, endpoint_id), by=signed_in_user())
    return _page(_mine(business_id, endpoint_id), secret=exchanged, is_exchanged=True)


@bp.post("/<endpoint_id>/test")
@signed_in
@limiter.limit(READING_OUTSIDE, key_func=caller)
def test(business_id: str, endpoint_id: str) -> Any:
    """Sent while the person waits; the job that was promised beside it finds it done."""
    with transaction():
        delivery_id = trying.send_test(_mine(business_id, endpoint_id), by=signed_in_user())
    outbox.do_now(DELIVER, delivery_id=delivery_id)
    delivery, _ = get_delivery(delivery_id, seen_by=signed_in_user())
    if delivery.state is DeliveryState.DELIVERED:
        flash("The test was taken.", "ok")
    else:
        flash("The test was not taken; what came back stands below.", "bad")
    return _back(business_id, endpoint_id)


@bp.post("/<endpoint_id>/off")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def switch_off(business_id: str, endpoint_id: str) -> Any:
    with transaction():
        endpoints.switch_off(_mine(business_id, endpoint_id), by=signed_in_user())
    flash("Switched off. It is told of nothing that happens from now on.", "ok")
    return _back(business_id, endpoint_id)


@bp.post("/<endpoint_id>/on")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def switch_on(business_id: str, endpoint_id: str) -> Any:
    with transaction():
        endpoints.switch_on(_mine(business_id, endpoint_id), by=signed_in_user())
    flash("Switched on.", "ok")
    return _back(business_id, endpoint_id)


@bp.post("/<endpoint_id>/removal")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def removal(business_id: str, endpoint_id: str) -> Any:
    with transaction():
        endpoints.remove_endpoint(_mine(business_id, endpoint_id), by=signed_in_user())
    flash("Removed, with its secrets.", "ok")
    return redirect(url_for(".show", business_id=business_id))


@bp.post("/<endpoint_id>/replays")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def replay_missed(business_id: str, endpoint_id: str) -> Any:
    with transaction():
        count = trying.replay_missed(_mine(business_id, endpoint_id), by=signed_in_user())
    flash(f"{count} {'event is' if count == 1 else 'events are'} on the way again.", "ok")
    return _back(business_id, endpoint_id)


@bp.post("/<endpoint_id>/deliveries/<delivery_id>/replay")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def replay(business_id: str, endpoint_id: str, delivery_id: str) -> Any:
    _mine(business_id, endpoint_id)
    with transaction():
        delivery, endpoint = get_delivery(delivery_id, seen_by=signed_in_user())
        trying.replay_delivery(delivery, endpoint, by=signed_in_user())
    flash("It is on the way again, with the same id.", "ok")
    return _back(business_id, endpoint_id)


def _mine(business_id: str, endpoint_id: str) -> WebhookEndpoint:
    endpoints_of(business_id, seen_by=signed_in_user())  # Whoever may not is told so before it is looked for.
    return get_endpoint(endpoint_id, seen_by=signed_in_user())


def _back(business_id: str, endpoint_id: str) -> Any:
    return redirect(url_for(".endpoint", business_id=business_id, endpoint_id=endpoint_id))


def _page(
    endpoint: WebhookEndpoint, *, form: Form | None = None, secret: str | None = None, is_exchanged: bool = False
) -> Any:
    form = form or Form(EndpointChange())
    log = page(deliveries_to(endpoint), WebhookDelivery.id, cursor=request.args.get("cursor"))
    return render_template(
        "hooks/endpoint.html", business=get_business(endpoint.business_id), endpoint=endpoint, form=form, secret=secret,
        is_exchanged=is_exchanged, both_hours=int(BOTH_VALID.total_seconds()) // 3600, kinds=KINDS,
        chosen=request.form.getlist("kinds") or endpoint.kinds, log=log, states=STATES, as_json=_as_json), (
            200 if is_exchanged else 201 if secret else form.status)


def _as_json(body: str) -> str:
    """As a person reads it; what is sent has no line breaks."""
    return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
