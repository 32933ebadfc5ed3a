"""The post is read again before the buyer is asked and before a reward; gone is a question or a sign, never a loss."""
import pytest
from sqlalchemy import update
from sqlalchemy.exc import DBAPIError

from marketplace.foundation.db import db, transaction
from marketplace.referrals.check_words import checks_of, latest_check, tell_checks
from marketplace.referrals.models import CheckMoment, CheckOutcome, EvidenceCheck, Lead, Moderation, Reward, RewardState
from marketplace.referrals.moderation import answer_info
from marketplace.referrals.rechecks import promise_rechecks
from marketplace.referrals.rewards import release_reward
from tests.factories import accept, consent, win
from tests.referrals.conftest import POST
from tests.referrals.steps import actions_on, again, do, point

CHANGED = POST.replace("before Christmas", "before Christmas. Edit: the budget is 20,000")


@pytest.fixture
def lead(bounty, ana, blog, work, later, keep_lead) -> Lead:
    """In review, read a day ago."""
    blog.post()
    def build() -> Lead:
        found = point(bounty, ana, url=blog.address + "/car")
        work()
        later(hours=25)
        return found
    return keep_lead("in review for a day", build)


@pytest.fixture
def look(work, later):
    """The hourly job, and what it promised; `look(again=1)` an hour later once more."""
    def look(*, again: int = 0) -> None:
        do(promise_rechecks)
        work()
        for _ in range(again):
            later(hours=1)
            work()
    return look


def test_a_post_that_waits_for_a_decision_is_read_anew_every_day(lead, blog, look, later):
    blog.asked.clear()
    look()
    look()
    assert blog.asked == ["/car"]
    check = latest_check(again(lead))
    assert (check.moment, check.outcome, check.sha256) == (CheckMoment.BEFORE_ASKING, CheckOutcome.UNCHANGED, again(lead).evidence.sha256)
    later(hours=25)
    look()
    assert blog.asked == ["/car", "/car"]
    assert again(lead).moderation is Moderation.IN_REVIEW


def test_what_was_read_today_is_not_read_again(bounty, ana, blog, work, look):
    point(bounty, ana, url=blog.post())
    work()
    look()
    assert blog.asked == ["/car"]


@pytest.mark.parametrize(("text", "outcome", "now_reads"), [
    (CHANGED, CheckOutcome.STILL_THERE, None),
    (POST.replace("a car, something", "a used car, something"), CheckOutcome.STILL_THERE,
     "I am in the market for a used car, something for two kids and a dog, before Christmas."),
    (POST.replace("in the market for a car", "in the market for an electric car now"), CheckOutcome.STILL_THERE,
     "I am in the market for an electric car now, something for two kids and a dog, before Christmas."),
    (POST.replace("So it is decided. I am in the market for a car, something for two kids and a dog, before Christmas.", "Never mind all that."), CheckOutcome.QUOTE_GONE, None),
])
def test_the_sentence_is_looked_for_in_what_the_page_says_now(lead, blog, look, text, outcome, now_reads):
    blog.post(text=text)
    look()
    check = latest_check(again(lead))
    assert check.outcome is outcome
    assert check.now_reads == now_reads
    assert (check.likeness == 100) is (text == CHANGED)
    assert check.sha256 != again(lead).evidence.sha256


def test_a_page_that_is_gone_is_looked_for_twice_before_the_referrer_is_asked(lead, ana, blog, look, mailbox):
    blog.pages.clear()
    look()
    assert (latest_check(again(lead)).outcome, again(lead).moderation) == (CheckOutcome.PAGE_GONE, Moderation.IN_REVIEW)
    look(again=1)
    lead = again(lead)
    assert lead.moderation is Moderation.NEEDS_INFO and "page is gone" in lead.question
    assert "question about your lead" in str(mailbox.last_to(ana.email)["Subject"])
    assert lead.evidence.text and lead.evidence.sha256
    do(answer_info, lead, by=ana, answer="He took his blog down for a day, and still looks.")
    look(again=26)
    assert again(lead).moderation is Moderation.IN_REVIEW
    assert actions_on(lead.id).count("lead.needs_info") == 1


def test_a_site_that_stumbles_is_no_loss(lead, blog, look, later):
    blog.pages.clear()
    look()
    blog.post()
    look(again=1)
    assert again(lead).moderation is Moderation.IN_REVIEW
    assert [check.outcome for check in checks_of(again(lead))] == [CheckOutcome.UNCHANGED, CheckOutcome.PAGE_GONE]
    assert actions_on(lead.id)[-2:] == ["evidence.page_gone", "evidence.unchanged"]


def test_a_page_that_cannot_be_read_just_now_says_nothing(lead, blog, look, app):
    blog.pages["/car"] = "<html><body></body></html>"
    look()
    [check] = checks_of(again(lead))
    assert (check.outcome, check.failure, check.sha256) == (CheckOutcome.NOT_READ, "empty", None)
    assert latest_check(again(lead)) is None and again(lead).moderation is Moderation.IN_REVIEW
    assert "says nothing about the post" in tell_checks(again(lead))[0][1]


def test_a_post_that_now_says_it_is_settled_is_a_warning_to_the_moderator(lead, blog, look):
    blog.post(text=POST.replace("before Christmas.", "before Christmas. UPDATE: sold! I have bought a car, thank you all, no longer looking."))
    look()
    assert latest_check(again(lead)).is_over
    assert ("warn", "As it stands now, the post says that nothing is looked for any more.") in tell_checks(again(lead))


def test_a_lead_with_no_address_has_nothing_to_look_at(bounty, ana, work, later, look):
    lead = point(bounty, ana)
    work()
    later(hours=30)
    look()
    assert checks_of(again(lead)) == []


def test_before_a_reward_the_post_is_read_and_gone_is_no_more_than_a_sign(lead, wes, blog, look, later):
    consent(accept(lead))
    later(minutes=5)
    win(again(lead))
    blog.pages.clear()
    look(again=2)
    reward = db.session.query(Reward).one()
    assert latest_check(again(lead)).moment is CheckMoment.BEFORE_REWARD
    assert (latest_check(again(lead)).outcome, reward.state) == (CheckOutcome.PAGE_GONE, RewardState.PENDING)
    assert any("no reason to hold" in words for _, words in tell_checks(again(lead)))
    assert len(checks_of(again(lead))) == 1
    later(days=28)
    look()
    assert len(checks_of(again(lead))) == 2
    later(days=3)
    do(release_reward, reward.id)
    assert again(lead) and db.session.get_one(Reward, reward.id).state is RewardState.PAYABLE


def test_what_was_found_cannot_be_changed_but_its_words_can_be_emptied(lead, blog, look):
    blog.post(text=POST.replace("in the market for a car", "in the market for an electric car now"))
    look()
    check = latest_check(again(lead))
    with transaction():
        db.session.execute(update(EvidenceCheck).values(now_reads=None))
    with pytest.raises(DBAPIError), transaction():
        db.session.execute(update(EvidenceCheck).where(EvidenceCheck.id == check.id).values(outcome=CheckOutcome.UNCHANGED))
