"""A toy bicycle shop that counts every sale a referrer brought: docs/quick-start.md goes through it line by line.

Nothing of Fingerpost is imported. The shop sells through Stripe, and reports to Fingerpost's API what Stripe has
confirmed: sales, and refunds. What it needs comes from the environment, see NEEDS.
"""
import os
import secrets
import sys
from collections.abc import Mapping
from typing import Any

import requests
import stripe
from flask import Flask, Response, abort, redirect, render_template, request, url_for

NEEDS = {
    "FINGERPOST_URL": "where Fingerpost runs, like http://127.0.0.1:5000",
    "FINGERPOST_KEY": "an API key with the scope conversions:write",
    "FINGERPOST_BUSINESS": "the id of your business",
    "FINGERPOST_SCRIPT_HASH": "what stands after integrity= on the page “Connect your site”",
    "SHOP_STRIPE_KEY": "the secret key of the shop's own Stripe account",
    "SHOP_STRIPE_WEBHOOK_SECRET": "the secret of the webhook that reaches /stripe-webhook",
}
BICYCLES = {"city": ("City bicycle", 90_000), "cargo": ("Cargo bicycle", 310_000)}  # Name and price in cents.
CURRENCY = "usd"
STRIPE_VERSION = "2026-05-27.dahlia"


def create_shop(env: Mapping[str, str]) -> Flask:
    if missing := [f"{name} ({what})" for name, what in NEEDS.items() if not env.get(name)]:
        sys.exit("The shop needs " + ", ".join(missing))
    shop = Flask(__name__)
    account = stripe.StripeClient(env["SHOP_STRIPE_KEY"], stripe_version=STRIPE_VERSION, base_addresses=(
        {"api": env["SHOP_STRIPE_API"]} if env.get("SHOP_STRIPE_API") else {}))  # The sandbox instead of Stripe.

    @shop.get("/")
    def window() -> str:
        return render_template("window.html", bicycles=BICYCLES, fingerpost=env["FINGERPOST_URL"],
                               integrity=env["FINGERPOST_SCRIPT_HASH"])

    @shop.post("/checkout")
    def checkout() -> Response:
        name, cents = BICYCLES.get(request.form.get("bicycle", "")) or abort(404)
        order = f"order-{secrets.token_hex(4)}"
        # The field that fingerpost.js put into the form; without script, the cookie of our own site says the same.
        click = request.form.get("fp_click") or request.cookies.get("fp_click", "")
        carried = {"order": order, "fp_click": click}
        page = account.v1.checkout.sessions.create({
            "mode": "payment", "client_reference_id": click or order, "metadata": carried,
            "payment_intent_data": {"metadata": carried},
            "line_items": [{"quantity": 1, "price_data": {
                "currency": CURRENCY, "unit_amount": cents, "product_data": {"name": name}}}],
            "success_url": url_for("thanks", _external=True), "cancel_url": url_for("window", _external=True)})
        return redirect(page.url, 303)

    @shop.get("/thanks")
    def thanks() -> str:
        return render_template("thanks.html")

    @shop.post("/stripe-webhook")
    def hear() -> tuple[str, int]:
        """Stripe says it again until it hears 200, and so Fingerpost hears it again: there each order counts once."""
        try:
            event = stripe.Webhook.construct_event(
                request.get_data(), request.headers.get("Stripe-Signature", ""), env["SHOP_STRIPE_WEBHOOK_SECRET"])
        except (ValueError, stripe.SignatureVerificationError):
            abort(400)
        happened: Any = event["data"]["object"]
        if event["type"] == "checkout.session.completed" and happened["payment_status"] == "paid":
            report(kind="sale", external_id=happened["metadata"]["order"], minor=happened["amount_total"],
                   click=happened["metadata"]["fp_click"])
        elif event["type"] == "charge.refunded" and "order" in happened["metadata"]:
            order, given_back = happened["metadata"]["order"], happened["amount_refunded"]
            now = given_back - event["data"]["previous_attributes"]["amount_refunded"]
            report(kind="refund", external_id=f"{order}-{given_back}", minor=now, refund_of=order)
        return "", 200

    def report(*, minor: int, **said: str) -> None:
        told = {name: value for name, value in said.items() if value}
        answer = requests.post(
            f"{env['FINGERPOST_URL']}/api/v1/conversions", timeout=10,
            headers={"Authorization": f"Bearer {env['FINGERPOST_KEY']}", "Idempotency-Key": told["external_id"]},
            json={"business_id": env["FINGERPOST_BUSINESS"], "amount": f"{minor // 100}.{minor % 100:02}",
                  "currency": CURRENCY, **told})
        shop.logger.info("%s %s: %s", told["kind"], told["external_id"], answer.text)
        answer.raise_for_status()  # Stripe hears of it, and comes again.

    return shop


def create_app() -> Flask:
    """For `flask --app examples/shop/shop run`."""
    return create_shop(os.environ)
