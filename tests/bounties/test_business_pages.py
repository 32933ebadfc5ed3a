"""Writing, changing, publishing, pausing and closing a bounty through its pages."""
import pytest
from lxml import html
from sqlalchemy import select

from marketplace.bounties.models import Bounty, BountyState, Terms
from marketplace.foundation.db import db
from marketplace.identity.models import MemberRole
from tests.browsing import end_reading, words_of
from tests.factories import accept, fund_bounty, make_bounty, make_business, make_lead, make_member, make_user, owner_of

FILLED = {
    "title": "Introduce a car buyer to Westside Auto", "offer": "New and used cars, and people who call you back.",
    "category": "cars", "place": "Denver", "jurisdiction": "US-CO",
    "criteria": "Wants to buy a car\nLives in Denver",
    "currency": "usd", "reward_kind": "flat", "reward": "1,000",
}


def token_of(page):
    return page.xpath("//input[@name='csrf_token']/@value")[0]


def only_bounty():
    end_reading()
    return db.session.scalars(select(Bounty)).one()


def test_an_owner_writes_a_draft_and_sees_what_to_do_next(as_user):
    business = make_business()
    answer = as_user(owner_of(business)).submit(f"/businesses/{business.id}/bounties/new", FILLED)
    bounty = only_bounty()
    assert answer.request.path == f"/bounties/{bounty.id}"
    assert bounty.state is BountyState.DRAFT
    assert (bounty.terms.rules[0].amount_minor, bounty.terms.criteria) == (100_000, ["Wants to buy a car", "Lives in Denver"])
    assert "Fund it for at least one lead: $1,050." in answer.text


def test_the_arithmetic_stands_before_paying(as_user):
    bounty = make_bounty()
    said = words_of(as_user(owner_of(bounty.business)).page(f"/bounties/{bounty.id}"))
    assert "Reward to the referrer, at most $1,000" in said
    assert "Our fee, 5% of the reward $50" in said
    assert "Kept ready for each lead $1,050" in said
    assert "Fund 3 leads: $3,150" in said


@pytest.mark.once
def test_everything_that_is_wrong_is_said_in_one_round_by_the_names_on_the_page(as_user):
    business = make_business()
    url = f"/businesses/{business.id}/bounties/new"
    answer = as_user(owner_of(business)).submit(url, {**FILLED, "title": "", "offer": "", "reward": ""}, follow=False)
    summary = html.fromstring(answer.text).xpath("//div[@role='alert']//li")
    assert [" ".join(line.text_content().split()) for line in summary][:2] == [
        "Title: Please fill this in.", "The offer: Please fill this in."]
    assert {line.xpath(".//a/@href")[0] for line in summary} == {"#f-title", "#f-offer", "#f-reward"}


@pytest.mark.once
@pytest.mark.parametrize(("change", "field"), [
    ({"title": "short"}, "title"), ({"criteria": "\n \n"}, "criteria"), ({"reward": "-5"}, "reward"),
    ({"reward": ""}, "reward"), ({"reward": "0.5"}, "reward"), ({"reward": "99999999999"}, "reward"),
    ({"reward_kind": "percent"}, "reward_percent"), ({"reward_kind": "percent", "reward_percent": "101", "reward_cap": "5"}, "reward_percent"),
    ({"reward_kind": "percent", "reward_percent": "2"}, "reward_cap"), ({"hold_days": "31"}, "hold_days"),
    ({"category": "weapons"}, "category"), ({"currency": "xxx"}, "currency"), ({"state": "live"}, "state"),
])
def test_what_is_wrong_is_said_beside_the_field_and_the_text_stays(as_user, change, field):
    business = make_business()
    browser = as_user(owner_of(business))
    url = f"/businesses/{business.id}/bounties/new"
    page = browser.page(url)
    token = token_of(page)
    answer = browser.post(url, data={**FILLED, "csrf_token": token, **change})
    assert answer.status_code == 422
    assert f'href="#f-{field}"' in answer.text
    assert "people who call you back" in answer.text
    end_reading()
    assert db.session.scalars(select(Bounty)).all() == []


@pytest.mark.once
@pytest.mark.parametrize("role", [MemberRole.AGENT, None])
def test_only_owners_and_managers_write_bounties(as_user, role):
    business = make_business()
    user = make_member(business, role) if role else make_user("Eve")
    assert as_user(user).get(f"/businesses/{business.id}/bounties/new").status_code == 403


@pytest.mark.once
def test_a_visitor_is_sent_to_sign_in(anonymous):
    business = make_business()
    answer = anonymous.get(f"/businesses/{business.id}/bounties/new")
    assert answer.status_code == 302
    assert answer.location.startswith("/sign-in?next=")


def test_a_change_makes_a_new_number_and_leads_keep_theirs(as_user):
    bounty = make_bounty(is_live=True)
    lead = make_lead(bounty)
    browser = as_user(owner_of(bounty.business))
    assert "keep them" in words_of(browser.page(f"/bounties/{bounty.id}/edit"))
    answer = browser.submit(f"/bounties/{bounty.id}/edit", {"reward": "800"}, press="Save")
    assert "New leads come under terms number 2" in answer.text
    end_reading()
    assert (only_bounty().terms.number, only_bounty().terms.rules[0].amount_minor) == (2, 80_000)
    db.session.refresh(lead)
    assert lead.terms.rules[0].amount_minor == 100_000


def test_new_words_alone_make_no_new_terms(as_user):
    bounty = make_bounty(is_live=True)
    answer = as_user(owner_of(bounty.business)).submit(
        f"/bounties/{bounty.id}/edit", {"title": "Send us somebody who buys a car"}, press="Save")
    assert "The terms are as they were" in answer.text
    end_reading()
    assert len(db.session.scalars(select(Terms)).all()) == 1


def test_a_higher_reward_than_the_funds_hold_pauses_it_and_a_lower_one_goes_on(as_user):
    bounty = make_bounty(is_live=True, funded_for=1)
    browser = as_user(owner_of(bounty.business))
    answer = browser.submit(f"/bounties/{bounty.id}/edit", {"reward": "1500"}, press="Save")
    assert "There are no free funds for one more lead." in answer.text
    assert only_bounty().state is BountyState.PAUSED
    browser.submit(f"/bounties/{bounty.id}/edit", {"reward": "1000"}, press="Save")
    assert only_bounty().state is BountyState.LIVE


def test_a_stale_form_is_refused_keeps_the_text_and_can_be_sent_again(as_user):
    bounty = make_bounty()
    owner = owner_of(bounty.business)
    browser, url = as_user(owner), f"/bounties/{bounty.id}/edit"
    page = browser.page(url)
    form = next(form for form in page.forms if "title" in form.inputs)
    stale = dict(form.form_values())
    as_user(owner).submit(url, {"title": "Saved by a colleague meanwhile"}, press="Save")
    answer = browser.post(url, data={**stale, "title": "What I was typing all along"})
    assert answer.status_code == 409
    assert "What I was typing all along" in answer.text
    assert "Saved by a colleague meanwhile" in answer.text
    assert only_bounty().title == "Saved by a colleague meanwhile"
    again = next(form for form in html.fromstring(answer.text).forms if "title" in form.inputs)
    assert browser.post(url, data=dict(again.form_values())).status_code == 302
    assert only_bounty().title == "What I was typing all along"


def test_a_published_or_funded_bounty_keeps_its_currency(as_user):
    bounty = make_bounty(funded_for=1)
    page = as_user(owner_of(bounty.business)).submit(f"/bounties/{bounty.id}/edit", {"currency": "eur"}, press="Save")
    assert page.status_code == 409
    assert "keeps its currency" in page.text
    assert only_bounty().terms.currency == "usd"


def test_without_funds_it_is_not_published_and_the_page_says_what_is_missing(as_user):
    bounty = make_bounty()
    browser = as_user(owner_of(bounty.business))
    token = token_of(browser.page(f"/bounties/{bounty.id}"))
    answer = browser.post(f"/bounties/{bounty.id}/publication", data={"csrf_token": token})
    assert answer.status_code == 409
    assert "$1,050 more" in answer.text
    assert only_bounty().state is BountyState.DRAFT


def test_funded_published_paused_and_published_again(as_user, anonymous):
    bounty = make_bounty()
    fund_bounty(bounty)
    browser, url = as_user(owner_of(bounty.business)), f"/bounties/{bounty.id}"
    assert "It is live" in browser.submit(url, press="Publish").text
    assert "Introduce a car buyer" in anonymous.get("/bounties").text
    assert "It is paused" in browser.submit(url, press="Pause").text
    assert "Introduce a car buyer" not in anonymous.get("/bounties").text
    browser.submit(url, press="Publish again")
    assert only_bounty().state is BountyState.LIVE


def test_closing_promises_the_free_funds_back_and_cannot_be_undone(as_user):
    bounty = make_bounty(is_live=True)
    browser, url = as_user(owner_of(bounty.business)), f"/bounties/{bounty.id}"
    answer = browser.submit(url, press="Yes, close it")
    assert "It is closed" in answer.text
    page = browser.page(url)
    assert [form.action for form in page.forms if f"{url}/" in (form.action or "")] == []
    token = token_of(page)
    assert browser.post(f"{url}/publication", data={"csrf_token": token}).status_code == 409


def test_a_button_of_an_old_page_is_refused(as_user):
    bounty = make_bounty(is_live=True)
    browser, url = as_user(owner_of(bounty.business)), f"/bounties/{bounty.id}"
    token = token_of(browser.page(url))
    answer = browser.post(f"{url}/pause", data={"csrf_token": token, "version": bounty.version - 1})
    assert answer.status_code == 409
    assert only_bounty().state is BountyState.LIVE


@pytest.mark.once
@pytest.mark.parametrize("step", ["publication", "pause", "closure"])
def test_an_agent_and_a_stranger_move_nothing(as_user, step):
    bounty = make_bounty(is_live=True)
    for user in (make_member(bounty.business), make_user("Eve")):
        browser = as_user(user)
        token = token_of(browser.page("/settings"))
        assert browser.post(f"/bounties/{bounty.id}/{step}", data={"csrf_token": token}).status_code == 403
    assert only_bounty().state is BountyState.LIVE


@pytest.mark.once
def test_a_form_without_its_token_does_nothing(as_user):
    bounty = make_bounty(is_live=True)
    assert as_user(owner_of(bounty.business)).post(f"/bounties/{bounty.id}/closure").status_code == 400
    assert only_bounty().state is BountyState.LIVE


def test_the_owner_sees_what_is_free_and_what_is_reserved(as_user):
    bounty = make_bounty(is_live=True)
    accept(make_lead(bounty))
    said = words_of(as_user(owner_of(bounty.business)).page(f"/bounties/{bounty.id}"))
    assert "Free $2,100 for 2 more leads" in said
    assert "Reserved for accepted leads $1,050" in said
