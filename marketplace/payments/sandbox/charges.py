"""Payment intents and charges: what a paid checkout leaves behind."""
from marketplace.payments.sandbox.balances import card_fee, record_movement
from marketplace.payments.sandbox.encoding import only
from marketplace.payments.sandbox.events import emit
from marketplace.payments.sandbox.store import Body
from marketplace.payments.sandbox.world import Call, World

PENDING_SECONDS = 2 * 24 * 3600  # A charge's money is available two days later.


def take_payment(world: World, session: Body) -> Body:
    """Charge the card of the hosted page for the whole session; gives the payment intent."""
    store, now = world.store, world.now()
    amount, currency = session["amount_total"], session["currency"]
    intent_id, charge_id = store.new_id("pi"), store.new_id("ch")
    method_id, asked = store.new_id("pm"), session["_payment_intent_data"]
    movement = record_movement(world, "charge", amount, currency, source=charge_id, fee=card_fee(amount),
                               available_on=now + PENDING_SECONDS)
    shared = {"amount": amount, "currency": currency, "created": now, "livemode": False, "customer": None,
              "metadata": asked["metadata"], "transfer_group": asked["transfer_group"], "payment_method": method_id,
              "description": None, "receipt_email": None, "application": None, "on_behalf_of": None,
              "statement_descriptor": None, "statement_descriptor_suffix": None, "transfer_data": None}
    charge = store.add(shared | {
        "id": charge_id, "object": "charge", "payment_intent": intent_id, "balance_transaction": movement,
        "amount_captured": amount, "amount_refunded": 0, "captured": True, "disputed": False, "paid": True,
        "refunded": False, "status": "succeeded", "failure_code": None, "failure_message": None,
        "billing_details": {"address": None, "email": session["customer_email"], "name": None, "phone": None,
                            "tax_id": None},
        "outcome": {"network_status": "approved_by_network", "reason": None, "risk_level": "normal", "risk_score": 12,
                    "seller_message": "Payment complete.", "type": "authorized"},
        "payment_method_details": {"type": "card", "card": {
            "brand": "visa", "country": "US", "exp_month": 12, "exp_year": 2031, "fingerprint": "4242424242424242",
            "funding": "credit", "last4": "4242", "network": "visa"}},
        "fraud_details": {}, "receipt_url": None})
    intent = store.add(shared | {
        "id": intent_id, "object": "payment_intent", "status": "succeeded", "amount_received": amount,
        "amount_capturable": 0, "latest_charge": charge_id, "capture_method": "automatic_async",
        "confirmation_method": "automatic", "client_secret": f"{intent_id}_secret_{store.new_id('s')[2:]}",
        "last_payment_error": None, "next_action": None, "canceled_at": None, "cancellation_reason": None,
        "payment_method_types": ["card"], "processing": None, "setup_future_usage": None})
    emit(world, "charge.succeeded", charge)
    emit(world, "payment_intent.succeeded", intent)
    return intent


def read_charge(call: Call) -> Body:
    only(call.params, ())
    return call.store.get("charge", call.args[0])


def read_payment_intent(call: Call) -> Body:
    only(call.params, ("client_secret",))
    return call.store.get("payment_intent", call.args[0])
