"""The sandbox behaves as Stripe does: keys, money in time, pages of lists, and memory over a restart."""
import os
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from werkzeug.test import Client, TestResponse

from marketplace.payments.sandbox import Sandbox, create_sandbox
from scripts.processes import free_port

pytestmark = pytest.mark.once
START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
DAY = 24 * 3600
RECIPIENT = {
    "contact_email": "ana@example.com", "display_name": "Ana", "dashboard": "express",
    "identity": {"country": "us", "entity_type": "individual"},
    "configuration": {"recipient": {"capabilities": {"stripe_balance": {"stripe_transfers": {"requested": True}}}}},
    "defaults": {"currency": "usd", "responsibilities": {"fees_collector": "application",
                                                         "losses_collector": "application"}}}
TRANSFER = {"amount": "500", "currency": "usd", "transfer_group": "bounty_1"}


class Caller:
    """Speaks to a sandbox as any HTTP client would, without our gateway."""

    def __init__(self, box: Sandbox) -> None:
        self.box, self._client = box, Client(box)

    def __call__(self, method: str, path: str, form: dict[str, Any] | None = None, *, key: str = "",
                 secret: str = "sk_test_1", **more: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {secret}"} | ({"Idempotency-Key": key} if key else {})
        where = {"query_string": form} if method == "GET" else {"data": form}
        return self._client.open(path, method=method, headers=headers, **(more or where))

    def make_account(self, state: str = "active") -> str:
        account = self("POST", "/v2/core/accounts", json=RECIPIENT).json["id"]
        self.box.control.set_account_state(account, state=state)
        return account

    def open_page(self, minor: int = 10_000, **more: str) -> dict[str, Any]:
        line = "line_items[0][price_data]"
        answer = self("POST", "/v1/checkout/sessions", {
            "mode": "payment", "line_items[0][quantity]": "1", f"{line}[currency]": "usd",
            f"{line}[unit_amount]": str(minor), f"{line}[product_data][name]": "Car buyers",
            "success_url": "http://localhost/ok?id={CHECKOUT_SESSION_ID}", "cancel_url": "http://localhost/no",
            "payment_intent_data[transfer_group]": "bounty_1", **more})
        assert answer.status_code == 200, answer.text
        return answer.json


@pytest.fixture
def call() -> Iterator[Caller]:
    box = create_sandbox(time_source=lambda: START, in_background=False)
    yield Caller(box)
    box.close()


# --- idempotency --------------------------------------------------------------------------------------------------


def test_the_same_key_gives_the_same_answer_and_says_so(call: Caller):
    call.box.control.top_up(amount=10_000, currency="usd")
    form = TRANSFER | {"destination": call.make_account()}
    first, again = (call("POST", "/v1/transfers", form, key="k") for _ in range(2))
    assert first.data == again.data
    assert [one.headers.get("Idempotent-Replayed") for one in (first, again)] == [None, "true"]
    assert call.box.control.read_balances()["platform"]["usd"]["available"] == 9_500


def test_the_same_key_with_other_parameters_is_refused(call: Caller):
    call.box.control.top_up(amount=10_000, currency="usd")
    form = TRANSFER | {"destination": call.make_account()}
    call("POST", "/v1/transfers", form, key="k")
    for path, other in (("/v1/transfers", form | {"amount": "501"}), ("/v1/refunds", form)):
        refused = call("POST", path, other, key="k")
        assert (refused.status_code, refused.json["error"]["type"]) == (400, "idempotency_error")


def test_a_key_is_forgotten_after_a_day_and_then_pays_again(call: Caller):
    call.box.control.top_up(amount=10_000, currency="usd")
    form = TRANSFER | {"destination": call.make_account()}
    first = call("POST", "/v1/transfers", form, key="k").json["id"]
    call.box.control.move_clock(advance_seconds=DAY - 1)
    assert call("POST", "/v1/transfers", form, key="k").json["id"] == first
    call.box.control.move_clock(advance_seconds=1)
    assert call("POST", "/v1/transfers", form, key="k").json["id"] != first
    assert call.box.control.read_balances()["platform"]["usd"]["available"] == 9_000


def test_a_refusal_after_work_began_is_replayed_but_a_bad_parameter_is_not_remembered(call: Caller):
    form = TRANSFER | {"destination": call.make_account()}
    assert call("POST", "/v1/transfers", form, key="k").json["error"]["code"] == "balance_insufficient"
    call.box.control.top_up(amount=10_000, currency="usd")
    replayed = call("POST", "/v1/transfers", form, key="k")
    assert replayed.json["error"]["code"] == "balance_insufficient"
    assert replayed.headers["Idempotent-Replayed"] == "true"
    assert call("POST", "/v1/transfers", form | {"amount": "none"}, key="l").status_code == 400
    assert call("POST", "/v1/transfers", form, key="l").status_code == 200


@pytest.mark.parametrize("kind", ["rate_limited", "key_in_use", "error_unstored"])
def test_what_is_answered_before_the_key_is_looked_at_leaves_it_free(call: Caller, kind: str):
    call.box.control.top_up(amount=10_000, currency="usd")
    form = TRANSFER | {"destination": call.make_account()}
    call.box.control.plan_fault(kind=kind)
    assert call("POST", "/v1/transfers", form, key="k").status_code in (409, 429, 500)
    assert call("POST", "/v1/transfers", form, key="k", secret="sk_live_1").status_code == 401
    assert call("POST", "/v1/transfers", form, key="k").status_code == 200


def test_v2_replays_success_for_thirty_days_and_failures_never(call: Caller):
    call.box.control.plan_fault(kind="error_unstored")
    assert call("POST", "/v2/core/accounts", json=RECIPIENT, key="k").status_code == 500
    bad = {name: value for name, value in RECIPIENT.items() if name != "display_name"}
    assert call("POST", "/v2/core/accounts", json=bad, key="k").status_code == 400
    first = call("POST", "/v2/core/accounts", json=RECIPIENT, key="k").json["id"]
    call.box.control.move_clock(advance_seconds=30 * DAY - 1)
    assert call("POST", "/v2/core/accounts", json=RECIPIENT, key="k").json["id"] == first
    changed = call("POST", "/v2/core/accounts", json=RECIPIENT | {"display_name": "Eve"}, key="k")
    assert (changed.status_code, changed.json["error"]["code"]) == (400, "idempotency_error")
    call.box.control.move_clock(advance_seconds=1)
    assert call("POST", "/v2/core/accounts", json=RECIPIENT, key="k").json["id"] != first


# --- money in time ------------------------------------------------------------------------------------------------


def platform(call: Caller) -> tuple[int, int]:
    found = call.box.control.read_balances()["platform"].get("usd", {"available": 0, "pending": 0})
    return found["available"], found["pending"]


def test_a_payment_less_its_fee_is_available_two_days_later(call: Caller):
    call.box.control.pay_checkout(call.open_page(10_000)["id"])
    assert platform(call) == (0, 9_680)
    call.box.control.move_clock(advance_seconds=2 * DAY - 1)
    assert platform(call) == (0, 9_680)
    call.box.control.move_clock(advance_seconds=1)
    assert platform(call) == (9_680, 0)


def test_pending_money_cannot_be_transferred(call: Caller):
    account = call.make_account()
    call.box.control.pay_checkout(call.open_page(10_000)["id"])
    refused = call("POST", "/v1/transfers", TRANSFER | {"destination": account})
    assert refused.json["error"]["code"] == "balance_insufficient"
    call.box.control.move_clock(advance_seconds=2 * DAY)
    assert call("POST", "/v1/transfers", TRANSFER | {"destination": account}).status_code == 200
    assert platform(call) == (9_180, 0)
    assert call.box.control.read_balances()["accounts"] == {account: {"usd": 500}}


def test_a_refund_comes_out_of_its_own_pending_payment_and_may_go_below_zero(call: Caller):
    paid = call.box.control.pay_checkout(call.open_page(10_000)["id"])
    refund = call("POST", "/v1/refunds", {"payment_intent": paid["payment_intent"]}).json
    assert (refund["amount"], refund["status"]) == (10_000, "succeeded")
    assert platform(call) == (0, -320)
    again = call("POST", "/v1/refunds", {"payment_intent": paid["payment_intent"]})
    assert again.json["error"]["code"] == "charge_already_refunded"
    call.box.control.settle_refund(refund["id"], status="failed")
    call.box.control.move_clock(advance_seconds=2 * DAY)
    assert platform(call) == (9_680, 0)


def test_every_cent_of_the_balance_has_its_balance_transaction(call: Caller):
    account = call.make_account()
    call.box.control.pay_checkout(call.open_page(10_000)["id"])
    call.box.control.move_clock(advance_seconds=2 * DAY)
    transfer = call("POST", "/v1/transfers", TRANSFER | {"destination": account}).json["id"]
    for minor in ("200", "300"):
        call("POST", f"/v1/transfers/{transfer}/reversals", {"amount": minor})
    movements = call("GET", "/v1/balance_transactions", {"limit": "100"}).json["data"]
    assert [(one["type"], one["net"]) for one in movements] == [
        ("transfer_refund", 300), ("transfer_refund", 200), ("transfer", -500), ("charge", 9_680)]
    assert sum(one["net"] for one in movements) == platform(call)[0]
    whole = call("GET", f"/v1/transfers/{transfer}").json
    assert (whole["reversed"], whole["amount_reversed"], len(whole["reversals"]["data"])) == (True, 500, 2)


def test_money_a_connected_account_was_paid_out_cannot_be_taken_back(call: Caller):
    call.box.control.top_up(amount=500, currency="usd")
    account = call.make_account()
    transfer = call("POST", "/v1/transfers", TRANSFER | {"destination": account}).json["id"]
    call.box.control.pay_out_account(account, currency="usd")
    refused = call("POST", f"/v1/transfers/{transfer}/reversals", {"amount": "1"})
    assert refused.json["error"]["code"] == "balance_insufficient"


def test_sixteen_threads_never_spend_more_than_there_is(call: Caller):
    account = call.make_account()
    call.box.control.top_up(amount=10_000, currency="usd")
    answers: list[int] = []

    def spend(worker: int) -> None:
        own = Caller(call.box)
        for turn in range(5):
            answer = own("POST", "/v1/transfers", TRANSFER | {"destination": account}, key=f"{worker}-{turn}")
            answers.append(answer.status_code)

    threads = [threading.Thread(target=spend, args=(worker,)) for worker in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (answers.count(200), answers.count(400)) == (20, 60)
    assert platform(call) == (0, 0)


# --- the published ways of asking ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("form", "param"), [
    ({"amount": "500", "currency": "usd", "destination": "a", "amonut": "1"}, "amonut"),
    ({"amount": "-1", "currency": "usd", "destination": "a"}, "amount"),
    ({"amount": "1.5", "currency": "usd", "destination": "a"}, "amount"),
    ({"amount": "500", "destination": "a"}, "currency"),
    ({"amount": "500", "currency": "usd"}, "destination"),
    ({"amount": "500", "currency": "usd", "destination": "acct_none"}, "destination"),
])
def test_a_request_that_stripe_would_refuse_is_refused(call: Caller, form: dict[str, str], param: str):
    refused = call("POST", "/v1/transfers", form)
    assert (refused.status_code, refused.json["error"]["param"]) == (400, param)


@pytest.mark.parametrize("secret", ["", "sk_live_1", "pk_test_1", "sk_test_other"])
def test_only_the_configured_test_key_is_let_in(secret: str):
    box = create_sandbox(secret_key="sk_test_mine", in_background=False)
    call = Caller(box)
    assert call("GET", "/v1/balance", secret=secret).status_code == 401
    assert call("GET", "/v1/balance", secret="sk_test_mine").status_code == 200
    basic = b64encode(b"sk_test_mine:").decode()
    assert Client(box).get("/v1/balance", headers={"Authorization": f"Basic {basic}"}).status_code == 200
    box.close()


def test_lists_are_walked_both_ways(call: Caller):
    for minor in range(1, 8):
        call.box.control.top_up(amount=minor, currency="usd")

    def page(**more: str) -> tuple[list[int], bool, str, str]:
        found = call("GET", "/v1/balance_transactions", {"limit": "3", **more}).json
        return [one["amount"] for one in found["data"]], found["has_more"], found["data"][-1]["id"], found["data"][0]["id"]

    amounts, more, last, _ = page()
    assert (amounts, more) == ([7, 6, 5], True)
    amounts, more, last, _ = page(starting_after=last)
    assert (amounts, more) == ([4, 3, 2], True)
    amounts, more, _, first = page(starting_after=last)
    assert (amounts, more) == ([1], False)
    assert page(ending_before=first)[:2] == ([4, 3, 2], True)
    assert call("GET", "/v1/balance_transactions", {"starting_after": "txn_none"}).status_code == 400


def test_a_payment_page_is_open_for_a_while_only(call: Caller):
    soon, late = int(START.timestamp()) + 60, int(START.timestamp()) + 2 * DAY
    for moment in (soon, late):
        with pytest.raises(AssertionError, match="expires_at"):
            call.open_page(expires_at=str(moment))
    page = call.open_page(expires_at=str(int(START.timestamp()) + 3600))
    call.box.control.move_clock(advance_seconds=3600)
    assert call("GET", f"/v1/checkout/sessions/{page['id']}").json["status"] == "expired"
    events = call("GET", "/v1/events", {"type": "checkout.session.expired"}).json["data"]
    assert [one["data"]["object"]["id"] for one in events] == [page["id"]]
    paid = Client(call.box).post(f"/_sandbox/checkout/{page['id']}/payments")
    assert paid.status_code == 409
    assert platform(call) == (0, 0)


def test_an_account_shows_only_what_is_asked_for(call: Caller):
    account = call.make_account()
    bare = call("GET", f"/v2/core/accounts/{account}").json
    assert not bare.keys() & {"configuration", "requirements", "identity", "defaults"}
    assert not [name for name in bare if name.startswith("_")]
    full = call("GET", f"/v2/core/accounts/{account}", {"include[0]": "requirements", "include[1]": "identity"}).json
    assert bare.keys() ^ full.keys() == {"requirements", "identity"}


def test_a_login_link_needs_someone_who_was_onboarded(call: Caller):
    assert call("POST", f"/v1/accounts/{call.make_account('new')}/login_links").status_code == 400
    assert call("POST", f"/v1/accounts/{call.make_account()}/login_links").status_code == 200


# --- memory and process -------------------------------------------------------------------------------------------


def test_everything_survives_a_restart(tmp_path: Path):
    file = str(tmp_path / "sandbox.sqlite")
    box = create_sandbox(file, time_source=lambda: START, in_background=False, webhooks=[("http://x", "whsec")],
                         deliver=lambda body, headers: 500)
    call = Caller(box)
    account = call.make_account()
    box.control.top_up(amount=1_000, currency="usd")
    box.control.move_clock(advance_seconds=DAY)
    sent = call("POST", "/v1/transfers", TRANSFER | {"destination": account}, key="k")
    waiting = len(box.control.read_webhooks()["undelivered"])
    box.close()
    woken = create_sandbox(file, time_source=lambda: START, in_background=False, webhooks=[("http://x", "whsec")],
                           deliver=lambda body, headers: 200)
    again = Caller(woken)("POST", "/v1/transfers", TRANSFER | {"destination": account}, key="k")
    assert (again.data, again.headers["Idempotent-Replayed"]) == (sent.data, "true")
    assert woken.control.read_balances() == {"platform": {"usd": {"available": 500, "pending": 0}},
                                             "accounts": {account: {"usd": 500}}}
    assert woken.control.read_clock()["offset_seconds"] == DAY
    assert waiting == woken.control.deliver_webhooks()["taken"] > 0
    woken.close()


def test_one_file_moves_the_clock_of_all(tmp_path: Path):
    file = tmp_path / "clock"
    one, two = (create_sandbox(time_source=lambda: START, clock_file=file, in_background=False) for _ in range(2))
    one.control.move_clock(advance_seconds=3_600)
    assert file.read_text() == "3600\n"
    assert two.control.read_clock() == {"now": int((START + timedelta(hours=1)).timestamp()), "offset_seconds": 3_600}
    for box in (one, two):
        box.close()


def test_it_runs_as_a_process_of_its_own_and_leaves_when_told(tmp_path: Path):
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "marketplace.payments.sandbox", "--port", str(port), "--data", str(tmp_path / "s.sqlite"),
         "--clock-file", str(tmp_path / "clock"), "--webhook", "http://127.0.0.1:9/webhooks/stripe=whsec_1",
         "--secret-key", "sk_test_mine"], stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"})
    try:
        assert process.stdout is not None
        assert str(port) in process.stdout.readline()
        base = f"http://127.0.0.1:{port}"
        with requests.Session() as session:
            assert session.get(f"{base}/_sandbox/health", timeout=5).json() == {"ok": True}
            assert session.get(f"{base}/v1/balance", timeout=5, headers={"Authorization": "Bearer sk_test_mine"}).ok
            moved = session.post(f"{base}/_sandbox/clock", json={"advance_seconds": 60}, timeout=5)
            assert moved.json()["offset_seconds"] == 60
    finally:
        process.terminate()
        code = process.wait(timeout=10)
        process.stdout.close()
    assert code == 0
    assert (tmp_path / "clock").read_text() == "60\n"
