"""Transfers to connected accounts and their reversals: from what is available there, or not at all."""
from marketplace.payments.sandbox.balances import available_minor, record_movement
from marketplace.payments.sandbox.encoding import labels, only, text, whole
from marketplace.payments.sandbox.events import emit
from marketplace.payments.sandbox.places import refuse_odd, refuse_place
from marketplace.payments.sandbox.refusals import Refusal, bad_parameter
from marketplace.payments.sandbox.store import Body
from marketplace.payments.sandbox.world import Call


def create_transfer(call: Call) -> Body:
    only(call.params, ("amount", "currency", "description", "destination", "metadata", "transfer_group"))
    amount, currency = whole(call.params, "amount"), text(call.params, "currency")
    destination = _destination(call)
    refuse_place(call.world, destination, currency)
    refuse_odd(amount, currency)
    if available_minor(call.world, currency) < amount:
        raise Refusal("You have insufficient available funds in your Stripe account.", code="balance_insufficient")
    transfer_id = call.store.new_id("tr")
    movement = record_movement(call.world, "transfer", -amount, currency, source=transfer_id)
    transfer = call.store.add({
        "id": transfer_id, "object": "transfer", "amount": amount, "amount_reversed": 0, "reversed": False,
        "currency": currency, "destination": destination["id"], "destination_payment": call.store.new_id("py"),
        "balance_transaction": movement, "created": call.now(), "livemode": False,
        "description": text(call.params, "description", needed=False) or None, "metadata": labels(call.params),
        "source_transaction": None, "source_type": "card",
        "transfer_group": text(call.params, "transfer_group", needed=False) or None})
    _credit(call, destination, currency, amount)
    emit(call.world, "transfer.created", transfer, key=call.key)
    return transfer


def _destination(call: Call) -> Body:
    account = call.store.find(text(call.params, "destination"))
    if account is None or account["object"] != "v2.core.account":
        raise Refusal(f"No such destination: '{call.params['destination']}'", code="resource_missing",
                      param="destination")
    if account["closed"]:
        raise Refusal("The destination account has been closed.", code="account_closed", param="destination")
    if account["_state"] != "active":
        raise Refusal("Your destination account needs to have at least one of the following capabilities enabled: "
                      "transfers, crypto_transfers, legacy_payments", code="insufficient_capabilities_for_transfer")
    return account


def list_transfers(call: Call) -> Body:
    only(call.params, ("created", "destination", "ending_before", "limit", "starting_after", "transfer_group"))
    equal = {name: call.params.get(name) for name in ("destination", "transfer_group")}
    return call.store.page("transfer", "/v1/transfers", call.params, equal)


def read_transfer(call: Call) -> Body:
    only(call.params, ())
    return call.store.get("transfer", call.args[0])


def create_reversal(call: Call) -> Body:
    only(call.params, ("amount", "description", "metadata"))
    transfer = call.store.get("transfer", call.args[0])
    left = transfer["amount"] - transfer["amount_reversed"]
    amount = whole(call.params, "amount") if "amount" in call.params else left
    if amount > left:
        raise bad_parameter(f"Transfer reversal amount ({amount}) is greater than the unreversed amount on the "
                            f"transfer ({left}).", "amount")
    account, currency = call.store.get("v2.core.account", transfer["destination"]), transfer["currency"]
    refuse_odd(amount, currency)
    if account["_balance"].get(currency, 0) < amount:
        raise Refusal("The connected account does not have sufficient funds for this reversal.",
                      code="balance_insufficient")
    reversal_id = call.store.new_id("trr")
    movement = record_movement(call.world, "transfer_refund", amount, currency, source=reversal_id)
    reversal = call.store.add({
        "id": reversal_id, "object": "transfer_reversal", "amount": amount, "currency": currency,
        "transfer": transfer["id"], "balance_transaction": movement, "created": call.now(),
        "destination_payment_refund": call.store.new_id("pyr"), "metadata": labels(call.params),
        "source_refund": None})
    _credit(call, account, currency, -amount)
    was = {"amount_reversed": transfer["amount_reversed"], "reversed": transfer["reversed"]}
    taken = transfer["amount_reversed"] + amount
    changed = call.store.save(transfer | {"amount_reversed": taken, "reversed": taken == transfer["amount"]})
    emit(call.world, "transfer.reversed", changed, key=call.key, was=was)
    return reversal


def list_reversals(call: Call) -> Body:
    only(call.params, ("ending_before", "limit", "starting_after"))
    transfer = call.store.get("transfer", call.args[0])
    return call.store.page("transfer_reversal", f"/v1/transfers/{transfer['id']}/reversals", call.params,
                           {"transfer": transfer["id"]})


def read_reversal(call: Call) -> Body:
    return call.store.get("transfer_reversal", call.args[1])


def _credit(call: Call, account: Body, currency: str, amount: int) -> None:
    balance = account["_balance"]
    call.store.save(account | {"_balance": balance | {currency: balance.get(currency, 0) + amount}})
