"""An endpoint that fails: left alone while it does not answer at all, switched off with a mail after five days."""
from datetime import datetime, timedelta

from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.posting import Posted
from marketplace.hooks import lifecycle
from marketplace.hooks.listeners import forget_listeners
from marketplace.hooks.models import EndpointState, WebhookEndpoint

DISABLED_AFTER = timedelta(days=5)
STILL_THE_SAME = timedelta(days=2)  # So long after the last failure another begins a new count: nothing was tried.
FIRST_REST = timedelta(seconds=30)  # Doubles each time that nothing comes back.
LONGEST_REST = timedelta(hours=1)
SLOW = timedelta(seconds=3)  # Who takes this long rests, too: else one program could keep all workers waiting.
TIMES_AS_LONG = 20  # So that it has a twentieth of one worker at most.
GONE = 410  # The specification's way to say: send no more.
WHY_FAILING, WHY_GONE = "failing", "gone"


def note_success(endpoint: WebhookEndpoint, outcome: Posted) -> None:
    endpoint.answered_at = clock.now()
    endpoint.failing_since, endpoint.rests_until, endpoint.unanswered = None, _rest_of_slow(outcome), 0


def note_failure(endpoint: WebhookEndpoint, outcome: Posted) -> None:
    """Of an attempt to deliver; a failed test does not count."""
    now = clock.now()
    is_new = endpoint.failed_at is None or now - endpoint.failed_at > STILL_THE_SAME
    if endpoint.failing_since is None or is_new:
        endpoint.failing_since = now
    endpoint.failed_at = now
    _rest(endpoint, outcome)
    if endpoint.state is not EndpointState.ON:
        return
    if outcome.status == GONE:
        _disable(endpoint, WHY_GONE)
    elif now - endpoint.failing_since >= DISABLED_AFTER:
        _disable(endpoint, WHY_FAILING)


def _rest(endpoint: WebhookEndpoint, outcome: Posted) -> None:
    """Who answers quickly, whatever it is, costs nobody's time; others would keep a worker waiting with every event."""
    if outcome.status is not None:
        endpoint.unanswered, endpoint.rests_until = 0, _rest_of_slow(outcome)
        return
    rest: timedelta = min(FIRST_REST * 2 ** min(endpoint.unanswered, 10), LONGEST_REST)
    endpoint.unanswered += 1
    endpoint.rests_until = clock.now() + rest


def _rest_of_slow(outcome: Posted) -> datetime | None:
    took = timedelta(milliseconds=outcome.milliseconds)
    return clock.now() + TIMES_AS_LONG * took if took >= SLOW else None


def _disable(endpoint: WebhookEndpoint, why: str) -> None:
    lifecycle.move_endpoint(endpoint, EndpointState.DISABLED, by=audit.SYSTEM, why=why)
    outbox.promise("send_letter", letter="webhook_disabled", endpoint_id=endpoint.id)
    forget_listeners()
