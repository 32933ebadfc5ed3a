"""Two referrers, one buyer: whose lead it is, and what an admin's word on it does. Both are told."""
from dataclasses import dataclass

from sqlalchemy import or_, select

from marketplace.foundation import audit, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, Invalid, require
from marketplace.foundation.web import check_version
from marketplace.identity.models import User
from marketplace.referrals.asking import end_lead
from marketplace.referrals.desk.claims import refuse_claimed
from marketplace.referrals.duplicates import become_duplicate
from marketplace.referrals.locks import lock_funds_of
from marketplace.referrals.models import Buyer, BuyerRuling, Consent, Lead, Moderation, Stage
from marketplace.referrals.permissions import may_decide
from marketplace.referrals.queries import find_conversion

OVER = frozenset({Moderation.REJECTED, Moderation.DUPLICATE, Moderation.WITHDRAWN, Moderation.EXPIRED})


class AlreadyRuled(Conflict):
    code = "already_ruled"


class BothAgreed(Conflict):
    code = "both_agreed"


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
    """Another lead of this business for which a sale to the same buyer counts: it was sold in the time of this one, or
    they said yes through it once they had taken back their yes through this one. A business pays once for one buyer."""
    ours = select(Buyer.email_hash).where(Buyer.id == lead.buyer_id).scalar_subquery()
    same = or_(Lead.id == lead.duplicate_of_id, Lead.duplicate_of_id == lead.id,
               Lead.buyer_id.in_(select(Buyer.id).where(Buyer.email_hash == ours)))
    others = db.session.scalars(select(Lead).where(
        Lead.business_id == lead.business_id, Lead.id != lead.id, same).order_by(Lead.id)).all()
    return next((other for other in others if _counts_instead(other, lead)), None)


def _counts_instead(other: Lead, lead: Lead) -> bool:
    if other.consent is Consent.GRANTED and lead.consent is Consent.WITHDRAWN:
        return True
    sale = find_conversion(other)
    if sale is None or lead.accepted_at is None or lead.protected_until is None:
        return False
    return lead.accepted_at.date() <= sale.occurred_on <= lead.protected_until.date()


def rule_on_buyers(lead: Lead, other: Lead, *, by: User, is_same: bool, version: int | None = None) -> Ownership | None:
    """One buyer: the lead that owns stands, the other becomes its duplicate or ends. Two: that is kept, and not asked
    again. AlreadyRuled (409) the second time; BothAgreed (409) where the buyer said yes through both."""
    require(may_decide(by, lead) and may_decide(by, other), "say whether two leads are of one buyer")
    if lead.business_id != other.business_id or lead.id == other.id:
        raise Invalid("These are not two leads of one business.", next_step="Choose one of those beside it.")
    check_version(lead, version)
    refuse_claimed(lead, by=by)
    lock_funds_of(lead, other)
    first, second = sorted((lead.id, other.id))
    db.session.scalars(select(Lead).where(Lead.id.in_((first, second))).order_by(Lead.id).with_for_update(
        of=Lead, key_share=True).execution_options(populate_existing=True)).all()
    if find_ruling(lead, other) is not None:
        raise AlreadyRuled("Somebody has answered this already.", next_step="Reload the page to see what they said.")
    db.session.add(BuyerRuling(lead_id=first, other_id=second, is_same=is_same, ruled_by=by.id))
    word = "buyer.found_same" if is_same else "buyer.found_different"
    for one, beside in ((lead, other), (other, lead)):
        audit.record(word, one.id, by=by.id, other=beside.id)
    if is_same:
        return _settle(who_owns(lead, other), by=by.id)
    for one, beside in ((lead, other), (other, lead)):
        if one.duplicate_of_id == beside.id and one.moderation not in OVER:  # By an appeal: each has its own buyer.
            one.duplicate_of_id = None
    return None


def _settle(found: Ownership, *, by: str) -> Ownership:
    """What is over already stays as it is; of two live leads one goes on."""
    owner, second = found.owner, found.second
    if owner.moderation in OVER or second.moderation in OVER:
        return found
    if second.consent is Consent.GRANTED or second.stage is Stage.WON:
        raise BothAgreed("The buyer said yes through both of them.",
                         next_step="Ask the buyer whom they mean; the business pays for one sale only.")
    if second.moderation is Moderation.ACCEPTED:
        second.duplicate_of_id = owner.id
        end_lead(second, why="the same buyer was pointed out by somebody else, who comes first", by=by)
        outbox.promise("send_letter", key=f"lead_seconded:{owner.id}", letter="lead_seconded", lead_id=owner.id)
    else:
        become_duplicate(second, of=owner, by=by)
    return found
