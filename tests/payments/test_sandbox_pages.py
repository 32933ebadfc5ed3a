"""The pages a person would meet at Stripe: they work without script, load nothing from elsewhere, and lead back."""
import re

import pytest
from werkzeug.test import Client, TestResponse

from marketplace.payments.sandbox import Sandbox, create_sandbox

pytestmark = pytest.mark.once
KEY = {"Authorization": "Bearer sk_test_1"}
ACCOUNT = {
    "contact_email": "ana@example.com", "display_name": "Ana <b>Sousa</b>", "dashboard": "express",
    "identity": {"country": "us", "entity_type": "individual"},
    "configuration": {"recipient": {"capabilities": {"stripe_balance": {"stripe_transfers": {"requested": True}}}}},
    "defaults": {"currency": "usd", "responsibilities": {"fees_collector": "application",
                                                         "losses_collector": "application"}}}


@pytest.fixture
def box():
    box = create_sandbox(in_background=False)
    yield box
    box.close()


@pytest.fixture
def person(box: Sandbox) -> Client:
    return Client(box)


@pytest.fixture
def payment_page(person: Client) -> str:
    line = "line_items[0][price_data]"
    session = person.post("/v1/checkout/sessions", headers=KEY, data={
        "mode": "payment", "line_items[0][quantity]": "1", f"{line}[currency]": "usd", f"{line}[unit_amount]": "210000",
        f"{line}[product_data][name]": "Buyers of <cars>", "customer_email": "owner@example.com",
        "success_url": "http://localhost/paid?session={CHECKOUT_SESSION_ID}", "cancel_url": "http://localhost/no"}).json
    return str(session["url"].removeprefix("http://localhost"))


@pytest.fixture
def account(person: Client) -> str:
    return str(person.post("/v2/core/accounts", headers=KEY, json=ACCOUNT).json["id"])


def onboarding_page(person: Client, account: str) -> str:
    link = person.post("/v2/core/account_links", headers=KEY, json={"account": account, "use_case": {
        "type": "account_onboarding", "account_onboarding": {
            "configurations": ["recipient"], "refresh_url": "http://localhost/again",
            "return_url": "http://localhost/back"}}}).json
    return str(link["url"].removeprefix("http://localhost"))


def press(person: Client, page: str, choice: str) -> TestResponse:
    return person.post(page, data={"choice": choice})


def state_of(person: Client, account: str) -> str:
    found = person.get(f"/v2/core/accounts/{account}", headers=KEY, query_string={"include[0]": "configuration.recipient"})
    capabilities = found.json["configuration"]["recipient"]["capabilities"]
    return str(capabilities["stripe_balance"]["stripe_transfers"]["status"])


def test_paying_leads_to_the_success_address_and_a_second_press_pays_nothing(box: Sandbox, person: Client, payment_page: str):
    shown = person.get(payment_page).text
    assert "USD 2,100.00" in shown
    assert "Buyers of &lt;cars&gt;" in shown
    paid = press(person, payment_page, "pay")
    session_id = payment_page.rpartition("/")[2]
    assert (paid.status_code, paid.location) == (303, f"http://localhost/paid?session={session_id}")
    assert "is complete" in press(person, payment_page, "pay").text
    assert len(box.world.store.all("charge")) == 1


def test_a_declined_card_says_so_and_leaves_the_page_open(box: Sandbox, person: Client, payment_page: str):
    assert "declined" not in person.get(payment_page).text.replace("Card is declined", "")
    assert "Nothing was paid" in press(person, payment_page, "decline").text
    assert box.world.store.all("charge") == []
    assert press(person, payment_page, "pay").status_code == 303


def test_cancelling_leads_back_and_keeps_the_page(person: Client, payment_page: str):
    assert press(person, payment_page, "cancel").location == "http://localhost/no"
    assert person.get(payment_page).status_code == 200


def test_an_expired_payment_page_takes_no_money(box: Sandbox, person: Client, payment_page: str):
    box.control.move_clock(advance_seconds=25 * 3600)
    assert "is expired" in press(person, payment_page, "pay").text
    assert box.world.store.all("charge") == []


@pytest.mark.parametrize(("choice", "state"), [
    ("submit", "active"), ("more", "restricted"), ("wait", "pending"), ("later", "restricted")])
def test_onboarding_leads_back_with_the_state_that_was_chosen(person: Client, account: str, choice: str, state: str):
    page = onboarding_page(person, account)
    assert "Ana &lt;b&gt;Sousa" in person.get(page).text
    assert press(person, page, choice).location == "http://localhost/back"
    assert state_of(person, account) == state


def test_an_onboarding_link_is_good_once_and_for_minutes(box: Sandbox, person: Client, account: str):
    used, old = onboarding_page(person, account), onboarding_page(person, account)
    press(person, used, "more")
    assert person.get(used).location == "http://localhost/again"
    box.control.move_clock(advance_seconds=600)
    assert press(person, old, "submit").location == "http://localhost/again"
    assert state_of(person, account) == "restricted"


def test_the_express_dashboard_shows_what_was_received(box: Sandbox, person: Client, account: str):
    press(person, onboarding_page(person, account), "submit")
    box.control.top_up(amount=5_000, currency="usd")
    person.post("/v1/transfers", headers=KEY, data={"amount": "1250", "currency": "usd", "destination": account})
    link = person.post(f"/v1/accounts/{account}/login_links", headers=KEY).json["url"]
    assert "USD 12.50" in person.get(link.removeprefix("http://localhost")).text


def test_the_index_shows_money_and_events_and_says_that_it_is_a_sandbox(box: Sandbox, person: Client, payment_page: str):
    press(person, payment_page, "pay")
    shown = person.get("/").text
    assert "No real money" in shown
    assert "USD 2,038.80" in shown
    assert "checkout.session.completed" in shown


def test_no_page_needs_script_or_anything_from_elsewhere(person: Client, payment_page: str, account: str):
    for path in ("/", payment_page, onboarding_page(person, account), "/c/pay/cs_none", "/setup/none", "/express/none",
                 "/nowhere"):
        page = person.get(path)
        assert not re.search(r"<script|src=|@import|url\(|https?://(?!localhost)", page.text), path
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert person.get("/nowhere").status_code == 404


@pytest.mark.parametrize(("method", "path", "body", "status"), [
    ("POST", "/_sandbox/clock", b"{", 400), ("POST", "/_sandbox/clock", b'{"weeks": 1}', 400),
    ("POST", "/_sandbox/faults", b'{"kind": "flood"}', 400), ("GET", "/_sandbox/nothing", b"", 404),
    ("PUT", "/_sandbox/clock", b"{}", 405), ("POST", "/_sandbox/accounts/acct_none", b'{"state": "active"}', 404),
])
def test_the_control_door_says_what_is_wrong(person: Client, method: str, path: str, body: bytes, status: int):
    answer = person.open(path, method=method, data=body)
    assert answer.status_code == status
    assert answer.json["error"]


def test_the_control_door_does_over_http_what_it_does_in_python(box: Sandbox, person: Client, payment_page: str):
    paid = person.post(f"/_sandbox/checkout/{payment_page.rpartition('/')[2]}/payments")
    assert (paid.status_code, paid.json["status"]) == (200, "complete")
    assert person.post("/_sandbox/clock", json={"advance_seconds": 2 * 24 * 3600}).json["offset_seconds"] == 172_800
    assert person.get("/_sandbox/balances").json["platform"] == {"usd": {"available": 203_880, "pending": 0}}
    assert person.post("/_sandbox/balances", json={"amount": 5, "currency": "usd"}).json["platform"]["usd"]["available"] == 203_885
    assert person.post("/_sandbox/faults", json={"kind": "hang", "times": 2}).json["planned"][0]["times"] == 2
    assert person.delete("/_sandbox/faults").json == {"planned": []}
    assert person.get("/_sandbox/calls").json["calls"][0]["path"] == "/v1/checkout/sessions"
    assert person.post("/_sandbox/reset").json == {"ok": True}
    assert person.get("/_sandbox/balances").json == {"platform": {}, "accounts": {}}
