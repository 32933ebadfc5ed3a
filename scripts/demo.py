"""`make demo`: David's story over HTTP against separate processes, told step by step, checked to the cent.

Site, worker and Stripe sandbox run in a temporary folder. Exit 1 if a step or a cent differs from the story.
``--sabotage`` puts one cent into the sandbox that the ledger knows nothing of, to show that the end notices.
"""
import re
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import requests
from demo_counts import counted
from demo_goes_on import goes_on, second_referrer
from processes import Stopped, free_port, started
from telling import Story, check, join, link_in, run_flask
from visitor import Page, Unexpected

# ---- the chapters ------------------------------------------------------------------------------------------------

def open_the_shop(story: Story) -> str:
    """Wes founds Westside Auto, writes a bounty, funds it and publishes it. The bounty's path."""
    join(story, story.wes, "Wes Park", "wes@westside.example")
    page = story.wes.send("/businesses/new", "/businesses/new", name="Westside Auto", place="Denver, US",
                          about="A family dealership that calls you back.")
    business_id = re.search(r"biz_\w+", page.address + page.body)
    check(business_id is not None, "the new business has no page")
    story.tell("Wes joins, confirms his address and founds Westside Auto.")
    new = f"/businesses/{business_id[0]}/bounties/new"  # type: ignore[index]
    page = story.wes.send(
        new, new, title="Point us at someone who is buying a car",
        offer="We sell new and used cars in and around Denver, and we call back.", category="cars",
        place="Denver, US", jurisdiction="US-CO", currency="usd", reward_kind="flat", reward="1000", hold_days="30",
        criteria="Says that they want to buy a car\nLives within an hour of Denver")
    found = re.search(r"bounty_\w+", page.address)
    check(found is not None, f"the new bounty has no page: {page.address}")
    bounty = f"/bounties/{found[0]}"  # type: ignore[index]
    story.tell("He posts a bounty: $1,000 for a buyer who ends up buying.")
    refused = story.wes.press(story.wes.open(bounty), f"{bounty}/publication", expect=409)
    check("needs funds" in refused.text, "an unfunded bounty was published")
    story.tell("It cannot be published yet: no reward without funds for it.")
    checkout = story.wes.send(f"{bounty}/funding", "/funding", amount="2100")
    check(checkout.address.startswith(story.product.sandbox or "?"), f"funding led to {checkout.address}")
    story.wes.send(checkout, story.product.sandbox or "?", button="Pay")
    story.until_page_says(story.wes, bounty, "$2,100")
    story.tell("He pays in $2,100 by card (Stripe Checkout): two rewards and our fee of 5%.")
    story.wes.send(bounty, "/publication")
    story.tell("The bounty is live, and funded for everyone to see.")
    return bounty


def point(story: Story, bounty: str) -> str:
    """Ana reads David's blog and points. The lead's path."""
    join(story, story.ana, "Ana Flores", "ana@flores.example")
    blog = story.ana.open("/dev/blog/")
    post = blog.link("car")
    quote = first_sentence_about_a_car(story.ana.open(post))
    story.tell(f"David writes on his blog: “{quote}”")
    form = story.ana.open(f"{bounty}/point?url={post}")
    page = story.ana.send(form, "/point", url=post, quote=quote, acquaintance="online", buyer_name="David",
                          your_jurisdiction="US-CO",
                          how_known="I have read his blog for years, and I bought my own car at Westside.")
    found = re.search(r"lead_\w+", page.address)
    check(found is not None, f"pointing led to {page.address}: {page.text[:300]}")
    story.tell("Ana, who bought her own car at Westside, points Westside at David.")
    return f"/leads/{found[0]}"  # type: ignore[index]


def first_sentence_about_a_car(page: Page) -> str:
    for sentence in re.split(r"(?<=[.!?])\s+", " ".join(page.tree.xpath("//article//p//text()")) or page.text):
        words = " ".join(sentence.split())
        if "car" in words and 20 < len(words) < 300:
            return words
    raise Unexpected("David's post says nothing about a car")


def moderate(story: Story, lead: str) -> None:
    join(story, story.mona, "Mona Lind", "mona@fingerpost.example")
    run_flask(story, "make-admin", "mona@fingerpost.example")
    page = story.until_page_says(story.mona, lead, "word for word")
    check("David" in page.text or "blog" in page.text, "the moderator does not see the evidence")
    check("One buyer, or two?" in page.text, "the moderator does not see Ben's lead beside it")
    page = story.mona.send(page, "/ruling", is_same="true")
    page = story.mona.send(page, "/ruling/now")
    story.tell("Mona, a moderator, sees both leads side by side: one buyer, and Ana's because she was first.")
    page = story.mona.send(page, "/acceptance")
    check("Undo" in page.text, "the moderator cannot undo what was told to nobody")
    story.mona.send(page, "/telling")
    story.tell("She sees the post with the quote in it, and accepts; $1,050 is reserved.")
    seen = story.wes.open(lead).text
    check("/dev/blog/" not in seen and "blog for years" not in seen, "the business sees the evidence before the yes")
    story.tell("Wes sees that a lead is coming, but not who: David has not been asked yet.")


def say_yes(story: Story, lead: str) -> None:
    link = link_in(story.mail_to("ana@flores.example", "pass the link on"), "/buyer/")
    page = story.david.open(link)
    for words in ("Ana Flores", "Westside Auto", "$1,000"):
        check(words in page.text, f"David's page does not say {words!r}")
    story.tell("Ana passes the private link on. David reads who pointed, to whom, why, and that she would be paid.")
    until = story.day + timedelta(days=12)
    story.david.send(page, "/yes", name="David Reyes", email="david@reyes.example", channel="email",
                     until=until.isoformat(), note="Mornings are best.")
    confirm = link_in(story.mail_to("david@reyes.example", "confirm"), "/buyer/confirm/")
    story.david.send(confirm, "/buyer/confirm/")
    again = story.david.send(page, "/yes", expect=409, name="David Reyes", email="david@reyes.example",
                             channel="email", until=until.isoformat())
    check("already" in again.text, "a second click on the link was not told that it is answered")
    story.tell(f"David says yes: introduce me, by e-mail, until {until:%A, %-d %B}. He confirms that it is him.")
    story.until_page_says(story.wes, lead, "said yes")
    opened = story.wes.send(lead, "/contact")
    check("david@reyes.example" in opened.text, "Wes does not see the address that David allowed")
    story.tell("Now, and only now, Wes sees David's address.")


def sell(story: Story, lead: str) -> None:
    for stage in ("introduced", "qualified", "meeting"):
        story.wes.send(lead, "/stage", stage=stage)
    story.wait_days(5)
    page = story.wes.send(lead, "/sale", amount="30000.00", currency="usd", occurred_on=story.day.isoformat(),
                          order_number="W-2041")
    check("$1,000" in page.text, "the sale made no reward of $1,000")
    story.wes.send(page, "/stage", expect=409, stage="negotiation") if has_form(page, "/stage") else None
    story.tell("Westside sells David a car for $30,000 and records the sale: Ana's $1,000 is held.")


def has_form(page: Page, action: str) -> bool:
    return any(action in (form.get("action") or "") for form in page.tree.forms)


def get_paid(story: Story, lead: str) -> None:
    at_stripe = story.ana.send("/payouts", "/payouts", country="US")
    check(at_stripe.address.startswith(story.product.sandbox or "?"), f"get paid led to {at_stripe.address}")
    story.ana.send(at_stripe, story.product.sandbox or "?", button="Submit details")
    story.until_page_says(story.ana, "/payouts", "You are set up")
    story.tell("Ana opens her Stripe account for payouts (Stripe asks the questions, not we).")
    story.wait_days(31)
    story.until_page_says(story.ana, lead, "Reward paid")
    story.tell("The return period ends: the $1,000 is released and transferred to her Stripe account.")


def give_back(story: Story, lead: str) -> None:
    story.wait_days(2)
    page = story.wes.send(lead, "/refund", amount="1000.00", currency="usd", refund_number="R-1")
    check("$33.33" in page.text, "the clawback is not $33.33")
    story.until_page_says(story.ana, lead, "taken back")
    story.tell("David returns a $1,000 accessory package: $33.33 of the reward, the part that it earned, "
               "is taken back; the odd third of a cent stays with Ana.")


# ---- the end: to the cent ----------------------------------------------------------------------------------------

def settle_up(story: Story) -> None:
    story.until(lambda: "idle" if "no job is dead, 0 due" in run_flask(story, "doctor") else None, "all due jobs")
    print()
    print(run_flask(story, "trial-balance"))
    print()
    print(run_flask(story, "reconcile"))
    balances = requests.get(f"{story.product.sandbox}/_sandbox/balances", timeout=20).json()
    print("\nThe sandbox says of itself:", balances.get("platform", balances))


def main(arguments: list[str]) -> int:
    with tempfile.TemporaryDirectory(prefix="fingerpost-demo-") as folder:
        lines: list[str] = []
        try:
            with started(Path(folder), free_port(), say=lines.append, seed=False) as product:
                tell_all(Story(product), sabotage="--sabotage" in arguments)
        except (Unexpected, Stopped, requests.RequestException) as error:
            print("\n".join(["", "The last words of the processes:", *lines[-25:]]), file=sys.stderr)
            print(f"\nThe story broke: {error}", file=sys.stderr)
            return 1
    print("\nThe story holds: trial balance 0, ledger = Stripe to the cent.")
    return 0


def tell_all(story: Story, *, sabotage: bool) -> None:
    bounty = open_the_shop(story)
    lead = point(story, bounty)
    second_referrer(story, bounty, lead)
    moderate(story, lead)
    say_yes(story, lead)
    sell(story, lead)
    get_paid(story, lead)
    give_back(story, lead)
    goes_on(story, bounty)
    counted(story, bounty)
    if sabotage:
        requests.post(f"{story.product.sandbox}/_sandbox/balances", json={"amount": 1, "currency": "usd"}, timeout=20)
        story.tell("(Sabotage: one cent lands at Stripe that the ledger knows nothing of.)")
    settle_up(story)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))


