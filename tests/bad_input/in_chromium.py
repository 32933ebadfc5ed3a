"""Every page of the house in a real Chromium, listening for whatever runs, is asked for, or is reported by the policy."""
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page

from marketplace.foundation.db import db
from marketplace.identity.models import User
from tests.bad_input.doors import House, every_page
from tests.browser.conftest import DESK, PROGRAM, cookie_of

WATCH = """
window.__ran = []; window.__reported = [];
addEventListener("securitypolicyviolation", event => window.__reported.push(event.violatedDirective + " " + event.blockedURI + " " + event.sample));
"""


@dataclass
class Seen:
    """Pages that were opened; scripts that ran, reports of the policy, and other complaints of the browser."""

    pages: set[str] = field(default_factory=set)
    ran: list[str] = field(default_factory=list)
    reported: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


def open_every_page(house: House, chromium: Chromium, site: str) -> Seen:
    """For each person with a cookie of their own."""
    seen, pages = Seen(), list(every_page(house))
    for person in sorted({reader for _, reader in pages}):
        page = _window_of(house, chromium, site, person, seen)
        for address in (address for address, reader in pages if reader == person):
            _open(page, address, seen)
        page.context.close()
    return seen


def _window_of(house: House, chromium: Chromium, site: str, person: str, seen: Seen) -> Page:
    context = chromium.new_context(base_url=site, viewport=DESK, user_agent=PROGRAM, reduced_motion="reduce", accept_downloads=False)
    if user_id := house.world.people.get(person):
        context.add_cookies([cookie_of(house.app, db.session.get_one(User, user_id), site)])
    context.add_init_script(WATCH)
    page = context.new_page()
    page.on("console", lambda said: seen.complaints.append(f"{page.url}: {said.text}")
            if said.type in {"error", "warning"} and "Failed to load resource" not in said.text else None)
    page.on("pageerror", lambda error: seen.complaints.append(f"{page.url}: {error}"))
    page.on("dialog", lambda dialog: (seen.ran.append(f"{page.url}: a dialog"), dialog.dismiss()))
    page.on("request", lambda asked: seen.ran.append(f"{page.url}: asked {asked.url}") if "//evil." in asked.url.split("?")[0] else None)
    return page


def _open(page: Page, address: str, seen: Seen) -> None:
    """Pages; what is no page is a file, which nobody's script can run in."""
    if "/files/" in address or address.rsplit("/", 1)[-1] in {"csv", "pdf"} or address.endswith((".csv", ".pdf", ".json")):
        return
    try:
        answer = page.goto(address, wait_until="load")
    except PlaywrightError as error:
        if "Download is starting" not in str(error):
            raise
        return
    if answer is None or answer.status != 200 or "text/html" not in answer.headers.get("content-type", ""):
        if answer is not None and answer.status >= 500:
            seen.complaints.append(f"{address}: {answer.status}")
        return
    found: Any = page.evaluate("[window.__ran, window.__reported]")
    seen.pages.add(address)
    seen.ran += [f"{address}: ran {one}" for one in found[0]]
    seen.reported += [f"{address}: {one}" for one in found[1]]
