"""What the people of a business are told by mail about their webhooks. Composed from ids when it is sent."""
from collections.abc import Callable

from sqlalchemy import select

from marketplace.foundation.db import db
from marketplace.foundation.letters import compose, public_url
from marketplace.foundation.mail import Mail
from marketplace.hooks.failing import WHY_GONE
from marketplace.hooks.models import EndpointState, WebhookEndpoint
from marketplace.hooks.queries import LEADING
from marketplace.identity.models import Business, Membership, User

WHY = "You get this mail because you lead a business on Fingerpost."


def webhook_disabled(endpoint_id: str) -> list[Mail]:
    endpoint = db.session.get_one(WebhookEndpoint, endpoint_id)
    if endpoint.state is not EndpointState.DISABLED:
        return []
    business = db.session.get_one(Business, endpoint.business_id)
    people = db.session.scalars(
        select(User).join(Membership, Membership.user_id == User.id)
        .where(Membership.business_id == business.id, Membership.role.in_(LEADING)).order_by(User.id))
    said = ("It answered 410 Gone, which means: send no more."
            if endpoint.why_disabled == WHY_GONE else "For five days nothing that we sent to it was taken.")
    return [compose(
        user.email, "A webhook is switched off", f"Business: {business.name}", f"Address: {endpoint.url}", said,
        "It is told of nothing that happens from now on. Once it works again, switch it on; then what it missed of the "
        "last thirty days can be sent again with one button.",
        name=user.name, why=WHY,
        action=("Look at it", public_url(f"/businesses/{business.id}/webhooks/{endpoint.id}"))) for user in people]


LETTERS: dict[str, Callable[..., list[Mail]]] = {"webhook_disabled": webhook_disabled}
