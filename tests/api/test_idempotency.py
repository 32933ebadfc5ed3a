"""One Idempotency-Key, one deed, one answer: repeated, crossed with another body, sent by two at once."""
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from marketplace.bounties.models import Bounty
from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import db
from marketplace.foundation.idempotency import KEPT_FOR, ApiAnswer
from marketplace.referrals.models import Lead
from tests import factories as make
from tests.api.program import BOUNTY, LEAD
from tests.browsing import end_reading


def how_many(model: type) -> int:
    end_reading()
    return db.session.scalar(select(func.count()).select_from(model)) or 0


@pytest.fixture
def theirs(westside, program):
    return program(make.owner_of(westside))


@pytest.fixture
def address(westside) -> str:
    return f"/businesses/{westside.id}/bounties"


def test_the_same_call_again_is_answered_alike_and_done_once(theirs, address):
    first = theirs.post(address, BOUNTY, key="k-1")
    again = theirs.post(address, BOUNTY, key="k-1")
    assert first.status_code == again.status_code == 201 and again.json == first.json
    assert again.headers["Idempotent-Replayed"] == "true" and "Idempotent-Replayed" not in first.headers
    assert how_many(Bounty) == 1
    assert theirs.post(address, BOUNTY, key="k-2").json["id"] != first.json["id"]
    assert theirs.post(address, BOUNTY).status_code == theirs.post(address, BOUNTY).status_code == 201  # No key, no memory.
    assert how_many(Bounty) == 4


def test_the_same_key_for_another_request_is_refused(theirs, address):
    made = theirs.post(address, BOUNTY, key="k").json
    for path, body in ((address, {**BOUNTY, "reward": "999.00"}), (f"/bounties/{made['id']}/terms", BOUNTY),
                       (f"/bounties/{made['id']}/pause", None)):
        refused = theirs.post(path, body, key="k")
        assert (refused.status_code, refused.json["code"]) == (409, "idempotency_key_reused")
    assert how_many(Bounty) == 1


def test_a_key_belongs_to_one_person(ana, program):
    bounty, tom = make.make_bounty(is_live=True), make.make_user("Tom Berg")
    hers = program(ana).post("/leads", {**LEAD, "bounty_id": bounty.id}, key="k")
    his = program(tom).post("/leads", {**LEAD, "text": LEAD["text"] + " Soon.", "bounty_id": bounty.id}, key="k")
    assert hers.status_code == his.status_code == 201 and hers.json["id"] != his.json["id"]


def test_a_refusal_is_not_remembered(theirs, address, westside):
    bounty = theirs.must(address, BOUNTY)
    assert theirs.post(f"/bounties/{bounty['id']}/publication", key="k").status_code == 409
    end_reading()
    make.fund_bounty(db.session.get_one(Bounty, bounty["id"]))
    assert theirs.post(f"/bounties/{bounty['id']}/publication", key="k").json["state"] == "live"
    assert theirs.post(address, {**BOUNTY, "reward": "lots"}, key="k-2").status_code == 422
    assert theirs.post(address, BOUNTY, key="k-2").status_code == 201


def test_after_its_time_a_key_is_new_again(theirs, address, later):
    first = theirs.post(address, BOUNTY, key="k").json["id"]
    later(seconds=KEPT_FOR.total_seconds() + 1)
    second = theirs.post(address, BOUNTY, key="k").json["id"]
    assert second != first and theirs.post(address, BOUNTY, key="k").json["id"] == second


@pytest.mark.parametrize("key", ["x" * 256, "two words", "ümlaut", "a\tb"])
def test_a_key_that_cannot_be_kept_is_refused(theirs, address, key):
    refused = theirs.post(address, BOUNTY, key=key)
    assert (refused.status_code, refused.json["code"]) == (422, "bad_idempotency_key") and how_many(Bounty) == 0


@pytest.mark.usefixtures("all_cores")
def test_two_at_once_do_it_once_and_hear_the_same(app, ana, program):
    bounty_id = make.make_bounty(is_live=True, funded_for=9).id
    hers = program(ana)
    together = threading.Barrier(4)

    def send() -> tuple[int, str]:
        together.wait(timeout=20)
        client = app.test_client()
        answer = client.post("/api/v1/leads", json={**LEAD, "bounty_id": bounty_id},
                             headers={"Authorization": f"Bearer {hers.secret}", "Idempotency-Key": "k"})
        return answer.status_code, answer.json["id"]
    hers.get("/leads")  # The key's use is noted once a minute; not in the race.
    with ThreadPoolExecutor(4) as pool:
        answers = {task.result(timeout=30) for task in [pool.submit(send) for _ in range(4)]}
    assert len(answers) == 1 and answers.pop()[0] == 201
    assert how_many(Lead) == 1 and how_many(ApiAnswer) == 1


def test_contact_data_is_never_kept_for_a_replay(theirs, westside):
    lead = make.consent(make.accept(make.make_lead(make.make_bounty(westside, is_live=True))))
    path = f"/leads/{lead.id}/contact-disclosures"
    first, again = theirs.post(path, key="k"), theirs.post(path, key="k")
    assert first.json == again.json and first.json["address"] == "david@example.com"
    end_reading()
    kept = db.session.scalars(select(ApiAnswer)).one()
    assert (kept.status, kept.body) == (None, None)
    disclosed = select(func.count()).select_from(AuditEvent).where(AuditEvent.action == "contact.opened")
    assert db.session.scalar(disclosed) == 2  # Each disclosure is on record.
    assert theirs.post(f"/leads/{lead.id}/stages", {"stage": "introduced"}, key="k").json["code"] == "idempotency_key_reused"


@pytest.mark.usefixtures("all_cores")
def test_the_key_of_a_disclosure_may_race_with_itself(app, theirs, westside):
    lead_id = make.consent(make.accept(make.make_lead(make.make_bounty(westside, is_live=True)))).id
    theirs.get("/leads")
    together = threading.Barrier(3)

    def ask() -> tuple[int, str]:
        together.wait(timeout=20)
        answer = app.test_client().post(f"/api/v1/leads/{lead_id}/contact-disclosures", headers={
            "Authorization": f"Bearer {theirs.secret}", "Idempotency-Key": "k"})
        return answer.status_code, answer.json["address"]
    with ThreadPoolExecutor(3) as pool:
        assert {t.result(timeout=30) for t in [pool.submit(ask) for _ in range(3)]} == {(201, "david@example.com")}
