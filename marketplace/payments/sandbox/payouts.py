"""Payouts of connected accounts to their banks. What is paid out can no more be taken back."""
from typing import Any

from marketplace.payments.sandbox.encoding import only
from marketplace.payments.sandbox.events import emit
from marketplace.payments.sandbox.external_accounts import banks_of, break_bank
from marketplace.payments.sandbox.places import whole_payout
from marketplace.payments.sandbox.refusals import Refusal, bad_parameter, missing
from marketplace.payments.sandbox.store import Body
from marketplace.payments.sandbox.world import Call, World

ARRIVES_AFTER_SECONDS = 2 * 24 * 3600
STATUSES = ("pending", "in_transit", "paid", "failed", "canceled")
WHY = {"account_closed": "The bank account has been closed.", "no_account": "The bank account could not be located.",
       "debit_not_authorized": "Debit transactions are not approved on the bank account.",
       "could_not_process": "The bank could not process this payout."}
EMPTY: Body = {"application_fee": None, "application_fee_amount": None, "automatic": True, "balance_transaction": None,
         "description": None, "failure_balance_transaction": None, "failure_code": None, "failure_message": None,
         "livemode": False, "metadata": {}, "method": "standard", "original_payout": None, "payout_method": None,
         "reconciliation_status": "in_progress", "reversed_by": None, "source_type": "card",
         "statement_descriptor": None, "trace_id": None, "type": "bank_account"}


def list_payouts(call: Call) -> Body:
    """The platform's own, or those of the Stripe-Account."""
    only(call.params, ("arrival_date", "created", "destination", "ending_before", "limit", "starting_after", "status"))
    equal = {"status": call.params.get("status"), "destination": call.params.get("destination"),
             "_account": call.account}
    return call.store.page("payout", "/v1/payouts", call.params, equal)


def read_payout(call: Call) -> Body:
    only(call.params, ())
    payout = call.store.get("payout", call.args[0])
    if payout.get("_account", "") != call.account:
        raise missing("payout", call.args[0])
    return payout


def pay_out(
    world: World, account_id: str, currency: str, amount: int | None = None, *, status: str = "paid",
    failure_code: str = "account_closed",
) -> Body | None:
    """``amount``, or all that a bank can be paid, leaves the connected account. None where there is nothing."""
    account = world.store.get("v2.core.account", account_id)
    there = account["_balance"].get(currency, 0)
    paid = whole_payout(there, currency) if amount is None else amount
    if not 0 <= paid <= there:
        raise Refusal("The account has less than that.", code="balance_insufficient")
    if paid != whole_payout(paid, currency):
        raise bad_parameter(f"Payouts in {currency} must be whole units.", "amount", "parameter_invalid_integer")
    if not paid:
        return None
    world.store.save(account | {"_balance": account["_balance"] | {currency: there - paid}})
    banks = banks_of(world, account_id)
    payout = world.store.add(EMPTY | {
        "id": world.store.new_id("po"), "object": "payout", "_account": account_id, "amount": paid,
        "currency": currency, "status": "pending", "created": world.now(),
        "arrival_date": world.now() + ARRIVES_AFTER_SECONDS, "destination": banks[0]["id"] if banks else None})
    emit(world, "payout.created", payout, account=account_id)
    return payout if status == "pending" else settle_payout(world, payout["id"], status, failure_code=failure_code)


def settle_payout(world: World, payout_id: str, status: str, *, failure_code: str = "account_closed") -> Body:
    """What the bank said. One that failed gives the money back to the connected account, not to the platform."""
    payout = world.store.get("payout", payout_id)
    if status not in STATUSES:
        raise bad_parameter(f"status is one of {', '.join(STATUSES)}", "status")
    changes: dict[str, Any] = {"status": status}
    if status == "failed":
        changes |= {"failure_code": failure_code, "failure_message": WHY.get(failure_code, "It came back.")}
    changed = world.store.save(payout | changes)
    if status in {"failed", "canceled"}:
        account = world.store.get("v2.core.account", payout["_account"])
        there = account["_balance"].get(payout["currency"], 0)
        world.store.save(account | {"_balance": account["_balance"] | {payout["currency"]: there + payout["amount"]}})
    kind = "updated" if status in {"pending", "in_transit"} else status
    emit(world, f"payout.{kind}", changed, account=payout["_account"], was={"status": payout["status"]})
    if status == "failed":
        break_bank(world, payout["_account"])
    return changed
