"""Bought already, not looking any more, not now, not me: the buyer's other answers, each in one tap."""
import pytest

from marketplace.foundation.db import db
from marketplace.payments.models import AccountKind
from marketplace.referrals.asking import MAILED, PASSED_ON, buyer_link
from marketplace.referrals.consent import AlreadyAnswered, NotTheirs, open_buyer_link, refuse_consent
from marketplace.referrals.models import Buyer, Consent, Moderation, ReasonCode
from marketplace.referrals.other_answers import Over, TooLate, say_later, say_not_me, say_over
from tests.browsing import body_of
from tests.factories import accept, consent, make_bounty, make_business, make_lead, make_user
from tests.referrals.steps import again, do, holds, point

DAVID = "david@example.com"
POST = "https://blog.example/david/car"


@pytest.fixture
def asked(app, clock):
    return accept(make_lead(buyer_email=DAVID))


def path_of(link: str) -> str:
    return link.removeprefix("http://localhost")


class TestOver:
    @pytest.mark.parametrize("because", list(Over))
    def test_the_lead_ends_its_money_comes_free_and_the_story_says_why(self, asked, because, as_user):
        do(say_over, asked, because)
        ended = again(asked)
        assert (ended.consent, ended.moderation) == (Consent.REFUSED, Moderation.EXPIRED)
        assert holds(AccountKind.RESERVED, asked.id) == 0
        assert because.value.replace("_", " ") in as_user(asked.referrer).get(f"/leads/{asked.id}").text

    def test_nobody_else_sells_this_need(self, app, clock):
        """Other leads for the same post end, whichever business they are for; a yes stands."""
        bounties = [make_bounty(make_business(name=name), is_live=True) for name in ("One", "Two", "Three", "Four")]
        first, waiting, asked, agreed = [
            point(bounty, make_user(), url=POST, buyer_email=None) for bounty in bounties]
        for lead in (first, asked, agreed):
            accept(lead)
        consent(agreed)
        do(say_over, first, Over.BOUGHT)
        assert (again(waiting).moderation, again(waiting).reason_code) == (Moderation.REJECTED, ReasonCode.STALE_INTENT)
        assert again(asked).moderation is Moderation.EXPIRED
        assert again(agreed).consent is Consent.GRANTED

    def test_it_is_said_once(self, asked):
        do(refuse_consent, asked)
        with pytest.raises(AlreadyAnswered):
            do(say_over, asked, Over.BOUGHT)


class TestLater:
    def test_silence_until_then_one_reminder_and_a_week_to_answer(self, asked, later, work, mailbox):
        work()
        do(say_later, asked, 4)
        later(days=27)
        work()
        assert again(asked).consent is Consent.ASKED
        assert not [mail for mail in mailbox.to(DAVID) if "reminder" in mail["subject"]]
        later(days=1, hours=1)
        work()
        assert [mail for mail in mailbox.to(DAVID) if "reminder" in mail["subject"]]
        later(days=8)
        work()
        assert again(asked).consent is Consent.NO_ANSWER

    def test_the_referrer_is_told_when_and_asked_for_peace(self, asked, work, mailbox):
        do(say_later, asked, 2)
        work()
        assert "Please leave them in peace" in body_of(mailbox.last_to(asked.referrer.email))

    def test_a_second_click_writes_to_nobody_twice(self, asked, later, work, mailbox):
        work()
        for _ in range(2):
            do(say_later, asked, 2)
        later(days=15)
        work()
        assert len([mail for mail in mailbox.to(DAVID) if "reminder" in mail["subject"]]) == 1
        assert len([mail for mail in mailbox.to(asked.referrer.email) if "not now" in mail["subject"]]) == 1

    def test_the_newest_day_counts(self, asked, later, work, mailbox):
        work()
        for weeks in (4, 2):
            do(say_later, asked, weeks)
        for _ in range(3):
            later(days=14, hours=1)
            work()
        assert len([mail for mail in mailbox.to(DAVID) if "reminder" in mail["subject"]]) == 1

    def test_not_beyond_what_the_referrer_was_promised(self, app, clock):
        short = accept(make_lead(make_bounty(is_live=True, protection_days=30)))
        with pytest.raises(TooLate):
            do(say_later, short, 4)


class TestNotMe:
    def test_an_address_that_is_not_theirs_is_forgotten_and_its_link_closes(self, asked, work, mailbox):
        token = buyer_link(asked, MAILED).rsplit("/", 1)[1]
        do(say_not_me, asked, purpose=MAILED)
        buyer = db.session.get_one(Buyer, asked.buyer_id)
        assert (buyer.email, buyer.email_hash, again(asked).buyer_hash) == (None, None, None)
        with pytest.raises(NotTheirs):
            open_buyer_link(MAILED, token)
        work()
        do(refuse_consent, again(asked))
        with pytest.raises(NotTheirs):  # Not that anything of theirs was erased, whatever became of the lead.
            open_buyer_link(MAILED, token)
        assert "pass the link on" in body_of(mailbox.last_to(asked.referrer.email))

    def test_said_twice_it_is_written_once(self, asked, work, mailbox):
        for _ in range(2):
            do(say_not_me, asked, purpose=PASSED_ON)
        work()
        assert len([mail for mail in mailbox.to(asked.referrer.email) if "somebody else" in mail["subject"]]) == 1

    def test_a_passed_on_link_that_went_astray_still_works_for_the_buyer(self, asked):
        do(say_not_me, asked, purpose=PASSED_ON)
        assert db.session.get_one(Buyer, asked.buyer_id).email == DAVID
        assert again(asked).consent is Consent.ASKED


class TestPage:
    def test_each_answer_is_one_tap(self, asked, anonymous):
        page = path_of(buyer_link(asked, PASSED_ON))
        assert "Not now, you said." in anonymous.submit(page, press="Not now: ask me in 2 weeks").text
        assert "Thank you for telling us" in anonymous.submit(page, press="This is not me").text
        assert "You said no" in anonymous.submit(page, press="I have bought already").text
        assert again(asked).moderation is Moderation.EXPIRED

    def test_a_time_that_is_not_on_the_page_is_refused_with_words(self, asked, anonymous, monkeypatch, app):
        monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", False)
        page = path_of(buyer_link(asked, PASSED_ON))
        answer = anonymous.post(f"{page}/later", data={"weeks": "500"})
        assert answer.status_code == 422
        assert "Choose one of the times" in answer.text
