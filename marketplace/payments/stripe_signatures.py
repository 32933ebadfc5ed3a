"""What Stripe posts: signed with one of the secrets that we have, not long ago and not in the future; then read."""
import json
import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import stripe

from marketplace.foundation import clock
from marketplace.payments.inbox import EventRefused

LARGEST_EVENT = 256 * 1024  # Bytes.
TOLERANCE = timedelta(seconds=300)  # The stripe package refuses what is older, and takes any future.


def read_signed(body: bytes, header: str, secrets: Iterable[str], *, next_step: str) -> dict[str, Any]:
    """The event. EventRefused (400) for what is not one, or not signed with one of ``secrets``: then ``next_step``."""
    text = _verified(body, header, secrets, next_step)
    try:
        said = json.loads(text)
    except ValueError as error:
        raise EventRefused("not_json", "The event is not JSON.") from error
    if not isinstance(said, dict):
        raise EventRefused("not_an_event", "This is not an event of Stripe's.")
    return said


def refuse_large(size: int) -> None:
    if size > LARGEST_EVENT:
        raise EventRefused("event_too_large", "No event of Stripe's is that large.")


def _verified(body: bytes, header: str, secrets: Iterable[str], next_step: str) -> str:
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise EventRefused("not_utf8", "The event is not UTF-8.") from error
    _check_age(header)
    for secret in secrets:
        try:
            stripe.WebhookSignature.verify_header(text, header, secret, tolerance=None)
        except stripe.SignatureVerificationError:
            continue
        return text
    raise EventRefused("bad_signature", "The event is not signed with our secret.", next_step)


def _check_age(header: str) -> None:
    """By real time, which is Stripe's, also where development moves our clock."""
    found = re.search(r"(?:^|,)t=(\d{1,12})(?:,|$)", header)
    if not found:
        raise EventRefused("unsigned", "The event is not signed.")
    age = int(clock.system_time().timestamp()) - int(found[1])
    if age > TOLERANCE.total_seconds():
        raise EventRefused("event_too_old", "The event was signed more than five minutes ago.", "Stripe sends another.")
    if age < -TOLERANCE.total_seconds():
        raise EventRefused("event_from_the_future", "The event was signed in the future.", "Set the server's clock.")
