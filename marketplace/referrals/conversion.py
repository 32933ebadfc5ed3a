"""An event that the bounty pays for, recorded once: unique on (business, source, external id), with what it earns."""
from datetime import date

from marketplace.bounties.rules import Event
from marketplace.foundation import audit
from marketplace.foundation.db import db, insert_unless_there
from marketplace.foundation.errors import Conflict
from marketplace.foundation.money import Money, zero
from marketplace.referrals.caps import used_up
from marketplace.referrals.lawful import price_for
from marketplace.referrals.models import Conversion, ConversionKind, ConversionSource, Lead
from marketplace.referrals.rewards import award


class AlreadyCounted(Conflict):
    code = "already_counted"


def record_conversion(
    lead: Lead, event: Event, occurred_on: date, *, kind: ConversionKind, source: ConversionSource, external_id: str,
    by: str, amount: Money | None = None, sale: Conversion | None = None, number: int = 1,
) -> Conversion:
    """With what ``event`` earns. AlreadyCounted (409) when it was recorded before, for whichever lead.

    ``amount``: the value of a sale or a renewal; ``sale``: the one that a later part or a renewal follows.
    """
    value, used = amount or zero(lead.terms.currency), used_up(lead)
    preview = price_for(lead, event, used)
    conversion: Conversion | None = db.session.scalar(insert_unless_there(Conversion, Conversion), {
        "business_id": lead.business_id, "bounty_id": lead.bounty_id, "lead_id": lead.id, "kind": kind,
        "source": source, "sale_id": sale.id if sale else None, "number": number, "external_id": external_id,
        "amount_minor": value.minor, "currency": value.currency, "occurred_on": occurred_on, "payload": {
            "amount_minor": value.minor, "currency": value.currency, "order_number": external_id,
            "lines": [[words, part.minor if part else None] for words, part in preview.lines]}})
    if conversion is None:
        raise AlreadyCounted(
            "This order has been counted already.", next_step="Check the order number, or look at your other leads.")
    audit.record("conversion.approved", conversion.id, by=by, kind=kind, source=source, number=number)
    award(lead, conversion, preview, used, by=by)
    return conversion
