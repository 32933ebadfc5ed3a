"""What a lead earns, for programs."""
import pytest

from marketplace.bounties.models import For, Happening, NonCash, RewardKind
from tests import factories as make
from tests.referrals.steps import again


@pytest.fixture
def sold(westside, ana, mona):
    bounty = make.make_bounty(westside, is_live=True, rules=[
        make.flat(20_000, happening=Happening.QUALIFIED), make.flat(100_000), make.flat(5_000, whom=For.BUYER),
        make.flat(10_000, happening=Happening.RENEWAL, times=1),
        {"kind": RewardKind.NON_CASH, "thing": NonCash.THANK_YOU, "words": "A cake"}])
    lead = make.consent(make.accept(make.make_lead(bounty, by=ana), by=mona))
    make.win(lead)
    return again(lead)


RENEWAL = {"amount": "500.00", "currency": "usd", "occurred_on": "2026-11-02", "order_number": "O-2"}


def test_conversions_say_which_part_for_whom_and_what_comes_next(sold, ana, westside, program):
    for person in (ana, make.owner_of(westside)):
        found = program(person).get(f"/leads/{sold.id}/conversions").get_json()["data"]
        assert [(one["kind"], one["amount"] and one["amount"]["amount"]) for one in found] == [
            ("qualified", None), ("sale", "30000.00")]
        assert [(reward["whom"], reward["net"]["minor"]) for reward in found[1]["rewards"]] == [
            ("referrer", 100_000), ("buyer", 5_000)]
        assert "return period" in found[1]["rewards"][0]["next"]
        assert [(thing["thing"], thing["state"]) for thing in found[1]["in_kind"]] == [("thank_you", "owed")]


def test_a_renewal_counts_once_and_not_beyond_the_last(sold, westside, program):
    wes = program(make.owner_of(westside))
    made = wes.post(f"/leads/{sold.id}/renewals", RENEWAL, key="renewal-1")
    assert (made.status_code, made.get_json()["rewards"][0]["amount"]["minor"]) == (201, 10_000)
    assert wes.post(f"/leads/{sold.id}/renewals", RENEWAL, key="renewal-1").get_json() == made.get_json()
    refused = wes.post(f"/leads/{sold.id}/renewals", RENEWAL | {"order_number": "O-3"})
    assert (refused.status_code, refused.get_json()["code"]) == (409, "renewals_used_up")


def test_a_split_is_proposed_and_agreed_to(westside, ana, program):
    lead, tom = make.make_lead(make.make_bounty(westside, is_live=True), by=ana), make.make_user("Tom Berg")
    refused = program(ana).post(f"/leads/{lead.id}/splits", {"own_percent": "50", "parts": [{"email": tom.email, "percent": "49.99"}]})
    assert (refused.status_code, refused.get_json()["code"]) == (422, "bad_split")
    split = program(ana).post(f"/leads/{lead.id}/splits", {"own_percent": "66.67", "parts": [{"email": tom.email, "percent": "33.33"}]})
    assert (split.get_json()["state"], split.get_json()["parts"][0]["percent"]) == ("proposed", "33.33")
    answered = program(tom).post(f"/splits/{split.get_json()['id']}/answers", {"agrees": True})
    assert answered.get_json()["state"] == "agreed"


def test_a_thing_is_offered_done_and_thanked_for(sold, ana, westside, program):
    wes, kind_id = program(make.owner_of(westside)), program(ana).get("/rewards-in-kind").get_json()["data"][0]["id"]
    assert wes.post(f"/rewards-in-kind/{kind_id}/offers", {"offer": "Come by."}).get_json()["state"] == "offered"
    assert wes.post(f"/rewards-in-kind/{kind_id}/fulfilment", {"receipt": "Eaten."}).get_json()["state"] == "fulfilled"
    assert program(ana).post(f"/rewards-in-kind/{kind_id}/thanks").get_json()["state"] == "acknowledged"


def test_how_to_have_a_thing_is_read_by_whom_it_concerns_alone(sold, ana, westside, program):
    """The buyer's code is no business of the referrer's, nor of an answer that is kept to be repeated."""
    wes, kind_id = program(make.owner_of(westside)), program(ana).get("/rewards-in-kind").get_json()["data"][0]["id"]
    offered = wes.post(f"/rewards-in-kind/{kind_id}/offers", {"offer": "Code 4711."}, key="offer-1")
    told = [offered, program(ana).get(f"/leads/{sold.id}/conversions"), wes.get(f"/leads/{sold.id}/conversions")]
    assert all("4711" not in answer.get_data(as_text=True) for answer in told)
    assert "4711" in program(ana).get("/rewards-in-kind").get_data(as_text=True)


def test_renewals_end_when_the_business_says_so(sold, westside, program):
    wes = program(make.owner_of(westside))
    assert wes.post(f"/leads/{sold.id}/renewals-end").status_code == 201
    assert wes.post(f"/leads/{sold.id}/renewals", RENEWAL).get_json()["code"] == "renewals_over"
