"""Two referrers, one buyer: whose lead it is. What an admin's word on it does: ``desk/ruling.py``."""
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, or_, select, union_all
from sqlalchemy.orm import aliased

from marketplace.foundation.db import db
from marketplace.referrals.models import (
    Buyer,
    BuyerRuling,
    Consent,
    Conversion,
    ConversionKind,
    ConversionState,
    Lead,
    Moderation,
    Stage,
)
from marketplace.referrals.queries import found_false_among, sales_by_lead

OVER = frozenset({Moderation.REJECTED, Moderation.DUPLICATE, Moderation.WITHDRAWN, Moderation.EXPIRED})


@dataclass(frozen=True)
class Ownership:
    """Of two leads for one buyer: the one that stands, the other, and why, as a sentence."""

    owner: Lead
    second: Lead
    why: str


def who_owns(one: Lead, other: Lead) -> Ownership:
    """The referrer whom the buyer confirmed; else the earliest accepted; else who pointed first."""
    confirmed = [lead for lead in (one, other) if lead.consent is Consent.GRANTED or lead.stage is Stage.WON]
    if len(confirmed) == 1:
        return _owned(confirmed[0], one, other, "The buyer said yes through {}.")
    outside = [lead for lead in (one, other) if lead.referrer.role_in(lead.business_id) is None]
    if len(outside) == 1:
        return _owned(outside[0], one, other, "The buyer has confirmed nobody alone, and the other one works at the "
                                              "business by now, not {}.")
    accepted = [lead for lead in (one, other) if lead.accepted_at is not None]
    if accepted:
        first = min(accepted, key=lambda lead: (lead.accepted_at, lead.id))
        return _owned(first, one, other, "The buyer has confirmed nobody alone, and the lead of {} was accepted first.")
    first = min((one, other), key=lambda lead: (lead.created_at, lead.id))
    return _owned(first, one, other, "Neither is confirmed or accepted yet, and {} pointed first.")


def _owned(owner: Lead, one: Lead, other: Lead, why: str) -> Ownership:
    return Ownership(owner, other if owner is one else one, why.format(owner.referrer.name))


def find_ruling(lead: Lead, other: Lead) -> BuyerRuling | None:
    first, second = sorted((lead.id, other.id))
    return db.session.scalar(select(BuyerRuling).where(
        BuyerRuling.lead_id == first, BuyerRuling.other_id == second))


def rulings_about(lead: Lead) -> dict[str, BuyerRuling]:
    """By the other lead's id."""
    found = db.session.scalars(select(BuyerRuling).where(
        or_(BuyerRuling.lead_id == lead.id, BuyerRuling.other_id == lead.id)))
    return {one.other_id if one.lead_id == lead.id else one.lead_id: one for one in found}


def rivals_of(lead: Lead) -> list[Lead]:
    """Leads by other referrers for which the same buyer is being asked as well: the buyer says who told them."""
    ours = select(Buyer.email_hash).where(Buyer.id == lead.buyer_id).scalar_subquery()
    same = or_(Lead.id == lead.duplicate_of_id, Lead.duplicate_of_id == lead.id,
               Lead.buyer_id.in_(select(Buyer.id).where(Buyer.email_hash == ours)))
    return list(db.session.scalars(select(Lead).where(
        Lead.business_id == lead.business_id, Lead.referrer_id != lead.referrer_id, Lead.consent == Consent.ASKED,
        Lead.moderation == Moderation.ACCEPTED, same).order_by(Lead.accepted_at, Lead.id)))


def lead_of_teller(lead: Lead, told_by: str | None) -> Lead:
    """The lead that the buyer's answer is for: that of whom they say told them, else the one whose link it is."""
    return next((rival for rival in rivals_of(lead) if rival.id == told_by), lead) if told_by else lead


def counted_for(lead: Lead) -> Lead | None:
    """Another lead of this business for which a sale to the same buyer counts: they bought by it, or they said yes
    through it once they had taken back their yes through this one. A business pays once for one buyer."""
    return counted_elsewhere([lead]).get(lead.id)


def counted_elsewhere(leads: Sequence[Lead]) -> dict[str, Lead]:
    """The same of many, by lead, in a few statements."""
    return _others(leads, lambda lead, other, sale: _is_before_its_end(sale, lead) or (
        other.consent is Consent.GRANTED and lead.consent is Consent.WITHDRAWN))


def bought_elsewhere(leads: Sequence[Lead]) -> dict[str, Lead]:
    """By lead, the other one by which the same buyer bought in its time or before: a customer has one first sale."""
    return _others(leads, lambda lead, other, sale: _is_before_its_end(sale, lead))


def find_owner(lead: Lead) -> Lead | None:
    """The lead that is counted for this buyer in its stead, so that its referrer may say that the buyer is theirs.
    Where the buyer was introduced by this one, too, that by which they bought; before, nobody learns that they did."""
    if is_second(lead):
        return db.session.get(Lead, lead.duplicate_of_id)
    is_introduced = lead.is_tracked or lead.consent in {Consent.GRANTED, Consent.WITHDRAWN}
    is_sold = lead.id in standing_sales([lead.id])
    return bought_elsewhere([lead]).get(lead.id) if is_introduced and not is_sold else None


def of_same_buyer(lead: Lead) -> list[Lead]:
    """The other leads of this business for the same buyer."""
    return [other for _, other in db.session.execute(_same_buyers([lead.id]).distinct())]


def is_second(lead: Lead) -> bool:
    """Kept as a duplicate of another one."""
    return lead.duplicate_of_id is not None and lead.moderation in {Moderation.DUPLICATE, Moderation.EXPIRED}


def standing_sales(lead_ids: Sequence[str]) -> dict[str, Conversion]:
    """By lead: not of one that was proven false, nor where all that they bought was given back, and with it the
    reward."""
    sales = sales_by_lead(lead_ids) if lead_ids else {}
    if not sales:
        return {}
    kept = set(db.session.scalars(select(Conversion.lead_id).where(
        Conversion.lead_id.in_(list(sales)), Conversion.kind != ConversionKind.QUALIFIED,
        Conversion.state != ConversionState.REVERSED))) - found_false_among(list(sales))
    return {lead_id: sale for lead_id, sale in sales.items() if lead_id in kept}


def _others(leads: Sequence[Lead], counts: Callable[[Lead, Lead, Conversion | None], bool]) -> dict[str, Lead]:
    """By lead, the first other one of the same buyer that ``counts`` in its stead, given what was bought by it."""
    by_id, found = {lead.id: lead for lead in leads}, dict[str, Lead]()
    pairs = db.session.execute(_same_buyers(list(by_id))).all() if leads else ()
    sales = standing_sales([other.id for _, other in pairs])
    for lead_id, other in pairs:
        if counts(by_id[lead_id], other, sales.get(other.id)):
            found.setdefault(lead_id, other)
    return found


def _same_buyers(lead_ids: Sequence[str]) -> Select[Any]:
    """With each lead the others of its business for the same buyer: by an admin's word, either way, or by the address.
    Apart, so that each goes by an index: asked as one condition with OR, a database reads all leads of the business."""
    other, ours, theirs = aliased(Lead), aliased(Buyer), aliased(Buyer)
    pair = select(Lead.id.label("lead_id"), other.id.label("other_id")).where(
        Lead.id.in_(lead_ids), other.business_id == Lead.business_id, other.id != Lead.id)
    same = union_all(
        pair.join(other, other.id == Lead.duplicate_of_id), pair.join(other, other.duplicate_of_id == Lead.id),
        pair.join(ours, ours.id == Lead.buyer_id).join(theirs, theirs.email_hash == ours.email_hash).join(
            other, other.buyer_id == theirs.id)).subquery()
    return select(same.c.lead_id, Lead).join(Lead, Lead.id == same.c.other_id).order_by(Lead.id)


def _is_before_its_end(sale: Conversion | None, lead: Lead) -> bool:
    return sale is not None and lead.protected_until is not None and sale.occurred_on <= lead.protected_until.date()
