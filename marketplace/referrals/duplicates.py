"""The same buyer pointed out twice to one business: found by the post's address or the buyer's."""
from sqlalchemy import or_, select, text

from marketplace.foundation.db import db
from marketplace.referrals.models import LIVE_LEADS, Lead


def find_live_twin(lead: Lead) -> Lead | None:
    """The live lead of the same business for the same post or buyer; the earliest, if there are two."""
    same = [column == value for column, value in
            ((Lead.post_hash, lead.post_hash), (Lead.buyer_hash, lead.buyer_hash)) if value]
    if not same:
        return None
    with db.session.no_autoflush:
        return db.session.scalar(
            select(Lead).where(
                Lead.business_id == lead.business_id, Lead.id != lead.id, or_(*same), text(f"leads.{LIVE_LEADS}"))
            .order_by(Lead.submitted_at, Lead.id).limit(1))
