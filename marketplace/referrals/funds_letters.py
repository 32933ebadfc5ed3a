"""What a business, and the referrers whose leads wait, are told when a bounty has no funds, and when it has again."""
from collections.abc import Callable

from marketplace.bounties.models import Bounty
from marketplace.bounties.publishing import OUT_OF_FUNDS
from marketplace.foundation.db import db
from marketplace.foundation.mail import Mail
from marketplace.foundation.show import day_in_words
from marketplace.referrals.for_funds import (
    count_waiting,
    dues_among,
    have_funds_since,
    undecided_of,
    unfunded_among,
    waiting_in_words,
)
from marketplace.referrals.letters import to_members, to_referrer
from marketplace.referrals.models import Moderation


def bounty_out_of_funds(bounty_id: str) -> list[Mail]:
    """How many leads wait, and nothing else of them: none is accepted."""
    bounty = db.session.get_one(Bounty, bounty_id)
    if bounty.paused_because != OUT_OF_FUNDS:
        return []
    waits = waiting_in_words(count_waiting([bounty.id])[bounty.id])
    return to_members(
        bounty.business, "Your bounty is paused",
        f"“{bounty.title}” has no free funds for one more lead, so it takes none for now. {waits}".strip(),
        "Fund it and it continues automatically.", path=f"/bounties/{bounty.id}", label="Open the bounty")


def lead_waits_for_funds(bounty_id: str) -> list[Mail]:
    """To everybody whose lead is not decided yet, and could not be: an accepted one has its reward reserved."""
    bounty = db.session.get_one(Bounty, bounty_id)
    if bounty.paused_because != OUT_OF_FUNDS:
        return []
    leads = undecided_of(bounty.id)
    unfunded = unfunded_among(leads)
    return [mail for lead in leads if lead.id in unfunded for mail in to_referrer(
        lead, "Your lead waits for funds",
        f"{bounty.business.name} has no free money for one more lead of “{bounty.title}” just now. We have told them.",
        "Your lead keeps its place and its terms. It goes on as soon as the bounty is funded again; if the bounty "
        "closes before, it is rejected.")]


def lead_has_funds(bounty_id: str, since: str = "") -> list[Mail]:
    """To those whose lead waited for them, and is not decided yet."""
    leads = have_funds_since(bounty_id, since)
    dues = dues_among(leads)
    return [mail for lead in leads for mail in to_referrer(
        lead, "The funds for your lead have come",
        f"“{lead.bounty.title}” of {lead.business.name} has funds for it again, so your lead goes on. Its terms are as "
        "before.",
        "Answer our question; then a moderator decides." if lead.moderation is Moderation.NEEDS_INFO else
        f"The decision is due by {day_in_words(dues[lead.id])}.")]


LETTERS: dict[str, Callable[..., list[Mail]]] = {
    letter.__name__: letter for letter in (bounty_out_of_funds, lead_waits_for_funds, lead_has_funds)
}
