"""Each party reads its own story of a lead, and one sentence about what happens next."""
import pytest

from marketplace.bounties.models import RewardKind
from marketplace.foundation.fetch import FetchFailure, say_failure
from marketplace.foundation.money import Money
from marketplace.referrals.appeals import appeal_decision
from marketplace.referrals.audience import Audience
from marketplace.referrals.consent import give_consent, withdraw_consent
from marketplace.referrals.contact import open_contact
from marketplace.referrals.models import Channel, Moderation, ReasonCode, Stage
from marketplace.referrals.moderation import reject_lead
from marketplace.referrals.money_back import money_back_of
from marketplace.referrals.next_step import next_step
from marketplace.referrals.pages.steps import steps_of
from marketplace.referrals.queries import rewards_of_lead
from marketplace.referrals.stages import change_stage
from marketplace.referrals.timeline import tell_story
from tests.factories import PERCENT, accept, consent, make_bounty, make_user, review_lead, win
from tests.referrals.steps import again, decide, do, point

WHY = "It is outside the place that the bounty is for."


def titles(lead, audience):
    return [told.title for told in tell_story(again(lead), audience)]


def says(lead, audience=Audience.REFERRER):
    lead = again(lead)
    return next_step(lead, audience, rewards_of_lead(lead))


def stands(lead):
    lead = again(lead)
    rewards = rewards_of_lead(lead)
    return [step.state for step in steps_of(lead, rewards, money_back_of(rewards))]


@pytest.fixture
def lead(bounty, ana, keep_lead):
    return keep_lead("pointed out", lambda: point(bounty, ana))


def test_the_business_reads_nothing_from_before_the_acceptance(lead, mona):
    accept(lead, by=mona)
    assert titles(lead, Audience.BUSINESS) == ["Accepted by moderation; funds reserved", "The referrer was given the private link, to pass on to the buyer"]
    assert titles(lead, Audience.REFERRER)[0] == "Pointed out"


def test_nobody_reads_that_the_buyer_was_asked_while_only_the_referrer_can_ask(lead, mona):
    accept(lead, by=mona)
    for audience in Audience:
        assert not any("asked" in title for title in titles(lead, audience))
        assert "has been asked" not in says(lead, audience)
    assert "You were given the private link, to pass on to the buyer" in titles(lead, Audience.REFERRER)


def test_with_an_address_the_story_says_that_the_buyer_was_asked(bounty, ana, mona):
    known = accept(point(bounty, ana, buyer_email="david@example.com"), by=mona)
    assert "The buyer was asked" in titles(known, Audience.BUSINESS)
    assert "You were asked" in titles(known, Audience.BUYER)
    assert "has been asked" in says(known, Audience.BUSINESS)


def test_only_the_business_the_buyer_and_admins_read_that_the_contact_was_opened(lead, mona, wes):
    consent(accept(lead, by=mona))
    do(open_contact, again(lead), by=wes)
    readers = {audience for audience in Audience if any("opened" in title for title in titles(lead, audience))}
    assert readers == {Audience.BUSINESS, Audience.BUYER, Audience.ADMIN}
    assert "You opened the contact data" in titles(lead, Audience.BUSINESS)


def test_a_page_that_is_loaded_again_is_one_opening(lead, mona, wes, later):
    consent(accept(lead, by=mona))
    for wait, lines in ((0, 1), (5, 1), (9, 1), (10, 2)):
        later(minutes=wait)
        do(open_contact, again(lead), by=wes)
        assert sum("opened" in title for title in titles(lead, Audience.BUYER)) == lines


def test_an_answer_that_is_not_confirmed_is_between_the_buyer_and_us(lead, mona):
    accept(lead, by=mona)
    do(give_consent, lead, name="D", email="d@example.com", channel=Channel.EMAIL, until=lead.consent_due_at.date(), proven=False)
    readers = {audience for audience in Audience if any("confirmed next" in title for title in titles(lead, audience))}
    assert readers == {Audience.BUYER, Audience.ADMIN}


def test_admins_read_names_and_everything_others_read_parts(lead, mona, ana):
    decide(reject_lead, review_lead(lead), by=mona, reason_code=ReasonCode.OUT_OF_AREA)
    told = {audience: tell_story(again(lead), audience)[-1].text for audience in (Audience.ADMIN, Audience.REFERRER)}
    assert told == {Audience.ADMIN: f"by Mona Lind · {WHY}", Audience.REFERRER: WHY}
    accept(point(make_bounty(is_live=True), ana), by=mona)
    texts = [told.text for told in tell_story(again(lead), Audience.ADMIN)]
    assert "by the referrer" in texts and "automatically" not in texts[0]
    assert "by you" in [told.text for told in tell_story(again(lead), Audience.REFERRER)]


def test_an_event_that_nobody_put_into_words_is_for_admins(lead, mona):
    accept(lead, by=mona)
    assert "Funds reserved" in titles(lead, Audience.ADMIN)
    assert all("unds reserved" not in title or title.startswith("Accepted") for title in titles(lead, Audience.REFERRER))


def test_the_next_step_follows_the_lead(lead, mona, wes, work, later):
    assert "reading the post" in says(lead)
    review_lead(lead)
    assert "two business days" in says(lead)
    assert "Accept it, reject it" in says(lead, Audience.ADMIN)
    accept(lead, by=mona)
    assert "Pass the private link on" in says(lead)
    assert "referrer passes the private link on" in says(lead, Audience.BUSINESS)
    assert "unless you say yes" in says(lead, Audience.BUYER)
    consent(lead)
    assert "Get in touch" in says(lead, Audience.BUSINESS)
    assert "talks to the buyer" in says(lead)
    win(lead)
    assert "return period" in says(lead)
    assert stands(lead) == ["done", "done", "done", "done", "current"]
    later(days=31)
    work()
    assert "once your Stripe account is ready" in says(lead) and "once the Stripe account" in says(lead, Audience.BUSINESS)


def test_a_referrer_whose_buyer_we_mail_has_nothing_to_pass_on(bounty, ana, mona):
    lead = accept(point(bounty, ana, buyer_email="david@example.com"), by=mona)
    assert "has been asked" in says(lead)


def test_a_refusal_names_the_appeal_while_there_is_one(lead, ana, mona):
    decide(reject_lead, review_lead(lead), by=mona, reason_code=ReasonCode.SPAM)
    assert "appeal once" in says(lead)
    assert stands(lead) == ["done", "bad", "todo", "todo", "todo"]
    do(appeal_decision, again(lead), by=ana, why="It is no spam at all.")
    assert titles(lead, Audience.REFERRER)[-1] == "Appealed: another moderator looks at it"
    decide(reject_lead, again(lead), by=make_user("Nils Berg", is_admin=True), reason_code=ReasonCode.SPAM)
    assert "second decision stands" in says(lead)


@pytest.mark.parametrize(("stage", "words"), [(Stage.LOST, "comes back"), (Stage.UNQUALIFIED, "not a fit")])
def test_endings_say_what_can_still_come(lead, mona, wes, stage, words):
    consent(accept(lead, by=mona))
    do(change_stage, again(lead), stage, by=wes, reason="He kept his old one.")
    assert words in says(lead) and ("you said" in says(lead, Audience.BUSINESS)) == (stage is Stage.UNQUALIFIED)
    assert stands(lead)[3] == "bad"
    assert "He kept his old one." in tell_story(again(lead), Audience.REFERRER)[-1].text


def test_a_yes_taken_back_tells_nobody_to_get_in_touch(lead, mona):
    consent(accept(lead, by=mona))
    do(withdraw_consent, again(lead))
    assert "contact them no more" in says(lead, Audience.BUSINESS) and "nobody contacts them" in says(lead)
    assert stands(lead) == ["done", "done", "bad", "todo", "todo"]


def test_a_sale_that_earned_nothing_says_so(ana, mona, westside):
    lead = consent(accept(point(make_bounty(westside, is_live=True, **PERCENT), ana), by=mona))
    win(lead, amount=Money(39, "usd"))
    assert again(lead).terms.rules[0].kind is RewardKind.PERCENT
    assert "too small" in says(lead)
    assert stands(lead)[-1] == "bad"


def test_a_lead_that_ran_out_shows_where_it_stopped(lead, mona, work, later):
    consent(accept(lead, by=mona))
    later(days=91)
    work()
    assert again(lead).moderation is Moderation.EXPIRED
    assert stands(lead) == ["done", "done", "done", "bad", "todo"]


def test_a_question_nobody_answered_shows_where_it_stopped(bounty, ana, work, later):
    lead = point(bounty, make_user("Cy Oz"), url="http://127.0.0.1:9/gone")
    work()
    assert any(say_failure(FetchFailure(again(lead).evidence.failure)) in told.text for told in tell_story(again(lead), Audience.ADMIN))
    later(days=8)
    work()
    assert stands(lead) == ["done", "bad", "todo", "todo", "todo"]
