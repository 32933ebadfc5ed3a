"""What payers' banks do to a charge: disputes, early fraud warnings, and payments that fail after all.

At Stripe all of it begins at the bank, so it is opened through the control door; the API reads, answers and accepts.
"""
from marketplace.payments.sandbox.balances import record_movement
from marketplace.payments.sandbox.encoding import at, labels, only
from marketplace.payments.sandbox.events import emit
from marketplace.payments.sandbox.refusals import Refusal
from marketplace.payments.sandbox.store import Body
from marketplace.payments.sandbox.world import Call, World

KIND, WARNING = "dispute", "radar.early_fraud_warning"
FEE_MINOR = 1_500  # Stripe's price of a dispute in the US.
ANSWERED_WITHIN_SECONDS = 9 * 24 * 3600
OPEN = ("needs_response", "under_review", "warning_needs_response", "warning_under_review")
EVIDENCE = ("access_activity_log", "billing_address", "cancellation_policy", "cancellation_policy_disclosure",
            "cancellation_rebuttal", "customer_communication", "customer_email_address", "customer_name",
            "customer_purchase_ip", "customer_signature", "duplicate_charge_documentation",
            "duplicate_charge_explanation", "duplicate_charge_id", "product_description", "receipt", "refund_policy",
            "refund_policy_disclosure", "refund_refusal_explanation", "service_date", "service_documentation",
            "shipping_address", "shipping_carrier", "shipping_date", "shipping_documentation",
            "shipping_tracking_number", "uncategorized_file", "uncategorized_text")


def open_dispute(
    world: World, charge_id: str, *, amount: int | None, status: str, reason: str, withdraw: bool = True
) -> Body:
    """The bank disputes a charge. Unless it only asks (``warning_...``), Stripe takes amount and fee at once."""
    charge = world.store.get("charge", charge_id)
    asked = amount or charge["amount"] - charge["amount_refunded"]
    if status not in OPEN:
        raise ValueError(f"a dispute is not opened as {status}")
    dispute = world.store.add({
        "id": world.store.new_id("du"), "object": KIND, "amount": asked, "currency": charge["currency"],
        "charge": charge_id, "payment_intent": charge["payment_intent"], "created": world.now(), "livemode": False,
        "metadata": {}, "reason": reason, "status": status, "is_charge_refundable": status.startswith("warning"),
        "enhanced_eligibility_types": [], "evidence": dict.fromkeys(EVIDENCE) | {"enhanced_evidence": {}},
        "evidence_details": {"due_by": world.now() + ANSWERED_WITHIN_SECONDS, "has_evidence": False, "past_due": False,
                             "submission_count": 0, "enhanced_eligibility": {}},
        "_movements": []})
    world.store.save(charge | {"disputed": True})
    for warning in world.store.all(WARNING, "json_extract(body, '$.charge') = ?", charge_id):
        _change(world, warning, {"actionable": False}, f"{WARNING}.updated")
    emit(world, "charge.dispute.created", dispute)
    if withdraw and not status.startswith("warning"):
        dispute = withdraw_funds(world, dispute["id"])
    return dispute


def withdraw_funds(world: World, dispute_id: str) -> Body:
    dispute = world.store.get(KIND, dispute_id)
    taken = record_movement(world, "adjustment", -dispute["amount"], dispute["currency"], source=dispute_id,
                            fee=FEE_MINOR)
    return _change(world, dispute, {"_movements": [*dispute["_movements"], taken]}, "charge.dispute.funds_withdrawn")


def settle_dispute(
    world: World, dispute_id: str, status: str, *, fee_back: bool = False, refundable: bool | None = None,
    back: int | None = None,
) -> Body:
    """The bank's next word: under_review, won, lost, warning_closed, prevented, or needs_response after a question.

    ``refundable``: whether what is left of the charge may be refunded from now on; None leaves that as it was.
    ``back``: how much comes back where that is not the disputed sum.
    """
    dispute = world.store.get(KIND, dispute_id)
    changes: Body = {"status": status}
    if refundable is not None:
        changes["is_charge_refundable"] = refundable
    if status in ("needs_response", "under_review"):
        changed = _change(world, dispute, changes, "charge.dispute.updated")
        return withdraw_funds(world, dispute_id) if not dispute["_movements"] else changed
    is_over = status in ("won", "warning_closed")
    if is_over:
        charge = world.store.get("charge", dispute["charge"])
        world.store.save(charge | {"disputed": False})
    is_taken = len(dispute["_movements"]) % 2 == 1
    if status == "lost" and not is_taken:
        dispute = withdraw_funds(world, dispute_id)
    if is_over and is_taken:
        returned = record_movement(world, "adjustment", dispute["amount"] if back is None else back,
                                   dispute["currency"], source=dispute_id, fee=-FEE_MINOR if fee_back else 0)
        changes["_movements"] = [*dispute["_movements"], returned]
    changed = _change(world, dispute, changes, "charge.dispute.closed")
    if "_movements" in changes:
        emit(world, "charge.dispute.funds_reinstated", changed)
    return changed


def taken_in_disputes(world: World, charge_id: str) -> int:
    """What the bank has of a charge, less what it gave back: a refund of that would pay it twice."""
    moved = sum(int(world.store.get("balance_transaction", movement)["amount"])
                for dispute in world.store.all(KIND, "json_extract(body, '$.charge') = ?", charge_id)
                for movement in dispute["_movements"])
    return -moved


def read_dispute(call: Call) -> Body:
    only(call.params, ())
    return call.store.get(KIND, call.args[0])


def list_disputes(call: Call) -> Body:
    only(call.params, ("charge", "created", "ending_before", "limit", "payment_intent", "starting_after"))
    return call.store.page(KIND, "/v1/disputes", call.params, {
        name: call.params.get(name) for name in ("charge", "payment_intent")})


def update_dispute(call: Call) -> Body:
    """Evidence is kept; with ``submit`` it goes to the bank, once."""
    only(call.params, ("evidence", "metadata", "submit"))
    dispute = _open_dispute(call)
    details = dispute["evidence_details"]
    given = labels(call.params, "evidence")
    if details["submission_count"]:
        raise Refusal("This dispute's evidence has already been submitted.", code="dispute_evidence_submitted")
    changes: Body = {"evidence": dispute["evidence"] | given,
                     "evidence_details": details | {"has_evidence": True}, "metadata": labels(call.params)}
    if at(call.params, "submit") != "false":
        changes["evidence_details"] |= {"submission_count": 1}
        changes["status"] = "warning_under_review" if dispute["status"].startswith("warning") else "under_review"
    return _change(call.world, dispute, changes, "charge.dispute.updated", key=call.key)


def close_dispute(call: Call) -> Body:
    only(call.params, ())
    _open_dispute(call)
    return settle_dispute(call.world, call.args[0], "lost")


def _open_dispute(call: Call) -> Body:
    dispute = call.store.get(KIND, call.args[0])
    if dispute["status"] not in OPEN:
        raise Refusal("This dispute is already closed.", code="dispute_closed")
    return dispute


def warn_of_fraud(world: World, charge_id: str, fraud_type: str) -> Body:
    charge = world.store.get("charge", charge_id)
    warning = world.store.add({
        "id": world.store.new_id("issfr"), "object": WARNING, "charge": charge_id, "created": world.now(),
        "payment_intent": charge["payment_intent"], "fraud_type": fraud_type, "livemode": False,
        "actionable": not charge["disputed"] and not charge["refunded"]})
    emit(world, f"{WARNING}.created", warning)
    return warning


def read_warning(call: Call) -> Body:
    only(call.params, ())
    return call.store.get(WARNING, call.args[0])


def fail_charge(world: World, charge_id: str, failure_code: str) -> Body:
    """Days after it succeeded the bank takes a debit back: no dispute, the charge itself has failed."""
    charge = world.store.get("charge", charge_id)
    record_movement(world, "payment_failure_refund", -charge["amount"], charge["currency"], source=charge_id)
    return _change(world, charge, {"status": "failed", "paid": False, "failure_code": failure_code,
                                   "failure_message": "The bank took the payment back."}, "charge.failed")


def _change(world: World, thing: Body, changes: Body, event: str, *, key: str = "") -> Body:
    changed = world.store.save(thing | changes)
    shown = {name: thing.get(name) for name in changes if not name.startswith("_")}
    emit(world, event, changed, key=key, was=shown)
    return changed
