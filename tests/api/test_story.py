"""David's story by API keys alone, but for David, who needs no account and answers on his page."""
from sqlalchemy import select

from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import db
from tests import factories as make
from tests.api.program import BOUNTY, LEAD
from tests.browsing import end_reading


def test_the_whole_story_by_api(app, ana, mona, westside, program, anonymous, work, later, mailbox):
    hers, moderators, theirs = program(ana), program(mona), program(make.owner_of(westside))

    # Westside drafts a bounty, cannot publish it without funds, funds it, publishes it.
    bounty = theirs.must(f"/businesses/{westside.id}/bounties", BOUNTY)
    assert (bounty["state"], bounty["terms"]["number"], bounty["published_at"]) == ("draft", 1, None)
    assert bounty["terms"]["highest_reward"] == {"amount": "1000.00", "minor": 100_000, "currency": "usd"}
    assert bounty["business_name"] == "Westside Auto" and len(bounty["terms"]["in_words"]) >= 5
    assert hers.get(f"/bounties/{bounty['id']}").status_code == 404
    refused = theirs.post(f"/bounties/{bounty['id']}/publication")
    assert (refused.status_code, refused.json["code"]) == (409, "not_funded")
    fund(bounty["id"])
    live = theirs.must(f"/bounties/{bounty['id']}/publication")
    assert live["state"] == "live" and live["published_at"].endswith("+00:00")

    # Ana finds it, sees what she would earn, points at David.
    assert [b["id"] for b in hers.get("/bounties", q="car", category="cars", place="denver").json["data"]] == [bounty["id"]]
    assert hers.get("/bounties", q="boat").json == {"data": [], "next_cursor": None}
    preview = hers.get(f"/bounties/{bounty['id']}/reward-preview", sale="30,000").json
    assert preview["reward"]["minor"] == 100_000 and preview["fee"]["minor"] == 5_000
    assert preview["lines"][0] == {"words": "The sale", "amount": {"amount": "30000.00", "minor": 3_000_000, "currency": "usd"}}
    lead = hers.must("/leads", {**LEAD, "bounty_id": bounty["id"], "buyer_name": "David", "buyer_email": "david@example.com"})
    assert (lead["moderation"], lead["consent"], lead["stage"], lead["duplicate"]) == ("submitted", "unknown", None, False)
    assert lead["evidence"]["quote"] == LEAD["quote"] and "david@example.com" not in str(lead)
    address = f"/leads/{lead['id']}"
    assert theirs.get(address).status_code == 404  # Not theirs to see before it was accepted.
    work()

    # Mona asks, Ana answers, Mona accepts.
    assert moderators.get("/leads", moderation="in_review").json["data"][0]["id"] == lead["id"]
    asked = moderators.must(f"{address}/questions", {"question": "Where does he live?"})
    assert asked["moderation"] == "needs_info" and asked["tell_at"] is not None
    assert hers.get(address).json["moderation"] == "in_review"  # Until it is told.
    later(minutes=6)
    work()
    assert hers.get(address).json["question"] == "Where does he live?"
    assert hers.must(f"{address}/answers", {"answer": "In Denver, he writes so."})["moderation"] == "submitted"
    work()
    accepted = moderators.must(f"{address}/acceptance", {"version": moderators.get(address).json["version"]})
    assert (accepted["moderation"], accepted["consent"], accepted["stage"]) == ("accepted", "unknown", "new")
    assert theirs.get(address).status_code == 404
    later(minutes=6)
    work()
    assert hers.get(address).json["consent"] == "asked"

    # Westside sees that there is somebody, not who: evidence and address stay closed until David says yes.
    seen = theirs.get(address).json
    assert seen["evidence"] is None and "David" not in str(seen) and LEAD["quote"] not in str(seen)
    assert theirs.get("/leads").json["data"] == [{name: said for name, said in seen.items() if name != "disclosure"}]
    closed = theirs.post(f"{address}/contact-disclosures")
    assert (closed.status_code, closed.json["code"]) == (409, "no_consent")
    early = theirs.post(f"{address}/stages", {"stage": "qualified"})
    assert (early.status_code, early.json["code"]) == (409, "lead_not_open")

    # David says yes on his page.
    page = mailbox.link_to("david@example.com", "/buyer/")
    said = anonymous.submit(page, {"name": "David Brandt", "email": "david@example.com", "channel": "email", "until": "2026-11-13"},
                            action="/yes")
    assert said.status_code == 200
    assert theirs.get(address).json["evidence"]["quote"] == LEAD["quote"]
    contact = theirs.must(f"{address}/contact-disclosures")
    assert contact == {"name": "David Brandt", "channel": "email", "address": "david@example.com", "until": "2026-11-13", "note": ""}
    assert hers.post(f"{address}/contact-disclosures").status_code == 403  # Ana knows him already, but not from us.
    end_reading()
    opened = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "contact.opened")).all()
    assert [(e.subject_id, e.actor_id) for e in opened] == [(lead["id"], make.owner_of(westside).id)]

    # They talk, he buys, the reward is held and then payable.
    assert theirs.must(f"{address}/stages", {"stage": "introduced"})["stage"] == "introduced"
    assert theirs.must(f"{address}/stages", {"stage": "qualified"})["stage"] == "qualified"
    assert theirs.post(f"{address}/stages", {"stage": "won"}).status_code == 422
    sale = theirs.must(f"{address}/sale", {"amount": "30000.00", "currency": "usd", "occurred_on": "2026-11-02", "order_number": "W-1"})
    assert (sale["amount"]["minor"], sale["external_id"], sale["occurred_on"]) == (3_000_000, "W-1", "2026-11-02")
    assert [(r["amount"]["minor"], r["net"]["minor"], r["state"]) for r in sale["rewards"]] == [(100_000, 100_000, "pending")]
    assert hers.get("/rewards").json["data"] == theirs.get("/rewards").json["data"] == sale["rewards"]
    assert program(make.make_user("Tom Berg")).get("/rewards").json == {"data": [], "next_cursor": None}
    again = theirs.post(f"{address}/sale", {"amount": "30000.00", "currency": "usd", "occurred_on": "2026-11-02"})
    assert (again.status_code, again.json["code"]) == (409, "illegal_move")

    # A tenth comes back, so a tenth of the reward does; the same refund counts once.
    refund = {"amount": "3000.00", "currency": "usd", "refund_number": "R-1"}
    after = theirs.must(f"{address}/refunds", refund)
    assert after["state"] == "partially_reversed"
    assert [(r["clawed_back"]["minor"], r["net"]["minor"]) for r in after["rewards"]] == [(10_000, 90_000)]
    twice = theirs.post(f"{address}/refunds", refund)
    assert (twice.status_code, twice.json["code"]) == (409, "refund_known")
    later(days=30)
    work(may_fail=True)  # Ana has no Stripe account yet; the reward is hers all the same.
    assert hers.get("/rewards").json["data"][0]["state"] in {"payable", "scheduled"}

    # The bounty changes, pauses and closes; what was promised to Ana does not.
    changed = theirs.must(f"/bounties/{bounty['id']}/terms", {**BOUNTY, "reward": "500.00"})
    assert (changed["terms"]["number"], changed["terms"]["highest_reward"]["minor"]) == (2, 50_000)
    assert hers.get(address).json["terms_id"] == bounty["terms"]["id"]
    assert theirs.must(f"/bounties/{bounty['id']}/pause")["state"] == "paused"
    assert theirs.must(f"/bounties/{bounty['id']}/closure")["state"] == "closed"
    gone = theirs.post(f"/bounties/{bounty['id']}/publication")
    assert gone.status_code == 409


def fund(bounty_id: str) -> None:
    from marketplace.bounties.models import Bounty  # noqa: PLC0415

    end_reading()
    make.fund_bounty(db.session.get_one(Bounty, bounty_id), leads=3)


def test_a_rejection_says_why_and_can_be_appealed_once(ana, mona, program, work, later):
    bounty = make.make_bounty(is_live=True)
    hers, moderators = program(ana), program(mona)
    lead = hers.must("/leads", {**LEAD, "bounty_id": bounty.id})
    work()
    address = f"/leads/{lead['id']}"
    vague = moderators.post(f"{address}/rejection", {"reason_code": "out_of_scope"})
    assert vague.status_code == 422 and "missed_criterion" in vague.json["errors"]
    rejected = moderators.must(f"{address}/rejection", {
        "reason_code": "out_of_scope", "missed_criterion": "Lives in Denver", "note": "He lives in Boston."})
    assert (rejected["moderation"], rejected["reason_code"], rejected["missed_criterion"], rejected["reason_note"]) == (
        "rejected", "out_of_scope", "Lives in Denver", "He lives in Boston.")
    assert hers.post(f"{address}/appeals", {"why": "I was not told yet."}).json["code"] == "not_refused"
    later(minutes=6)
    work()
    assert hers.must(f"{address}/appeals", {"why": "He writes that he moves here next week."})["moderation"] == "in_review"
    again = moderators.post(f"{address}/rejection", {"reason_code": "spam"})
    assert (again.status_code, again.json["code"]) == (403, "second_admin_needed")
    program(make.make_user("Nils Berg", is_admin=True)).must(f"{address}/rejection", {"reason_code": "spam"})
    assert hers.post(f"{address}/appeals", {"why": "But he really does move here."}).status_code == 409


def test_a_lead_is_taken_back_before_a_decision_and_not_after(ana, mona, program, work, later):
    bounty = make.make_bounty(is_live=True)
    hers = program(ana)
    lead = hers.must("/leads", {**LEAD, "bounty_id": bounty.id})
    assert hers.must(f"/leads/{lead['id']}/withdrawal")["moderation"] == "withdrawn"
    other = hers.must("/leads", {**LEAD, "bounty_id": bounty.id, "text": LEAD["text"] + " Soon."})
    work()
    program(mona).must(f"/leads/{other['id']}/acceptance", {})
    later(minutes=6)
    work()
    assert hers.post(f"/leads/{other['id']}/withdrawal").status_code == 409


def test_what_a_buyer_takes_back_is_closed_again(app, westside, program):
    from marketplace.foundation.db import transaction  # noqa: PLC0415
    from marketplace.referrals.consent import withdraw_consent  # noqa: PLC0415

    theirs = program(make.owner_of(westside))
    lead = make.consent(make.accept(make.make_lead(make.make_bounty(westside, is_live=True))))
    address = f"/leads/{lead.id}"
    assert theirs.get(address).json["evidence"] and theirs.post(f"{address}/contact-disclosures", key="k").status_code == 201
    with transaction():
        withdraw_consent(lead, never=False)
    assert theirs.get(address).json["evidence"] is None
    assert theirs.post(f"{address}/contact-disclosures").status_code == 409
    assert theirs.post(f"{address}/contact-disclosures", key="k").status_code == 409  # Nor is it replayed from a note.
