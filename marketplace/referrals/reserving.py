"""What stays reserved for a lead: the most that can still be earned with it. The rest comes free."""
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import bindparam, select, text

from marketplace.bounties.gate import Ruling
from marketplace.bounties.publishing import note_funds_came_free
from marketplace.bounties.rest import Past, most_left
from marketplace.bounties.rules import worst_case
from marketplace.foundation import clock
from marketplace.foundation.db import facts
from marketplace.foundation.money import Money, zero
from marketplace.payments.money_in import funds
from marketplace.referrals.lawful import ruling_of, rulings_of
from marketplace.referrals.models import (
    LIVE_DISPUTES,
    Conversion,
    ConversionKind,
    ConversionState,
    Dispute,
    DisputeKind,
    Lead,
    Moderation,
    Stage,
)
from marketplace.referrals.queries import find_conversion, is_found_false
from marketplace.referrals.sale_value import SALES

CLOSED = frozenset({Stage.LOST, Stage.UNQUALIFIED})
ON_TOP = frozenset({DisputeKind.WRONG_AMOUNT})  # Of what is kept for a sale that is made already.

PAST = select(
    Conversion.lead_id, Conversion.kind, Conversion.number, Conversion.amount_minor, Conversion.currency,
    Conversion.occurred_on, Conversion.state, Conversion.renewals_ended_at).where(
    Conversion.lead_id.in_(bindparam("lead_ids", expanding=True)))

CLAIMED = select(Dispute.kind, Dispute.reserved_minor).where(
    Dispute.lead_id == bindparam("lead_id"), text(f"disputes.{LIVE_DISPUTES}"))


def still_possible(lead: Lead, *, sale_of: Money | None = None) -> Money:
    """Shares and fees that may yet come of this lead; nothing after a sale that was wholly refunded.

    ``sale_of``: as if its sale had come to so much.
    """
    return _possible(lead, facts(PAST, {"lead_ids": [lead.id]}).all(), ruling_of(lead), sale_of)


def possible_among(leads: Sequence[Lead]) -> dict[str, Money]:
    """The same of many, by lead, in a few statements."""
    past: dict[str, list[Any]] = {lead.id: [] for lead in leads}
    for one in facts(PAST, {"lead_ids": list(past)}) if past else ():
        past[one.lead_id].append(one)
    rulings = rulings_of(leads)
    return {lead.id: _possible(lead, past[lead.id], rulings[lead.id]) for lead in leads}


def _possible(lead: Lead, found: Sequence[Any], ruling: Ruling, sale_of: Money | None = None) -> Money:
    sale = next((one for one in found if one.kind is ConversionKind.SALE), None)
    parts = [one for one in found if one.kind in SALES]
    if parts and sale_of is None and all(one.state is ConversionState.REVERSED for one in parts):
        return zero(lead.terms.currency)
    recorded = Money(sum(one.amount_minor for one in parts), lead.terms.currency)
    return most_left(lead.terms, ruling=ruling, past=Past(
        is_qualified=any(one.kind is ConversionKind.QUALIFIED for one in found),
        sale=(sale_of or recorded) if sale else None,
        later=frozenset(one.number for one in found if one.kind is ConversionKind.LATER),
        renewals=sum(one.kind is ConversionKind.RENEWAL for one in found),
        months=whole_months(sale.occurred_on, clock.now().date()) if sale else 0,
        may_renew=sale is None or sale.renewals_ended_at is None))


def free_what_cannot_be_earned(lead: Lead, *, why: str) -> None:
    """reserved -> funds, of what goes beyond it and beyond what open disputes are about."""
    _free_beyond(lead, _with_disputes(lead, min(still_possible(lead), worst_case(lead.terms))), why)


def free_reserved(lead: Lead, *, why: str) -> None:
    """reserved -> funds, when a lead ends; without a sale nothing stays but what open disputes are about."""
    _free_beyond(lead, what_stays(lead), why)


def what_stays(lead: Lead) -> Money:
    """Of what is reserved: what may still come of the lead, nothing once it is over or found false; and what open
    disputes are about, also where the business closes the lead meanwhile."""
    if is_over(lead) or is_found_false(lead.id):
        return _with_disputes(lead, zero(lead.terms.currency))
    return _with_disputes(lead, min(still_possible(lead), worst_case(lead.terms)))


def _with_disputes(lead: Lead, possible: Money) -> Money:
    claimed = facts(CLAIMED, {"lead_id": lead.id}).all()
    on_top = sum(one.reserved_minor for one in claimed if one.kind in ON_TOP)
    most = max((one.reserved_minor for one in claimed if one.kind not in ON_TOP), default=0)
    return max(possible, Money(most, possible.currency)) + Money(on_top, possible.currency)


def _free_beyond(lead: Lead, keep: Money, why: str) -> None:
    funds.free_beyond(lead.id, bounty_id=lead.bounty_id, keep=keep, why=why)
    note_funds_came_free(lead.bounty)


def is_over(lead: Lead) -> bool:
    """Closed, by whomever, and nothing was sold."""
    is_closed = lead.moderation is not Moderation.ACCEPTED or lead.stage in CLOSED
    return is_closed and find_conversion(lead) is None


def whole_months(start: date, end: date) -> int:
    """How many months of the calendar have gone by. 31 January to 28 February is one, as contracts are renewed: on the
    same day, or on the last one of a month that has none such."""
    is_last_day = (end + timedelta(days=1)).day == 1
    return (end.year - start.year) * 12 + end.month - start.month - (end.day < start.day and not is_last_day)
