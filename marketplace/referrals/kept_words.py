"""What a party writes of a lead beside a step: kept encrypted, and erased with the lead. The trail, which nobody can
change, has its id alone."""
from sqlalchemy import select

from marketplace.foundation.db import db
from marketplace.referrals.models import Lead, LeadWords


def keep_words(lead: Lead, text: str) -> str:
    """Its id, for ``words`` in the details of the trail; "" where nothing was written."""
    if not text:
        return ""
    kept = LeadWords(lead_id=lead.id, text=text)
    db.session.add(kept)
    db.session.flush()
    return kept.id


def words_kept(lead: Lead) -> list[LeadWords]:
    """Oldest first; of what was erased nothing."""
    return [one for one in db.session.scalars(
        select(LeadWords).where(LeadWords.lead_id == lead.id).order_by(LeadWords.id)) if one.text]
