"""The most urgent lead that an admin may decide and that nobody else has open."""
from collections.abc import Iterator

from sqlalchemy import select

from marketplace.foundation import clock
from marketplace.foundation.db import db
from marketplace.identity.models import User
from marketplace.referrals.desk.claims import claim_lead
from marketplace.referrals.desk.deciders import may_open
from marketplace.referrals.models import Lead, LeadClaim
from marketplace.referrals.queries import moderation_queue

AT_ONCE = 50  # Leads read in one look; whoever has a stake in all of them is shown the next ones.


def claim_next(*, by: User, besides: str = "") -> Lead | None:
    """By the clock: who waits longest comes first. ``besides`` is the one just put down. None: nothing is left."""
    for lead in _waiting(by):
        if lead.id != besides and may_open(by, lead) and claim_lead(lead, by=by):
            return lead
    return None


def _waiting(user: User) -> Iterator[Lead]:
    others = select(LeadClaim.lead_id).where(LeadClaim.until > clock.now(), LeadClaim.user_id != user.id)
    free = moderation_queue().where(Lead.id.not_in(others), Lead.referrer_id != user.id)
    read = 0
    while found := db.session.scalars(free.offset(read).limit(AT_ONCE)).all():
        yield from found
        read += len(found)
