"""People, businesses, bounties and leads through the product's own verbs; name only what the test is about."""
from datetime import date
from itertools import count
from typing import Any

from sqlalchemy.orm import selectinload

from marketplace.bounties.drafting import draft_bounty
from marketplace.bounties.models import Bounty, Category, RewardKind
from marketplace.bounties.publishing import publish_bounty
from marketplace.bounties.rules import worst_case
from marketplace.foundation import clock
from marketplace.foundation.db import db, transaction
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import Money
from marketplace.identity.businesses import found_business
from marketplace.identity.models import Business, MemberRole, Membership, User
from marketplace.identity.password_rules import hash_password
from marketplace.payments import ledger
from marketplace.payments.models import AccountKind, Funding, FundingState
from marketplace.referrals.desk.telling import tell_now
from marketplace.referrals.fraud.signals import begin_review
from marketplace.referrals.models import Acquaintance, Channel, Consent, Conversion, Lead
from marketplace.referrals.moderation import accept_lead
from marketplace.referrals.pointing import point_at_buyer
from marketplace.referrals.stages import win_lead
from tests.browsing import end_reading

PASSWORD = "correct horse battery staple"
_HASH = hash_password(PASSWORD)
serial = count(1)
SALE = Money(3_000_000, "usd")

TERMS: dict[str, Any] = {
    "criteria": ["Wants to buy a car within three months", "Lives in Denver"],
    "rules": [{"kind": RewardKind.FLAT, "amount_minor": 100_000}], "currency": "usd", "hold_days": 30,
    "protection_days": 90, "consent_days": 14, "evidence_days": 30, "category": Category.CARS, "place": "Denver",
    "jurisdiction": "US-CO",
}
PERCENT = {"rules": [{"kind": RewardKind.PERCENT, "rate_bps": 250, "cap_minor": 50_000}]}


def flat(minor: int, **said: Any) -> dict[str, Any]:
    """A rule: so much, when they buy, unless said otherwise."""
    return {"kind": RewardKind.FLAT, "amount_minor": minor, **said}


def make_user(name: str = "Ana Flores", *, is_confirmed: bool = True, is_admin: bool = False, **given: Any) -> User:
    fields = {"email": f"person{next(serial)}@example.com", "password_hash": _HASH, "jurisdiction": "US-CO", **given}
    with transaction():
        user = User(name=name, is_admin=is_admin, email_confirmed_at=clock.now() if is_confirmed else None, **fields)
        db.session.add(user)
    return user


def make_business(owner: User | None = None, name: str = "Westside Auto", **given: Any) -> Business:
    owner = owner or make_user("Wes Park")
    with transaction():
        return found_business(name, by=owner, **given)


def make_member(business: Business, role: MemberRole = MemberRole.AGENT, name: str = "Mo Reyes") -> User:
    user = make_user(name)
    with transaction():
        db.session.add(Membership(business_id=business.id, user_id=user.id, role=role))
    end_reading()
    return user


def owner_of(business: Business) -> User:
    end_reading()
    return db.session.query(User).options(selectinload(User.memberships)).join(Membership).filter(
        Membership.business_id == business.id, Membership.role == MemberRole.OWNER).one()


def make_bounty(
    business: Business | None = None, *, title: str = "Introduce a car buyer to Westside Auto", funded_for: int = 0,
    is_live: bool = False, offer: str = "New and used cars, and people who call you back.", **terms: Any,
) -> Bounty:
    """A draft; ``funded_for`` so many leads; ``is_live`` publishes it (and funds it for three unless said otherwise)."""
    business = business or make_business()
    owner = owner_of(business)
    with transaction():
        bounty = draft_bounty(business, by=owner, title=title, offer=offer, **{**TERMS, **terms})
    leads = funded_for or (3 if is_live else 0)
    if leads:
        fund_bounty(bounty, leads=leads)
    if is_live:
        with transaction():
            publish_bounty(bounty, by=owner)
    return bounty


def fund_bounty(bounty: Bounty, *, leads: int = 1) -> Money:
    """As if a Checkout had been paid: the funding row and its ledger entry."""
    cost = worst_case(bounty.terms)
    amount, funding_id = Money(cost.minor * leads, cost.currency), new_id("fund")
    owner = owner_of(bounty.business)
    with transaction():
        db.session.add(Funding(
            id=funding_id, business_id=bounty.business_id, purpose_id=bounty.id, requested_by=owner.id, amount=amount,
            state=FundingState.PAID, idempotency_key=f"key-{funding_id}", payment_intent_id=f"pi_{funding_id}",
            charge_id=f"ch_{funding_id}", paid_at=clock.now()))
        ledger.move(
            amount, source=ledger.account(AccountKind.CLEARING, "platform", amount.currency),
            target=ledger.account(AccountKind.FUNDS, bounty.id, amount.currency),
            kind="funding", reference=f"{funding_id}:paid")
    return amount


def make_lead(
    bounty: Bounty | None = None, *, by: User | None = None, quote: str = "I am in the market for a car.", **given: Any
) -> Lead:
    """Pointed out by ``by`` with a text as evidence; it stands before its review."""
    bounty = bounty or make_bounty(is_live=True)
    by = db.session.merge(by, load=False) if by else make_user()  # As a request would have them: in this session.
    text = f"{quote} Something for two kids and a dog. {next(serial)}"
    with transaction():
        return point_at_buyer(bounty, by=by, quote=quote, acquaintance=Acquaintance.ONLINE,
                              how_known="I read his blog.", **{"text": text, **given})


def review_lead(lead: Lead) -> Lead:
    """submitted -> in_review, without waiting for the job."""
    with transaction():
        begin_review(lead.id)
    return lead


def accept(lead: Lead, *, by: User | None = None) -> Lead:
    """Reviewed if need be, accepted by an admin, and told: funds are reserved and the buyer is asked."""
    if lead.moderation.value == "submitted":
        review_lead(lead)
    admin = by or make_user("Mona Lind", is_admin=True)
    with transaction():
        accept_lead(lead, by=admin)
        tell_now(lead, by=admin)
    return lead


def consent(lead: Lead, *, email: str = "david@example.com", channel: Channel = Channel.EMAIL) -> Lead:
    """The buyer says yes, at an address that is proven at once."""
    from marketplace.referrals.consent import confirm_consent, give_consent  # noqa: PLC0415

    with transaction():
        grant = give_consent(lead, name="David Brandt", email=email, channel=channel,
                             until=date(2027, 1, 31), proven=False)
        if lead.consent is not Consent.GRANTED:
            confirm_consent(grant)
    return lead


def win(lead: Lead, *, by: User | None = None, amount: Money = SALE) -> Conversion:
    """Recorded by the business's owner today."""
    seller = by or owner_of(lead.business)
    with transaction():
        return win_lead(lead, by=seller, amount=amount, occurred_on=clock.now().date())
