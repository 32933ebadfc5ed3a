"""A post becomes a choice of businesses: read on the blog, pasted in the box, pointed at; on a phone and at a desk."""
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.browser.conftest import Stage

POST = "/dev/blog/in-the-market-for-a-car"
NEED = "So here it is in writing. I'm in the market for a car"


@pytest.mark.parametrize("size", ["phone", "desk"])
def test_a_pasted_link_shows_who_fits_and_leads_to_pointing(stage: "Stage", size: str) -> None:
    ana = stage.window(size)
    ana.open("/")
    ana.look("match-landing")
    ana.open(POST)
    post = ana.page.url
    ana.open("/")
    ana.fill(post=post)
    ana.press("Find")
    for words in ("Westside Auto offers that", "Denver is the bounty's place", "up to $24,000", "three weeks", "$1,000"):
        ana.says(words)
    ana.look("match", dark=True)
    ana.press("Point Westside Auto at them")
    ana.says("Sign in")
    ana.fill(email="ana@example.com", password="point-at-a-buyer")
    ana.press("Sign in")
    ana.says("Point Westside Auto at a buyer")
    assert ana.page.input_value("[name=url]") == post
    assert ana.page.input_value("[name=quote]").startswith("I'm in the market for a car")

    ana.open("/match")
    ana.fill(post="We are thinking about solar panels for our house in Austin. Who did yours?")
    ana.press("Find what fits")
    ana.says("Brightroof Solar offers that")
    ana.press("Point Brightroof Solar at them")
    ana.says("Point Brightroof Solar at a buyer")
    assert "solar panels" in ana.page.input_value("[name=text]")

    ana.open("/match")
    ana.fill(post="Just sold my car. No more oil stains on the drive.")
    ana.press("Find what fits")
    ana.says("No sentence in it says that they look for something.")
    ana.look("match-nothing", dark=True)
