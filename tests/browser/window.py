"""One person's browser window. Whatever is looked at in it is held to the same rules; what breaks one is photographed.

``FINGERPOST_SCREENS=1``: everything is, into build/screens.
"""
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import BrowserContext, Page, ViewportSize, expect

SCREENS = Path(__file__).resolve().parents[2] / "build" / "screens"
EVERYTHING = bool(os.environ.get("FINGERPOST_SCREENS"))  # A picture takes as long as the rules.
PASSWORD = "point-at-a-buyer"  # Of all demo people.
PATIENCE = 15_000  # Milliseconds for what the page does by itself.
ONE_LOOK = 1_500  # Milliseconds before a page that waits for the worker is asked for again.
LOOKS = 25
OURS = ("http://127.0.0.1:", "data:", "about:", "blob:")

ALL_RULES = {"resultTypes": ["violations"], "preload": False}  # What is fetched again for it, no rule that applies here reads.
AMERICAN = re.compile(r"[A-Z][a-z]+ \d{1,2}, \d{4}")  # Sentences have 7 Dec 2026, so the rest of the page has too.
COLOURS = {**ALL_RULES, "runOnly": ["color-contrast"]}  # All that the dark scheme changes.

# What stands outside the header's column, a chosen tab out of sight, names of fields side by side at different heights.
OUT_OF_PLACE = """() => {
  const said = [], box = (part) => part.getBoundingClientRect(), head = document.querySelector(".site-head .wrap");
  const edge = head && box(head).right - parseFloat(getComputedStyle(head).paddingRight);
  if (head && [...head.children].some((part) => box(part).right > edge + 1)) said.push("the header is wider than the page's column");
  document.querySelectorAll(".tabs [aria-current]").forEach((tab) => {
    const row = box(tab.closest(".tabs")), at = box(tab);
    if (at.left < row.left - 1 || at.right > row.right + 1) said.push(`out of sight: the chosen tab ${tab.textContent}`);
  });
  document.querySelectorAll(".pair").forEach((pair) => {
    const top = {};
    pair.querySelectorAll(":scope > .field").forEach((field) => {
      const line = Math.round(box(field.querySelector(".control")).top), name = box(field.querySelector("label")).top;
      if (Math.abs((top[line] ??= name) - name) > 1) said.push(`not in one line: ${field.querySelector("label").textContent}`);
    });
  });
  return said;
}"""


@dataclass
class Window:
    """``size`` is a word for the names of the pictures; ``counter`` numbers them over all windows of a story.

    ``also``: a second size, in which every page is held to the rules too.
    """

    context: BrowserContext
    size: str
    script: bool = True
    also: ViewportSize | None = None
    counter: list[int] = field(default_factory=lambda: [0])
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self._listen(self.page)

    def _listen(self, page: Page) -> None:
        say = self.complaints.append
        page.on("console", lambda said: say(f"console: {said.text}") if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: say(f"script: {error}"))
        page.on("request", lambda asked: None if asked.url.startswith(OURS) else say(f"asked {asked.url}"))
        page.on("response", lambda given: say(f"{given.status} {given.url}") if given.status >= 400 else None)
        # A page that is left while it renews a part of itself gives that request up.
        page.on("requestfailed", lambda lost: None if "ERR_ABORTED" in str(lost.failure)
                else say(f"failed: {lost.url} {lost.failure}"))

    def open(self, address: str) -> None:
        self.page.goto(address)

    def sign_in(self, address: str, *, picture: str = "") -> None:
        self.open("/sign-in")
        self.fill(email=address, password=PASSWORD)
        if picture:
            self.look(picture)
        self.press("Sign in")
        self.page.wait_for_url(re.compile("/dashboard/"))

    def says(self, words: str) -> None:
        expect(self.page.locator("body")).to_contain_text(words, timeout=PATIENCE)

    def says_in_time(self, words: str) -> None:
        """Reload until the worker has done what the page waits for, as a person does."""
        for look in range(LOOKS):
            try:
                expect(self.page.locator("body")).to_contain_text(words, timeout=ONE_LOOK)
            except AssertionError:
                if look == LOOKS - 1:
                    raise
                self.page.reload()
            else:
                return

    def follow(self, words: str, *, exact: bool = False) -> None:
        self.page.locator("main").get_by_role("link", name=words, exact=exact).first.click()

    def press(self, words: str, *, exact: bool = True) -> None:
        self.page.locator("main").get_by_role("button", name=words, exact=exact).first.click()

    def fill(self, **fields: str) -> None:
        """By the names of the fields; a choice is made by its value."""
        for name, value in fields.items():
            control = self.page.locator(f"main [name={name}]:not([type=hidden])")
            kind = control.first.evaluate("control => control.type")
            if kind == "radio":
                self.page.locator(f'main [name={name}][value="{value}"]').check(force=True)
            elif kind.startswith("select"):
                control.first.select_option(value)
            else:
                control.first.fill(value)

    def look(self, name: str, *, dark: bool = False) -> None:
        """Hold the page to the rules; ``dark`` in both colour schemes."""
        self.page.wait_for_load_state()  # Of a page that is just being left there is nothing to look at.
        self.counter[0] += 1
        picture = f"{self.size}-{self.counter[0]:02}-{name}"
        self.keeps_to_the_rules(picture)
        if dark:
            self.page.emulate_media(color_scheme="dark")
            self.keeps_to_the_rules(f"{picture}-dark", COLOURS)
            self.page.emulate_media(color_scheme="light")
        if self.also:
            here = self.page.viewport_size
            self.page.set_viewport_size(self.also)
            self.keeps_to_the_rules(f"{picture}-at-{self.also['width']}")
            self.page.set_viewport_size(here or self.also)

    def _photograph(self, picture: str) -> None:
        SCREENS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENS / f"{picture}.png", full_page=True)

    def keeps_to_the_rules(self, picture: str, rules: dict[str, Any] = ALL_RULES) -> None:
        """What breaks a rule is kept, so that one run tells of every page; the test fails at its end."""
        faults = []
        headings = self.page.locator("h1").all_inner_texts()
        if len(headings) != 1:
            faults.append(f"these main headings: {headings}")
        widths = self.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        if widths[0] > widths[1]:
            faults.append(f"{widths[0]} pixels of page in {widths[1]} of window")
        times = self.page.locator("main :not(.date) > time").all_inner_texts()  # But a stranger’s blog.
        faults += [f"a day that is written otherwise: {one}" for one in times if AMERICAN.search(one)]
        broken = self._broken(rules) if self.script else []  # It waits for promises, which no script keeps.
        faults += [f"{rule['id']}: {node['target']} {node['html'][:200]} {node['failureSummary']}"
                   for rule in broken for node in rule["nodes"]]
        faults += self.page.evaluate(OUT_OF_PLACE)
        self.complaints += [f"{picture}: {fault}" for fault in faults]
        if faults or EVERYTHING:
            self._photograph(picture)

    def _broken(self, rules: dict[str, Any]) -> list[dict[str, Any]]:
        """What axe finds against ``rules``; what it finds right stays in the browser, as telling it takes longest."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE_SCRIPT)
        return list(self.page.evaluate("rules => axe.run(rules).then(found => found.violations)", rules))
