"""Where a business's own Stripe account posts its events: checked, kept once, answered at once; a job does the rest."""
from flask import Blueprint, request

from marketplace.foundation.db import plain_transaction
from marketplace.foundation.limits import limiter
from marketplace.foundation.web import csrf
from marketplace.payments.inbox import EventRefused
from marketplace.payments.stripe_signatures import read_signed
from marketplace.payments.webhooks import answer_refusal, read_body
from marketplace.tracking.business_stripe.inbox import find_secrets, keep_event
from marketplace.tracking.business_stripe.reading import read_event

bp = Blueprint("stripe_door", __name__)
bp.register_error_handler(EventRefused, answer_refusal)

IF_UNSIGNED = ("Copy the endpoint's signing secret from Stripe into the page Own Stripe; "
                "each business has an address and a secret of its own.")


@bp.post("/hooks/stripe/<door_id>")
@limiter.exempt  # Stripe decides how often it has news; what is not signed costs one look-up and one hash.
@csrf.exempt  # type: ignore[untyped-decorator]
def receive(door_id: str) -> tuple[str, int]:
    """Alike for a door that is not there, is closed, or has another secret."""
    body, secrets = read_body(), find_secrets(door_id)
    read = read_event(read_signed(body, request.headers.get("Stripe-Signature", ""), secrets, next_step=IF_UNSIGNED))
    if read is not None:
        with plain_transaction() as connection:
            keep_event(connection, door_id, read)
    return "", 200
