"""Charges: what a payment that succeeds or is refused leaves behind."""
from typing import Any

from marketplace.payments.sandbox.balances import card_fee, record_movement
from marketplace.payments.sandbox.cards import details_of
from marketplace.payments.sandbox.encoding import only
from marketplace.payments.sandbox.events import emit
from marketplace.payments.sandbox.store import Body
from marketplace.payments.sandbox.world import Call, World

PENDING_SECONDS = 2 * 24 * 3600  # A charge's money is available two days later.
APPROVED = {"network_status": "approved_by_network", "reason": None, "risk_level": "normal", "risk_score": 12,
            "seller_message": "Payment complete.", "type": "authorized"}


def add_charge(world: World, intent: Body, method: Body, *, key: str = "") -> Body:
    """Taken from ``method`` for the whole of ``intent``, into the platform's balance."""
    charge_id, amount = world.store.new_id("ch"), intent["amount"]
    movement = record_movement(world, "charge" if method["type"] == "card" else "payment", amount, intent["currency"],
                               source=charge_id, fee=card_fee(amount), available_on=world.now() + PENDING_SECONDS)
    charge = world.store.add(_charge(world, charge_id, intent, method, {
        "balance_transaction": movement, "amount_captured": amount, "captured": True, "paid": True,
        "status": "succeeded", "failure_code": None, "failure_message": None, "outcome": APPROVED}))
    emit(world, "charge.succeeded", charge, key=key)
    return charge


def add_failed_charge(world: World, intent: Body, method: Body, why: tuple[str, str, str], *, key: str = "") -> Body:
    code, reason, words = why
    charge = world.store.add(_charge(world, world.store.new_id("ch"), intent, method, {
        "balance_transaction": None, "amount_captured": 0, "captured": False, "paid": False, "status": "failed",
        "failure_code": code, "failure_message": words,
        "outcome": APPROVED | {"network_status": "declined_by_network", "reason": reason, "type": "issuer_declined",
                               "seller_message": "The bank returned a decline."}}))
    emit(world, "charge.failed", charge, key=key)
    return charge


def _charge(world: World, charge_id: str, intent: Body, method: Body, happened: dict[str, Any]) -> Body:
    copied = ("amount", "currency", "customer", "metadata", "transfer_group", "description", "receipt_email",
              "application", "on_behalf_of", "statement_descriptor", "statement_descriptor_suffix", "transfer_data")
    return {name: intent[name] for name in copied} | {
        "id": charge_id, "object": "charge", "created": world.now(), "livemode": False,
        "payment_intent": intent["id"], "payment_method": method["id"], "payment_method_details": details_of(method),
        "amount_refunded": 0, "disputed": False, "refunded": False, "billing_details": method["billing_details"],
        "fraud_details": {}, "receipt_url": None} | happened


def read_charge(call: Call) -> Body:
    only(call.params, ())
    return call.store.get("charge", call.args[0])
