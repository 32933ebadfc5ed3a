"""Signing in and pointing with the keyboard alone: the focus is always seen, and every step can be reached."""
import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.window import PASSWORD, Window

if TYPE_CHECKING:
    from tests.browser.conftest import Stage

FAR = 60  # Presses of Tab: no page of the story needs more.
FOCUS_IS_SEEN = """() => {
    // A ring may be drawn by the control itself or by the frame around it.
    const ring = (element) => { const style = getComputedStyle(element);
        return (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== "none"; };
    const focused = document.activeElement, label = focused.closest("label, .choice, .search, .affix");
    const box = focused.getBoundingClientRect();
    return box.width > 0 && (ring(focused) || (label !== null && ring(label)));
}"""


def test_ana_signs_in_and_points_without_a_mouse(stage: "Stage") -> None:
    ana = stage.window("desk")
    skip_to_content(ana, "/sign-in")
    tab_to(ana, "E-mail")
    ana.page.keyboard.type("ana@example.com")
    tab_to(ana, "Password")
    ana.page.keyboard.type(PASSWORD)
    ana.page.keyboard.press("Enter")
    ana.page.wait_for_url(re.compile("/dashboard/"))

    ana.open("/dev/blog/a-week-without-a-laptop")
    post = ana.page.url
    skip_to_content(ana, f"/bounties?url={post}")
    tab_to(ana, "Shops that are tired of their bookkeeping")
    ana.page.keyboard.press("Enter")
    ana.page.wait_for_url(re.compile("/bounties/bounty_"))
    tab_to(ana, "Point at a buyer")
    ana.page.keyboard.press("Enter")
    ana.page.wait_for_url(re.compile("/point"))
    tab_to(ana, "The sentence that shows it")
    ana.page.keyboard.type("I looked for a laptop.")
    tab_to(ana, "A friend")
    ana.page.keyboard.press("ArrowDown")
    expect(ana.page.get_by_role("radio", name="Family")).to_be_checked()
    tab_to(ana, "Why do you think they fit?")
    ana.page.keyboard.type("He keeps a small shop and says so.")
    tab_to(ana, "Point at this buyer")
    ana.page.keyboard.press("Enter")
    ana.page.wait_for_url(re.compile("/leads/lead_"))
    ana.says("Thank you. We have it")


def skip_to_content(window: Window, path: str) -> None:
    """The first stop of Tab leads past the navigation."""
    window.open(path)
    window.page.keyboard.press("Tab")
    skip = window.page.get_by_role("link", name="Skip to content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    window.page.keyboard.press("Enter")
    expect(window.page.locator("main")).to_be_focused()


def tab_to(window: Window, name: str) -> None:
    """Press Tab until the control of this name has the focus; on the way, each stop shows that it has it."""
    wanted = window.page.locator("main").get_by_role("link", name=name, exact=True)
    wanted = wanted.or_(window.page.get_by_label(name, exact=False)).or_(window.page.get_by_role("button", name=name))
    for _ in range(FAR):
        window.page.keyboard.press("Tab")
        where = window.page.evaluate("document.activeElement.outerHTML.slice(0, 120)")
        assert window.page.evaluate(FOCUS_IS_SEEN), f"nobody sees that this has the focus: {where}"
        if any(found.evaluate("element => element === document.activeElement") for found in wanted.all()):
            return
    raise AssertionError(f"{name!r} is not reached by Tab on {window.page.url}")
