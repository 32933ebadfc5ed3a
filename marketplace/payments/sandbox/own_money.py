"""The platform's own money: top-ups from its bank, payouts to it, and how often Stripe makes these by itself."""
from marketplace.payments.sandbox.balances import record_movement
from marketplace.payments.sandbox.encoding import only
from marketplace.payments.sandbox.events import emit
from marketplace.payments.sandbox.refusals import Refusal
from marketplace.payments.sandbox.store import Body
from marketplace.payments.sandbox.world import Call, World

INTERVALS = ("manual", "daily", "weekly", "monthly")


def top_up(world: World, amount: int, currency: str) -> Body:
    """Money from the platform's own bank, available at once."""
    topup_id = world.store.new_id("tu")
    movement = record_movement(world, "topup", amount, currency, source=topup_id)
    made = world.store.add({
        "id": topup_id, "object": "topup", "amount": amount, "currency": currency, "status": "succeeded",
        "balance_transaction": movement, "created": world.now(), "livemode": False, "description": None,
        "expected_availability_date": world.now(), "failure_code": None, "failure_message": None, "metadata": {},
        "source": None, "statement_descriptor": None, "transfer_group": None})
    emit(world, "topup.succeeded", made)
    return made


def pay_out(world: World, amount: int, currency: str) -> Body:
    """The platform's balance goes to its bank."""
    payout_id = world.store.new_id("po")
    movement = record_movement(world, "payout", -amount, currency, source=payout_id)
    made = world.store.add({
        "id": payout_id, "object": "payout", "amount": amount, "currency": currency, "status": "paid",
        "automatic": world.payout_interval != "manual", "arrival_date": world.now(), "created": world.now(),
        "balance_transaction": movement, "livemode": False, "method": "standard", "type": "bank_account",
        "source_type": "card", "reconciliation_status": "not_applicable", "application_fee": None,
        "application_fee_amount": None, "description": None, "destination": None, "failure_balance_transaction": None,
        "failure_code": None, "failure_message": None, "metadata": {}, "original_payout": None, "payout_method": None,
        "reversed_by": None, "statement_descriptor": None, "trace_id": None})
    emit(world, "payout.created", made)
    return made


def fail_payout(world: World, payout_id: str) -> Body:
    """The platform's bank sent it back."""
    payout = world.store.get("payout", payout_id)
    if payout["status"] == "failed":
        raise Refusal("This payout has failed already.")
    back = record_movement(world, "payout_failure", payout["amount"], payout["currency"], source=payout_id)
    changed = world.store.save(payout | {"status": "failed", "failure_balance_transaction": back,
                                         "failure_code": "account_closed"})
    emit(world, "payout.failed", changed)
    return changed


def read_balance_settings(call: Call) -> Body:
    only(call.params, ())
    return {"object": "balance_settings", "payments": {
        "debit_negative_balances": None, "settlement_timing": {"delay_days": 2},
        "payouts": {"minimum_balance_by_currency": None, "statement_descriptor": None, "status": "enabled",
                    "schedule": {"interval": call.world.payout_interval}}}}
