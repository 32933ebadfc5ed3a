"""A referrer's link, its codes, its picture and card, and where it leads."""
import re
from io import BytesIO
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image

from marketplace.bounties.publishing import pause_bounty
from marketplace.foundation import audit
from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import Forbidden
from marketplace.foundation.urls import BadUrl
from marketplace.privacy.closing import forget_user
from marketplace.tracking.click_figures import counts_of
from marketplace.tracking.destinations import BadTemplate, check_utm, lay_out, lead_links
from marketplace.tracking.links import NotRunning, end_link, find_by_code, link_of
from marketplace.tracking.models import DomainProof
from tests import factories as make
from tests.browsing import words_of
from tests.tracking.link_steps import SHOP, ask_anew, follow, make_link, show_domain


def test_a_link_is_made_once_and_asked_again_it_is_the_same(app):
    ana, bounty = make.make_user(), make.make_bounty(is_live=True)
    first, again, other = make_link(bounty, by=ana), make_link(bounty, by=ana), make_link(bounty, by=make.make_user())
    assert first.id == again.id != other.id
    assert re.fullmatch(r"[0-9a-hjkmnp-tv-z]{8}", first.code) and first.spoken == "ANA-WESTSIDE"
    assert re.fullmatch(r"ANA-WESTSIDE-\d\d", other.spoken)
    assert [event.action for event in db.session.scalars(audit.events_about(first.id))] == ["link.made"]


@pytest.mark.parametrize(("name", "business", "spoken"), [
    ("Dr. Żofia Łuczak", "The Öko Laden", "ZOFIA-OKO"), ("O'Brien", "L'Atelier", "OBRIEN-LATELIER"),
    ("山田 太郎", "Westside Auto", r"WESTSIDE-\d\d"), ("山田", "東京", r"FINGERPOST-\d\d"),
])
def test_a_spoken_code_is_made_of_two_names_as_they_sound(app, name, business, spoken):
    link = make_link(make.make_bounty(make.make_business(name=business), is_live=True), by=make.make_user(name))
    assert re.fullmatch(spoken, link.spoken)


def test_either_code_is_found_however_it_was_typed_or_heard(app):
    link = make_link()
    for said in ("ANA-WESTSIDE", "ana westside", " Ána–Westside! ", "anawestside", link.code, link.code.upper(),
                 link.code.replace("0", "O").replace("1", "l")):
        found = find_by_code(said)
        assert found and found.id == link.id, said
    assert find_by_code("ANA-EASTSIDE") is find_by_code("") is find_by_code("%") is find_by_code("x" * 10_000) is None


def test_the_businesss_own_people_have_no_link_and_a_paused_bounty_gives_no_new_one(app):
    bounty = make.make_bounty(is_live=True)
    wes = make.owner_of(bounty.business)
    with pytest.raises(Forbidden), transaction():
        link_of(bounty, by=wes)
    ana = make.make_user()
    link = make_link(bounty, by=ana)
    with transaction():
        pause_bounty(bounty, by=wes)
    assert make_link(bounty, by=ana).id == link.id
    tom = make.make_user()
    with pytest.raises(NotRunning), transaction():
        link_of(bounty, by=tom)


def test_a_link_that_was_ended_stays_ended_and_a_new_one_has_other_codes(app, anonymous):
    ana, tom, bounty = make.make_user(), make.make_user(), make.make_bounty(is_live=True)
    old = make_link(bounty, by=ana)
    with pytest.raises(Forbidden), transaction():
        end_link(old, by=tom)
    with transaction():
        end_link(old, by=ana)
        end_link(old, by=ana)
    new = make_link(bounty, by=ana)
    assert new.id != old.id and new.spoken != old.spoken and follow(anonymous, old).status_code == 404
    assert [event.action for event in db.session.scalars(audit.events_about(old.id))] == ["link.made", "link.ended"]


def test_with_an_account_its_links_end_and_the_name_in_their_codes_goes(app, anonymous):
    ana = make.make_user()
    link = make_link(by=ana)
    with transaction():
        forget_user(db.session.get_one(make.User, ana.id), by=ana.id)
    assert follow(anonymous, link).status_code == 404 and find_by_code("ANA-WESTSIDE") is None
    assert find_by_code(link.code).spoken == ""


def led_to(app, anonymous, link, query=""):
    ask_anew(app)
    return follow(anonymous, link, query).headers["Location"]


def test_links_lead_to_the_businesss_own_site_with_its_parameters_filled_in(app, anonymous):
    bounty = make.make_bounty(is_live=True)
    wes, link = make.owner_of(bounty.business), make_link(bounty)
    with transaction():
        lead_links(bounty, "https://westside.example/cars?lang=de&utm_medium=own#new", "utm_source=fingerpost&utm_medium=referral"
                   "&utm_content={sub}&who={spoken}&ref={click}", by=wes)
    assert led_to(app, anonymous, link).startswith(f"/r/{link.code}/on?fp_click=")  # Not shown yet to be theirs.
    show_domain(bounty.business)
    there = urlsplit(led_to(app, anonymous, link, "?sub=blog-7"))
    said = parse_qs(there.query)
    assert (there.scheme, there.netloc, there.path, there.fragment) == ("https", "westside.example", "/cars", "new")
    assert said["utm_medium"] == ["own"] and said["utm_content"] == ["blog-7"] and said["who"] == ["ANA-WESTSIDE"]
    assert said["ref"] == said["fp_click"] and said["lang"] == ["de"]
    with transaction():
        lead_links(bounty, "", "", by=wes)
    assert led_to(app, anonymous, link).startswith(f"/r/{link.code}/on?")


def test_a_deep_link_leads_within_the_sites_that_are_shown_and_nowhere_else(app, anonymous):
    bounty = make.make_bounty(is_live=True)
    link = make_link(bounty)
    with transaction():
        lead_links(bounty, SHOP, "", by=make.owner_of(bounty.business))
    show_domain(bounty.business)
    show_domain(bounty.business, "shop.example", DomainProof.FILE)
    for asked, there in (("/used?x=1", "https://westside.example/used?x=1&"), ("https://blog.westside.example/a", "https://blog.westside.example/a?"),
                         ("https://shop.example/a", "https://shop.example/a?"), ("https://www.shop.example/a", "https://westside.example/cars?"),
                         ("https://evil.example/", "https://westside.example/cars?"), ("//evil.example", "https://westside.example/cars?"),
                         ("https://westside.example:8443/", "https://westside.example/cars?"), ("http://westside.example/", "https://westside.example/cars?")):
        assert led_to(app, anonymous, link, f"?to={asked}").startswith(there), asked
    page = anonymous.get(f"/r/{link.code}/on?to=https://evil.example/").text
    assert "Go on to westside.example" in page and "evil" not in page


@pytest.mark.once
@pytest.mark.parametrize("url", ["http://westside.example", "https://127.0.0.1/", "https://u@westside.example", "javascript:alert(1)",
                                 "https://westside.example\\@evil.example", "https://localhost", "https://we\tst.example", "ftp://a.example"])
def test_an_address_that_no_link_may_lead_to_is_refused(app, url):
    bounty = make.make_bounty(is_live=True)
    with pytest.raises(BadUrl), transaction():
        lead_links(bounty, url, "", by=make.owner_of(bounty.business))


@pytest.mark.once
@pytest.mark.parametrize("utm", ["utm_source={who}", "a={sub", "a=", "=b", "fp_click=1", "a b=c", "&".join(f"p{n}=1" for n in range(13)), "a=" + "x" * 121])
def test_a_template_that_cannot_be_filled_in_is_refused(utm):
    with pytest.raises(BadTemplate):
        check_utm(utm)


@pytest.mark.once
def test_what_is_filled_in_never_changes_the_address(app):
    template = check_utm("a=x%26y&b={spoken}&c= two words ")
    laid = lay_out("https://w.example/{click}?q={sub}", template, {"spoken": "A&B#C"}).fill("ID", "s")
    assert laid == "https://w.example/%7Bclick%7D?q=%7Bsub%7D&a=x%26y&b=A%26B%23C&c=two%20words&fp_click=ID"


def test_the_page_of_a_link_has_the_link_the_code_the_picture_and_the_disclosure(app, as_user):
    ana, bounty = make.make_user(), make.make_bounty(is_live=True)
    browser = as_user(ana)
    assert "Get my link" in words_of(browser.page(f"/bounties/{bounty.id}/link"))
    browser.submit(f"/bounties/{bounty.id}/link", press="Get my link")
    link = make_link(bounty, by=ana)
    said = words_of(browser.page(f"/bounties/{bounty.id}/link"))
    assert f"http://localhost/r/{link.code}" in said and "ANA-WESTSIDE" in said
    assert said.count("I may get $1,000") == 2 and "Nobody has followed it yet" in said
    card = words_of(browser.page(f"/links/{link.id}/card"))
    assert "Ana sends you to" in card and "ANA-WESTSIDE" in card and "I may get $1,000" in card
    svg = browser.get(f"/links/{link.id}/code.svg")
    assert svg.mimetype == "image/svg+xml" and b"<svg" in svg.data and b"script" not in svg.data
    png = Image.open(BytesIO(browser.get(f"/links/{link.id}/code.png").data))
    assert png.size[0] == png.size[1] > 300
    assert as_user(make.make_user()).get(f"/links/{link.id}/card").status_code == 404
    assert "ANA-WESTSIDE" in words_of(browser.page("/links"))
    browser.submit(f"/bounties/{bounty.id}/link", action="/end")
    assert "Ended" in words_of(browser.page("/links"))


def test_whoever_is_led_to_a_site_that_is_not_shown_reads_who_may_be_paid_first(app, anonymous):
    bounty = make.make_bounty(is_live=True)
    link = make_link(bounty)
    with transaction():
        lead_links(bounty, SHOP, "", by=make.owner_of(bounty.business))
    page = anonymous.page(led_to(app, anonymous, link))
    said = words_of(page)
    assert "Ana sends you to Westside Auto" in said and "I may get $1,000" in said and "has not shown us" in said
    there = next(anchor for anchor in page.iter("a") if (anchor.get("href") or "").startswith(SHOP))
    assert re.search(r"fp_click=[\w-]{48}$", there.get("href")) and "noreferrer" in there.get("rel")


def test_the_business_and_the_admins_see_how_often_links_were_clicked(app, as_user):
    bounty = make.make_bounty(is_live=True)
    link, wes = make_link(bounty), make.owner_of(bounty.business)
    assert counts_of([link.code]) == {}
    for person in (wes, make.make_user(is_admin=True)):
        assert "ANA-WESTSIDE" in words_of(as_user(person).page(f"/bounties/{bounty.id}/links"))
    as_user(wes).submit(f"/bounties/{bounty.id}/links", {"url": SHOP}, press="Save")
    assert "You have not shown yet that this site is yours" in words_of(as_user(wes).page(f"/bounties/{bounty.id}/links"))
