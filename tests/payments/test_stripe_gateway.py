"""What the gateway tells its callers when Stripe refuses, fails, or is not heard from."""
import json
import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
import stripe

from marketplace.foundation import clock as product_clock
from marketplace.foundation.money import Money
from marketplace.payments.stripe_gateway import StripeGateway, make_gateway
from marketplace.payments.stripe_gateway.calls import failure
from marketplace.payments.stripe_readings import OutcomeUnknown, PermanentFailure, TemporaryFailure, put_plainly
from scripts.processes import free_port
from tests.sandbox_server import SECRET_KEY, SandboxServer

pytestmark = pytest.mark.once


@pytest.fixture
def gateway(sandbox: SandboxServer) -> StripeGateway:
    return sandbox.gateway()


@pytest.fixture
def ana(sandbox: SandboxServer, gateway: StripeGateway) -> str:
    """Ana's connected account, ready, and 1,000.00 USD on the platform to send from."""
    account = gateway.create_connected_account(
        user_id="user_ana", email="ana@example.com", display_name="Ana", country="us", currency="usd", key="ana")
    sandbox.control.set_account_state(account, state="active")
    sandbox.control.top_up(amount=100_000, currency="usd")
    return account


@pytest.fixture
def send(gateway: StripeGateway, ana: str) -> Callable[..., str]:
    def send_to_ana(transfer_id: str = "transfer_1", *, minor: int = 10_000, key: str = "key_1") -> str:
        return gateway.send_transfer(
            transfer_id=transfer_id, destination=ana, amount=Money(minor, "usd"), group="bounty_1", key=key)
    return send_to_ana


def sent(sandbox: SandboxServer) -> list[int]:
    return [one["amount"] for one in sandbox.box.world.store.all("transfer")]


@pytest.mark.parametrize(("trouble", "failure", "was_done"), [
    ("lost_before", TemporaryFailure, False),
    ("lost_after", TemporaryFailure, True),
    ("half_written", TemporaryFailure, True),
    ("error_unstored", TemporaryFailure, False),
    ("rate_limited", TemporaryFailure, False),
    ("key_in_use", TemporaryFailure, False),
])
def test_a_call_that_met_trouble_is_done_once_when_tried_again_with_its_key(
    sandbox: SandboxServer, send: Callable[..., str], trouble: str, failure: type[Exception], was_done: bool,
):
    sandbox.control.plan_fault(kind=trouble, path="/v1/transfers")
    with pytest.raises(failure) as met:
        send()
    assert not isinstance(met.value, OutcomeUnknown)
    assert len(sent(sandbox)) == was_done
    again = send()
    assert sent(sandbox) == [10_000]
    assert send() == again


@pytest.mark.parametrize(("trouble", "was_done"), [("error_stored", False), ("error_stored_after", True)])
def test_a_stored_failure_burns_the_key_and_the_caller_must_look(
    sandbox: SandboxServer, gateway: StripeGateway, send: Callable[..., str], trouble: str, was_done: bool,
):
    sandbox.control.plan_fault(kind=trouble, path="/v1/transfers")
    with pytest.raises(TemporaryFailure):
        send()
    with pytest.raises(OutcomeUnknown):
        send()
    found = gateway.find_transfer(transfer_id="transfer_1", group="bounty_1")
    assert (found is not None) is was_done
    if not was_done:
        assert send(key="key_2") == gateway.find_transfer(transfer_id="transfer_1", group="bounty_1")
    assert sent(sandbox) == [10_000]


def test_the_packages_own_retries_find_a_stored_failure_within_one_call(
    sandbox: SandboxServer, ana: str, monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    retrying = sandbox.gateway(network_retries=2)
    sandbox.control.plan_fault(kind="error_stored", path="/v1/transfers")
    with pytest.raises(OutcomeUnknown):
        retrying.send_transfer(transfer_id="t", destination=ana, amount=Money(5, "usd"), group="g", key="k")
    sandbox.control.plan_fault(kind="lost_after", path="/v1/transfers", times=2)
    retrying.send_transfer(transfer_id="u", destination=ana, amount=Money(7, "usd"), group="g", key="l")
    assert sent(sandbox) == [7]


def test_a_key_used_for_something_else_is_an_unknown_outcome(sandbox: SandboxServer, send: Callable[..., str]):
    send()
    with pytest.raises(OutcomeUnknown):
        send(minor=20_000)
    assert sent(sandbox) == [10_000]


@pytest.mark.parametrize(("state", "code"), [
    ("restricted", "insufficient_capabilities_for_transfer"), ("pending", "insufficient_capabilities_for_transfer"),
    ("closed", "account_closed"),
])
def test_a_refusal_is_permanent_and_carries_stripes_code(
    sandbox: SandboxServer, ana: str, send: Callable[..., str], state: str, code: str,
):
    sandbox.control.set_account_state(ana, state=state)
    with pytest.raises(PermanentFailure) as refused:
        send()
    assert refused.value.code == code
    assert sent(sandbox) == []


def test_too_much_is_refused_whichever_way_it_goes(sandbox: SandboxServer, gateway: StripeGateway, ana: str, send):
    with pytest.raises(PermanentFailure) as short:
        send(minor=100_001)
    assert short.value.code == "balance_insufficient"
    transfer = send(key="key_2")
    sandbox.control.pay_out_account(ana, currency="usd", amount=9_000)
    for minor, code in ((10_001, "parameter_invalid"), (1_001, "balance_insufficient")):
        with pytest.raises(PermanentFailure) as refused:
            gateway.reverse_transfer(reversal_id=f"r{minor}", stripe_transfer_id=transfer, key=f"r{minor}",
                                     amount=Money(minor, "usd"))
        assert refused.value.code == code
    assert gateway.read_transfer(transfer).amount_reversed == Money(0, "usd")


def test_what_does_not_exist_is_a_permanent_failure(gateway: StripeGateway):
    for read in (gateway.read_checkout, gateway.read_transfer, gateway.read_refund, gateway.read_event):
        with pytest.raises(PermanentFailure) as refused:
            read("no_such_id")
        assert refused.value.code == "resource_missing"
    with pytest.raises(PermanentFailure) as refused:
        gateway.read_connected_account("acct_none")
    assert refused.value.code == "not_found"


def test_a_refused_key_is_temporary_since_putting_it_right_lets_the_same_call_through(sandbox: SandboxServer):
    with pytest.raises(TemporaryFailure):
        make_gateway("sk_test_stolen", api_base=sandbox.base_url, network_retries=0).read_balance()
    assert make_gateway(SECRET_KEY, api_base=sandbox.base_url, network_retries=0).read_balance()


def test_stripe_not_answering_at_all_is_temporary():
    with pytest.raises(TemporaryFailure):
        make_gateway("sk_test_1", api_base=f"http://127.0.0.1:{free_port()}", network_retries=0).read_balance()


def test_two_callers_with_one_key_make_one_transfer(sandbox: SandboxServer, ana: str):
    outcomes: list[object] = []
    start = threading.Barrier(16)
    sandbox.control.plan_fault(kind="hang", path="/v1/transfers", seconds=0.2)

    def call() -> None:
        start.wait()
        try:
            outcomes.append(sandbox.gateway().send_transfer(
                transfer_id="t", destination=ana, amount=Money(5, "usd"), group="g", key="one"))
        except TemporaryFailure as failure:
            outcomes.append(failure)

    threads = [threading.Thread(target=call) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sent(sandbox) == [5]
    assert len({one for one in outcomes if isinstance(one, str)}) == 1
    assert len(outcomes) == 16


def test_looking_up_reads_every_page(sandbox: SandboxServer, gateway: StripeGateway, send: Callable[..., str]):
    first = send("transfer_first", minor=1, key="first")
    for number in range(105):
        send(f"transfer_{number}", minor=1, key=f"key_{number}")
    assert gateway.find_transfer(transfer_id="transfer_first", group="bounty_1") == first
    assert gateway.find_transfer(transfer_id="transfer_none", group="bounty_1") is None
    assert gateway.find_transfer(transfer_id="transfer_first", group="bounty_2") is None
    newest = gateway.page_of_movements()
    oldest = gateway.page_of_movements(after=newest.movements[-1].id)
    assert (len(newest.movements), newest.is_last, oldest.is_last) == (100, False, True)
    movements = newest.movements + oldest.movements
    assert movements[-2].our_id == "transfer_first"
    assert len(movements) == len({one.id for one in movements}) == 107
    assert sum(one.net for one in movements) == gateway.read_balance()["usd"].available_minor == 100_000 - 106


def test_movements_are_listed_from_a_moment_on(sandbox: SandboxServer, gateway: StripeGateway, send, clock):
    send()
    clock.move(hours=1)
    since = product_clock.now()
    sandbox.control.top_up(amount=1, currency="usd")
    assert [one.type for one in gateway.page_of_movements(created_from=since).movements] == ["topup"]


def test_a_checkout_is_read_from_open_to_paid(sandbox: SandboxServer, gateway: StripeGateway):
    until = product_clock.now() + timedelta(hours=2)
    page = gateway.open_checkout(
        funding_id="fund_1", amount=Money(105_000, "usd"), description="Car buyers", customer_email="w@example.com",
        success_url="http://localhost/ok", cancel_url="http://localhost/no", expires_at=until, group="bounty_1", key="k")
    assert page.expires_at == until.replace(microsecond=0)
    unpaid = gateway.read_checkout(page.id)
    assert (unpaid.status, unpaid.payment_status, unpaid.charge_id, unpaid.fee) == ("open", "unpaid", None, None)
    sandbox.control.pay_checkout(page.id)
    paid = gateway.read_checkout(page.id)
    assert (paid.status, paid.payment_status, paid.livemode) == ("complete", "paid", False)
    assert (paid.amount, paid.fee) == (Money(105_000, "usd"), Money(3_075, "usd"))
    assert paid.available_on is not None
    assert timedelta(0) <= product_clock.now() + timedelta(days=2) - paid.available_on < timedelta(minutes=1)


def test_a_charge_that_does_not_say_what_paid_it_leaves_that_open(sandbox: SandboxServer, gateway: StripeGateway):
    page = gateway.open_checkout(
        funding_id="fund_1", amount=Money(10_000, "usd"), description="Car buyers", customer_email="w@example.com",
        success_url="http://localhost/ok", cancel_url="http://localhost/no", group="bounty_1", key="k",
        expires_at=product_clock.now() + timedelta(hours=1))
    sandbox.control.pay_checkout(page.id)
    store = sandbox.box.world.store
    with store.transaction():
        (charge,) = store.all("charge")
        store.save(charge | {"payment_method_details": None})
    read = gateway.read_checkout(page.id)
    assert (read.payment_status, read.paid_with, read.charge_id) == ("paid", None, charge["id"])


class Declining(stripe.HTTPClient):
    """Stripe at its shortest: the card was declined, and no word of the payment."""

    name = "declining"

    def request(self, method: str, url: str, headers: object, post_data: object = None) -> tuple[str, int, dict[str, str]]:
        return json.dumps({"error": {"type": "card_error", "code": "card_declined", "message": "No."}}), 402, {}


def test_a_declined_card_without_a_payment_to_show_for_it_is_a_permanent_failure():
    gateway = StripeGateway(stripe.StripeClient(SECRET_KEY, http_client=Declining()))
    with pytest.raises(PermanentFailure) as met:
        gateway.charge_card(funding_id="fund_1", customer_id="cus_1", payment_method_id="pm_1", amount=Money(500, "usd"),
                            description="Top-up", group="bounty_1", key="k")
    assert met.value.code == "card_declined"


def test_a_connected_account_says_in_plain_words_what_is_missing(sandbox: SandboxServer, gateway: StripeGateway):
    account = gateway.create_connected_account(
        user_id="u", email="ana@example.com", display_name="Ana", country="pt", currency="eur", key="k")
    new = gateway.read_connected_account(account)
    assert (new.transfers_status, new.awaiting, new.is_ready) == ("restricted", "user", False)
    assert "your date of birth" in new.requirements
    assert "a bank account to be paid to" in new.requirements
    readings = {}
    for state in ("pending", "active", "restricted", "closed"):
        sandbox.control.set_account_state(account, state=state)
        one = gateway.read_connected_account(account)
        readings[state] = (one.transfers_status, one.awaiting, one.closed, one.is_ready)
    assert readings == {
        "pending": ("pending", "stripe", False, False), "active": ("active", None, False, True),
        "restricted": ("restricted", "user", False, False), "closed": ("restricted", "user", True, False)}


def test_stripes_field_paths_become_words():
    assert put_plainly("identity.individual.date_of_birth.day") == "your date of birth"
    assert put_plainly("something.quite_new") == "quite new"


def test_a_refund_is_read_as_it_turns_out(sandbox: SandboxServer, gateway: StripeGateway):
    page = gateway.open_checkout(
        funding_id="fund_1", amount=Money(10_000, "usd"), description="Car buyers", customer_email="w@example.com",
        success_url="http://localhost/ok", cancel_url="http://localhost/no", group="bounty_1", key="k",
        expires_at=product_clock.now() + timedelta(hours=1))
    sandbox.control.pay_checkout(page.id)
    payment = gateway.read_checkout(page.id).payment_intent_id
    assert payment is not None
    sandbox.control.plan_refund(status="pending")
    refund = gateway.refund_payment(refund_id="refund_1", payment_intent_id=payment, amount=Money(400, "usd"), key="r")
    assert (refund.status, refund.failure_reason) == ("pending", None)
    sandbox.control.settle_refund(refund.id, status="failed")
    assert gateway.read_refund(refund.id).failure_reason == "lost_or_stolen_card"
    assert gateway.find_refund(payment_intent_id=payment, refund_id="refund_1") == gateway.read_refund(refund.id)
    assert gateway.find_refund(payment_intent_id=payment, refund_id="refund_2") is None
    with pytest.raises(PermanentFailure):
        gateway.refund_payment(refund_id="x", payment_intent_id=payment, amount=Money(10_001, "usd"), key="x")


@pytest.mark.once
@pytest.mark.parametrize("kind", [stripe.InvalidRequestError, stripe.APIError, stripe.RateLimitError])
def test_no_address_in_stripes_words_comes_further_than_here(kind):
    error = kind("No such customer: dana@mail.example", param="x") if kind is stripe.InvalidRequestError else kind(
        "No such customer: dana@mail.example")
    assert str(failure(error)) == "No such customer: (an address)"
