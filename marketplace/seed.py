"""Demo data: a few people and businesses, bounties funded through the Stripe sandbox. Made once."""
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import current_app
from sqlalchemy import select

from marketplace.bounties.drafting import draft_bounty
from marketplace.bounties.models import Bounty, BountyState, Category, For, Happening, NonCash, RewardKind
from marketplace.bounties.publishing import can_fund_one_more, publish_bounty
from marketplace.bounties.rules import worst_case
from marketplace.foundation.db import db, finish_reading, transaction
from marketplace.foundation.money import Money
from marketplace.foundation.outbox import do_now
from marketplace.identity.admins import make_admin
from marketplace.identity.businesses import found_business
from marketplace.identity.confirmation import mark_confirmed
from marketplace.identity.models import Business, User
from marketplace.identity.signup import sign_up
from marketplace.payments.books import reconciliation
from marketplace.payments.models import Funding
from marketplace.payments.money_in import funding

PASSWORD = "point-at-a-buyer"  # noqa: S105 - of the demo people, printed at the start; development only
ANA, WES, MONA = "ana@example.com", "wes@example.com", "mona@example.com"
BEN, OMAR = "ben@example.com", "omar@example.com"  # Who points second; who looks again at an appeal.
ADMINS = (MONA, OMAR)
REWARDS_FUNDED = 3


@dataclass(frozen=True)
class Offer:
    """One demo business and its bounty."""

    owner: str
    business: str
    about: str
    place: str
    jurisdiction: str
    title: str
    text: str
    category: Category
    criteria: tuple[str, ...]
    currency: str = "usd"
    rules: tuple[dict[str, Any], ...] = ()
    cause: str | None = None
    hold_days: int = 30


PEOPLE = {
    ANA: "Ana Flores", WES: "Wes Park", MONA: "Mona Lind", "ines@example.com": "Inés Duarte",
    "tomas@example.com": "Tomas Wilk", "lena@example.com": "Lena Koch", BEN: "Ben Adeyemi", OMAR: "Omar Said",
}

OFFERS = (  # The last one is the newest, and stands first on the board.
    Offer("ines@example.com", "Brightroof Solar", "Roofs that earn their keep. Planned, fitted and looked after by us.",
          "Austin, US", "US-TX", "Someone asking about solar for their house",
          "Home owners who ask around about solar panels, batteries or a heat pump. We visit, plan and fit.",
          Category.SOLAR, ("Owns the house", "Asks for a price or for experiences"),
          rules=({"kind": RewardKind.FLAT, "amount_minor": 50_000},)),
    Offer("tomas@example.com", "Northwind Books", "Bookkeeping software for small shops, with people who answer.",
          "", "", "Shops that are tired of their bookkeeping",
          "Owners of small shops who write that their bookkeeping is a mess or that they look for a new tool.",
          Category.SOFTWARE, ("Runs a business with up to 50 people", "Looks for a tool, not for a job"), hold_days=14,
          rules=({"happening": Happening.QUALIFIED, "kind": RewardKind.FLAT, "amount_minor": 2_500},
                 {"kind": RewardKind.PERCENT, "rate_bps": 1_000, "cap_minor": 30_000},
                 {"happening": Happening.RENEWAL, "kind": RewardKind.PERCENT, "rate_bps": 500, "cap_minor": 5_000,
                  "times": 3},
                 {"kind": RewardKind.NON_CASH, "thing": NonCash.CREDIT, "words": "A month of Northwind Books"})),
    Offer("lena@example.com", "Küchenhaus Koch", "Kitchens planned with you and built in our own workshop.",
          "Freiburg, DE", "DE", "Someone planning a new kitchen",
          "People around Freiburg who write that they are moving, renovating or planning a new kitchen.",
          Category.HOME, ("Plans a kitchen within half a year", "Lives within 80 km of Freiburg"),
          currency="eur", cause="Tafel Freiburg",
          rules=({"kind": RewardKind.PERCENT, "rate_bps": 300, "floor_minor": 10_000, "cap_minor": 45_000},
                 {"whom": For.BUYER, "kind": RewardKind.FLAT, "amount_minor": 10_000})),
    Offer(WES, "Westside Auto", "A family dealership: new and used cars, a workshop, and people who call you back.",
          "Denver, US", "US-CO", "Point us at someone who is buying a car",
          "We sell new and used cars in and around Denver. If someone you know, or read, says that they are "
          "looking for a car, point us at them. If they buy from us, $1,000 is yours.",
          Category.CARS,
          ("Says in their own words that they want to buy a car", "Wants to buy within three months",
           "Lives within an hour of Denver"), rules=({"kind": RewardKind.FLAT, "amount_minor": 100_000},)),
)


def plant_demo(pay_checkout: Callable[[str], None] | None) -> list[str]:
    """Make what is missing, also after a start that broke off; the sentences say what was made.

    ``pay_checkout`` pays a Checkout Session by id. What people did with the demo data since is left alone.
    """
    with transaction():
        people = [email for email in PEOPLE if _find_user(email) is None]
        for email in people:
            _make_person(PEOPLE[email], email)
        for email in ADMINS:
            if email in people:
                make_admin(email)
    posted = [offer for offer in OFFERS if not _user(offer.owner).memberships]
    for offer in posted:
        _post(offer)
    if pay_checkout is None:
        said = "Demo people and drafts are made. With your own Stripe key, fund and publish the bounties by hand."
        return [said] if posted else []
    drafts = [(offer, bounty_id) for offer in OFFERS if (bounty_id := _find_draft(offer))]
    for offer, bounty_id in drafts:
        _fund_and_publish(offer, bounty_id, pay_checkout)
    if drafts:
        _reconcile()
    if not people and not drafts:
        return []
    return [f"Demo data made: {len(people)} people, {len(drafts)} businesses with a funded bounty each."]


def sign_ins() -> list[str]:
    """What to print at the start."""
    return [
        "Sign in as (password for all: " + PASSWORD + ")",
        f"  {ANA:<20} Ana, who points", f"  {WES:<20} Wes, who owns Westside Auto", f"  {MONA:<20} Mona, the admin",
        f"  {BEN:<20} Ben, who points too", f"  {OMAR:<20} Omar, the other admin",
        "  David, the buyer, needs no account: his blog is at /dev/blog/, his mails at /dev/mail",
    ]


def _make_person(name: str, email: str) -> None:
    user = sign_up(name, email, PASSWORD)
    if user is not None:
        mark_confirmed(user)


def _find_user(email: str) -> User | None:
    return db.session.scalar(select(User).where(User.email == email))


def _user(email: str) -> User:
    return db.session.scalars(select(User).where(User.email == email)).one()


def _find_draft(offer: Offer) -> str | None:
    """The id of this offer's bounty while it has never been published."""
    return db.session.scalar(select(Bounty.id).join(Business).where(
        Business.name == offer.business, Bounty.title == offer.title, Bounty.state == BountyState.DRAFT))


def _post(offer: Offer) -> None:
    with transaction():
        owner = _user(offer.owner)
        business = found_business(name=offer.business, about=offer.about, place=offer.place, website=None, by=owner)
        db.session.refresh(owner, ["memberships"])
        promised: dict[str, Any] = {
            "criteria": list(offer.criteria), "currency": offer.currency,
            "rules": list(offer.rules), "cause": offer.cause,
            "hold_days": offer.hold_days, "protection_days": 90, "consent_days": 14, "evidence_days": 30,
            "category": offer.category, "place": offer.place,
            "jurisdiction": offer.jurisdiction,
        }
        draft_bounty(business, by=owner, title=offer.title, offer=offer.text, **promised)


def _fund_and_publish(offer: Offer, bounty_id: str, pay_checkout: Callable[[str], None]) -> None:
    if not can_fund_one_more(db.session.get_one(Bounty, bounty_id)):
        _fund(offer, bounty_id, pay_checkout)
    with transaction():
        publish_bounty(db.session.get_one(Bounty, bounty_id), by=_user(offer.owner))


def _fund(offer: Offer, bounty_id: str, pay_checkout: Callable[[str], None]) -> None:
    with transaction():
        bounty = db.session.get_one(Bounty, bounty_id)
        cost = worst_case(bounty.terms)
        total = Money(cost.minor * REWARDS_FUNDED, cost.currency)
        funding_id = funding.request_funding(bounty.business_id, bounty.id, total, by=_user(offer.owner)).id
    do_now(funding.OPEN_CHECKOUT, funding_id=funding_id)
    session_id = db.session.get_one(Funding, funding_id).checkout_session_id
    finish_reading()
    pay_checkout(session_id or "")
    do_now(funding.CHECK_FUNDING, funding_id=funding_id)


def _reconcile() -> None:
    """The worker's first run of the day met the payments half made; the books' page would say so until the next."""
    with transaction():
        run_id = reconciliation.begin_by_hand().id
    reconciliation.run_to_the_end(run_id)
    finish_reading()


def sandbox_base() -> str | None:
    base: str | None = current_app.extensions["settings"].stripe_api_base
    return base
