"""Checkout sessions: opened by the API, paid, declined or left on a hosted page, expired by time."""
from typing import Any

from marketplace.payments.sandbox.cards import BANK, CARDS, make_method
from marketplace.payments.sandbox.encoding import at, labels, only, text, whole
from marketplace.payments.sandbox.events import emit
from marketplace.payments.sandbox.payment_intents import charge_intent, new_intent, refuse_intent, wait_for_bank
from marketplace.payments.sandbox.refusals import Refusal, bad_parameter, missing
from marketplace.payments.sandbox.store import Body
from marketplace.payments.sandbox.world import Call, World

SHORTEST_SECONDS, LONGEST_SECONDS = 30 * 60, 24 * 3600
SLACK_SECONDS = 60  # The caller's clock and ours read the time at two moments.
LEAST_MINOR = 50
KNOWN = ("adaptive_pricing", "cancel_url", "client_reference_id", "customer", "customer_email", "expires_at",
         "line_items", "metadata", "mode", "payment_intent_data", "success_url")
RETURNED = ("debit_not_authorized", "debit_not_authorized",
            "The customer has notified their bank that this payment was unauthorized.")


def create_session(call: Call) -> Body:
    only(call.params, KNOWN)
    if text(call.params, "mode") != "payment":
        raise bad_parameter("The sandbox takes payments only.", "mode")
    amount, currency, name = _priced(call)
    customer = _customer(call)
    session_id = call.store.new_id("cs_test")
    return call.store.add({
        "id": session_id, "object": "checkout.session", "mode": "payment", "status": "open",
        "payment_status": "unpaid", "url": f"{call.world.public_url}/c/pay/{session_id}",
        "amount_subtotal": amount, "amount_total": amount, "currency": currency, "created": call.now(),
        "expires_at": _expiry(call), "livemode": False, "ui_mode": "hosted_page",
        "client_reference_id": text(call.params, "client_reference_id", needed=False) or None,
        "customer_email": text(call.params, "customer_email", needed=False) or None,
        "success_url": text(call.params, "success_url"),
        "cancel_url": text(call.params, "cancel_url", needed=False) or None,
        "metadata": labels(call.params), "payment_intent": None, "customer_details": None,
        "customer": customer["id"] if customer else None,
        "adaptive_pricing": {"enabled": at(call.params, "adaptive_pricing.enabled") == "true"},
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "custom_fields": [], "shipping_options": [], "payment_method_types": ["card"],
        "custom_text": {"after_submit": None, "shipping_address": None, "submit": None,
                        "terms_of_service_acceptance": None},
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "_name": name, "_declined": False,
        "_email": customer["email"] if customer else text(call.params, "customer_email", needed=False) or None,
        "_payment_intent_data": {
            "metadata": labels(call.params, "payment_intent_data.metadata"),
            "transfer_group": text(call.params, "payment_intent_data.transfer_group", needed=False) or None,
            "setup_future_usage": text(call.params, "payment_intent_data.setup_future_usage", needed=False) or None},
    })


def _customer(call: Call) -> Body | None:
    customer_id = text(call.params, "customer", needed=False)
    if not customer_id:
        return None
    if "customer_email" in call.params:
        raise bad_parameter("You may only specify one of these parameters: customer, customer_email.", "customer")
    customer = call.store.find(customer_id)
    if customer is None or customer["object"] != "customer":
        raise missing("customer", customer_id, param="customer")
    return customer


def _priced(call: Call) -> tuple[int, str, str]:
    lines: Any = at(call.params, "line_items")
    if not isinstance(lines, list) or not lines:
        raise bad_parameter("Missing required param: line_items.", "line_items", "parameter_missing")
    currency = text(call.params, "line_items.0.price_data.currency")
    amount = sum(whole(line, "price_data.unit_amount") * whole(line, "quantity") for line in lines)
    if amount < LEAST_MINOR:
        raise Refusal("The Checkout Session's total amount must convert to at least 50 cents.",
                      code="amount_too_small", remembered=False)
    return amount, currency, text(call.params, "line_items.0.price_data.product_data.name")


def _expiry(call: Call) -> int:
    if "expires_at" not in call.params:
        return call.now() + LONGEST_SECONDS
    expires_at = whole(call.params, "expires_at")
    if not SHORTEST_SECONDS - SLACK_SECONDS <= expires_at - call.now() <= LONGEST_SECONDS + SLACK_SECONDS:
        raise bad_parameter("The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session "
                            "creation.", "expires_at")
    return expires_at


def read_session(call: Call) -> Body:
    only(call.params, ())
    return call.store.get("checkout.session", call.args[0])


def expire_session(call: Call) -> Body:
    only(call.params, ())
    session = call.store.get("checkout.session", call.args[0])
    if session["status"] != "open":
        raise Refusal("Only Checkout Sessions with a status in ['open'] can be expired. This Checkout Session has a "
                      f"status of `{session['status']}`.")
    return _expire(call.world, session)


def expire_due_sessions(world: World) -> None:
    """Time's own work, done before each call is answered."""
    for session in world.store.all("checkout.session", "json_extract(body, '$.status') = 'open' AND "
                                   "json_extract(body, '$.expires_at') <= ?", world.now()):
        _expire(world, session)


def _expire(world: World, session: Body) -> Body:
    world.store.save(session | {"status": "expired", "url": None})
    expired = world.store.get("checkout.session", session["id"])
    emit(world, "checkout.session.expired", expired)
    return expired


def pay_session(world: World, session_id: str, card: str = "visa") -> Body:
    """What the button on the hosted page does. Only an open session can be paid, and once.

    A card that the bank refuses leaves the page open; a bank debit completes it, and is paid or not days later.
    """
    session = world.store.get("checkout.session", session_id)
    if session["status"] != "open":
        raise Refusal(f"This page is {session['status']} and takes no payment.", status=409, code="session_not_open")
    if card in CARDS and CARDS[card].at_once:
        return decline_card(world, session_id)
    asked = session["_payment_intent_data"]
    method = make_method(world, card, session["customer"] if asked["setup_future_usage"] else None)
    intent = new_intent(
        world, amount=session["amount_total"], currency=session["currency"], method=method,
        customer=session["customer"], **asked)
    intent = wait_for_bank(world, intent) if card == BANK else charge_intent(world, intent, method)
    paid = world.store.save(session | {
        "status": "complete", "payment_status": "unpaid" if card == BANK else "paid", "payment_intent": intent["id"],
        "url": None,
        "customer_details": {"address": None, "email": session["_email"], "name": None, "phone": None,
                             "tax_exempt": "none", "tax_ids": []}})
    emit(world, "checkout.session.completed", paid)
    return paid


def settle_session(world: World, session_id: str, *, succeeded: bool) -> Body:
    """The bank's word, days later, on a session paid by bank debit."""
    session = world.store.get("checkout.session", session_id)
    if (session["status"], session["payment_status"]) != ("complete", "unpaid"):
        raise Refusal("No bank is asked about this page.", status=409, code="nothing_to_settle")
    intent = world.store.get("payment_intent", session["payment_intent"])
    if intent["status"] != "processing":
        raise Refusal("The bank has answered already.", status=409, code="nothing_to_settle")
    method = world.store.get("payment_method", intent["payment_method"])
    if not succeeded:
        refuse_intent(world, intent, method, RETURNED)
        emit(world, "checkout.session.async_payment_failed", session)
        return session
    charge_intent(world, intent, method)
    paid = world.store.save(session | {"payment_status": "paid"})
    emit(world, "checkout.session.async_payment_succeeded", paid)
    return paid


def decline_card(world: World, session_id: str) -> Body:
    """The card is refused; the page stays open for another try, as at Stripe."""
    session = world.store.get("checkout.session", session_id)
    return world.store.save(session | {"_declined": True})
