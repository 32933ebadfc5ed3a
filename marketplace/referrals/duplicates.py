"""The same buyer pointed out twice to one business: found by the address of the post, or the buyer's own or handle."""
from sqlalchemy import or_, select, text

from marketplace.foundation import audit, outbox
from marketplace.foundation.db import db
from marketplace.referrals import lifecycle
from marketplace.referrals.models import LIVE_LEADS, Lead, Moderation


def find_live_twin(lead: Lead) -> Lead | None:
    """The live lead of the same business for the same post or buyer; the earliest, if there are two."""
    same = [column == value for column, value in
            ((Lead.post_hash, lead.post_hash), (Lead.buyer_hash, lead.buyer_hash),
             (Lead.handle_hash, lead.handle_hash)) if value]
    if not same:
        return None
    with db.session.no_autoflush:
        return db.session.scalar(
            select(Lead).where(
                Lead.business_id == lead.business_id, Lead.id != lead.id, or_(*same), text(f"leads.{LIVE_LEADS}"))
            .order_by(Lead.submitted_at, Lead.id).limit(1))


def become_duplicate(lead: Lead, *, of: Lead, by: str = audit.SYSTEM) -> None:
    """A lead turns out to be a second one only later: it is kept, explained, open to appeal."""
    lead.duplicate_of_id = of.id
    lifecycle.move(lead, Moderation.DUPLICATE, by=by)
    tell_both(lead, of=of)


def tell_both(lead: Lead, *, of: Lead) -> None:
    """The one who was second, with the way to appeal; and the one who was first, of the first such lead alone."""
    outbox.promise("send_letter", letter="lead_duplicate", lead_id=lead.id)
    if lead.referrer_id != of.referrer_id:
        outbox.promise("send_letter", key=f"lead_seconded:{of.id}", letter="lead_seconded", lead_id=of.id)
