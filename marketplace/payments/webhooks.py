"""Stripe's word comes in here: checked, stored once, answered at once; a job then fetches what is true now."""
import json
import re
from datetime import timedelta
from typing import Any

import stripe
from flask import Blueprint, Response, current_app, jsonify, request

from marketplace.foundation import audit, clock
from marketplace.foundation.db import transaction
from marketplace.foundation.limits import limiter
from marketplace.foundation.web import csrf
from marketplace.payments.inbox import EventRefused, keep_event

bp = Blueprint("webhooks", __name__)

LARGEST_EVENT = 256 * 1024  # Bytes.
TOLERANCE = timedelta(seconds=300)  # The stripe package refuses what is older, and takes any future.


@bp.errorhandler(EventRefused)
def answer_refusal(refusal: EventRefused) -> tuple[Response, int]:
    current_app.logger.warning("event refused: %s %s", refusal.code, refusal.message)
    return jsonify(code=refusal.code, message=refusal.message, next_step=refusal.next_step), refusal.status


@bp.post("/webhooks/stripe")
@limiter.exempt  # Stripe decides how often it has news; what is not signed costs one hash.
@csrf.exempt  # type: ignore[untyped-decorator]
def receive() -> tuple[str, int]:
    said = _read_event(_read_body(), request.headers.get("Stripe-Signature", ""))
    try:
        with transaction():
            keep_event(said)
    except EventRefused as refusal:
        with transaction():  # Signed by Stripe: nobody else fills the trail with these. Admins see how many.
            audit.record("event.refused", "stripe", by=audit.SYSTEM, code=refusal.code, event=str(said.get("id"))[:64])
        raise
    return "", 200


def _read_body() -> bytes:
    """Not read at all where its length is told and too much."""
    told = request.content_length or 0
    body = b"" if told > LARGEST_EVENT else request.stream.read(LARGEST_EVENT + 1)
    if max(told, len(body)) > LARGEST_EVENT:
        raise EventRefused("event_too_large", "No event of Stripe's is that large.")
    return body


def _read_event(body: bytes, header: str) -> dict[str, Any]:
    text = _verified(body, header)
    try:
        said = json.loads(text)
    except ValueError as error:
        raise EventRefused("not_json", "The event is not JSON.") from error
    if not isinstance(said, dict):
        raise EventRefused("not_an_event", "This is not an event of Stripe's.")
    return said


def _verified(body: bytes, header: str) -> str:
    """Signed with one of our secrets (two while they are exchanged), not long ago and not in the future."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise EventRefused("not_utf8", "The event is not UTF-8.") from error
    _check_age(header)
    for secret in current_app.extensions["settings"].stripe_webhook_secrets:
        try:
            stripe.WebhookSignature.verify_header(text, header, secret, tolerance=None)
        except stripe.SignatureVerificationError:
            continue
        return text
    raise EventRefused("bad_signature", "The event is not signed with our secret.",
                       "Compare STRIPE_WEBHOOK_SECRETS with the endpoint's signing secret at Stripe.")


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
