"""Reads of webhooks. Unseen is NotFound."""
from collections.abc import Sequence

from sqlalchemy import Select, select
from sqlalchemy.orm import selectinload

from marketplace.foundation.db import db
from marketplace.foundation.errors import NotFound, require
from marketplace.hooks.models import DeliveryState, EndpointState, WebhookDelivery, WebhookEndpoint
from marketplace.hooks.permissions import may_lead_hooks
from marketplace.identity.models import MemberRole, User
from marketplace.identity.queries import get_business

LEADING = {MemberRole.OWNER, MemberRole.MANAGER}


def endpoints_of(business_id: str, *, seen_by: User) -> Sequence[WebhookEndpoint]:
    """Oldest first, without removed ones."""
    business = get_business(business_id)
    require(may_lead_hooks(seen_by, business.id), "see the webhooks of this business")
    return db.session.scalars(_endpoints().where(WebhookEndpoint.business_id == business.id)).all()


def get_endpoint(endpoint_id: str, *, seen_by: User) -> WebhookEndpoint:
    own = [membership.business_id for membership in seen_by.memberships if membership.role in LEADING]
    found = db.session.scalar(
        _endpoints().where(WebhookEndpoint.id == endpoint_id, WebhookEndpoint.business_id.in_(own)))
    if found is None:
        raise NotFound("There is no such webhook endpoint.", next_step="Look at the list of your business's webhooks.")
    return found


def deliveries_to(endpoint: WebhookEndpoint, *, state: DeliveryState | None = None) -> Select[WebhookDelivery]:
    """With their event and each attempt."""
    found = select(WebhookDelivery).options(selectinload(WebhookDelivery.log)).where(
        WebhookDelivery.endpoint_id == endpoint.id)
    return found.where(WebhookDelivery.state == state) if state else found


def get_delivery(delivery_id: str, *, seen_by: User) -> tuple[WebhookDelivery, WebhookEndpoint]:
    delivery = db.session.scalar(
        select(WebhookDelivery).options(selectinload(WebhookDelivery.log)).where(WebhookDelivery.id == delivery_id))
    if delivery is None:
        raise NotFound("There is no such delivery.", next_step="Deliveries are kept for thirty days.")
    return delivery, get_endpoint(delivery.endpoint_id, seen_by=seen_by)


def _endpoints() -> Select[WebhookEndpoint]:
    return select(WebhookEndpoint).where(WebhookEndpoint.state != EndpointState.REMOVED).order_by(WebhookEndpoint.id)
