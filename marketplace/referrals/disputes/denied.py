"""The business's no to the buyer's word: until when the referrer may dispute it."""
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from marketplace.foundation import clock
from marketplace.foundation.db import db
from marketplace.referrals.disputes.subjects import OPEN_WITHIN, kind_of_missing
from marketplace.referrals.models import Dispute, Lead
from marketplace.referrals.ownership import counted_elsewhere
from marketplace.referrals.queries import found_false_among, sales_by_lead
from marketplace.referrals.said_bought import denied_among
from marketplace.referrals.stages import is_introduced


def disputes_no_until(lead: Lead) -> datetime | None:
    """Until when the referrer may dispute the business's no to the buyer's word; None where they may not, or do."""
    return noes_to_dispute([lead]).get(lead.id)


def noes_to_dispute(leads: Sequence[Lead]) -> dict[str, datetime]:
    """The same of many, by lead, in a few statements."""
    noes = denied_among([lead.id for lead in leads]) if leads else {}
    kinds = {lead: kind_of_missing(lead) for lead in leads
             if lead.id in noes and clock.now() <= noes[lead.id] + OPEN_WITHIN and is_introduced(lead)}
    open_yet = [lead for lead, kind in kinds.items() if kind is not None]
    if not open_yet:
        return {}
    ids = [lead.id for lead in open_yet]
    disputed = {(row[0], row[1]) for row in db.session.execute(select(Dispute.lead_id, Dispute.kind).where(
        Dispute.lead_id.in_(ids), Dispute.ended_at.is_(None)))}
    gone = found_false_among(ids) | set(sales_by_lead(ids)) | set(counted_elsewhere(open_yet))
    return {lead.id: noes[lead.id] + OPEN_WITHIN for lead in open_yet
            if lead.id not in gone and (lead.id, kinds[lead]) not in disputed}
