"""The buyer's word rules: yes, no, never, taken back. Nobody else can say it for them."""
from datetime import timedelta

import pytest

from marketplace.foundation import clock
from marketplace.foundation.crypto import BadLink, sign
from marketplace.foundation.db import db
from marketplace.foundation.errors import Invalid
from marketplace.foundation.show import day_in_words
from marketplace.payments.models import AccountKind
from marketplace.referrals.appeals import appeal_decision
from marketplace.referrals.asking import CONFIRMING, MAILED, PASSED_ON, buyer_link, end_protection
from marketplace.referrals.consent import (
    AlreadyAnswered,
    AskingOver,
    confirm_consent,
    give_consent,
    open_buyer_link,
    open_confirmation,
    refuse_consent,
    say_never,
    withdraw_consent,
)
from marketplace.referrals.models import Buyer, Channel, Consent, ConsentGrant, Moderation, ReasonCode, Stage
from marketplace.referrals.moderation import accept_lead, ask_for_info, reject_lead
from marketplace.referrals.pointing import SelfReferral
from marketplace.referrals.suppression import Suppressed
from tests.browsing import body_of, what, words_of
from tests.factories import accept, consent, make_bounty, make_business, make_user, review_lead, win
from tests.referrals.steps import again, decide, do, holds, point

DAVID = "david@example.com"


def in_days(days):
    return clock.now().date() + timedelta(days=days)


def say_yes(lead, *, email=DAVID, proven=False, **given):
    return do(give_consent, lead, **{"name": "David", "email": email, "channel": Channel.EMAIL, "until": in_days(14), "proven": proven, **given})


def last_day(lead):
    return day_in_words(again(lead).consent_due_at)


def said_in(mail):
    return " ".join(body_of(mail).split())


@pytest.fixture
def asked(bounty, ana, mona, keep_lead):
    return keep_lead("asked", lambda: accept(point(bounty, ana), by=mona))


@pytest.fixture
def mailed(bounty, ana, mona, keep_lead):
    """The referrer knew the address: the link went to the buyer's own mailbox."""
    return keep_lead("mailed", lambda: accept(point(bounty, ana, buyer_email=DAVID), by=mona))


class TestAsking:
    def test_without_an_address_the_referrer_passes_the_link_on(self, asked, ana, work, mailbox):
        work()
        assert mailbox.link_to(ana.email, "/buyer/").startswith(f"/buyer/{asked.id}.")
        said = said_in(mailbox.last_to(ana.email))
        assert f"The buyer has until {last_day(asked)} to answer. Without an answer by then your lead ends" in said
        assert mailbox.to(DAVID) == []

    def test_with_an_address_the_buyer_is_asked_by_mail(self, mailed, ana, work, mailbox):
        work()
        assert mailbox.link_to(DAVID, "/buyer/").startswith("/buyer/buyer-mail/")
        assert f"until {last_day(mailed)} to answer. If you do nothing, we stop asking" in said_in(mailbox.last_to(DAVID))
        assert "/buyer/" not in mailbox.last_to(ana.email).get_body(("plain",)).get_content()

    @pytest.mark.parametrize("who", ["buyer", "referrer"])
    def test_there_is_one_reminder(self, bounty, ana, mona, work, later, mailbox, who):
        lead = accept(point(bounty, ana, **({"buyer_email": DAVID} if who == "buyer" else {})), by=mona)
        in_words = last_day(lead)
        address = DAVID if who == "buyer" else ana.email
        work()
        before = len(mailbox.to(address))
        later(days=7, minutes=1)
        work()
        later(days=6)
        work()
        (reminder,) = mailbox.to(address)[before:]
        assert f"until {in_words} to answer" in said_in(reminder)

    def test_nobody_is_reminded_after_an_answer(self, mailed, work, later, mailbox):
        work()
        do(refuse_consent, mailed)
        later(days=8)
        work()
        assert len(mailbox.to(DAVID)) == 1

    def test_no_answer_in_time_frees_the_funds(self, bounty, asked, work, later):
        later(days=14, minutes=1)
        work()
        assert (again(asked).consent, again(asked).moderation) == (Consent.NO_ANSWER, Moderation.EXPIRED)
        assert holds(AccountKind.RESERVED, asked.id) == 0
        assert holds(AccountKind.FUNDS, bounty.id) == 315_000
        with pytest.raises(AskingOver):
            say_yes(asked)

    def test_protection_and_asking_may_end_on_one_day(self, westside, ana, mona, work, later):
        bounty = make_bounty(westside, is_live=True, protection_days=30, consent_days=30)
        lead = accept(point(bounty, ana), by=mona)
        later(days=30, minutes=1)
        work()
        assert (again(lead).consent, again(lead).moderation) == (Consent.NO_ANSWER, Moderation.EXPIRED)
        from marketplace.foundation.outbox import OutboxMessage  # noqa: PLC0415

        assert db.session.query(OutboxMessage).filter(OutboxMessage.last_error.is_not(None)).count() == 0


class TestYes:
    def test_from_a_passed_on_link_counts_once_the_address_is_confirmed(self, asked, work, mailbox):
        grant = say_yes(asked)
        assert (again(asked).consent, grant.confirmed_at) == (Consent.ASKED, None)
        work()
        token = mailbox.link_to(DAVID, "/buyer/confirm/").rsplit("/", 1)[1]
        assert f"Please do so by {last_day(asked)}" in said_in(mailbox.last_to(DAVID))
        do(confirm_consent, open_confirmation(token))
        assert again(asked).consent is Consent.GRANTED

    def test_from_the_buyers_own_mailbox_counts_at_once(self, mailed):
        assert say_yes(mailed, proven=True).confirmed_at is not None
        assert again(mailed).consent is Consent.GRANTED

    def test_with_another_address_than_the_one_that_was_mailed_must_be_confirmed(self, mailed):
        say_yes(mailed, email="other@example.com", proven=True)
        assert again(mailed).consent is Consent.ASKED

    def test_once_more_replaces_the_first_and_its_mail(self, asked):
        first = say_yes(asked, email="typo@example.com")
        second = say_yes(asked)
        with pytest.raises(AlreadyAnswered):
            do(confirm_consent, first)
        do(confirm_consent, second)
        assert again(asked).consent is Consent.GRANTED
        with pytest.raises(AlreadyAnswered):
            do(confirm_consent, second)

    def test_everyone_is_told(self, asked, ana, wes, work, mailbox):
        consent(asked, email=DAVID)
        work()
        assert "in writing" in str(mailbox.last_to(DAVID)["Subject"])
        assert "said yes" in str(mailbox.last_to(wes.email)["Subject"])
        assert "said yes" in str(mailbox.last_to(ana.email)["Subject"])

    @pytest.mark.parametrize("days", [-1, 181])
    def test_lasts_from_today_to_half_a_year(self, asked, days):
        with pytest.raises(Invalid) as refusal:
            say_yes(asked, until=in_days(days))
        assert "until" in refusal.value.fields

    def test_by_phone_needs_a_number(self, asked):
        with pytest.raises(Invalid) as refusal:
            say_yes(asked, channel=Channel.PHONE)
        assert "phone" in refusal.value.fields
        say_yes(asked, channel=Channel.PHONE, phone="+16195550100")
        assert db.session.get_one(Buyer, asked.buyer_id).phone_hash

    def test_the_referrer_cannot_say_it(self, asked, ana):
        with pytest.raises(SelfReferral):
            say_yes(asked, email=ana.email)

    def test_is_said_once(self, mailed):
        say_yes(mailed, proven=True)
        with pytest.raises(AlreadyAnswered):
            say_yes(mailed, proven=True)

    def test_comes_too_late_for_a_lead_that_ended_meanwhile(self, asked, later):
        grant = say_yes(asked)
        later(days=91)
        do(end_protection, asked.id)
        with pytest.raises(AskingOver):
            do(confirm_consent, grant)


class TestWhoPointed:
    """Two pointed at one buyer: whom the buyer confirms, owns."""

    @pytest.fixture
    def bo(self, app):
        return make_user("Bo Li")

    @pytest.fixture
    def second(self, bounty, mailed, bo):
        return again(point(bounty, bo, buyer_email=DAVID))

    def test_the_buyers_word_ends_the_other_lead(self, mailed, second, bo, mona):
        do(appeal_decision, second, by=bo, why="He heard it from me first.")
        accept(second, by=mona)
        consent(second, email=DAVID)
        assert again(second).consent is Consent.GRANTED
        assert (again(mailed).moderation, again(mailed).consent) == (Moderation.EXPIRED, Consent.NO_ANSWER)
        assert holds(AccountKind.RESERVED, mailed.id) == 0

    @pytest.mark.parametrize("is_asked", [True, False])
    def test_the_other_may_still_be_in_moderation(self, bounty, ana, bo, mona, is_asked):
        first = review_lead(point(bounty, ana, buyer_email=DAVID))
        second = point(bounty, bo, buyer_email=DAVID)
        if is_asked:
            decide(ask_for_info, first, by=mona, question="Who is it?")
        do(appeal_decision, second, by=bo, why="He heard it from me first.")
        accept(second, by=mona)
        consent(second, email=DAVID)
        assert (again(first).moderation, again(first).duplicate_of_id) == (Moderation.DUPLICATE, second.id)

    def test_an_address_typed_in_by_the_buyer_finds_the_other_too(self, mailed, bounty, bo, mona):
        other = accept(point(bounty, bo, text="Another text by the same person, I am in the market for a car"), by=mona)
        consent(other, email=DAVID)
        assert again(mailed).moderation is Moderation.EXPIRED

    def test_who_said_yes_once_does_not_need_to_again(self, mailed, bounty, bo, mona):
        say_yes(mailed, proven=True)
        other = accept(point(bounty, bo), by=mona)
        grant = say_yes(other)
        with pytest.raises(AlreadyAnswered):
            do(confirm_consent, grant)
        assert again(mailed).consent is Consent.GRANTED

    def test_a_sale_stays_whose_it_was(self, mailed, bounty, bo, mona):
        say_yes(mailed, proven=True)
        win(mailed)
        do(withdraw_consent, mailed)
        other = accept(point(bounty, bo), by=mona)
        grant = say_yes(other)
        with pytest.raises(AlreadyAnswered):
            do(confirm_consent, grant)
        assert (again(mailed).stage, again(mailed).moderation) == (Stage.WON, Moderation.ACCEPTED)


class TestNo:
    def test_ends_the_lead_and_frees_the_funds(self, asked, bounty, ana, work, mailbox):
        do(refuse_consent, asked)
        assert (again(asked).consent, again(asked).moderation) == (Consent.REFUSED, Moderation.EXPIRED)
        assert holds(AccountKind.FUNDS, bounty.id) == 315_000
        work()
        assert "ended" in str(mailbox.last_to(ana.email)["Subject"])
        with pytest.raises(AlreadyAnswered):
            do(refuse_consent, asked)

    def test_leaves_other_businesses_free_to_ask(self, mailed, ana):
        do(refuse_consent, mailed)
        other = make_bounty(make_business(make_user(), "Eastside Auto"), is_live=True)
        assert point(other, ana, buyer_email=DAVID).moderation is Moderation.SUBMITTED


class TestNever:
    @pytest.fixture
    def eastside(self, app):
        return make_bounty(make_business(make_user("Eve East"), "Eastside Auto"), is_live=True)

    def test_nobody_can_point_at_that_person_or_post_again(self, eastside, bounty, ana, mona):
        lead = accept(point(bounty, ana, url="https://david.example/car", buyer_email=DAVID), by=mona)
        do(refuse_consent, lead, never=True)
        for given in ({"buyer_email": DAVID}, {"url": "https://www.david.example/car?ref=1"}):
            with pytest.raises(Suppressed):
                point(eastside, ana, **given)

    def test_what_others_had_begun_ends_too(self, mailed, eastside, ana, mona):
        bo, cy = make_user("Bo Li"), make_user("Cy Oz")
        asked_there = accept(point(eastside, ana, buyer_email=DAVID), by=mona)
        third, fourth, fifth = (make_bounty(make_business(make_user(), name), is_live=True) for name in ("Third", "Fourth", "Fifth"))
        in_review, submitted = review_lead(point(third, bo, buyer_email=DAVID)), point(fourth, cy, buyer_email=DAVID)
        questioned = review_lead(point(fifth, bo, buyer_email=DAVID))
        decide(ask_for_info, questioned, by=mona, question="Who is it?")
        do(refuse_consent, mailed, never=True)
        assert (again(asked_there).consent, again(asked_there).moderation) == (Consent.REFUSED, Moderation.EXPIRED)
        for lead in (in_review, submitted):
            assert (again(lead).moderation, again(lead).reason_code) == (Moderation.REJECTED, ReasonCode.NO_CONSENT)
        assert again(questioned).moderation is Moderation.EXPIRED

    def test_a_yes_given_to_somebody_else_still_stands(self, mailed, eastside, ana, mona):
        there = accept(point(eastside, ana, buyer_email=DAVID), by=mona)
        say_yes(there, proven=True)
        do(refuse_consent, mailed, never=True)
        assert again(there).consent is Consent.GRANTED

    def test_may_come_with_taking_a_yes_back(self, mailed, eastside, ana):
        say_yes(mailed, proven=True)
        do(withdraw_consent, mailed, never=True)
        with pytest.raises(Suppressed):
            point(eastside, ana, buyer_email=DAVID)


    def test_holds_for_every_spelling_of_one_mailbox(self, eastside, bounty, ana, mona):
        do(refuse_consent, accept(point(bounty, ana, buyer_email="david@gmail.com"), by=mona), never=True)
        with pytest.raises(Suppressed):
            point(eastside, ana, buyer_email="da.vid+cars@googlemail.com")

    def test_is_not_undone_by_an_appeal_that_nobody_decides(self, mailed, eastside, mona, work, later, mailbox):
        """Rejected before, appealed after: silence accepts for the referrer, but not against the buyer."""
        bo = make_user("Bo Li")
        refused = review_lead(point(eastside, bo, buyer_email=DAVID))
        decide(reject_lead, refused, by=mona, reason_code=ReasonCode.OTHER)
        do(refuse_consent, mailed, never=True)
        do(appeal_decision, again(refused), by=bo, why="Please look at it once more.")
        with pytest.raises(Suppressed):
            decide(accept_lead, again(refused), by=make_user("Nils Berg", is_admin=True))
        later(days=8)
        work()
        assert (again(refused).moderation, again(refused).reason_code) == (Moderation.REJECTED, ReasonCode.NO_CONSENT)
        assert not [mail for mail in mailbox.to(DAVID) if "Eastside" in body_of(mail)]

    def test_is_said_of_oneself_only(self, asked, eastside, mona):
        """Whoever holds a passed-on link can type in any address; unconfirmed it silences nobody."""
        there = accept(point(eastside, make_user("Bo Li"), buyer_email=DAVID), by=mona)
        say_yes(asked)
        do(refuse_consent, asked, never=True)
        assert again(there).consent is Consent.ASKED

    def test_no_form_of_ours_writes_to_them_again(self, mailed, eastside, ana, mona, work, mailbox):
        do(refuse_consent, mailed, never=True)
        work()
        written = len(mailbox.to(DAVID))
        there = accept(point(eastside, ana), by=mona)
        with pytest.raises(Suppressed):
            say_yes(there)
        work()
        assert len(mailbox.to(DAVID)) == written


class TestTakingBack:
    def test_closes_the_door_and_tells_all_three_once(self, mailed, ana, wes, work, mailbox):
        say_yes(mailed, proven=True)
        work()
        before = len(mailbox.to(DAVID))
        do(withdraw_consent, mailed)
        assert again(mailed).consent is Consent.WITHDRAWN
        assert db.session.query(ConsentGrant).one().withdrawn_at is not None
        work()
        told = mailbox.last_to(wes.email)
        assert "took their yes back" in str(told["Subject"]) and again(mailed).bounty.title in body_of(told)
        assert f"/leads/{mailed.id}" in body_of(told) and "record it on the lead’s page" in said_in(told)
        (to_referrer, (to_buyer,)) = mailbox.last_to(ana.email), mailbox.to(DAVID)[before:]
        assert what(to_referrer) == "The buyer took their yes back"
        assert f"can be recorded until {day_in_words(again(mailed).protected_until)}" in said_in(to_referrer)
        assert what(to_buyer) == "You took your yes back"
        assert "What we keep: that you had said yes and took it back" in said_in(to_buyer)
        assert "If you bought from them before, you can still say so" in said_in(to_buyer)
        assert "/buyer/buyer-mail/" in body_of(to_buyer) and "/your-data/" in body_of(to_buyer)

    @pytest.mark.parametrize("is_at_once", [True, False])
    def test_with_never_no_mail_confirms_it_and_the_page_says_why(self, mailed, ana, work, mailbox, anonymous, is_at_once):
        say_yes(mailed, proven=True)
        work()
        before = len(mailbox.to(DAVID))
        do(withdraw_consent, mailed, never=is_at_once)
        if not is_at_once:  # Said on the same page, before the mail about the yes has gone.
            do(say_never, again(mailed))
        work()
        assert len(mailbox.to(DAVID)) == before and what(mailbox.last_to(ana.email)) == "The buyer took their yes back"
        page = anonymous.page(buyer_link(again(mailed), MAILED).removeprefix("http://localhost"))
        assert "No mail confirms it, because you asked us to write no more" in words_of(page)

    def test_needs_a_yes(self, asked):
        with pytest.raises(AlreadyAnswered):
            do(withdraw_consent, asked)


class TestLinks:
    def test_open_what_they_were_signed_for(self, mailed):
        for purpose in (PASSED_ON, MAILED):
            assert open_buyer_link(purpose, buyer_link(mailed, purpose).rsplit("/", 1)[1]).id == mailed.id

    def test_a_mailed_one_proves_the_address_it_was_mailed_to_and_no_other(self, asked, anonymous):
        """Somebody types their own address first, gets our mail there, then wants to say yes for David with it."""
        say_yes(asked, email="eve@example.org")
        mailed_to_eve = buyer_link(again(asked), MAILED).removeprefix("http://localhost")
        say_yes(asked)
        assert DAVID not in anonymous.get(mailed_to_eve).text
        anonymous.submit(mailed_to_eve, {"name": "David", "email": DAVID, "channel": "email", "until": "2026-11-20"}, action="/yes")
        assert again(asked).consent is Consent.ASKED

    def test_forged_ones_open_nothing(self, asked):
        token = sign(PASSED_ON, asked.id, until=clock.now().date())
        for purpose, forged in ((MAILED, token), (PASSED_ON, token[:-1] + "x"), (PASSED_ON, asked.id), ("other", token), ("", "")):
            with pytest.raises(BadLink):
                open_buyer_link(purpose, forged)
        with pytest.raises(BadLink):
            open_confirmation(token)

    def test_a_confirmation_is_for_one_answer(self, asked):
        grant = say_yes(asked)
        assert open_confirmation(sign(CONFIRMING, grant.id, until=clock.now().date())).id == grant.id
