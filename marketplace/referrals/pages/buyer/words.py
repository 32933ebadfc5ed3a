"""What the buyer's page needs to know about their answer, in the buyer's words."""
from sqlalchemy import select

from marketplace.foundation.db import db
from marketplace.referrals.models import Channel, Consent, ConsentGrant, Lead


def is_over(lead: Lead) -> bool:
    """Nobody waits for this buyer's answer any more, and they gave none."""
    return lead.consent in {Consent.NO_ANSWER, Consent.UNKNOWN}


def find_grant(lead: Lead) -> ConsentGrant | None:
    """The last yes that was confirmed, taken back or not."""
    return db.session.scalar(
        select(ConsentGrant).where(ConsentGrant.lead_id == lead.id, ConsentGrant.confirmed_at.is_not(None))
        .order_by(ConsentGrant.id.desc()).limit(1))


def kinds_of_channel(channel: Channel) -> str:
    return "by phone" if channel is Channel.PHONE else "by e-mail"
