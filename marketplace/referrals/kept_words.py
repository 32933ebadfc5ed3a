"""What a business or an admin writes of a lead beside a step: kept encrypted, erased with the lead. The trail, which
nobody can change, has its id alone."""
from collections.abc import Sequence

from sqlalchemy import select

from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import db
from marketplace.referrals.models import Lead, LeadWords


def keep_words(lead: Lead, text: str, *, by_admin: bool = False) -> str:
    """Its id, for ``words`` in the details of the trail; "" where nothing was written."""
    if not text:
        return ""
    kept = LeadWords(lead_id=lead.id, text=text, by_admin=by_admin)
    db.session.add(kept)
    db.session.flush()
    return kept.id


def words_kept(lead: Lead) -> list[LeadWords]:
    """Oldest first; of what was erased nothing."""
    return [one for one in db.session.scalars(
        select(LeadWords).where(LeadWords.lead_id == lead.id).order_by(LeadWords.id)) if one.text]


def words_beside(action: str, lead_ids: Sequence[str]) -> dict[str, str]:
    """By lead: what was written beside its last step of this name, in two statements; of what was erased nothing."""
    if not lead_ids:
        return {}
    steps = db.session.execute(select(AuditEvent.subject_id, AuditEvent.details).where(
        AuditEvent.subject_id.in_(lead_ids), AuditEvent.action == action).order_by(AuditEvent.id))
    beside = {lead_id: details.get("words", "") for lead_id, details in steps}
    kept = {one.id: one.text for one in db.session.scalars(
        select(LeadWords).where(LeadWords.id.in_(list(beside.values()))))}
    return {lead_id: kept[words] for lead_id, words in beside.items() if kept.get(words)}
