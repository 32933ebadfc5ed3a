"""fingerpost.js in a real Chromium: on the page of a shop elsewhere, under a policy that allows it and nothing else."""
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask, request
from playwright.sync_api import Page

from marketplace.tracking.script import script
from scripts.processes import free_port
from tests.serving import served

CLICK = "0123abcd" + "AZ_-09azAZ_-09azAZ_-09azAZ_-09azAZ_-09az"
PAGE = """<!doctype html><html lang="en"><head><title>Shop</title>
<script src="{script}" integrity="{integrity}" crossorigin="anonymous" {options} defer></script></head><body><h1>Shop</h1>
<form method="post" action="/checkout" data-fingerpost="checkout"><button>Buy</button></form>
<form method="post" action="/newsletter"><button>Read</button></form></body></html>"""


@dataclass
class Shop:
    """``heard`` are the events and forms that reached its server."""

    address: str
    site: str
    options: str = 'data-endpoint="/events"'
    integrity: str = ""
    heard: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture
def shop(app: Flask, site: str) -> Iterator[Shop]:
    server_of_shop, shop = Flask("shop"), Shop(f"http://127.0.0.1:{(port := free_port())}", site, integrity=script().integrity)

    @server_of_shop.get("/")
    def window() -> tuple[str, dict[str, str]]:
        policy = f"default-src 'none'; script-src {site}; connect-src 'self'; form-action 'self'; base-uri 'none'"
        return PAGE.format(script=f"{site}/fingerpost-1.js", integrity=shop.integrity, options=shop.options), {
            "Content-Security-Policy": policy}

    @server_of_shop.post("/events")
    def events() -> tuple[str, int]:
        shop.heard.append(request.get_json())
        return "", 204

    @server_of_shop.post("/<form>")
    def sent(form: str) -> str:
        shop.heard.append({"form": form, **request.form})
        return PAGE.format(script="", integrity="", options="")

    @server_of_shop.get("/favicon.ico")
    def icon() -> tuple[str, int]:
        return "", 204

    with served(server_of_shop, port):
        yield shop


def cookies(page: Page) -> dict[str, Any]:
    return {str(cookie.get("name")): cookie for cookie in page.context.cookies()}


def test_a_click_goes_from_the_address_into_the_cookie_the_form_and_the_event(shop, visit):
    page = visit()
    page.goto(f"{shop.address}/?fp_click={CLICK}&utm_source=x#top")
    page.wait_for_function("window.fingerpost")
    assert page.url == f"{shop.address}/?utm_source=x#top"  # A link that is copied now carries nobody's click.
    kept = cookies(page)["fp_click"]
    days = (kept["expires"] - page.evaluate("Date.now() / 1000")) / 86_400
    assert (kept["value"], kept["sameSite"], kept["path"]) == (CLICK, "Lax", "/") and 89 < days < 91
    assert page.evaluate("fingerpost.track('sign_up', {plan: 'pro', fp_click: 'forged'})") is True
    page.goto(shop.address)  # Another page, another day.
    page.wait_for_selector("input[name=fp_click]", state="attached")
    page.get_by_role("button", name="Buy").click()
    page.wait_for_url("**/checkout")
    assert shop.heard[0] == {"event": "sign_up", "plan": "pro", "fp_click": CLICK}
    assert {"form": "checkout", "fp_click": CLICK} in shop.heard
    assert {"event": "checkout", "fp_click": CLICK} in shop.heard


def test_only_forms_that_say_so_carry_a_click(shop, visit):
    page = visit()
    page.goto(f"{shop.address}/?fp_click={CLICK}")
    page.wait_for_function("window.fingerpost")
    page.get_by_role("button", name="Read").click()
    page.wait_for_url("**/newsletter")
    assert shop.heard == [{"form": "newsletter"}]


@pytest.mark.parametrize("sign", ["globalPrivacyControl: {get: () => true}", "doNotTrack: {get: () => '1'}"])
def test_who_asks_not_to_be_tracked_is_not(shop, visit, sign):
    page = visit()
    page.context.add_cookies([{"name": "fp_click", "value": CLICK, "url": shop.address}])
    page.add_init_script(f"Object.defineProperties(navigator, {{{sign}}})")
    page.goto(f"{shop.address}/?fp_click={CLICK}")
    page.wait_for_function("window.fingerpost")
    assert page.url == f"{shop.address}/" and "fp_click" not in cookies(page)
    assert page.evaluate("fingerpost.track('sign_up')") is False and page.evaluate("fingerpost.click()") == ""
    page.get_by_role("button", name="Buy").click()
    page.wait_for_url("**/checkout")
    assert shop.heard == [{"form": "checkout", "fp_click": ""}]


def test_what_is_no_click_is_not_kept(shop, visit):
    page = visit()
    for said in ("short", "a" * 129, CLICK + "%3BDomain%3Dexample.com", "%3Cscript%3E" + "a" * 40):
        page.goto(f"{shop.address}/?fp_click={said}")
        page.wait_for_function("window.fingerpost")
        assert cookies(page) == {} and page.evaluate("fingerpost.click()") == "", said


def test_nothing_is_sent_to_another_site(shop, visit):
    shop.options = f'data-endpoint="{shop.site}/events"'
    page = visit()
    page.goto(f"{shop.address}/?fp_click={CLICK}")
    page.wait_for_function("window.fingerpost")
    assert page.evaluate("fingerpost.track('sign_up').catch((refused) => refused.message)") == "fingerpost: data-endpoint is not on this site"


def test_a_script_that_was_changed_does_not_run(shop, chromium):
    shop.integrity = "sha384-" + "A" * 64
    with contextlib.closing(chromium.new_context()) as context:
        page = context.new_page()
        with page.expect_console_message(lambda said: "integrity" in said.text):
            page.goto(f"{shop.address}/?fp_click={CLICK}")
        assert page.evaluate("typeof window.fingerpost") == "undefined" and context.cookies() == []
