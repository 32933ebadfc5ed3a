"""The readable page of the API in a real Chromium, under our content security policy and from our own address."""
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESK, PHONE


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_the_reference_opens_and_shows_an_operation(visit: Callable[..., Page], size: dict[str, int]) -> None:
    page = visit(size=size)
    page.goto("/api/docs/")
    expect(page.locator(".info .title")).to_contain_text("Fingerpost")
    leads = page.locator("#operations-tag-leads")
    expect(leads).to_be_visible()
    operations = page.locator(".opblock")
    assert operations.count() > 20
    page.locator(".opblock-post", has_text="/api/v1/leads").first.locator(".opblock-summary-control").click()
    body = page.locator(".opblock.is-open")
    expect(body).to_contain_text("Idempotency-Key")
    expect(body).to_contain_text("application/problem+json")
    width, window = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert width <= window


def test_without_script_it_leads_to_the_document_and_the_codes(visit: Callable[..., Page]) -> None:
    page = visit(script=False)
    page.goto("/api/docs/")
    expect(page.get_by_role("link", name="openapi.json")).to_be_visible()
    page.get_by_role("link", name="All error codes").click()
    expect(page.locator("code#idempotency_key_reused")).to_be_visible()
