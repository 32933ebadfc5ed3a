"""Every state of an endpoint and of a delivery; the only writers of them. A delivery's attempts are its own trail."""
from collections.abc import Mapping

from marketplace.foundation import audit, clock
from marketplace.foundation.states import check_move
from marketplace.hooks.models import DeliveryState, EndpointState, WebhookDelivery, WebhookEndpoint

E, D = EndpointState, DeliveryState

ENDPOINT_MOVES: Mapping[EndpointState, frozenset[EndpointState]] = {
    E.ON: frozenset({E.OFF, E.DISABLED, E.REMOVED}),
    E.OFF: frozenset({E.ON, E.REMOVED}),
    E.DISABLED: frozenset({E.ON, E.REMOVED}),
    E.REMOVED: frozenset(),
}

DELIVERY_MOVES: Mapping[DeliveryState, frozenset[DeliveryState]] = {
    D.WAITING: frozenset({D.DELIVERED, D.GIVEN_UP}),
    D.DELIVERED: frozenset(),
    D.GIVEN_UP: frozenset(),
}


def move_endpoint(endpoint: WebhookEndpoint, target: EndpointState, *, by: str, why: str | None = None) -> None:
    """``why`` belongs to DISABLED alone. Switched on again, it starts without a past."""
    check_move(ENDPOINT_MOVES, endpoint.state, target)
    audit.record(f"webhook_endpoint.{target}", endpoint.id, by=by, was=endpoint.state, reason=why)
    endpoint.state, endpoint.why_disabled = target, why
    if target is E.ON:
        endpoint.failing_since = endpoint.failed_at = endpoint.rests_until = None
        endpoint.unanswered = 0


def end_delivery(delivery: WebhookDelivery, target: DeliveryState) -> None:
    check_move(DELIVERY_MOVES, delivery.state, target)
    delivery.state, delivery.ended_at, delivery.next_at = target, clock.now(), None
