"""The rooms for developers: mails, clock, and David's blog."""
from datetime import timedelta

import pytest
from lxml import html

from marketplace import dev
from marketplace.foundation import clock, mail
from marketplace.foundation.quotes import find_quote
from marketplace.foundation.reading import read_page
from marketplace.settings import Settings

pytestmark = pytest.mark.once

SENTENCE = "I'm in the market for a car"


def test_a_mail_is_listed_newest_first_and_shown_with_links_but_never_as_html(anonymous):
    mail.send(mail.Mail("ana@example.com", "First", "Open https://site.example/confirm/abc-1 now.", "<script>alert(1)</script><b>x</b>"), dedupe_id="1")
    mail.send(mail.Mail("mo@example.com", "Second <i>", "Hello"), dedupe_id="2")
    page = anonymous.page("/dev/mail")
    assert [link.text for link in page.xpath("//tbody//a")] == ["Second <i>", "First"]
    shown = anonymous.get(page.xpath("//tbody//a/@href")[1]).text
    assert '<a href="https://site.example/confirm/abc-1"' in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert "<script>alert(1)" not in shown


@pytest.mark.parametrize("name", ["000099.eml", "..%2F..%2Fetc%2Fpasswd", "x", "1.txt"])
def test_there_is_no_other_file_to_read(anonymous, name):
    assert anonymous.get(f"/dev/mail/{name}").status_code == 404


@pytest.fixture
def movable(app, tmp_path, monkeypatch, settings_env):
    file = tmp_path / "deep" / "clock"
    monkeypatch.setitem(app.extensions, "settings", Settings.from_env(settings_env | {"CLOCK_FILE": str(file)}))
    clock.use(clock.shifted_by_file(file))
    return file


def test_the_clock_moves_for_every_process_and_back(anonymous, movable):
    before = clock.now()
    anonymous.submit("/dev/clock", press="Eight days on")
    answer = anonymous.submit("/dev/clock", press="One day on")
    assert "9 days" in answer.text
    assert timedelta(days=9) <= clock.now() - before < timedelta(days=9, minutes=5)
    assert movable.read_text() == str(9 * 86_400)
    anonymous.submit("/dev/clock", press="Back to real time")
    assert clock.now() - before < timedelta(minutes=5)


def test_the_clock_moves_only_by_what_the_buttons_say(anonymous, movable):
    token = anonymous.page("/dev/clock").xpath("//input[@name='csrf_token']/@value")[0]
    for days in ("-1", "3000", "x", ""):
        assert anonymous.post("/dev/clock", data={"days": days, "csrf_token": token}).status_code == 422
    assert not movable.exists()


def test_a_clock_without_a_file_says_so(anonymous):
    assert "Set CLOCK_FILE" in anonymous.get("/dev/clock").text


def test_davids_blog_links_every_post_and_is_not_our_page(anonymous):
    front = anonymous.page("/dev/blog/")
    links = front.xpath("//h2/a/@href")
    assert len(links) == len(dev.POSTS) == 6
    for link in links:
        page = anonymous.get(link)
        assert page.status_code == 200
        assert "app.css" not in page.text
        assert "Fingerpost" not in page.text
    assert anonymous.get("/dev/blog/nothing").status_code == 404


def test_the_post_about_the_car_can_be_read_as_evidence(anonymous):
    url = "/dev/blog/in-the-market-for-a-car"
    reading = read_page(anonymous.get(url).text, f"http://localhost{url}")
    assert find_quote(reading.text, SENTENCE).found
    assert reading.author == "David Brandt"
    assert reading.title == "Goodbye, old wagon"
    assert reading.published_on == (clock.now() - timedelta(days=2)).date()
    assert reading.canonical_url == f"http://localhost{url}"


def test_other_posts_do_not_speak_of_buying_a_car(anonymous):
    said = [post.slug for post in dev.POSTS if SENTENCE in html.fromstring(anonymous.get(f"/dev/blog/{post.slug}").text).text_content()]
    assert said == ["in-the-market-for-a-car"]
