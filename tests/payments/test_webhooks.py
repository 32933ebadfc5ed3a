"""Stripe's events: only real ones come in, each once; what they are about is fetched, so no order matters."""
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from marketplace.foundation import audit, clock
from marketplace.foundation.db import db, transaction
from marketplace.foundation.outbox import OutboxMessage
from marketplace.payments.models import (
    AccountKind,
    ConnectedAccount,
    Funding,
    FundingState,
    PayeeState,
    Refund,
    RefundState,
    StripeEvent,
)
from marketplace.payments.money_in.refunds import refund_free_funds
from tests.browsing import apart, end_reading
from tests.payments.money_steps import BOUNTY, ask_to_fund, fresh, holds, make_ready, pay_in, promised, usd
from tests.sandbox_server import SandboxServer

EVENT = {"id": "evt_1", "object": "event", "type": "payout.paid", "livemode": False,
         "data": {"object": {"id": "po_1", "object": "payout"}}}
THIN = {"id": "evt_2", "object": "v2.core.event", "type": "v2.core.account.updated", "livemode": False,
        "related_object": {"id": "acct_1", "type": "v2.core.account", "url": "/v2/core/accounts/acct_1"}}


def sign(body: bytes, secret: str, *, age: int = 0) -> str:
    """Stripe signs by real time, whatever the test's clock says."""
    moment = int(clock.system_time().timestamp()) - age
    return f"t={moment},v1={hmac.new(secret.encode(), f'{moment}.'.encode() + body, hashlib.sha256).hexdigest()}"


@pytest.fixture
def secrets(app: Flask) -> tuple[str, ...]:
    return app.extensions["settings"].stripe_webhook_secrets


@pytest.fixture
def post(app: Flask, anonymous, secrets) -> Callable[..., Any]:
    def post_event(event: object = EVENT, *, age: int = 0, secret: str = "", header: str | None = None) -> Any:
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        signed = sign(body, secret or secrets[0], age=age) if header is None else header
        return anonymous.post("/webhooks/stripe", data=body, headers={"Stripe-Signature": signed})
    return post_event


def stored() -> list[StripeEvent]:
    end_reading()
    return list(db.session.scalars(select(StripeEvent)))


def test_an_event_is_stored_with_its_job_and_answered(post):
    answer = post()
    assert (answer.status_code, answer.data) == (200, b"")
    (event,) = stored()
    assert (event.id, event.type, event.object_id, event.handled_at) == ("evt_1", "payout.paid", "po_1", None)
    assert [one.arguments for one in promised("handle_stripe_event")] == [{"event_id": "evt_1"}]


def test_a_repeated_event_is_taken_and_stored_once(post):
    assert [post().status_code for _ in range(3)] == [200, 200, 200]
    assert (len(stored()), len(promised("handle_stripe_event"))) == (1, 1)


def test_a_thin_event_names_its_object(post):
    assert post(THIN).status_code == 200
    assert stored()[0].object_id == "acct_1"


def test_an_event_of_a_connected_account_says_whose_it_is(post):
    post({**EVENT, "account": "acct_9"})
    assert stored()[0].account == "acct_9"


def test_either_of_two_secrets_will_do_while_they_are_exchanged(post, app, monkeypatch, secrets):
    settings = app.extensions["settings"]
    monkeypatch.setitem(app.extensions, "settings", type(settings)(**{
        **settings.__dict__, "stripe_webhook_secrets": ("whsec_new", secrets[0])}))
    assert post({**EVENT, "id": "evt_a"}, secret="whsec_new").status_code == 200
    assert post({**EVENT, "id": "evt_b"}, secret=secrets[0]).status_code == 200
    assert post({**EVENT, "id": "evt_c"}, secret="whsec_older").status_code == 400
    assert {event.id for event in stored()} == {"evt_a", "evt_b"}


REFUSED = {
    "unsigned": (EVENT, {"header": ""}, "unsigned"),
    "signed with nonsense": (EVENT, {"header": "t=abc,v1=00"}, "unsigned"),
    "signed without a signature": (EVENT, {"header": "t=NOW"}, "bad_signature"),
    "signed by somebody else": (EVENT, {"secret": "whsec_of_somebody"}, "bad_signature"),
    "replayed later": (EVENT, {"age": 301}, "event_too_old"),
    "from the future": (EVENT, {"age": -302}, "event_from_the_future"),
    "not UTF-8": (b"\xff\xfe{}", {}, "not_utf8"),
    "not JSON": (b"{", {}, "not_json"),
    "not an object": ([1, 2], {}, "not_an_event"),
    "without an id": ({**EVENT, "id": None}, {}, "not_an_event"),
    "without a mode": ({**EVENT, "livemode": None}, {}, "not_an_event"),
    "of the other mode": ({**EVENT, "livemode": True}, {}, "wrong_mode"),
    "larger than events are": ({**EVENT, "padding": "x" * 256 * 1024}, {}, "event_too_large"),
    "far larger than events are": ({**EVENT, "padding": "x" * 2 * 1024 * 1024}, {}, "event_too_large"),
}


@pytest.mark.parametrize(("event", "how", "code"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_a_fresh_event_of_ours_is_refused_with_its_reason(post, event, how, code):
    if "header" in how:
        how = {"header": how["header"].replace("NOW", str(int(clock.system_time().timestamp())))}
    answer = post(event, **how)
    assert (answer.status_code, answer.get_json()["code"]) == (400, code)
    assert answer.get_json()["message"]
    assert stored() == [] and promised("handle_stripe_event") == []


def test_a_signed_body_that_was_changed_is_refused(anonymous, secrets):
    body = json.dumps(EVENT).encode()
    answer = anonymous.post("/webhooks/stripe", data=body.replace(b"po_1", b"po_2"),
                            headers={"Stripe-Signature": sign(body, secrets[0])})
    assert answer.get_json()["code"] == "bad_signature"


def test_a_type_we_do_not_act_on_is_kept_and_ignored(stripe, post, work):
    post()
    work()
    (event,) = stored()
    assert event.handled_at and event.outcome.startswith("ignored")


@pytest.mark.parametrize("kind", ["checkout.session.completed", "charge.updated", "transfer.reversed"])
def test_an_event_about_an_object_we_do_not_know_is_ignored(stripe, post, work, kind):
    post({**EVENT, "type": kind})
    post({**THIN})
    work()
    assert [event.outcome for event in stored()] == ["ignored: we know no such object"] * 2


def test_an_object_that_stripe_does_not_show_us_is_said_so(stripe, wes, post, work):
    funding = ask_to_fund(wes)
    stripe.box.world.store.clear()
    post({**EVENT, "type": "checkout.session.completed", "data": {"object": {"id": funding.checkout_session_id}}})
    work()
    assert stored()[0].outcome.startswith("Stripe does not show it")


@pytest.fixture
def heard(stripe: SandboxServer, app: Flask, work: Callable[[], int]) -> Callable[..., None]:
    """The sandbox's waiting webhooks come in as said, and their jobs are done."""
    stripe.deliver_to_app(apart(app))

    def hear(**how: Any) -> None:
        stripe.deliver_webhooks(**how)
        work()
    return hear


ORDERS = [{}, {"copies": 3}, {"order": "reversed"}, {"order": "reversed", "copies": 2}, {"order": "shuffled", "copies": 2, "seed": 7}]


@pytest.mark.parametrize("how", ORDERS)
def test_however_events_come_in_a_payment_counts_once(stripe, wes, heard, how):
    funding = ask_to_fund(wes)
    stripe.control.pay_checkout(funding.checkout_session_id)
    heard(**how)
    assert fresh(Funding, funding.id).state is FundingState.PAID
    assert holds(AccountKind.FUNDS, BOUNTY) == 1050_00
    assert all(event.handled_at for event in stored())


@pytest.mark.parametrize("how", ORDERS)
def test_however_events_come_in_a_refund_ends_where_stripe_says(stripe, wes, heard, work, how):
    pay_in(stripe, wes, usd(100))
    stripe.control.plan_refund(status="pending")
    with transaction():
        (refund,) = refund_free_funds(BOUNTY, "usd", by=audit.SYSTEM)
    work()
    at_stripe = fresh(Refund, refund.id).stripe_refund_id
    stripe.control.settle_refund(at_stripe, status="succeeded")
    stripe.control.settle_refund(at_stripe, status="failed")
    heard(**how)
    assert fresh(Refund, refund.id).state is RefundState.FAILED
    assert holds(AccountKind.FUNDS, BOUNTY) == 100_00


@pytest.mark.parametrize("how", ORDERS)
def test_however_events_come_in_a_payee_is_what_stripe_says_now(stripe, ana, heard, how):
    payee = make_ready(stripe, ana)
    for state in ("restricted", "active", "pending"):
        stripe.control.set_account_state(payee.stripe_account_id, state=state)
    heard(**how)
    assert fresh(ConnectedAccount, payee.id).state is PayeeState.IN_REVIEW


def test_an_unpaid_page_that_ends_is_heard_of(stripe, wes, heard, later):
    funding = ask_to_fund(wes)
    later(hours=13)
    stripe.control.move_clock()
    heard()
    assert fresh(Funding, funding.id).state is FundingState.EXPIRED


def test_a_bank_that_says_no_late_ends_the_payment(stripe, wes, post, work):
    funding = ask_to_fund(wes)
    with stripe.box.world.store.transaction():
        session = stripe.box.world.store.get("checkout.session", funding.checkout_session_id)
        stripe.box.world.store.save(session | {"status": "complete"})
    about = {"object": {"id": funding.checkout_session_id, "object": "checkout.session"}}
    post({**EVENT, "id": "evt_a", "type": "checkout.session.completed", "data": about})
    work()
    assert fresh(Funding, funding.id).state is FundingState.PROCESSING
    post({**EVENT, "id": "evt_b", "type": "checkout.session.async_payment_failed", "data": about})
    work()
    assert fresh(Funding, funding.id).state is FundingState.FAILED


def test_a_charge_that_learns_its_fee_later_is_asked_about(stripe, wes, post, work):
    funding = pay_in(stripe, wes)
    post({**EVENT, "type": "charge.updated", "data": {"object": {"id": funding.charge_id, "object": "charge"}}})
    work()
    assert stored()[0].outcome == "funding paid"


def test_stripe_away_makes_the_event_wait(stripe, wes, heard, work, later):
    funding = ask_to_fund(wes)
    stripe.control.pay_checkout(funding.checkout_session_id)
    stripe.control.plan_fault(kind="error_unstored", path="/v1/checkout", times=None)
    heard()
    assert fresh(Funding, funding.id).state is FundingState.OPEN
    stripe.control.clear_faults()
    later(minutes=2)
    work()
    assert fresh(Funding, funding.id).state is FundingState.PAID


def test_an_event_with_more_in_it_than_we_know_is_kept(post):
    post({**EVENT, "extra": {"deep": [1, 2]}})
    assert stored()[0].type == EVENT["type"]
    job = db.session.scalars(select(OutboxMessage)).one()
    assert job.due_at <= clock.now() < job.due_at + timedelta(seconds=5)
