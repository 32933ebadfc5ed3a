"""A sale that came to more than was recorded: what the whole earns by the frozen terms, less what it has earned.

The later parts that have fallen due were counted from the sale as it stood then: their difference is earned here too.
"""
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select

from marketplace.bounties.models import For
from marketplace.bounties.rules import Earned, Event, Happening, Line, RewardPreview, Share, fee_on
from marketplace.foundation import audit, clock
from marketplace.foundation.db import db
from marketplace.foundation.money import Money, zero
from marketplace.referrals.caps import PASSED_ON, used_up
from marketplace.referrals.lawful import price_for
from marketplace.referrals.models import Conversion, ConversionKind, ConversionSource, Lead, Reward
from marketplace.referrals.queries import conversions_of
from marketplace.referrals.reserving import still_possible
from marketplace.referrals.rewards import award
from marketplace.referrals.sale_value import later_parts, recorded_value


def preview_correction(lead: Lead, sale: Conversion, total: Money, *, is_preview: bool = True) -> RewardPreview:
    """What ``total`` instead of what was recorded earns more. Nothing below zero: for that there are refunds."""
    given, nothing = _given(lead, sale), zero(total.currency)
    used = used_up(lead, is_preview=is_preview)
    priced, lines = _price_all(lead, sale, total, used and _without(used, given))
    cap = lead.terms.cap_per_month_minor
    room = max(Money(cap, total.currency) - used.this_month, nothing) if cap and used else None
    shares: list[Share] = []
    for whom in For:
        rest = _rest(lead, [share for share in priced if share.whom is whom],
                     [one for one in given if one.whom is whom], room)
        shares += rest
        room = None if room is None else sum((-share.amount for share in rest), room)
    cash = {whom: sum((share.amount for share in shares if share.whom is whom), nothing) for whom in For}
    before = sum((one.amount for one in given), nothing)
    return RewardPreview(tuple(shares), cash[For.REFERRER], cash[For.BUYER], sum((one.fee for one in shares), nothing),
                         (*lines, ("Earned by it already", -before)))


def cost_of_correction(lead: Lead, sale: Conversion, total: Money) -> Money:
    """With our fee, and with what the later parts that are still to come will earn more."""
    more = preview_correction(lead, sale, total)
    later = still_possible(lead, sale_of=total) - still_possible(lead)
    return more.reward + more.buyer_share + more.fee + max(later, zero(total.currency))


def _price_all(lead: Lead, sale: Conversion, total: Money, used: Earned | None) -> tuple[list[Share], list[Line]]:
    """The sale and what has fallen due after it, one after the other, each in a month of its own."""
    shares: list[Share] = []
    lines: list[Line] = []
    for event in [Event(Happening.WON, total), *(
            Event(Happening.LATER, total, after_days=one.number) for one in later_parts(sale.id))]:
        preview = price_for(lead, event, used)
        used = used and replace(used.after(preview), this_month=used.this_month)
        shares += preview.shares
        lines += preview.lines
    return shares, lines


def record_correction(
    lead: Lead, sale: Conversion, total: Money, *, source: ConversionSource, external_id: str, by: str
) -> Conversion:
    """The difference as an event of its own, which can be refunded like a renewal."""
    preview, more = preview_correction(lead, sale, total, is_preview=False), total - recorded_value(sale)
    number = sum(one.kind is ConversionKind.CORRECTION for one in conversions_of(lead)) + 1
    correction = Conversion(
        business_id=lead.business_id, bounty_id=lead.bounty_id, lead_id=lead.id, kind=ConversionKind.CORRECTION,
        sale_id=sale.id, number=number, source=source, external_id=external_id, amount_minor=more.minor,
        currency=more.currency, occurred_on=sale.occurred_on, payload={
            "amount_minor": more.minor, "currency": more.currency, "order_number": external_id,
            "lines": [[words, part.minor if part else None] for words, part in preview.lines]})
    db.session.add(correction)
    db.session.flush()
    audit.record("conversion.approved", correction.id, by=by, kind=ConversionKind.CORRECTION, source=source)
    award(lead, correction, preview, used_up(lead), by=by)
    return correction


@dataclass(frozen=True)
class Given:
    """What a reward was for its first owner: without what was passed on, which is a reward of its own."""

    whom: For
    amount: Money
    fee: Money
    created_at: datetime


def _given(lead: Lead, sale: Conversion) -> list[Given]:
    """Of the sale, its corrections and its later parts."""
    own = select(Conversion.id).where(
        (Conversion.id == sale.id)
        | ((Conversion.sale_id == sale.id) & (Conversion.kind != ConversionKind.RENEWAL)))
    found = db.session.execute(
        select(Reward, PASSED_ON.c.minor, PASSED_ON.c.fee_minor)
        .outerjoin(PASSED_ON, PASSED_ON.c.reward_id == Reward.id)
        .where(Reward.lead_id == lead.id, Reward.conversion_id.in_(own)).order_by(Reward.id))
    return [Given(one.whom, one.amount - Money(int(minor or 0), one.currency),
                  one.fee - Money(int(fee or 0), one.currency), one.created_at) for one, minor, fee in found]


def _without(used: Earned, given: list[Given]) -> Earned:
    """The caps as they were before the sale, so that it is not counted against itself."""
    nothing, now = zero(used.on_bounty.currency), clock.now()
    mine = sum((one.amount for one in given if one.whom is For.REFERRER), nothing)
    lately = sum((one.amount for one in given
                  if (one.created_at.year, one.created_at.month) == (now.year, now.month)), nothing)
    return Earned(used.by_referrer - mine, used.on_bounty - sum((one.amount for one in given), nothing),
                  used.this_month - lately)


def _rest(lead: Lead, priced: list[Share], given: list[Given], room: Money | None) -> list[Share]:
    """``room``: what is left of this month's cap."""
    priced = [share for share in priced if share.amount.minor]
    if not priced:
        return []
    nothing = zero(priced[0].amount.currency)
    amount = sum((one.amount for one in priced), nothing) - sum((one.amount for one in given), nothing)
    fee = sum((one.fee for one in priced), nothing) - sum((one.fee for one in given), nothing)
    if room is not None and room < amount:
        amount, fee = room, fee_on(lead.terms, room)
    if amount.minor <= 0:
        return []
    return [Share(priced[0].rule, priced[0].whom, amount, max(fee, nothing), None, 0)]
