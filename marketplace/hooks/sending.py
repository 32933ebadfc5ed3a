"""A delivery is signed and posted; the next of the same object once it has ended. At least once, for three days."""
import random
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from flask import current_app
from sqlalchemy import ColumnElement, select
from standardwebhooks import Webhook

from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.outbox import Errand
from marketplace.foundation.posting import Posted, post
from marketplace.hooks import failing, lifecycle
from marketplace.hooks.endpoints import secrets_of
from marketplace.hooks.models import (
    DeliveryState,
    EndpointState,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
)

# Between two attempts, the last again and again.
WAITS = tuple(timedelta(seconds=seconds) for seconds in (
    5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 20 * 3600))
GIVEN_UP_AFTER = timedelta(days=3)
SPREAD = 0.1  # Waits differ by a tenth: what failed together does not come back together, before everybody else's.
TEST = "webhook.test"


class Hindrance(StrEnum):
    """Why a delivery was not sent now."""

    ENDED = "ended"
    BEHIND = "behind"  # Another one of the same object is not through yet.
    RESTING = "resting"  # The endpoint does not answer at all; it is left alone for a while.
    SWITCHED_OFF = "switched_off"


@dataclass(frozen=True)
class _Letter:
    url: str
    body: bytes
    headers: dict[str, str]


def send_delivery(delivery_id: str) -> Posted | Hindrance:
    """Asks the stranger's server, with no transaction open."""
    prepared = _prepare(delivery_id)
    if isinstance(prepared, Hindrance):
        return prepared
    db.session.rollback()  # Nothing is held while a stranger takes his time.
    return post(prepared.url, prepared.body, prepared.headers, allow=current_app.extensions["settings"].fetch_allow)


def settle_delivery(outcome: Posted | Hindrance, delivery_id: str) -> None:
    """What came of it: ended, or when it is tried again. The next of the same object is woken."""
    delivery = db.session.get_one(WebhookDelivery, delivery_id, populate_existing=True,
                                  with_for_update={"of": WebhookDelivery})
    if delivery.state is not DeliveryState.WAITING:
        return
    if isinstance(outcome, Posted):
        _note_attempt(delivery, outcome)
    elif outcome is Hindrance.SWITCHED_OFF:
        _end(delivery, DeliveryState.GIVEN_UP)
    elif outcome is Hindrance.RESTING:
        rests_until = db.session.get_one(WebhookEndpoint, delivery.endpoint_id).rests_until or clock.now()
        left = max(rests_until - clock.now(), timedelta(0))
        _wait(delivery, left * random.uniform(1, 1 + SPREAD))  # noqa: S311 - no secret
    elif outcome is Hindrance.BEHIND and _find_before(delivery, lock=True) is None:
        _wait(delivery, timedelta(0))  # It ended just now; while it has not, its end wakes this one.


DELIVER = Errand(send_delivery, settle_delivery)


def _prepare(delivery_id: str) -> _Letter | Hindrance:
    delivery = db.session.get_one(WebhookDelivery, delivery_id)
    endpoint = db.session.get_one(WebhookEndpoint, delivery.endpoint_id)
    event, is_test = delivery.event, delivery.event.type == TEST
    if delivery.state is not DeliveryState.WAITING:
        return Hindrance.ENDED
    if endpoint.state is EndpointState.REMOVED or (endpoint.state is not EndpointState.ON and not is_test):
        return Hindrance.SWITCHED_OFF
    if not is_test and endpoint.rests_until is not None and clock.now() < endpoint.rests_until:
        return Hindrance.RESTING
    if _find_before(delivery) is not None:
        return Hindrance.BEHIND
    return _Letter(endpoint.url, event.body.encode(), _headers(event, secrets_of(endpoint)))


def _headers(event: WebhookEvent, secrets: list[str]) -> dict[str, str]:
    """By the specification: the moment is that of sending, by real time, and every secret that is valid signs."""
    moment = clock.system_time()
    return {
        "content-type": "application/json", "user-agent": "Fingerpost-Webhooks/1.0",
        "webhook-id": event.id, "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(event.id, moment, event.body) for secret in secrets)}


def _note_attempt(delivery: WebhookDelivery, outcome: Posted) -> None:
    endpoint = db.session.get_one(WebhookEndpoint, delivery.endpoint_id, populate_existing=True,
                                  with_for_update={"of": WebhookEndpoint})
    delivery.attempts += 1
    db.session.add(WebhookAttempt(delivery_id=delivery.id, status=outcome.status, failure=outcome.failure,
                                  milliseconds=outcome.milliseconds))
    is_test = delivery.event.type == TEST
    if outcome.is_taken:
        failing.note_success(endpoint, outcome)
        _end(delivery, DeliveryState.DELIVERED)
    elif is_test:
        _end(delivery, DeliveryState.GIVEN_UP)
    else:
        failing.note_failure(endpoint, outcome)
        _try_again(delivery, endpoint)


def _try_again(delivery: WebhookDelivery, endpoint: WebhookEndpoint) -> None:
    """The last time is three days after the first, whatever held it up."""
    wait: timedelta = WAITS[min(delivery.attempts, len(WAITS)) - 1] * random.uniform(1 - SPREAD, 1)  # noqa: S311 - no secret
    left = delivery.created_at + GIVEN_UP_AFTER - clock.now()
    if endpoint.state is not EndpointState.ON or left <= timedelta(0):
        audit.record("webhook_delivery.given_up", delivery.id, by=audit.SYSTEM, endpoint=endpoint.id)
        _end(delivery, DeliveryState.GIVEN_UP)
    else:
        _wait(delivery, min(wait, left))


def _wait(delivery: WebhookDelivery, wait: timedelta) -> None:
    delivery.next_at = clock.now() + wait
    outbox.promise("deliver_webhook", after=wait, delivery_id=delivery.id)


def _end(delivery: WebhookDelivery, target: DeliveryState) -> None:
    lifecycle.end_delivery(delivery, target)
    db.session.flush()
    following = db.session.scalar(
        select(WebhookDelivery.id).where(*_of_same_object(delivery), WebhookDelivery.id > delivery.id)
        .order_by(WebhookDelivery.id).limit(1))
    if following:
        outbox.promise("deliver_webhook", delivery_id=following)


def _find_before(delivery: WebhookDelivery, *, lock: bool = False) -> str | None:
    """The one of the same object that goes first. Locked: whoever is ending it just now has ended it."""
    before = select(WebhookDelivery.id).where(
        *_of_same_object(delivery), WebhookDelivery.id < delivery.id).order_by(WebhookDelivery.id).limit(1)
    return db.session.scalar(before.with_for_update(of=WebhookDelivery) if lock else before)


def _of_same_object(delivery: WebhookDelivery) -> tuple[ColumnElement[bool], ...]:
    return (WebhookDelivery.endpoint_id == delivery.endpoint_id, WebhookDelivery.object_id == delivery.object_id,
            WebhookDelivery.state == DeliveryState.WAITING)
