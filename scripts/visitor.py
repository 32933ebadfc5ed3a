"""A person with a browser that has no script: opens pages, fills in forms, follows where they lead."""
from dataclasses import dataclass, field
from urllib.parse import urljoin

import lxml.html
import requests

SECONDS = 30


class Unexpected(Exception):
    """The product did something else than the story says."""


@dataclass
class Page:
    address: str
    status: int
    body: str

    @property
    def tree(self) -> lxml.html.HtmlElement:
        return lxml.html.fromstring(self.body, base_url=self.address)

    @property
    def text(self) -> str:
        main = self.tree.xpath("//main") or [self.tree]
        return " ".join(main[0].text_content().split())

    @property
    def alerts(self) -> str:
        """What the page says went wrong."""
        return " ".join(" ".join(part.text_content().split()) for part in self.tree.xpath("//*[@role='alert']"))

    def link(self, containing: str) -> str:
        """The address of the first link whose address or words contain ``containing``."""
        for anchor in self.tree.xpath("//a[@href]"):
            if containing in anchor.get("href") or containing in anchor.text_content():
                return urljoin(self.address, anchor.get("href"))
        raise Unexpected(f"{self.address} has no link with {containing!r}")


@dataclass
class Visitor:
    """One person's browser. ``site`` is where their paths start."""

    name: str
    site: str
    session: requests.Session = field(default_factory=requests.Session)

    def open(self, path: str, *, expect: int = 200) -> Page:
        return self._page(self.session.get(urljoin(self.site, path), timeout=SECONDS), expect)

    def send(self, page: Page | str, action: str, *, button: str = "", expect: int = 200, **typed: str) -> Page:
        """Fill in the form of ``page`` whose action contains ``action`` and send it, with its hidden fields.

        ``button``: the words on the one to press, where a form has several.
        """
        shown = self.open(page) if isinstance(page, str) else page
        for form in shown.tree.forms:
            target = urljoin(shown.address, form.get("action") or shown.address)
            if action in target and form.method.upper() == "POST":
                return self._send(form, target, typed, expect, button)
        raise Unexpected(f"{shown.address} has no form for {action!r}")

    def press(self, page: Page, path: str, *, expect: int, **sent: str) -> Page:
        """Send what no form of ``page`` offers (any more), as an old tab would, with the page's CSRF token."""
        token = page.tree.xpath("string(//input[@name='csrf_token']/@value)")
        response = self.session.post(urljoin(self.site, path), data={"csrf_token": token, **sent}, timeout=SECONDS)
        return self._page(response, expect)

    def _send(
        self, form: lxml.html.FormElement, target: str, typed: dict[str, str], expect: int, button: str
    ) -> Page:
        unknown = set(typed) - set(form.fields)
        if unknown:
            raise Unexpected(f"the form for {target} has no fields {sorted(unknown)}; it has {sorted(form.fields)}")
        filled = {name: value for name, value in form.form_values() if name not in typed}
        for pressed in form.iter("button"):
            if button and button in pressed.text_content() and pressed.get("name"):
                filled[pressed.get("name")] = pressed.get("value", "")
        return self._page(self.session.post(target, data={**filled, **typed}, timeout=SECONDS), expect)

    def _page(self, response: requests.Response, expect: int) -> Page:
        page = Page(response.url, response.status_code, response.text)
        if response.status_code != expect:
            said = (page.alerts or page.text[:600]) if response.text else ""
            raise Unexpected(f"{self.name}: {response.request.method} {response.url} answered "
                             f"{response.status_code}, not {expect}: {said}")
        return page
