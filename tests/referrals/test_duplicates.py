"""Two leads, one buyer: found by marks, by what the posts say, by the business's own list; and what comes of it."""
from datetime import date

import pytest
from sqlalchemy import select

from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import Forbidden
from marketplace.foundation.reading import PageReading
from marketplace.identity.models import MemberRole, Membership
from marketplace.payments.models import AccountKind
from marketplace.referrals.appeals import appeal_decision
from marketplace.referrals.asking import buyer_link
from marketplace.referrals.beside import leads_beside, signals_beside
from marketplace.referrals.consent import confirm_consent, give_consent, refuse_consent
from marketplace.referrals.desk.ruling import (
    AlreadyRuled,
    BothAgreed,
    NotRuled,
    rule_on_buyers,
    tell_ruling_now,
    undo_ruling,
)
from marketplace.referrals.desk.telling import NotYours, ToldAlready
from marketplace.referrals.evidence import Captured, keep_evidence
from marketplace.referrals.models import (
    Buyer,
    BuyerRuling,
    Channel,
    Consent,
    Lead,
    LeadSignature,
    Moderation,
    ReasonCode,
    lead_bands,
)
from marketplace.referrals.moderation import accept_lead, answer_info, ask_for_info, reject_lead
from marketplace.referrals.nearness import find_alike, forget_likeness
from marketplace.referrals.ownership import lead_of_teller, rivals_of, who_owns
from marketplace.referrals.queries import record_of_business, record_of_referrer
from marketplace.referrals.sharing import BadSplit, SplitFixed, answer_split, divide, offer_share, seconds_to_share_with
from marketplace.referrals.suppression import Suppressed
from tests.browsing import what, words_of
from tests.factories import accept, make_bounty, make_business, make_user, review_lead, win
from tests.referrals.conftest import QUOTE
from tests.referrals.steps import actions_on, again, decide, do, holds, point, rule

POST = ("The transmission has given up for good this time, and the workshop shook its head at it. So it is decided. "
        "I am in the market for a car, something for two kids and a dog, before Christmas if that can be done.")
EDITED = POST.replace("has given up", "gave up").replace("kids", "children")
OTHER_POST = ("We moved to the coast last spring and would like to learn sailing. Who sells a small used boat, in good "
              "order, that two beginners can handle on a lake before they dare to go out on the sea?")
X = "https://x.com/{}/status/{}"


@pytest.fixture
def tom(bounty):
    return make_user("Tom Berg")


def point_twice(bounty, ana, tom, text=EDITED):
    """Ana first, Tom with nearly the same text; both before the moderators."""
    first, second = (point(bounty, by, text=said) for by, said in ((ana, POST), (tom, text)))
    for lead in (first, second):
        review_lead(lead)
    return again(first), again(second)


def alike(lead):
    return [lead_id for lead_id, _ in find_alike(again(lead))]


def warnings(lead):
    lead = again(lead)
    return [signal.words for signal in signals_beside(lead, leads_beside(lead)) if signal.tone == "warn"]


class TestAlike:
    @pytest.mark.parametrize("text", [
        POST, EDITED, POST.upper(), f"Zu verkaufen war gestern: ich suche\n\n{POST}", " ".join(reversed(POST.split(". ")))],
        ids=["copied", "edited", "shouted", "under a translated title", "sentences in another order"])
    def test_the_same_post_told_again_is_shown_to_the_moderator_who_decides(self, bounty, ana, tom, text):
        first, second = point_twice(bounty, ana, tom, text)
        assert alike(second) == [first.id] and alike(first) == [second.id]
        assert second.moderation is Moderation.IN_REVIEW
        assert "Perhaps the same buyer as the lead that Ana Flores pointed out within the hour before" in warnings(second)[0]

    def test_another_post_is_not(self, bounty, ana, tom):
        _, second = point_twice(bounty, ana, tom, OTHER_POST)
        assert alike(second) == [] and warnings(second) == []

    def test_a_lead_of_another_business_is_nobodys_concern(self, bounty, ana, tom):
        eastside = make_bounty(make_business(make_user("Pete Moss"), name="Eastside Auto"), is_live=True)
        point(bounty, ana, text=POST)
        assert alike(point(eastside, tom, text=POST)) == []

    def test_a_post_that_was_read_is_found_like_one_that_was_typed(self, bounty, ana, tom, blog, work):
        page = "<html><head><title>{}</title></head><body><article><p>" + POST + "</p></article></body></html>"
        first = point(bounty, ana, url=blog.post("/car", text=page.format("Goodbye, old wagon")))
        second = point(bounty, tom, url=blog.post("/auto", text=page.format("Leb wohl, alter Kombi")))
        work()
        assert alike(second) == [first.id]

    def test_a_text_read_anew_takes_the_place_of_the_old_one(self, bounty, ana, tom, mona):
        first, second = point_twice(bounty, ana, tom)
        decide(ask_for_info, second, by=mona, question="Is there a page?")
        do(answer_info, again(second), by=tom, answer="Here is another text.", text=OTHER_POST)
        assert alike(second) == [] and alike(first) == []
        assert db.session.query(LeadSignature).count() == 2

    def test_nothing_stays_of_a_text_that_is_forgotten(self, bounty, ana):
        lead = point(bounty, ana, text=POST)
        do(forget_likeness, again(lead))
        assert db.session.query(LeadSignature).count() == 0
        assert db.session.execute(select(lead_bands)).all() == []

    def test_another_account_is_named_as_such(self, bounty, ana, tom):
        first = point(bounty, ana, url=X.format("dave", 1))
        second = point(bounty, tom, url=X.format("dave_the_second", 2))
        for lead in (first, second):
            do(keep_evidence, reading(POST), lead.id)
        assert [one.reasons[1] for one in leads_beside(again(second))] == [
            "But it is by another account: one person may have two."]


class TestNever:
    def test_what_reads_like_the_post_of_somebody_who_said_never_is_warned_of_at_every_business(
        self, bounty, ana, tom, mona,
    ):
        lead = accept(point(bounty, ana, text=POST), by=mona)
        do(refuse_consent, again(lead), never=True)
        eastside = make_bounty(make_business(make_user("Pete Moss"), name="Eastside Auto"), is_live=True)
        like, unlike = point(eastside, tom, text=EDITED), point(eastside, tom, text=OTHER_POST)
        assert warnings(like) == ["It reads like a post whose author asked never to be pointed at, by anybody."]
        assert warnings(unlike) == []
        do(forget_likeness, again(lead))
        assert warnings(like) != [] and alike(lead) == []

    def test_their_own_lead_does_not_warn_of_itself(self, bounty, ana, mona):
        lead = accept(point(bounty, ana, text=POST), by=mona)
        do(refuse_consent, again(lead), never=True)
        assert warnings(lead) == []


class TestHandles:
    def test_two_posts_by_one_account_are_one_buyer(self, bounty, ana, tom):
        first = point(bounty, ana, url=X.format("Dave", 1))
        second = point(bounty, tom, url="https://twitter.com/dave/status/2")
        assert (second.moderation, second.duplicate_of_id) == (Moderation.DUPLICATE, first.id)

    def test_who_wrote_a_post_may_be_known_only_from_the_page(self, bounty, ana, tom):
        first, second = (point(bounty, by, url=f"https://www.reddit.com/r/cars/comments/{place}/x")
                         for place, by in enumerate((ana, tom)))
        for lead in (first, second):
            do(keep_evidence, reading(OTHER_POST if lead is first else POST, author="u/Dave_B"), lead.id)
        assert again(first).moderation is Moderation.IN_REVIEW
        assert (again(second).moderation, again(second).duplicate_of_id) == (Moderation.DUPLICATE, first.id)

    def test_never_means_the_account_too(self, bounty, ana, tom, mona):
        lead = accept(point(bounty, ana, url=X.format("dave", 1)), by=mona)
        do(refuse_consent, again(lead), never=True)
        with pytest.raises(Suppressed):
            point(bounty, tom, url=X.format("dave", 2))

    def test_of_an_account_a_hash_is_kept_alone(self, bounty, ana):
        lead = point(bounty, ana, url=X.format("davebrandt", 1))
        buyer = db.session.get_one(Buyer, lead.buyer_id)
        assert buyer.handle_hash == lead.handle_hash and "dave" not in (buyer.handle_hash or "")


def reading(text, author=""):
    return Captured(reading=PageReading(
        title="A car", author=author, published_on=date(2026, 11, 1), language="en", text=text, canonical_url=None,
        sha256="0"))


class TestOneBuyer:
    def test_who_pointed_first_stands_while_nobody_is_accepted(self, bounty, ana, tom, mona, work, mailbox):
        first, second = point_twice(bounty, ana, tom)
        found = rule(first, second, by=mona, is_same=True)
        assert found.owner.id == first.id and found.why == (
            "Neither is confirmed or accepted yet, and Ana Flores pointed first.")
        assert (again(second).moderation, again(second).duplicate_of_id) == (Moderation.DUPLICATE, first.id)
        assert again(first).moderation is Moderation.IN_REVIEW
        work()
        assert [what(mail) for mail in mailbox.to(tom.email)] == ["Someone was faster with this buyer"]
        assert [what(mail) for mail in mailbox.to(ana.email)] == ["Somebody else pointed at your buyer too"]

    def test_who_was_accepted_first_stands_and_the_other_ends(self, bounty, ana, tom, mona):
        first, second = point_twice(bounty, ana, tom)
        accept(second, by=mona)
        accept(first, by=mona)
        found = rule(again(first), again(second), by=mona, is_same=True)
        assert found.owner.id == second.id and "Tom Berg was accepted first" in found.why
        assert again(first).moderation is Moderation.EXPIRED
        assert (holds(AccountKind.RESERVED, first.id), holds(AccountKind.RESERVED, second.id)) == (0, 105_000)

    def test_who_works_there_by_now_owns_no_buyer_that_somebody_else_pointed_at_too(self, bounty, ana, tom, mona):
        first, second = point_twice(bounty, ana, tom)
        with transaction():
            db.session.add(Membership(business_id=bounty.business_id, user_id=ana.id, role=MemberRole.AGENT))
        rule(again(first), again(second), by=mona, is_same=True)
        assert (again(first).moderation, again(second).moderation) == (Moderation.DUPLICATE, Moderation.IN_REVIEW)

    def test_the_buyers_word_comes_before_all(self, bounty, ana, tom, mona):
        first, second = point_twice(bounty, ana, tom)
        accept(first, by=mona)
        accept(second, by=mona)
        say_yes(second, "david@example.com")
        found = rule(again(first), again(second), by=mona, is_same=True)
        assert (found.owner.id, found.why) == (second.id, "The buyer said yes through Tom Berg.")
        assert again(first).moderation is Moderation.EXPIRED

    def test_two_that_the_buyer_said_yes_to_are_not_taken_apart_by_an_admin(self, bounty, ana, tom, mona):
        leads = point_twice(bounty, ana, tom)
        for lead, address in zip(leads, ("david@example.com", "dave@example.org"), strict=True):
            accept(lead, by=mona)
            say_yes(lead, address)
        with pytest.raises(BothAgreed):
            rule(again(leads[0]), again(leads[1]), by=mona, is_same=True)
        assert db.session.query(BuyerRuling).count() == 0

    def test_it_is_asked_once(self, bounty, ana, tom, mona):
        first, second = point_twice(bounty, ana, tom)
        rule(first, second, by=mona, is_same=False)
        assert warnings(second) == [] and warnings(first) == []
        assert [one.is_open for one in leads_beside(again(second))] == [False]
        with pytest.raises(AlreadyRuled):
            rule(again(second), again(first), by=mona, is_same=True)
        assert {again(first).moderation, again(second).moderation} == {Moderation.IN_REVIEW}

    def test_two_buyers_of_one_appeal_are_apart_from_then_on(self, bounty, ana, tom, mona):
        url = "https://forum.example/thread/7"
        first = point(bounty, ana, url=url)
        second = point(bounty, tom, url=url)
        do(appeal_decision, second, by=tom, why="Two people answer in that thread.")
        rule(again(second), again(first), by=mona, is_same=False)
        assert again(second).duplicate_of_id is None

    def test_only_moderators_without_a_stake_say_so(self, bounty, ana, tom):
        first, second = point_twice(bounty, ana, tom)
        with pytest.raises(Forbidden):
            rule(first, second, by=ana, is_same=True)
        admin_who_pointed = make_user("Admin", is_admin=True)
        third = point(bounty, admin_who_pointed, text=OTHER_POST)
        with pytest.raises(Forbidden):
            rule(again(first), again(third), by=admin_who_pointed, is_same=True)

    def test_the_same_address_learned_later_brings_two_leads_together(self, bounty, ana, tom, mona):
        first = accept(point(bounty, ana, text=POST), by=mona)
        say_yes(first, "david@example.com")
        second = point(bounty, tom, text=OTHER_POST)
        with_address = accept(review_lead(second), by=mona)
        do(give_consent, again(with_address), name="David", email="David+car@example.com", channel=Channel.EMAIL,
           until=date(2026, 12, 1), proven=False)
        assert [one.reasons for one in leads_beside(again(second))] == [["The buyer has the same e-mail address."]]

    def test_whoever_owns_it_is_the_same_from_both_sides(self, bounty, ana, tom):
        first, second = point_twice(bounty, ana, tom)
        assert who_owns(first, second) == who_owns(second, first)


def say_yes(lead, email):
    grant = do(give_consent, again(lead), name="David", email=email, channel=Channel.EMAIL, until=date(2026, 12, 1),
               proven=False)
    do(confirm_consent, grant)


class TestWhoToldYou:
    YES = {"name": "David", "email": "david@example.com", "channel": "email", "until": "2026-12-01"}

    @pytest.fixture
    def both(self, bounty, ana, tom, mona):
        """Ana's lead, and Tom's, whose appeal was granted: the buyer is asked for both."""
        url = "https://forum.example/thread/7"
        first, second = point(bounty, ana, url=url), point(bounty, tom, url=url)
        do(appeal_decision, second, by=tom, why="He says that it was me.")
        for lead in (first, second):
            do(keep_evidence, reading(POST), lead.id)
            accept(again(lead), by=mona)
        return again(first), again(second)

    def path(self, lead):
        return buyer_link(lead).removeprefix("http://localhost")

    def test_the_buyer_names_one_of_them_and_the_other_lead_ends(self, both, anonymous, work, mailbox):
        first, second = both
        page = anonymous.page(self.path(second))
        assert "Who told you about Westside Auto? Several people pointed at you." in words_of(page)
        for teller in ("Ana Flores", "Tom Berg"):  # Whose words and files go with the yes.
            assert f"{teller}From {teller}: how they know you and what they wrote about it" in words_of(page)
        answer = anonymous.submit(self.path(second), {**self.YES, "told_by": first.id})
        assert "One step left" in answer.text
        work()
        anonymous.submit(mailbox.link_to("david@example.com", "/buyer/confirm/"))
        assert (again(first).consent, again(second).moderation) == (Consent.GRANTED, Moderation.EXPIRED)

    def test_whose_link_it_is_counts_where_the_buyer_says_nothing_else(self, both, anonymous, work, mailbox):
        first, second = both
        anonymous.submit(self.path(second), self.YES)
        work()
        anonymous.submit(mailbox.link_to("david@example.com", "/buyer/confirm/"))
        assert (again(second).consent, again(first).moderation) == (Consent.GRANTED, Moderation.EXPIRED)

    def test_no_lead_of_another_buyer_can_be_named(self, both, bounty, mona, anonymous):
        stranger = accept(review_lead(point(bounty, make_user("Eve Lund"), text=OTHER_POST)), by=mona)
        assert lead_of_teller(both[0], stranger.id) is both[0]
        assert [rival.id for rival in rivals_of(again(both[0]))] == [both[1].id] and rivals_of(again(stranger)) == []

    def test_nobody_is_asked_who_told_them_where_one_person_did(self, bounty, ana, mona, anonymous):
        lead = accept(review_lead(point(bounty, ana, text=POST)), by=mona)
        assert "Who told you" not in words_of(anonymous.page(self.path(again(lead))))


class TestARulingWaits:
    """Five minutes, like every other decision."""

    def test_nothing_follows_from_it_and_nobody_is_told_before(self, bounty, ana, tom, mona, work, later, mailbox):
        first, second = point_twice(bounty, ana, tom)
        do(rule_on_buyers, first, second, by=mona, is_same=True)
        work()
        assert again(second).moderation is Moderation.IN_REVIEW and not mailbox.to(tom.email) and not mailbox.to(ana.email)
        later(minutes=6)
        work()
        assert again(second).moderation is Moderation.DUPLICATE
        assert len(mailbox.to(tom.email)) == len(mailbox.to(ana.email)) == 1
        do(tell_ruling_now, again(first), again(second), by=mona)
        work()
        assert len(mailbox.to(tom.email)) == 1, "told once"

    def test_who_made_it_takes_it_back_until_then_and_nobody_else(self, bounty, ana, tom, mona, work, later, mailbox):
        first, second = point_twice(bounty, ana, tom)
        with pytest.raises(NotRuled):
            do(undo_ruling, first, second, by=mona)
        do(rule_on_buyers, first, second, by=mona, is_same=True)
        with pytest.raises(NotYours):
            do(undo_ruling, first, second, by=make_user("Noor", is_admin=True))
        do(undo_ruling, first, second, by=mona)
        later(minutes=6)
        work()
        assert again(second).moderation is Moderation.IN_REVIEW and not mailbox.to(tom.email)
        assert "buyer.ruling_undone" in actions_on(first.id) and leads_beside(again(second))[0].is_open
        rule(again(first), again(second), by=mona, is_same=False)
        with pytest.raises(ToldAlready):
            do(undo_ruling, again(first), again(second), by=mona)

    def test_it_is_open_again_where_the_buyer_says_yes_through_both_meanwhile(self, bounty, ana, tom, mona, work, later):
        leads = point_twice(bounty, ana, tom)
        for lead in leads:
            accept(lead, by=mona)
        do(rule_on_buyers, again(leads[0]), again(leads[1]), by=mona, is_same=True)
        for lead, address in zip(leads, ("david@example.com", "dave@example.org"), strict=True):
            say_yes(lead, address)
        later(minutes=6)
        work()
        assert [again(lead).moderation for lead in leads] == [Moderation.ACCEPTED] * 2
        assert db.session.query(BuyerRuling).count() == 0

    def test_an_acceptance_that_nobody_knows_of_yet_is_never_told(self, bounty, ana, tom, mona, work, mailbox):
        first, second = point_twice(bounty, ana, tom)
        accept(first, by=mona)
        do(accept_lead, again(second), by=mona)
        rule(again(first), again(second), by=mona, is_same=True)
        work()
        assert again(second).moderation is Moderation.DUPLICATE and holds(AccountKind.RESERVED, second.id) == 0
        assert [what(mail) for mail in mailbox.to(tom.email)] == ["Someone was faster with this buyer"]


class TestShared:
    def test_the_two_agree_on_shares_that_make_a_hundred_percent(self, bounty, ana, tom, mona, as_user):
        first, second = point_twice(bounty, ana, tom)
        rule(first, second, by=mona, is_same=True)
        accept(again(first), by=mona)
        split = do(offer_share, again(first), by=ana, second_id=second.id, own_bps=7_000)
        assert "You are offered 30% of what this buyer earns." in as_user(tom).get(f"/leads/{second.id}").text
        do(answer_split, split, by=tom, agrees=True)
        page = as_user(tom).get(f"/leads/{second.id}").text
        assert "30% of what this buyer earns is yours." in page and "They may also offer" not in page
        say_yes(first, "david@example.com")
        conversion = win(again(first))
        lead = db.session.get_one(Lead, conversion.lead_id)
        assert [(who, part.minor) for who, part, _ in divide(lead, *rewarded(lead))] == [
            (ana.id, 70_000), (tom.id, 30_000)]
        with pytest.raises(SplitFixed):
            do(offer_share, again(first), by=ana, second_id=second.id, own_bps=5_000)

    def test_a_share_is_offered_to_the_second_referrer_alone(self, bounty, ana, tom, mona):
        first, second = point_twice(bounty, ana, tom, OTHER_POST)
        with pytest.raises(SplitFixed):
            do(offer_share, first, by=ana, second_id=second.id, own_bps=5_000)
        rule(again(first), again(second), by=mona, is_same=True)
        with pytest.raises(Forbidden):
            do(offer_share, again(first), by=tom, second_id=second.id, own_bps=5_000)
        with pytest.raises(BadSplit):
            do(offer_share, again(first), by=ana, second_id=second.id, own_bps=10_000)

    def test_the_second_of_another_lead_is_no_second_of_this_one(self, bounty, ana, tom, mona):
        first, second = point_twice(bounty, ana, tom, OTHER_POST)
        third = review_lead(point(bounty, make_user("Eve Lund"), text=OTHER_POST.upper()))
        rule(again(second), again(third), by=mona, is_same=True)
        assert [one.id for one in seconds_to_share_with(again(second))] == [third.id]
        assert seconds_to_share_with(again(first)) == []

    def test_neither_is_told_the_others_address(self, bounty, ana, tom, mona, as_user, westside):
        first, second = point_twice(bounty, ana, tom)
        rule(first, second, by=mona, is_same=True)
        pages = as_user(ana)
        answer = pages.submit(f"/leads/{first.id}", {"own_percent": "60"}, action="/second-share")
        assert "Offered. We wrote to the other referrer" in answer.text
        assert "The other referrer" in answer.text and tom.email not in answer.text


def rewarded(lead):
    from marketplace.foundation.money import Money  # noqa: PLC0415
    return Money(100_000, "usd"), Money(5_000, "usd")


class TestSideBySide:
    def test_the_moderator_sees_both_with_what_they_share_marked(self, bounty, ana, tom, mona, as_user):
        _, second = point_twice(bounty, ana, tom)
        page = as_user(mona).page(f"/leads/{second.id}")
        said = words_of(page.get_element_by_id("beside"))
        assert "Ana Flores" in said and "Tom Berg" in said and "Neither is confirmed or accepted yet" in said
        marked = [mark.text for mark in page.get_element_by_id("beside").iter("mark")]
        assert any("for two" in mark for mark in marked) and not any("children" in mark for mark in marked)

    def test_one_press_makes_it_a_duplicate(self, bounty, ana, tom, mona, as_user):
        _, second = point_twice(bounty, ana, tom)
        answer = as_user(mona).submit(f"/leads/{second.id}", press="One buyer")
        assert "Kept: one buyer. Neither is confirmed or accepted yet, and Ana Flores pointed first." in answer.text
        assert again(second).moderation is Moderation.IN_REVIEW
        undone = as_user(mona).submit(f"/leads/{second.id}", press="Undo this answer").text
        assert "Nobody was told, and the question is open again." in undone
        assert "Kept: one buyer." in as_user(mona).submit(f"/leads/{second.id}", press="One buyer").text
        as_user(mona).submit(f"/leads/{second.id}", press="Tell both now")
        assert again(second).moderation is Moderation.DUPLICATE

    def test_or_lets_both_go_on(self, bounty, ana, tom, mona, as_user):
        first, second = point_twice(bounty, ana, tom)
        answer = as_user(mona).submit(f"/leads/{second.id}", press="Two buyers")
        assert "two buyers, an admin said" in words_of(as_user(mona).page(f"/leads/{first.id}"))
        assert "Kept: two buyers." in answer.text and again(second).moderation is Moderation.IN_REVIEW

    def test_nobody_else_is_shown_it(self, bounty, ana, tom, as_user):
        _, second = point_twice(bounty, ana, tom)
        page = as_user(tom).page(f"/leads/{second.id}")
        assert "Ana Flores" not in words_of(page) and not page.find_class("halves")
        assert QUOTE in words_of(page)


@pytest.mark.once
def test_who_was_second_was_refused_nothing(bounty, ana, tom, mona):
    first, second = point_twice(bounty, ana, tom)
    other = point(bounty, tom, text=OTHER_POST, quote="We moved to the coast last spring")
    review_lead(other)
    rule(second, first, by=mona, is_same=True)
    decide(reject_lead, again(other), by=mona, reason_code=ReasonCode.SPAM)
    assert again(second).moderation is Moderation.DUPLICATE
    assert (record_of_referrer(tom.id).refused, record_of_business(bounty.business_id).refused) == (1, 1)
