"""Stripe's word comes in here: checked, stored once, answered at once; a job then fetches what is true now."""
from flask import Blueprint, Response, current_app, jsonify, request

from marketplace.foundation import audit
from marketplace.foundation.db import transaction
from marketplace.foundation.limits import limiter
from marketplace.foundation.web import csrf
from marketplace.payments.inbox import EventRefused, keep_event
from marketplace.payments.stripe_signatures import LARGEST_EVENT, read_signed, refuse_large

bp = Blueprint("webhooks", __name__)

IF_UNSIGNED = "Compare STRIPE_WEBHOOK_SECRETS with the endpoint's signing secret at Stripe."


@bp.errorhandler(EventRefused)
def answer_refusal(refusal: EventRefused) -> tuple[Response, int]:
    current_app.logger.warning("event refused: %s %s", refusal.code, refusal.message)
    return jsonify(code=refusal.code, message=refusal.message, next_step=refusal.next_step), refusal.status


@bp.post("/webhooks/stripe")
@limiter.exempt  # Stripe decides how often it has news; what is not signed costs one hash.
@csrf.exempt  # type: ignore[untyped-decorator]
def receive() -> tuple[str, int]:
    said = read_signed(read_body(), request.headers.get("Stripe-Signature", ""),
                       current_app.extensions["settings"].stripe_webhook_secrets, next_step=IF_UNSIGNED)
    try:
        with transaction():
            keep_event(said)
    except EventRefused as refusal:
        with transaction():  # Signed by Stripe: nobody else fills the trail with these. Admins see how many.
            audit.record("event.refused", "stripe", by=audit.SYSTEM, code=refusal.code, event=str(said.get("id"))[:64])
        raise
    return "", 200


def read_body() -> bytes:
    """Not read at all where its length is told and too much."""
    told = request.content_length or 0
    refuse_large(told)
    body = request.stream.read(LARGEST_EVENT + 1)
    refuse_large(len(body))
    return body
