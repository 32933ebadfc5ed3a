"""Reads. A link is its referrer's; what is open about it is at /r/<code>."""
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from marketplace.foundation.db import db
from marketplace.foundation.errors import NotFound
from marketplace.identity.models import User
from marketplace.tracking.models import ReferralLink


def get_link(link_id: str, *, seen_by: User) -> ReferralLink:
    """Their own; with its bounty and referrer."""
    found = db.session.scalar(
        select(ReferralLink).options(joinedload(ReferralLink.bounty), joinedload(ReferralLink.referrer))
        .where(ReferralLink.id == link_id, ReferralLink.referrer_id == seen_by.id))
    if found is None:
        raise NotFound("There is no such link.", next_step="See your links.")
    return found
