"""Where people are paid: one table, which our pages, our accounts and the sandbox's own rules agree on."""
import pytest

from marketplace.foundation.money import CURRENCIES, Money
from marketplace.payments.money_out.countries import (
    BY_NAME,
    COUNTRIES,
    SELF_SERVE,
    least_payout,
    needs_recipient_agreement,
)
from marketplace.payments.sandbox import places
from marketplace.payments.stripe_readings import PermanentFailure
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.once


def test_the_table_is_whole():
    assert len(COUNTRIES) >= 39 and [name for _, name in BY_NAME] == sorted(country.name for country in COUNTRIES.values())
    for code, country in COUNTRIES.items():
        assert len(code) == 2 and code.isupper() and len(country.currency) == 3 and country.currency.islower()
        assert country.region == code or country.region == "EEA", code
    assert {country.region for country in COUNTRIES.values()} >= SELF_SERVE
    # Each currency we offer is somebody's own.
    assert {country.currency for country in COUNTRIES.values()} >= set(CURRENCIES)


@pytest.mark.parametrize(("country", "least"), [
    ("US", Money(100, "usd")), ("DE", Money(100, "eur")), ("JP", Money(1, "jpy")), ("HU", Money(100, "huf")),
    ("KW", Money(1_000, "kwd")), ("CA", Money(0, "cad")), ("TW", Money(80_000, "twd")), ("IS", Money(100, "isk")),
])
def test_the_least_payout_is_in_the_countrys_own_currency(country, least):
    assert least_payout(country) == least


@pytest.mark.parametrize(("currency", "step"), [
    ("huf", 100), ("isk", 100), ("twd", 100), ("ugx", 100), ("kwd", 10), ("usd", 1), ("jpy", 1), ("sek", 1)])
def test_banks_are_paid_whole_units_where_stripe_says_so(currency, step):
    assert places.whole_payout(12_399, currency) == 12_399 - 12_399 % step
    if currency in CURRENCIES:  # What we transfer can then be paid out without a rest.
        assert CURRENCIES[currency].transfer_step % step == 0


@pytest.mark.parametrize("country", sorted(COUNTRIES))
def test_dinars_arrive_in_kuwait_alone_and_every_other_currency_everywhere(country):
    assert COUNTRIES[country].takes("kwd") is (country == "KW")
    assert all(COUNTRIES[country].takes(currency) for currency in CURRENCIES if currency != "kwd")
    assert COUNTRIES[country].takes(COUNTRIES[country].currency) and not COUNTRIES[country].takes("xxx")


# --- the sandbox refuses what the table says Stripe refuses, and nothing else


@pytest.fixture
def box(sandbox: SandboxServer) -> SandboxServer:
    for currency in CURRENCIES:
        sandbox.control.top_up(amount=1_000_000, currency=currency)
    return sandbox


def account_in(box: SandboxServer, country: str, *, recipient: bool) -> str:
    made = box.gateway().create_connected_account(
        user_id="u", email="a@example.com", display_name="Ana", country=country.lower(),
        currency=COUNTRIES[country].currency, key=f"{country}{recipient}", recipient_agreement=recipient)
    box.control.set_account_state(made, state="active")
    return made


def send(box: SandboxServer, account: str, amount: Money) -> str:
    return box.gateway().send_transfer(
        transfer_id="t", destination=account, amount=amount, group="g", key=f"{account}{amount}")


@pytest.mark.parametrize("platform", ["US", "DE", "JP"])
@pytest.mark.parametrize("country", ["US", "GB", "HU", "CH", "JP", "KW", "TW"])
def test_a_transfer_needs_the_agreement_where_our_table_says_so(box, platform, country):
    box.control.move_platform(country=platform)
    needs = needs_recipient_agreement(country, platform=platform)
    plain = account_in(box, country, recipient=False)
    if needs:
        with pytest.raises(PermanentFailure) as refused:
            send(box, plain, Money(100, "eur"))
        assert refused.value.code == "transfers_not_allowed"
        assert send(box, account_in(box, country, recipient=True), Money(100, "eur"))
    else:
        assert send(box, plain, Money(100, "eur"))


@pytest.mark.parametrize(("country", "currency"), [
    ("US", "kwd"), ("KW", "kwd"), ("US", "huf"), ("HU", "huf"), ("HU", "jpy"), ("KW", "usd"), ("HU", "kwd")])
def test_a_transfer_arrives_only_in_a_currency_the_country_takes(box, country, currency):
    account = account_in(box, country, recipient=needs_recipient_agreement(country, platform="US"))
    if COUNTRIES[country].takes(currency):
        assert send(box, account, Money(10_000, currency))
    else:
        with pytest.raises(PermanentFailure):
            send(box, account, Money(10_000, currency))


def test_dinars_with_an_odd_last_digit_are_refused_on_their_way_and_back(box):
    account = account_in(box, "KW", recipient=True)
    with pytest.raises(PermanentFailure):
        send(box, account, Money(10_005, "kwd"))
    sent = send(box, account, Money(10_000, "kwd"))
    back = {"reversal_id": "r", "stripe_transfer_id": sent}
    with pytest.raises(PermanentFailure):
        box.gateway().reverse_transfer(**back, amount=Money(5, "kwd"), key="r5")
    assert box.gateway().reverse_transfer(**back, amount=Money(10, "kwd"), key="r10")


def test_events_and_payouts_of_an_account_are_its_own(box):
    account = account_in(box, "US", recipient=False)
    send(box, account, Money(5_000, "usd"))
    box.control.pay_out_account(account, currency="usd", status="failed")
    client = box.gateway().client
    theirs = {event.type for event in client.v1.events.list({"limit": 100}, {"stripe_account": account}).data}
    ours = {event.type for event in client.v1.events.list({"limit": 100}).data}
    assert theirs == {"account.external_account.created", "account.external_account.updated", "payout.created",
                      "payout.failed"}
    assert "transfer.created" in ours and not ours & theirs
    assert len(client.v1.payouts.list({}, {"stripe_account": account}).data) == 1
    assert client.v1.payouts.list({}).data == []
    assert box.control.read_balances()["accounts"][account] == {"usd": 5_000}  # It came back.
