"""Leads that nobody can accept yet: their bounty has less free than one of them may cost."""
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import func, select

from marketplace.bounties.models import BountyState
from marketplace.bounties.publishing import FUNDED_AGAIN
from marketplace.bounties.queries import free_among
from marketplace.bounties.rules import worst_case
from marketplace.foundation import clock
from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import db
from marketplace.foundation.money import zero
from marketplace.foundation.show import day_in_words
from marketplace.referrals.deadlines import RETRY_DEFAULT, accepted_by_default, decision_due
from marketplace.referrals.models import Lead, Moderation
from marketplace.referrals.queries import moderation_queue
from marketplace.referrals.reserving import possible_among


def waiting_for_funds(leads: Sequence[Lead]) -> set[str]:
    """Those of them in review for which too little is free, each by itself."""
    asked = [lead for lead in leads if lead.moderation is Moderation.IN_REVIEW]
    if not asked:
        return set()
    free, possible = free_among([lead.bounty for lead in asked]), possible_among(asked)
    return {lead.id for lead in asked if min(possible[lead.id], worst_case(lead.terms)) > free.get(
        lead.bounty_id, zero(lead.terms.currency))}


def dues_among(leads: Sequence[Lead]) -> dict[str, datetime]:
    """By when each is decided, counted from when its funds came where it waited for them; missing while it does."""
    unfunded = waiting_for_funds(leads)
    funded = [lead for lead in leads if lead.id not in unfunded]
    came = _funds_came([lead.bounty_id for lead in funded])
    return {lead.id: _due(lead, came.get(lead.bounty_id)) for lead in funded}


def find_due(lead: Lead) -> datetime | None:
    return dues_among([lead]).get(lead.id)


def count_overdue(now: datetime) -> int:
    """Leads whose decision is due by now: business days are counted here, the waiting ones are few."""
    waiting = db.session.execute(moderation_queue().with_only_columns(Lead.id, Lead.submitted_at))
    old = [lead_id for lead_id, submitted_at in waiting if decision_due(submitted_at) < now]
    if not old:
        return 0
    leads = db.session.scalars(moderation_queue().where(Lead.id.in_(old))).all()
    return sum(due < now for due in dues_among(leads).values())


def count_waiting(bounty_ids: Collection[str]) -> Counter[str]:
    """How many leads of each wait for its funds."""
    leads = db.session.scalars(moderation_queue().where(Lead.bounty_id.in_(bounty_ids))).all()
    unfunded = waiting_for_funds(leads)
    return Counter(lead.bounty_id for lead in leads if lead.id in unfunded)


def waiting_in_words(count: int) -> str:
    """To the business, which learns nothing else of them before they are accepted."""
    if not count:
        return ""
    return ("One lead waits for its funds already, and keeps its place." if count == 1 else
            f"{count} leads wait for their funds already, and keep their place.")


def _funds_came(bounty_ids: Collection[str]) -> dict[str, datetime]:
    """When those that had paused for want of funds last went on."""
    if not bounty_ids:
        return {}
    found = db.session.execute(select(AuditEvent.subject_id, func.max(AuditEvent.created_at)).where(
        AuditEvent.subject_id.in_(bounty_ids), AuditEvent.action == f"bounty.{BountyState.LIVE}",
        AuditEvent.details["reason"].as_string() == FUNDED_AGAIN).group_by(AuditEvent.subject_id))
    return dict(found.all())


def _due(lead: Lead, came: datetime | None) -> datetime:
    if came is None or came <= lead.submitted_at:
        return decision_due(lead.submitted_at)
    if lead.is_held:
        return decision_due(came)
    return min(decision_due(came), max(accepted_by_default(lead.submitted_at), came + RETRY_DEFAULT))


def wait_in_words(lead: Lead) -> str:
    """What silence does with one of those."""
    at_last = accepted_by_default(lead.submitted_at)
    day = day_in_words(at_last) if clock.now() < at_last else ""
    if lead.bounty.is_closed:
        return (f"The bounty is closed and has no funds for it: it is rejected{f' by {day}' if day else ''}, unless "
                "somebody decides before.")
    after = f", after {day} also without a decision" if day else ""
    return (f"It waits for the bounty’s funds and keeps its place: it can be accepted once there are some{after}. "
            "If the bounty closes before, it is rejected.")
