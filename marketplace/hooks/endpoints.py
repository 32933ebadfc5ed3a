"""Where a business wants to be told: added, changed, switched off and on, removed; its secret, shown once."""
import base64
import secrets
from collections.abc import Sequence
from datetime import timedelta

from flask import current_app
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from marketplace.foundation import audit, clock
from marketplace.foundation.db import db, violates
from marketplace.foundation.errors import Conflict, Invalid, require
from marketplace.foundation.urls import BadUrl, refuse_private, split_web_url
from marketplace.hooks import lifecycle
from marketplace.hooks.contents import KINDS
from marketplace.hooks.listeners import forget_listeners
from marketplace.hooks.models import EndpointState, WebhookEndpoint
from marketplace.hooks.permissions import may_lead_hooks
from marketplace.identity.models import Business, User

MOST_ENDPOINTS = 10  # Of one business: each event is sent to every one of them.
SECRET_BYTES = 32  # The specification asks for 24 to 64.
BOTH_VALID = timedelta(hours=24)  # How long an exchanged secret still signs, beside the new one.


class TooManyEndpoints(Conflict):
    code = "too_many_endpoints"


class EndpointExists(Conflict):
    code = "endpoint_exists"


def add_endpoint(
    business: Business, *, url: str, kinds: Sequence[str] = (), note: str = "", by: User
) -> tuple[WebhookEndpoint, str]:
    """On at once, with its secret, which is shown now and never again. Without ``kinds`` it is told of everything."""
    require(may_lead_hooks(by, business.id), "add a webhook")
    checked = _checked(url)
    there = db.session.scalar(select(func.count()).where(
        WebhookEndpoint.business_id == business.id, WebhookEndpoint.state != EndpointState.REMOVED))
    if (there or 0) >= MOST_ENDPOINTS:
        raise TooManyEndpoints(f"This business has {MOST_ENDPOINTS} endpoints already.",
                               next_step="Remove one that is no longer needed.")
    secret = _new_secret()
    endpoint = WebhookEndpoint(business_id=business.id, url=checked, note=note, kinds=_ordered(kinds), secret=secret)
    try:
        with db.session.begin_nested():
            db.session.add(endpoint)
    except IntegrityError as error:
        if not violates(error, "webhook_endpoints_one_per_url_key", "webhook_endpoints.url"):
            raise
        raise EndpointExists("This address is told already.", next_step=(
            "Look at the list. If its secret was lost, exchange it there.")) from None
    audit.record("webhook_endpoint.added", endpoint.id, by=by.id, business=business.id, kinds=endpoint.kinds)
    forget_listeners()
    return endpoint, secret


def change_endpoint(endpoint: WebhookEndpoint, *, kinds: Sequence[str] = (), note: str = "", by: User) -> None:
    """What it is told of from now on. Another address is another endpoint, with a secret of its own."""
    require(may_lead_hooks(by, endpoint.business_id), "change this webhook")
    endpoint.kinds, endpoint.note = _ordered(kinds), note
    audit.record("webhook_endpoint.changed", endpoint.id, by=by.id, kinds=endpoint.kinds)


def exchange_secret(endpoint: WebhookEndpoint, *, by: User) -> str:
    """A new secret, shown now and never again. The one before signs too for 24 hours; one before that no more."""
    require(may_lead_hooks(by, endpoint.business_id), "exchange this secret")
    endpoint.old_secret, endpoint.old_secret_until = endpoint.secret, clock.now() + BOTH_VALID
    endpoint.secret = _new_secret()
    audit.record("webhook_endpoint.secret_exchanged", endpoint.id, by=by.id)
    return endpoint.secret


def secrets_of(endpoint: WebhookEndpoint) -> list[str]:
    """Those that sign now, the newest first."""
    is_old_valid = endpoint.old_secret_until is not None and clock.now() < endpoint.old_secret_until
    return [endpoint.secret, *([endpoint.old_secret] if is_old_valid and endpoint.old_secret else [])]


def switch_off(endpoint: WebhookEndpoint, *, by: User) -> None:
    """It is told of nothing that happens meanwhile; what waits for it is given up, and can be sent again later."""
    require(may_lead_hooks(by, endpoint.business_id), "switch this webhook off")
    lifecycle.move_endpoint(endpoint, EndpointState.OFF, by=by.id)
    forget_listeners()


def switch_on(endpoint: WebhookEndpoint, *, by: User) -> None:
    require(may_lead_hooks(by, endpoint.business_id), "switch this webhook on")
    lifecycle.move_endpoint(endpoint, EndpointState.ON, by=by.id)
    forget_listeners()


def remove_endpoint(endpoint: WebhookEndpoint, *, by: User) -> None:
    """For good. Its secrets are forgotten at once."""
    require(may_lead_hooks(by, endpoint.business_id), "remove this webhook")
    lifecycle.move_endpoint(endpoint, EndpointState.REMOVED, by=by.id)
    endpoint.secret, endpoint.old_secret, endpoint.old_secret_until = "", None, None
    forget_listeners()


def _new_secret() -> str:
    return f"whsec_{base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()}"


def _ordered(kinds: Sequence[str]) -> list[str]:
    chosen = [kind for kind in KINDS if kind in kinds] if kinds else list(KINDS)
    if len(chosen) < len(set(kinds)):
        raise Invalid("There is no such kind of event.", fields={"kinds": ["Choose from the list."]})
    return chosen


def _checked(url: str) -> str:
    """Public, over https on its own port; in development also the addresses that may be loopback."""
    allow = current_app.extensions["settings"].fetch_allow
    try:
        refuse_private(url, allow=allow)
        parts = split_web_url(url)
        if parts.netloc not in allow and (parts.scheme != "https" or parts.port not in {None, 443}):
            raise BadUrl("A webhook goes to an https address, without a port of its own.", "Begin it with https://.")
    except BadUrl as error:
        said = f"{error.message} {error.next_step}".strip()
        raise Invalid(said, fields={"url": [said]}) from None
    return parts._replace(fragment="").geturl()
