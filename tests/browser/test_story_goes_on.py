"""What else happens to David and his friends: a second referrer, an appeal, a yes taken back, a ghost close, a no.

One play, after the main story's and on its product: whoever works at a desk sits at one.
"""
import re
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from tests.browser.window import SCREENS, Window

if TYPE_CHECKING:
    from tests.browser.conftest import Stage

SUN = "We are thinking about putting solar panels on it before next summer"
SHOEBOX = "I am looking for a bookkeeping tool that a small shop can live with"
CARLA = "I need a small car there by the first of March"
CARLAS_WORDS = (
    f"My brother David gives my car back on Sunday, and then I sell it: I move to San Diego for the new job. {CARLA}, "
    "nothing fancy, with an air conditioner that works.")
AT_HOME, AT_THE_SHOP = "david@brandt.example", "frames@brandt.example"


class Story:
    """Who is in it, and what day it is for them."""

    def __init__(self, stage: "Stage") -> None:
        self.stage = stage
        self.ana, self.ben, self.david, self.carla = (self._window("phone") for _ in range(4))
        self.mona, self.omar, self.wes, self.ines, self.tomas = (self._window("desk") for _ in range(5))

    def _window(self, size: str) -> Window:
        window = self.stage.window(size)
        window.size = f"more-{size}"
        return window

    def today(self) -> date:
        clock = self.stage.product.folder / "clock"
        moved = int(clock.read_text()) if clock.exists() else 0
        return (datetime.now(UTC) + timedelta(seconds=moved)).date()


def test_the_story_goes_on(stage: "Stage") -> None:
    for old in SCREENS.glob("more-*.png"):
        old.unlink()
    story = Story(stage)
    for window, name in ((story.ana, "ana"), (story.ben, "ben"), (story.mona, "mona"), (story.omar, "omar"),
                         (story.wes, "wes"), (story.ines, "ines"), (story.tomas, "tomas")):
        window.sign_in(f"{name}@example.com")

    roof = two_point_at_the_same_post(story)
    mona_says_it_is_one_buyer(story, roof)
    ana_shares_with_ben(story, roof)
    david_says_yes(story, roof, told_by="ana@example.com", email=AT_HOME)
    nothing_came_of_it_says_ines(story, roof)
    dispute = ana_says_they_sold(story, roof)
    ines_contests(story, dispute)
    david_is_witness(story)
    omar_rules_for_ana(story, dispute)
    both_are_paid_their_part(story, roof)

    books = mona_refuses_bens_lead(story)
    ben_appeals(story, books)
    omar_overturns(story, books)
    david_says_yes(story, books, told_by="ben@example.com", email=AT_THE_SHOP)
    david_takes_it_back(story, books)

    bounty = california_allows_thanks_alone(story)
    carla = ana_points_for_thanks(story, bounty)
    carla_says_no(story, carla)
    story.stage.no_cent_is_missing()


# ---- a second referrer ----------------------------------------------------------------------------------------------

def two_point_at_the_same_post(story: Story) -> str:
    """Ana is first. Ben is told at once that somebody was faster, and what he can do. Ana's lead."""
    roof = point(story.ana, "/dev/blog/thinking-about-solar", "Brightroof Solar", SUN,
                 why="His house is two streets from mine, and Brightroof did my roof.")
    story.ana.says_in_time("word for word")
    point(story.ben, "/dev/blog/thinking-about-solar", "Brightroof Solar", SUN, why="We cycle together on Sundays.")
    story.ben.says("Somebody was faster with this buyer")
    story.ben.says("Why it is a duplicate")
    story.ben.look("somebody-was-faster")
    return roof


def mona_says_it_is_one_buyer(story: Story, roof: str) -> None:
    mona = story.mona
    mona.open(roof)
    mona.says("One buyer, or two?")
    mona.says("Ben Adeyemi")
    mona.look("side-by-side", dark=True)
    mona.press("One buyer")
    mona.says("Kept: one buyer")
    accept(mona)


def ana_shares_with_ben(story: Story, roof: str) -> None:
    ana, ben = story.ana, story.ben
    ana.open(roof)
    ana.says("Somebody else pointed at your buyer too")
    ana.look("a-second-referrer")
    ana.fill(own_percent="60")
    ana.press("Offer the share")
    ben.open(story.stage.link_in_mail_to("ben@example.com", "share a reward", "/splits/"))
    ben.says("Do you agree to 40%?")
    ben.look("a-share-is-offered")
    ben.press("I agree")
    ben.says("You agreed")


# ---- a ghost close, won with the buyer as witness -------------------------------------------------------------------

def david_says_yes(story: Story, lead: str, *, told_by: str, email: str) -> None:
    david = story.david
    david.open(story.stage.link_in_mail_to(told_by, "pass the link on", id_of(lead)))
    david.fill(name="David Brandt", email=email, channel="email")
    david.press("Yes, introduce me")
    david.says("One step left")
    david.open(story.stage.link_in_mail_to(email, "confirm", "/buyer/confirm/"))
    david.press("Yes, introduce me")
    david.says("you are introduced")


def nothing_came_of_it_says_ines(story: Story, roof: str) -> None:
    ines = story.ines
    ines.open(roof)
    ines.press("Show how to reach them")
    ines.says(AT_HOME)
    ines.open(roof)
    ines.fill(stage="introduced")
    ines.press("Move")
    ines.open(roof)
    ines.fill(stage="lost", reason="They did not answer any more.")
    ines.press("Move")
    ines.says("The lead stands at: Lost")
    ines.look("lost-says-the-business")


def ana_says_they_sold(story: Story, roof: str) -> str:
    """The dispute's address."""
    ana = story.ana
    ana.open(roof)
    ana.says("They did not answer any more.")
    ana.look("nothing-came-of-it")
    ana.follow("Open a dispute")
    ana.says("Sold without saying so")
    ana.fill(amount="18000", happened_on=story.today().isoformat(),
             text="Brightroof's van stands in his drive, and there are eighteen panels on the roof.")
    ana.look("they-sold-it", dark=True)
    ana.press("Open the dispute")
    ana.says("Opened. The other side is told")
    return ana.page.url.split("?")[0]


def ines_contests(story: Story, dispute: str) -> None:
    ines, ana = story.ines, story.ana
    ines.open(dispute)
    ines.says("eighteen panels")
    ines.look("a-dispute-to-answer")
    ines.fill(text="Those panels were ordered by his neighbour. We have no order in his name.")
    ines.press("Contest it")
    ines.says("Sent. The other side reads it")
    ana.open(dispute)
    ana.says("ordered by his neighbour")
    ana.look("contested", dark=True)
    ana.press("Take it to an admin")
    ana.says("An admin decides now")


def david_is_witness(story: Story) -> None:
    david = story.david
    david.open(story.stage.link_in_mail_to(AT_HOME, "One question", "/witness/"))
    david.says("Did you buy from Brightroof Solar?")
    david.look("david-is-asked-as-witness", dark=True)
    david.fill(said="bought", bought_on=story.today().isoformat(), amount="19500", note="They were very quick.")
    david.press("Send my answer")
    david.says("our question about Brightroof Solar")
    david.says("“Yes, I bought from them.”")
    david.look("david-has-said-it")


def omar_rules_for_ana(story: Story, dispute: str) -> None:
    omar = story.omar
    omar.open("/admin/disputes")
    omar.says("Sold without saying so")
    omar.look("disputes-that-wait")
    omar.follow("Sold without saying so")
    omar.says("“Yes, I bought from them.”")
    assert omar.page.locator("main [name=amount]").input_value() == "19500.00"
    omar.look("ruling", dark=True)
    omar.fill(outcome="resolved_for_claimant", reason="The buyer says that they bought, when, and for how much.")
    omar.press("Rule")
    omar.says("Ruled. What follows from it is posted")
    story.ines.open(dispute)
    story.ines.says("The buyer says that they bought")
    story.ines.look("lost-to-the-witness")


def both_are_paid_their_part(story: Story, roof: str) -> None:
    story.ana.open(roof)
    story.ana.says("$300")
    story.ana.look("won-with-the-witness")
    story.ben.open("/rewards")
    story.ben.says("$200")
    story.ben.look("bens-part")


# ---- an appeal that overturns; a yes that is taken back --------------------------------------------------------------

def mona_refuses_bens_lead(story: Story) -> str:
    ben, mona = story.ben, story.mona
    books = point(ben, "/dev/blog/a-shoebox-of-receipts", "Northwind Books", SHOEBOX, why="I buy my frames from him.")
    ben.says_in_time("word for word")
    mona.open(books)
    mona.fill(missed_criterion="Looks for a tool, not for a job", reason_code="out_of_scope",
              note="He seems to look for somebody to do it for him.")
    mona.press("Reject")
    mona.says("Rejected")
    mona.look("rejected-and-told-to-nobody")
    mona.press("Tell them now")
    mona.says("told now")
    return books


def ben_appeals(story: Story, books: str) -> None:
    ben, mona = story.ben, story.mona
    ben.open(books)
    ben.says("Looks for a tool, not for a job")
    ben.look("why-it-was-refused")
    ben.fill(why="Read on: he asks for a tool that reads photographs of receipts. He wants no accountant.")
    ben.press("Appeal")
    ben.says("We look at it again")
    mona.open(books)
    mona.says("another admin decides the appeal")
    mona.look("not-for-her-to-decide")


def omar_overturns(story: Story, books: str) -> None:
    omar, ben = story.omar, story.ben
    omar.open("/moderation")
    omar.look("queue-with-an-appeal")
    omar.press("Next case")
    omar.says("He wants no accountant.")
    omar.look("an-appeal-to-decide")
    accept(omar)
    ben.open(books)
    ben.says("Pass the link on")


def david_takes_it_back(story: Story, books: str) -> None:
    david, tomas, ben = story.david, story.tomas, story.ben
    tomas.open(books)
    tomas.press("Show how to reach them")
    tomas.says(AT_THE_SHOP)
    tomas.open(books)
    tomas.fill(stage="introduced")
    tomas.press("Move")
    david.open(story.stage.link_in_mail_to("ben@example.com", "pass the link on", id_of(books)))
    david.says("You said yes")
    david.page.get_by_text("Take it back", exact=True).click()
    david.look("about-to-take-it-back")
    david.press("Yes, take it back")
    david.says("You took your yes back")
    david.look("taken-back")
    tomas.open(books)
    tomas.says("closed")
    assert AT_THE_SHOP not in tomas.page.content() and SHOEBOX not in tomas.page.content()
    tomas.look("closed-to-the-business")
    ben.open(books)
    ben.look("ben-reads-that-it-was-taken-back")


# ---- a California car bounty; a no ----------------------------------------------------------------------------------

def california_allows_thanks_alone(story: Story) -> str:
    """The bounty's address."""
    wes = story.wes
    wes.follow("Write a bounty")
    wes.fill(title="Someone who needs a car in San Diego", category="cars", place="San Diego, US", jurisdiction="US-CA",
             offer="Westside has a second yard now, in San Diego: small used cars, all with a warranty of two years.",
             criteria="Says that they need a car\nLives in or near San Diego", currency="usd", reward_kind="flat",
             reward="500")
    wes.look("a-bounty-is-written")
    wes.press("Save the draft")
    wes.says("This reward is not allowed there.")
    wes.look("california-says-no", dark=True)
    wes.press("Lower it to", exact=False)
    wes.says("It pays no money, so it needs no funds.")
    wes.look("lowered-to-thanks")
    wes.press("Publish")
    wes.says("It is live.")
    return wes.page.url.split("?")[0]


def ana_points_for_thanks(story: Story, bounty: str) -> str:
    ana, mona = story.ana, story.mona
    ana.open(bounty)
    ana.look("thanks-for-a-car")
    ana.follow("Point at a buyer")
    ana.page.get_by_text("No address, or one that asks to sign in?").click()
    ana.fill(quote=CARLA, text=CARLAS_WORDS, said_where="In our choir's group", said_on=story.today().isoformat(),
             acquaintance="friend", how_known="We sing together; she told all of us.", buyer_jurisdiction="US-CA")
    if ana.page.locator("[name=your_jurisdiction]").count():
        ana.fill(your_jurisdiction="US-CO")
    ana.look("pointing-by-text")
    ana.press("Point at this buyer")
    ana.page.wait_for_url(re.compile("/leads/lead_"))
    lead = ana.page.url.split("?")[0]
    mona.open(lead)
    mona.says_in_time("Which is missed?")
    mona.says(CARLA)
    mona.look("a-text-to-decide")
    accept(mona)
    return lead


def carla_says_no(story: Story, lead: str) -> None:
    carla, ana = story.carla, story.ana
    carla.open(story.stage.link_in_mail_to("ana@example.com", "pass the link on", id_of(lead)))
    carla.says("Would you like to be introduced?")
    carla.look("carla-is-asked")
    carla.press("No, thank you")
    carla.says("You said no")
    carla.look("carla-said-no")
    ana.open(lead)
    ana.says("said no")
    ana.look("ana-reads-the-no")
    story.wes.open(lead)
    assert CARLA not in story.wes.page.content()
    story.wes.look("wes-reads-the-no")


# ---- what everybody does --------------------------------------------------------------------------------------------

def point(window: Window, post: str, business: str, quote: str, *, why: str) -> str:
    """Through the match, as most people do. The lead's address."""
    window.open(post)
    address = window.page.url
    window.open(f"/bounties?url={address}")
    window.page.locator("main").get_by_role("link").filter(has_text=TITLES[business]).first.click()
    window.follow("Point at a buyer")
    window.fill(quote=quote, acquaintance="online", how_known=why)
    window.press("Point at this buyer")
    window.page.wait_for_url(re.compile("/leads/lead_"))
    return window.page.url.split("?")[0]


TITLES = {"Brightroof Solar": "Someone asking about solar for their house",
          "Northwind Books": "Shops that are tired of their bookkeeping"}


def accept(admin: Window) -> None:
    admin.press("Accept")
    admin.says("Accepted")
    admin.press("Tell them now")
    admin.says("told now")


def id_of(lead: str) -> str:
    return lead.rsplit("/", 1)[-1]
