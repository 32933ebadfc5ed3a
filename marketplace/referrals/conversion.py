"""The sale, recorded once: unique on (business, source, external id), with the reward it earns."""
from datetime import date

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from marketplace.foundation import audit
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict
from marketplace.foundation.money import Money
from marketplace.referrals.models import Conversion, ConversionSource, Lead
from marketplace.referrals.rewards import earn_reward


class AlreadyCounted(Conflict):
    code = "already_counted"


def record_conversion(
    lead: Lead, amount: Money, occurred_on: date, *, source: ConversionSource, external_id: str, by: str
) -> Conversion:
    """AlreadyCounted (409) when this order was recorded before, for whichever lead."""
    seen = db.session.scalar(select(Conversion.id).where(
        Conversion.business_id == lead.business_id, Conversion.source == source,
        Conversion.external_id == external_id))
    if seen is not None:
        raise _already_counted()
    conversion = Conversion(
        business_id=lead.business_id, bounty_id=lead.bounty_id, lead_id=lead.id, source=source,
        external_id=external_id, amount=amount, occurred_on=occurred_on,
        payload={"amount_minor": amount.minor, "currency": amount.currency, "order_number": external_id})
    try:
        with db.session.begin_nested():
            db.session.add(conversion)
    except IntegrityError as error:  # The same order at this very moment, for another lead.
        raise _already_counted() from error
    audit.record("conversion.approved", conversion.id, by=by, source=source)
    earn_reward(lead, conversion, by=by)
    return conversion


def _already_counted() -> AlreadyCounted:
    return AlreadyCounted(
        "This order has been counted already.", next_step="Check the order number, or look at your other leads.")
