"""The Stripe sandbox for tests: a thread on a loopback port, each call held against Stripe's published schema.

The fixture ``sandbox`` is empty at the start of each test and shares the test's clock. Webhooks wait until the test has them
delivered, to a callable of its own: in order, doubled, reversed or shuffled.
"""
import threading
from collections.abc import Callable, Iterable

from werkzeug.test import Client

from marketplace.foundation import clock
from marketplace.payments.sandbox import Sandbox, create_sandbox
from marketplace.payments.sandbox.control import Control
from marketplace.payments.sandbox.serving import make_sandbox_server
from marketplace.payments.stripe_gateway import StripeGateway, make_gateway
from tests.contract.contract_checker import ContractChecker, Violation

Deliver = Callable[[bytes, dict[str, str]], int | None]
SECRET_KEY = "sk_test_sandbox"


class SandboxServer:
    """``control`` does what the ``/_sandbox/`` door does; ``received`` is every webhook body handed over."""

    def __init__(self, *, data: str = ":memory:", port: int = 0, secrets: Iterable[str] = ("whsec_tests",)) -> None:
        self.secrets = list(secrets)
        self.received: list[bytes] = []
        self._deliver: Deliver | None = None
        self.box: Sandbox = create_sandbox(
            data, webhooks=[("in-process", self.secrets[0])], secret_key=SECRET_KEY, deliver=self._hand_over,
            time_source=lambda: clock.now(), in_background=False)
        self.checker = ContractChecker(self.box)
        self._server = make_sandbox_server(self.checker, port=port)
        self.base_url = f"http://127.0.0.1:{self._server.port}"
        self._thread = threading.Thread(target=lambda: self._server.serve_forever(poll_interval=0.02), daemon=True)
        self._thread.start()
        self.changes_before = self.changes

    @property
    def control(self) -> Control:
        return self.box.control

    @property
    def violations(self) -> list[Violation]:
        return self.checker.violations

    @property
    def changes(self) -> int:
        """How many rows Stripe has written since the server was started."""
        return self.box.world.store._database.total_changes

    def gateway(self, *, network_retries: int = 0) -> StripeGateway:
        """Without the SDK's own retries, which sleep; pass 2 for what production does."""
        return make_gateway(SECRET_KEY, api_base=self.base_url, network_retries=network_retries)

    def deliver_to(self, deliver: Deliver) -> None:
        """Webhooks go to ``deliver(body, headers)``, which answers an HTTP status (None is 200)."""
        self._deliver = deliver

    def deliver_to_app(self, app: object, path: str = "/webhooks/stripe") -> None:
        """Webhooks go to a WSGI application, as a POST to ``path``."""
        client = Client(app)  # type: ignore[arg-type]
        self.deliver_to(lambda body, headers: client.post(path, data=body, headers=headers).status_code)

    def deliver_webhooks(self, *, order: str = "created", copies: int = 1, seed: int | None = None) -> int:
        """Hand over all that wait, now: ``order`` is created, reversed or shuffled (by ``seed``). How many were taken."""
        if seed is not None:
            self.box.world.webhooks.seed(seed)
        return int(self.control.deliver_webhooks(order=order, copies=copies)["taken"])

    def calls_to(self, path: str, *, method: str = "POST", status: int = 200) -> int:
        """How many API calls to exactly this path were answered so."""
        return sum(1 for one in self.box.calls if (one["method"], one["path"], one["status"]) == (method, path, status))

    def reset(self) -> None:
        self.control.reset()
        self.received.clear()
        self.checker.violations.clear()
        self._deliver = None
        self.changes_before = self.changes

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self.box.close()

    def _hand_over(self, body: bytes, headers: dict[str, str]) -> int | None:
        self.checker.check_webhook(body)
        self.received.append(body)
        return self._deliver(body, headers) if self._deliver else 503

