"""An event that the bounty pays for, recorded once: unique on (business, source, external id), with what it earns."""
from datetime import date

from sqlalchemy import select

from marketplace.bounties.rules import Event
from marketplace.foundation import audit, outbox
from marketplace.foundation.db import db, insert_unless_there
from marketplace.foundation.errors import Conflict
from marketplace.foundation.money import Money, zero
from marketplace.referrals.caps import used_up
from marketplace.referrals.lawful import price_for
from marketplace.referrals.models import Conversion, ConversionKind, ConversionSource, Lead
from marketplace.referrals.rewards import award


class AlreadyCounted(Conflict):
    code = "already_counted"


def note_order(lead: Lead, order_number: str) -> None:
    """A person says the number: AlreadyCounted (409) where the order came by another way, a shop or a file, before.
    What those ways said of it without effect so far, a refund perhaps, is looked at again."""
    known = db.session.scalar(select(Conversion.id).where(
        Conversion.business_id == lead.business_id, Conversion.source.in_(list(ConversionSource)),
        Conversion.external_id == order_number,
        Conversion.kind.in_([ConversionKind.SALE, ConversionKind.RENEWAL])).limit(1))
    if known is not None:
        raise AlreadyCounted(
            "This order has been counted already.", next_step="Check the order number, or look at your other leads.")
    outbox.promise("match_order", business_id=lead.business_id, external_id=order_number)


def record_conversion(
    lead: Lead, event: Event, occurred_on: date, *, kind: ConversionKind, source: ConversionSource, external_id: str,
    by: str, amount: Money | None = None, sale: Conversion | None = None, number: int = 1, sold_as: str = "",
) -> Conversion:
    """With what ``event`` earns. AlreadyCounted (409) when it was recorded before, for whichever lead.

    ``amount``: the value of a sale or a renewal; ``sale``: the one that a later part or a renewal follows; ``sold_as``:
    as in ``stages.qualify``.
    """
    value, used = amount or zero(lead.terms.currency), used_up(lead)
    preview = price_for(lead, event, used)
    conversion: Conversion | None = db.session.scalar(insert_unless_there(Conversion, Conversion), {
        "business_id": lead.business_id, "bounty_id": lead.bounty_id, "lead_id": lead.id, "kind": kind,
        "source": source, "sale_id": sale.id if sale else None, "number": number, "external_id": external_id,
        "amount_minor": value.minor, "currency": value.currency, "occurred_on": occurred_on, "payload": {
            "amount_minor": value.minor, "currency": value.currency, "order_number": external_id,
            "lines": [[words, part.minor if part else None] for words, part in preview.lines],
            **({"sold_as": sold_as} if sold_as else {})}})
    if conversion is None:
        raise AlreadyCounted(
            "This order has been counted already.", next_step="Check the order number, or look at your other leads.")
    audit.record("conversion.approved", conversion.id, by=by, kind=kind, source=source, number=number)
    award(lead, conversion, preview, used, by=by)
    return conversion
