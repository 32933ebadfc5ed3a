"""What stays reserved for a lead: the most that can still be earned with it. The rest comes free."""
from datetime import date, timedelta

from sqlalchemy import bindparam, func, select, text

from marketplace.bounties.publishing import note_funds_came_free
from marketplace.bounties.rest import Past, most_left
from marketplace.foundation import clock
from marketplace.foundation.db import db, facts
from marketplace.foundation.money import Money, zero
from marketplace.payments.money_in import funds
from marketplace.referrals.lawful import ruling_of
from marketplace.referrals.models import (
    LIVE_DISPUTES,
    Conversion,
    ConversionKind,
    ConversionState,
    Dispute,
    Lead,
)

PAST = select(
    Conversion.kind, Conversion.number, Conversion.amount_minor, Conversion.currency, Conversion.occurred_on,
    Conversion.state, Conversion.renewals_ended_at).where(Conversion.lead_id == bindparam("lead_id"))


def still_possible(lead: Lead) -> Money:
    """Shares and fees that may yet come of this lead; nothing after a sale that was wholly refunded."""
    found = facts(PAST, {"lead_id": lead.id}).all()
    sale = next((one for one in found if one.kind is ConversionKind.SALE), None)
    if sale is not None and sale.state is ConversionState.REVERSED:
        return zero(lead.terms.currency)
    return most_left(lead.terms, ruling=ruling_of(lead), past=Past(
        is_qualified=any(one.kind is ConversionKind.QUALIFIED for one in found),
        sale=Money(sale.amount_minor, sale.currency) if sale else None,
        later=frozenset(one.number for one in found if one.kind is ConversionKind.LATER),
        renewals=sum(one.kind is ConversionKind.RENEWAL for one in found),
        months=whole_months(sale.occurred_on, clock.now().date()) if sale else 0,
        may_renew=sale is None or sale.renewals_ended_at is None))


def free_what_cannot_be_earned(lead: Lead, *, why: str) -> None:
    """reserved -> funds, of what goes beyond it."""
    funds.free_beyond(lead.id, bounty_id=lead.bounty_id, keep=still_possible(lead), why=why)
    note_funds_came_free(lead.bounty)


def kept_for_disputes(lead: Lead) -> Money:
    """Of what is reserved: as much stays until they are over, also where the business closes the lead meanwhile."""
    kept = db.session.scalar(select(func.max(Dispute.reserved_minor)).where(
        Dispute.lead_id == lead.id, text(f"disputes.{LIVE_DISPUTES}")))
    return Money(int(kept or 0), lead.terms.currency)


def whole_months(start: date, end: date) -> int:
    """How many months of the calendar have gone by. 31 January to 28 February is one, as contracts are renewed: on the
    same day, or on the last one of a month that has none such."""
    is_last_day = (end + timedelta(days=1)).day == 1
    return (end.year - start.year) * 12 + end.month - start.month - (end.day < start.day and not is_last_day)
