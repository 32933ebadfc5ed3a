"""An event of a business's own Stripe, verified, kept, answered, beside an endpoint that parses and verifies alone."""
import io
import itertools
import json
from collections.abc import Callable
from typing import Any

from flask import Flask, request

from benchmarks.figures import Figure, take_turns
from benchmarks.product import make_user, product
from marketplace.foundation.db import db, transaction
from marketplace.foundation.limits import limiter
from marketplace.foundation.web import csrf
from marketplace.identity.businesses import found_business
from marketplace.identity.models import User
from marketplace.payments.sandbox.webhooks import sign
from marketplace.payments.stripe_signatures import read_signed
from marketplace.tracking.business_stripe.doors import open_door, tell_secret

SECRET = "whsec_a_secret_of_their_own_stripe"
CALLS = 60
serial = itertools.count(1)


def measure(server: str | None = None) -> list[Figure]:
    with product(server) as app:
        _add_parse_only(app)
        wes = make_user("Wes")
        with transaction():
            wes = db.session.get_one(User, wes.id)
            door = open_door(found_business("Westside Auto", by=wes), by=wes)
            tell_secret(door, SECRET, by=wes)
            address = f"/hooks/stripe/{door.id}"
        stored, parsed = take_turns(lambda: _post(app, address), lambda: _post(app, "/parse-only"),
                                    calls=(CALLS, CALLS))
        repeated, _ = take_turns(lambda: _post(app, address, number=1), lambda: _post(app, "/parse-only"),
                                 calls=(CALLS, CALLS))
    place = "PostgreSQL" if server else "SQLite"
    # By CPU of the application: the commit's wait for the disk, or for the server, holds up this one event alone.
    return [
        Figure(f"Stripe event kept and answered, x parse-only, {place}", round(parsed.least / stored.least, 2), "x",
               0.33, "higher", f"{stored.least:.0f} us beside {parsed.least:.0f} us"),
        Figure(f"the same event again, x the first time, {place}", round(repeated.least / stored.least, 2), "x", 1.1,
               "lower"),
    ]


def _add_parse_only(app: Flask) -> None:
    """In the same application, with all that stands before every view."""
    @limiter.exempt
    @csrf.exempt
    def parse_only() -> tuple[str, int]:
        read_signed(request.stream.read(), request.headers["Stripe-Signature"], [SECRET], next_step="")
        return "", 200

    app.add_url_rule("/parse-only", view_func=parse_only, methods=["POST"])


def _post(app: Flask, address: str, *, number: int | None = None) -> None:
    body = json.dumps(_checkout(number or next(serial))).encode()
    answered: list[str] = []
    environ = {
        "REQUEST_METHOD": "POST", "PATH_INFO": address, "SERVER_NAME": "localhost", "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1", "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": "application/json", "HTTP_STRIPE_SIGNATURE": sign(body, SECRET), "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(), "wsgi.url_scheme": "http", "wsgi.version": (1, 0), "wsgi.multithread": True,
        "wsgi.multiprocess": True, "wsgi.run_once": False}
    start: Callable[..., Any] = lambda status, headers, error=None: answered.append(status)  # noqa: E731
    list(app.wsgi_app(environ, start))
    assert answered[0].startswith("200"), answered


def _checkout(number: int) -> dict[str, Any]:
    """As large as Stripe's are."""
    return {"id": f"evt_{number}", "object": "event", "type": "checkout.session.completed", "livemode": False,
            "created": 1_795_000_000, "data": {"object": {
                "id": f"cs_{number}", "object": "checkout.session", "mode": "payment", "payment_status": "paid",
                "currency": "usd", "amount_total": 11_500, "amount_subtotal": 10_000, "payment_intent": f"pi_{number}",
                "customer": f"cus_{number}", "customer_details": {"email": f"david{number}@example.com"},
                "total_details": {"amount_tax": 1_000, "amount_shipping": 500, "amount_discount": 0}, "metadata": {},
                **{f"more_{field}": None for field in range(60)}}}}
