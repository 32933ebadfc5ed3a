"""The story goes on: a second referrer, an appeal, a ghost close, California, a yes taken back, a no."""
import re

from telling import Story, check, join, link_in, run_flask
from visitor import Page, Visitor

BEN, ANA = "ben@adeyemi.example", "ana@flores.example"


def second_referrer(story: Story, bounty: str, lead: str) -> None:
    """Ben points at the post that Ana has pointed at."""
    join(story, story.ben, "Ben Adeyemi", BEN)
    post = story.ana.open(lead).link("/dev/blog/")
    quote = story.ana.open(lead).tree.xpath("string(//mark)")
    page = story.ben.send(f"{bounty}/point?url={post}", "/point", url=post, quote=quote, acquaintance="friend",
                          your_jurisdiction="US-CO", how_known="We cycle together on Sundays.")
    check("Somebody was faster" in page.text, f"the second referrer reads: {page.text[:300]}")
    story.tell("Ben points at the same post. He reads at once that somebody was faster, and what he can do.")


def goes_on(story: Story, bounty: str) -> None:
    lead = an_appeal_overturns(story, bounty)
    a_ghost_close_is_won(story, lead)
    california = lowered_to_thanks(story, bounty)
    a_yes_is_taken_back(story, california)
    a_buyer_says_no(story, california)


# ---- an appeal; a ghost close ---------------------------------------------------------------------------------------

def an_appeal_overturns(story: Story, bounty: str) -> str:
    lead = point_by_text(story, story.ben, bounty, "I need a van by spring",
                         "My cousin Rosa: “I need a van by spring, for the flower stall in Denver.”")
    page = story.until_page_says(story.mona, lead, "Accept")
    story.mona.send(story.mona.send(page, "/rejection", reason_code="out_of_scope",
                                    missed_criterion="Says that they want to buy a car"), "/telling")
    page = story.ben.open(lead)
    check("Says that they want to buy a car" in page.text, "the refusal does not quote the criterion that was missed")
    story.tell("Ben points at his cousin Rosa, who needs a van. Mona refuses: a van is no car, she says.")
    story.ben.send(page, "/appeal", why="Westside sells vans too, and a van has four wheels and a plate.")
    check("another admin decides the appeal" in story.mona.open(lead).text, "whoever refused may decide the appeal")
    join(story, story.omar, "Omar Said", "omar@fingerpost.example")
    run_flask(story, "make-admin", "omar@fingerpost.example")
    accept(story, story.omar, lead)
    story.tell("Ben appeals. Mona may not decide that; Omar, another moderator, does, and accepts.")
    return lead


def a_ghost_close_is_won(story: Story, lead: str) -> None:
    say_yes(story, story.rosa, lead, told_by=BEN, name="Rosa Adeyemi", address="rosa@adeyemi.example")
    story.until_page_says(story.wes, lead, "said yes")
    story.wes.send(lead, "/contact")
    story.wes.send(lead, "/stage", stage="introduced")
    story.wes.send(lead, "/stage", stage="lost", reason="She did not answer any more.")
    story.tell("Rosa says yes. Then Wes writes that nothing came of it.")
    page = story.ben.send(f"{lead}/disputes/new", "/disputes/new", amount="21000", happened_on=story.day.isoformat(),
                          text="She drives a van with a frame of Westside Auto around its plate.")
    dispute = "/disputes/" + re.findall(r"dispute_\w+", page.address)[0]
    story.wes.send(dispute, "/objection", text="Those frames we give away at the fair. We have no order of hers.")
    story.tell("Ben says that they sold her a van, and opens a dispute; $1,050 is set aside. Wes contests it.")
    story.ben.send(dispute, "/escalation")
    link = link_in(story.mail_to("rosa@adeyemi.example", "one question"), "/witness/")
    said = story.rosa.send(link, "/witness/", said="bought", bought_on=story.day.isoformat(), amount="22000")
    check("“Yes, I bought from them.”" in said.text, f"the witness reads: {said.text[:300]}")
    page = story.omar.send(f"/admin{dispute}", "/ruling", outcome="resolved_for_claimant",
                           reason="The buyer says that she bought, when, and for how much.")
    check("$22,000" in page.text, "the ruling did not find the sale as the buyer said")
    won = story.ben.open(lead).text
    check("$1,000" in won and "return period" in won, f"the ghost close earned nothing: {won[:300]}")
    story.tell("Rosa is asked, once, and says that she bought, for $22,000. Omar rules for Ben: his $1,000 is held.")


# ---- California; a yes taken back; a no ------------------------------------------------------------------------------

def lowered_to_thanks(story: Story, bounty: str) -> str:
    """The bounty's path."""
    business_id = re.findall(r"biz_\w+", story.wes.open(bounty).body)[0]
    new = f"/businesses/{business_id}/bounties/new"
    page = story.wes.send(
        new, new, title="Someone who needs a car in San Diego", offer="We have a second yard now, in San Diego.",
        category="cars", place="San Diego, US", jurisdiction="US-CA", currency="usd", reward_kind="flat", reward="500",
        criteria="Says that they need a car")
    california = "/bounties/" + re.findall(r"bounty_\w+", page.address)[0]
    check("This reward is not allowed there" in page.text, "money for a car's buyer is let through in California")
    story.wes.press(page, f"{california}/publication", expect=409)
    page = story.wes.send(story.wes.send(page, "/lowering"), "/publication")
    check("It is live" in page.text and "thank-you" in page.text.lower(), f"lowered to: {page.text[:300]}")
    story.tell("Wes promises $500 for car buyers in San Diego. California's law forbids that: "
               "he lowers it to a thank-you.")
    return california


def a_yes_is_taken_back(story: Story, bounty: str) -> None:
    lead = point_by_text(story, story.ben, bounty, "I need a small car",
                         "Theo in San Diego says: “I need a small car.” He asked in our cycling group.")
    accept(story, story.mona, lead)
    link = say_yes(story, story.theo, lead, told_by=BEN, name="Theo Wirth", address="theo@wirth.example")
    story.until_page_says(story.wes, lead, "said yes")
    opened = story.wes.send(lead, "/contact").text
    check("theo@wirth.example" in opened, "Wes does not see the address that Theo allowed")
    story.wes.send(lead, "/stage", stage="introduced")
    story.theo.send(link, "/withdrawal")
    check("theo@wirth.example" not in story.wes.open(lead).text, "the address is still open to Wes")
    story.wes.press(story.wes.open(lead), f"{lead}/contact", expect=409)
    story.tell("Theo says yes, is introduced, and takes it back: from that moment Wes sees no address any more.")


def a_buyer_says_no(story: Story, bounty: str) -> None:
    lead = point_by_text(story, story.ana, bounty, "I need a car there by March",
                         "Carla, David's sister: “I move to San Diego, and I need a car there by March.”")
    accept(story, story.mona, lead)
    page = story.carla.open(private_link(story, lead, told_by=ANA))
    check("no money" in page.text, "Carla does not read that Ana would get no money")
    story.carla.send(page, "/no")
    check("said no" in story.ana.open(lead).text, "Ana is not told of the no")
    story.tell("Carla, David's sister, says no, thank you. Nobody was given anything about her.")


# ---- what happens each time ------------------------------------------------------------------------------------------

def point_by_text(story: Story, who: Visitor, bounty: str, quote: str, text: str) -> str:
    """Where there is no address of a post. The lead's path."""
    page = who.send(f"{bounty}/point", "/point", quote=quote, text=text, said_on=story.day.isoformat(),
                    acquaintance="friend", how_known="They told me so themselves.")
    found = re.search(r"lead_\w+", page.address)
    check(found is not None, f"pointing led to {page.address}: {page.text[:300]}")
    return f"/leads/{found[0]}"  # type: ignore[index]


def accept(story: Story, admin: Visitor, lead: str) -> None:
    page = story.until_page_says(admin, lead, "Accept")
    admin.send(admin.send(page, "/acceptance"), "/telling")


def private_link(story: Story, lead: str, *, told_by: str) -> str:
    lead_id = lead.rsplit("/", 1)[-1]
    return link_in(story.mail_to(told_by, "pass the link on", lead_id), "/buyer/")


def say_yes(story: Story, buyer: Visitor, lead: str, *, told_by: str, name: str, address: str) -> str:
    """Confirmed by mail. The private link."""
    link = private_link(story, lead, told_by=told_by)
    buyer.send(link, "/yes", name=name, email=address, channel="email")
    confirmed: Page = buyer.send(link_in(story.mail_to(address, "confirm"), "/buyer/confirm/"), "/buyer/confirm/")
    check("introduced" in confirmed.text, f"the yes is not confirmed: {confirmed.text[:300]}")
    return link
