"""The ``/_sandbox/`` door: what tests, the demo and the person playing may do behind Stripe's back."""
import json
from collections import deque
from dataclasses import asdict
from typing import Any

from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from marketplace.payments.sandbox import (
    accounts,
    balances,
    checkout,
    discrepancies,
    disputes,
    external_accounts,
    own_money,
    payouts,
    refunds,
)
from marketplace.payments.sandbox.faults import Fault, FaultKind, Faults
from marketplace.payments.sandbox.presenting import present
from marketplace.payments.sandbox.refusals import Refusal
from marketplace.payments.sandbox.store import Body
from marketplace.payments.sandbox.webhooks import DeliveryPlan
from marketplace.payments.sandbox.world import Call, World

DOOR = Map([
    Rule("/_sandbox/health", methods=["GET"], endpoint="read_health"),
    Rule("/_sandbox/clock", methods=["GET"], endpoint="read_clock"),
    Rule("/_sandbox/clock", methods=["POST"], endpoint="move_clock"),
    Rule("/_sandbox/faults", methods=["GET"], endpoint="read_faults"),
    Rule("/_sandbox/faults", methods=["POST"], endpoint="plan_fault"),
    Rule("/_sandbox/faults", methods=["DELETE"], endpoint="clear_faults"),
    Rule("/_sandbox/webhooks", methods=["GET"], endpoint="read_webhooks"),
    Rule("/_sandbox/webhooks", methods=["POST"], endpoint="plan_webhooks"),
    Rule("/_sandbox/webhooks/deliveries", methods=["POST"], endpoint="deliver_webhooks"),
    Rule("/_sandbox/webhooks/resends", methods=["POST"], endpoint="resend_webhook"),
    Rule("/_sandbox/balances", methods=["GET"], endpoint="read_balances"),
    Rule("/_sandbox/balances", methods=["POST"], endpoint="top_up"),
    Rule("/_sandbox/balances/skews", methods=["POST"], endpoint="skew_balance"),
    Rule("/_sandbox/payouts", methods=["POST"], endpoint="pay_out"),
    Rule("/_sandbox/payouts/<payout_id>/failures", methods=["POST"], endpoint="fail_payout"),
    Rule("/_sandbox/payouts/schedule", methods=["POST"], endpoint="schedule_payouts"),
    Rule("/_sandbox/movements", methods=["GET"], endpoint="read_movements"),
    Rule("/_sandbox/movements", methods=["POST"], endpoint="add_movement"),
    Rule("/_sandbox/movements/<movement_id>", methods=["POST"], endpoint="change_movement"),
    Rule("/_sandbox/movements/<movement_id>", methods=["DELETE"], endpoint="forget_movement"),
    Rule("/_sandbox/transfers/<transfer_id>/doubles", methods=["POST"], endpoint="double_transfer"),
    Rule("/_sandbox/accounts/<account_id>", methods=["POST"], endpoint="set_account_state"),
    Rule("/_sandbox/accounts/<account_id>/payouts", methods=["POST"], endpoint="pay_out_account"),
    Rule("/_sandbox/accounts/<account_id>/banks", methods=["POST"], endpoint="change_bank_account"),
    Rule("/_sandbox/accounts/payouts/<payout_id>", methods=["POST"], endpoint="settle_payout"),
    Rule("/_sandbox/platform", methods=["POST"], endpoint="move_platform"),
    Rule("/_sandbox/checkout/<session_id>/payments", methods=["POST"], endpoint="pay_checkout"),
    Rule("/_sandbox/checkout/<session_id>/settlement", methods=["POST"], endpoint="settle_checkout"),
    Rule("/_sandbox/refunds/plan", methods=["POST"], endpoint="plan_refund"),
    Rule("/_sandbox/refunds/<refund_id>", methods=["POST"], endpoint="settle_refund"),
    Rule("/_sandbox/charges/<charge_id>/refunds", methods=["POST"], endpoint="refund_by_hand"),
    Rule("/_sandbox/charges/<charge_id>/failures", methods=["POST"], endpoint="fail_charge"),
    Rule("/_sandbox/charges/<charge_id>/disputes", methods=["POST"], endpoint="open_dispute"),
    Rule("/_sandbox/charges/<charge_id>/fraud-warnings", methods=["POST"], endpoint="warn_of_fraud"),
    Rule("/_sandbox/disputes/<dispute_id>", methods=["POST"], endpoint="settle_dispute"),
    Rule("/_sandbox/calls", methods=["GET"], endpoint="read_calls"),
    Rule("/_sandbox/reset", methods=["POST"], endpoint="reset"),
])


class Control:
    """Each method is one thing the door can do; over HTTP its arguments come as a JSON object."""

    def __init__(self, world: World, faults: Faults, calls: "deque[dict[str, Any]]") -> None:
        self._world, self._faults, self._calls = world, faults, calls

    def read_health(self) -> Body:
        return {"ok": True}

    def read_clock(self) -> Body:
        return {"now": self._world.now(), "offset_seconds": self._world.clock.offset()}

    def move_clock(self, *, advance_seconds: int = 0, offset_seconds: int | None = None) -> Body:
        """Forward by ``advance_seconds``, or to an offset from real time; what falls due then happens."""
        base = self._world.clock.offset() if offset_seconds is None else offset_seconds
        self._world.clock.set_offset(base + advance_seconds)
        with self._world.store.transaction():
            checkout.expire_due_sessions(self._world)
        return self.read_clock()

    def read_faults(self) -> Body:
        return {"planned": self._faults.planned()}

    def plan_fault(
        self, *, kind: str, path: str = "", method: str = "", times: int | None = 1, seconds: float = 0.0,
        chance: float = 1.0,
    ) -> Body:
        """The next ``times`` calls (None: all) whose path matches the pattern meet trouble of ``kind``."""
        self._faults.plan(Fault(FaultKind(kind), path, method, times, seconds, chance))
        return self.read_faults()

    def clear_faults(self, *, seed: int = 0) -> Body:
        self._faults.clear(seed=seed)
        return self.read_faults()

    def read_webhooks(self) -> Body:
        return {"plan": asdict(self._world.webhooks.plan), "undelivered": self._world.webhooks.undelivered(),
                "endpoints": [endpoint.url for endpoint in self._world.webhooks.endpoints]}

    def plan_webhooks(
        self, *, paused: bool = False, order: str = "created", copies: int = 1, drop: int = 0, seed: int = 0
    ) -> Body:
        self._world.webhooks.plan = DeliveryPlan(paused, order, copies, drop)
        self._world.webhooks.seed(seed)
        return self.read_webhooks()

    def deliver_webhooks(self, *, order: str | None = None, copies: int | None = None) -> Body:
        """Deliver all that wait, now, even while paused."""
        return {"taken": self._world.webhooks.deliver_pending(order=order, copies=copies)}

    def resend_webhook(self, *, event_id: str) -> Body:
        return {"taken": self._world.webhooks.resend(event_id)}

    def read_balances(self) -> Body:
        """Minor units: the platform's {currency: {available, pending}}, each connected account's {currency: minor}."""
        platform = {currency: {"available": there, "pending": coming}
                    for currency, (there, coming) in balances.sums(self._world).items()}
        return {"platform": platform,
                "accounts": {one["id"]: one["_balance"] for one in self._world.store.all(accounts.KIND)}}

    def top_up(self, *, amount: int, currency: str) -> Body:
        """Money from the platform's own bank, available at once."""
        with self._world.store.transaction():
            own_money.top_up(self._world, amount, currency)
        return self.read_balances()

    def pay_out(self, *, amount: int, currency: str) -> Body:
        """The platform's own payout to its bank."""
        with self._world.store.transaction():
            return present(self._world, own_money.pay_out(self._world, amount, currency))

    def fail_payout(self, payout_id: str) -> Body:
        with self._world.store.transaction():
            return present(self._world, own_money.fail_payout(self._world, payout_id))

    def schedule_payouts(self, *, interval: str) -> Body:
        """manual, daily, weekly or monthly."""
        if interval not in own_money.INTERVALS:
            raise ValueError(f"interval is one of {', '.join(own_money.INTERVALS)}")
        self._world.payout_interval = interval
        return {"interval": interval}

    def skew_balance(self, *, currency: str, amount: int) -> Body:
        """From now on /v1/balance tells ``amount`` more than the movements add up to."""
        self._world.balance_skew[currency] = amount
        return self.read_balances()

    def read_movements(self, *, source: str | None = None) -> Body:
        """Balance transactions, newest first; all, or those of one charge, transfer, refund..."""
        found = self._world.store.all("balance_transaction", "json_extract(body, '$.source') = ?", source) \
            if source else self._world.store.all("balance_transaction")
        return {"movements": found}

    def add_movement(self, *, type: str, amount: int, currency: str, fee: int = 0, source: str | None = None) -> Body:
        """A balance transaction of any type, out of nowhere: stripe_fee, adjustment, reserve_transaction..."""
        with self._world.store.transaction():
            made = balances.record_movement(self._world, type, amount, currency, source=source, fee=fee)
        return self._world.store.get("balance_transaction", made)

    def change_movement(self, movement_id: str, **changes: Any) -> Body:
        with self._world.store.transaction():
            return discrepancies.change_movement(self._world, movement_id, changes)

    def forget_movement(self, movement_id: str) -> Body:
        with self._world.store.transaction():
            discrepancies.forget_movement(self._world, movement_id)
        return self.read_balances()

    def double_transfer(self, transfer_id: str) -> Body:
        """A second transfer at Stripe for the same thing of ours."""
        with self._world.store.transaction():
            return present(self._world, discrepancies.double_transfer(self._world, transfer_id))

    def set_account_state(
        self, account_id: str, *, state: str, due: int | None = None, by: str = "user"
    ) -> Body:
        """new, pending, active, restricted or closed; ``due`` by when, ``by="nobody"``: nothing can be done."""
        with self._world.store.transaction():
            return present(self._world, accounts.set_state(self._world, account_id, state, due=due, by=by))

    def pay_out_account(
        self, account_id: str, *, currency: str, amount: int | None = None, status: str = "paid",
        failure_code: str = "account_closed",
    ) -> Body:
        """The connected account's balance goes to its bank (all of it, or ``amount``), and what the bank says."""
        with self._world.store.transaction():
            payouts.pay_out(self._world, account_id, currency, amount, status=status, failure_code=failure_code)
        return self.read_balances()

    def settle_payout(self, payout_id: str, *, status: str, failure_code: str = "account_closed") -> Body:
        """The bank's late word on a connected account's payout."""
        with self._world.store.transaction():
            return present(self._world, payouts.settle_payout(
                self._world, payout_id, status, failure_code=failure_code))

    def change_bank_account(self, account_id: str, *, number: str) -> Body:
        """As its owner, or a thief, would on the account's own pages."""
        with self._world.store.transaction():
            return present(self._world, external_accounts.change_bank(self._world, account_id, number))

    def move_platform(self, *, country: str) -> Body:
        """The platform's own account is in ``country`` (two letters)."""
        self._world.country = country.lower()
        return {"country": self._world.country}

    def pay_checkout(self, session_id: str, *, card: str = "visa") -> Body:
        """As the Pay button of the hosted page, with one of the cards of ``cards.py``, or ``bank_debit``."""
        with self._world.store.transaction():
            checkout.expire_due_sessions(self._world)
            return present(self._world, checkout.pay_session(self._world, session_id, card))

    def settle_checkout(self, session_id: str, *, succeeded: bool) -> Body:
        """The bank's late word on a page that was paid by bank debit."""
        with self._world.store.transaction():
            return present(self._world, checkout.settle_session(self._world, session_id, succeeded=succeeded))

    def plan_refund(self, *, status: str) -> Body:
        """The next refund is born ``pending`` (or failed) instead of succeeded."""
        self._world.refund_plan.append(status)
        return {"planned": self._world.refund_plan}

    def settle_refund(self, refund_id: str, *, status: str) -> Body:
        with self._world.store.transaction():
            return present(self._world, refunds.settle_refund(self._world, refund_id, status))

    def refund_by_hand(self, charge_id: str, *, amount: int | None = None) -> Body:
        """As somebody does in Stripe's own pages, behind our back."""
        with self._world.store.transaction():
            params = {"charge": charge_id} | ({"amount": str(amount)} if amount else {})
            return present(self._world, refunds.create_refund(Call(self._world, params)))

    def fail_charge(self, charge_id: str, *, failure_code: str = "insufficient_funds") -> Body:
        """The bank takes a payment back that had succeeded."""
        with self._world.store.transaction():
            return present(self._world, disputes.fail_charge(self._world, charge_id, failure_code))

    def open_dispute(
        self, charge_id: str, *, amount: int | None = None, status: str = "needs_response",
        reason: str = "fraudulent", withdraw: bool = True,
    ) -> Body:
        """The payer's bank wants the charge back, or only asks (``warning_needs_response``)."""
        with self._world.store.transaction():
            return present(self._world, disputes.open_dispute(
                self._world, charge_id, amount=amount, status=status, reason=reason, withdraw=withdraw))

    def settle_dispute(
        self, dispute_id: str, *, status: str, fee_back: bool = False, refundable: bool | None = None,
        back: int | None = None,
    ) -> Body:
        """under_review, won, lost, warning_closed, prevented, or needs_response after a question."""
        with self._world.store.transaction():
            return present(self._world, disputes.settle_dispute(
                self._world, dispute_id, status, fee_back=fee_back, refundable=refundable, back=back))

    def warn_of_fraud(self, charge_id: str, *, fraud_type: str = "unauthorized_use_of_card") -> Body:
        with self._world.store.transaction():
            return present(self._world, disputes.warn_of_fraud(self._world, charge_id, fraud_type))

    def read_calls(self) -> Body:
        return {"calls": list(self._calls)}

    def reset(self) -> Body:
        """As new: no objects, faults, plans or calls."""
        self._world.store.clear()
        self._faults.clear()
        self._calls.clear()
        self._world.refund_plan.clear()
        self._world.balance_skew.clear()
        self._world.payout_interval = "manual"
        self._world.country = "us"
        self.plan_webhooks()
        return self.read_health()


def answer_control(control: Control, request: Request) -> Response:
    try:
        endpoint, path_values = DOOR.bind_to_environ(request.environ).match()
        given = json.loads(request.get_data() or b"{}")
        return _json(200, getattr(control, endpoint)(**path_values, **given))
    except NotFound:
        return _json(404, {"error": f"The sandbox has no {request.path}."})
    except HTTPException as error:
        return _json(error.code or 400, {"error": error.description})
    except Refusal as refusal:
        return _json(refusal.status, {"error": refusal.message})
    except (TypeError, ValueError) as error:
        return _json(400, {"error": str(error)})


def _json(status: int, body: Body) -> Response:
    return Response(json.dumps(body, indent=1), status, content_type="application/json")
