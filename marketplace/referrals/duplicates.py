"""The same buyer pointed out twice to one business: found by the address of the post, or the buyer's own or handle."""
from sqlalchemy import text

from marketplace.foundation import audit, outbox
from marketplace.foundation.db import db
from marketplace.referrals import lifecycle
from marketplace.referrals.models import LIVE_LEADS, Lead, Moderation

MARKS = ("post_hash", "buyer_hash", "handle_hash")  # Each with its partial unique index on live leads.

# One part for each index: asked as one condition with OR, a database may read all leads of the business instead.
_BY = (f"SELECT id, submitted_at FROM leads WHERE business_id = :business_id AND {LIVE_LEADS} "  # noqa: S608 - our words
       "AND id <> :lead_id AND {mark} = :{mark}")
_TWIN = text(" UNION ALL ".join(_BY.format(mark=mark) for mark in MARKS) + " ORDER BY 2, 1 LIMIT 1")


def find_live_twin(lead: Lead) -> Lead | None:
    """The live lead of the same business for the same post or buyer; the earliest, if there are two."""
    marks = {mark: getattr(lead, mark) for mark in MARKS}
    if not any(marks.values()):
        return None
    with db.session.no_autoflush:
        found = db.session.execute(
            _TWIN, {"business_id": lead.business_id, "lead_id": lead.id or "", **marks}).first()
        return db.session.get_one(Lead, found.id) if found else None


def give_way(lead: Lead) -> None:
    """It comes back to a queue in which its place was taken meanwhile: both stand side by side from now on, so this one
    gives up its own in the first-come indexes."""
    twin = find_live_twin(lead)
    if twin is not None or lead.moderation is Moderation.DUPLICATE:
        lead.duplicate_of_id = twin.id if twin is not None else lead.duplicate_of_id
        lead.post_hash = lead.buyer_hash = lead.handle_hash = None


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
