"""The board, a bounty's page and a business's page, as anybody sees them."""
from urllib.parse import unquote

import pytest

from marketplace.bounties.models import BountyState, Category
from marketplace.bounties.publishing import close_bounty, pause_bounty
from marketplace.foundation.db import transaction
from tests.browsing import words_of
from tests.factories import PERCENT, accept, make_bounty, make_business, make_lead, make_member, make_user, owner_of

POST = "http://davids-blog.example/in-the-market-for-a-car"


def titles(page):
    return [" ".join(h.text_content().split()) for h in page.xpath("//article//h3")]


def test_the_board_shows_live_bounties_with_reward_and_badge(anonymous):
    make_bounty(is_live=True)
    make_bounty(title="A draft that nobody sees yet")
    page = anonymous.page("/bounties")
    assert titles(page) == ["Introduce a car buyer to Westside Auto"]
    card = words_of(page)
    assert "$1,000 when they buy" in card
    assert "Funded" in card
    assert "Westside Auto" in card


def test_a_bounty_whose_funds_are_reserved_has_no_badge_and_takes_no_leads(anonymous):
    bounty = make_bounty(is_live=True, funded_for=1)
    accept(make_lead(bounty))
    page = anonymous.page(f"/bounties/{bounty.id}")
    assert "takes no leads right now" in words_of(page)
    assert page.xpath("//a[contains(@href, '/point')]") == []
    assert titles(anonymous.page("/bounties")) == []


def test_the_board_finds_by_every_word_category_and_place(anonymous):
    make_bounty(is_live=True, title="Cars for families in the south")
    make_bounty(is_live=True, title="Solar roofs for families", category=Category.SOLAR, place="Austin")
    make_bounty(is_live=True, title="Websites for anybody at all", category=Category.SOFTWARE, place="")
    found = {query: titles(anonymous.page(f"/bounties?{query}")) for query in (
        "q=families", "q=families+roofs", "category=solar", "place=austin", "q=100%25", "q=nothing+such")}
    assert found == {
        "q=families": ["Solar roofs for families", "Cars for families in the south"],
        "q=families+roofs": ["Solar roofs for families"],
        "category=solar": ["Solar roofs for families"],
        "place=austin": ["Websites for anybody at all", "Solar roofs for families"],
        "q=100%25": [],
        "q=nothing+such": [],
    }
    assert "Show every bounty" in words_of(anonymous.page("/bounties?q=nothing+such"))


def test_the_highest_reward_can_come_first(anonymous):
    make_bounty(is_live=True, title="A thousand for a buyer")
    make_bounty(is_live=True, title="Five hundred at the most", **PERCENT)
    assert titles(anonymous.page("/bounties?sort=highest")) == ["A thousand for a buyer", "Five hundred at the most"]
    assert titles(anonymous.page("/bounties")) == ["Five hundred at the most", "A thousand for a buyer"]


def test_twenty_a_page_and_every_bounty_once(anonymous):
    business = make_business()
    made = {make_bounty(business, is_live=True, title=f"Bounty number {n}").title for n in range(23)}
    first = anonymous.page("/bounties?q=number")
    following = first.xpath("//a[@rel='next']")[0].get("href")
    assert "q=number" in following
    second = anonymous.page(following)
    assert len(titles(first)) == 20
    assert sorted([*titles(first), *titles(second)]) == sorted(made)
    assert second.xpath("//a[@rel='next']") == []
    assert second.xpath("//a[@rel='prev']") != []


@pytest.mark.parametrize("cursor", ["x", "!!!", "WzFd", "WyJhIiwgMV0", "W1sx", "WyJcdTAwMDAiXQ"])
def test_a_forged_page_marker_is_refused(anonymous, cursor):
    assert anonymous.get(f"/bounties?cursor={cursor}").status_code == 422 or cursor == "x"
    assert anonymous.get(f"/bounties?sort=highest&cursor={cursor}").status_code == 422


@pytest.mark.parametrize("query", ["category=nonsense", "sort=random", "q=" + "x" * 300])
def test_a_search_that_makes_no_sense_says_so_and_shows_the_rest(anonymous, query):
    make_bounty(is_live=True)
    answer = anonymous.get(f"/bounties?{query}")
    assert answer.status_code == 422
    assert "made no sense to us" in answer.text
    assert "Introduce a car buyer" in answer.text


def test_the_empty_board_says_what_to_do(anonymous):
    page = anonymous.page("/bounties")
    assert "No bounty is live yet" in words_of(page)
    assert page.xpath("//div[@class='empty']//a")[0].get("href") == "/businesses/new"


def test_the_address_of_a_post_is_carried_from_the_board_to_the_pointing_form(anonymous):
    bounty = make_bounty(is_live=True)
    board = anonymous.page(f"/bounties?url={POST}")
    assert POST in words_of(board)
    page = anonymous.page(board.xpath("//article//h3/a")[0].get("href"))
    onward = page.xpath("//a[contains(@href, '/point')]")[0].get("href")
    assert unquote(onward) == f"/bounties/{bounty.id}/point?url={POST}"


def test_searching_keeps_the_address(anonymous):
    make_bounty(is_live=True)
    answer = anonymous.submit(f"/bounties?url={POST}", {"q": "car"}, press="Search")
    assert POST in answer.text
    assert "Introduce a car buyer" in answer.text


@pytest.mark.parametrize("address", ["ftp://x.example/", "javascript:alert(1)", "http:///nowhere"])
def test_an_address_we_could_never_read_is_named_and_dropped(anonymous, address):
    make_bounty(is_live=True)
    answer = anonymous.get("/bounties", query_string={"url": address})
    assert answer.status_code == 422
    assert "We cannot use that address" in answer.text
    assert "url=" not in answer.text.split('<div class="grid">')[1].split("</article>")[0]


def test_a_bounty_says_its_terms_in_plain_words(anonymous):
    bounty = make_bounty(is_live=True)
    said = words_of(anonymous.page(f"/bounties/{bounty.id}"))
    assert "$1,000, when the buyer you pointed out buys." in said
    assert "Wants to buy a car within three months" in said
    assert "30 days after the sale" in said
    assert "Nothing. The business pays the reward and our fee of 5% of it on top." in said


def test_what_would_i_earn_shows_the_arithmetic(anonymous):
    bounty = make_bounty(is_live=True, **PERCENT)
    small = words_of(anonymous.page(f"/bounties/{bounty.id}?sale=1,999.99"))
    assert "2.5% of the sale, rounded down $49.99" in small
    assert "$49.99 for you" in small
    large = words_of(anonymous.page(f"/bounties/{bounty.id}?sale=30000"))
    assert "But never more than $500 $500" in large
    assert "pays our fee of $25 on top" in large


@pytest.mark.parametrize("sale", ["-5", "lots", "1.999", "99999999999999"])
def test_an_absurd_sale_is_explained_and_stays_typed(anonymous, sale):
    bounty = make_bounty(is_live=True)
    answer = anonymous.get(f"/bounties/{bounty.id}", query_string={"sale": sale})
    assert answer.status_code == 422
    assert f'value="{sale}"' in answer.text
    assert 'id="f-sale-problem"' in answer.text


def test_a_draft_is_seen_by_its_business_alone(anonymous, as_user):
    bounty = make_bounty()
    agent, stranger, admin = make_member(bounty.business), make_user("Eve"), make_user("Mona", is_admin=True)
    seen = {name: browser.get(f"/bounties/{bounty.id}").status_code for name, browser in {
        "anonymous": anonymous, "stranger": as_user(stranger), "agent": as_user(agent), "admin": as_user(admin)}.items()}
    assert seen == {"anonymous": 404, "stranger": 404, "agent": 200, "admin": 200}


def test_a_closed_bounty_stays_readable_but_a_draft_thrown_away_never_was(anonymous):
    live, draft = make_bounty(is_live=True), make_bounty()
    for bounty in (live, draft):
        owner = owner_of(bounty.business)
        with transaction():
            close_bounty(bounty, by=owner)
    assert "This bounty is closed" in words_of(anonymous.page(f"/bounties/{live.id}"))
    assert anonymous.get(f"/bounties/{draft.id}").status_code == 404
    assert draft.state is BountyState.ARCHIVED


def test_money_and_buttons_of_the_business_are_not_shown_to_others(as_user):
    bounty = make_bounty(is_live=True)
    page = as_user(make_user("Eve")).page(f"/bounties/{bounty.id}")
    assert "Reserved for accepted leads" not in words_of(page)
    assert [form.action for form in page.forms if "/bounties/" in (form.action or "")] == []


def test_people_of_the_business_are_not_offered_to_point(as_user):
    bounty = make_bounty(is_live=True)
    page = as_user(make_member(bounty.business)).page(f"/bounties/{bounty.id}")
    assert "A business cannot earn its own bounty" in words_of(page)
    assert page.xpath("//a[contains(@href, '/point')]") == []


def test_a_business_has_a_page_with_what_is_live(anonymous):
    business = make_business(about="A family dealership.", place="Denver")
    make_bounty(business, is_live=True)
    paused = make_bounty(business, is_live=True, title="A paused one is not on offer")
    owner = owner_of(business)
    with transaction():
        pause_bounty(paused, by=owner)
    page = anonymous.page(f"/businesses/{business.slug}")
    assert titles(page) == ["Introduce a car buyer to Westside Auto"]
    assert "A family dealership." in words_of(page)
    assert "Denver" in words_of(page)


def test_the_address_with_the_id_leads_to_the_one_with_the_name(anonymous):
    business = make_business()
    answer = anonymous.get(f"/businesses/{business.id}")
    assert (answer.status_code, answer.location) == (302, "/businesses/westside-auto")


def test_a_business_called_new_does_not_hide_the_form(anonymous):
    business = make_business(name="New!")
    assert business.slug == "new-2"


@pytest.mark.parametrize("path", ["/bounties/bounty_none", "/businesses/nobody"])
def test_what_is_not_there_is_a_page_that_says_so(anonymous, path):
    assert anonymous.get(path).status_code == 404
