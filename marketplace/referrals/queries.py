"""Reads. Every list starts from what this person may see."""
from sqlalchemy import Select, or_, select

from marketplace.foundation.db import db
from marketplace.foundation.errors import NotFound
from marketplace.identity.models import User
from marketplace.referrals.models import (
    ConsentGrant,
    Conversion,
    Lead,
    Moderation,
    Reward,
)


def leads_visible_to(user: User) -> Select[tuple[Lead]]:
    """Admins see all, referrers their own, a business those that were accepted for it."""
    leads = select(Lead)
    if user.is_admin:
        return leads
    own = [membership.business_id for membership in user.memberships]
    accepted = Lead.business_id.in_(own) & Lead.accepted_at.is_not(None)
    return leads.where(or_(Lead.referrer_id == user.id, accepted))


def get_lead(lead_id: str, *, seen_by: User) -> Lead:
    lead = db.session.scalar(leads_visible_to(seen_by).where(Lead.id == lead_id))
    if lead is None:
        raise NotFound("There is no such lead.", next_step="Go back to your leads.")
    return lead


def leads_pointed_by(user: User) -> Select[tuple[Lead]]:
    return select(Lead).where(Lead.referrer_id == user.id)


def leads_for_business(business_id: str, *, seen_by: User) -> Select[tuple[Lead]]:
    """The pipeline: what was accepted, for the business's own people (and admins) only."""
    return leads_visible_to(seen_by).where(Lead.business_id == business_id, Lead.accepted_at.is_not(None))


def moderation_queue() -> Select[tuple[Lead]]:
    """What waits for an admin, oldest first."""
    return select(Lead).where(Lead.moderation == Moderation.IN_REVIEW).order_by(Lead.submitted_at, Lead.id)


def rewards_visible_to(user: User) -> Select[tuple[Reward]]:
    rewards = select(Reward)
    if user.is_admin:
        return rewards
    own = [membership.business_id for membership in user.memberships]
    return rewards.where(or_(Reward.beneficiary_id == user.id, Reward.business_id.in_(own)))


def get_reward(reward_id: str, *, seen_by: User) -> Reward:
    reward = db.session.scalar(rewards_visible_to(seen_by).where(Reward.id == reward_id))
    if reward is None:
        raise NotFound("There is no such reward.", next_step="Go back to your rewards.")
    return reward


def rewards_of_lead(lead: Lead) -> list[Reward]:
    return list(db.session.scalars(select(Reward).where(Reward.lead_id == lead.id).order_by(Reward.id)))


def find_conversion(lead: Lead) -> Conversion | None:
    return db.session.scalar(select(Conversion).where(Conversion.lead_id == lead.id))


def find_live_grant(lead: Lead) -> ConsentGrant | None:
    """The buyer's present answer, confirmed or not; None once withdrawn."""
    return db.session.scalar(select(ConsentGrant).where(
        ConsentGrant.lead_id == lead.id, ConsentGrant.withdrawn_at.is_(None), ConsentGrant.replaced_at.is_(None)))
