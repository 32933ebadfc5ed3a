"""Where the buyer lives, as they say with their yes: its law counts too. What it forbids is told, and comes free."""
from marketplace.bounties.gate import FREEST_FIRST, is_gated
from marketplace.bounties.models import For
from marketplace.foundation import audit, outbox
from marketplace.foundation.db import db
from marketplace.referrals.lawful import ruling_of
from marketplace.referrals.models import Lead
from marketplace.referrals.reserving import free_what_cannot_be_earned


def asks_for_place(lead: Lead) -> bool:
    """Where no law limits rewards nobody needs to know."""
    return is_gated(lead.terms.category)


def learn_place(lead: Lead, jurisdiction: str) -> None:
    """Of a yes that counts from now on, with the lead and its funds locked. "" is not said, and changes nothing.

    A stricter ruling is kept on the lead, so that it stands when the place itself is erased; a freer raises nothing.
    """
    if not jurisdiction or not asks_for_place(lead):
        return
    before = ruling_of(lead)
    lead.buyer_jurisdiction = jurisdiction
    now = ruling_of(lead)
    if now.rule is None or FREEST_FIRST.index(now.allows) <= FREEST_FIRST.index(before.allows):
        return
    lead.allowed, lead.gate_rule_id = now.allows, now.rule.id
    lost = [part for part in lead.terms.rules if now.forbids(part) and not before.forbids(part)]
    if not lost:
        return
    audit.record("lead.lowered", lead.id, by=audit.SYSTEM)  # Not by which rule: it names a place, and the trail stays.
    db.session.flush()
    free_what_cannot_be_earned(lead, why="the law where the buyer lives allows less")
    if any(part.whom is For.REFERRER for part in lost):
        outbox.promise("send_letter", key=f"referrer_lowered:{lead.id}", letter="referrer_lowered", lead_id=lead.id)
