"""A reward of several parts is written in a browser that runs no script: what is chosen opens what belongs to it."""
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from sqlalchemy import select

from marketplace.bounties.models import Bounty
from marketplace.foundation.db import db
from tests.browser.conftest import DESK, PHONE
from tests.browsing import end_reading
from tests.factories import make_business, owner_of


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_parts_are_added_one_by_one_without_script(visit: Callable[..., Page], size: dict[str, int]) -> None:
    business = make_business()
    page = visit(owner_of(business), size=size, script=False)
    page.goto(f"/businesses/{business.id}/bounties/new")
    for label, text in (("Title", "Introduce a car buyer to us"), ("What counts as a qualified lead", "Wants to buy a car")):
        page.get_by_label(label).fill(text)
    page.get_by_label("The offer").fill("New and used cars, and people who call you back.")
    page.get_by_label("Category").select_option("cars")

    expect(page.locator("#f-reward")).to_be_visible()
    expect(page.locator("#f-reward_percent")).to_be_hidden()
    page.get_by_label("A share of the sale").check()
    expect(page.locator("#f-reward")).to_be_hidden()
    page.locator("#f-reward_percent").fill("2.5")
    page.locator("#f-reward_cap").fill("500")

    adding = page.get_by_text("Add a part", exact=True)
    expect(adding.filter(visible=True)).to_have_count(1)
    adding.filter(visible=True).click()
    expect(adding.filter(visible=True)).to_have_count(1)  # The next; the one that is open says which part it is.
    expect(page.get_by_text("Part 2", exact=True).filter(visible=True)).to_have_count(1)
    page.locator("#f-part_2_kind").select_option("flat")
    page.locator("#f-part_2_happening").select_option("later")
    page.locator("#f-part_2_amount").fill("100")
    expect(page.locator("#f-part_2_times")).to_be_hidden()
    page.locator("#f-part_2_after_days").fill("90")
    expect(page.locator("#f-cause")).to_be_hidden()
    adding.filter(visible=True).last.click()
    page.locator("#f-part_3_whom").select_option("buyer")
    page.locator("#f-part_3_kind").select_option("flat")
    page.locator("#f-part_3_amount").fill("75")
    page.locator("#f-cause").fill("Denver Food Bank")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="Save the draft").click()
    expect(page.locator("body")).to_contain_text("You earn 2.5% of the sale, at most $500.")
    expect(page.locator("body")).to_contain_text("$75 when they buy. They may take it, give it to Denver Food Bank, or decline it.")
    end_reading()
    assert [rule.position for rule in db.session.scalars(select(Bounty)).one().terms.rules] == [1, 2, 3]


def test_the_form_is_accessible(visit: Callable[..., Page]) -> None:
    business = make_business()
    page = visit(owner_of(business), size=PHONE)
    page.goto(f"/businesses/{business.id}/bounties/new")
    page.locator("summary", has_text="Add a part").filter(visible=True).click()
    page.locator("#f-part_2_kind").select_option("percent")
    page.locator("#f-part_2_happening").select_option("renewal")
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    assert [violation["id"] for violation in found] == []
