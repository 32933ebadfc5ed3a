"""The sandbox as a WSGI application: who calls, planned faults, idempotency, then the resource itself."""
import json
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from marketplace.payments.sandbox import encoding, pages
from marketplace.payments.sandbox.checkout import expire_due_sessions
from marketplace.payments.sandbox.control import Control, answer_control
from marketplace.payments.sandbox.faults import Fault, FaultKind, Faults
from marketplace.payments.sandbox.idempotency import Idempotency, Stored, fingerprint_of, in_use
from marketplace.payments.sandbox.presenting import expand, present
from marketplace.payments.sandbox.refusals import Refusal
from marketplace.payments.sandbox.routes import find_route
from marketplace.payments.sandbox.sandbox_clock import SandboxClock
from marketplace.payments.sandbox.store import Store
from marketplace.payments.sandbox.webhooks import Deliver, Endpoint, Webhooks
from marketplace.payments.sandbox.world import API_VERSION, Call, World

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

LARGEST_BODY = 1024 * 1024
CALLS_REMEMBERED = 20_000
BROKEN = {"error": {"type": "api_error", "message": "Something went wrong on Stripe's end (a planned fault)."}}
BROKEN_V2 = {"error": {"code": "api_error", "message": "Something went wrong on Stripe's end (a planned fault)."}}


def create_sandbox(
    data: str = ":memory:", *, webhooks: Iterable[tuple[str, str]] = (), secret_key: str | None = None,
    clock_file: Path | None = None, time_source: Callable[[], datetime] | None = None, deliver: Deliver | None = None,
    public_url: str = "", in_background: bool = True,
) -> "Sandbox":
    """A sandbox that keeps its state in ``data`` and signs ``webhooks`` (address, secret).

    ``deliver`` replaces HTTP for webhooks; ``in_background=False`` leaves their delivery to ``deliver_pending``.
    Without ``secret_key`` any test key is let in.
    """
    store = Store(data)
    world = World(store, SandboxClock(store, file=clock_file, source=time_source), public_url)
    world.attach(Webhooks(world, [Endpoint(*one) for one in webhooks], deliver))
    if in_background:
        world.webhooks.start()
    return Sandbox(world, secret_key, fixed_url=bool(public_url))


class Sandbox:
    """``control`` is the ``/_sandbox/`` door for Python callers; ``calls`` the API calls answered so far."""

    def __init__(self, world: World, secret_key: str | None, *, fixed_url: bool) -> None:
        self.world, self._secret_key, self._fixed_url = world, secret_key, fixed_url
        self.faults = Faults()
        self.idempotency = Idempotency(world.store)
        self.calls: deque[dict[str, Any]] = deque(maxlen=CALLS_REMEMBERED)
        self.control = Control(world, self.faults, self.calls)

    def close(self) -> None:
        self.world.webhooks.stop()
        self.world.store.close()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        request = Request(environ)
        request.max_content_length = LARGEST_BODY
        if not self._fixed_url:
            self.world.public_url = request.host_url.rstrip("/")
        if request.path.startswith(("/v1/", "/v2/")):
            response = self._answer_api(request)
        elif request.path.startswith("/_sandbox/"):
            response = answer_control(self.control, request)
        else:
            response = pages.answer_page(self.world, request)
        return response(environ, start_response)

    def _answer_api(self, request: Request) -> Response:
        v2 = request.path.startswith("/v2/")
        headers = {"Request-Id": self.world.store.new_id("req"), "Stripe-Version": API_VERSION}
        try:
            status, body = self._answer(request, headers, v2=v2)
        except Refusal as refusal:
            status, body = refusal.status, refusal.body(v2=v2)
            headers |= refusal.headers
        self.calls.append({"method": request.method, "path": request.path, "status": status,
                           "key": request.headers.get("Idempotency-Key", "")})
        return Response(json.dumps(body), status, headers, content_type="application/json")

    def _answer(self, request: Request, headers: dict[str, str], *, v2: bool) -> Stored:
        self._let_in(request)
        fault = self.faults.strike(request.method, request.path)
        kind = fault.kind if fault else None
        if kind is FaultKind.LOST_BEFORE:
            _hang_up(request)
        if kind is FaultKind.RATE_LIMITED:
            raise Refusal("Request rate limit exceeded.", status=429, code="rate_limit", remembered=False)
        if kind is FaultKind.KEY_IN_USE:
            raise in_use()
        if kind is FaultKind.ERROR_UNSTORED:
            return 500, BROKEN_V2 if v2 else BROKEN
        key = request.headers.get("Idempotency-Key", "") if request.method == "POST" else ""
        if key:
            headers["Idempotency-Key"] = key
            with self.idempotency.holding(key):
                answer = self._answer_once(request, headers, key, kind, v2=v2)
                _delay(fault)
        else:
            answer = self._execute(request, "", v2=v2)
            _delay(fault)
        if kind is FaultKind.LOST_AFTER:
            _hang_up(request)
        if kind is FaultKind.HALF_WRITTEN:
            _hang_up(request, half=json.dumps(answer[1]))
        return answer

    def _let_in(self, request: Request) -> None:
        given = request.authorization
        key = (given.token if given.type == "bearer" else given.username) if given else None
        if not key:
            raise _unauthorized("You did not provide an API key.")
        if (self._secret_key and key != self._secret_key) or not key.startswith(("sk_test_", "rk_test_")):
            raise _unauthorized("Invalid API Key provided. The sandbox takes test keys (sk_test_...) only.")

    def _answer_once(
        self, request: Request, headers: dict[str, str], key: str, fault: FaultKind | None, *, v2: bool
    ) -> Stored:
        """Answer under an idempotency key: replay what is stored, else execute and store."""
        api, params = "v2" if v2 else "v1", _params(request)
        fingerprint = fingerprint_of(request.method, request.path, params)
        store = self.world.store
        with store.transaction():
            earlier = self.idempotency.recall(api, key, fingerprint, now=self.world.now())
        if earlier:
            headers["Idempotent-Replayed"] = "true"
            return earlier
        try:
            with store.transaction():
                if fault is FaultKind.ERROR_STORED:
                    answer: Stored = (500, BROKEN_V2 if v2 else BROKEN)
                else:
                    answer = self._execute(request, key, v2=v2)
                    if fault is FaultKind.ERROR_STORED_AFTER:
                        answer = (500, BROKEN_V2 if v2 else BROKEN)
                self.idempotency.remember(api, key, fingerprint, answer, now=self.world.now())
        except Refusal as refusal:
            if refusal.remembered and not v2:
                with store.transaction():
                    self.idempotency.remember(api, key, fingerprint, (refusal.status, refusal.body(v2=False)),
                                              now=self.world.now())
            raise
        return answer

    def _execute(self, request: Request, key: str, *, v2: bool) -> Stored:
        answer, args = find_route(request.method, request.path)
        params = _params(request)
        with self.world.store.transaction():
            expire_due_sessions(self.world)
            call = Call(self.world, params, args, key, request.headers.get("Stripe-Account", ""))
            body = answer(call)
            shown = present(self.world, body)
            if "_status" in body:  # A refusal that left something behind: raised, it would be undone.
                return int(body["_status"]), shown
            return 200, shown if v2 else expand(self.world, shown, params)


def _params(request: Request) -> encoding.Params:
    if request.method == "POST" and request.path.startswith("/v2/"):
        return encoding.parse_json(request.get_data())
    fields = request.form if request.method == "POST" else request.args
    return encoding.parse_pairs(fields.items(multi=True))


def _unauthorized(message: str) -> Refusal:
    return Refusal(message, status=401, remembered=False)


def _delay(fault: Fault | None) -> None:
    if fault and fault.kind is FaultKind.HANG:
        time.sleep(fault.seconds)


def _hang_up(request: Request, *, half: str = "") -> None:
    """Drop the line. The development server then writes nothing more."""
    line: socket.socket | None = request.environ.get("werkzeug.socket")
    if line:
        if half:
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(half)}\r\n\r\n"
            line.sendall((head + half[: len(half) // 2]).encode())
        line.shutdown(socket.SHUT_RDWR)
    raise ConnectionAbortedError("a planned fault")
