"""The sandbox tells what happened, signed as Stripe signs, and can be made to tell it badly."""
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import stripe
from werkzeug.test import Client

from marketplace.payments.sandbox import Sandbox, create_sandbox
from marketplace.payments.sandbox.webhooks import sign

pytestmark = pytest.mark.once
SECRET = "whsec_sandbox_tests"


class Listener:
    """Takes webhooks and remembers their types; answers what it is told to."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.signatures: list[str] = []
        self.answer = 200

    def __call__(self, body: bytes, headers: dict[str, str]) -> int:
        if self.answer == 200:
            self.heard.append(stripe.Webhook.construct_event(body, headers["Stripe-Signature"], SECRET).to_dict())
            self.signatures.append(headers["Stripe-Signature"])
        return self.answer

    def amounts(self) -> list[int]:
        return [one["data"]["object"]["amount_total"] for one in self.heard if one["type"].startswith("checkout.")]


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def box(listener: Listener):
    box = create_sandbox(webhooks=[("in-process", SECRET)], deliver=listener, in_background=False)
    yield box
    box.close()


def pay(box: Sandbox, minor: int) -> str:
    line = "line_items[0][price_data]"
    page = Client(box).post("/v1/checkout/sessions", headers={"Authorization": "Bearer sk_test_1"}, data={
        "mode": "payment", "line_items[0][quantity]": "1", f"{line}[currency]": "usd", f"{line}[unit_amount]": str(minor),
        f"{line}[product_data][name]": "x", "success_url": "http://localhost/ok"}).json
    box.control.pay_checkout(page["id"])
    return str(page["id"])


def test_a_payment_is_told_in_the_order_it_happened(box: Sandbox, listener: Listener):
    session_id = pay(box, 5_000)
    assert listener.heard == []
    box.control.deliver_webhooks()
    assert [one["type"] for one in listener.heard] == [
        "charge.succeeded", "payment_intent.succeeded", "checkout.session.completed"]
    assert listener.heard[-1]["data"]["object"]["id"] == session_id
    assert box.control.deliver_webhooks() == {"taken": 0}


def test_a_signature_with_another_secret_or_body_does_not_verify(box: Sandbox):
    body = b'{"id": "evt_1", "object": "event"}'
    stripe.WebhookSignature.verify_header(body.decode(), sign(body, SECRET), SECRET, tolerance=300)
    for payload, header, secret in (
        (body, sign(body, "whsec_other"), SECRET), (body + b" ", sign(body, SECRET), SECRET),
        (body, sign(body, SECRET).replace("t=", "t=1"), SECRET),
    ):
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.WebhookSignature.verify_header(payload.decode(), header, secret, tolerance=300)


def test_what_was_not_taken_waits_and_is_told_again(box: Sandbox, listener: Listener):
    pay(box, 5_000)
    listener.answer = 500
    assert box.control.deliver_webhooks() == {"taken": 0}
    waiting = box.control.read_webhooks()["undelivered"]
    assert [(one["attempts"], one["error"], one["state"]) for one in waiting] == [(1, "answered 500", "pending")] * 3
    listener.answer = 200
    assert box.control.deliver_webhooks() == {"taken": 3}
    assert box.control.read_webhooks()["undelivered"] == []


def test_deliveries_can_be_doubled_reversed_shuffled_and_lost(box: Sandbox, listener: Listener):
    for minor in range(100, 110):
        pay(box, minor)
    box.control.deliver_webhooks(order="reversed", copies=2)
    assert listener.amounts() == [*range(109, 99, -1)] * 2
    shuffles = []
    for seed in (1, 1, 2):
        listener.heard.clear()
        for minor in range(100, 110):
            pay(box, minor)
        box.control.plan_webhooks(order="shuffled", seed=seed)
        box.control.deliver_webhooks()
        shuffles.append(listener.amounts())
    assert shuffles[0] == shuffles[1] != shuffles[2]
    assert sorted(shuffles[0]) == sorted(shuffles[2]) == [*range(100, 110)]
    listener.heard.clear()
    pay(box, 100)
    box.control.plan_webhooks(drop=2)
    box.control.deliver_webhooks()
    assert [one["type"] for one in listener.heard] == ["checkout.session.completed"]
    lost = box.control.read_webhooks()["undelivered"]
    assert [one["type"] for one in lost] == ["charge.succeeded", "payment_intent.succeeded"]
    box.control.resend_webhook(event_id=lost[0]["event_id"])
    assert [one["type"] for one in listener.heard] == ["checkout.session.completed", "charge.succeeded"]


def test_lost_events_can_be_found_in_the_log(box: Sandbox, listener: Listener):
    pay(box, 100)
    box.control.plan_webhooks(drop=1)
    box.control.deliver_webhooks()
    found = Client(box).get("/v1/events", headers={"Authorization": "Bearer sk_test_1"},
                            query_string={"delivery_success": "false"}).json["data"]
    assert [one["type"] for one in found] == ["charge.succeeded"]


def test_an_unfinished_call_tells_nothing(box: Sandbox, listener: Listener):
    refused = Client(box).post("/v1/transfers", headers={"Authorization": "Bearer sk_test_1"},
                               data={"amount": "5", "currency": "usd", "destination": "acct_none"})
    assert refused.status_code == 400
    assert box.control.deliver_webhooks() == {"taken": 0}


def test_in_the_background_they_go_over_http_without_holding_up_the_answer():
    bodies: list[tuple[bytes, str]] = []
    arrived, may_answer = threading.Event(), threading.Event()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            may_answer.wait(10)
            refuse = not bodies
            bodies.append((body, self.headers["Stripe-Signature"]))
            self.send_response(500 if refuse else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()
            if len(bodies) == 4:
                arrived.set()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    box = create_sandbox(webhooks=[(f"http://127.0.0.1:{server.server_port}/hook", SECRET)])
    started = time.monotonic()
    pay(box, 5_000)
    assert time.monotonic() - started < 5
    assert bodies == []
    may_answer.set()
    assert arrived.wait(20)
    for body, signature in bodies:
        stripe.Webhook.construct_event(body, signature, SECRET)
    assert sorted(json.loads(body)["type"] for body, _ in bodies[1:]) == [
        "charge.succeeded", "checkout.session.completed", "payment_intent.succeeded"]
    box.close()
    server.shutdown()
    thread.join()
    server.server_close()
