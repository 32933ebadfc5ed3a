"""Payment intents: made by a hosted page, or by a call that charges a kept card while nobody is there."""
from typing import Any

from marketplace.payments.sandbox.cards import BANK, CARDS
from marketplace.payments.sandbox.charges import add_charge, add_failed_charge
from marketplace.payments.sandbox.encoding import labels, only, text, whole
from marketplace.payments.sandbox.events import emit
from marketplace.payments.sandbox.presenting import present
from marketplace.payments.sandbox.refusals import Refusal, bad_parameter, missing
from marketplace.payments.sandbox.store import Body
from marketplace.payments.sandbox.world import Call, World

KNOWN = ("amount", "confirm", "currency", "customer", "description", "metadata", "off_session", "payment_method",
         "transfer_group")
LEAST_MINOR = 50
ENDED = frozenset({"succeeded", "canceled"})


def create_payment_intent(call: Call) -> Body:
    """Confirmed at once, off-session: the only way the sandbox takes. The bank's refusal is kept, and answered 402."""
    only(call.params, KNOWN)
    if call.params.get("confirm") != "true" or call.params.get("off_session") != "true":
        raise bad_parameter("The sandbox makes payment intents that are confirmed off-session at once.", "confirm")
    amount = whole(call.params, "amount")
    if amount < LEAST_MINOR:
        raise Refusal("Amount must convert to at least 50 cents.", code="amount_too_small", param="amount")
    method = _kept_method(call)
    intent = new_intent(
        call.world, amount=amount, currency=text(call.params, "currency"), method=method,
        customer=method["customer"], metadata=labels(call.params),
        transfer_group=text(call.params, "transfer_group", needed=False) or None)
    refused = CARDS[method["_name"]].alone if method["_name"] in CARDS else None
    if refused is None:
        return charge_intent(call.world, intent, method, key=call.key)
    intent = refuse_intent(call.world, intent, method, refused, key=call.key)
    error = intent["last_payment_error"] | {"payment_intent": present(call.world, intent)}
    return {"error": error, "_status": 402}


def _kept_method(call: Call) -> Body:
    customer_id = text(call.params, "customer")
    customer = call.store.find(customer_id)
    if customer is None or customer["object"] != "customer":
        raise missing("customer", customer_id, param="customer")
    method = call.store.find(text(call.params, "payment_method"))
    if method is None or method["object"] != "payment_method" or method["customer"] != customer_id:
        raise Refusal(f"The customer does not have a payment method with the ID {call.params['payment_method']}. "
                      "The payment method must be attached to the customer.", code="resource_missing",
                      param="payment_method")
    return method


def new_intent(
    world: World, *, amount: int, currency: str, method: Body, customer: str | None, metadata: dict[str, str],
    transfer_group: str | None, setup_future_usage: str | None = None,
) -> Body:
    intent_id = world.store.new_id("pi")
    return world.store.add({
        "id": intent_id, "object": "payment_intent", "amount": amount, "currency": currency, "created": world.now(),
        "livemode": False, "customer": customer, "metadata": metadata, "transfer_group": transfer_group,
        "payment_method": method["id"], "description": None, "receipt_email": None, "application": None,
        "on_behalf_of": None, "statement_descriptor": None, "statement_descriptor_suffix": None,
        "transfer_data": None, "status": "requires_confirmation", "amount_received": 0, "amount_capturable": 0,
        "latest_charge": None, "capture_method": "automatic_async", "confirmation_method": "automatic",
        "client_secret": f"{intent_id}_secret_{world.store.new_id('s')[2:]}", "last_payment_error": None,
        "next_action": None, "canceled_at": None, "cancellation_reason": None,
        "payment_method_types": [method["type"]], "processing": None, "setup_future_usage": setup_future_usage})


def charge_intent(world: World, intent: Body, method: Body, *, key: str = "") -> Body:
    """The money is there: pending for two days, as every charge."""
    charge = add_charge(world, intent, method, key=key)
    paid = world.store.save(intent | {
        "status": "succeeded", "amount_received": intent["amount"], "latest_charge": charge["id"]})
    emit(world, "payment_intent.succeeded", paid, key=key)
    return paid


def wait_for_bank(world: World, intent: Body) -> Body:
    waiting = world.store.save(intent | {"status": "processing"})
    emit(world, "payment_intent.processing", waiting)
    return waiting


def refuse_intent(
    world: World, intent: Body, method: Body, why: tuple[str, str, str], *, key: str = ""
) -> Body:
    code, reason, words = why
    charge = add_failed_charge(world, intent, method, why, key=key)
    error: dict[str, Any] = {"type": "card_error", "code": code, "message": words, "charge": charge["id"]}
    if method["_name"] != BANK:
        error["decline_code"] = reason
    refused = world.store.save(intent | {
        "status": "requires_payment_method", "latest_charge": charge["id"], "payment_method": None,
        "last_payment_error": error})
    emit(world, "payment_intent.payment_failed", refused, key=key)
    return refused


def read_payment_intent(call: Call) -> Body:
    only(call.params, ("client_secret",))
    return call.store.get("payment_intent", call.args[0])


def list_payment_intents(call: Call) -> Body:
    only(call.params, ("created", "customer", "ending_before", "limit", "starting_after"))
    return call.store.page("payment_intent", "/v1/payment_intents", call.params,
                           {"customer": call.params.get("customer")})


def cancel_payment_intent(call: Call) -> Body:
    only(call.params, ("cancellation_reason",))
    intent = call.store.get("payment_intent", call.args[0])
    if intent["status"] in ENDED | {"processing"}:
        raise Refusal(f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}.",
                      code="payment_intent_unexpected_state")
    canceled = call.store.save(intent | {
        "status": "canceled", "canceled_at": call.now(),
        "cancellation_reason": text(call.params, "cancellation_reason", needed=False) or None})
    emit(call.world, "payment_intent.canceled", canceled, key=call.key)
    return canceled
