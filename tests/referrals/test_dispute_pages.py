"""Disputes by HTTP, in the eyes of both sides, of the buyer as witness, and of the admin."""
from urllib.parse import urlsplit

import pytest

from marketplace.foundation import clock as product_clock
from marketplace.foundation.db import db, transaction
from marketplace.identity.api_keys import create_key
from marketplace.payments.ledger_checks import check_ledger
from marketplace.payments.models import AccountKind
from marketplace.referrals.asking import MAILED, buyer_link
from marketplace.referrals.data_link import data_link
from marketplace.referrals.models import (
    Buyer,
    Conversion,
    ConversionSource,
    Dispute,
    DisputeState,
    RewardState,
    Stage,
    WitnessAnswer,
)
from marketplace.referrals.queries import rewards_of_lead
from marketplace.referrals.stages import change_stage
from tests.browsing import body_of, end_reading, what, words_of
from tests.factories import accept, consent
from tests.referrals.steps import again, do, holds, point

DAVID = "david@example.com"
SAW = "I saw him drive the new car, and he told me where he had it from."
NO = "He came twice and then we never heard of him again."
WHY = "The buyer says that he bought, and names the day and the sum."


@pytest.fixture
def lost(bounty, ana, wes, mona, keep_lead):
    def build():
        lead = consent(accept(point(bounty, ana), by=mona), email=DAVID)
        do(change_stage, lead, Stage.LOST, by=wes, reason="No sale.")
        return lead
    return keep_lead("lost", build)


def only_dispute():
    end_reading()
    return db.session.query(Dispute).populate_existing().one()


def claim(browser, lead, **more):
    typed = {"text": SAW, "amount": "30000", "happened_on": product_clock.now().date().isoformat(), **more}
    return browser.submit(f"/leads/{lead.id}/disputes/new", typed)


def test_a_ghost_close_from_the_claim_to_the_money(lost, bounty, ana, wes, mona, as_user, anonymous, work, mailbox, clock):
    """Introduced, marked as lost, claimed, contested, the buyer asked, ruled, earned, held, transferable."""
    page = words_of(as_user(ana).page(f"/leads/{lost.id}"))
    assert "See it differently?" in page
    said = words_of(as_user(ana).page(f"/leads/{lost.id}/disputes/new"))
    assert "Sold without saying so" in said and "five business days" in said
    assert claim(as_user(ana), lost).status_code == 200
    dispute = only_dispute()
    here, room = f"/disputes/{dispute.id}", f"/admin/disputes/{dispute.id}"
    assert (dispute.state, holds(AccountKind.RESERVED, lost.id)) == (DisputeState.AWAITING_RESPONSE, 105_000)
    work()
    assert "2026" in body_of(mailbox.last_to(wes.email)) and "You have until" in body_of(mailbox.last_to(wes.email))
    said = words_of(as_user(wes).page(here))
    assert SAW in said and "$1,000 at issue" not in said and "It is your turn" in said and "$1,050" in said
    on_the_lead = as_user(wes).page(f"/leads/{lost.id}")
    assert "the other side disputes something with you" in words_of(on_the_lead)
    assert any(link.get("href") == here for link in on_the_lead.find_class("next")[-1].iter("a"))
    assert as_user(wes).page(here).xpath("//*[@id='accept' and contains(@class, 'card')]//form[contains(@action, '/acceptance')]")
    as_user(wes).submit(here, {"text": NO}, action="/objection")
    assert "disputes something with you" not in words_of(as_user(wes).page(f"/leads/{lost.id}"))
    work()
    assert NO in words_of(as_user(ana).page(here)) and "sees it differently" in body_of(mailbox.last_to(ana.email))

    asked = mailbox.link_to(DAVID, "/witness/")
    question = words_of(anonymous.page(asked))
    assert "Did you buy from Westside Auto?" in question and "I would rather not say" in question and "Ana Flores" in question
    assert db.session.query(WitnessAnswer).count() == 0  # Opening it changes nothing.
    answer = anonymous.submit(asked, {"said": "bought", "bought_on": "2026-11-02", "amount": "28000", "note": "Ask my wife."})
    assert "Thank you" in answer.text and "“Yes, I bought from them.” On 2 Nov 2026, for about $28,000." in answer.text
    assert "does not show who opened" not in words_of(as_user(ana).page(here))
    for reader in (ana, wes):
        said = words_of(as_user(reader).page(here))
        assert "Yes, I bought from them" in said and "$28,000" in said and "Ask my wife" not in said and DAVID not in said

        assert "The buyer as witness: “Yes, I bought from them.”" in words_of(as_user(reader).page(f"/leads/{lost.id}"))
    own = urlsplit(buyer_link(again(lost), MAILED)).path
    assert "You answered as a witness" in (page := words_of(anonymous.page(own))) and "$28,000" in page and "Ask my wife" not in page

    buyer = db.session.get_one(Buyer, again(lost).buyer_id)
    theirs = words_of(anonymous.page(data_link(buyer).removeprefix("http://localhost")))
    assert "Yes, I bought from them." in theirs and "$28,000; Ask my wife." in theirs

    assert f'href="/businesses/{bounty.business_id}/disputes"' in as_user(wes).get("/disputes").text
    assert "/businesses/" not in as_user(ana).get("/disputes").text.partition("<main")[2]

    as_user(ana).submit(here, action="/escalation")
    work()
    assert f"/admin/disputes/{dispute.id}" in body_of(mailbox.last_to(mona.email))
    at_home = words_of(as_user(mona).page("/dashboard/admin"))
    assert "Disputes 1none" in at_home
    assert "Nothing waits" not in at_home
    waiting = as_user(mona).get("/admin/disputes").text
    assert dispute.id in waiting and f"{ana.name} and {bounty.business.name}" in waiting
    said = words_of(as_user(mona).page(room))
    assert SAW in said and NO in said and "Ask my wife" in said and "0 lost" in said
    ruled = as_user(mona).submit(room, {"outcome": "resolved_for_claimant", "reason": WHY}, action="/ruling")
    assert "Ruled." in ruled.text
    ended = as_user(mona).get("/admin/disputes").text
    assert "Ended lately" not in waiting and "Ended lately" in ended and f'href="{room}"' in ended
    assert "an admin decided for" in ended and "Nobody waits for a ruling" in ended
    work()
    for reader in (ana, wes):
        assert WHY in body_of(mailbox.last_to(reader.email)) and WHY in words_of(as_user(reader).page(here))
    told = mailbox.last_to(DAVID)
    assert what(told) == "What came of your answer" and "the sale is recorded. What Ana Flores gets" in body_of(told)
    assert "the sale is recorded" in words_of(anonymous.page(own)) and WHY not in body_of(told) and "$1,000" not in body_of(told)
    said, at_theirs = (words_of(as_user(reader).page(here)) for reader in (ana, wes))
    assert "For you" in said and "decided for you" in said and "decided for you" in body_of(mailbox.last_to(ana.email))
    assert "For the referrer" in at_theirs and "decided for you" not in at_theirs
    assert "For you" in words_of(as_user(ana).page("/disputes")) and "For the referrer" in ended

    lead, (sale,) = again(lost), db.session.query(Conversion).all()
    (reward,) = rewards_of_lead(lead)
    assert (lead.stage, sale.source, sale.amount_minor) == (Stage.WON, ConversionSource.BUYER_CONFIRMED, 2_800_000)
    assert (reward.state, holds(AccountKind.HELD, reward.id), holds(AccountKind.RESERVED, lost.id)) == (RewardState.PENDING, 105_000, 0)
    clock.move(days=31)
    work()
    assert rewards_of_lead(again(lost))[0].state is RewardState.PAYABLE and holds(AccountKind.PAYABLE, reward.id) == 100_000
    assert check_ledger() == []
    story = words_of(as_user(ana).page(f"/leads/{lost.id}"))
    assert "The dispute ended for you" in story and "Reward released" in story
    assert "1 dispute lost" in words_of(as_user(mona).page(f"/leads/{lost.id}"))


@pytest.mark.once
def test_a_program_does_the_same(lost, ana, wes, anonymous):
    def ask(user, method, path, body=None):
        with transaction():
            secret = create_key(user, name="Program", scopes=["leads:read", "leads:write"], days=None)[1]
        return anonymous.open(f"/api/v1{path}", method=method, json=body if method == "POST" else None, headers={
            "Authorization": f"Bearer {secret}", "Idempotency-Key": path})

    said = {"kind": "ghost_close", "text": SAW, "amount": "30000.00", "currency": "usd", "happened_on": product_clock.now().date().isoformat()}
    made = ask(ana, "POST", f"/leads/{lost.id}/disputes", said)
    assert made.status_code == 201, made.json
    assert (made.status_code, made.json["state"], made.json["at_issue"]["minor"]) == (201, "awaiting_response", 100_000)
    here = f"/disputes/{made.json['id']}"
    objected = ask(wes, "POST", f"{here}/objections", {"text": NO})
    assert objected.json.get("state") == "contested", objected.json
    assert ask(ana, "POST", f"{here}/escalations", {}).json["state"] == "escalated"
    seen = ask(wes, "GET", here).json
    assert [one["text"] for one in seen["statements"]] == [SAW, NO] and seen["witness"] is None and "An admin decides" in seen["next"]
    assert ask(ana, "POST", f"{here}/withdrawals", {}).json["ended_by"] == "withdrawn"
    assert [one["id"] for one in ask(ana, "GET", "/disputes").json["data"]] == [made.json["id"]]
    late = ask(ana, "POST", f"{here}/statements", {"text": "One thing more."})
    assert (late.status_code, late.json["code"]) == (409, "dispute_over")


@pytest.mark.once
def test_all_that_a_claim_lacks_is_said_at_once(lost, ana, as_user):
    here = f"/leads/{lost.id}/disputes/new?kind=ghost_close"
    empty = as_user(ana).submit(here, action="/disputes/new")
    assert empty.status_code == 422 and "3 things need your attention" in empty.text
    odd = as_user(ana).submit(here, {"amount": "abc", "happened_on": "2026-11-02", "text": "short"}, action="/disputes/new")
    assert odd.status_code == 422 and "2 things need your attention" in odd.text
