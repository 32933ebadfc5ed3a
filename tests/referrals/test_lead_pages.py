"""The pages of a lead, as each of its people reads them."""
import re

import pytest

from marketplace.bounties.drafting import change_bounty
from marketplace.bounties.publishing import pause_bounty
from marketplace.foundation.db import db, transaction
from marketplace.foundation.money import Money
from marketplace.identity.models import MemberRole, User
from marketplace.referrals.clawbacks import refund_sale
from marketplace.referrals.consent import withdraw_consent
from marketplace.referrals.desk.telling import tell_now
from marketplace.referrals.models import Consent, Conversion, Lead, Moderation, Reward, RewardState, Stage
from marketplace.referrals.moderation import ask_for_info, reject_lead
from marketplace.referrals.stages import NotOpen, change_stage
from tests.browsing import end_reading, words_of
from tests.factories import (
    PERCENT,
    TERMS,
    accept,
    consent,
    flat,
    make_bounty,
    make_business,
    make_member,
    make_user,
    review_lead,
    win,
)
from tests.referrals.conftest import QUOTE
from tests.referrals.steps import actions_on, again, decide, do, point

POINTED = {"quote": QUOTE, "acquaintance": "online", "how_known": "I have read his blog for years."}
SECRETS = ("David", "wagon", QUOTE, "/car", "Ana Flores", "I read his blog")


@pytest.fixture
def lead(bounty, ana, blog, work, keep_lead):
    url = blog.post()

    def build():
        lead = point(bounty, ana, url=url)
        work()
        return lead
    return keep_lead("read from the blog", build)


@pytest.fixture
def talks(lead, mona, keep_lead):
    """The buyer said yes."""
    return keep_lead("they said yes", lambda: consent(accept(lead, by=mona)))


def only_lead():
    end_reading()
    return db.session.query(Lead).populate_existing().one()


class TestPointing:
    def test_a_post_becomes_a_lead_whose_page_says_what_happens(self, bounty, ana, as_user, blog, work):
        browser = as_user(ana)
        answer = browser.submit(f"/bounties/{bounty.id}/point?url={blog.post()}", POINTED)
        assert answer.status_code == 200 and "Thank you" in answer.text
        assert only_lead().evidence.url == blog.address + "/car"
        work()
        said = words_of(browser.page(f"/leads/{only_lead().id}"))
        assert "word for word" in said and "A moderator decides" in said

    def test_the_page_says_what_it_earns_and_that_contact_is_optional(self, bounty, ana, as_user):
        said = words_of(as_user(ana).page(f"/bounties/{bounty.id}/point"))
        assert "$1,000" in said and "If you know how to reach them (optional)" in said and "What happens then" in said

    def test_a_post_needs_an_address_or_its_text(self, bounty, ana, as_user):
        answer = as_user(ana).submit(f"/bounties/{bounty.id}/point", POINTED, follow=False)
        assert answer.status_code == 422 and "Give the address of the post" in answer.text

    @pytest.mark.once
    def test_what_was_typed_stays_with_the_error_beside_it(self, bounty, ana, as_user):
        answer = as_user(ana).submit(f"/bounties/{bounty.id}/point", {**POINTED, "quote": "short"}, follow=False)
        assert answer.status_code == 422
        assert "I have read his blog for years." in answer.text and "at least 8 characters" in answer.text

    @pytest.mark.once
    @pytest.mark.parametrize(("typed", "field"), [
        ({"url": "ftp://x/y"}, "url"), ({"url": "https://user:pw@x.example/"}, "url"), ({"url": "nonsense"}, "url"),
        ({"text": "too short"}, "text"), ({"buyer_email": "david at home"}, "buyer_email"), ({"how_known": ""}, "how_known"),
        ({"buyer_name": "x" * 121}, "buyer_name"), ({"quote": "q" * 601}, "quote")])
    def test_bad_input_is_named(self, bounty, ana, as_user, typed, field):
        page = as_user(ana).submit(f"/bounties/{bounty.id}/point", {"url": "https://david.example/car", **POINTED, **typed}, follow=False)
        assert page.status_code == 422
        assert f'id="f-{field}-problem"' in page.text

    @pytest.mark.once
    @pytest.mark.parametrize("fields", [{"acquaintance": "enemy"}, {"surprise": "1"}, {"acquaintance": ""}])
    def test_what_no_form_of_ours_sends_is_refused(self, bounty, ana, as_user, fields):
        browser = as_user(ana)
        token = browser.page(f"/bounties/{bounty.id}/point").xpath("//input[@name='csrf_token']/@value")[0]
        answer = browser.post(f"/bounties/{bounty.id}/point", data={"csrf_token": token, "url": "https://x.example/", **POINTED, **fields})
        assert answer.status_code == 422

    @pytest.mark.once
    def test_without_the_token_nothing_is_taken(self, bounty, ana, as_user):
        assert as_user(ana).post(f"/bounties/{bounty.id}/point", data=POINTED).status_code == 400
        assert db.session.query(Lead).count() == 0

    def test_the_own_address_is_refused_with_what_was_typed(self, bounty, ana, as_user):
        answer = as_user(ana).submit(f"/bounties/{bounty.id}/point", {**POINTED, "url": "https://x.example/p", "buyer_email": ana.email}, follow=False)
        assert answer.status_code == 403 and "Not your own address" in answer.text and "I have read his blog" in answer.text

    def test_pointing_twice_is_refused_with_what_was_typed(self, bounty, ana, as_user):
        browser = as_user(ana)
        for status in (302, 409):
            answer = browser.submit(f"/bounties/{bounty.id}/point", {**POINTED, "url": "https://x.example/p"}, follow=False)
            assert answer.status_code == status
        assert "already" in answer.text and "I have read his blog" in answer.text
        assert f'href="/leads/{only_lead().id}"' in answer.text

    @pytest.mark.once
    def test_a_private_address_is_refused_before_anything_is_kept(self, bounty, ana, as_user):
        answer = as_user(ana).submit(f"/bounties/{bounty.id}/point", {**POINTED, "url": "http://192.168.0.1/post"}, follow=False)
        assert answer.status_code == 422 and "not on the public web" in answer.text
        assert db.session.query(Lead).count() == 0

    def test_who_was_slower_is_told(self, bounty, lead, as_user):
        answer = as_user(make_user("Bo Li")).submit(f"/bounties/{bounty.id}/point", {**POINTED, "url": lead.evidence.url})
        assert "Somebody was faster" in answer.text and "Duplicate" in answer.text

    @pytest.mark.once
    def test_an_unconfirmed_address_gets_help_instead_of_a_form(self, bounty, as_user):
        answer = as_user(make_user(is_confirmed=False)).get(f"/bounties/{bounty.id}/point")
        assert answer.status_code == 403 and "Send the mail again" in answer.text and 'name="quote"' not in answer.text

    def test_the_business_itself_is_sent_elsewhere(self, bounty, wes, as_user):
        answer = as_user(wes).get(f"/bounties/{bounty.id}/point")
        assert answer.status_code == 403 and "You work there" in answer.text

    def test_a_paused_bounty_is_not_pointed_at(self, bounty, wes, ana, as_user):
        browser = as_user(ana)
        token = browser.page(f"/bounties/{bounty.id}/point").xpath("//input[@name='csrf_token']/@value")[0]
        do(pause_bounty, bounty, by=wes)
        assert browser.get(f"/bounties/{bounty.id}/point").status_code == 409
        answer = browser.post(f"/bounties/{bounty.id}/point", data={"csrf_token": token, "url": "https://x.example/", **POINTED})
        assert answer.status_code == 409 and "does not take leads" in answer.text

    @pytest.mark.once
    def test_a_visitor_signs_in_first_and_comes_back_with_the_address(self, bounty, anonymous):
        answer = anonymous.get(f"/bounties/{bounty.id}/point?url=https://x.example/p")
        assert answer.status_code == 302 and "point" in answer.headers["Location"] and "x.example" in answer.headers["Location"]

    def test_an_unknown_bounty_is_not_there(self, ana, as_user):
        as_user(ana).page("/bounties/bounty_nonsense/point", status=404)


class TestMyLeads:
    def test_are_mine_newest_first_with_what_happens_next(self, bounty, ana, as_user, lead):
        other = make_bounty(make_business(make_user(), "Eastside Auto"), is_live=True)
        point(other, ana)
        point(bounty, make_user("Bo Li"))
        page = as_user(ana).page("/leads")
        said = words_of(page)
        assert [row.text for row in page.xpath("//th[@scope='row']/small[1]")] == ["Eastside Auto", "Westside Auto"]
        assert said.count("Pointed out") == 1 and "A moderator decides" in said

    def test_come_in_pages_without_a_repeat(self, ana, as_user):
        for number in range(23):
            point(make_bounty(make_business(make_user(), f"Shop {number:02}"), is_live=True), ana)
        browser = as_user(ana)
        first = browser.page("/leads")
        second = browser.page(first.xpath("//a[@rel='next']/@href")[0])
        shops = [re.findall(r"Shop \d\d", words_of(page.find(".//table"))) for page in (first, second)]
        assert sorted(shops[0] + shops[1]) == [f"Shop {n:02}" for n in range(23)]
        assert second.xpath("//a[@rel='next']") == []

    def test_can_be_narrowed(self, ana, lead, as_user):
        browser = as_user(ana)
        assert "Westside" in words_of(browser.page("/leads?moderation=in_review"))
        assert "None of your leads" in words_of(browser.page("/leads?moderation=rejected"))
        assert "Westside" in words_of(browser.page("/leads?moderation=nonsense"))
        browser.page("/leads?cursor=nonsense", status=422)

    def test_an_empty_list_says_what_to_do(self, ana, as_user):
        assert "not pointed at anybody yet" in words_of(as_user(ana).page("/leads"))


class TestTheReferrersPage:
    def test_nobody_else_may_read_it(self, lead, as_user, wes):
        for stranger in (make_user("Bo Li"), wes):
            as_user(stranger).page(f"/leads/{lead.id}", status=404)

    def test_the_quote_is_marked_between_its_words(self, lead, ana, as_user):
        page = as_user(ana).page(f"/leads/{lead.id}")
        assert [mark.text for mark in page.iter("mark")] == [QUOTE]
        assert "decided. I am in the market for a car, something" in words_of(page)

    def test_the_terms_are_those_of_that_day(self, bounty, lead, ana, wes, as_user):
        fields = {name: getattr(bounty.terms, name) for name in TERMS}
        do(change_bounty, bounty, by=wes, title=bounty.title, offer=bounty.offer, **{**fields, "rules": [flat(5_000)]})
        said = words_of(as_user(ana).page(f"/leads/{lead.id}"))
        assert "The terms, no. 1" in said and "$1,000" in said and "$50" not in said

    def test_a_lead_is_taken_back(self, lead, ana, as_user):
        answer = as_user(ana).submit(f"/leads/{lead.id}", action="/withdrawal")
        assert "You took the lead back" in answer.text
        assert again(lead).moderation is Moderation.WITHDRAWN

    def test_a_second_click_is_told_so(self, lead, ana, as_user):
        browser = as_user(ana)
        token = browser.page(f"/leads/{lead.id}").xpath("//input[@name='csrf_token']/@value")[0]
        for status in (302, 409):
            answer = browser.post(f"/leads/{lead.id}/withdrawal", data={"csrf_token": token})
            assert answer.status_code == status
        assert "cannot become withdrawn" in answer.text

    def test_a_question_is_answered_with_another_address(self, lead, ana, mona, blog, as_user, work):
        decide(ask_for_info, lead, by=mona, question="Is there a newer post?")
        browser = as_user(ana)
        assert "Is there a newer post?" in words_of(browser.page(f"/leads/{lead.id}"))
        browser.submit(f"/leads/{lead.id}", {"answer": "Yes.", "url": blog.post("/newer")}, action="/answer")
        work()
        assert again(lead).evidence.url.endswith("/newer")

    @pytest.mark.once
    def test_an_answer_needs_words_and_keeps_them(self, lead, ana, mona, as_user):
        decide(ask_for_info, lead, by=mona, question="Is there a newer post?")
        answer = as_user(ana).submit(f"/leads/{lead.id}", {"answer": "My long answer", "url": "ftp://x"}, action="/answer", follow=False)
        assert answer.status_code == 422 and "My long answer" in answer.text
        assert again(lead).moderation is Moderation.NEEDS_INFO

    def test_a_refusal_shows_its_reason_and_takes_an_appeal(self, lead, ana, mona, as_user):
        decide(reject_lead, lead, by=mona, reason_code="out_of_scope", missed_criterion=TERMS["criteria"][0], note="Sorry.")
        browser = as_user(ana)
        said = words_of(browser.page(f"/leads/{lead.id}"))
        assert TERMS["criteria"][0] in said and "Sorry." in said
        short = browser.submit(f"/leads/{lead.id}", {"why": "No"}, action="/appeal", follow=False)
        assert short.status_code == 422 and "at least 10" in short.text
        browser.submit(f"/leads/{lead.id}", {"why": "He told me himself yesterday."}, action="/appeal")
        assert again(lead).moderation is Moderation.IN_REVIEW

        def appeal():
            told = words_of(browser.page(f"/leads/{lead.id}")).partition("Your appeal")[2]
            assert "You wrote: “He told me himself yesterday.”" in told and f"was missed: “{TERMS['criteria'][0]}”" in told
            return told

        assert appeal().startswith("Another admin decides")
        noor = make_user(is_admin=True)
        do(reject_lead, again(lead), by=noor, reason_code="spam")
        assert appeal().startswith("Another admin decides"), "told to nobody yet"
        do(tell_now, again(lead), by=noor)
        assert appeal().startswith("It was heard: the second decision stands.")

    def test_an_appeal_that_nobody_decides_about_was_not_heard(self, lead, ana, mona, as_user, later, work):
        decide(reject_lead, lead, by=mona, reason_code="spam")
        browser = as_user(ana)
        browser.submit(f"/leads/{lead.id}", {"why": "He told me himself yesterday."}, action="/appeal")
        later(days=30)
        work()
        assert again(lead).moderation is Moderation.ACCEPTED
        assert "Nobody decided about it in time, so the lead is accepted." in words_of(browser.page(f"/leads/{lead.id}"))

    def test_a_second_appeal_is_refused(self, lead, ana, mona, as_user):
        browser = as_user(ana)
        token = browser.page(f"/leads/{lead.id}").xpath("//input[@name='csrf_token']/@value")[0]
        decide(reject_lead, lead, by=mona, reason_code="spam")
        sent = {"csrf_token": token, "why": "He told me himself yesterday."}
        assert browser.post(f"/leads/{lead.id}/appeal", data=sent).status_code == 302
        decide(reject_lead, again(lead), by=make_user(is_admin=True), reason_code="spam")
        answer = browser.post(f"/leads/{lead.id}/appeal", data=sent)
        assert answer.status_code == 409 and "second decision stands" in answer.text

    def test_the_private_link_is_there_to_pass_on(self, lead, ana, mona, as_user, anonymous):
        accept(lead, by=mona)
        page = as_user(ana).page(f"/leads/{lead.id}")
        link = page.xpath("//button[@data-copy]/@data-copy")[0]
        assert anonymous.get(link.removeprefix("http://localhost")).status_code == 200
        consent(lead)
        assert "/buyer/" not in as_user(ana).get(f"/leads/{lead.id}").text

    def test_the_private_link_is_not_there_when_we_mail_the_buyer(self, bounty, ana, mona, as_user):
        lead = accept(point(bounty, ana, buyer_email="david@example.com"), by=mona)
        text = as_user(ana).get(f"/leads/{lead.id}").text
        assert "/buyer/" not in text and "david@example.com" not in text

    def test_the_reward_shows_its_arithmetic_and_what_was_taken_back(self, talks, ana, wes, as_user):
        win(talks)
        do(refund_sale, again(talks), by=wes, amount=Money(100_000, "usd"), refund_number="R-1")
        said = words_of(as_user(ana).page(f"/leads/{talks.id}"))
        for words in ("The sale $30,000", "Taken back: $1,000 of the sale was refunded -$33.33", "What is left $966.67"):
            assert words in said

    @pytest.mark.once
    @pytest.mark.parametrize("path", ["acceptance", "rejection", "question", "stage", "sale", "refund", "contact"])
    def test_nothing_but_its_own_is_the_referrers_to_do(self, talks, ana, as_user, path):
        browser = as_user(ana)
        token = browser.page(f"/leads/{talks.id}").xpath("//input[@name='csrf_token']/@value")[0]
        sent = {"rejection": {"reason_code": "spam"}, "question": {"question": "Why so?"}, "stage": {"stage": "introduced"},
                "sale": {"amount": "1", "currency": "usd", "occurred_on": "2026-11-02"}, "refund": {"amount": "1", "currency": "usd", "refund_number": "1"}}
        assert browser.post(f"/leads/{talks.id}/{path}", data={"csrf_token": token, **sent.get(path, {})}).status_code == 403


class TestTheBusinesssPages:
    def test_before_the_yes_nothing_tells_who_it_is(self, lead, mona, wes, as_user):
        accept(lead, by=mona)
        browser = as_user(wes)
        for address in (f"/leads/{lead.id}", f"/businesses/{lead.business_id}/leads"):
            text = browser.get(address).text
            assert [secret for secret in SECRETS if secret in text] == []
        assert TERMS["criteria"][0] in words_of(browser.page(f"/leads/{lead.id}"))

    def test_after_the_yes_the_evidence_is_there_and_the_contact_behind_a_door(self, talks, wes, as_user):
        browser = as_user(wes)
        page = words_of(browser.page(f"/leads/{talks.id}"))
        assert QUOTE in page and "Ana Flores" in page and "david@example.com" not in page
        opened = browser.submit(f"/leads/{talks.id}", action="/contact")
        assert "david@example.com" in opened.text
        assert actions_on(talks.id)[-1] == "contact.opened"

    def test_the_door_is_closed_before_the_yes(self, lead, mona, wes, as_user):
        accept(lead, by=mona)
        browser = as_user(wes)
        token = browser.page(f"/leads/{lead.id}").xpath("//input[@name='csrf_token']/@value")[0]
        answer = browser.post(f"/leads/{lead.id}/contact", data={"csrf_token": token})
        assert answer.status_code == 409 and "has not said yes" in answer.text
        reloaded = browser.get(f"/leads/{lead.id}/contact")
        assert (reloaded.status_code, reloaded.headers["Location"]) == (303, f"/leads/{lead.id}")

    def test_looking_at_the_page_opens_nothing(self, talks, wes, as_user):
        as_user(wes).page(f"/leads/{talks.id}")
        assert "contact.opened" not in actions_on(talks.id)

    def test_stages_move_and_an_ending_needs_words(self, talks, wes, as_user):
        browser = as_user(wes)
        browser.submit(f"/leads/{talks.id}", {"stage": "qualified"}, action="/stage")
        assert again(talks).stage is Stage.QUALIFIED
        answer = browser.submit(f"/leads/{talks.id}", {"stage": "lost"}, action="/stage", follow=False)
        assert answer.status_code == 422 and "Say why" in answer.text
        browser.submit(f"/leads/{talks.id}", {"stage": "lost", "reason": "He kept his old one."}, action="/stage")
        assert again(talks).stage is Stage.LOST

    def test_once_the_yes_is_taken_back_nothing_more_is_to_be_done_but_to_say_what_came_of_it(self, talks, wes, as_user):
        do(withdraw_consent, talks)
        browser = as_user(wes)
        page = browser.page(f"/leads/{talks.id}")
        said = words_of(page)
        assert "Nothing more is to be done" in said and "Move it on" not in said and "Sold?" in said
        assert page.xpath("//select[@name='stage']/option/@value") == ["lost", "unqualified"]
        with pytest.raises(NotOpen):
            do(change_stage, again(talks), Stage.MEETING, by=wes)
        browser.submit(f"/leads/{talks.id}", {"stage": "lost", "reason": "They took it back."}, action="/stage")
        page = browser.page(f"/leads/{talks.id}")
        assert page.xpath("//select[@name='stage']/option/@value") == ["new"] and "record it below" not in words_of(page)

    def test_an_old_page_is_told_and_keeps_what_was_typed(self, talks, wes, as_user):
        browser = as_user(wes)
        form = next(form for form in browser.page(f"/leads/{talks.id}").forms if form.action.endswith("/stage"))
        sent = dict(form.form_values()) | {"stage": "lost", "reason": "My reason for it"}
        do(change_stage, talks, Stage.INTRODUCED, by=wes)
        answer = browser.post(form.action, data=sent)
        assert answer.status_code == 409 and "My reason for it" in answer.text
        assert again(talks).stage is Stage.INTRODUCED

    def test_a_sale_is_shown_before_it_is_recorded(self, talks, wes, as_user):
        browser = as_user(wes)
        page = browser.page(f"/leads/{talks.id}")
        form = next(form for form in page.forms if form.action.endswith("/sale"))
        sent = dict(form.form_values()) | {"amount": "30,000", "order_number": "W-1"}
        sent_on = browser.post(form.xpath(".//button/@formaction")[0], data=sent)
        assert sent_on.status_code == 302 and "csrf" not in sent_on.location
        preview = browser.get(sent_on.location)  # Back and Reload find it again.
        assert preview.status_code == 200 and "What this sale would make" in preview.text and 'value="30,000"' in preview.text
        assert db.session.query(Conversion).count() == 0
        answer = browser.submit(f"/leads/{talks.id}", {"amount": "30,000", "order_number": "W-1"}, action="/sale")
        assert "A reward of $1,000 is held" in answer.text
        assert db.session.query(Conversion).one().external_id == "W-1"

    @pytest.mark.once
    @pytest.mark.parametrize("action", ["/sale", "/sale/preview"])
    @pytest.mark.parametrize(("typed", "field"), [
        ({"amount": "-5"}, "amount"), ({"amount": "a lot"}, "amount"), ({"amount": "0"}, "amount"), ({"amount": "1e9"}, "amount"),
        ({"amount": "99999999999"}, "amount"), ({"amount": "1.005"}, "amount"), ({"occurred_on": "2026-11-31"}, "occurred_on"),
        ({"occurred_on": "2027-01-01"}, "occurred_on"), ({"occurred_on": "2020-01-01"}, "occurred_on"), ({"currency": "xyz"}, "currency"),
        ({"currency": "eur"}, "currency"), ({"order_number": "x" * 101}, "order_number")])
    def test_bad_sales_are_named_and_change_nothing(self, talks, wes, as_user, action, typed, field):
        browser = as_user(wes)
        form = next(form for form in browser.page(f"/leads/{talks.id}").forms if form.action.endswith("/sale"))
        sent = dict(form.form_values()) | {"amount": "100"} | typed
        answer = browser.post(f"/leads/{talks.id}{action}", data=sent)
        assert answer.status_code == 422
        assert f'href="#f-{field}"' in answer.text
        assert again(talks).stage is Stage.NEW

    def test_a_sale_sent_twice_counts_once(self, talks, wes, as_user):
        browser = as_user(wes)
        form = next(form for form in browser.page(f"/leads/{talks.id}").forms if form.action.endswith("/sale"))
        sent = dict(form.form_values()) | {"amount": "100"}
        assert [browser.post(form.action, data=sent).status_code for _ in range(2)] == [302, 409]
        assert db.session.query(Reward).count() == 1

    def test_a_refund_is_shown_before_it_is_recorded(self, talks, wes, as_user):
        win(talks)
        browser = as_user(wes)
        form = next(form for form in browser.page(f"/leads/{talks.id}").forms if form.action.endswith("/refund"))
        sent = dict(form.form_values()) | {"amount": "1000", "refund_number": "R-1"}
        shown = words_of(browser.page(browser.post(f"/leads/{talks.id}/refund/preview", data=sent).location))
        assert "Of the reward $33.33" in shown and "Of our fee, given back $1.66" in shown and "bounty’s funds $34.99" in shown
        assert db.session.query(Conversion).one().refunded_minor == 0
        done = browser.submit(f"/leads/{talks.id}", {"amount": "1000", "refund_number": "R-1"}, action="/refund")
        assert "$33.33 of the reward is taken back and $1.66 of our fee is given back: $34.99 returns" in done.text
        card = words_of(browser.page(f"/leads/{talks.id}"))
        assert "Our fee, given back -$1.66" in card and "Our fee, what is left $48.34" in card
        twice = browser.post(form.action, data=sent)
        assert twice.status_code == 409 and "recorded already" in twice.text
        for typed, status in (({"amount": "29000.01", "refund_number": "R-2"}, 422), ({"amount": "0", "refund_number": "R-2"}, 422), ({"refund_number": ""}, 422)):
            for action in ("/refund", "/refund/preview"):
                assert browser.post(f"/leads/{talks.id}{action}", data=sent | typed).status_code == status

    def test_agents_see_no_refund_form(self, talks, westside, as_user):
        win(talks)
        page = as_user(make_member(westside, MemberRole.AGENT)).page(f"/leads/{talks.id}")
        assert not any((form.action or "").endswith("/refund") for form in page.forms)

    def test_the_pipeline_has_its_stages_and_counts(self, talks, bounty, ana, mona, wes, as_user):
        accept(point(bounty, ana), by=mona)
        browser = as_user(wes)
        said = words_of(browser.page(f"/businesses/{bounty.business_id}/leads"))
        assert "All2" in said and "Waiting for the buyer1" in said and "New1" in said
        assert words_of(browser.page(f"/businesses/{bounty.business_id}/leads?stage=asked")).count("Terms no. 1") == 1
        assert "None of your leads" in words_of(browser.page(f"/businesses/{bounty.business_id}/leads?stage=won"))
        assert words_of(browser.page(f"/businesses/{bounty.business_id}/leads?stage=nonsense")).count("Terms no. 1") == 2

    def test_the_pipeline_comes_in_pages(self, westside, ana, wes, mona, as_user):
        bounty = make_bounty(westside, is_live=True, funded_for=25)
        others = [ana, make_user("Bo Li"), make_user("Cleo Day")]  # A storm of one person's would wait for a look.
        for number in range(21):
            accept(point(bounty, others[number % 3]), by=mona)
        page = as_user(wes).page(f"/businesses/{westside.id}/leads?stage=asked")
        following = page.xpath("//a[@rel='next']/@href")[0]
        assert words_of(as_user(wes).page(following)).count("Terms no. 1") == 1

    def test_an_empty_pipeline_says_what_to_do(self, westside, wes, as_user):
        assert "No leads yet" in words_of(as_user(wes).page(f"/businesses/{westside.id}/leads"))

    def test_it_is_nobody_elses(self, westside, ana, as_user):
        as_user(ana).page(f"/businesses/{westside.id}/leads", status=403)


class TestTheModeratorsPages:
    def test_the_queue_is_oldest_first_with_its_clock(self, bounty, lead, mona, as_user, work, later):
        later(days=3)
        second = make_bounty(make_business(make_user(), "Eastside Auto"), is_live=True)
        point(second, make_user("Bo Li"))
        work()
        said = words_of(as_user(mona).page("/moderation"))
        assert said.index("Westside Auto") < said.index("Eastside Auto")
        assert said.count("Overdue") == 1 and "One lead is overdue" in said

    def test_an_empty_queue_says_so(self, mona, as_user):
        assert "Nothing waits" in words_of(as_user(mona).page("/moderation"))

    def test_an_admin_who_works_there_reads_no_posts_in_it(self, bounty, westside, ana, as_user, work):
        point(bounty, ana, quote="My old wagon has given up", text="My old wagon has given up, so I need another.")
        work()
        member = make_member(westside)
        with transaction():
            db.session.get_one(User, member.id).is_admin = True
        for path in ("/moderation", "/dashboard/admin"):
            page = as_user(member).get(path)
            assert "You have a stake" in page.text and "wagon" not in page.text

    def test_it_is_for_admins(self, ana, wes, as_user):
        for person in (ana, wes):
            as_user(person).page("/moderation", status=403)

    def test_everything_for_a_decision_is_on_one_page(self, lead, mona, as_user):
        page = as_user(mona).page(f"/leads/{lead.id}")
        said = words_of(page)
        for words in ("word for word", "The transmission has given up", TERMS["criteria"][0], "nothing decided yet, 0 disputes lost", "Language: English", "Waiting for a moderator", "Decide by"):
            assert words in said
        assert [mark.text for mark in page.xpath("//*[contains(@class, 'post-text')]//mark")] == [QUOTE]

    @pytest.mark.once
    def test_a_post_is_shown_as_text_and_never_as_html(self, bounty, ana, mona, as_user, work):
        lead = point(bounty, ana, text=f"<script>alert(1)</script> {QUOTE} <b>now</b>")
        work()
        assert "<script>alert" not in as_user(mona).get(f"/leads/{lead.id}").text

    def test_accepting(self, lead, mona, as_user):
        assert "Accepted. The funds are reserved" in as_user(mona).submit(f"/leads/{lead.id}", action="/acceptance").text
        assert (again(lead).moderation, again(lead).consent) == (Moderation.ACCEPTED, Consent.UNKNOWN)

    @pytest.mark.once
    def test_rejecting_needs_a_reason_and_its_criterion(self, lead, mona, as_user):
        browser = as_user(mona)
        answer = browser.submit(f"/leads/{lead.id}", {"note": "A note of mine"}, action="/rejection", follow=False)
        assert answer.status_code == 422 and "A note of mine" in answer.text
        answer = browser.submit(f"/leads/{lead.id}", {"reason_code": "out_of_scope", "note": "A note of mine"}, action="/rejection", follow=False)
        assert answer.status_code == 422 and "Choose the criterion" in answer.text and "A note of mine" in answer.text
        browser.submit(f"/leads/{lead.id}", {"reason_code": "out_of_scope", "missed_criterion": TERMS["criteria"][1]}, action="/rejection")
        assert again(lead).missed_criterion == TERMS["criteria"][1]

    def test_asking(self, lead, mona, as_user):
        browser = as_user(mona)
        assert browser.submit(f"/leads/{lead.id}", {"question": "Hm?"}, action="/question", follow=False).status_code == 422
        browser.submit(f"/leads/{lead.id}", {"question": "Where does he live?"}, action="/question")
        assert again(lead).question == "Where does he live?"

    @pytest.mark.parametrize(("action", "typed"), [
        ("acceptance", {}), ("rejection", {"reason_code": "spam", "note": "My own words"}), ("question", {"question": "My own words"})])
    def test_an_old_page_decides_nothing(self, lead, mona, as_user, action, typed):
        browser = as_user(mona)
        form = next(form for form in browser.page(f"/leads/{lead.id}").forms if form.action.endswith(action))
        sent = dict(form.form_values()) | typed
        do(lambda: setattr(again_in(lead), "answer", "Meanwhile."))
        answer = browser.post(form.action, data=sent)
        assert answer.status_code == 409 and "Someone changed this" in answer.text
        assert not typed or "My own words" in answer.text
        assert again(lead).moderation is Moderation.IN_REVIEW

    @pytest.mark.once
    @pytest.mark.parametrize("sent", [{"version": "one"}, {"version": "1", "surprise": "yes"}])
    def test_nonsense_decides_nothing(self, lead, mona, as_user, sent):
        browser = as_user(mona)
        token = browser.page(f"/leads/{lead.id}").xpath("//input[@name='csrf_token']/@value")[0]
        assert browser.post(f"/leads/{lead.id}/acceptance", data={"csrf_token": token, **sent}).status_code == 422
        assert again(lead).moderation is Moderation.IN_REVIEW

    def test_a_decision_without_funds_says_what_to_do(self, ana, mona, as_user):
        bounty = make_bounty(funded_for=1, is_live=True)
        first, second = review_lead(point(bounty, ana)), review_lead(point(bounty, make_user("Bo Li")))
        browser = as_user(mona)
        [old] = [form for form in browser.page(f"/leads/{second.id}").forms if (form.action or "").endswith("/acceptance")]
        browser.submit(f"/leads/{first.id}", action="/acceptance")
        answer = browser.post(old.action, data=dict(old.fields))
        assert answer.status_code == 409 and "no longer has free funds" in answer.text

    def test_an_admin_who_pointed_reads_it_as_a_referrer(self, bounty, as_user, work):
        pointer = make_user(is_admin=True)
        lead = point(bounty, pointer)
        work()
        page = as_user(pointer).page(f"/leads/{lead.id}")
        assert not any((form.action or "").endswith("/acceptance") for form in page.forms)
        assert "You have a stake" in words_of(as_user(pointer).page("/moderation"))
        token = page.xpath("//input[@name='csrf_token']/@value")[0]
        assert as_user(pointer).post(f"/leads/{lead.id}/acceptance", data={"csrf_token": token}).status_code in {400, 403}
        assert again(lead).moderation is Moderation.IN_REVIEW

    def test_the_appeal_and_the_answer_are_beside_the_post(self, lead, ana, mona, as_user):
        browser = as_user(ana)
        decide(ask_for_info, lead, by=mona, question="Where does he live?")
        browser.submit(f"/leads/{lead.id}", {"answer": "In Denver, he says."}, action="/answer")
        decide(reject_lead, review_lead(again(lead)), by=mona, reason_code="spam")
        assert "It looks like spam" in words_of(as_user(mona).page(f"/leads/{lead.id}"))
        browser.submit(f"/leads/{lead.id}", {"why": "He told me himself yesterday."}, action="/appeal")
        said = words_of(as_user(mona).page(f"/leads/{lead.id}"))
        assert "In Denver, he says." in said and "He told me himself yesterday." in said and "It looks like spam" in said

    def test_a_reward_is_held_and_let_go(self, talks, mona, as_user):
        win(talks)
        browser = as_user(mona)
        short = browser.submit(f"/leads/{talks.id}", {"reason": "?"}, action="/hold", follow=False)
        assert short.status_code == 422
        browser.submit(f"/leads/{talks.id}", {"reason": "A report came in."}, action="/hold")
        reward = db.session.query(Reward).populate_existing().one()
        assert reward.state is RewardState.ON_HOLD
        assert "A report came in." in words_of(browser.page(f"/leads/{talks.id}"))
        token = browser.page(f"/leads/{talks.id}").xpath("//input[@name='csrf_token']/@value")[0]
        for status in (302, 409):
            assert browser.post(f"/rewards/{reward.id}/release-hold", data={"csrf_token": token}).status_code == status
        assert browser.post(f"/rewards/{reward.id}/release-hold", data={"csrf_token": token, "surprise": "1"}).status_code == 422
        end_reading()
        assert db.session.query(Reward).populate_existing().one().state is RewardState.PENDING

    def test_holding_is_for_admins(self, talks, ana, as_user):
        win(talks)
        reward = db.session.query(Reward).one()
        browser = as_user(ana)
        token = browser.page("/settings").xpath("//input[@name='csrf_token']/@value")[0]
        for path in ("hold", "release-hold"):
            assert browser.post(f"/rewards/{reward.id}/{path}", data={"csrf_token": token, "reason": "Because."}).status_code == 403
        admin = as_user(make_user(is_admin=True))
        assert admin.post("/rewards/reward_nonsense/hold", data={"csrf_token": admin.page("/settings").xpath("//input[@name='csrf_token']/@value")[0]}).status_code == 404


def again_in(lead):
    """The row inside the open transaction."""
    return db.session.get_one(Lead, lead.id)


@pytest.mark.parametrize("ends", ["in a sale that earned nothing", "by the clock"])
def test_every_party_reads_the_page_of_a_lead_that_ended_without_a_reward(ends, westside, ana, wes, mona, as_user, work,
                                                                          later):
    bounty = make_bounty(westside, is_live=True, **PERCENT)
    lead = consent(accept(point(bounty, ana), by=mona))
    if ends == "by the clock":
        later(days=200)
        work()
        assert again(lead).moderation is Moderation.EXPIRED
    else:
        win(lead, amount=Money(3, "usd"))
        assert db.session.query(Reward).count() == 0
    for person in (ana, wes, mona):
        assert "protected until" not in words_of(as_user(person).page(f"/leads/{lead.id}"))


def test_every_party_reads_its_own_page_at_every_step(lead, mona, ana, wes, as_user):
    for step in (lambda: None, lambda: accept(lead, by=mona), lambda: consent(lead), lambda: win(lead)):
        step()
        for person in (ana, mona, *([wes] if again(lead).accepted_at else [])):
            assert lead.bounty.title in words_of(as_user(person).page(f"/leads/{lead.id}"))
