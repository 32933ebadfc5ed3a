"""What we know of a disputed payment, for the admin and for the bank: who paid, for what, and what came of it.

Nothing of a buyer's, and no network address: we keep none.
"""
from sqlalchemy import func, select

from marketplace.bounties.models import Bounty
from marketplace.foundation.db import db
from marketplace.foundation.money import show_money
from marketplace.identity.models import Business, User
from marketplace.payments.models import Chargeback, Funding
from marketplace.payments.queries import refunds_of
from marketplace.referrals.models import Consent, Conversion, Lead
from marketplace.referrals.queries import PROVEN_FALSE

Known = list[tuple[str, str]]
DAY = "%-d %B %Y"
SALES_SHOWN = 10
WHAT_FOR = ("Funds that the business pays in for its own bounty: rewards for people who introduce a buyer. It agreed "
            "to the sum and to our fee on the page before it paid; what is not used is refunded")


def what_we_know(chargeback: Chargeback) -> Known:
    """(question, answer) in the order in which a bank asks."""
    funding = db.session.get_one(Funding, chargeback.funding_id)
    payer = db.session.get_one(User, funding.requested_by)
    business = db.session.get_one(Business, funding.business_id)
    confirmed = f", an address confirmed on {payer.email_confirmed_at:{DAY}}" if payer.email_confirmed_at else ""
    known = [
        ("Who paid", f"{payer.name} <{payer.email}>{confirmed}"),
        ("For whom", f"{business.name}, with us since {business.created_at:{DAY}}"),
        ("What was paid", f"{show_money(funding.amount)} on {funding.paid_at or funding.created_at:{DAY}}"
                          + (f", {funding.paid_with}" if funding.paid_with else "")),
        ("What for", WHAT_FOR),
    ]
    known += _given_back(funding)
    bounty = db.session.get(Bounty, funding.purpose_id)
    return known + (_what_came_of(bounty) if bounty else [])


def _given_back(funding: Funding) -> Known:
    if not funding.refunded_minor:
        return []
    times = len(refunds_of(funding))
    return [("Given back already", f"{show_money(funding.refunded)} in {times} refund{'s' if times > 1 else ''}")]


def _what_came_of(bounty: Bounty) -> Known:
    accepted, agreed = db.session.execute(
        select(func.count().filter(Lead.accepted_at.is_not(None)), func.count().filter(Lead.consent == Consent.GRANTED))
        .select_from(Lead).where(Lead.bounty_id == bounty.id)).one()
    sales = db.session.scalars(
        select(Conversion).join(Lead, Lead.id == Conversion.lead_id)
        .where(Conversion.bounty_id == bounty.id, Conversion.amount_minor > 0, ~PROVEN_FALSE)
        .order_by(Conversion.id).limit(SALES_SHOWN)).all()
    published = f", published on {bounty.published_at:{DAY}}" if bounty.published_at else ""
    return [
        ("The bounty", f"“{bounty.title}”{published}, terms no. {bounty.terms_number}"),
        ("What it brought", f"{accepted} introduced and accepted, {agreed} of them agreed to be contacted"),
        ("Sales that the business recorded itself", "; ".join(
            f"{show_money(sale.amount)} on {sale.occurred_on:{DAY}}" for sale in sales) or "none yet"),
    ]


def as_evidence(known: Known) -> str:
    """The same as plain text, to begin with."""
    return "\n".join(f"{question}: {answer}." for question, answer in known)
