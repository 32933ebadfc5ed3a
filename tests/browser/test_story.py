"""David's story as its four people live it, two on phones and two at desks, against the running product.

Each page is looked at in the other size as well.
"""
import re
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from tests.browser.window import SCREENS, Window

if TYPE_CHECKING:
    from tests.browser.conftest import Stage

QUOTE = "I'm in the market for a car, a used station wagon or a small SUV"
DAY = 86_400  # seconds


class Story:
    """Who is in it, and what day it is for them."""

    def __init__(self, stage: "Stage") -> None:
        self.stage = stage
        self.days_on = 0
        self.ana, self.david = (stage.window("phone", also="desk") for _ in range(2))
        self.wes, self.mona = (stage.window("desk", also="phone") for _ in range(2))

    def today(self) -> date:
        return (datetime.now(UTC) + timedelta(days=self.days_on)).date()

    def days_pass(self, days: int) -> None:
        self.days_on += days
        self.stage.product.move_clock(days * DAY)


def test_david_is_introduced_and_ana_is_paid(stage: "Stage") -> None:
    for old in (*SCREENS.glob("phone-*.png"), *SCREENS.glob("desk-*.png")):
        old.unlink()
    story = Story(stage)
    look_around(story.david)
    story.ana.sign_in("ana@example.com", picture="sign-in")
    lead = point_at_david(story)
    moderate(story, lead)
    ask_ana_to_pass_on(story, lead)
    say_yes(story, lead)
    sell(story, lead)
    set_up_payouts(story, lead)
    pay_ana(story, lead)
    give_back(story, lead)
    look_back(story, lead)


def look_around(window: Window) -> None:
    """A stranger reads what this is."""
    window.open("/")
    window.look("front-page", dark=True)
    window.open("/how-it-works")
    window.look("how-it-works")
    window.open("/fairness")
    window.look("fairness")


def point_at_david(story: Story) -> str:
    """The lead's address."""
    ana = story.ana
    ana.look("ana-dashboard-at-first")
    ana.open("/dev/blog/in-the-market-for-a-car")
    ana.says(QUOTE)
    ana.look("davids-post")
    post = ana.page.url
    ana.open("/dashboard/referrer")
    ana.fill(post=post)
    ana.press("Find")
    ana.says("They want a car, and Westside Auto offers that.")
    ana.look("match", dark=True)
    ana.follow("Point us at someone who is buying a car")
    ana.fill(sale="30000")
    ana.press("Work it out")
    ana.says("$1,000")
    ana.look("bounty-what-would-i-earn", dark=True)
    ana.follow("Point at a buyer")
    assert ana.page.locator("[name=url]").input_value() == post
    ana.fill(quote=QUOTE, acquaintance="online",
             how_known="I have read his blog for years, and I bought my own car at Westside.")
    if ana.page.locator("[name=your_jurisdiction]").count():  # Asked once; another story on this product may be first.
        ana.fill(your_jurisdiction="US-CO")
    ana.look("pointing", dark=True)
    ana.press("Point at this buyer")
    ana.page.wait_for_url(re.compile("/leads/lead_"))
    ana.says_in_time("word for word")
    ana.says("A moderator decides")
    ana.look("ana-lead-in-review")
    return ana.page.url.split("?")[0]


def moderate(story: Story, lead: str) -> None:
    mona = story.mona
    mona.sign_in("mona@example.com")
    mona.says("Point us at someone who is buying a car")
    mona.look("mona-dashboard")
    mona.open("/moderation")
    mona.look("mona-queue")
    mona.open(lead)
    mona.says(QUOTE)
    mona.says("word for word")
    mona.look("mona-lead-to-decide", dark=True)
    mona.press("Accept")
    mona.says("Accepted")
    mona.look("mona-lead-accepted")
    mona.press("Tell them now")


def ask_ana_to_pass_on(story: Story, lead: str) -> None:
    wes, ana = story.wes, story.ana
    wes.sign_in("wes@example.com")
    wes.look("wes-dashboard-before-the-yes")
    wes.open(lead)
    wes.says("Who is it?")
    assert QUOTE not in wes.page.content(), "the business reads the evidence before the buyer said yes"
    wes.look("wes-lead-before-the-yes")
    ana.open(lead)
    ana.says("Pass the link on")
    ana.look("ana-lead-pass-the-link-on")


def say_yes(story: Story, lead: str) -> None:
    david, wes = story.david, story.wes
    link = story.stage.link_in_mail_to("ana@example.com", "pass the link on", "/buyer/")
    david.open(link)
    for words in ("Ana Flores", "Westside Auto", "$1,000", QUOTE):
        david.says(words)
    david.look("david-is-asked", dark=True)
    david.fill(name="David Brandt", email="david@example.net", channel="email", note="Mornings are best.",
               until=(story.today() + timedelta(days=12)).isoformat())
    david.press("Yes, introduce me")
    david.says("One step left")
    david.look("david-has-a-mail-to-open")
    confirm = story.stage.link_in_mail_to("david@example.net", "confirm", "/buyer/confirm/")
    david.open("/dev/mail")
    david.look("mails")
    david.page.get_by_role("link", name="Please confirm that this is you").first.click()
    david.says("Only when you confirm")
    david.look("davids-mail")
    wes.open(lead)
    assert QUOTE not in wes.page.content(), "a yes counted before it was confirmed"
    david.open(confirm)
    david.look("david-confirms")
    david.press("Yes, introduce me")
    david.says("you are introduced")
    david.look("david-is-introduced")
    david.open(link)
    david.says("You said yes")
    david.look("davids-receipt")


def sell(story: Story, lead: str) -> None:
    wes = story.wes
    wes.open("/dashboard")
    wes.says("waits to hear from you")
    wes.look("wes-dashboard-after-the-yes", dark=True)
    wes.open(lead)
    wes.says(QUOTE)
    wes.look("wes-lead-after-the-yes")
    wes.press("Show how to reach them")
    wes.says("david@example.net")
    wes.look("davids-contact")
    for stage, name in (("introduced", "In touch"), ("meeting", "Meeting")):
        wes.open(lead)
        wes.fill(stage=stage)
        wes.press("Move")
        wes.says(f"The lead stands at: {name}")
    wes.look("wes-lead-meeting")
    story.days_pass(5)
    wes.open(lead)
    wes.fill(amount="30000.00", occurred_on=story.today().isoformat(), order_number="W-2041")
    wes.press("Show the reward first")
    wes.says("What this sale would make")
    wes.look("wes-sale-preview")
    wes.press("Record the sale")
    wes.says("Sold, for $30,000")
    wes.look("wes-lead-sold")


def set_up_payouts(story: Story, lead: str) -> None:
    ana = story.ana
    ana.open(lead)
    ana.says("return period")
    ana.look("ana-lead-sold")
    ana.open("/dashboard/referrer")
    ana.says("Set up with Stripe")
    ana.look("ana-dashboard-held", dark=True)
    ana.follow("Set up with Stripe")
    ana.fill(country="US")
    ana.look("payouts-country")
    ana.press("On to Stripe")
    ana.says("Stripe sandbox")
    ana.look("stripe-onboarding")
    ana.press("Submit details")
    ana.page.wait_for_url(re.compile(re.escape(story.stage.product.site) + "/payouts"))
    ana.says_in_time("You are set up")
    ana.look("payouts-ready", dark=True)


def pay_ana(story: Story, lead: str) -> None:
    ana = story.ana
    story.days_pass(31)
    ana.open(lead)
    ana.says_in_time("the reward is paid")
    ana.look("ana-lead-paid", dark=True)
    ana.open("/payouts")
    ana.says("$1,000")
    ana.look("payouts-sent")
    ana.press("My pages at Stripe")
    ana.says("What you received")
    ana.look("ana-at-stripe")


def give_back(story: Story, lead: str) -> None:
    wes, ana = story.wes, story.ana
    story.days_pass(2)
    wes.open(lead)
    wes.fill(amount="1000.00", refund_number="R-1")
    wes.press("Show what is taken back")
    wes.says("What this refund would take back")
    wes.look("wes-refund-preview")
    wes.press("Record the refund")
    wes.says("Refunded. $33.33")
    wes.look("wes-lead-refunded")
    ana.open(lead)
    ana.says_in_time("Part of the reward was taken back")
    ana.says("$966.67")
    ana.look("ana-lead-clawed-back")
    ana.open("/payouts")
    ana.says_in_time("Partly taken back")
    ana.look("payouts-after-the-refund")


def look_back(story: Story, lead: str) -> None:
    """Everyone can see, in the end, what happened."""
    ana, wes, mona = story.ana, story.wes, story.mona
    pictures: list[tuple[Window, str, str, str]] = [
        (ana, "/dashboard/referrer", "$966.67", "ana-dashboard-in-the-end"),
        (ana, "/leads", "Westside Auto", "ana-leads-in-the-end"),
        (wes, "/dashboard", "Sold", "wes-dashboard-in-the-end"),
        (mona, lead, "$966.67", "mona-lead-in-the-end"),
        (mona, "/dashboard/admin", "Sound", "mona-dashboard-in-the-end"),
        (mona, "/admin/ledger", "Balance", "ledger-in-the-end"),
    ]
    for window, path, words, name in pictures:
        window.open(path)
        window.says_in_time(words)
        window.look(name)
    story.stage.no_cent_is_missing()
