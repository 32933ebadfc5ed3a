"""An event that the bounty pays for, recorded once: unique on (business, source, external id), with what it earns."""
from datetime import date

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from marketplace.bounties.rules import Event
from marketplace.foundation import audit
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict
from marketplace.foundation.money import Money, zero
from marketplace.referrals.models import Conversion, ConversionKind, ConversionSource, Lead
from marketplace.referrals.rewards import earn


class AlreadyCounted(Conflict):
    code = "already_counted"


def record_conversion(
    lead: Lead, event: Event, occurred_on: date, *, kind: ConversionKind, source: ConversionSource, external_id: str,
    by: str, amount: Money | None = None, sale: Conversion | None = None, number: int = 1,
) -> Conversion:
    """With what ``event`` earns. AlreadyCounted (409) when it was recorded before, for whichever lead.

    ``amount``: the value of a sale or a renewal; ``sale``: the one that a later part or a renewal follows.
    """
    value = amount or zero(lead.terms.currency)
    seen = db.session.scalar(select(Conversion.id).where(
        Conversion.business_id == lead.business_id, Conversion.source == source,
        Conversion.external_id == external_id))
    if seen is not None:
        raise _already_counted()
    conversion = Conversion(
        business_id=lead.business_id, bounty_id=lead.bounty_id, lead_id=lead.id, kind=kind, source=source,
        sale_id=sale.id if sale else None, number=number, external_id=external_id, amount=value,
        occurred_on=occurred_on,
        payload={"amount_minor": value.minor, "currency": value.currency, "order_number": external_id})
    try:
        with db.session.begin_nested():
            db.session.add(conversion)
    except IntegrityError as error:  # The same order at this very moment, for another lead.
        raise _already_counted() from error
    audit.record("conversion.approved", conversion.id, by=by, kind=kind, source=source, number=number)
    earn(lead, conversion, event, by=by)
    return conversion


def _already_counted() -> AlreadyCounted:
    return AlreadyCounted(
        "This order has been counted already.", next_step="Check the order number, or look at your other leads.")
