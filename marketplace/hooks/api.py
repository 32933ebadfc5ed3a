"""Webhooks for programs: endpoints, their secrets, deliveries, a test, replays."""
from typing import Any

from flask_smorest import Blueprint

from marketplace.foundation.idempotency import once, once_without
from marketplace.foundation.limits import PROGRAMS, caller, limiter
from marketplace.foundation.paging import Page, page
from marketplace.hooks import endpoints, trying
from marketplace.hooks.models import WebhookDelivery, WebhookEndpoint
from marketplace.hooks.queries import deliveries_to, endpoints_of, get_delivery, get_endpoint
from marketplace.hooks.schemas import (
    DeliveryOutput,
    DeliveryPage,
    DeliveryQuery,
    EndpointChange,
    EndpointInput,
    EndpointList,
    EndpointOutput,
    MissedInput,
    NewEndpointOutput,
    ReplayedOutput,
    SecretOutput,
    shown_endpoint,
)
from marketplace.identity.queries import get_business
from marketplace.identity.session import require_scope, signed_in_user

bp = Blueprint("webhook", __name__, url_prefix="/api/v1", description="Your programs are told what happens")
limiter.limit(PROGRAMS, key_func=caller, methods=["POST"])(bp)


def _mine(endpoint_id: str) -> WebhookEndpoint:
    return get_endpoint(endpoint_id, seen_by=signed_in_user())


@bp.get("/businesses/<business_id>/webhook-endpoints")
@require_scope("webhooks:read")
@bp.response(200, EndpointList)
def list_webhook_endpoints(business_id: str) -> dict[str, Any]:
    """Where a business of yours is told what happens; ten at most. Owners and managers."""
    return {"data": endpoints_of(business_id, seen_by=signed_in_user())}


@bp.post("/businesses/<business_id>/webhook-endpoints")
@require_scope("webhooks:write")
@once_without("secret")
@bp.arguments(EndpointInput)
@bp.response(201, NewEndpointOutput)
def create_webhook_endpoint(written: dict[str, Any], business_id: str) -> dict[str, Any]:
    """The first answer holds its secret, which nobody can show again: a repeated call is answered with null there."""
    endpoint, secret = endpoints.add_endpoint(get_business(business_id), by=signed_in_user(), **written)
    return shown_endpoint(endpoint, secret)


@bp.get("/webhook-endpoints/<endpoint_id>")
@require_scope("webhooks:read")
@bp.response(200, EndpointOutput)
def read_webhook_endpoint(endpoint_id: str) -> WebhookEndpoint:
    """One endpoint: what it is told of, whether it is on, since when it fails."""
    return _mine(endpoint_id)


@bp.put("/webhook-endpoints/<endpoint_id>")
@require_scope("webhooks:write")
@once
@bp.arguments(EndpointChange)
@bp.response(200, EndpointOutput)
def change_webhook_endpoint(written: dict[str, Any], endpoint_id: str) -> WebhookEndpoint:
    """What it is told of from now on. Another address is another endpoint."""
    endpoint = _mine(endpoint_id)
    endpoints.change_endpoint(endpoint, by=signed_in_user(), **written)
    return endpoint


@bp.delete("/webhook-endpoints/<endpoint_id>")
@require_scope("webhooks:write")
@once
@bp.response(204)
def remove_webhook_endpoint(endpoint_id: str) -> None:
    """For good, with its secrets."""
    endpoints.remove_endpoint(_mine(endpoint_id), by=signed_in_user())


@bp.post("/webhook-endpoints/<endpoint_id>/secrets")
@require_scope("webhooks:write")
@once_without("secret")
@bp.response(201, SecretOutput)
def create_webhook_secret(endpoint_id: str) -> dict[str, Any]:
    """Exchange the secret: for 24 hours both sign. A repeated call is answered with null for it."""
    endpoint = _mine(endpoint_id)
    secret = endpoints.exchange_secret(endpoint, by=signed_in_user())
    return {"secret": secret, "old_secret_until": endpoint.old_secret_until}


@bp.post("/webhook-endpoints/<endpoint_id>/switching-off")
@require_scope("webhooks:write")
@once
@bp.response(201, EndpointOutput)
def create_webhook_switching_off(endpoint_id: str) -> WebhookEndpoint:
    """It is told of nothing that happens from now on."""
    endpoint = _mine(endpoint_id)
    endpoints.switch_off(endpoint, by=signed_in_user())
    return endpoint


@bp.post("/webhook-endpoints/<endpoint_id>/switching-on")
@require_scope("webhooks:write")
@once
@bp.response(201, EndpointOutput)
def create_webhook_switching_on(endpoint_id: str) -> WebhookEndpoint:
    """Also one that we switched off because it failed."""
    endpoint = _mine(endpoint_id)
    endpoints.switch_on(endpoint, by=signed_in_user())
    return endpoint


@bp.post("/webhook-endpoints/<endpoint_id>/tests")
@require_scope("webhooks:write")
@once
@bp.response(201, DeliveryOutput)
def create_webhook_test(endpoint_id: str) -> WebhookDelivery:
    """Send a `webhook.test` event, once. Read the delivery a moment later to see what came of it."""
    delivery_id = trying.send_test(_mine(endpoint_id), by=signed_in_user())
    return get_delivery(delivery_id, seen_by=signed_in_user())[0]


@bp.get("/webhook-endpoints/<endpoint_id>/deliveries")
@require_scope("webhooks:read")
@bp.arguments(DeliveryQuery, location="query")
@bp.response(200, DeliveryPage)
def list_webhook_deliveries(asked: dict[str, Any], endpoint_id: str) -> Page[WebhookDelivery]:
    """What was sent to it in thirty days, each attempt with its time; newest first."""
    return page(deliveries_to(_mine(endpoint_id), state=asked["state"]), WebhookDelivery.id, cursor=asked["cursor"],
                size=asked["limit"])


@bp.get("/webhook-deliveries/<delivery_id>")
@require_scope("webhooks:read")
@bp.response(200, DeliveryOutput)
def read_webhook_delivery(delivery_id: str) -> WebhookDelivery:
    """One delivery with each attempt."""
    return get_delivery(delivery_id, seen_by=signed_in_user())[0]


@bp.post("/webhook-deliveries/<delivery_id>/replays")
@require_scope("webhooks:write")
@once
@bp.response(201, DeliveryOutput)
def create_webhook_replay(delivery_id: str) -> WebhookDelivery:
    """Send it once more, with the same `webhook-id`."""
    delivery, endpoint = get_delivery(delivery_id, seen_by=signed_in_user())
    replayed = trying.replay_delivery(delivery, endpoint, by=signed_in_user())
    return get_delivery(replayed, seen_by=signed_in_user())[0]


@bp.post("/webhook-endpoints/<endpoint_id>/replays")
@require_scope("webhooks:write")
@once
@bp.arguments(MissedInput)
@bp.response(201, ReplayedOutput)
def create_webhook_replays(written: dict[str, Any], endpoint_id: str) -> dict[str, Any]:
    """Send again all that was given up and not delivered since; a thousand at most, oldest first."""
    return {"count": trying.replay_missed(_mine(endpoint_id), by=signed_in_user(), **written)}
