"""An admin decides; silence decides for the referrer; every refusal has a reason and a second look."""
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine, text

from marketplace.bounties.drafting import change_bounty
from marketplace.bounties.models import BountyState
from marketplace.bounties.publishing import close_bounty, return_free_funds
from marketplace.foundation.crypto import decrypt
from marketplace.foundation.db import db
from marketplace.foundation.errors import Forbidden, Invalid
from marketplace.foundation.outbox import promise
from marketplace.foundation.show import day_in_words
from marketplace.foundation.states import IllegalMove
from marketplace.foundation.web import StaleForm
from marketplace.identity.models import MemberRole, Membership
from marketplace.payments.models import AccountKind
from marketplace.referrals.appeals import AppealUsed, NotRefused, appeal_decision, may_be_appealed
from marketplace.referrals.consent import refuse_consent
from marketplace.referrals.deadlines import add_business_days, decision_due
from marketplace.referrals.legal_clocks import told_by
from marketplace.referrals.models import Buyer, Consent, EvidenceState, Moderation, ReasonCode, Stage
from marketplace.referrals.moderation import (
    FundsGone,
    accept_by_default,
    accept_lead,
    answer_info,
    ask_for_info,
    reject_lead,
)
from marketplace.referrals.pointing import withdraw_lead
from marketplace.referrals.queries import moderation_queue
from marketplace.referrals.suppression import Suppressed, hash_post, suppress
from tests.browsing import body_of, what, words_of
from tests.factories import TERMS, accept, make_bounty, make_user, owner_of, review_lead
from tests.old_database import migrate, old_database
from tests.privacy.everything import places_of
from tests.referrals.steps import again, decide, do, holds, point


@pytest.fixture
def lead(bounty, ana, keep_lead):
    return keep_lead("in review", lambda: review_lead(point(bounty, ana)))


def test_acceptance_reserves_the_highest_cost_and_asks_the_buyer(bounty, lead, mona):
    decide(accept_lead, lead, by=mona)
    lead = again(lead)
    assert (lead.moderation, lead.consent, lead.stage) == (Moderation.ACCEPTED, Consent.ASKED, Stage.NEW)
    assert holds(AccountKind.RESERVED, lead.id) == 105_000
    assert holds(AccountKind.FUNDS, bounty.id) == 210_000
    assert (lead.protected_until - lead.accepted_at).days == 90


def test_the_last_reservation_pauses_the_bounty(ana, mona, work, mailbox):
    bounty = make_bounty(funded_for=1, is_live=True)
    lead, owner = review_lead(point(bounty, ana)), owner_of(bounty.business)
    decide(accept_lead, lead, by=mona)
    assert again(lead).bounty.state is BountyState.PAUSED
    work()
    assert "is paused" in " ".join(str(mail["Subject"]) for mail in mailbox.to(owner.email))


def test_only_an_admin_without_a_stake_decides(lead, ana, wes, westside, mona):
    for person in (ana, wes, make_user()):
        with pytest.raises(Forbidden):
            decide(accept_lead, lead, by=person)
    both = make_user(is_admin=True)
    do(lambda: db.session.add(Membership(business_id=westside.id, user_id=both.id, role=MemberRole.AGENT)))
    db.session.refresh(both)
    with pytest.raises(Forbidden):
        decide(accept_lead, lead, by=both)
    assert again(lead).moderation is Moderation.IN_REVIEW


def test_an_admin_who_pointed_does_not_decide(bounty):
    pointer = make_user(is_admin=True)
    lead = review_lead(point(bounty, pointer))
    for act in (accept_lead, lambda lead, by: reject_lead(lead, by=by, reason_code=ReasonCode.SPAM),
                lambda lead, by: ask_for_info(lead, by=by, question="Why?")):
        with pytest.raises(Forbidden):
            do(act, lead, by=pointer)


def test_a_decision_on_an_old_page_is_refused(lead, mona):
    seen = lead.version
    decide(ask_for_info, lead, by=make_user(is_admin=True), question="Who is it?")
    for act in (lambda: accept_lead(lead, by=mona, version=seen),
                lambda: reject_lead(lead, by=mona, reason_code=ReasonCode.SPAM, version=seen),
                lambda: ask_for_info(lead, by=mona, question="Why?", version=seen)):
        with pytest.raises(StaleForm):
            do(act)


def test_a_decision_is_made_once(lead, mona):
    decide(accept_lead, lead, by=mona)
    with pytest.raises(IllegalMove):
        decide(reject_lead, lead, by=mona, reason_code=ReasonCode.SPAM)
    assert holds(AccountKind.RESERVED, lead.id) == 105_000


@pytest.mark.parametrize("code", [ReasonCode.OUT_OF_SCOPE, ReasonCode.NOT_A_BUYER])
def test_these_rejections_quote_the_criterion_that_was_missed(lead, mona, code):
    with pytest.raises(Invalid) as refusal:
        decide(reject_lead, lead, by=mona, reason_code=code)
    assert "missed_criterion" in refusal.value.fields
    with pytest.raises(Invalid):
        decide(reject_lead, lead, by=mona, reason_code=code, missed_criterion="Has a nice hat")
    decide(reject_lead, lead, by=mona, reason_code=code, missed_criterion=TERMS["criteria"][0], note="Sorry.")
    assert again(lead).missed_criterion == TERMS["criteria"][0]


def test_the_referrer_reads_the_reason(lead, ana, mona, work, mailbox):
    decide(reject_lead, lead, by=mona, reason_code=ReasonCode.OUT_OF_SCOPE, missed_criterion=TERMS["criteria"][1], note="Sorry.")
    work()
    said = mailbox.last_to(ana.email).get_body(("plain",)).get_content()
    assert TERMS["criteria"][1] in said and "Sorry." in said and "appeal" in said


def test_the_criterion_is_one_of_the_terms_of_that_day(bounty, lead, mona, wes):
    do(change_bounty, bounty, by=wes, title=bounty.title, offer=bounty.offer, **{**TERMS, "criteria": ["Something new"]})
    with pytest.raises(Invalid):
        decide(reject_lead, lead, by=mona, reason_code=ReasonCode.OUT_OF_SCOPE, missed_criterion="Something new")


def test_an_appeal_brings_it_back_once(lead, ana, mona, work, mailbox, as_user):
    decide(reject_lead, lead, by=mona, reason_code=ReasonCode.SPAM)
    with pytest.raises(Forbidden):
        do(appeal_decision, lead, by=mona, why="I changed my mind.")
    assert may_be_appealed(again(lead))
    work()
    last = day_in_words(told_by(db.session.get_one(Buyer, lead.buyer_id).created_at) - timedelta(days=2))
    assert f"you can appeal once, until {last}; then" in " ".join(body_of(mailbox.last_to(ana.email)).split())
    assert f"You can appeal once, until {last}; then" in words_of(as_user(ana).page(f"/leads/{lead.id}"))
    do(appeal_decision, lead, by=ana, why="It is no spam: he asked me himself.")
    lead = again(lead)
    assert (lead.moderation, lead.decided_by) == (Moderation.IN_REVIEW, None)
    decide(reject_lead, lead, by=make_user("Nils Berg", is_admin=True), reason_code=ReasonCode.SPAM)
    assert not may_be_appealed(again(lead))
    with pytest.raises(AppealUsed):
        do(appeal_decision, lead, by=ana, why="And again, please.")
    work()
    assert "second time" in mailbox.last_to(ana.email).get_body(("plain",)).get_content()


def test_only_a_refusal_can_be_appealed(lead, ana):
    with pytest.raises(NotRefused):
        do(appeal_decision, lead, by=ana, why="I want it faster, please.")


def test_an_appeal_of_a_place_that_was_taken_meanwhile_stands_beside_it(bounty, ana, mona, blog, work):
    first = point(bounty, ana, url=blog.post())
    work()
    decide(reject_lead, again(first), by=mona, reason_code=ReasonCode.SPAM)
    second = point(bounty, make_user("Bo Li"), url=blog.post())
    do(appeal_decision, again(first), by=ana, why="It is no spam: he asked me himself.")
    assert (again(first).moderation, again(first).duplicate_of_id) == (Moderation.IN_REVIEW, second.id)


def test_a_letter_that_no_longer_applies_is_not_sent(bounty, lead, ana, mona, work, mailbox):
    decide(reject_lead, lead, by=mona, reason_code=ReasonCode.SPAM)
    do(appeal_decision, again(lead), by=ana, why="It is no spam: he asked me himself.")
    asked = review_lead(point(bounty, bo := make_user("Bo Li")))
    decide(ask_for_info, asked, by=mona, question="Who is it?")
    do(answer_info, again(asked), by=bo, answer="A friend.")
    do(lambda: promise("send_letter", letter="moderators_reminded", lead_id=asked.id))
    do(lambda: promise("send_letter", letter="buyer_receipt", lead_id=asked.id))
    accept(again(asked), by=mona)
    do(refuse_consent, again(asked))
    do(lambda: promise("send_letter", letter="buyer_reminded", lead_id=asked.id))
    for letter in ("bounty_out_of_funds", "lead_waits_for_funds"):  # It was funded again.
        do(lambda letter=letter: promise("send_letter", letter=letter, bounty_id=bounty.id))
    work()
    subjects = [what(mail) for mail in mailbox.all()]
    assert not {"Your lead was not accepted", "We have a question about your lead", "A lead has waited for a day",
                "Your yes, in writing", "The buyer has not answered yet", "Your bounty is paused",
                "Your lead waits for funds"} & set(subjects)


def test_an_appealed_duplicate_is_read_and_stands_beside_the_first(bounty, ana, mona, blog, work):
    first = point(bounty, ana, url=blog.post())
    second = point(bounty, bo := make_user("Bo Li"), url=blog.post())
    work()
    do(appeal_decision, second, by=bo, why="I told him about it last week.")
    work()
    assert again(second).evidence.state is EvidenceState.CAPTURED
    assert {lead.id for lead in db.session.scalars(moderation_queue())} == {first.id, second.id}
    decide(accept_lead, again(second), by=mona)
    assert again(second).moderation is Moderation.ACCEPTED


def test_an_appealed_duplicate_is_no_duplicate_again_for_its_canonical_address(bounty, ana, blog, work):
    head = f'<link rel="canonical" href="{blog.address}/car">'
    point(bounty, ana, url=blog.post(head=head))
    second = point(bounty, bo := make_user("Bo Li"), url=blog.post(head=head))
    do(appeal_decision, second, by=bo, why="I told him about it last week.")
    work()
    assert again(second).moderation is Moderation.IN_REVIEW


def test_silence_for_five_business_days_accepts(bounty, ana, work, later):
    lead = point(bounty, ana)
    work()
    later(days=4)
    work()
    assert again(lead).moderation is Moderation.IN_REVIEW
    later(days=3, minutes=1)
    work()
    assert (again(lead).moderation, again(lead).decided_by) == (Moderation.ACCEPTED, "system")


def test_silence_without_funds_waits_and_looks_again(ana, mona, work, later):
    bounty = make_bounty(funded_for=1, is_live=True)
    first, second = point(bounty, ana), point(bounty, make_user("Bo Li"))
    work()
    decide(accept_lead, again(first), by=mona)
    later(days=7, minutes=1)
    work()
    assert again(second).moderation is Moderation.IN_REVIEW
    with pytest.raises(FundsGone):
        decide(accept_lead, again(second), by=mona)
    assert again(second).moderation is Moderation.IN_REVIEW
    later(days=8)
    work()
    assert again(first).moderation is Moderation.EXPIRED  # The buyer of the first did not answer: its funds came free.
    later(hours=13)
    work()
    assert again(second).moderation is Moderation.ACCEPTED


def test_a_lead_that_outlives_its_bounty_gets_an_answer(ana, work):
    bounty = make_bounty(funded_for=1, is_live=True)
    lead = point(bounty, ana)
    work()
    do(close_bounty, bounty, by=owner_of(bounty.business))
    do(return_free_funds, bounty.id)
    do(accept_by_default, lead.id, lead.submitted_at.isoformat())
    assert (again(lead).moderation, again(lead).reason_code) == (Moderation.REJECTED, ReasonCode.OTHER)
    assert "closed this bounty" in again(lead).reason_note
    assert may_be_appealed(again(lead))


def test_silence_accepts_even_a_post_that_was_never_read(bounty, ana, later):
    lead = point(bounty, ana, url="https://david.example/car")
    do(accept_by_default, lead.id, lead.submitted_at.isoformat())
    assert again(lead).moderation is Moderation.ACCEPTED


def test_silence_overrules_nobody_who_said_never_since_even_of_a_post_that_was_never_read(bounty, ana):
    lead = point(bounty, ana, url="https://david.example/car")
    do(suppress, hash_post("https://david.example/car"))
    do(accept_by_default, lead.id, lead.submitted_at.isoformat())
    assert (again(lead).moderation, again(lead).reason_code) == (Moderation.REJECTED, ReasonCode.NO_CONSENT)


def test_an_answer_starts_the_clock_anew(bounty, ana, mona, work, later):
    lead = point(bounty, ana)
    work()
    later(days=2)
    decide(ask_for_info, again(lead), by=mona, question="Where does he live?")
    later(days=1)
    do(answer_info, again(lead), by=ana, answer="Denver.")
    work()
    assert again(lead).moderation is Moderation.IN_REVIEW
    later(days=5)  # The first clock would have run out.
    work()
    assert again(lead).moderation is Moderation.IN_REVIEW


def test_a_question_ends_after_a_week_without_an_answer(bounty, ana, mona, work, later, mailbox):
    lead = point(bounty, ana)
    work()
    decide(ask_for_info, again(lead), by=mona, question="Where does he live?")
    later(days=6)
    work()
    assert again(lead).moderation is Moderation.NEEDS_INFO
    later(days=1, minutes=1)
    work()
    assert again(lead).moderation is Moderation.EXPIRED
    assert "ended" in str(mailbox.last_to(ana.email)["Subject"])


def test_an_older_question_does_not_end_a_newer_one(bounty, ana, mona, work, later):
    lead = point(bounty, ana)
    work()
    decide(ask_for_info, again(lead), by=mona, question="Where does he live?")
    later(days=5)
    do(answer_info, again(lead), by=ana, answer="Denver.")
    work()
    decide(ask_for_info, again(lead), by=mona, question="In which part of it?")
    later(days=3)
    work()
    assert again(lead).moderation is Moderation.NEEDS_INFO


def test_moderators_are_reminded_after_a_day(bounty, ana, mona, work, later, mailbox):
    point(bounty, ana)
    work()
    assert mailbox.to(mona.email) == []
    later(hours=25)
    work()
    assert "waited for a day" in str(mailbox.last_to(mona.email)["Subject"])


def test_nobody_is_reminded_of_what_is_decided(bounty, ana, mona, work, later, mailbox):
    lead = point(bounty, ana)
    work()
    decide(accept_lead, again(lead), by=mona)
    later(hours=25)
    work()
    assert mailbox.to(mona.email) == []


class TestAnswering:
    @pytest.fixture
    def unread(self, bounty, ana, blog, work):
        lead = point(bounty, ana, url=blog.address + "/gone")
        work()
        return again(lead)

    def test_another_address_is_read(self, unread, ana, blog, work):
        do(answer_info, unread, by=ana, answer="He moved it.", url=blog.post("/moved"))
        work()
        assert (again(unread).evidence.state, again(unread).moderation) == (EvidenceState.CAPTURED, Moderation.IN_REVIEW)

    def test_the_text_takes_the_place_of_a_page_that_cannot_be_read(self, unread, ana, work):
        do(answer_info, unread, by=ana, answer="Here it is.", text="I am in the market for a car, says the post.")
        work()
        assert (again(unread).evidence.state, again(unread).moderation) == (EvidenceState.GIVEN, Moderation.IN_REVIEW)

    def test_a_given_text_may_be_given_better(self, unread, ana, mona, work):
        do(answer_info, unread, by=ana, answer="Here it is.", text="I am in the market for a car, says the post.")
        work()
        decide(ask_for_info, again(unread), by=mona, question="All of it, please.")
        do(answer_info, again(unread), by=ana, answer="Yes.", text="All of it: I am in the market for a car.")
        work()
        assert again(unread).evidence.text.startswith("All of it")
        assert again(unread).moderation is Moderation.IN_REVIEW

    def test_the_same_page_is_tried_again(self, unread, ana, blog, work):
        blog.post("/gone")
        do(answer_info, unread, by=ana, answer="Try again, it is back.")
        work()
        assert again(unread).evidence.state is EvidenceState.CAPTURED

    def test_what_we_read_is_never_written_over(self, bounty, ana, mona, blog, work):
        lead = point(bounty, ana, url=blog.post())
        work()
        decide(ask_for_info, again(lead), by=mona, question="Who is it?")
        with pytest.raises(Invalid) as refusal:
            do(answer_info, again(lead), by=ana, answer="This.", text="Something quite different, and longer.")
        assert "text" in refusal.value.fields
        do(answer_info, again(lead), by=ana, answer="A friend of my brother.")
        work()
        assert "workshop" in again(lead).evidence.text
        assert again(lead).moderation is Moderation.IN_REVIEW

    def test_a_captured_post_may_be_replaced_by_another(self, bounty, ana, mona, blog, work):
        lead = point(bounty, ana, url=blog.post())
        work()
        decide(ask_for_info, again(lead), by=mona, question="Is there a newer one?")
        do(answer_info, again(lead), by=ana, answer="Yes.", url=blog.post("/newer"))
        work()
        assert again(lead).evidence.url.endswith("/newer")

    def test_a_question_before_the_post_was_read_may_be_answered_with_another_address(self, bounty, ana, mona, blog, work):
        lead = point(bounty, ana, url=blog.post())
        decide(ask_for_info, lead, by=mona, question="Is this the right one?")
        do(answer_info, again(lead), by=ana, answer="No.", url=blog.post("/right"))
        work()
        assert (again(lead).evidence.state, again(lead).moderation) == (EvidenceState.CAPTURED, Moderation.IN_REVIEW)

    def test_an_address_that_somebody_pointed_at_before_makes_it_a_duplicate(self, unread, bounty, ana, blog, work):
        first = point(bounty, make_user("Bo Li"), url=blog.post("/known"))
        do(answer_info, unread, by=ana, answer="Here.", url=blog.post("/known"))
        assert (again(unread).moderation, again(unread).duplicate_of_id) == (Moderation.DUPLICATE, first.id)

    def test_an_address_of_somebody_who_wants_to_be_left_alone_is_refused(self, unread, ana, blog):
        do(suppress, hash_post(blog.post("/alone")))
        with pytest.raises(Suppressed):
            do(answer_info, unread, by=ana, answer="Here.", url=blog.address + "/alone")
        assert again(unread).moderation is Moderation.NEEDS_INFO

    def test_only_the_referrer_answers_and_only_when_asked(self, unread, bounty, ana, mona):
        with pytest.raises(Forbidden):
            do(answer_info, unread, by=mona, answer="I know it.")
        with pytest.raises(IllegalMove):
            do(answer_info, review_lead(point(bounty, ana)), by=ana, answer="Nobody asked.")

    def test_a_lead_that_waits_may_be_taken_back(self, unread, ana):
        do(withdraw_lead, unread, by=ana)
        assert again(unread).moderation is Moderation.WITHDRAWN


@pytest.mark.once
@pytest.mark.parametrize(("start", "days", "end"), [
    ("2026-11-02T09:00", 2, "2026-11-04T09:00"),  # Monday
    ("2026-11-05T09:00", 2, "2026-11-09T09:00"),  # Thursday, over a weekend
    ("2026-11-07T09:00", 1, "2026-11-09T09:00"),  # Saturday
    ("2026-11-06T17:00", 5, "2026-11-13T17:00"),
    ("2026-11-07T09:00", 0, "2026-11-09T09:00"),
])
def test_business_days_leave_weekends_out(start, days, end):
    moment = datetime.fromisoformat(start).replace(tzinfo=UTC)
    assert add_business_days(moment, days).isoformat()[:16] == end


def test_a_decision_is_due_in_two_business_days(lead):
    assert (decision_due(lead.submitted_at) - lead.submitted_at).days == 2


def test_accepting_a_rejected_lead_needs_an_appeal_first(lead, mona):
    decide(reject_lead, lead, by=mona, reason_code=ReasonCode.SPAM)
    with pytest.raises(IllegalMove):
        accept(lead, by=mona)


def test_what_moderators_write_is_encrypted_and_what_they_wrote_before_too(lead, mona, request, tmp_path):
    words = "The car of Davids brother?"
    decide(ask_for_info, lead, by=mona, question=words)
    assert (again(lead).question, places_of(words)) == (words, {"leads.question"})
    with old_database(request, tmp_path) as url:
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE conversions (id TEXT, business_id TEXT, source TEXT)"))
            connection.execute(text("CREATE TABLE leads (id TEXT, question TEXT, reason_note TEXT)"))
            connection.execute(text("INSERT INTO leads VALUES ('a', 'Who is it?', NULL), ('b', NULL, 'Sold.'), ('c', NULL, NULL)"))
            before = connection.execute(text("SELECT * FROM leads ORDER BY id")).all()
            migrate(connection, "upgrade", "0033_moderators_words")
            kept = connection.execute(text("SELECT question, reason_note FROM leads ORDER BY id")).all()
            assert [decrypt(one) for row in kept for one in row if one] == ["Who is it?", "Sold."]
            assert "Who is it?" not in str(kept) and tuple(kept[2]) == (None, None)
            migrate(connection, "downgrade", "0033_moderators_words")
            assert connection.execute(text("SELECT * FROM leads ORDER BY id")).all() == before
        engine.dispose()
