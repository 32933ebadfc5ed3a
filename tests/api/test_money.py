"""Payments, top-ups and statements by API: the figures of the pages, under the scopes for money alone."""
import csv
import io

import pytest
from sqlalchemy import select

from marketplace.foundation import clock
from marketplace.foundation.db import db, transaction
from marketplace.foundation.outbox import do_now
from marketplace.payments.books.business_statements import read_statement
from marketplace.payments.models import AutoTopUp, Funding, TopUpState
from marketplace.payments.money_in.funding import CHECK_FUNDING, OPEN_CHECKOUT, request_funding
from tests import factories as make
from tests.api.test_openapi import schema_for
from tests.browsing import end_reading
from tests.payments.money_steps import fresh, make_ready, owe, usd


@pytest.fixture
def stripe(app, stripe_sandbox):
    """Stripe without the SDK's own retries, which sleep."""
    before = app.extensions["gateway"]
    app.extensions["gateway"] = stripe_sandbox.gateway()
    yield stripe_sandbox
    app.extensions["gateway"] = before


@pytest.fixture
def bounty(westside):
    return make.make_bounty(westside)


@pytest.fixture
def funded(stripe, westside, bounty):
    """$3,150 paid in, with a card that is kept."""
    with transaction():
        funding = request_funding(westside.id, bounty.id, usd(3150), by=make.owner_of(westside), keeps_card=True)
    do_now(OPEN_CHECKOUT, funding_id=funding.id)
    stripe.control.pay_checkout(fresh(Funding, funding.id).checkout_session_id)
    do_now(CHECK_FUNDING, funding_id=funding.id)
    return fresh(Funding, funding.id)


@pytest.fixture
def theirs(program, westside):
    return program(make.owner_of(westside), "money:read", "money:write", "rewards:read")


@pytest.fixture
def hold(anonymous):
    """`hold(answer, "/path")`: it is what the document says; gives its body."""
    document = anonymous.get("/api/v1/openapi.json").json

    def check(answer, path, method="get", status="200"):
        faults = list(schema_for(document, f"/api/v1{path}", method, status).iter_errors(answer.json))
        assert answer.status_code == int(status) and faults == [], (answer.text, faults)
        return answer.json
    return check


def test_payments_are_listed_and_read(funded, theirs, hold, westside):
    listed = hold(theirs.get(f"/businesses/{westside.id}/fundings"), "/businesses/{business_id}/fundings")
    one = hold(theirs.get(f"/fundings/{funded.id}"), "/fundings/{funding_id}")
    assert listed == {"data": [one], "next_cursor": None}
    assert (one["bounty_id"], one["state"], one["way"], one["paid_with"]) == (
        funded.purpose_id, "paid", "checkout", "Visa ending in 4242")
    assert one["amount"] == {"amount": "3150.00", "minor": 315000, "currency": "usd"}


def test_a_top_up_is_agreed_to_and_stopped(funded, theirs, hold):
    path, said = f"/bounties/{funded.purpose_id}/top-up", "/bounties/{bounty_id}/top-up"
    none = hold(theirs.get(path), said)
    assert (none["state"], none["amount"]) == ("off", None)
    agreed = hold(theirs.post(path, {"amount": "1050", "monthly": "3150", "agrees": True}), said, "post", "201")
    assert (agreed["state"], agreed["monthly"]["minor"], agreed["spent"]["minor"]) == ("on", 315000, 0)
    assert hold(theirs.get(path), said) == agreed
    ended = hold(theirs.post(f"{path}-end"), f"{said}-end", "post", "201")
    assert ended["state"] == "off"
    assert fresh(AutoTopUp, db.session.scalars(select(AutoTopUp.id)).one()).state is TopUpState.OFF
    assert theirs.post(f"{path}-end").status_code == 409


@pytest.mark.once
@pytest.mark.parametrize(("sent", "field"), [
    ({"amount": "1050", "monthly": "3150", "agrees": False}, "agrees"), ({"amount": "much", "monthly": "3150", "agrees": True}, "amount"),
    ({"amount": "1050", "monthly": "x", "agrees": True}, "monthly"), ({"amount": "1050", "monthly": "1000", "agrees": True}, "monthly"),
    ({"amount": "500", "monthly": "3150", "agrees": True}, "amount"), ({"amount": "1050", "monthly": "3150"}, "agrees")])
def test_what_the_form_refuses_the_api_refuses(funded, theirs, sent, field):
    refused = theirs.post(f"/bounties/{funded.purpose_id}/top-up", sent)
    assert (refused.status_code, list(refused.json["errors"])) == (422, [field])
    end_reading()
    assert db.session.scalars(select(AutoTopUp)).all() == []


@pytest.mark.once
def test_without_a_kept_card_there_is_nothing_to_charge(bounty, theirs):
    refused = theirs.post(f"/bounties/{bounty.id}/top-up", {"amount": "1050", "monthly": "3150", "agrees": True})
    assert (refused.status_code, refused.json["code"]) == (409, "no_card")


@pytest.mark.once
def test_a_key_for_bounties_neither_sees_nor_charges_money(funded, program, westside):
    old = program(make.owner_of(westside), "bounties:read", "bounties:write", "leads:read", "leads:write", "rewards:read")
    top_up = f"/bounties/{funded.purpose_id}/top-up"
    assert {old.get(f"/businesses/{westside.id}/{what}").status_code for what in ("fundings", "statements")} == {403}
    assert {old.get(top_up).status_code, old.post(top_up, {}).status_code, old.post(f"{top_up}-end").status_code} == {403}


def test_a_months_statement_is_the_pages_own(funded, theirs, hold, westside):
    month = f"{clock.now():%Y-%m}"
    base = f"/businesses/{westside.id}/statements"
    assert hold(theirs.get(base), "/businesses/{business_id}/statements") == {
        "data": [{"currency": "usd", "months": [month]}]}
    told = hold(theirs.get(f"{base}/usd/{month}"), "/businesses/{business_id}/statements/{currency}/{month}")
    statement = read_statement(westside.id, "usd", clock.now().date().replace(day=1))
    assert (told["month"], told["closing"]["minor"], told["is_running"]) == (month, statement.closing.minor, True)
    assert [line["amount"]["minor"] for line in told["lines"]] == [line.amount.minor for line in statement.lines] == [315000]
    assert told["parts"] == [{"part": "funded", "amount": told["closing"]}]
    assert {one["kind"]: one["amount"]["minor"] for one in told["kept"]} == {"funds": 315000, "reserved": 0, "held": 0}
    assert {theirs.get(f"{base}/{wrong}").status_code for wrong in (f"eur/{month}", "usd/2020-01", "usd/x")} == {404}


def as_csv(program, path):
    answer = program.client.get(f"/api/v1{path}", headers={"Authorization": f"Bearer {program.secret}"})
    assert (answer.status_code, answer.content_type) == (200, "text/csv; charset=utf-8")
    return list(csv.DictReader(io.StringIO(answer.get_data(as_text=True).removeprefix("\ufeff"), newline="")))


def test_both_statements_come_as_csv_too(funded, theirs, westside):
    rows = as_csv(theirs, f"/businesses/{westside.id}/statements/usd/{clock.now():%Y-%m}/csv")
    assert [(row["kind"], row["balance"]) for row in rows] == [
        ("opening_balance", "0.00"), ("funded", "3150.00"), ("closing_balance", "3150.00")]
    assert as_csv(theirs, f"/earnings/{clock.now().year}/csv") == []


def test_a_year_is_what_one_was_sent(stripe, funded, program, hold, westside, ana, work, later):
    later(days=3)
    make_ready(stripe, ana)
    owe(ana, westside.id, usd(1000), purpose=funded.purpose_id)
    work()
    hers, year = program(ana, "rewards:read"), clock.now().year
    told = hold(hers.get(f"/earnings/{year}"), "/earnings/{year}")
    ((currency,), (business,)) = told["currencies"], told["currencies"][0]["businesses"]
    assert (told["year"], currency["currency"], currency["net"]["minor"], business["name"]) == (year, "usd", 100000, westside.name)
    assert [month["gross"]["minor"] for month in business["months"]] == [100000]
    assert [row["net"] for row in as_csv(hers, f"/earnings/{year}/csv")] == ["1000.00"]
    assert {hers.get(f"/earnings/{wrong}").status_code for wrong in ("1999", "x", "2x")} == {404}


def test_a_transfer_says_which_rewards_it_paid(stripe, funded, program, hold, westside, ana, work, later):
    later(days=3)
    make_ready(stripe, ana)
    owe(ana, westside.id, usd(1000), purpose=funded.purpose_id)
    hers = program(ana, "rewards:read")
    (waiting,) = hold(hers.get("/payables", state="owed", business_id=westside.id), "/payables")["data"]
    assert (waiting["amount"]["amount"], waiting["transfer_id"]) == ("1000.00", None)
    work()
    (sent,) = hold(hers.get("/transfers", state="sent", business_id=westside.id), "/transfers")["data"]
    assert (sent["amount"]["amount"], sent["taken_back"]["minor"], sent["sent_at"] is None) == ("1000.00", 0, False)
    whole = hold(hers.get(f"/transfers/{sent['id']}"), "/transfers/{transfer_id}")
    assert ([one["id"] for one in whole["payables"]], whole["reversals"]) == ([waiting["id"]], [])
    assert hers.get("/transfers", state="failed").json["data"] == [] == hers.get("/payables", state="owed").json["data"]
    for other in (make.make_user("Tom Berg"), make.owner_of(westside)):
        theirs = program(other, "rewards:read")
        assert theirs.get(f"/transfers/{sent['id']}").status_code == 404 and theirs.get("/payables").json["data"] == []
