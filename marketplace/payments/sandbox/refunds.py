"""Refunds of charges, out of the platform's balance, which Stripe lets go below zero for this alone."""
from marketplace.payments.sandbox.balances import record_movement
from marketplace.payments.sandbox.disputes import taken_in_disputes
from marketplace.payments.sandbox.encoding import labels, only, text, whole
from marketplace.payments.sandbox.events import emit
from marketplace.payments.sandbox.refusals import Refusal, bad_parameter
from marketplace.payments.sandbox.store import Body
from marketplace.payments.sandbox.world import Call, World


def create_refund(call: Call) -> Body:
    only(call.params, ("amount", "charge", "metadata", "payment_intent", "reason"))
    charge = _charge(call)
    left = charge["amount"] - charge["amount_refunded"] - taken_in_disputes(call.world, charge["id"])
    amount = whole(call.params, "amount") if "amount" in call.params else left
    if not left:
        raise Refusal(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    if any(not one["is_charge_refundable"] for one in call.store.all(
            "dispute", "json_extract(body, '$.charge') = ? AND json_extract(body, '$.status') NOT IN ('won', "
            "'warning_closed')", charge["id"])):
        raise Refusal(f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed")
    if amount > left:
        raise bad_parameter(f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})", "amount")
    status = call.world.refund_plan.pop(0) if call.world.refund_plan else "succeeded"
    if status == "balance_insufficient":
        raise Refusal("You have insufficient funds in your Stripe balance to refund this amount.",
                      code="balance_insufficient")
    refund_id = call.store.new_id("re")
    refund = call.store.add({
        "id": refund_id, "object": "refund", "amount": amount, "currency": charge["currency"], "charge": charge["id"],
        "payment_intent": charge["payment_intent"], "created": call.now(), "metadata": labels(call.params),
        "reason": text(call.params, "reason", needed=False) or None, "receipt_number": None, "status": status,
        "balance_transaction": _debit(call.world, charge, refund_id, amount),
        "source_transfer_reversal": None, "transfer_reversal": None,
        "destination_details": {"type": "card", "card": {"reference_status": "pending", "reference_type":
                                                         "acquirer_reference_number", "type": "refund"}}})
    was = {"amount_refunded": charge["amount_refunded"], "refunded": charge["refunded"]}
    given = charge["amount_refunded"] + amount
    charge = call.store.save(charge | {"amount_refunded": given, "refunded": given == charge["amount"]})
    emit(call.world, "refund.created", refund, key=call.key)
    emit(call.world, "charge.refunded", charge, key=call.key, was=was)
    return refund


def _charge(call: Call) -> Body:
    if "charge" in call.params:
        return call.store.get("charge", text(call.params, "charge"), param="charge")
    intent = call.store.get("payment_intent", text(call.params, "payment_intent"), param="payment_intent")
    return call.store.get("charge", intent["latest_charge"])


def _debit(world: World, charge: Body, refund_id: str, amount: int) -> str:
    """It comes out of the charge's own pending money while that is still on its way."""
    paid_in = world.store.get("balance_transaction", charge["balance_transaction"])
    return record_movement(world, "refund", -amount, charge["currency"], source=refund_id,
                           available_on=max(world.now(), paid_in["available_on"]))


def list_refunds(call: Call) -> Body:
    only(call.params, ("charge", "created", "ending_before", "limit", "payment_intent", "starting_after"))
    equal = {name: call.params.get(name) for name in ("charge", "payment_intent")}
    return call.store.page("refund", "/v1/refunds", call.params, equal)


def read_refund(call: Call) -> Body:
    only(call.params, ())
    return call.store.get("refund", call.args[0])


def settle_refund(world: World, refund_id: str, status: str) -> Body:
    """The bank's late word on a refund: ``succeeded``, or ``failed``, which brings the money back to the platform."""
    refund = world.store.get("refund", refund_id)
    changed = refund | {"status": status}
    if status == "failed" and refund["status"] != "failed":
        back = record_movement(world, "refund_failure", refund["amount"], refund["currency"], source=refund_id)
        changed |= {"failure_reason": "lost_or_stolen_card", "failure_balance_transaction": back}
        charge = world.store.get("charge", refund["charge"])
        world.store.save(charge | {"amount_refunded": charge["amount_refunded"] - refund["amount"], "refunded": False})
    world.store.save(changed)
    emit(world, "refund.updated", changed, was={"status": refund["status"]})
    if status == "failed":
        emit(world, "refund.failed", changed)
    return changed
