"""Pointing at a buyer: who may, who was first, and who asked to be left alone."""
import pytest
from sqlalchemy.exc import IntegrityError

from marketplace.bounties.publishing import pause_bounty
from marketplace.foundation.db import db
from marketplace.foundation.errors import Forbidden
from marketplace.foundation.states import IllegalMove
from marketplace.referrals import pointing
from marketplace.referrals.lifecycle import move
from marketplace.referrals.models import Buyer, EvidenceState, Lead, Moderation
from marketplace.referrals.pointing import AlreadyPointed, BountyNotOpen, NoEvidence, SelfReferral, withdraw_lead
from marketplace.referrals.schemas import PointInput
from marketplace.referrals.suppression import Suppressed, hash_email, hash_phone, hash_post, suppress
from tests.factories import make_bounty, make_business, make_member, make_user
from tests.referrals.steps import PLAIN_QUOTE, actions_on, again, do, point

URL = "https://david.example/2026/car"


def test_a_lead_begins_submitted_under_the_terms_of_that_day(bounty, ana):
    lead = point(bounty, ana, url=URL)
    assert (lead.moderation, lead.terms_id, lead.referrer_id) == (Moderation.SUBMITTED, bounty.terms.id, ana.id)
    assert lead.evidence.state is EvidenceState.PENDING
    assert actions_on(lead.id) == ["lead.submitted"]


def test_a_text_needs_no_reading(bounty, ana, work):
    lead = point(bounty, ana)
    assert lead.evidence.state is EvidenceState.GIVEN
    work()
    assert again(lead).moderation is Moderation.IN_REVIEW


def test_pointing_needs_an_address_or_a_text(bounty, ana):
    with pytest.raises(NoEvidence) as refusal:
        point(bounty, ana, url=None)
    assert "url" in refusal.value.fields


@pytest.mark.parametrize(("field", "words", "shows"), [
    ("quote", "I am in the market for a car, write to david.b@mail.example", "an e-mail address"),
    ("how_known", "I read his blog; he answers at (619) 555-2368.", "a phone number"),
    ("said_where", "WhatsApp, 0171 1234567", "a phone number"), ("age_reason", "He says so: d@mail.example.", "an e-mail address"),
    ("quote", "A house for 350000 - 400000 near 90210-1234 until 2026-12-01, 80 000 km", ""), ("how_known", "He is @david@mastodon.example", ""),
])
def test_how_to_reach_them_stays_out_of_the_words_that_a_business_reads(field, words, shows):
    given = {"quote": PLAIN_QUOTE, "acquaintance": "online", "how_known": "I read his blog.", field: words}
    refused = PointInput().validate(given)
    assert (list(refused), bool(shows) and f"This shows {shows}. Leave it out" in refused[field][0]) == ([field] if shows else [], bool(shows))


def test_pointing_needs_a_confirmed_address(bounty, app):
    with pytest.raises(Forbidden):
        point(bounty, make_user(is_confirmed=False))


def test_the_business_cannot_point_at_its_own_bounty(bounty, wes, westside):
    for person in (wes, make_member(westside)):
        with pytest.raises(SelfReferral):
            point(bounty, person)


def test_nobody_can_point_at_themselves(bounty, ana):
    with pytest.raises(SelfReferral) as refusal:
        point(bounty, ana, buyer_email=ana.email)
    assert "buyer_email" in refusal.value.fields


def test_a_paused_bounty_takes_no_leads(bounty, ana, wes):
    do(pause_bounty, bounty, by=wes)
    with pytest.raises(BountyNotOpen):
        point(bounty, ana)


@pytest.mark.parametrize("other_spelling", [
    "https://david.example/2026/car?utm_source=mail", "https://www.david.example/2026/car/", "http://DAVID.example/2026/car#top"])
def test_the_second_to_point_at_a_post_gets_a_duplicate_however_the_address_is_spelled(bounty, ana, other_spelling, mailbox, work):
    first = point(bounty, ana, url=URL)
    bo = make_user("Bo Li")
    second = point(bounty, bo, url=other_spelling)
    assert (second.moderation, second.duplicate_of_id) == (Moderation.DUPLICATE, first.id)
    work()
    assert "faster" in str(mailbox.last_to(bo.email)["Subject"])


def test_the_second_to_point_at_an_address_gets_a_duplicate(bounty, ana):
    first = point(bounty, ana, url=URL, buyer_email="david@example.com")
    second = point(bounty, make_user("Bo Li"), buyer_email="david@example.com")
    assert second.duplicate_of_id == first.id


@pytest.mark.parametrize("urls", [(URL, URL), ("https://x.com/dave/status/1", "https://x.com/Dave/status/2")])
def test_who_was_not_there_yet_at_the_first_look_is_still_the_first(bounty, ana, monkeypatch, urls):
    """The other one commits between the look and the row: then the unique index says so."""
    first, look, seen = point(bounty, ana, url=urls[0]), pointing.find_live_twin, []

    def look_too_early(lead):
        seen.append(lead)
        return look(lead) if len(seen) > 1 else None

    monkeypatch.setattr(pointing, "find_live_twin", look_too_early)
    second = point(bounty, make_user("Bo Li"), url=urls[1])
    assert (second.moderation, second.duplicate_of_id) == (Moderation.DUPLICATE, first.id)
    assert actions_on(second.id) == ["lead.submitted", "lead.duplicate"]


def test_what_the_database_refuses_for_another_reason_is_no_duplicate(bounty, ana):
    with pytest.raises(IntegrityError):
        point(bounty, ana, how_known=None)
    assert db.session.query(Lead).count() == 0


def test_the_same_referrer_is_told_instead(bounty, ana):
    point(bounty, ana, url=URL)
    with pytest.raises(AlreadyPointed):
        point(bounty, ana, url=URL + "?ref=x")


def test_another_business_may_be_pointed_at_the_same_post(bounty, ana):
    point(bounty, ana, url=URL)
    other = make_bounty(make_business(make_user(), "Eastside Auto"), is_live=True)
    assert point(other, ana, url=URL).moderation is Moderation.SUBMITTED


def test_a_lead_that_was_taken_back_makes_room(bounty, ana):
    do(withdraw_lead, point(bounty, ana, url=URL), by=ana)
    assert point(bounty, make_user("Bo Li"), url=URL).moderation is Moderation.SUBMITTED


def test_only_the_referrer_takes_a_lead_back_and_only_before_a_decision(bounty, ana, mona):
    lead = point(bounty, ana)
    with pytest.raises(Forbidden):
        do(withdraw_lead, lead, by=mona)
    do(withdraw_lead, lead, by=ana)
    assert again(lead).moderation is Moderation.WITHDRAWN
    with pytest.raises(IllegalMove):
        do(move, again(lead), Moderation.IN_REVIEW, by=ana.id)


@pytest.mark.parametrize("given", [{"url": URL}, {"buyer_email": "david@example.com"}])
def test_whoever_asked_never_to_be_contacted_is_not_pointed_at(bounty, ana, given):
    for _ in range(2):  # Said again, of another lead perhaps, it counts once.
        do(suppress, hash_post(URL), hash_email("david@example.com"), hash_phone("+16195550100"), None)
    with pytest.raises(Suppressed):
        point(bounty, ana, **given)


def test_what_is_known_of_a_buyer_is_encrypted_and_found_by_its_hash_only(bounty, ana):
    lead = point(bounty, ana, buyer_name="David", buyer_email="david@example.com")
    kept = db.session.connection().exec_driver_sql(f"SELECT email, name FROM buyers WHERE id = '{lead.buyer_id}'").one()
    assert "david" not in (kept.email + kept.name).lower()
    assert db.session.get_one(Buyer, lead.buyer_id).email == "david@example.com"
