"""What programs read and do beside leads and sales: businesses, keys, funds, transfers, splits, things, a lead's story."""
from sqlalchemy import delete, select

from marketplace.foundation.db import db, transaction
from marketplace.foundation.idempotency import ApiAnswer
from marketplace.identity.models import ApiKey
from marketplace.payments.models import Funding
from tests import factories as make
from tests.api.program import BOUNTY
from tests.browsing import end_reading


def ids(answer):
    return [one["id"] for one in answer.json["data"]]


def test_a_program_learns_which_businesses_it_acts_for(ana, westside, program):
    theirs = program(make.make_member(westside))
    assert [(one["name"], one["your_role"]) for one in theirs.get("/businesses").json["data"]] == [("Westside Auto", "agent")]
    assert program(ana).get("/businesses").json == {"data": [], "next_cursor": None}
    assert program(ana).get(f"/businesses/{westside.slug}").json["your_role"] is None


def test_drafts_are_listed_to_their_own_people_alone(ana, westside, program):
    theirs = program(make.owner_of(westside))
    draft, live = theirs.must(f"/businesses/{westside.id}/bounties", BOUNTY)["id"], make.make_bounty(westside, is_live=True).id
    assert ids(theirs.get(f"/businesses/{westside.id}/bounties")) == [live, draft]
    assert ids(theirs.get(f"/businesses/{westside.id}/bounties", state="draft")) == [draft]
    assert ids(program(ana).get(f"/businesses/{westside.id}/bounties")) == [live]


def test_the_board_gives_as_many_as_were_asked_for(ana, westside, program):
    for _ in range(3):
        make.make_bounty(westside, is_live=True)
    assert len(ids(program(ana).get("/bounties", limit=2))) == 2
    assert ids(program(ana).get("/bounties", funds="awaited")) == []


# ---- keys


def test_a_key_makes_another_that_may_no_more_and_lives_no_longer(app, ana, program, later):
    maker = program(ana, "keys:write", "keys:read", "leads:read")
    refused = maker.post("/keys", {"name": "More", "scopes": ["leads:read", "leads:write"]})
    assert (refused.status_code, refused.json["code"]) == (403, "beyond_scope")
    made = maker.must("/keys", {"name": "Less", "scopes": ["leads:read"], "days": 30})
    less = program(ana, secret=made["secret"])
    assert less.get("/leads").status_code == 200 and less.get("/keys").status_code == 403
    assert made["key"]["id"] in ids(maker.get("/keys")) and "secret" not in maker.get(f"/keys/{made['key']['id']}").json
    assert maker.must(f"/keys/{made['key']['id']}/revocation")["revoked_at"] and less.get("/leads").status_code == 401


def test_a_key_made_by_one_that_ends_ends_with_it(app, ana, later):
    from tests.api.program import Program, new_key  # noqa: PLC0415

    key, secret = new_key(ana, "keys:write", "leads:read", days=30)
    made = Program(app, ana, secret=secret).must("/keys", {"name": "For ever?", "scopes": ["leads:read"]})
    assert made["key"]["expires_at"] == key.expires_at.isoformat()


def test_all_that_a_stolen_key_made_goes_with_it_in_one_go(app, ana, as_user):
    from tests.api.program import Program, new_key  # noqa: PLC0415

    stolen, secret = new_key(ana, "keys:write", "keys:read")
    made = [Program(app, ana, secret=secret)]
    for name in ("First", "Second"):
        made.append(Program(app, ana, secret=made[-1].must("/keys", {"name": name, "scopes": ["keys:write", "keys:read"]})["secret"]))
    own = Program(app, ana, secret=new_key(ana, "keys:write", "keys:read")[1])
    by_id = {one["id"]: one["made_by"] for one in own.get("/keys").json["data"]}
    assert list(by_id.values()).count(None) == 2 and by_id[stolen.id] is None
    page = as_user(ana)
    assert "made by the key" in page.get("/settings/keys").text
    own.must(f"/keys/{stolen.id}/revocation")
    assert [one.get("/keys").status_code for one in made] == [401, 200, 200]  # As one that gives way to the one it made.
    said = page.submit("/settings/keys", press="Revoke the 2 keys that it made").text
    assert "and with it the 2 keys that it made" in said and "Revoke the" not in said
    assert [one.get("/keys").status_code for one in (*made, own)] == [401, 401, 401, 200]


def test_of_a_key_that_is_forgotten_no_empty_card_stays(app, ana, as_user):
    from tests.api.program import Program, new_key  # noqa: PLC0415

    maker, secret = new_key(ana, "keys:write", "keys:read")
    Program(app, ana, secret=secret).must("/keys", {"name": "First", "scopes": ["keys:read"]})
    page = as_user(ana)
    assert "Made by a key" in page.get("/settings/keys").text
    with transaction():
        db.session.execute(delete(ApiKey).where(ApiKey.id == maker.id))
    said = page.get("/settings/keys").text
    assert "made by a key that is gone" in said and "Made by a key" not in said


def test_the_secret_of_a_new_key_is_told_once(ana, program):
    hers, asked = program(ana), {"name": "Shop", "scopes": ["leads:read"]}
    first, again = hers.post("/keys", asked, key="k"), hers.post("/keys", asked, key="k")
    assert first.json["secret"].startswith("fp_") and again.json == {**first.json, "secret": None}
    end_reading()
    assert first.json["secret"] not in (db.session.scalars(select(ApiAnswer.body)).one() or "")


# ---- money


def test_funds_are_seen_paid_in_and_taken_back(westside, program, work, stripe_sandbox):
    theirs, bounty = program(make.owner_of(westside)), make.make_bounty(westside)
    made = theirs.must(f"/bounties/{bounty.id}/fundings", {"amount": "1050"})
    assert (made["state"], made["checkout_url"]) == ("requested", None)
    opened = theirs.get(f"/fundings/{made['id']}").json
    assert opened["state"] == "open" and opened["checkout_url"].startswith("http")
    end_reading()
    stripe_sandbox.control.pay_checkout(db.session.get_one(Funding, made["id"]).checkout_session_id)
    stripe_sandbox.control.deliver_webhooks()
    work()
    funds = theirs.get(f"/bounties/{bounty.id}/funds").json
    assert [funds[name]["amount"] for name in ("free", "reserved", "refundable", "one_lead")] == ["1050.00", "0.00", "1050.00", "1050.00"]
    assert theirs.get(f"/fundings/{made['id']}").json["checkout_url"] is None
    refused = theirs.post(f"/bounties/{bounty.id}/refunds", {"amount": "1049.99"})
    assert (refused.status_code, refused.json["code"]) == (409, "plan_changed")
    assert theirs.must(f"/bounties/{bounty.id}/refunds", {"amount": "1050"})["free"]["minor"] == 0
    assert ids(theirs.get(f"/businesses/{westside.id}/fundings", state="paid", bounty_id=bounty.id)) == [made["id"]]
    assert ids(theirs.get(f"/businesses/{westside.id}/fundings", state="open")) == []


def test_a_closed_bounty_takes_no_funds(westside, program):
    theirs, bounty = program(make.owner_of(westside)), make.make_bounty(westside, is_live=True)
    theirs.must(f"/bounties/{bounty.id}/closure")
    assert theirs.post(f"/bounties/{bounty.id}/fundings", {"amount": "100"}).json["code"] == "bounty_ended"


# ---- leads


def test_a_leads_story_is_that_of_the_reader(ana, mona, westside, program):
    lead = make.accept(make.make_lead(make.make_bounty(westside, is_live=True), by=ana), by=mona)
    hers, theirs = program(ana).get(f"/leads/{lead.id}/story").json, program(make.owner_of(westside)).get(f"/leads/{lead.id}/story").json
    assert "Pointed out" in [one["title"] for one in hers["story"]] and "Pointed out" not in [one["title"] for one in theirs["story"]]
    assert hers["next"] and theirs["next"]


def test_leads_are_found_by_bounty_stage_and_consent(ana, mona, westside, program):
    one, two = (make.make_bounty(westside, is_live=True) for _ in range(2))
    first = make.accept(make.make_lead(one, by=ana), by=mona)
    second = make.consent(make.accept(make.make_lead(two, by=ana), by=mona))
    theirs = program(make.owner_of(westside))
    assert ids(theirs.get("/leads", bounty_id=one.id)) == [first.id]
    assert ids(theirs.get("/leads", consent="granted", stage="new")) == [second.id]
    assert ids(theirs.get("/leads", business_id="biz_other")) == []


def test_an_admin_takes_decides_and_undoes_by_api(ana, mona, westside, program):
    lead = make.review_lead(make.make_lead(make.make_bounty(westside, is_live=True), by=ana))
    moderators = program(mona)
    moderators.must(f"/leads/{lead.id}/claim")
    moderators.must(f"/leads/{lead.id}/rejection", {"reason_code": "spam"})
    assert moderators.must(f"/leads/{lead.id}/undoing", {})["moderation"] == "in_review"
    noor = make.make_user("Noor Haddad", is_admin=True)
    assert program(noor).post(f"/leads/{lead.id}/rejection", {"reason_code": "spam"}).json["code"] == "claimed"
    moderators.must(f"/leads/{lead.id}/escalation", {"note": "Is he looking at all?"})
    program(noor).must(f"/leads/{lead.id}/acceptance", {})
    assert program(noor).must(f"/leads/{lead.id}/telling")["tell_at"] is None
    assert program(ana).get(f"/leads/{lead.id}").json["moderation"] == "accepted"


def test_splits_are_listed_to_whom_they_concern(ana, westside, program):
    lead, tom = make.make_lead(make.make_bounty(westside, is_live=True), by=ana), make.make_user("Tom Berg")
    split = program(ana).must(f"/leads/{lead.id}/splits", {"own_percent": "50", "parts": [{"email": tom.email, "percent": "50"}]})
    for person in (ana, tom):
        assert ids(program(person).get("/splits")) == [split["id"]]
        assert program(person).get(f"/splits/{split['id']}").json == split
    assert ids(program(make.owner_of(westside)).get("/splits")) == []
    assert program(ana).must(f"/splits/{split['id']}/withdrawal")["state"] == "withdrawn"
