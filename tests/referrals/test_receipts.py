"""A yes as data: the same consent receipt for the buyer and the business, without an address in it."""
import json

import pytest

from marketplace.foundation.errors import DomainError
from marketplace.referrals.asking import MAILED, PASSED_ON, buyer_link
from marketplace.referrals.consent import withdraw_consent
from marketplace.referrals.given import NOTICE_VERSION
from marketplace.referrals.receipts import NoReceipt, receipt_for_business, receipt_for_buyer
from tests.factories import accept, consent, make_lead, make_user, owner_of
from tests.referrals.steps import again, do


@pytest.fixture
def agreed(app, clock):
    """David said yes by e-mail."""
    return consent(accept(make_lead()), email="david@example.com")


def kinds(receipt) -> list[str]:
    return [one["@type"] for record in receipt["dpv:hasRecordOfActivity"] for one in record["dpv:hasConsentStatus"]]


def test_it_says_who_may_do_what_for_what_and_until_when(agreed):
    receipt = receipt_for_buyer(agreed)
    [record] = receipt["dpv:hasRecordOfActivity"]
    assert receipt["dct:conformsTo"].endswith("dpv-27560#receipt-record")
    assert record["dpv:hasDataController"]["schema:name"] == "Westside Auto"
    assert "need described in my post" in record["dpv:hasProcess"]["dpv:hasPurpose"]["dct:description"]
    given = [(one["@type"], one["dct:description"].partition(" ")[0]) for one in record["dpv:hasProcess"]["dpv:hasPersonalData"]]
    assert given == [("pd:Name", "Your"), ("pd:EmailAddress", "Your"), ("dpv:PersonalData", "The"), ("dpv:PersonalData", "From")]
    assert record["dpv:hasProcess"]["dpv:hasDuration"]["schema:endDate"]
    assert kinds(receipt) == ["dpv:ConsentGiven"]
    assert record["dpv:hasNotice"]["dct:hasVersion"] == NOTICE_VERSION


def test_of_a_yes_from_before_the_version_of_its_page_was_written_down_none_is_named(app, monkeypatch):
    monkeypatch.setattr("marketplace.referrals.consent.NOTICE_VERSION", "")  # As the trail has it of those.
    [record] = receipt_for_buyer(consent(accept(make_lead())))["dpv:hasRecordOfActivity"]
    assert "dct:hasVersion" not in record["dpv:hasNotice"] and "is not recorded" in record["dpv:hasNotice"]["dct:description"]


def test_both_sides_have_the_same_record_and_no_address_stands_in_it(agreed):
    theirs = receipt_for_buyer(agreed)
    business = receipt_for_business(agreed, seen_by=owner_of(agreed.business))
    assert theirs["dpv:hasRecordOfActivity"] == business["dpv:hasRecordOfActivity"]
    written = json.dumps([theirs, business])
    assert "david@example.com" not in written
    assert "David Brandt" not in written


def test_a_yes_that_was_taken_back_says_so(agreed):
    do(withdraw_consent, agreed)
    assert kinds(receipt_for_buyer(again(agreed))) == ["dpv:ConsentGiven", "dpv:ConsentWithdrawn"]


def test_a_yes_whose_day_is_over_says_so(agreed, later):
    later(days=200)
    assert kinds(receipt_for_buyer(agreed)) == ["dpv:ConsentGiven", "dpv:ConsentExpired"]


def test_before_a_yes_there_is_none_and_the_referrer_has_none(app, agreed):
    with pytest.raises(NoReceipt):
        receipt_for_buyer(accept(make_lead()))
    with pytest.raises(DomainError):
        receipt_for_business(agreed, seen_by=agreed.referrer)
    with pytest.raises(NoReceipt):
        receipt_for_business(agreed, seen_by=make_user())


def test_the_mailed_link_gives_it_as_a_file_and_a_passed_on_link_does_not(agreed, anonymous):
    mailed = buyer_link(agreed, MAILED).removeprefix("http://localhost")
    shown = anonymous.get(mailed).text
    assert f"{mailed}/receipt.json" in shown
    kept = anonymous.get(f"{mailed}/receipt.json")
    assert kept.content_type.startswith("application/ld+json")
    assert "attachment" in kept.headers["Content-Disposition"]
    assert json.loads(kept.text)["@type"] == "dpv:ConsentReceipt"
    passed = buyer_link(agreed, PASSED_ON).removeprefix("http://localhost")
    assert anonymous.get(f"{passed}/receipt.json").status_code == 403


def test_the_business_opens_it_from_the_lead(agreed, as_user):
    wes = as_user(owner_of(agreed.business))
    assert f"/leads/{agreed.id}/consent.json" in wes.get(f"/leads/{agreed.id}").text
    assert json.loads(wes.get(f"/leads/{agreed.id}/consent.json").text)["schema:recipient"] == "dpv:DataController"
    assert as_user(agreed.referrer).get(f"/leads/{agreed.id}/consent.json").status_code == 404
