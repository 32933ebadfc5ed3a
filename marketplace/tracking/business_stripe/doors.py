"""Where a business's own Stripe account posts its events: opened with Stripe's secret, exchanged, closed."""
import re
from datetime import timedelta

from sqlalchemy import select

from marketplace.foundation import audit, clock
from marketplace.foundation.db import db
from marketplace.foundation.errors import Invalid, require
from marketplace.identity.models import Business, User
from marketplace.tracking.business_stripe.inbox import forget_secrets
from marketplace.tracking.models import StripeDoor
from marketplace.tracking.permissions import may_lead_links

BOTH_VALID = timedelta(hours=24)  # Stripe signs with both for so long at most, while a secret is rolled.
SECRET = re.compile(r"whsec_[A-Za-z0-9+/=_-]{16,200}")

# What to choose at Stripe. Without the last ones a code is not known by its name; without invoice_payment.paid a refund
# of an invoice waits.
EVENTS = (
    "checkout.session.completed", "checkout.session.async_payment_succeeded", "invoice.paid", "invoice_payment.paid",
    "charge.refunded", "refund.created", "refund.updated", "charge.dispute.created", "charge.dispute.closed",
    "promotion_code.created", "promotion_code.updated",
)


def find_door(business: Business, *, seen_by: User) -> StripeDoor | None:
    require(may_lead_links(seen_by, business.id), "connect the Stripe account of this business")
    return db.session.scalar(select(StripeDoor).where(StripeDoor.business_id == business.id))


def open_door(business: Business, *, by: User) -> StripeDoor:
    """Its address, to paste at Stripe; closed until Stripe's secret is told. Asked again, it is the same one."""
    door = find_door(business, seen_by=by)
    if door is None:
        door = StripeDoor(business_id=business.id)
        db.session.add(door)
        db.session.flush()
        audit.record("stripe_door.made", door.id, by=by.id, business=business.id)
    return door


def tell_secret(door: StripeDoor, secret: str, *, by: User) -> None:
    """The signing secret that Stripe shows for the endpoint. The one before counts too for 24 hours."""
    require(may_lead_links(by, door.business_id), "connect the Stripe account of this business")
    if not SECRET.fullmatch(secret):
        raise Invalid("This is not a signing secret.", fields={"secret": [
            "Copy it from the endpoint's page at Stripe; it begins with whsec_."]})
    if door.secret and door.secret != secret:
        door.old_secret, door.old_secret_until = door.secret, clock.now() + BOTH_VALID
    door.secret = secret
    forget_secrets(door.id)
    audit.record("stripe_door.opened", door.id, by=by.id)


def close_door(door: StripeDoor, *, by: User) -> None:
    """Nothing that it says is taken any more; its secrets are forgotten. What was counted stays."""
    require(may_lead_links(by, door.business_id), "disconnect the Stripe account of this business")
    door.secret = door.old_secret = door.old_secret_until = None
    forget_secrets(door.id)
    audit.record("stripe_door.closed", door.id, by=by.id)
