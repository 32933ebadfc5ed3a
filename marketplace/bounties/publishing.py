"""Live, paused, closed. A live bounty can always pay for one more lead, or pauses and says so."""
from datetime import timedelta

from marketplace.bounties import lifecycle
from marketplace.bounties.models import Bounty, BountyState
from marketplace.bounties.permissions import may_edit
from marketplace.bounties.queries import free_funds_of
from marketplace.bounties.rules import worst_case
from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, require
from marketplace.foundation.money import show_money
from marketplace.identity.models import User
from marketplace.payments.money_in.refunds import refund_free_funds

OUT_OF_FUNDS = "There are no free funds for one more lead."


class NotFunded(Conflict):
    code = "not_funded"


def can_fund_one_more(bounty: Bounty) -> bool:
    return free_funds_of(bounty) >= worst_case(bounty.terms)


def publish_bounty(bounty: Bounty, *, by: User) -> None:
    """draft or paused -> live. NotFunded (409) without funds for one reward and its fee."""
    require(may_edit(by, bounty), "publish this bounty")
    if not can_fund_one_more(bounty):
        missing = worst_case(bounty.terms) - free_funds_of(bounty)
        raise NotFunded(
            f"This bounty needs funds for at least one reward: {show_money(missing)} more.",
            next_step="Fund it first; what is not used is refunded when you close it.")
    lifecycle.move(bounty, BountyState.LIVE, by=by.id)
    bounty.paused_because = None
    bounty.published_at = bounty.published_at or clock.now()


def pause_bounty(bounty: Bounty, *, by: User) -> None:
    require(may_edit(by, bounty), "pause this bounty")
    lifecycle.move(bounty, BountyState.PAUSED, by=by.id)
    bounty.paused_because = "The business paused it."


def pause_if_out_of_funds(bounty: Bounty) -> None:
    """Called after funds were reserved: nobody shall point at a reward that is not there."""
    if bounty.state is BountyState.LIVE and not can_fund_one_more(bounty):
        lifecycle.move(bounty, BountyState.PAUSED, by=audit.SYSTEM, reason=OUT_OF_FUNDS)
        bounty.paused_because = OUT_OF_FUNDS
        outbox.promise("send_letter", letter="bounty_out_of_funds", bounty_id=bounty.id)


def close_bounty(bounty: Bounty, *, by: User) -> None:
    """No new leads; what is reserved stays reserved, free funds go back to the cards that paid."""
    require(may_edit(by, bounty), "close this bounty")
    was_never_public = bounty.published_at is None
    bounty.published_at = bounty.published_at or clock.now()
    lifecycle.move(bounty, BountyState.CLOSED, by=by.id)
    if was_never_public:  # Closed bounties stay readable for everyone; a draft was never meant to be.
        lifecycle.move(bounty, BountyState.ARCHIVED, by=by.id)
    outbox.promise("return_free_funds", bounty_id=bounty.id)


def return_free_funds(bounty_id: str) -> None:
    """Job: at closing, and whenever money comes free in a closed bounty."""
    bounty = db.session.get_one(Bounty, bounty_id)
    if bounty.state in {BountyState.CLOSED, BountyState.ARCHIVED} and free_funds_of(bounty).minor > 0:
        refund_free_funds(bounty.id, bounty.terms.currency, by=audit.SYSTEM)


def resume_when_funded(bounty_id: str) -> None:
    """Job: a bounty that paused itself for want of funds goes on when it is funded again."""
    bounty = db.session.get(Bounty, bounty_id)
    if bounty is None or bounty.state is not BountyState.PAUSED or bounty.paused_because != OUT_OF_FUNDS:
        return
    if can_fund_one_more(bounty):
        lifecycle.move(bounty, BountyState.LIVE, by=audit.SYSTEM, reason="funded again")
        bounty.paused_because = None


def note_funds_came_free(bounty: Bounty) -> None:
    """Called when a reservation or a reward gives money back to the bounty."""
    if bounty.state in {BountyState.CLOSED, BountyState.ARCHIVED}:
        outbox.promise("return_free_funds", bounty_id=bounty.id, after=timedelta(0))
    elif bounty.paused_because == OUT_OF_FUNDS:
        outbox.promise("resume_when_funded", bounty_id=bounty.id)
