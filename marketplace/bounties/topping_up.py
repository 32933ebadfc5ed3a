"""Auto top-up of a bounty: agreed by its business, charged when one more lead could not be paid."""
from sqlalchemy import select

from marketplace.bounties.models import Bounty, BountyState
from marketplace.bounties.permissions import may_edit
from marketplace.bounties.publishing import OUT_OF_FUNDS, can_fund_one_more
from marketplace.bounties.rules import worst_case
from marketplace.foundation import outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, Invalid, require
from marketplace.foundation.money import Money, show_money
from marketplace.identity.models import User
from marketplace.payments.models import AutoTopUp, TopUpState
from marketplace.payments.money_in import agreements, top_ups


class TopUpTooSmall(Invalid):
    code = "top_up_too_small"


def set_top_up(bounty: Bounty, *, amount: Money, monthly: Money, by: User) -> AutoTopUp:
    """Agree to ``amount`` at a time, ``monthly`` a month at most. TopUpTooSmall (422) below what one lead can cost."""
    require(may_edit(by, bounty), "agree to top-ups of this bounty")
    if bounty.is_closed:
        raise Conflict("This bounty is closed and takes no more funds.", next_step="Post a new one.")
    cost = worst_case(bounty.terms)
    if amount < cost:
        raise TopUpTooSmall(f"One lead can cost {show_money(cost)}.",
                            fields={"amount": [f"At least {show_money(cost)}, for one lead."]})
    top_up = agreements.agree_top_up(bounty.business_id, bounty.id, amount, monthly, by=by)
    outbox.promise("top_up_bounty", bounty_id=bounty.id)
    return top_up


def end_top_up(bounty: Bounty, *, by: User) -> None:
    require(may_edit(by, bounty), "end the top-ups of this bounty")
    agreements.stop_top_up(bounty.id, by=by)


def top_up_bounty(bounty_id: str) -> None:
    """Job: charge the agreed sum if the bounty is short now. What a person paused is left alone."""
    bounty = db.session.get_one(Bounty, bounty_id)
    is_waiting = bounty.state is BountyState.PAUSED and bounty.paused_because == OUT_OF_FUNDS
    if (bounty.state is BountyState.LIVE or is_waiting) and not can_fund_one_more(bounty):
        top_ups.charge_top_up(bounty.id)


def watch_top_ups() -> None:
    """Job, hourly: whatever was missed, or refused a day ago, is looked at again."""
    for purpose_id in db.session.scalars(select(AutoTopUp.purpose_id).filter_by(state=TopUpState.ON)).all():
        outbox.promise("top_up_bounty", bounty_id=purpose_id)
