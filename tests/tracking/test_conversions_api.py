"""Programs report what happened: one, a thousand, again; and read what became of it and why."""
import pytest
from sqlalchemy import select

from marketplace.bounties.models import Bounty
from marketplace.foundation import clock
from marketplace.foundation.db import db, transaction
from marketplace.foundation.money import Money
from marketplace.identity.models import User
from marketplace.referrals.disputes.opening import open_dispute
from marketplace.referrals.disputes.subjects import Claim
from marketplace.referrals.models import ConversionSource, DisputeKind, Lead
from marketplace.referrals.queries import rewards_of_lead
from marketplace.referrals.rewards import release_reward
from marketplace.tracking.buyers_word import deny_word, say_bought
from marketplace.tracking.models import Report
from marketplace.tracking.report_queries import STATES
from tests import factories as make
from tests.api.program import Program
from tests.browsing import end_reading
from tests.privacy.everything import places_of
from tests.referrals.steps import again, do
from tests.tracking.report_steps import click, link, report

SALE = {"external_id": "order-1", "amount": "30000.00", "currency": "usd", "customer": "cus_1"}


@pytest.fixture
def shop(app, keep):
    """Westside with a live bounty, its owner's program, and a click on Ana's link."""
    bounty_id, ana_id = keep("a shop", lambda: (make.make_bounty(is_live=True).id, make.make_user().id))
    bounty, ana = db.session.get_one(Bounty, bounty_id), db.session.get_one(User, ana_id)
    return bounty.business, Program(app, make.owner_of(bounty.business)), click(link(bounty, ana)), ana


def test_a_sale_answers_the_reward_that_it_made_and_why(shop):
    business, program, anas, _ = shop
    answer = program.post("/conversions", {**SALE, "click": anas}).json
    assert (answer["state"], answer["source"], answer["kind"], answer["business_id"]) == (
        "pending", "api", "sale", business.id)
    [reward] = answer["rewards"]
    assert reward["amount"]["amount"] == "1000.00" and answer["why"][0].startswith("A click on the link")
    again = program.post("/conversions", {**SALE, "click": anas})
    assert (again.status_code, again.json["id"]) == (201, answer["id"])
    assert program.post("/conversions", {**SALE, "click": anas, "amount": "1.00"}).json["code"] == "external_id_reused"
    assert program.get(f"/conversions/{answer['id']}").json == answer
    listed = program.get("/conversions", state="pending", external_id="order-1").json["data"]
    assert [one["id"] for one in listed] == [answer["id"]] and program.get("/conversions", state="unmatched").json["data"] == []


def test_a_list_by_state_holds_what_says_that_state(shop):
    business, program, _, ana = shop
    bounty = db.session.scalars(select(Bounty)).one()
    anas_link = link(bounty, ana)
    make.fund_bounty(bounty, leads=6)
    for number in range(4):
        report(business, external_id=f"o{number}", customer=f"c{number}", click=click(anas_link, visitor=f"visitor-{number:08}"))
    report(business, "refund", external_id="r1", refund_of="o1", amount=Money(1_000_000, "usd"))
    report(business, "refund", external_id="r2", refund_of="o2", amount=Money(3_000_000, "usd"))
    report(business, external_id="o0", source=ConversionSource.CSV)
    report(business, external_id="nobodys")
    report(business, "lead", external_id="l", customer="c9", click=click(anas_link, visitor="visitor-of-test9"))
    report(business, external_id="own", email=ana.email, click=click(anas_link, visitor="visitor-of-test8"))
    leads = [make.consent(make.accept(make.make_lead(bounty, by=ana)), email=f"{name}@example.com") for name in ("kim", "lee", "mia")]
    for lead in leads:
        said = do(say_bought, lead, amount=make.SALE, bought_on=clock.now().date(), is_proven=True)
        do(deny_word, said, by=make.owner_of(business), why="They never came to us.")
    make.win(again(leads[0]))  # As by a ruling: what is stored of the word stays rejected.
    do(open_dispute, again(leads[1]), DisputeKind.UNTRACKED, by=ana, text="They drive it.", claim=Claim(clock.now().date(), make.SALE))
    with transaction():
        sold = db.session.scalars(select(Report).filter_by(external_id="o3")).one()
        [reward] = rewards_of_lead(db.session.get_one(Lead, sold.lead_id))
        release_reward(reward.id)
    every = program.get("/conversions").json["data"]
    assert {one["state"] for one in every} == set(STATES) - {"received"}
    assert [one["state"] for one in every if one["source"] == "buyer_confirmed"] == ["rejected", "disputed", "pending"]
    for state in STATES:
        assert program.get("/conversions", state=state).json["data"] == [one for one in every if one["state"] == state], state
    assert program.get("/conversions", state="counted").status_code == 422


def test_the_referrer_reads_why_it_is_theirs_and_not_the_shops_order_numbers(app, shop):
    business, program, anas, ana = shop
    sold = program.must("/conversions", {**SALE, "click": anas})
    program.must("/conversions", {"external_id": "back-1", "kind": "refund", "refund_of": "order-1", "amount": "10.00",
                                  "currency": "usd"})
    twice = report(business, source=ConversionSource.CSV, external_id="order-1").report.id
    for one in (sold["id"], twice):
        read = Program(app, ana).get(f"/conversions/{one}")
        assert read.json["external_id"] is None and read.json["why"] and "order-1" not in read.text
    assert program.get(f"/conversions/{twice}").json["external_id"] == "order-1"


def test_a_batch_answers_each_item_in_its_place(shop):
    _, program, anas, _ = shop
    items = [{**SALE, "click": anas}, {"external_id": "no-amount"}, {**SALE, "external_id": "o3", "customer": "x", "colour": "red"},
             {"kind": "refund", "external_id": "r", "refund_of": "order-1", "amount": "300.00", "currency": "usd"}, 7]
    refused = program.post("/conversions/batch", {"conversions": items})
    assert refused.status_code == 422
    answer = program.post("/conversions/batch", {"conversions": items[:4]}).json
    first, second, third, back = answer["results"]
    assert (answer["taken"], answer["refused"]) == (2, 2)
    assert first["conversion"]["state"] == "pending" and back["conversion"]["state"] == "approved"
    assert second["problem"]["errors"] == {"amount": ["What they paid, without taxes and shipping."]}
    assert third["external_id"] == "o3" and "colour" in third["problem"]["errors"]


def test_nothing_of_another_business_is_seen_reported_or_named(shop, app):
    business, program, anas, ana = shop
    sold = program.post("/conversions", {**SALE, "click": anas}).json
    other = Program(app, make.owner_of(make.make_business(name="Eastside Cars")))
    assert other.get(f"/conversions/{sold['id']}").status_code == 404 and other.get("/conversions").json["data"] == []
    assert other.post("/conversions", {**SALE, "business_id": business.id}).status_code == 404
    named = other.post("/conversions", {**SALE, "lead_id": sold["lead_id"], "click": anas}).json
    assert (named["state"], named["lead_id"], named["rewards"]) == ("unmatched", None, [])
    assert Program(app, make.make_user()).post("/conversions", SALE).json["code"] == "which_business"
    assert Program(app, ana).get(f"/conversions/{sold['id']}").json["state"] == "pending"  # Hers by the lead.
    reader = Program(app, make.owner_of(business), "conversions:read")
    assert reader.post("/conversions", SALE).json["code"] == "missing_scope"


def test_what_names_a_person_is_kept_nowhere(shop):
    _, program, anas, _ = shop
    for kind, more in (("sale", {"amount": "10.00", "currency": "usd", "click": anas}), ("lead", {})):
        program.post("/conversions", {"external_id": kind, "kind": kind, "email": "dave.plant@example.net",
                                      "customer": "customer-plant-77", **more}, key=kind)
    end_reading()
    assert places_of("dave.plant@example.net", "customer-plant-77") == set()
