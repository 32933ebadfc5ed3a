"""The ``/_sandbox/`` door: what tests, the demo and the person playing may do behind Stripe's back."""
import json
from collections import deque
from dataclasses import asdict
from typing import Any

from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from marketplace.payments.sandbox import accounts, balances, checkout, refunds
from marketplace.payments.sandbox.faults import Fault, FaultKind, Faults
from marketplace.payments.sandbox.presenting import present
from marketplace.payments.sandbox.refusals import Refusal
from marketplace.payments.sandbox.store import Body
from marketplace.payments.sandbox.webhooks import DeliveryPlan
from marketplace.payments.sandbox.world import World

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
    Rule("/_sandbox/accounts/<account_id>", methods=["POST"], endpoint="set_account_state"),
    Rule("/_sandbox/accounts/<account_id>/payouts", methods=["POST"], endpoint="pay_out_account"),
    Rule("/_sandbox/checkout/<session_id>/payments", methods=["POST"], endpoint="pay_checkout"),
    Rule("/_sandbox/refunds/plan", methods=["POST"], endpoint="plan_refund"),
    Rule("/_sandbox/refunds/<refund_id>", methods=["POST"], endpoint="settle_refund"),
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
            balances.record_movement(self._world, "topup", amount, currency, source=None)
        return self.read_balances()

    def set_account_state(self, account_id: str, *, state: str) -> Body:
        """new, pending, active, restricted or closed."""
        with self._world.store.transaction():
            return present(self._world, accounts.set_state(self._world, account_id, state))

    def pay_out_account(self, account_id: str, *, currency: str, amount: int | None = None) -> Body:
        """The connected account's balance goes to its bank (all of it, or ``amount``)."""
        with self._world.store.transaction():
            accounts.pay_out(self._world, account_id, currency, amount)
        return self.read_balances()

    def pay_checkout(self, session_id: str) -> Body:
        """As the Pay button of the hosted page."""
        with self._world.store.transaction():
            checkout.expire_due_sessions(self._world)
            return present(self._world, checkout.pay_session(self._world, session_id))

    def plan_refund(self, *, status: str) -> Body:
        """The next refund is born ``pending`` (or failed) instead of succeeded."""
        self._world.refund_plan.append(status)
        return {"planned": self._world.refund_plan}

    def settle_refund(self, refund_id: str, *, status: str) -> Body:
        with self._world.store.transaction():
            return present(self._world, refunds.settle_refund(self._world, refund_id, status))

    def read_calls(self) -> Body:
        return {"calls": list(self._calls)}

    def reset(self) -> Body:
        """As new: no objects, faults, plans or calls."""
        self._world.store.clear()
        self._faults.clear()
        self._calls.clear()
        self._world.refund_plan.clear()
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
