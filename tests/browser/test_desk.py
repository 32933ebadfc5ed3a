"""A moderator's one screen in Chromium: nothing needs scrolling, a key is enough, and no key while somebody types."""
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from marketplace.foundation.db import transaction
from marketplace.referrals.models import Moderation
from tests.browser.conftest import PHONE
from tests.factories import make_bounty, make_lead, make_user, review_lead
from tests.referrals.steps import again

LONG = " ".join(f"Sentence {n} of a long post about a house, a move and two children." for n in range(60))


@pytest.fixture
def lead(app):
    bounty = make_bounty(is_live=True)
    found = review_lead(make_lead(bounty, quote="I am in the market for a car.", text=f"{LONG} I am in the market for a car. {LONG}"))
    make_other = make_lead(bounty, by=make_user("Bo Li"), quote="We want a station wagon.", text=f"We want a station wagon. {LONG}")
    review_lead(make_other)
    with transaction():
        again(found).evidence.quote_found = True
    return found


def test_a_case_is_decided_by_keys_on_one_screen(lead, visit: Callable[..., Page]) -> None:
    mona = make_user("Mona Lind", is_admin=True)
    make_user("Noor Haddad", is_admin=True)
    page = visit(mona)
    page.goto("/moderation")
    page.keyboard.press("n")
    page.wait_for_url("**/leads/*")
    expect(page.get_by_role("button", name="Keys")).to_be_visible()  # Its script has run.
    for words in ("Accept", "Reject"):
        expect(page.get_by_role("button", name=words, exact=True)).to_be_in_viewport(ratio=1)
    expect(page.locator(".post-text mark").first).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("a")  # Not while the list is open.
    page.keyboard.press("Escape")
    page.keyboard.press("q")
    page.keyboard.type("a banana, and a car?")
    expect(page.get_by_label("What do you need to know?")).to_have_value("a banana, and a car?")
    assert again(lead).moderation is Moderation.IN_REVIEW
    page.keyboard.press("Escape")  # Out of the field, to the keys.
    page.keyboard.press("a")
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    assert again(lead).moderation is Moderation.ACCEPTED
    expect(page.get_by_role("button", name="Keys")).to_be_visible()  # Of the new page, too.
    page.keyboard.press("u")
    expect(page.get_by_role("button", name="Accept", exact=True)).to_be_visible()
    assert again(lead).moderation is Moderation.IN_REVIEW
    page.get_by_role("button", name="Keys").click()
    page.get_by_role("button", name="Switch the keys off").click()
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    page.reload()
    expect(page.get_by_role("button", name="Accept", exact=True)).to_be_visible()


def test_a_case_fits_a_phone(lead, visit: Callable[..., Page]) -> None:
    page = visit(make_user("Mona Lind", is_admin=True), size=PHONE)
    for address in (f"/leads/{lead.id}", "/moderation", "/moderation/figures"):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), address
