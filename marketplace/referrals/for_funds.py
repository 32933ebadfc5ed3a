"""Leads that nobody can accept yet: their bounty has less free than one of them may cost."""
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import select

from marketplace.bounties.models import Bounty
from marketplace.bounties.queries import free_among
from marketplace.bounties.rules import worst_case
from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import db
from marketplace.foundation.money import zero
from marketplace.foundation.show import day_in_words
from marketplace.payments.locks import lock_funds
from marketplace.referrals.deadlines import RETRY_DEFAULT, accepted_by_default, decision_due
from marketplace.referrals.models import Lead, Moderation
from marketplace.referrals.queries import moderation_queue
from marketplace.referrals.reserving import possible_among

WAITS, CAME = "lead.waits_for_funds", "lead.has_funds"  # Of the trail; from the second on its decision is due.
UNDECIDED = (Moderation.SUBMITTED, Moderation.IN_REVIEW, Moderation.NEEDS_INFO)


def waiting_for_funds(leads: Sequence[Lead]) -> set[str]:
    """Those of them in review for which too little is free, each by itself."""
    return unfunded_among([lead for lead in leads if lead.moderation is Moderation.IN_REVIEW])


def unfunded_among(leads: Sequence[Lead]) -> set[str]:
    """The same, of leads that reserve nothing yet."""
    if not leads:
        return set()
    free, possible = free_among([lead.bounty for lead in leads]), possible_among(leads)
    return {lead.id for lead in leads if min(possible[lead.id], worst_case(lead.terms)) > free.get(
        lead.bounty_id, zero(lead.terms.currency))}


def undecided_of(bounty_id: str) -> list[Lead]:
    """Those that reserve nothing yet."""
    return list(db.session.scalars(select(Lead).where(
        Lead.bounty_id == bounty_id, Lead.moderation.in_(UNDECIDED)).order_by(Lead.submitted_at, Lead.id)))


def note_wait_told(bounty_id: str) -> None:
    """Once referrers were told that their leads wait for funds."""
    note_wait(undecided_of(bounty_id))


def note_wait(leads: Sequence[Lead]) -> None:
    """Once each, until their funds come."""
    unfunded = unfunded_among(leads)
    for lead_id in unfunded - _waited([one for one in leads if one.id in unfunded]):
        audit.record(WAITS, lead_id, by=audit.SYSTEM)


def note_funds_came(bounty_id: str) -> None:
    """Job, when a bounty got funds, in whatever state it is: what waited for them, and has enough by now, is due from
    now on, and those are told whom it concerns."""
    bounty = db.session.get_one(Bounty, bounty_id)
    if bounty.is_closed:
        return
    lock_funds((bounty.id, bounty.currency))
    leads = undecided_of(bounty.id)
    come, now = _waited(leads) - unfunded_among(leads), clock.now()
    for lead_id in come:
        audit.record(CAME, lead_id, by=audit.SYSTEM)
    for letter in ("leads_have_funds", "lead_has_funds") if come else ():
        outbox.promise("send_letter", letter=letter, bounty_id=bounty.id, since=now.isoformat())


def look_again(lead: Lead) -> None:
    """By its own clock: funds come free in many ways, and go."""
    if waiting_for_funds([lead]):
        note_wait([lead])
    elif _waited([lead]):
        note_funds_came(lead.bounty_id)


def have_funds_since(bounty_id: str, since: str) -> list[Lead]:
    """Undecided leads whose funds came then or later, and are there still. A mail that was promised before leads were
    noted one by one does not say since when: any of them."""
    leads = undecided_of(bounty_id)
    come = {lead_id for lead_id, (action, at) in _marks(leads).items() if action == CAME and at >= (
        datetime.fromisoformat(since))} if since else {lead.id for lead in leads}
    gone = unfunded_among([lead for lead in leads if lead.id in come])
    return [lead for lead in leads if lead.id in come - gone]


def dues_among(leads: Sequence[Lead]) -> dict[str, datetime]:
    """By when each is decided, counted from when its funds came where it waited for them; missing while it does."""
    unfunded = waiting_for_funds(leads)
    funded = [lead for lead in leads if lead.id not in unfunded]
    marks, now = _marks(funded), clock.now()
    came = {lead_id: at if action == CAME else now for lead_id, (action, at) in marks.items()}
    return {lead.id: _due(lead, came.get(lead.id)) for lead in funded}


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


def _waited(leads: Sequence[Lead]) -> set[str]:
    """Those of which was noted that they wait, and not yet that their funds came."""
    return {lead_id for lead_id, (action, _) in _marks(leads).items() if action == WAITS}


def _marks(leads: Sequence[Lead]) -> dict[str, tuple[str, datetime]]:
    """What was noted last of each, and when."""
    found = db.session.execute(select(AuditEvent.subject_id, AuditEvent.action, AuditEvent.created_at).where(
        AuditEvent.subject_id.in_([lead.id for lead in leads]), AuditEvent.action.in_((WAITS, CAME)))
        .order_by(AuditEvent.id)) if leads else ()
    return {lead_id: (action, at) for lead_id, action, at in found}


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
    return (f"It waits for the bounty’s funds and keeps its place: it can be accepted once there are enough{after}. "
            "If the bounty closes before, it is rejected.")
