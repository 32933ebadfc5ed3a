"""The core of the story in a browser that runs no script: sign in, point, accept, say yes."""
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.browser.conftest import Stage

TOLD = "We would like to have solar panels on our house in Austin before the summer. Whom should we ask?"  # No post of the stories'.


def test_pointing_accepting_and_the_buyers_yes_need_no_script(stage: "Stage") -> None:
    ana, mona, david = (stage.window("phone", script=False) for _ in range(3))
    ana.sign_in("ana@example.com")
    ana.open("/bounties")
    ana.follow("Someone asking about solar for their house")
    ana.follow("Point at a buyer")
    ana.page.get_by_text("No address, or one that asks to sign in?").click()
    ana.fill(text=TOLD, quote=TOLD, acquaintance="online", how_known="I have read his blog for years.")
    ana.press("Point at this buyer")
    ana.says(TOLD)
    lead = ana.page.url.split("?")[0]
    ana.keeps_to_the_rules("without script: the lead")

    mona.sign_in("mona@example.com")
    mona.open(lead)
    mona.says(TOLD)
    mona.press("Accept")
    mona.says("Accepted")
    mona.keeps_to_the_rules("without script: the case")
    mona.press("Tell them now")

    david.open(stage.link_in_mail_to("ana@example.com", "pass the link on", lead.rsplit("/", 1)[-1]))
    david.says("Brightroof Solar")
    david.keeps_to_the_rules("without script: the buyer's page")
    david.fill(name="David Brandt", email="david.brandt@example.net", channel="email")
    david.press("Yes, introduce me")
    david.says("One step left")
    david.open(stage.link_in_mail_to("david.brandt@example.net", "confirm", "/buyer/confirm/"))
    david.press("Yes, introduce me")
    david.says("you are introduced")

    ana.open(lead)
    ana.says("Buyer said yes")
