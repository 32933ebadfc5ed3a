"""What every call to Stripe shares: the client, its answers' small pieces, and its failures in our words."""
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import stripe

from marketplace.foundation.outbox import ADDRESS
from marketplace.payments.stripe_readings import OutcomeUnknown, PermanentFailure, TemporaryFailure

PAGE = 100  # The most that Stripe gives in one page.


@dataclass(frozen=True)
class Calls:
    """All methods raise TemporaryFailure, OutcomeUnknown or PermanentFailure, and nothing else."""

    client: stripe.StripeClient


@contextmanager
def in_our_words() -> Iterator[None]:
    try:
        yield
    except stripe.StripeError as error:
        raise failure(error) from error


def failure(error: stripe.StripeError) -> TemporaryFailure | PermanentFailure:
    """Sorted by what the caller may do next, as measured of the package (it gives 409 as a plain APIError)."""
    message = ADDRESS.sub("(an address)", error.user_message or str(error))  # It is kept, in rows and the audit trail.
    if isinstance(error, stripe.IdempotencyError):
        return OutcomeUnknown(message)
    if isinstance(error, stripe.APIConnectionError | stripe.RateLimitError | stripe.AuthenticationError):
        return TemporaryFailure(message)  # A refused key is outside idempotency: put right, the same call works.
    if isinstance(error, stripe.APIError):
        headers = {name.lower(): value for name, value in (error.headers or {}).items()}
        return OutcomeUnknown(message) if headers.get("idempotent-replayed") == "true" else TemporaryFailure(message)
    return PermanentFailure(message, code=error.code or (error.error.code if error.error else None) or "refused")


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def says(found: stripe.StripeObject, name: str, value: str) -> bool:
    return getattr(getattr(found, "metadata", None), name, None) == value
