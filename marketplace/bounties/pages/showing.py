"""One bounty's page, as a stranger, a referrer and the business's own people see it."""
from dataclasses import dataclass

from flask import render_template, url_for

from marketplace.bounties.disclosure import disclosure_on
from marketplace.bounties.lowering import read_law
from marketplace.bounties.models import Bounty, BountyState
from marketplace.bounties.pages.asked import Asked
from marketplace.bounties.permissions import may_edit, may_see_drafts
from marketplace.bounties.preview import Way, cost_arithmetic, most_renewals, plain_terms, reward_sign
from marketplace.bounties.queries import backing_by, free_funds_of, reserved_among
from marketplace.bounties.rules import fee_on, most_in_shares, worst_case
from marketplace.foundation.errors import DomainError
from marketplace.foundation.money import BadAmount, Money, parse_amount, plain_amount, zero
from marketplace.identity.permissions import is_member
from marketplace.identity.session import find_signed_in_user

LEADS_SUGGESTED = (1, 3, 10)  # How many leads' worth of funding the page offers.


@dataclass(frozen=True)
class Funds:
    """What a business sees of a bounty's money. ``missing`` is what one more lead still needs."""

    free: Money
    reserved: Money
    missing: Money
    leads_left: int


def show_bounty(
    bounty: Bounty, *, asked: Asked | None = None, preview: Way | None = None,
    refusal: DomainError | None = None,
) -> str:
    viewer = find_signed_in_user()
    is_insider = viewer is not None and may_see_drafts(viewer, bounty.business_id)
    funds, law = read_funds(bounty), read_law(bounty, viewer.jurisdiction if viewer and not is_insider else "")
    asked = asked or Asked()
    return render_template(
        "bounties/bounty.html", bounty=bounty, terms=bounty.terms, asked=asked, preview=preview, refusal=refusal,
        backing=backing_by(funds.free, worst_case(bounty.terms)), funds=funds if is_insider else None,
        sign=reward_sign(bounty.terms) if is_insider else law.sign(bounty.terms),
        plain_terms=plain_terms(bounty.terms), renewals=most_renewals(bounty.terms),
        arithmetic=cost_arithmetic(bounty.terms), costs_money=worst_case(bounty.terms).minor > 0,
        may_edit=viewer is not None and may_edit(viewer, bounty),
        works_here=viewer is not None and is_member(viewer, bounty.business_id),
        law=law, disclosure=disclosure_on(bounty, home=viewer.jurisdiction) if viewer else None,
        can_point=bounty.state is BountyState.LIVE and funds.missing.minor == 0,
        point_href=point_address(bounty, asked.post_url), suggestions=funding_suggestions(bounty))


def read_funds(bounty: Bounty) -> Funds:
    currency, cost = bounty.terms.currency, worst_case(bounty.terms)
    free = free_funds_of(bounty)
    reserved = reserved_among([bounty]).get(bounty.id, zero(currency))
    return Funds(free, reserved, max(cost - free, zero(currency)), free.minor // cost.minor if cost.minor else 0)


@dataclass(frozen=True)
class Cover:
    """What ``amount`` pays for, also with what is free already. ``fee`` is ours at most, if every lead earns all."""

    amount: Money
    leads: int
    leads_with_free: int
    fee: Money
    rest: Money


def cover_of(bounty: Bounty, typed: str) -> Cover | None:
    """None for what is no amount, and where a lead costs no money."""
    terms, cost = bounty.terms, worst_case(bounty.terms)
    try:
        amount = parse_amount(typed, terms.currency)
    except BadAmount:
        return None
    if cost.minor == 0 or amount.minor == 0:
        return None
    leads, fee = amount.minor // cost.minor, fee_on(terms, most_in_shares(terms))
    return Cover(amount, leads, (free_funds_of(bounty) + amount).minor // cost.minor,
                 Money(fee.minor * leads, terms.currency), Money(amount.minor - leads * cost.minor, terms.currency))


def funding_suggestions(bounty: Bounty) -> list[tuple[int, Money, str]]:
    """(leads, amount, address of the funding page with that amount filled in); none where no money is promised."""
    cost = worst_case(bounty.terms)
    if cost.minor == 0:
        return []
    amounts = [(leads, Money(cost.minor * leads, cost.currency)) for leads in LEADS_SUGGESTED]
    return [(leads, amount, funding_address(bounty, amount)) for leads, amount in amounts]


def funding_address(bounty: Bounty, amount: Money) -> str:
    return url_for("funding.new", bounty_id=bounty.id, amount=plain_amount(amount))


def point_address(bounty: Bounty, url: str | None) -> str:
    return url_for("pointing.point", bounty_id=bounty.id, url=url)
