"""Customers, and the payment methods kept for them."""
from marketplace.payments.sandbox.encoding import labels, only, text
from marketplace.payments.sandbox.refusals import Refusal
from marketplace.payments.sandbox.store import Body
from marketplace.payments.sandbox.world import Call


def create_customer(call: Call) -> Body:
    only(call.params, ("description", "email", "metadata", "name"))
    return call.store.add({
        "id": call.store.new_id("cus"), "object": "customer", "created": call.now(), "livemode": False,
        "name": text(call.params, "name", needed=False) or None, "metadata": labels(call.params),
        "email": text(call.params, "email", needed=False) or None, "balance": 0, "currency": None,
        "description": text(call.params, "description", needed=False) or None, "default_source": None,
        "delinquent": False, "discount": None, "address": None, "shipping": None, "phone": None,
        "preferred_locales": [], "tax_exempt": "none"})


def detach_method(call: Call) -> Body:
    only(call.params, ())
    method = call.store.get("payment_method", call.args[0])
    if method["customer"] is None:
        raise Refusal("The payment method you provided is not attached to a customer so detachment is impossible.",
                      code="payment_method_unexpected_state")
    return call.store.save(method | {"customer": None})
