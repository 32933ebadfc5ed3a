"""Events, their deliveries and the log go by themselves after thirty days: a job a day, some thousands at once."""
from datetime import timedelta

from sqlalchemy import delete, select

from marketplace.foundation import clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.ids import first_id
from marketplace.hooks.models import DeliveryState, WebhookAttempt, WebhookDelivery, WebhookEvent

KEPT = timedelta(days=30)
AT_ONCE = 2_000


def forget_webhooks() -> None:
    """Job, daily, and itself again while there is more than fits. Ids begin with their time."""
    before = clock.now() - KEPT
    old = db.session.scalars(
        select(WebhookDelivery.id).where(
            WebhookDelivery.id < first_id("delivery", before), WebhookDelivery.state != DeliveryState.WAITING)
        .order_by(WebhookDelivery.id).limit(AT_ONCE)).all()
    db.session.execute(delete(WebhookAttempt).where(WebhookAttempt.delivery_id.in_(old)))
    db.session.execute(delete(WebhookDelivery).where(WebhookDelivery.id.in_(old)))
    db.session.execute(delete(WebhookEvent).where(
        WebhookEvent.id < first_id("event", before), ~select(WebhookDelivery.id).where(
            WebhookDelivery.event_id == WebhookEvent.id).exists()))
    if len(old) == AT_ONCE:
        outbox.promise("forget_webhooks")
