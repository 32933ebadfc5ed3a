"""What a business agrees to for top-ups: how much each time, how much a month; changed and ended by the same people."""
from sqlalchemy import select

from marketplace.foundation import audit, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, Invalid, require
from marketplace.foundation.money import LARGEST_MINOR, Money, show_money
from marketplace.identity.models import User
from marketplace.payments import lifecycle
from marketplace.payments.models import AutoTopUp, TopUpState
from marketplace.payments.money_in.funding import FundingTooSmall, minimum_funding
from marketplace.payments.money_in.kept_cards import NoCard, drop_card, find_card, lock_customer
from marketplace.payments.money_in.top_ups import CARD_GONE, lock_top_up, pause_top_up
from marketplace.payments.permissions import may_fund


class MonthTooSmall(Invalid):
    code = "month_too_small"


def agree_top_up(business_id: str, purpose_id: str, amount: Money, monthly: Money, *, by: User) -> AutoTopUp:
    """From now on the kept card may be charged ``amount`` at a time, and at most ``monthly`` a calendar month.

    NoCard (409) where none is kept; FundingTooSmall, MonthTooSmall (422).
    """
    require(may_fund(by, business_id), "agree to top-ups for this business")
    if find_card(business_id) is None:
        raise NoCard("No card is kept for this business.",
                     next_step="Pay in once and tick “keep this card for top-ups”.")
    _check(amount, monthly)
    top_up = lock_top_up(purpose_id)
    if top_up is None:
        top_up = AutoTopUp(business_id=business_id, purpose_id=purpose_id, agreed_by=by.id, amount=amount,
                           monthly_minor=monthly.minor)
        db.session.add(top_up)
        db.session.flush()
        audit.record("top_up.agreed", top_up.id, by=by.id, amount_minor=amount.minor, monthly_minor=monthly.minor)
        return top_up
    top_up.amount_minor, top_up.monthly_minor, top_up.currency = amount.minor, monthly.minor, amount.currency
    top_up.agreed_by, top_up.refusals = by.id, 0
    lifecycle.move_top_up(top_up, TopUpState.ON, by=by.id, amount_minor=amount.minor, monthly_minor=monthly.minor)
    return top_up


def _check(amount: Money, monthly: Money) -> None:
    least = minimum_funding(amount.currency)
    if amount < least:
        raise FundingTooSmall(f"The least you can pay in is {show_money(least)}.",
                              fields={"amount": [f"At least {show_money(least)}."]})
    if monthly < amount:
        raise MonthTooSmall("A month must hold at least one top-up.",
                            fields={"monthly": [f"At least {show_money(amount)}, the sum of one top-up."]})
    if monthly.minor > LARGEST_MINOR:
        raise Invalid("That is more than we can handle.", fields={"monthly": ["Choose a smaller sum."]})


def stop_top_up(purpose_id: str, *, by: User) -> None:
    """Nothing is charged any more. One that is being charged at this moment goes on."""
    top_up = lock_top_up(purpose_id)
    if top_up is None or top_up.state is TopUpState.OFF:
        raise Conflict("No top-up is agreed for this bounty.", next_step="Reload the page.")
    require(may_fund(by, top_up.business_id), "end the top-ups of this business")
    lifecycle.move_top_up(top_up, TopUpState.OFF, by=by.id)


def pause_for(purpose_id: str, why: str) -> None:
    """Money goes back from this bounty: a card that is charged anew meanwhile would turn in a circle."""
    top_up = lock_top_up(purpose_id)
    if top_up is not None:
        pause_top_up(top_up, why)


def remove_card(business_id: str, *, by: User) -> None:
    """It is never charged again, and top-ups pause. NoCard (409) where none is kept."""
    require(may_fund(by, business_id), "remove the card of this business")
    customer = lock_customer(business_id) if find_card(business_id) else None
    if customer is None or customer.payment_method_id is None:
        raise NoCard("There is no card to remove.", next_step="Reload the page.")
    outbox.promise("forget_card", payment_method_id=customer.payment_method_id)
    drop_card(customer)
    audit.record("card.removed", customer.id, by=by.id)
    for purpose_id in db.session.scalars(select(AutoTopUp.purpose_id).filter_by(business_id=business_id)).all():
        pause_for(purpose_id, CARD_GONE)
