"""Nobody's data is kept behind their back: who could not be told within a month is forgotten before it is over.

GDPR Art. 14(3)(a). The day before, a lead whose buyer was not told ends, and what is kept of them is erased.
"""
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, select

from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db
from marketplace.privacy.erasing import erase_everything
from marketplace.referrals import lifecycle
from marketplace.referrals.asking import end_lead
from marketplace.referrals.legal_clocks import NOT_TOLD, told_by
from marketplace.referrals.locks import lock_funds_of
from marketplace.referrals.models import Buyer, Lead, Moderation, ReasonCode
from marketplace.referrals.queries import is_disputed

WHY = "the buyer could not be told within a month"
SPARE = timedelta(days=1)  # The job comes round daily: it never looks after the month is over.
SHORTEST_MONTH = timedelta(days=28)
AT_ONCE = 100


@dataclass(frozen=True)
class Untold:
    lead: Lead
    buyer: Buyer
    due: datetime

    @property
    def is_overdue(self) -> bool:
        return self.due <= clock.now()


def untold() -> Select[Buyer]:
    """Buyers who do not know yet that something is kept of them; who waits longest comes first."""
    return select(Buyer).where(Buyer.told_at.is_(None), Buyer.erased_at.is_(None)).order_by(Buyer.created_at, Buyer.id)


def look(buyers: "list[Buyer]") -> list[Untold]:
    leads = {lead.buyer_id: lead for lead in db.session.scalars(
        select(Lead).where(Lead.buyer_id.in_([buyer.id for buyer in buyers])))}
    return [Untold(leads[buyer.id], buyer, told_by(buyer.created_at)) for buyer in buyers if buyer.id in leads]


def forget_untold() -> None:
    """Job, daily: promises the end of each whose month is nearly over; each in its own transaction."""
    old = list(db.session.scalars(untold().where(
        Buyer.created_at <= clock.now() + SPARE - SHORTEST_MONTH).limit(AT_ONCE)))
    due = [one for one in look(old) if one.due <= clock.now() + SPARE]
    for one in due:
        outbox.promise("forget_one_untold", lead_id=one.lead.id)
    if len(due) >= AT_ONCE:
        outbox.promise("forget_untold", after=timedelta(minutes=10))


def forget_one_untold(lead_id: str) -> None:
    """Job: the lead ends, if it lives, and its buyer's data goes. Nothing if they were told meanwhile.

    What a dispute may need waits for its end (GDPR Art. 17(3)(e)): a second lead for a buyer who was told of the first.
    """
    lead = db.session.get_one(Lead, lead_id)
    lock_funds_of(lead)
    db.session.refresh(lead, with_for_update={"key_share": True, "of": Lead})
    buyer = db.session.get_one(Buyer, lead.buyer_id, populate_existing=True)
    if buyer.told_at is not None or buyer.erased_at is not None or is_disputed(lead.id):
        return
    _end(lead)
    erase_everything(lead, why=NOT_TOLD, by=audit.SYSTEM)


def _end(lead: Lead) -> None:
    """As a no of the buyer's would have ended it; no question is asked of anybody any more."""
    if lead.moderation is Moderation.ACCEPTED:
        end_lead(lead, why=WHY)
    elif lead.moderation is Moderation.NEEDS_INFO:
        lifecycle.move(lead, Moderation.EXPIRED, by=audit.SYSTEM, reason=WHY)
        outbox.promise("send_letter", letter="lead_expired", lead_id=lead.id)
    elif lead.moderation in {Moderation.SUBMITTED, Moderation.IN_REVIEW}:
        lead.reason_code = ReasonCode.NO_CONSENT
        if lead.moderation is Moderation.SUBMITTED:
            lifecycle.move(lead, Moderation.IN_REVIEW, by=audit.SYSTEM)
        lifecycle.move(lead, Moderation.REJECTED, by=audit.SYSTEM, reason=WHY)
        lead.decided_at, lead.decided_by = clock.now(), audit.SYSTEM
        outbox.promise("send_letter", letter="lead_rejected", lead_id=lead.id)
