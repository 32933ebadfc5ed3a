"""Whatever a program sends is answered in words, never with a 500, and leaves nothing half done."""
import json

import pytest
from sqlalchemy import func, select

from marketplace.bounties.models import Bounty
from marketplace.foundation.db import db
from marketplace.referrals.models import Conversion, Lead
from tests import factories as make
from tests.api.program import BOUNTY, LEAD
from tests.browsing import end_reading

pytestmark = pytest.mark.once  # What is refused before a row is read.

NESTED: list = []
for _ in range(50):
    NESTED = [NESTED]
ABSURD = [None, True, False, 0, -1, 1.5, 10**30, "", " ", "\0", "\ud800", "x" * 30_000, "1e3", "NaN", [], {}, ["x"], {"a": 1}, NESTED]


def how_many(model: type) -> int:
    end_reading()
    return db.session.scalar(select(func.count()).select_from(model)) or 0


@pytest.fixture
def theirs(westside, program, keep):
    """With the key that it keeps."""
    owner = make.owner_of(westside)
    return program(owner, secret=keep("a key", lambda: program(owner).secret))


@pytest.fixture
def bounties(westside) -> str:
    return f"/businesses/{westside.id}/bounties"


@pytest.fixture
def open_lead(westside, keep) -> str:
    return keep("an open lead", lambda: make.consent(
        make.accept(make.make_lead(make.make_bounty(westside, is_live=True)))).id)


# ---- Bodies that are no JSON


@pytest.mark.parametrize(("raw", "status"), [
    (b"{", 400), (b"not json", 400), (b"\xff\xfe", 400), (b'{"title": NaN}', 400), (b'{"reward": Infinity}', 400), (b"[" * 200_000, 400),
    (b'{"version": ' + b"9" * 5000 + b"}", 400), (b"[]", 422), (b'"text"', 422), (b"null", 422), (b"17", 422), (b"", 422), (b"{}", 422),
], ids=lambda value: repr(value)[:24])
def test_a_body_that_is_no_object_is_refused(theirs, bounties, raw, status):
    refused = theirs.post(bounties, raw=raw)
    assert refused.status_code == status and how_many(Bounty) == 0


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "text/plain", "application/xml", "multipart/form-data; boundary=x"])
def test_only_json_is_read(theirs, bounties, content_type):
    refused = theirs.post(bounties, raw=json.dumps(BOUNTY), content_type=content_type)
    assert (refused.status_code, refused.json["code"]) == (415, "unsupported_media_type") and how_many(Bounty) == 0


def test_what_is_too_large_is_not_read(theirs, bounties):
    refused = theirs.post(bounties, {**BOUNTY, "offer": "x" * 1_100_000})
    assert (refused.status_code, refused.json["code"]) == (413, "too_large")


# ---- Fields


def test_unknown_and_missing_fields_are_named(theirs, bounties):
    refused = theirs.post(bounties, {"title": BOUNTY["title"], "fee_bps": 0, "state": "live"})
    assert refused.status_code == 422
    assert refused.json["errors"]["fee_bps"] == refused.json["errors"]["state"] == ["Unknown field."]
    assert {"offer", "criteria", "currency", "category", "reward_kind"} <= set(refused.json["errors"])
    assert "title" not in refused.json["errors"] and how_many(Bounty) == 0


@pytest.mark.parametrize("field", sorted(BOUNTY))
def test_absurd_values_in_a_bounty_are_no_fault_of_ours(theirs, bounties, field):
    for value in ABSURD:
        answer = theirs.post(bounties, {**BOUNTY, field: value})
        assert answer.status_code in {201, 422}, (field, value)
        if answer.status_code == 422:
            assert field in answer.json["errors"] or "" in answer.json["errors"], (value, answer.json["errors"])
            continue
        assert answer.json["terms"]["highest_reward"]["minor"] > 0 and "\0" not in answer.text


@pytest.mark.parametrize("field", ["bounty_id", "url", *sorted(LEAD), "buyer_name", "buyer_email"])
def test_absurd_values_in_a_lead_are_no_fault_of_ours(ana, program, field):
    bounty, hers, made = make.make_bounty(is_live=True, funded_for=30), program(ana), 0
    for number, value in enumerate(ABSURD):
        sent = {**LEAD, "bounty_id": bounty.id, "text": f"{LEAD['text']} {number} {field}"}
        answer = hers.post("/leads", {**sent, field: value})
        assert answer.status_code in {201, 404, 409, 422}, (field, value)
        made += answer.status_code == 201
    assert how_many(Lead) == made


@pytest.mark.parametrize("value", [
    "-1", "0", "0.00", "-0.01", "NaN", "Infinity", "1e9", "0x10", "1.001", "1,00", "999999999999", "9" * 5000, "", None, 1000, 1000.5, True, []])
@pytest.mark.parametrize("field", ["reward", "reward_cap", "reward_percent"])
def test_negative_and_absurd_money_makes_no_bounty(theirs, bounties, field, value):
    percent = {"reward_kind": "percent", "reward_percent": "2.5", "reward_cap": "500"}
    refused = theirs.post(bounties, {**BOUNTY, **(percent if field != "reward" else {}), field: value})
    if (field, value) == ("reward_percent", "1e9"):
        assert "Write a percentage like 2.5." in refused.json["errors"]["reward_percent"]
    assert refused.status_code == 422 and field in refused.json["errors"] and how_many(Bounty) == 0


@pytest.mark.parametrize("percent", ["100.01", "0", "0.001", "-5", "5 %%", "٥"])
def test_a_percentage_is_between_a_hundredth_and_a_hundred(theirs, bounties, percent):
    sent = {**BOUNTY, "reward_kind": "percent", "reward_percent": percent, "reward_cap": "500"}
    assert "reward_percent" in theirs.post(bounties, sent).json["errors"]


@pytest.mark.parametrize(("changed", "field"), [
    ({"amount": "0"}, "amount"), ({"amount": "-1"}, "amount"), ({"amount": "NaN"}, "amount"), ({"amount": "9" * 5000}, "amount"),
    ({"amount": 30000}, "amount"), ({"amount": "1.001"}, "amount"), ({"amount": "9999999999"}, "amount"), ({"currency": "xxx"}, "currency"),
    ({"currency": "eur"}, "currency"), ({"currency": "USD"}, "currency"), ({"occurred_on": "2026-11-03"}, "occurred_on"),
    ({"occurred_on": "2026-02-30"}, "occurred_on"), ({"occurred_on": "1026-01-01"}, "occurred_on"), ({"occurred_on": 0}, "occurred_on"),
    ({"order_number": "x" * 101}, "order_number"), ({"version": "one"}, "version"), ({"reward": "5000"}, "reward"),
])
def test_a_sale_that_cannot_be_makes_no_conversion(theirs, open_lead, changed, field):
    sale = {"amount": "30000.00", "currency": "usd", "occurred_on": "2026-11-02"}
    refused = theirs.post(f"/leads/{open_lead}/sale", {**sale, **changed})
    assert refused.status_code == 422 and field in refused.json["errors"] and how_many(Conversion) == 0


def test_a_refund_is_never_more_than_the_sale(theirs, open_lead):
    path = f"/leads/{open_lead}/refunds"
    refund = {"amount": "1.00", "currency": "usd", "refund_number": "R-1"}
    assert theirs.post(path, refund).status_code == 409  # There is no sale yet.
    theirs.must(f"/leads/{open_lead}/sale", {"amount": "100.00", "currency": "usd", "occurred_on": "2026-11-02"})
    for amount in ("0", "-1", "100.01", "9" * 5000):
        assert theirs.post(path, {**refund, "amount": amount}).status_code == 422
    assert theirs.post(path, {**refund, "currency": "eur"}).status_code == 422
    assert theirs.must(path, {**refund, "amount": "100.00"})["state"] == "reversed"
    assert theirs.post(path, {**refund, "amount": "0.01", "refund_number": "R-2"}).status_code == 422


@pytest.mark.parametrize("version", [0, 99, -1, 10**18])
def test_a_change_made_from_an_old_reading_is_refused(theirs, open_lead, version):
    refused = theirs.post(f"/leads/{open_lead}/stages", {"stage": "introduced", "version": version})
    assert (refused.status_code, refused.json["code"]) == (409, "stale_form")


@pytest.mark.parametrize("sale", ["", "-5", "NaN", "lots", "9" * 5000, "\x01"])
def test_a_preview_of_no_amount_is_refused(ana, program, sale):
    bounty = make.make_bounty(is_live=True)
    assert program(ana).get(f"/bounties/{bounty.id}/reward-preview", sale=sale).status_code == 422
    assert program(ana).get(f"/bounties/{bounty.id}/reward-preview").status_code == 422


@pytest.mark.parametrize(("path", "query"), [
    ("/leads", {"limit": "0"}), ("/leads", {"limit": "101"}), ("/leads", {"limit": "-1"}), ("/leads", {"limit": "many"}),
    ("/leads", {"limit": "9" * 5000}), ("/leads", {"moderation": "nonsense"}), ("/leads", {"cursor": "x"}),
    ("/rewards", {"cursor": "WyJcdTAwMDAiXQ"}), ("/rewards", {"limit": "1.5x"}), ("/bounties", {"sort": "random"}),
    ("/bounties", {"category": "boats"}), ("/bounties", {"cursor": "WyJhIl0"}), ("/bounties", {"q": "x" * 201}),
])
def test_a_question_that_makes_no_sense_is_refused(ana, program, path, query):
    refused = program(ana).get(path, **query)
    assert refused.status_code == 422 and refused.json["detail"]


def test_bytes_that_are_no_text_in_a_question_are_refused(ana, program):
    refused = program(ana).get("/bounties", q="a\0b")
    assert (refused.status_code, refused.json["code"]) == (400, "unreadable")


# ---- Ids


STRANGE = ("lead_nothing", "x", "lead_" + "0" * 26, "'; DROP TABLE leads; --", "%", "é" * 40, "x" * 5000)


@pytest.mark.parametrize("strange", STRANGE, ids=lambda strange: strange[:12])
def test_ids_of_nothing_are_not_found(theirs, strange):
    sale = {"amount": "1", "currency": "usd", "occurred_on": "2026-11-02"}
    for path, body in (("/acceptance", {}), ("/withdrawal", None), ("/contact-disclosures", None), ("/sale", sale),
                       ("/stages", {"stage": "introduced"}), ("/rejection", {"reason_code": "spam"})):
        assert theirs.post(f"/leads/{strange}{path}", body).status_code == 404, path
    assert theirs.get(f"/leads/{strange}").status_code == theirs.get(f"/bounties/{strange}").status_code == 404
    assert theirs.post(f"/businesses/{strange}/bounties", BOUNTY).status_code == 404
    assert theirs.post("/leads", {**LEAD, "bounty_id": strange}).status_code in {404, 422}


def test_what_is_somebody_elses_is_not_found(theirs, program):
    other = make.make_business(make.make_user("Pete Moss"), name="Eastside Auto")
    draft = make.make_bounty(other)
    lead = make.consent(make.accept(make.make_lead(make.make_bounty(other, is_live=True))))
    for path in (f"/bounties/{draft.id}", f"/leads/{lead.id}"):
        assert theirs.get(path).status_code == 404
    assert theirs.post(f"/bounties/{draft.id}/terms", BOUNTY).status_code == 404
    assert theirs.post(f"/bounties/{draft.id}/publication").status_code == 404
    assert theirs.post(f"/leads/{lead.id}/contact-disclosures").status_code == 404
    assert theirs.post(f"/leads/{lead.id}/refunds", {"amount": "1", "currency": "usd", "refund_number": "R"}).status_code == 404
    assert theirs.get("/leads").json["data"] == [] and theirs.get("/rewards").json["data"] == []
    refused = theirs.post(f"/businesses/{other.id}/bounties", BOUNTY)
    assert (refused.status_code, refused.json["code"]) == (403, "forbidden")
