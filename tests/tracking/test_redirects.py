"""/r/<code> in front of the application: where it leads, what it writes down, and of whom it writes nothing."""
import re
from datetime import timedelta
from threading import Thread
from urllib.parse import quote, urlsplit

import pytest
from sqlalchemy import select

from marketplace.bounties.publishing import pause_bounty
from marketplace.foundation import clock
from marketplace.foundation.db import db, transaction
from marketplace.tracking.click_figures import counts_of
from marketplace.tracking.click_ids import Click, read_click, sign_click
from marketplace.tracking.destinations import lead_links
from marketplace.tracking.in_front import redirects_of
from marketplace.tracking.links import end_link
from marketplace.tracking.models import ClickMark as Mark
from marketplace.tracking.models import clicks
from marketplace.tracking.spools import Spool
from marketplace.tracking.taking_in import forget_clicks, take_in
from marketplace.tracking.ways import Ways
from marketplace.tracking.writing_at_once import WritingAtOnce
from tests import factories as make
from tests.tracking.link_steps import FIREFOX, SHOP, ask_anew, follow, make_link, show_domain

GOOGLE = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


def click_id_of(answer):
    return re.search(r"fp_click=([\w-]{48})", answer.headers["Location"])[1]


def visitor_of(answer):
    """Whom we take them for: our own cookie tells us, and nobody else."""
    return read_click(re.search(r"fp_click=([\w-]{48})", answer.headers["Set-Cookie"])[1]).visitor


def taken(app):
    """What a worker of this machine brings into the database, as (code, visitor, mark, sub)."""
    take_in(app.extensions["settings"].click_dir)
    rows = db.session.execute(select(clicks.c.code, clicks.c.visitor, clicks.c.mark, clicks.c.sub).order_by(clicks.c.id)).all()
    db.session.rollback()
    return [(row.code, row.visitor, row.mark.value, row.sub) for row in rows]


def test_a_click_is_led_on_with_a_signed_id_in_the_address_and_in_a_cookie(app, anonymous):
    link = make_link()
    answer = follow(anonymous, link, "?sub=blog")
    said = read_click(click_id_of(answer))
    assert answer.status_code == 302 and said and said.link_code == link.code
    assert clock.now() - said.at < timedelta(seconds=1)
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly; SameSite=Lax" in cookie and "Max-Age=31536000" in cookie
    assert answer.headers["Cache-Control"] == "no-store" and answer.data == b""
    assert taken(app) == [(link.code, visitor_of(answer), "counted", "blog")]


def test_the_click_id_alone_says_link_time_and_visitor_and_cannot_be_made_by_others(app):
    at = clock.now()
    said = sign_click("7k3mq9xd", at, "Tz0abcdefghijkl_")
    assert read_click(said) == Click("7k3mq9xd", at.replace(microsecond=at.microsecond // 1000 * 1000), "Tz0abcdefghijkl_")
    for place in range(len(said)):
        changed = said[:place] + ("a" if said[place] != "a" else "b") + said[place + 1:]
        assert read_click(changed) is None, place
    for odd in ("", said[:-1], said + "a", said.upper(), " " + said, said + "\n", "é" * 48, "0" * 48):
        assert read_click(odd) is None


def test_a_visitor_is_known_again_by_the_cookie_and_another_one_by_nothing(app, anonymous):
    link, other = make_link(), make_link()
    first = visitor_of(follow(anonymous, link))
    anonymous.delete_cookie("fp_click")
    same_browser = visitor_of(follow(anonymous, other))
    known = sign_click(link.code, clock.now(), "visitor_by_cooki")
    by_cookie = visitor_of(follow(app.test_client(), link, Cookie=known))
    forged = visitor_of(follow(app.test_client(), link, Cookie=known[:-1] + ("A" if known[-1] != "A" else "B")))
    elsewhere = visitor_of(follow(app.test_client(), link, User_Agent="Mozilla/5.0 Chrome/140"))
    assert first == same_browser == forged  # The day's hash of browser and address.
    assert by_cookie == "visitor_by_cooki" and elsewhere not in {first, by_cookie}


def test_two_businesses_cannot_find_out_that_one_person_came_to_both(app, anonymous):
    """The address that each of them reads has a mark of its own, with our cookie and without it."""
    addresses = [click_id_of(follow(anonymous, make_link())) for _ in range(3)]
    marks = {read_click(one).visitor for one in addresses}
    rows = {visitor for _, visitor, *_ in taken(app)}
    assert len(marks) == 3 and len(rows) == 1 and not marks & rows


def test_a_visitors_mark_is_another_one_tomorrow_and_tells_no_address(app, anonymous, later):
    link = make_link()
    today = visitor_of(follow(anonymous, link))
    anonymous.delete_cookie("fp_click")
    later(days=1)
    assert visitor_of(follow(anonymous, link))[2:] != today[2:]
    written = b"".join(path.read_bytes() for path in app.extensions["settings"].click_dir.iterdir())
    assert b"203.0" not in written and b"Firefox" not in written


@pytest.mark.parametrize("asks", [{"DNT": "1"}, {"Sec_GPC": "1"}])
def test_who_asks_not_to_be_tracked_gets_no_cookie_and_no_two_clicks_of_theirs_are_joined(app, anonymous, asks):
    link = make_link()
    known = sign_click(link.code, clock.now(), "visitor_by_cooki")
    answers = [follow(anonymous, link, **asks, Cookie=known) for _ in range(2)]
    assert all(answer.status_code == 302 and "Set-Cookie" not in answer.headers for answer in answers)
    visitors = {read_click(click_id_of(answer)).visitor for answer in answers}
    assert len(visitors) == 2 and "visitor_by_cooki" not in visitors


def test_programs_prefetches_and_repeats_are_marked_and_not_counted(app, anonymous, later):
    link = make_link()
    follow(anonymous, link)
    follow(anonymous, link)
    for headers in ({"User_Agent": GOOGLE}, {"User_Agent": ""}, {"Sec_Purpose": "prefetch;prerender"}, {"X_Moz": "prefetch"}):
        answer = follow(app.test_client(), link, **headers)
        assert answer.status_code == 302 and "Set-Cookie" not in answer.headers
    app.test_client().head(f"/r/{link.code}", headers={"User-Agent": "Mozilla/5.0 Chrome/140"})
    later(minutes=61)
    follow(anonymous, link)
    marks = [mark for _, _, mark, _ in taken(app)]
    assert marks == ["counted", "repeat", "bot", "bot", "prefetch", "prefetch", "bot", "counted"]
    count = counts_of([link.code])[link.code]
    assert (count.counted, count.repeats, count.bots, count.prefetches, count.lately) == (2, 1, 3, 2, 2)


def test_clicks_of_an_ended_link_and_of_a_paused_bounty_stop_within_five_seconds(app, anonymous):
    bounty = make.make_bounty(is_live=True)
    ana = make.make_user()
    link, other, time = make_link(bounty, by=ana), make_link(), [0.0]
    ways = Ways(db.engine, monotonic=lambda: time[0])
    assert ways.find(link.code) and ways.find(other.code)
    wes = make.owner_of(bounty.business)
    with transaction():
        end_link(other, by=db.session.get_one(make.User, other.referrer_id))
        pause_bounty(bounty, by=wes)
    assert ways.find(link.code)  # What was known a moment ago.
    time[0] = 4.0
    assert ways.find(link.code) is ways.find(other.code) is ways.find("00000000") is None
    ask_anew(app)
    assert {follow(anonymous, one).status_code for one in (link, other, "00000000", "ANA-NOBODY")} == {404}


def test_a_redirect_needs_no_application_around_it_also_on_a_connection_that_rested(app, monkeypatch):
    monkeypatch.setattr("marketplace.foundation.connections.RESTED_SECONDS", -1)
    link, answers = make_link(), []
    environ = {"PATH_INFO": f"/r/{link.code}", "REQUEST_METHOD": "GET", "HTTP_USER_AGENT": FIREFOX, "REMOTE_ADDR": "203.0.113.7"}
    thread = Thread(target=lambda: redirects_of(app)(environ, lambda status, headers: answers.append(status)))
    thread.start()
    thread.join()
    assert answers == ["302 Found"]


def test_one_answer_to_all_guesses_and_no_more_than_twenty_of_them(app, anonymous):
    link = make_link()
    with transaction():
        end_link(link, by=db.session.get_one(make.User, link.referrer_id))
    answers = [follow(anonymous, said) for said in (link, "zzzzzzzz", "ANA-EASTSIDE", "x" * 200)]
    plain = {re.sub(r"[0-9a-f]{16}", "", answer.text) for answer in answers}
    assert {answer.status_code for answer in answers} == {404} and len(plain) == 1
    assert [follow(anonymous, f"{number:08}").status_code for number in range(18)][-2:] == [429, 429]
    assert follow(anonymous, make_link()).status_code == 302


def test_a_link_that_is_younger_than_what_the_process_knows_works_at_once_and_so_does_a_code_that_was_said(app, anonymous):
    assert follow(anonymous, "ANA-WESTSIDE").status_code == 404
    link = make_link()
    redirects_of(app).ways._known[link.code] = type("Known", (), {"way": None, "until": 10.0 ** 9})()
    for said in (link.code, link.code.upper(), "ANA-WESTSIDE", "ana%20westside"):
        answer = follow(anonymous, said)
        assert answer.status_code == 302 and read_click(click_id_of(answer)).link_code == link.code, said
    assert len(taken(app)) == 4


TRICKS = ["https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example", "https:evil.example", "https:/evil.example", "https:///evil.example",
          "https://westside.example@evil.example", "https://westside.example%40evil.example", "https://evil.example\\@westside.example",
          "https://westside.example.evil.example", "https://evil.example#westside.example", "https://evil.example?westside.example",
          "https://evilwestside.example", "javascript:alert(1)", "data:text/html,x", "\thttps://evil.example", "https://ev\nil.example", " //evil.example",
          "https://evil.example%00.westside.example", "https://westside.example%2eevil.example", "https://westside。example.evil.example", "/%5cevil.example",
          "/%09/evil.example", "https://westside.example:443@evil.example", "http://westside.example:80@evil.example", "https://[::1]", "https://0x7f.1",
          "/\r\nLocation: https://evil.example", "/%0d%0aLocation:%20https://evil.example", "https://westside.example\u2028.evil.example", "///evil.example"]


@pytest.mark.once
def test_no_trick_leads_anybody_to_a_site_that_is_not_shown(app, anonymous):
    """The ten thousand of them are in benchmarks/clicks.py."""
    bounty = make.make_bounty(is_live=True)
    link = make_link(bounty)
    with transaction():
        lead_links(bounty, SHOP, "", by=make.owner_of(bounty.business))
    show_domain(bounty.business)
    for trick in TRICKS:
        answer = follow(anonymous, link, f"?to={quote(trick)}")
        there = urlsplit(answer.headers["Location"])
        assert answer.status_code == 302 and there.netloc in {"", "westside.example"}, trick
        assert there.netloc or there.path == f"/r/{link.code}/on", trick
        assert not re.search(r"[\r\n\t\\]|^//|^/\\", answer.headers["Location"]), trick


def test_clicks_written_at_once_are_in_the_database_before_the_answer_with_the_same_marks(app, caplog):
    link = make_link()
    sink = WritingAtOnce(db.engine, Spool(app.extensions["settings"].click_dir))
    now = int(clock.now().timestamp() * 1000)
    for minutes, visitor, mark in ((0, "a" * 16, Mark.COUNTED), (5, "a" * 16, Mark.COUNTED), (6, "b" * 16, Mark.COUNTED),
                                   (7, "a" * 16, Mark.BOT), (61, "a" * 16, Mark.COUNTED)):
        sink.write(link.code, now + minutes * 60_000, visitor, mark, None)
    sink.close()
    assert "goes to the spool" not in caplog.text
    assert [mark for _, _, mark, _ in taken(app)] == ["counted", "repeat", "counted", "bot", "counted"]
    count = counts_of([link.code])[link.code]
    assert (count.counted, count.repeats, count.bots) == (3, 1, 1)


def test_clicks_that_nobody_can_be_credited_for_any_more_are_forgotten_and_their_numbers_stay(app, anonymous, later):
    link = make_link()
    follow(anonymous, link)
    assert len(taken(app)) == 1
    later(days=401)
    with transaction():
        forget_clicks()
    assert taken(app) == [] and counts_of([link.code])[link.code].counted == 1
