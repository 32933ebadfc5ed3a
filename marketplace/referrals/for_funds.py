"""Leads that nobody can accept yet: their bounty has less free than one of them may cost."""
from collections.abc import Sequence

from marketplace.bounties.queries import free_among
from marketplace.bounties.rules import worst_case
from marketplace.foundation import clock
from marketplace.foundation.money import zero
from marketplace.foundation.show import day_in_words
from marketplace.referrals.deadlines import ACCEPTED_BY_DEFAULT, add_business_days
from marketplace.referrals.models import Lead, Moderation
from marketplace.referrals.reserving import possible_among


def waiting_for_funds(leads: Sequence[Lead]) -> set[str]:
    """Those of them in review for which too little is free, each by itself."""
    asked = [lead for lead in leads if lead.moderation is Moderation.IN_REVIEW]
    if not asked:
        return set()
    free, possible = free_among([lead.bounty for lead in asked]), possible_among(asked)
    return {lead.id for lead in asked if min(possible[lead.id], worst_case(lead.terms)) > free.get(
        lead.bounty_id, zero(lead.terms.currency))}


def wait_in_words(lead: Lead) -> str:
    """What silence does with one of those."""
    at_last = add_business_days(lead.submitted_at, ACCEPTED_BY_DEFAULT)
    day = day_in_words(at_last) if clock.now() < at_last else ""
    if lead.bounty.is_closed:
        return (f"The bounty is closed and has no funds for it: it is rejected{f' by {day}' if day else ''}, unless "
                "somebody decides before.")
    after = f", after {day} also without a decision" if day else ""
    return (f"It waits for the bounty’s funds and keeps its place: it can be accepted once there are some{after}. "
            "If the bounty closes before, it is rejected.")
