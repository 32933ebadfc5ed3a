"""Which businesses have an endpoint that listens: kept by each process, so that all the others cost nothing."""
from time import monotonic

from sqlalchemy import select

from marketplace.foundation.db import facts, rows_of
from marketplace.hooks.models import EndpointState, WebhookEndpoint

LISTENS = (EndpointState.ON, EndpointState.DISABLED)  # The latter misses what can be sent to it later.
KEPT_SECONDS = 5.0  # So late at most does another process learn that a business listens.

_ENDPOINTS = rows_of(WebhookEndpoint)
_LISTENING = select(_ENDPOINTS.c.business_id).where(_ENDPOINTS.c.state.in_(LISTENS)).distinct()
_kept: dict[str, tuple[float, frozenset[str]]] = {}


def listening_businesses() -> frozenset[str]:
    """As it was five seconds ago at the longest."""
    read_at, known = _kept.get("", (-KEPT_SECONDS, frozenset()))
    if monotonic() - read_at >= KEPT_SECONDS:
        known = frozenset(facts(_LISTENING, {}).scalars())
        _kept[""] = (monotonic(), known)
    return known


def forget_listeners() -> None:
    """This process looks again at once; it has changed something itself."""
    _kept.clear()
