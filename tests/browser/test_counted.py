"""Ana's link on her phone, a visitor who follows it, a sale that the business records, and the reward that follows."""
import re

from tests.browser.conftest import Stage

TITLE = "Shops that are tired of their bookkeeping"


def test_from_a_link_to_a_reward(stage: Stage) -> None:
    ana, visitor, tomas = stage.window("phone"), stage.window("phone"), stage.window("desk")
    ana.sign_in("ana@example.com")
    ana.open("/bounties")
    ana.follow(TITLE)
    ana.follow("Your link", exact=True)
    ana.press("Get my link")
    ana.says("Say it openly")
    ana.look("her-link", dark=True)
    code, spoken = re.search(r"/r/\w{8}", ana.page.content()), ana.page.locator(".spoken").inner_text()
    assert code is not None

    visitor.open(code[0])
    visitor.says("Ana sends you")
    visitor.says(spoken)
    visitor.look("who-sent-them")

    tomas.sign_in("tomas@example.com")
    tomas.open(tomas.page.locator("a[href^='/businesses/biz_'][href$='/leads']").first.get_attribute("href") or "")
    tomas.follow("Conversions")
    tomas.look("nothing-reported")
    tomas.follow("Report the first one")
    tomas.fill(external_id="N-1", amount="1,200.00", code=spoken.lower(), customer="K-7")
    tomas.press("Report it")
    tomas.says("Counted. It earns $145.")
    tomas.look("why", dark=True)
    tomas.follow("Conversions")
    tomas.look("conversions")

    ana.open("/leads")
    ana.says("The reward waits out the return period")
    ana.look("her-reward")
    ana.follow("My links")
    ana.look("her-links")
