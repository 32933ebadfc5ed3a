"""A test event to one endpoint; and what was sent, or given up, sent once more with the same id."""
from datetime import datetime

from sqlalchemy import select

from marketplace.foundation import audit, clock
from marketplace.foundation.db import db, write_rows
from marketplace.foundation.errors import Conflict, require
from marketplace.hooks.happenings import keep_event, queue_delivery
from marketplace.hooks.models import DeliveryState, EndpointState, WebhookDelivery, WebhookEndpoint
from marketplace.hooks.permissions import may_lead_hooks
from marketplace.hooks.sending import TEST
from marketplace.identity.models import User

MOST_AT_ONCE = 1_000  # Replayed together; asked again, the next ones.


class SwitchedOff(Conflict):
    code = "webhook_switched_off"


def send_test(endpoint: WebhookEndpoint, *, by: User) -> str:
    """The delivery's id. Tried once, also while the endpoint is off: to see it work before it is switched on."""
    require(may_lead_hooks(by, endpoint.business_id), "test this webhook")
    event_id = keep_event(endpoint.business_id, TEST, endpoint.id, {"endpoint_id": endpoint.id}, audit_id=None)
    delivery_id = queue_delivery(endpoint.id, event_id, event_id)
    audit.record("webhook_endpoint.tested", endpoint.id, by=by.id)
    write_rows()
    return delivery_id


def replay_delivery(delivery: WebhookDelivery, endpoint: WebhookEndpoint, *, by: User) -> str:
    """The new delivery's id. Who keeps the ids that came knows that they had it already."""
    _require_ready(endpoint, by)
    audit.record("webhook_endpoint.replayed", endpoint.id, by=by.id, delivery=delivery.id)
    replayed = queue_delivery(endpoint.id, delivery.event_id, delivery.object_id, replay_of=delivery.id)
    write_rows()
    return replayed


def replay_missed(endpoint: WebhookEndpoint, *, since: datetime | None = None, by: User) -> int:
    """All that was given up and not delivered afterwards, oldest first, a thousand at most. How many."""
    _require_ready(endpoint, by)
    later = select(WebhookDelivery.event_id).where(
        WebhookDelivery.endpoint_id == endpoint.id, WebhookDelivery.state != DeliveryState.GIVEN_UP)
    missed = select(WebhookDelivery).where(
        WebhookDelivery.endpoint_id == endpoint.id, WebhookDelivery.state == DeliveryState.GIVEN_UP,
        WebhookDelivery.event_id.not_in(later)).order_by(WebhookDelivery.id).limit(MOST_AT_ONCE)
    if since is not None:
        missed = missed.where(WebhookDelivery.created_at >= since)
    found = {one.event_id: one for one in db.session.scalars(missed) if one.event.type != TEST}
    for one in found.values():
        queue_delivery(endpoint.id, one.event_id, one.object_id, replay_of=one.id)
    audit.record("webhook_endpoint.replayed", endpoint.id, by=by.id, count=len(found))
    return len(found)


def _require_ready(endpoint: WebhookEndpoint, by: User) -> None:
    require(may_lead_hooks(by, endpoint.business_id), "send this again")
    if endpoint.state is not EndpointState.ON:
        raise SwitchedOff("This webhook is switched off.", next_step="Switch it on, then send it again.")


def ran_for(delivery: WebhookDelivery) -> int:
    """Whole seconds from the event to its end, or until now."""
    return int(((delivery.ended_at or clock.now()) - delivery.created_at).total_seconds())
