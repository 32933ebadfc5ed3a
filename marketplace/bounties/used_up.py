"""A bounty that has paid all that its terms let it pay in all takes no more leads, and says so."""
from marketplace.bounties import lifecycle
from marketplace.bounties.models import Bounty, BountyState, Terms
from marketplace.foundation import audit, outbox
from marketplace.foundation.errors import Conflict
from marketplace.foundation.money import Money, show_money


class UsedUp(Conflict):
    code = "bounty_used_up"


def why_used_up(terms: Terms) -> str:
    cap = Money(terms.cap_per_bounty_minor or 0, terms.currency)
    return f"All of the {show_money(cap)} that it pays in all has been earned."


def pause_if_used_up(bounty: Bounty, awarded: Money) -> None:
    """Called after something was earned, with all that was ever awarded under this bounty (fees apart)."""
    cap = bounty.terms.cap_per_bounty_minor
    if cap is None or awarded.minor < cap:
        return
    lifecycle.lock(bounty)
    if bounty.state not in {BountyState.LIVE, BountyState.PAUSED}:
        return
    why = why_used_up(bounty.terms)
    if bounty.state is BountyState.LIVE:
        lifecycle.move(bounty, BountyState.PAUSED, by=audit.SYSTEM, reason=why)
    elif bounty.paused_because == why:
        return
    bounty.paused_because = why
    outbox.promise("send_letter", letter="bounty_used_up", bounty_id=bounty.id)


def refuse_used_up(bounty: Bounty) -> None:
    """UsedUp (409) until new terms pay more in all."""
    why = why_used_up(bounty.terms)
    if bounty.terms.cap_per_bounty_minor and bounty.paused_because == why:
        raise UsedUp(why, next_step="Raise the limit for all of it, or take it out; then publish it again.")
