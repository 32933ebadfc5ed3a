"""Who speaks for which side of a dispute, and who may rule."""
from sqlalchemy import select

from marketplace.foundation.db import db
from marketplace.identity.models import User
from marketplace.referrals.desk.deciders import refused_by
from marketplace.referrals.models import Dispute, DisputeKind, DisputeSide, DisputeState, Lead, Respondent
from marketplace.referrals.permissions import may_decide, may_give_money_back


def side_of(user: User, dispute: Dispute) -> DisputeSide | None:
    """Theirs in it; None for everybody else, admins without a stake among them."""
    if dispute.claimant_side is DisputeSide.REFERRER and user.id == dispute.claimant_id:
        return DisputeSide.REFERRER
    if dispute.respondent_side is Respondent.REFERRER and user.id == dispute.respondent_id:
        return DisputeSide.REFERRER
    is_party = DisputeSide.BUSINESS in (dispute.claimant_side, dispute.respondent_side)
    return DisputeSide.BUSINESS if is_party and user.role_in(dispute.business_id) is not None else None


def is_claimant(user: User, dispute: Dispute) -> bool:
    """One business's people claim together; a referrer alone. (Between two referrers, only the one who claimed.)"""
    if dispute.claimant_side is DisputeSide.BUSINESS:
        return user.role_in(dispute.business_id) is not None
    return dispute.claimant_side is DisputeSide.REFERRER and user.id == dispute.claimant_id


def is_respondent(user: User, dispute: Dispute) -> bool:
    if dispute.respondent_side is Respondent.BUSINESS:
        return user.role_in(dispute.business_id) is not None
    return user.id == dispute.respondent_id


def claimant_reads(dispute: Dispute) -> str | None:
    """As whom the claimant reads: the id of the person or the business; the buyer has none."""
    if dispute.claimant_side is DisputeSide.BUYER:
        return DisputeSide.BUYER.value
    return dispute.business_id if dispute.claimant_side is DisputeSide.BUSINESS else dispute.claimant_id


def respondent_reads(dispute: Dispute) -> str | None:
    return dispute.business_id if dispute.respondent_side is Respondent.BUSINESS else dispute.respondent_id


def reads_as(user: User, dispute: Dispute) -> str | None:
    """None for who has no side in it."""
    if is_claimant(user, dispute):
        return claimant_reads(dispute)
    return respondent_reads(dispute) if is_respondent(user, dispute) else None


def waits_for(user: User, dispute: Dispute) -> bool:
    """Whether it is theirs to answer now."""
    return dispute.state is DisputeState.AWAITING_RESPONSE and is_respondent(user, dispute)


def may_accept(user: User, dispute: Dispute) -> bool:
    """What it costs a business, its owners and managers decide."""
    if dispute.respondent_side is Respondent.BUSINESS:
        return may_give_money_back(user, db.session.get_one(Lead, dispute.lead_id))
    return is_respondent(user, dispute)


def may_withdraw(user: User, dispute: Dispute) -> bool:
    return is_claimant(user, dispute)


def may_claim(user: User, lead: Lead, side: DisputeSide) -> bool:
    """The referrer of the lead; of the business its owners and managers."""
    if side is DisputeSide.BUSINESS:
        return may_give_money_back(user, lead)
    return side is DisputeSide.REFERRER and user.id == lead.referrer_id


def may_rule(user: User, dispute: Dispute) -> bool:
    """An admin with no stake, about what another one decided before."""
    return has_no_stake(user, dispute) and not judges_own(user, dispute)


def judges_own(user: User, dispute: Dispute) -> bool:
    """Whether the ruling would be about a decision of this admin: they accepted what is said to be no good lead, said
    whose buyer it is, or ruled on this very claim before. What else they decided of the lead is not in question.
    """
    lead = db.session.get_one(Lead, dispute.lead_id)
    if dispute.kind is DisputeKind.BAD_LEAD and lead.decided_by == user.id:
        return True
    if dispute.kind is DisputeKind.DUPLICATE_OWNERSHIP and user.id in refused_by(lead):
        return True
    return db.session.scalar(select(Dispute.id).where(
        Dispute.about_id == dispute.about_id, Dispute.kind == dispute.kind, Dispute.id != dispute.id,
        Dispute.ruled_by == user.id).limit(1)) is not None


def has_no_stake(user: User, dispute: Dispute) -> bool:
    """An admin who neither claims nor answers, nor pointed, nor shares, nor works there."""
    if user.id in (dispute.claimant_id, dispute.respondent_id):
        return False
    lead = db.session.get_one(Lead, dispute.lead_id)
    if not may_decide(user, lead):
        return False
    other = db.session.get(Lead, dispute.about_id) if dispute.about_id != lead.id else None
    return other is None or may_decide(user, other)
