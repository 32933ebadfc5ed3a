"""The core of the story in a browser that runs no script: sign in, point, accept, say yes."""
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.browser.conftest import Stage

POST = "/dev/blog/thinking-about-solar"
QUOTE = "solar"


def test_pointing_accepting_and_the_buyers_yes_need_no_script(stage: "Stage") -> None:
    ana, mona, david = (stage.window("phone", script=False) for _ in range(3))
    ana.sign_in("ana@example.com")
    ana.open(POST)
    post, quote = ana.page.url, first_sentence_with(QUOTE, ana.page.locator("article").inner_text())
    ana.open(f"/bounties?url={post}")
    ana.follow("Someone asking about solar for their house")
    ana.follow("Point at a buyer")
    ana.fill(quote=quote, acquaintance="online", how_known="I have read his blog for years.")
    ana.press("Point at this buyer")
    ana.says_in_time("word for word")
    lead = ana.page.url.split("?")[0]
    ana.keeps_to_the_rules("without script: the lead")

    mona.sign_in("mona@example.com")
    mona.open(lead)
    mona.says(quote)
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


def first_sentence_with(word: str, text: str) -> str:
    return next(sentence for sentence in re.split(r"(?<=[.!?])\s+", text) if word in sentence and len(sentence) > 30)
