"""Live, paused, closed. A live bounty can always pay for one more lead, or pauses and says so."""
from collections.abc import Sequence
from datetime import timedelta

from marketplace.bounties import lifecycle
from marketplace.bounties.gate import forbidden_parts, is_gated, rule_on_terms
from marketplace.bounties.models import Bounty, BountyState
from marketplace.bounties.permissions import may_edit
from marketplace.bounties.queries import free_funds_of
from marketplace.bounties.rules import worst_case
from marketplace.bounties.used_up import refuse_used_up
from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, require
from marketplace.foundation.money import Money, show_money
from marketplace.identity.models import User
from marketplace.payments.disputes.freezing import cover
from marketplace.payments.disputes.queries import (
    PAYMENT_DISPUTED,
    PAYMENT_SUSPECTED,
    PAYMENT_TAKEN_BACK,
    why_bounty_stopped,
)
from marketplace.payments.money_in.agreements import pause_for
from marketplace.payments.money_in.refund_plans import Planned, plan_refunds
from marketplace.payments.money_in.refunds import refund_free_funds, request_planned
from marketplace.payments.money_in.top_ups import is_topped_up

OUT_OF_FUNDS = "There are no free funds for one more lead."
FORBIDDEN = "The law of its place does not allow this reward any more."
STOPPED = frozenset({PAYMENT_DISPUTED, PAYMENT_SUSPECTED, PAYMENT_TAKEN_BACK})  # Shown to everybody who looks.
FOR_A_TOP_UP = timedelta(minutes=10)  # Nobody is told of a pause that an agreed top-up ends within minutes.


class NothingFree(Conflict):
    code = "nothing_free"


class PlanChanged(Conflict):
    code = "plan_changed"


class NotFunded(Conflict):
    code = "not_funded"


class PaymentInDoubt(Conflict):
    code = "payment_in_doubt"


class BountyEnded(Conflict):
    code = "bounty_ended"


class PlaceUnsaid(Conflict):
    code = "place_unsaid"


class RewardForbidden(Conflict):
    code = "reward_forbidden"


def can_fund_one_more(bounty: Bounty) -> bool:
    return free_funds_of(bounty) >= worst_case(bounty.terms)


def refuse_ended(bounty: Bounty) -> None:
    """Before anybody pays in."""
    if bounty.is_closed:
        raise BountyEnded("This bounty is closed and takes no more funds.", next_step="Post a new one.")


def publish_bounty(bounty: Bounty, *, by: User) -> None:
    """draft or paused -> live. NotFunded (409) without funds for one lead; PaymentInDoubt, UsedUp (409);
    PlaceUnsaid, RewardForbidden (409) where the law of a place decides."""
    require(may_edit(by, bounty), "publish this bounty")
    refuse_forbidden(bounty)
    if why := why_bounty_stopped(bounty.id):
        raise PaymentInDoubt(why, next_step="It continues automatically when the payment is settled.")
    refuse_used_up(bounty)
    if not can_fund_one_more(bounty):
        missing = worst_case(bounty.terms) - free_funds_of(bounty)
        raise NotFunded(
            f"This bounty needs funds for at least one reward: {show_money(missing)} more.",
            next_step="Fund it first; what is not used is refunded when you close it.")
    lifecycle.move(bounty, BountyState.LIVE, by=by.id)
    bounty.paused_because = None
    bounty.published_at = bounty.published_at or clock.now()


def refuse_forbidden(bounty: Bounty) -> None:
    """The gate: what the law of the place of sale lets nobody give is not offered."""
    terms = bounty.terms
    if not terms.jurisdiction and is_gated(terms.category):
        raise PlaceUnsaid("In this category the law of the place decides what may be given for a referral.",
                          next_step="Change the bounty and say where it is sold.")
    ruling = rule_on_terms(terms)
    if ruling.rule is not None and forbidden_parts(terms, ruling):
        raise RewardForbidden(
            f"{ruling.rule.says} ({ruling.rule.citation})",
            next_step="Lower the reward to what is allowed; the button is on the bounty's page.")


def pause_bounty(bounty: Bounty, *, by: User) -> None:
    require(may_edit(by, bounty), "pause this bounty")
    lifecycle.move(bounty, BountyState.PAUSED, by=by.id)
    bounty.paused_because = "The business paused it."


def pause_if_out_of_funds(bounty: Bounty) -> None:
    """Called after funds were reserved: nobody shall point at a reward that is not there."""
    if bounty.state is not BountyState.LIVE or can_fund_one_more(bounty):
        return
    lifecycle.lock(bounty)
    if bounty.state is BountyState.LIVE:
        lifecycle.move(bounty, BountyState.PAUSED, by=audit.SYSTEM, reason=OUT_OF_FUNDS)
        bounty.paused_because = OUT_OF_FUNDS
        wait = FOR_A_TOP_UP if is_topped_up(bounty.id) else timedelta(0)
        outbox.promise("top_up_bounty", bounty_id=bounty.id)
        outbox.promise("send_letter", letter="bounty_out_of_funds", bounty_id=bounty.id, after=wait)
        outbox.promise("send_letter", letter="lead_waits_for_funds", bounty_id=bounty.id, after=wait)


def note_funds_left(purpose_id: str) -> None:
    """Job: money went back from this bounty without its business asking."""
    bounty = db.session.get(Bounty, purpose_id)
    if bounty is not None:
        pause_if_out_of_funds(bounty)


def refund_free(bounty: Bounty, *, expected: Money, by: User) -> None:
    """All free funds of a bounty that goes on, back to the cards that paid. Left without funds, it pauses.

    NothingFree (409); PlanChanged (409) when another sum is free than ``expected``, the one that was shown.
    """
    require(may_edit(by, bounty), "take back the free funds of this bounty")
    if bounty.is_closed:
        raise Conflict("A closed bounty gives its free funds back automatically.", next_step="Look at its payments.")
    planned = plan_refunds(bounty.id, bounty.terms.currency, is_binding=True)
    total = total_of(planned, bounty.terms.currency)
    if total.minor == 0:
        raise NothingFree("Nothing is free to go back.", next_step="What is reserved stays for its leads.")
    if total != expected:
        raise PlanChanged(f"By now {show_money(total)} is free.", next_step="Look at the new sums and send again.")
    pause_for(bounty.id, "You took the free funds back.")
    request_planned(planned, by=by.id)
    pause_if_out_of_funds(bounty)


def total_of(planned: Sequence[Planned], currency: str) -> Money:
    return Money(sum(one.amount.minor for one in planned), currency)


def stop_bounty(bounty: Bounty, why: str) -> None:
    """live -> paused: a payment for it is in doubt. ``why`` (of STOPPED) is said to everybody who looks."""
    if bounty.state is BountyState.LIVE:
        lifecycle.move(bounty, BountyState.PAUSED, by=audit.SYSTEM, reason=why)
        bounty.paused_because = why
    elif bounty.state is BountyState.PAUSED and bounty.paused_because in {OUT_OF_FUNDS, *STOPPED}:
        bounty.paused_because = why


def resume_bounty(bounty: Bounty) -> None:
    """paused -> live, once no payment is in doubt any more and there are funds; else it says that it wants funds."""
    if bounty.paused_because in STOPPED and why_bounty_stopped(bounty.id) is None:
        bounty.paused_because = OUT_OF_FUNDS
    note_funds_came_free(bounty)


def close_bounty(bounty: Bounty, *, by: User) -> None:
    """No new leads; what is reserved stays reserved, free funds go back to the cards that paid."""
    require(may_edit(by, bounty), "close this bounty")
    was_never_public = bounty.published_at is None
    bounty.published_at = bounty.published_at or clock.now()
    lifecycle.move(bounty, BountyState.CLOSED, by=by.id)
    if was_never_public:  # Closed bounties stay readable for everyone; a draft was never meant to be.
        lifecycle.move(bounty, BountyState.ARCHIVED, by=by.id)
    outbox.promise("return_free_funds", bounty_id=bounty.id)
    outbox.promise("count_what_waited", business_id=bounty.business_id)  # For funds, which never come any more.


def return_free_funds(bounty_id: str) -> None:
    """Job: at closing, and whenever money comes free in a closed bounty."""
    bounty = db.session.get_one(Bounty, bounty_id)
    if bounty.is_closed and free_funds_of(bounty).minor > 0:
        refund_free_funds(bounty.id, bounty.terms.currency, by=audit.SYSTEM, leaves_sent_back=True)


def resume_when_funded(bounty_id: str) -> None:
    """Job: a bounty that paused itself for want of funds goes on when it is funded again."""
    bounty = db.session.get(Bounty, bounty_id)
    if bounty is None or bounty.state is not BountyState.PAUSED or bounty.paused_because != OUT_OF_FUNDS:
        return
    if can_fund_one_more(bounty):
        lifecycle.move(bounty, BountyState.LIVE, by=audit.SYSTEM, reason="funded again")
        bounty.paused_because = None
        outbox.promise("note_funds_came", bounty_id=bounty.id)
    else:
        outbox.promise("top_up_bounty", bounty_id=bounty.id)


def note_funds_came_free(bounty: Bounty) -> None:
    """Called when a reservation or a reward gives money back to the bounty. What its business owes comes first."""
    cover(bounty.id, bounty.terms.currency)
    if bounty.is_closed:
        outbox.promise("return_free_funds", bounty_id=bounty.id, after=timedelta(0))
    elif bounty.paused_because == OUT_OF_FUNDS:
        outbox.promise("resume_when_funded", bounty_id=bounty.id)
