"""A real Chromium on the real application, served by threads of this process on the test's own database."""
import contextlib
import email
import email.policy
import logging
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import BrowserContext, Page, ViewportSize, sync_playwright
from werkzeug.serving import make_server

from scripts.browser import FLAGS, find_browser, why_no_browser
from scripts.processes import ROOT, Product, free_port, started
from tests.browser.window import Window
from tests.browsing import sign_in

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}
PROGRAM = "Chromium of the tests"  # a session is bound to the program that began it


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    if reason := why_no_browser():
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def site(app: Flask) -> Iterator[str]:
    """The address of the application, on a database that is empty at the start of the test."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", free_port(), app, threaded=True)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def visit(chromium: Chromium, site: str, app: Flask) -> Iterator[Callable[..., Page]]:
    """`visit(ana, size=PHONE, dark=True)`: a page of a browser of her own, signed in; `visit()` is a stranger's.

    Anything said on the console, refused by the content security policy or asked of another host fails the test.
    """
    complaints: list[str] = []
    with contextlib.ExitStack() as contexts:
        def open_for(user: Any = None, *, size: dict[str, int] = DESK, dark: bool = False, script: bool = True) -> Page:
            context = contexts.enter_context(contextlib.closing(chromium.new_context(
                base_url=site, viewport=size, color_scheme="dark" if dark else "light", java_script_enabled=script,
                reduced_motion="reduce", locale="en-US", timezone_id="UTC", user_agent=PROGRAM,
            )))
            if user is not None:
                context.add_cookies([cookie_of(app, user, site)])
            return watched(context, site, complaints)
        yield open_for
    assert complaints == []


def watched(context: BrowserContext, site: str, complaints: list[str]) -> Page:
    page = context.new_page()
    page.set_default_timeout(10_000)
    page.on("console", lambda message: message.type in {"error", "warning"} and complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: request.url.startswith(("http://127.0.0.1:", "data:", "about:", "blob:"))
            or complaints.append(f"asked {request.url}"))
    return page


def cookie_of(app: Flask, user: Any, site: str) -> Any:
    client = app.test_client()
    client.environ_base["HTTP_USER_AGENT"] = PROGRAM
    sign_in(client, user)  # type: ignore[arg-type]
    name = app.config["SESSION_COOKIE_NAME"]
    cookie = client.get_cookie(name)
    assert cookie is not None
    return {"name": name, "value": cookie.value, "url": site}


# ---- the product as it is run: site, worker and sandbox as processes, with the demo data ------------------------------

SIZES = {"phone": PHONE, "desk": DESK}
MAIL_WITHIN = 30.0  # seconds
IN_ONE_PROCESS = """
import sys
from wsgi import app
app.app_context().push()
for command in sys.argv[1:]:
    done = app.test_cli_runner().invoke(args=[command])
    print(done.output)
    if done.exit_code:
        sys.exit(f"`flask {command}` failed: {done.exception!r}")
"""


@dataclass
class Stage:
    """The running product, and windows on it."""

    product: Product
    chromium: Chromium
    contexts: contextlib.ExitStack
    windows: list[Window] = field(default_factory=list)
    counter: list[int] = field(default_factory=lambda: [0])

    def window(self, size: str = "desk", *, script: bool = True, also: str = "") -> Window:
        """A new person's: no cookie of anybody else's is in it. ``also``: each page is looked at in this size too."""
        is_phone = size == "phone"
        context = self.contexts.enter_context(contextlib.closing(self.chromium.new_context(
            base_url=self.product.site, viewport=SIZES[size], has_touch=is_phone, is_mobile=is_phone,
            java_script_enabled=script, reduced_motion="reduce", locale="en-US", timezone_id="UTC",
            permissions=["clipboard-write"])))  # type: ignore[arg-type]
        second = ViewportSize(**SIZES[also]) if also else None
        self.windows.append(Window(context, size, script, second, self.counter))
        return self.windows[-1]

    def link_in_mail_to(self, address: str, about: str, containing: str) -> str:
        """The link of the newest mail to ``address`` about ``about`` that has one, once the worker has sent it."""
        give_up = time.monotonic() + MAIL_WITHIN
        while time.monotonic() < give_up:
            for kept in sorted((self.product.folder / "mail").glob("*.eml"), reverse=True):
                mail = email.message_from_bytes(kept.read_bytes(), policy=email.policy.default)
                if address in str(mail["To"]) and about in str(mail["Subject"]):
                    body = mail.get_body(("plain",))
                    links = re.findall(r"https?://\S+", str(body.get_content()) if body else "")
                    if fitting := [link for link in links if containing in link]:
                        return fitting[0]
            self.windows[0].page.wait_for_timeout(100)  # The browser goes on meanwhile.
        raise AssertionError(f"no mail to {address} about {about!r} within {MAIL_WITHIN:.0f} s")

    def no_cent_is_missing(self) -> None:
        """`flask reconcile` and `flask doctor`: both fail if one is. Together, as to begin a process takes longest."""
        done = subprocess.run([sys.executable, "-c", IN_ONE_PROCESS, "reconcile", "doctor"], cwd=ROOT,
                              env=dict(self.product.env), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def _product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Kept for the run: to start it takes as long as most of what is looked at in it."""
    said: list[str] = []
    with started(tmp_path_factory.mktemp("product"), free_port(), say=said.append) as product:
        yield product
    assert not [line for line in said if "Traceback" in line], "\n".join(said)


@pytest.fixture
def stage(chromium: Chromium, _product: Product) -> Iterator[Stage]:
    """`stage.window("phone")`"""
    with contextlib.ExitStack() as contexts:
        stage = Stage(_product, chromium, contexts)
        yield stage
        complaints = [complaint for window in stage.windows for complaint in window.complaints]
    assert not complaints, "\n".join(complaints)
