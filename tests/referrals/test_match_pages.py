"""Paste a link or what you read: the bounties that fit, what each would earn, and why; then point."""
import pytest
from lxml import html

from marketplace.bounties.models import Category, NonCash, RewardKind
from marketplace.bounties.publishing import publish_bounty
from marketplace.foundation.db import db, transaction
from marketplace.foundation.limits import limiter
from marketplace.identity.models import User
from marketplace.referrals.matching import MOST_OFFERED, match_post
from tests.browsing import end_reading, words_of
from tests.factories import PASSWORD, make_bounty, make_business, make_member, make_user, owner_of
from tests.referrals.conftest import QUOTE

NEED = "I am looking for a used car in Denver."
SENTENCE = "I am in the market for a car, something for two kids and a dog, before Christmas."


def matched(text=NEED, **said):
    end_reading()
    return match_post(text, **said).matches


class TestThePage:
    def test_a_link_is_read_and_shows_what_fits(self, bounty, ana, as_user, blog):
        url, browser = blog.post(), as_user(ana)
        answer = browser.submit("/match", {"post": url})
        said = words_of(html.fromstring(answer.text))
        for words in (SENTENCE, "David Brandt", "Goodbye, old wagon", "a car", "before Christmas", "$1,000",
                      "They want a car, and Westside Auto offers that."):
            assert words in said

    def test_where_only_people_can_read_it_says_so_and_asks_for_the_text(self, bounty, ana, as_user):
        answer = as_user(ana).submit("/match", {"post": "https://www.facebook.com/david.brandt/posts/1"})
        assert answer.status_code == 422
        assert "Facebook shows its posts only to people who are signed in" in answer.text and "Paste the text" in answer.text

    def test_the_button_carries_the_address_and_the_sentence_into_the_form(self, bounty, ana, as_user, blog):
        url, browser = blog.post(), as_user(ana)
        browser.submit("/match", {"post": url})
        answer = press_point(browser, bounty, url=url, quote=SENTENCE)
        typed = fields_of(answer)
        assert (answer.status_code, typed["url"], typed["quote"]) == (200, url, SENTENCE)
        sent = {**typed, "acquaintance": "online", "how_known": "I have read his blog for years.", "your_jurisdiction": "US-CO"}
        lead = browser.post(f"/bounties/{bounty.id}/point", data=sent)
        assert lead.status_code == 302 and "/leads/lead_" in lead.location

    def test_pasted_words_are_carried_whole_and_never_in_an_address(self, bounty, ana, as_user):
        browser = as_user(ana)
        answer = browser.submit("/match", {"post": NEED + " It should start in winter."})
        assert "car" not in answer.request.full_path
        carried = hidden_of(answer, "/point/draft")
        assert (carried["quote"], carried["text"]) == (NEED, NEED + " It should start in winter.")
        typed = fields_of(press_point(browser, bounty, **carried))
        assert (typed["quote"], typed["text"]) == (carried["quote"], carried["text"])

    def test_a_stranger_sees_what_fits_and_keeps_the_sentence_through_signing_in(self, bounty, anonymous, blog):
        url = blog.post()
        answer = anonymous.submit("/match", {"post": url})
        assert "Pointing needs an account." in answer.text and "$1,000" in answer.text
        person = make_user("New Person")
        led = press_point(anonymous, bounty, url=url, quote=SENTENCE)
        assert led.status_code == 302 and "/sign-in" in led.location and "market" not in led.location
        typed = fields_of(anonymous.submit(led.location, {"email": person.email, "password": PASSWORD}))
        assert (typed["url"], typed["quote"]) == (url, SENTENCE)
        other = make_bounty(is_live=True)
        assert fields_of(anonymous.get(f"/bounties/{other.id}/point"))["quote"] == ""
        anonymous.set_cookie("draft", "k1:forged", path=f"/bounties/{other.id}/point")
        assert fields_of(anonymous.get(f"/bounties/{other.id}/point"))["quote"] == ""

    def test_no_need_says_why_and_what_to_do(self, bounty, anonymous):
        said = words_of(html.fromstring(anonymous.submit("/match", {"post": "Just sold my car to a nice kid in Denver."}).text))
        assert "No sentence in it says that they look for something." in said and "Look through the board" in said

    def test_a_need_without_a_bounty_says_so(self, bounty, anonymous):
        said = words_of(html.fromstring(anonymous.submit("/match", {"post": "I need a dentist in Chicago, please."}).text))
        assert "No bounty fits that now." in said and "a dentist" in said and "Chicago" in said

    def test_a_page_that_cannot_be_read_keeps_what_was_typed_and_says_to_paste_the_text(self, bounty, anonymous, blog):
        answer = anonymous.submit("/match", {"post": blog.address + "/missing"})
        assert answer.status_code == 422 and blog.address + "/missing" in answer.text
        assert "or paste its text instead." in answer.text
        blog.pages["/empty"] = "<html><body></body></html>"
        answer = anonymous.submit("/match", {"post": blog.address + "/empty"})
        assert (answer.status_code, "Paste the text of the post instead." in answer.text) == (422, True)

    @pytest.mark.parametrize("address", [
        "http://127.0.0.1/admin", "http://169.254.169.254/latest/meta-data/", "http://[::1]/", "http://2130706433/",
        "file:///etc/passwd", "javascript:alert(1)//", "gopher://example.com/x", "ftp://example.com/post", "http://10.0.0.1:80/x",
        "http://user:secret@example.com/", "https://exa mple.com".replace(" ", "%00"), "https://" + "a" * 2_100 + ".example/",
    ])
    def test_hostile_addresses_are_refused_in_words_and_never_dialled(self, anonymous, address):
        answer = anonymous.submit("/match", {"post": address})
        assert answer.status_code == 422 and "needs your attention" in answer.text and "Traceback" not in answer.text

    @pytest.mark.once
    def test_too_short_and_too_long_are_said_beside_the_box(self, anonymous):
        assert "at least 8 characters" in anonymous.submit("/match", {"post": "car"}).text
        assert "under 20000 characters" in anonymous.submit("/match", {"post": "a car " * 4_000}).text

    @pytest.mark.once
    @pytest.mark.parametrize("post", [
        "<script>alert(1)</script> I need a car in Denver", "I need a car {{7*7}} ${7*7} %(x)s in Denver'; DROP TABLE bounties",
        "I need a car \u202etxt.exe in Denver \U0001f697", "Ich suche Auto ﷽" + "̈" * 300, "=cmd|'/C calc'!A0 I need a car",
        "I need a car in ＳＡＮ ＤＩＥＧＯ", "NULL undefined true I need a car", "I need a car in Denver\r\nX-Evil: 1",
    ])
    def test_naughty_words_are_words(self, anonymous, post):
        answer = anonymous.submit("/match", {"post": post})
        assert answer.status_code == 200 and "<script>alert" not in answer.text and "X-Evil" not in answer.headers

    def test_asking_too_often_is_refused(self, anonymous):
        limiter.reset()
        answers = [anonymous.submit("/match", {"post": "nothing at all here"}).status_code for _ in range(21)]
        assert answers[19:] == [200, 429]

    def test_the_box_stands_on_the_board_and_the_dashboard_and_a_carried_address_can_be_matched(self, bounty, ana, as_user, blog):
        browser = as_user(ana)
        for page in ("/bounties", "/dashboard/referrer"):
            answer = browser.submit(page, {"post": NEED}, press="Find")
            assert answer.request.path == "/match" and "Westside Auto" in answer.text
        assert SENTENCE in browser.submit(f"/bounties?url={blog.post()}", press="Show what fits it").text
        assert f"{blog.address}/car</textarea>" in browser.get(f"/match?url={blog.address}/car").text


class TestWhatFits:
    def test_the_best_fit_comes_first_and_says_why(self, bounty, westside):
        other = make_bounty(make_business(name="Volt Autos"), is_live=True, title="Used electric cars",
                            offer="We sell electric cars only, used ones.", criteria=["Wants an electric car"])
        assert [one.bounty.id for one in matched()] == [bounty.id]
        assert [one.bounty.id for one in matched("I want a used electric car in Denver.")] == [other.id, bounty.id]
        (only,) = matched(NEED + " I can spend about $20,000.")
        assert only.reward == "$1,000" and only.is_funded and list(only.reasons) == [
            "They want a car, and Westside Auto offers that.", "Denver is the bounty's place.",
            "They would spend up to $20,000."]

    @pytest.mark.parametrize(("place", "in_post", "fits"), [
        ("Denver, US", "in Boulder", True), ("Denver, US", "in Tampa", False), ("", "in Tampa", True), ("Germany", "in Kassel", True),
        ("Germany", "in Linz", False), ("California, US", "in Oakland", True), ("California, US", "in Reno", False),
        ("Denver, US", "in Colorado", True), ("Denver, US", "somewhere", True), ("Little Nowhere", "in Denver", False),
        ("Oviedo, ES", "in Asturias", True),
    ])
    def test_another_place_is_no_fit_unless_the_bounty_is_for_everywhere(self, app, place, in_post, fits):
        bounty = make_bounty(is_live=True, place=place)
        assert [one.bounty.id for one in matched(f"I am looking for a used car {in_post} for my family.")] == [bounty.id] * fits

    def test_a_language_of_elsewhere_without_a_place_is_no_fit(self, bounty):
        assert matched("Wir suchen einen gebrauchten Kombi für unsere Familie.") == ()
        assert len(matched("Wir suchen einen gebrauchten Kombi, wir leben in Denver.")) == 1

    def test_too_small_a_budget_is_no_fit(self, app):
        make_bounty(is_live=True, place="", criteria=["Wants a car", "Spends at least $60,000"])
        assert matched("I want a car and my budget is $6,000.") == ()
        assert len(matched("I want a car and my budget is $90,000.")) == 1

    def test_what_no_list_of_words_knows_is_found_by_equal_words(self, app):
        bounty = make_bounty(is_live=True, place="", category=Category.OTHER, title="Beekeeping hives and smokers",
                             offer="Everything for beekeeping, hives first of all.", criteria=["Keeps bees"])
        (only,) = matched("I am looking for a beekeeping smoker that lasts.")
        assert only.bounty.id == bounty.id and "words of what they want" in only.reasons[0]
        assert matched("I am looking for a diving mask that lasts.") == ()

    def test_work_is_offered_to_who_looks_for_work_alone(self, app):
        make_bounty(is_live=True, place="", category=Category.HIRING, title="Senior Python developers wanted",
                    offer="We hire Python developers, fully remote.", criteria=["Is looking for a job"])
        assert len(matched("I am a Python developer, looking for a new job.")) == 1
        assert matched("We need a Python developer for our shop.") == ()

    def test_what_gives_thanks_alone_speaks_of_no_money(self, anonymous):
        thanked = make_bounty(rules=[{"kind": RewardKind.NON_CASH, "thing": NonCash.THANK_YOU, "words": "Dinner for two"}])
        with transaction():
            publish_bounty(thanked, by=owner_of(thanked.business))
        page = anonymous.submit("/match", {"post": NEED}).text
        assert "Pays no money" in page and "Funded" not in page and "Not funded" not in page
        assert [one.is_funded for one in matched()] == [None]

    def test_ones_own_business_is_not_offered(self, bounty, as_user, ana):
        for person, is_there in ((owner_of(bounty.business), False), (make_member(bounty.business), False), (ana, True)):
            assert ("Point Westside Auto at them" in as_user(person).submit("/match", {"post": NEED}).text) is is_there

    def test_an_old_post_and_the_law_where_one_lives_are_said(self, bounty, ana, as_user, blog):
        with transaction():
            db.session.get_one(User, ana.id).jurisdiction = "US-CA"
        answer = as_user(ana).submit("/match", {"post": blog.post("/old", text=POST_OF_SPRING)})
        said = words_of(html.fromstring(answer.text))
        assert "The post is older than 30 days: say why it still holds." in said
        assert "The law where you live allows less." in said

    def test_at_most_a_handful_is_offered(self, westside):
        for number in range(MOST_OFFERED + 2):
            make_bounty(westside, is_live=True, title=f"Introduce a car buyer, number {number}",
                        rules=[{"kind": RewardKind.FLAT, "amount_minor": 1_000}])
        assert len(matched()) == MOST_OFFERED


POST_OF_SPRING = f"""<html lang="en"><head><title>Spring</title><meta property="article:published_time" content="2026-03-01T07:00:00Z">
</head><body><article><p>The winter is over at last and the roads are dry again, so we talked it over at breakfast.</p>
<p>{QUOTE}, something for two kids and a dog, in Denver.</p></article></body></html>"""


# ---- Forms of a page


def hidden_of(answer, action):
    form = next(one for one in html.fromstring(answer.text).forms if (one.action or "").endswith(action))
    return {name: value for name, value in form.form_values() if name != "csrf_token"}


def fields_of(answer):
    form = next(one for one in html.fromstring(answer.text).forms if "quote" in one.inputs)
    return {name: value.removeprefix("\n") for name, value in form.form_values()}


def press_point(browser, bounty, **carried):
    answer = browser.submit("/match", {"post": NEED})
    token = html.fromstring(answer.text).xpath("//input[@name='csrf_token']/@value")[0]
    return browser.post(f"/bounties/{bounty.id}/point/draft", data={"csrf_token": token, **carried})
