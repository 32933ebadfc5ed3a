"""The buyer's private page, read with the eyes of somebody who never heard of us."""
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from lxml import html

from marketplace.foundation import clock
from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.crypto import _tag, sign
from marketplace.foundation.db import db, transaction
from marketplace.foundation.outbox import OutboxMessage
from marketplace.referrals.asking import (
    CONFIRMING,
    LINK_LASTS,
    LONGEST_CONSENT,
    MAILED,
    PASSED_ON,
    buyer_link,
    link_ends,
)
from marketplace.referrals.buyers_share import CHOICE_WAITED_FOR, DONATION_WAITED_FOR
from marketplace.referrals.consent import confirm_consent, give_consent, refuse_consent
from marketplace.referrals.in_kind import LIVES
from marketplace.referrals.models import Channel, Consent, ConsentGrant, Moderation
from marketplace.referrals.moderation import accept_lead
from marketplace.referrals.suppression import Suppression
from tests.browsing import body_of, what, words_of
from tests.factories import accept, make_bounty, make_business, make_user
from tests.referrals.conftest import QUOTE
from tests.referrals.steps import actions_on, again, decide, do, point

pytestmark = pytest.mark.once  # The verbs behind them are tried on both databases, and each page is opened on both.

DAVID = "david@example.com"


def address(lead, purpose=PASSED_ON):
    return urlsplit(buyer_link(lead, purpose)).path


def signed(purpose, value):
    return sign(purpose, value, until=clock.now().date())


def answer(days=12, **typed):
    return {"name": "David Brandt", "email": DAVID, "channel": "email", "until": (clock.now().date() + timedelta(days=days)).isoformat(), **typed}


@pytest.fixture
def asked(bounty, ana, mona, blog, work, keep_lead):
    url = blog.post()

    def build():
        lead = point(bounty, ana, url=url)
        work()
        return accept(again(lead), by=mona)
    return keep_lead("asked", build)


@pytest.fixture
def mailed(bounty, ana, mona, keep_lead):
    return keep_lead("mailed", lambda: accept(point(bounty, ana, buyer_name="David", buyer_email=DAVID), by=mona))


class TestAsking:
    def test_says_who_to_whom_why_and_that_it_is_paid(self, asked, anonymous):
        said = words_of(anonymous.page(address(asked)))
        for words in ("Ana Flores", "Westside Auto", "Denver", "A family dealership.", QUOTE, "$1,000", "costs you nothing", "No, thank you", "Never contact me",
                      "Yes: Your name, and the one address", "No: Any other e-mail address or phone number of yours that we may have"):
            assert words in said

    def test_is_in_no_search_engine_and_has_no_navigation(self, asked, anonymous):
        response = anonymous.get(address(asked))
        assert "noindex" in response.headers["X-Robots-Tag"] and 'name="robots" content="noindex' in response.text
        assert response.headers["Cache-Control"] == "no-store"
        assert "Sign in" not in response.text and response.headers["Referrer-Policy"] in {"same-origin", "no-referrer"}

    def test_shows_nothing_of_the_buyers_data_behind_a_link_that_was_passed_on(self, mailed, anonymous):
        text = anonymous.get(address(mailed)).text
        assert DAVID not in text and 'value="David"' not in text

    def test_fills_in_what_we_know_behind_a_link_that_was_mailed(self, mailed, anonymous):
        text = anonymous.get(address(mailed, MAILED)).text
        assert DAVID in text and 'value="David"' in text

    def test_opening_it_changes_nothing(self, asked, anonymous):
        before = actions_on(asked.id), db.session.query(OutboxMessage).count(), again(asked).version
        for method in ("get", "head", "options"):
            getattr(anonymous, method)(address(asked))
        assert (actions_on(asked.id), db.session.query(OutboxMessage).count(), again(asked).version) == before


class TestYes:
    def test_from_a_passed_on_link_waits_for_the_mail(self, asked, anonymous, work, mailbox):
        page = anonymous.submit(address(asked), answer(note="Mornings are best."), action="/yes")
        assert page.status_code == 200 and DAVID in page.text and "One step left" in page.text
        assert again(asked).consent is Consent.ASKED
        work()
        link = mailbox.link_to(DAVID, "/buyer/confirm/")
        anonymous.page(link)
        anonymous.head(link)
        assert again(asked).consent is Consent.ASKED  # Mail programs open links by themselves.
        confirmed = anonymous.submit(link)
        assert "you are introduced" in confirmed.text
        assert again(asked).consent is Consent.GRANTED
        said = words_of(anonymous.page(address(asked)))
        assert "You said yes" in said and "Mornings are best." not in said and DAVID not in said  # The link is the referrer's too.

    def test_from_a_mailed_link_counts_at_once(self, mailed, anonymous):
        page = anonymous.submit(address(mailed, MAILED), answer(), action="/yes")
        assert "You said yes" in page.text
        assert again(mailed).consent is Consent.GRANTED

    def test_by_phone(self, asked, anonymous, work, mailbox, wes, as_user):
        anonymous.submit(address(asked), answer(channel="phone", phone="+1 619 555 0100"), action="/yes")
        work()
        anonymous.submit(mailbox.link_to(DAVID, "/buyer/confirm/"))
        opened = as_user(wes).submit(f"/leads/{asked.id}", action="/contact").text
        assert "+16195550100" in opened and DAVID not in opened

    def test_the_usual_end_is_in_two_weeks(self, asked, anonymous):
        until = anonymous.page(address(asked)).xpath("//input[@name='until']/@value")
        assert until == [(clock.now().date() + timedelta(days=14)).isoformat()]

    @pytest.mark.parametrize(("typed", "field"), [
        ({"name": ""}, "name"), ({"email": "david"}, "email"), ({"email": ""}, "email"), ({"channel": "pigeon"}, "channel"),
        ({"channel": "phone"}, "phone"), ({"phone": "555"}, "phone"), ({"phone": "0619 555 0100"}, "phone"), ({"phone": "+1 61"}, "phone"), ({"until": "soon"}, "until"),
        ({"until": "2020-01-01"}, "until"), ({"until": "2030-01-01"}, "until"), ({"note": "x" * 1001}, "note")])
    def test_bad_input_is_named_and_what_was_typed_stays(self, asked, anonymous, typed, field):
        form = next(form for form in anonymous.page(address(asked)).forms if form.action.endswith("/yes"))
        page = anonymous.post(form.action, data=dict(form.form_values()) | answer(note="Mornings are best.") | typed)
        assert page.status_code == 422
        assert f'id="f-{field}-problem"' in page.text
        assert "note" in typed or "Mornings are best." in page.text
        assert again(asked).consent is Consent.ASKED

    def test_the_referrers_own_address_is_refused(self, asked, ana, anonymous):
        page = anonymous.submit(address(asked), answer(email=ana.email), action="/yes", follow=False)
        assert page.status_code == 403 and "David Brandt" in page.text

    def test_a_second_click_changes_nothing_and_shows_what_was_said(self, mailed, anonymous):
        form = next(form for form in anonymous.page(address(mailed, MAILED)).forms if form.action.endswith("/yes"))
        sent = dict(form.form_values()) | answer()
        statuses = [anonymous.post(form.action, data=sent).status_code for _ in range(2)]
        again_page = anonymous.post(form.action, data=sent)
        assert statuses == [302, 409] and "You have answered already" in again_page.text and "You said yes" in again_page.text
        assert db.session.query(ConsentGrant).count() == 1

    def test_answering_again_before_confirming_takes_the_newest(self, asked, anonymous, work, mailbox):
        anonymous.submit(address(asked), answer(email="typo@example.com"), action="/yes")
        work()
        old = mailbox.link_to("typo@example.com", "/buyer/confirm/")
        anonymous.submit(address(asked), answer(), action="/yes")
        assert "confirm in the newest one" in words_of(anonymous.page(old))
        token = anonymous.page(address(asked)).xpath("//input[@name='csrf_token']/@value")[0]
        refused = anonymous.post(old, data={"csrf_token": token})
        assert refused.status_code == 409 and "newest mail" in refused.text
        assert again(asked).consent is Consent.ASKED

    def test_whoever_confirms_reads_who_pointed_and_what_it_earns(self, asked, anonymous, work, mailbox):
        """Somebody else may have filled in the form: this mail and its page may be all that the buyer sees."""
        anonymous.submit(address(asked), answer(), action="/yes")
        work()
        for said in (body_of(mailbox.last_to(DAVID)), words_of(anonymous.page(mailbox.link_to(DAVID, "/buyer/confirm/")))):
            assert "Ana Flores" in said and "$1,000" in said

    def test_what_the_buyer_tells_the_business_is_not_read_through_the_referrers_link(self, asked, anonymous):
        grant = do(give_consent, asked, name="D", email=DAVID, channel=Channel.EMAIL, until=clock.now().date(),
                   note="After my surgery, please.", proven=False)
        do(confirm_consent, grant)
        assert "surgery" in anonymous.get(address(again(asked), MAILED)).text
        assert "surgery" not in anonymous.get(address(again(asked))).text

    def test_a_second_confirmation_is_harmless(self, asked, anonymous):
        grant = do(give_consent, asked, name="D", email=DAVID, channel=Channel.EMAIL, until=clock.now().date(), proven=False)
        link = f"/buyer/confirm/{signed(CONFIRMING, grant.id)}"
        token = anonymous.page(link).xpath("//input[@name='csrf_token']/@value")[0]
        assert anonymous.post(link, data={"csrf_token": token}).status_code == 200
        twice = anonymous.post(link, data={"csrf_token": token})
        assert twice.status_code == 409 and "confirmed already" in twice.text
        assert "you are introduced" in words_of(anonymous.page(link))
        assert actions_on(asked.id).count("consent.granted") == 1


class TestNo:
    def test_is_one_click_and_said(self, asked, anonymous):
        page = anonymous.submit(address(asked), action="/no")
        assert "You said no" in page.text and "Nobody was given anything about you" in page.text
        assert (again(asked).consent, again(asked).moderation) == (Consent.REFUSED, Moderation.EXPIRED)

    def test_a_second_click_is_harmless(self, asked, anonymous):
        token = anonymous.page(address(asked)).xpath("//input[@name='csrf_token']/@value")[0]
        for path, status in (("no", 302), ("no", 409), ("never", 409), ("yes", 409), ("withdrawal", 409)):
            page = anonymous.post(f"{address(asked)}/{path}", data={"csrf_token": token, **answer()} if path == "yes" else {"csrf_token": token})
            assert page.status_code == status
        assert "You said no" in page.text

    def test_never_is_for_everybody(self, asked, ana, anonymous, as_user, blog):
        page = anonymous.submit(address(asked), action="/never")
        assert "Nobody can point at you" in page.text
        assert db.session.query(Suppression).count() > 0
        other = make_bounty(make_business(make_user(), "Eastside Auto"), is_live=True)
        refused = as_user(ana).submit(f"/bounties/{other.id}/point", {
            "url": blog.address + "/car", "quote": QUOTE, "acquaintance": "online", "how_known": "I read his blog."}, follow=False)
        assert refused.status_code == 409 and "asked not to be pointed at" in refused.text


class TestTakingBack:
    def test_closes_the_door_at_once(self, mailed, anonymous, wes, as_user):
        link = address(mailed, MAILED)
        anonymous.submit(link, answer(), action="/yes")
        page = anonymous.submit(link, action="/withdrawal")
        assert "You took your yes back" in page.text
        browser = as_user(wes)
        token = browser.page(f"/leads/{mailed.id}").xpath("//input[@name='csrf_token']/@value")[0]
        assert browser.post(f"/leads/{mailed.id}/contact", data={"csrf_token": token}).status_code == 409

    @pytest.mark.parametrize("path", ["withdrawal", "never"])
    def test_may_be_for_ever(self, mailed, anonymous, path):
        link = address(mailed, MAILED)
        anonymous.submit(link, answer(), action="/yes")
        token = anonymous.page(link).xpath("//input[@name='csrf_token']/@value")[0]
        anonymous.post(f"{link}/{path}", data={"csrf_token": token, "never": "true"} if path == "withdrawal" else {"csrf_token": token})
        assert "Never again." in words_of(anonymous.page(link))

    def test_a_yes_whose_day_is_over_says_so(self, mailed, anonymous, later):
        link = address(mailed, MAILED)
        anonymous.submit(link, answer(days=1), action="/yes")
        later(days=3)
        page = anonymous.page(link)
        assert "the day you chose is over" in words_of(page) and "Take it back" not in words_of(page)
        assert page.xpath("//form[contains(@action, '/never')]")


class TestDeadEnds:
    def test_an_expired_link_says_that_the_time_is_over(self, asked, anonymous, work, later):
        token = anonymous.page(address(asked)).xpath("//input[@name='csrf_token']/@value")[0]
        grant = do(give_consent, asked, name="D", email=DAVID, channel=Channel.EMAIL, until=clock.now().date(), proven=False)
        later(days=15)
        work()
        for page in (anonymous.get(address(asked)), anonymous.post(f"{address(asked)}/yes", data={"csrf_token": token, **answer()}),
                     anonymous.post(f"{address(asked)}/no", data={"csrf_token": token}), anonymous.get(f"/buyer/confirm/{signed(CONFIRMING, grant.id)}"),
                     anonymous.post(f"/buyer/confirm/{signed(CONFIRMING, grant.id)}", data={"csrf_token": token})):
            assert page.status_code == 410 and "noindex" in page.headers["X-Robots-Tag"]
        assert again(asked).consent is Consent.NO_ANSWER

    @pytest.mark.parametrize("path", ["/buyer/buyer/{id}", "/buyer/buyer/{id}.forged", "/buyer/buyer-mail/{token}", "/buyer/other/{token}", "/buyer/confirm/{token}", "/buyer/buyer/x"])
    def test_a_forged_link_opens_nothing(self, asked, anonymous, path):
        page = anonymous.get(path.format(id=asked.id, token=signed(PASSED_ON, asked.id)))
        assert page.status_code == 404 and "This link is not valid" in page.text and "Westside" not in page.text

    @pytest.mark.parametrize("path", ["yes", "no", "never", "withdrawal"])
    def test_a_forged_link_answers_nothing(self, asked, anonymous, path):
        token = anonymous.page(address(asked)).xpath("//input[@name='csrf_token']/@value")[0]
        assert anonymous.post(f"/buyer/buyer/{asked.id}.forged/{path}", data={"csrf_token": token, **answer()}).status_code == 404
        assert again(asked).consent is Consent.ASKED

    @pytest.mark.parametrize("path", ["yes", "no", "never", "withdrawal"])
    def test_nothing_is_answered_by_opening_an_address(self, asked, anonymous, path):
        for page in (address(asked), f"/buyer/buyer/{signed(PASSED_ON, asked.id)}"):
            reloaded = anonymous.get(f"{page}/{path}")
            assert (reloaded.status_code, reloaded.headers["Location"]) == (303, page)
        assert again(asked).consent is Consent.ASKED

    def test_an_older_link_with_the_doubled_word_still_opens_the_page_and_is_answered_under_the_short_one(self, asked, anonymous):
        old = f"/buyer/buyer/{signed(PASSED_ON, asked.id)}"
        assert "Would you like to be introduced?" in words_of(anonymous.page(old))
        assert anonymous.submit(old, action="/no").request.path == old.replace("/buyer/buyer/", "/buyer/")

    def test_a_lead_that_is_not_accepted_has_no_page_to_answer(self, bounty, ana, anonymous):
        lead = point(bounty, ana)
        assert anonymous.get(address(lead)).status_code == 410

    def test_another_sites_form_answers_nothing(self, asked, anonymous):
        token = anonymous.page(address(asked)).xpath("//input[@name='csrf_token']/@value")[0]
        page = anonymous.post(f"{address(asked)}/no", data={"csrf_token": token}, headers={"Origin": "https://evil.example"})
        assert page.status_code == 403 and again(asked).consent is Consent.ASKED


def test_no_audit_row_holds_anything_personal(mailed, anonymous, wes, as_user):
    anonymous.submit(address(mailed, MAILED), answer(phone="+1 619 555 0100", note="Mornings are best."), action="/yes")
    as_user(wes).submit(f"/leads/{mailed.id}", action="/contact")
    kept = " ".join(f"{event.actor_id} {event.details}" for event in db.session.query(AuditEvent))
    assert [word for word in ("David", DAVID, "619", "Mornings") if word in kept] == []


def test_two_answers_at_once_give_one(asked, anonymous):
    """The slower click finds the faster one's answer; here the faster one is a no."""
    form = next(form for form in anonymous.page(address(asked)).forms if form.action.endswith("/yes"))
    sent = dict(form.form_values()) | answer()
    do(refuse_consent, again(asked))
    assert anonymous.post(form.action, data=sent).status_code == 409
    assert again(asked).consent is Consent.REFUSED


def test_an_answer_is_asked_for_once_only(asked, mona):
    from marketplace.foundation.states import IllegalMove  # noqa: PLC0415

    with pytest.raises(IllegalMove):
        decide(accept_lead, again(asked), by=mona)


class TestTooOld:
    """What follows is so far away that the tests wait for it by the link's own day."""

    def ask_anew(self, anonymous, old):
        page = anonymous.get(old)
        assert page.status_code == 410 and "This link is too old" in page.text and DAVID not in page.text
        assert "noindex" in page.headers["X-Robots-Tag"]
        form = next(one for one in html.fromstring(page.text).forms if "/new-link/" in one.action)
        by_itself = anonymous.get(form.action, follow_redirects=True)
        assert by_itself.status_code == 410 and "Send me a new link" in by_itself.text
        return anonymous.post(form.action, data=dict(form.form_values()))

    def test_no_link_ends_before_what_it_opens(self, mailed):
        assert max(LONGEST_CONSENT, LIVES, CHOICE_WAITED_FOR, DONATION_WAITED_FOR) < LINK_LASTS
        assert link_ends(mailed) == mailed.protected_until.date() + LINK_LASTS

    def test_a_new_one_comes_by_mail_once_a_day_and_takes_a_yes_back(self, mailed, anonymous, work, later, mailbox):
        anonymous.submit(address(mailed, MAILED), answer(), action="/yes")
        links = [address(again(mailed), MAILED), address(again(mailed))]
        with transaction():
            db.session.query(ConsentGrant).one().until = (link_ends(mailed) + timedelta(days=90))
        work()
        later(days=(link_ends(mailed) - clock.now().date()).days)
        assert all("You said yes" in words_of(anonymous.page(link)) for link in links), "through its last day"
        later(days=1)
        for link in (*links, *links):
            assert "Look in your mail" in self.ask_anew(anonymous, link).text
        work()
        assert [what(one) for one in mailbox.to(DAVID)].count("A new link to your page") == 1
        new = mailbox.link_to(DAVID, "/buyer/")
        assert "What we hold about you" in body_of(mailbox.last_to(DAVID))
        anonymous.submit(new, press="Yes, take it back")
        assert again(mailed).consent is Consent.WITHDRAWN

    def test_without_an_address_the_page_says_whom_to_ask(self, asked, anonymous, work, mailbox):
        old = f"/buyer/{sign(PASSED_ON, asked.id, until=clock.now().date() - timedelta(days=1))}"
        work()
        before = len(mailbox.all())
        assert "ask whoever sent you the old link" in self.ask_anew(anonymous, old).text
        work()
        assert len(mailbox.all()) == before

    def test_an_answer_that_waits_to_be_confirmed_is_asked_for_again(self, asked, anonymous, work, mailbox):
        grant = do(give_consent, asked, name="D", email=DAVID, channel=Channel.EMAIL, until=clock.now().date(), proven=False)
        work()
        old = f"/buyer/confirm/{sign(CONFIRMING, grant.id, until=clock.now().date() - timedelta(days=1))}"
        self.ask_anew(anonymous, old)
        work()
        assert [what(one) for one in mailbox.to(DAVID)].count("Please confirm that this is you") == 2

    def test_one_mailed_before_links_had_a_last_day_gives_way_to_a_new_one(self, mailed, anonymous, work, mailbox):
        work()
        self.ask_anew(anonymous, f"/buyer/{mailed.id}.{_tag(PASSED_ON, mailed.id)}")
        work()
        assert [what(one) for one in mailbox.to(DAVID)].count("A new link to your page") == 1

    def test_who_said_never_is_not_mailed_a_new_link_whoever_asks_for_it(self, mailed, anonymous, work, mailbox):
        work()
        old = f"/buyer/{sign(PASSED_ON, mailed.id, until=clock.now().date() - timedelta(days=1))}"
        do(refuse_consent, mailed, never=True)
        before = len(mailbox.to(DAVID))
        assert "Look in your mail" in self.ask_anew(anonymous, old).text
        work()
        assert len(mailbox.to(DAVID)) == before

    def test_whoever_holds_a_link_that_opens_still_cannot_have_the_buyer_mailed_with_it(self, mailed, anonymous, work, mailbox, app, monkeypatch):
        monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", False)
        work()
        before = len(mailbox.to(DAVID))
        for link in (address(mailed), address(mailed, MAILED)):
            purpose, token = link.split("/")[-2:]
            assert "Look in your mail" in anonymous.post(f"/buyer/new-link/{purpose}/{token}").text
        work()
        assert len(mailbox.to(DAVID)) == before

    @pytest.mark.parametrize("path", ["buyer/{id}", "buyer/{id}.b48fa.forged", "other/{token}", "consent-confirm/{token}"])
    def test_what_we_never_signed_sends_nothing(self, asked, anonymous, path, app, monkeypatch):
        monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", False)
        assert anonymous.post("/buyer/new-link/" + path.format(id=asked.id, token=signed(PASSED_ON, asked.id))).status_code == 404
        assert db.session.query(OutboxMessage).filter(OutboxMessage.key.startswith("buyer_new_link")).count() == 0
