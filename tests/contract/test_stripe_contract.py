"""Our gateway and our sandbox both keep to Stripe's published schema, call by call."""
import io
import json
from datetime import timedelta
from typing import Any

import pytest
import stripe
from stripe.events import UnknownEventNotification

from marketplace.foundation import clock as product_clock
from marketplace.foundation.money import Money
from marketplace.payments.sandbox.routes import ROUTES
from marketplace.payments.stripe_gateway import API_VERSION, StripeGateway
from marketplace.payments.stripe_readings import PermanentFailure
from tests.contract import published_schema as published
from tests.contract.contract_checker import ContractChecker
from tests.sandbox_server import SECRET_KEY, SandboxServer

GATEWAY_METHODS = {name for name in dir(StripeGateway) if callable(getattr(StripeGateway, name)) and not name.startswith("_")}
STATES = ("new", "pending", "active", "restricted", "closed")


class Listening:
    """A gateway that notes which of its methods were used, and how many calls to Stripe each one made."""

    def __init__(self, gateway: StripeGateway, checker: ContractChecker) -> None:
        self._gateway, self._checker = gateway, checker
        self.calls_by_method: dict[str, int] = {}

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._gateway, name)

        def call(*arguments: Any, **named: Any) -> Any:
            before = self._checker.seen.total()
            answer = method(*arguments, **named)
            answer = list(answer) if name.startswith("list_") else answer
            made = self._checker.seen.total() - before
            self.calls_by_method[name] = self.calls_by_method.get(name, 0) + made
            return answer
        return call


def usd(minor: int) -> Money:
    return Money(minor, "usd")


def play_the_whole_story(sandbox: SandboxServer, stripe_door: Any) -> dict[str, Any]:
    """Fund, onboard, transfer, reverse, refund and read everything, through every method of the gateway."""
    start = product_clock.now()
    opening = {"amount": usd(210_000), "description": "Bounty: a car", "customer_email": "owner@westside.example",
               "success_url": "http://localhost/paid?session={CHECKOUT_SESSION_ID}", "cancel_url": "http://localhost/no",
               "group": "bounty_1"}
    page = stripe_door.open_checkout(funding_id="fund_1", expires_at=start + timedelta(hours=1), key="a", **opening)
    left = stripe_door.open_checkout(funding_id="fund_2", expires_at=start + timedelta(hours=1), key="b", **opening)
    stripe_door.expire_checkout(left.id, key="c")
    stripe_door.read_checkout(page.id)
    sandbox.control.pay_checkout(page.id)
    paid = stripe_door.read_checkout(page.id)
    play_with_kept_cards(sandbox, stripe_door, opening)
    account = stripe_door.create_connected_account(
        user_id="user_1", email="ana@example.com", display_name="Ana Sousa", country="us", currency="usd", key="d")
    stripe_door.read_connected_account(account)
    stripe_door.open_onboarding(account, refresh_url="http://localhost/again", return_url="http://localhost/back")
    sandbox.control.set_account_state(account, state="active")
    stripe_door.open_express_dashboard(account)
    product_clock._source.move(timedelta(days=3))
    transfer = stripe_door.send_transfer(
        transfer_id="transfer_1", destination=account, amount=usd(100_000), group="bounty_1", key="e")
    reversal = stripe_door.reverse_transfer(
        reversal_id="back_1", stripe_transfer_id=transfer, amount=usd(4_000), key="f")
    refund = stripe_door.refund_payment(
        refund_id="refund_1", payment_intent_id=paid.payment_intent_id, amount=usd(5_000), key="g")
    stripe_door.read_transfer(transfer)
    stripe_door.read_refund(refund.id)
    stripe_door.find_transfer(transfer_id="transfer_1", group="bounty_1")
    stripe_door.find_reversal(stripe_transfer_id=transfer, reversal_id="back_1")
    stripe_door.find_refund(payment_intent_id=paid.payment_intent_id, refund_id="refund_1")
    tell_of_bad_days(sandbox, stripe_door, paid.charge_id)
    play_with_banks(sandbox, stripe_door, account)
    stripe_door.read_balance()
    sandbox.control.top_up(amount=5_000, currency="usd")
    payout = sandbox.control.pay_out(amount=1_000, currency="usd")
    sandbox.control.fail_payout(payout["id"])
    for kind, minor in (("stripe_fee", -200), ("adjustment", -300), ("reserve_transaction", -400)):
        sandbox.control.add_movement(type=kind, amount=minor, currency="usd")
    stripe_door.read_balance()
    stripe_door.read_payout_interval()
    stripe_door.page_of_movements(created_from=start)
    page = stripe_door.page_of_events(created_from=start, types=["transfer.created", "checkout.session.completed"])
    stripe_door.read_event(page.events[0]["id"])
    stripe_door.page_of_account_events(created_from=start)
    sandbox.deliver_webhooks()
    thin = next(event for event in map(json.loads, sandbox.received) if event["object"] == "v2.core.event")
    stripe_door.read_account_event(thin["id"])
    return {"account": account, "transfer": transfer, "reversal": reversal, "refund": refund.id, "paid": paid}


def play_with_banks(sandbox: SandboxServer, stripe_door: Any, account: str) -> None:
    """Payouts at the bank in every state, another bank account, and an account under the other agreement."""
    for status in ("pending", "in_transit", "paid", "failed", "canceled"):
        sandbox.control.pay_out_account(account, currency="usd", amount=100, status=status)
    assert len(stripe_door.list_payouts(account)) == 5
    sandbox.control.change_bank_account(account, number="000999888777")
    stripe_door.read_connected_account(account)
    recipient = stripe_door.create_connected_account(
        user_id="user_2", email="yuki@example.com", display_name="Yuki", country="jp", currency="jpy", key="d2",
        recipient_agreement=True)
    stripe_door.read_connected_account(recipient)
    stripe_door.open_onboarding(recipient, refresh_url="http://localhost/again", return_url="http://localhost/back")
    sandbox.control.set_account_state(recipient, state="active")


def play_with_kept_cards(sandbox: SandboxServer, stripe_door: Any, opening: dict[str, Any]) -> None:
    """One card works, one asks for its owner; a bank debit is paid, another comes back."""
    customer = stripe_door.create_customer(business_id="biz_1", name="Westside", email="wes@example.com", key="c1")
    asked = {name: value for name, value in opening.items() if name != "customer_email"} | {"customer_id": customer}
    ends = product_clock.now() + timedelta(hours=1)
    kept = []
    for number, card in enumerate(("visa", "confirms")):
        page = stripe_door.open_checkout(funding_id=f"kept_{number}", expires_at=ends, keeps_card=True,
                                         key=f"kept-{number}", **asked)
        sandbox.control.pay_checkout(page.id, card=card)
        kept.append(stripe_door.read_checkout(page.id).paid_with)
    charge = {"customer_id": customer, "amount": usd(50_000), "description": "Top-up", "group": "bounty_1"}
    done = stripe_door.charge_card(funding_id="top_1", payment_method_id=kept[0].id, key="top-1", **charge)
    refused = stripe_door.charge_card(funding_id="top_2", payment_method_id=kept[1].id, key="top-2", **charge)
    assert (done.status, refused.status, refused.failure_code) == (
        "succeeded", "requires_payment_method", "authentication_required")
    stripe_door.cancel_payment(refused.payment_intent_id, key="top-2-cancel")
    assert stripe_door.find_payment(created_from=product_clock.now() - timedelta(hours=1), funding_id="top_1") == stripe_door.read_payment(
        done.payment_intent_id)
    stripe_door.forget_card(kept[0].id, key="forget")
    for number, succeeded in enumerate((True, False)):
        page = stripe_door.open_checkout(funding_id=f"slow_{number}", expires_at=ends, key=f"slow-{number}", **asked)
        sandbox.control.pay_checkout(page.id, card="bank_debit")
        sandbox.control.settle_checkout(page.id, succeeded=succeeded)
        assert stripe_door.read_checkout(page.id).has_failed is not succeeded


def tell_of_bad_days(sandbox: SandboxServer, stripe_door: Any, charge_id: str) -> None:
    """A warning, a dispute that is answered, one that is accepted, a refund by hand, a payment that fails after all."""
    made = sandbox.control.refund_by_hand(charge_id, amount=700)
    stripe_door.read_made_refund(made["id"])
    stripe_door.list_refunds_of_charge(charge_id)
    stripe_door.read_fraud_warning(sandbox.control.warn_of_fraud(charge_id)["id"])
    asked = sandbox.control.open_dispute(charge_id, amount=1_000, status="warning_needs_response")
    sandbox.control.settle_dispute(asked["id"], status="warning_closed")
    answered = sandbox.control.open_dispute(charge_id, amount=1_000)
    stripe_door.submit_evidence(answered["id"], text="They agreed to the terms.", key="evidence")
    sandbox.control.settle_dispute(answered["id"], status="won", fee_back=True)
    stripe_door.read_dispute(answered["id"])
    stripe_door.accept_dispute(sandbox.control.open_dispute(charge_id, amount=1_000)["id"], key="accept")
    sandbox.control.fail_charge(charge_id)
    stripe_door.read_failed_payment(charge_id)


def test_every_gateway_method_keeps_to_the_published_schema_and_none_escapes_the_check(sandbox: SandboxServer):
    stripe_door = Listening(sandbox.gateway(), sandbox.checker)
    before = sandbox.checker.seen.total()
    play_the_whole_story(sandbox, stripe_door)
    assert set(stripe_door.calls_by_method) == GATEWAY_METHODS
    assert all(made >= 1 for made in stripe_door.calls_by_method.values())
    assert sum(stripe_door.calls_by_method.values()) == sandbox.checker.seen.total() - before == len(sandbox.box.calls)
    assert sandbox.violations == []


def test_every_answer_the_sandbox_can_give_keeps_to_the_published_schema(sandbox: SandboxServer):
    before = sandbox.checker.seen.copy()
    made = play_the_whole_story(sandbox, Listening(sandbox.gateway(), sandbox.checker))
    client = sandbox.gateway().client
    client.v1.charges.retrieve(made["paid"].charge_id, {"expand": ["balance_transaction", "payment_intent"]})
    client.v1.payment_intents.retrieve(made["paid"].payment_intent_id, {"expand": ["latest_charge"]})
    for movement in client.v1.balance_transactions.list({"limit": 100, "expand": ["data.source"]}).data:
        client.v1.balance_transactions.retrieve(movement.id)
    client.v1.transfers.reversals.retrieve(made["transfer"], made["reversal"], {"expand": ["transfer"]})
    client.v1.transfers.retrieve(made["transfer"], {"expand": ["balance_transaction"]})
    client.v1.balance.retrieve(options={"stripe_account": made["account"]})
    for payout in client.v1.payouts.list({"limit": 100}, {"stripe_account": made["account"]}).data:
        client.v1.payouts.retrieve(payout.id, options={"stripe_account": made["account"]})
    client.v1.payouts.list({"status": "paid"})
    client.v1.events.list({"limit": 100}, {"stripe_account": made["account"]})
    client.v2.core.events.list({"limit": 20})
    client.v1.disputes.list({"limit": 20})
    sandbox.control.settle_refund(made["refund"], status="failed")
    for state in STATES:
        sandbox.control.set_account_state(made["account"], state=state)
        client.v2.core.accounts.retrieve(made["account"], {"include": [
            "configuration.recipient", "defaults", "identity", "requirements"]})
    client.v1.events.list({"limit": 100})
    sandbox.deliver_webhooks()
    driven = {name for name, times in sandbox.checker.seen.items() if times > before[name]}
    published_routes = {f"{method} {published.find_operation(method, path.replace('{id}', 'x'))[0]}"
                        for method, path, _ in ROUTES}
    assert driven == published_routes
    assert sandbox.violations == []


def test_every_refusal_of_the_sandbox_keeps_to_the_published_schema(sandbox: SandboxServer):
    client = sandbox.gateway().client
    stranger = stripe.StripeClient("sk_test_wrong", base_addresses={"api": sandbox.base_url}, stripe_version=API_VERSION)
    refused: list[int] = []
    for path in ("/v1/balance", "/v2/core/accounts/acct_1"):
        for kind in ("rate_limited", "error_unstored", "key_in_use"):
            sandbox.control.plan_fault(kind=kind, path=path)
    tries = [
        *[lambda: client.v1.balance.retrieve()] * 3, *[lambda: client.v2.core.accounts.retrieve("acct_1")] * 4,
        lambda: stranger.v1.balance.retrieve(), lambda: stranger.v2.core.accounts.retrieve("acct_1"),
        lambda: client.v1.transfers.retrieve("tr_none"), lambda: client.v1.events.retrieve("evt_none"),
        lambda: client.v2.core.events.retrieve("evt_none"),
        lambda: client.v1.transfers.create({"amount": 5, "currency": "usd", "destination": "acct_none"}),
    ]
    for attempt in tries:
        with pytest.raises(stripe.StripeError) as caught:
            attempt()
        refused.append(caught.value.http_status)
    assert refused == [429, 500, 409, 429, 500, 409, 404, 401, 401, 404, 404, 404, 400]


def test_a_thin_event_is_one_that_stripes_own_package_knows(sandbox: SandboxServer):
    gateway = sandbox.gateway()
    account = gateway.create_connected_account(
        user_id="u", email="a@example.com", display_name="Ana", country="us", currency="usd", key="k")
    for state in STATES:
        sandbox.control.set_account_state(account, state=state)
    heard: list[Any] = []

    def listen(body: bytes, headers: dict[str, str]) -> int:
        if json.loads(body)["object"] == "event":  # Of the account's bank: no thin one.
            return 200
        heard.append(gateway.client.parse_event_notification(body, headers["Stripe-Signature"], sandbox.secrets[0]))
        return 200

    sandbox.deliver_to(listen)
    sandbox.deliver_webhooks()
    assert {one.type for one in heard} == {
        "v2.core.account.created", "v2.core.account.closed", "v2.core.account[requirements].updated",
        "v2.core.account[configuration.recipient].capability_status_updated"}
    assert not [one for one in heard if isinstance(one, UnknownEventNotification)]
    assert {one.related_object.id for one in heard} == {account}


# --- the check can fail -------------------------------------------------------------------------------------------


class Answering:
    """Stands where the sandbox stands and gives one answer."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(self.body).encode()]


def ask(
    checker: ContractChecker, method: str, path: str, *, body: bytes = b"", query: str = "",
    kind: str = "application/x-www-form-urlencoded", version: str = API_VERSION, key: str = "k",
) -> None:
    checker({"PATH_INFO": path, "REQUEST_METHOD": method, "wsgi.input": io.BytesIO(body), "QUERY_STRING": query,
             "CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": kind if body else "", "HTTP_STRIPE_VERSION": version,
             "HTTP_AUTHORIZATION": f"Bearer {SECRET_KEY}", "HTTP_IDEMPOTENCY_KEY": key}, lambda *_: None)


def published_transfer() -> dict[str, Any]:
    return {"id": "tr_1", "object": "transfer", "amount": 5, "amount_reversed": 0, "created": 1, "currency": "usd",
            "livemode": False, "metadata": {}, "reversed": False, "destination": "acct_1",
            "reversals": {"object": "list", "data": [], "has_more": False, "url": "/v1/transfers/tr_1/reversals"}}


@pytest.mark.parametrize(("body", "named"), [
    (b"amount=5&currency=usd&destination=acct_1", None),
    (b"amount=5&currency=usd&destination=acct_1&metadata[a]=b", None),
    (b"amount=5&currency=usd&destination=acct_1&amonut=5", "amonut"),
    (b"amount=five&currency=usd&destination=acct_1", "five"),
    (b"amount=5&currency=US%24&destination=acct_1", "currency"),
    (b"amount=5&currency=usd", "destination"),
    (b"amount=5&currency=usd&destination=acct_1&source_type=shell", "shell"),
    (b"amount=5&currency=usd&destination=acct_1&metadata=b", "metadata"),
])
def test_a_request_that_stripe_does_not_publish_is_caught(body: bytes, named: str | None):
    checker = ContractChecker(Answering(published_transfer()))
    ask(checker, "POST", "/v1/transfers", body=body)
    assert [one.side for one in checker.violations] == (["request"] if named else [])
    assert all(named in one.fault for one in checker.violations)


def test_wrong_paths_versions_keys_queries_and_json_are_caught():
    checker = ContractChecker(Answering(published_transfer()))
    ask(checker, "POST", "/v1/tranfers", body=b"amount=5")
    ask(checker, "GET", "/v1/transfers/tr_1", version="2020-08-27")
    ask(checker, "POST", "/v1/transfers", body=b"currency=usd&destination=a", key="")
    ask(checker, "POST", "/v1/transfers", body=b"currency=usd&destination=a", key="k" * 256)
    ask(checker, "GET", "/v1/transfers/tr_1", query="include=all")
    ask(checker, "POST", "/v1/transfers", body=b'{"currency": "usd"}', kind="application/json")
    assert [one.side for one in checker.violations] == ["request"] * 6
    account = {"id": "acct_1", "object": "v2.core.account", "applied_configurations": [], "livemode": False,
               "created": "2026-05-27T12:00:00.000Z"}
    strict = ContractChecker(Answering(account))
    ask(strict, "POST", "/v2/core/accounts", kind="application/json", body=b'{"contact_email": "a@example.com"}')
    assert strict.violations == []
    ask(strict, "POST", "/v2/core/accounts", kind="application/json", body=b'{"contact_mail": "a@example.com"}')
    ask(strict, "POST", "/v2/core/accounts", kind="application/json", body=b'{"dashboard": "expres"}')
    assert [one.side for one in strict.violations] == ["request"] * 2


@pytest.mark.parametrize("wrong", [
    {"amount": "5"}, {"amonut": 5}, {"object": "payout"}, {"metadata": {"a": 1}}, {"currency": "USD"},
    {"reversed": None}, {"destination": 7}, {"reversals": {"data": []}}, {"amount": ...},
])
def test_an_answer_that_stripe_would_not_give_is_caught(wrong: dict[str, Any]):
    answer = {name: value for name, value in (published_transfer() | wrong).items() if value is not ...}
    checker = ContractChecker(Answering(answer))
    ask(checker, "GET", "/v1/transfers/tr_1")
    assert {one.side for one in checker.violations} == {"answer"}


def test_a_wrong_webhook_is_caught_inside_and_out(sandbox: SandboxServer):
    sandbox.control.top_up(amount=10_000, currency="usd")
    account = sandbox.gateway().create_connected_account(
        user_id="u", email="a@example.com", display_name="Ana", country="us", currency="usd", key="k")
    sandbox.control.set_account_state(account, state="active")
    sandbox.gateway().send_transfer(transfer_id="t", destination=account, amount=usd(5), group="g", key="t")
    sandbox.deliver_webhooks()
    good = next(one for one in map(json.loads, sandbox.received) if one["type"] == "transfer.created")
    checker = ContractChecker(Answering({}))
    checker.check_webhook(json.dumps(good).encode())
    assert checker.violations == []
    for wrong in ({"type": "transfer.sent"}, {"created": "now"}, {"data": {"object": good["data"]["object"] | {"amount": 0.5}}}):
        checker.violations.clear()
        checker.check_webhook(json.dumps(good | wrong).encode())
        assert checker.violations


def test_the_gateway_speaks_the_version_it_is_checked_against():
    assert published.published_version() == API_VERSION


def test_the_story_cannot_be_told_without_available_money(sandbox: SandboxServer):
    gateway = sandbox.gateway()
    account = gateway.create_connected_account(
        user_id="u", email="a@example.com", display_name="Ana", country="us", currency="usd", key="k")
    sandbox.control.set_account_state(account, state="active")
    with pytest.raises(PermanentFailure) as refused:
        gateway.send_transfer(transfer_id="t", destination=account, amount=usd(5), group="g", key="t")
    assert refused.value.code == "balance_insufficient"
