"""Reads. Every list starts from what this person may see."""
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, case, func, or_, select, text
from sqlalchemy.orm import defaultload

from marketplace.bounties.models import Bounty, Terms
from marketplace.bounties.permissions import may_see_drafts
from marketplace.bounties.queries import bounties_visible_to
from marketplace.foundation.db import db, facts
from marketplace.foundation.errors import NotFound
from marketplace.foundation.money import Money
from marketplace.identity.models import User
from marketplace.payments.models import BusinessDebt
from marketplace.referrals.models import (
    FOUND_FRAUD,
    LIVE_DISPUTES,
    Buyer,
    CaseState,
    Consent,
    ConsentGrant,
    Conversion,
    ConversionKind,
    Dispute,
    DisputeKind,
    DisputeSide,
    DisputeState,
    Ending,
    FraudCase,
    Lead,
    Moderation,
    Reward,
    SaleRefund,
    Stage,
)

LEADS = select(Lead).options(defaultload(Lead.terms).selectinload(Terms.rules))  # Lists say what they earn.
SHOWN_TO_BUSINESS = Lead.accepted_at.is_not(None) & Lead.tell_at.is_(None)
ONE = select(Lead).where(Lead.id == bindparam("lead_id"))


def _seen(user_id: Any, own: Any) -> ColumnElement[bool]:
    return or_(Lead.referrer_id == user_id, Lead.business_id.in_(own) & SHOWN_TO_BUSINESS)


OF_OWNERSHIP = select(Dispute.id).where(
    Dispute.about_id == bindparam("lead_id"), Dispute.kind == DisputeKind.DUPLICATE_OWNERSHIP,
    text(f"disputes.{LIVE_DISPUTES}"))
DISPUTED = select(Dispute.id).where(Dispute.lead_id == bindparam("lead_id"), text(f"disputes.{LIVE_DISPUTES}"))
FOUND_FALSE = select(FraudCase.id).where(
    FraudCase.lead_id == bindparam("lead_id"), FraudCase.state == CaseState.PROVEN).limit(1)
FALSE_LEADS = select(FraudCase.lead_id).where(FraudCase.state == CaseState.PROVEN)
PROVEN_FALSE = Lead.id.in_(FALSE_LEADS)
FINDING = or_(FraudCase.state.in_(FOUND_FRAUD),
              (FraudCase.state == CaseState.OPEN) & FraudCase.settles_at.is_not(None))  # It is appealed.
FINDING_ENDED_AT = select(func.max(case(
    (FraudCase.state == CaseState.EXPIRED, FraudCase.expires_at), else_=FraudCase.decided_at))).where(
    FraudCase.state.in_((CaseState.LET_GO, CaseState.EXPIRED)), FraudCase.settles_at.is_not(None))
HAS_FINDING = select(FraudCase.id).where(FraudCase.lead_id == bindparam("lead_id"), FINDING).limit(1)
UNPAID = select(Dispute.id).join(BusinessDebt, BusinessDebt.id == Dispute.id).where(
    Dispute.lead_id == bindparam("lead_id"), BusinessDebt.owed_minor > 0)
SEEN_ONE = ONE.where(_seen(bindparam("user_id"), bindparam("own", expanding=True)))


def leads_visible_to(user: User) -> Select[Lead]:
    """Admins see all, referrers their own, a business those that were accepted for it."""
    return LEADS if user.is_admin else LEADS.where(_seen(user.id, _own(user)))


def _own(user: User) -> list[str]:
    return [membership.business_id for membership in user.memberships]


def get_lead(lead_id: str, *, seen_by: User) -> Lead:
    own = {"user_id": seen_by.id, "own": _own(seen_by)}
    lead = db.session.scalar(ONE if seen_by.is_admin else SEEN_ONE, {"lead_id": lead_id, **own})
    if lead is None:
        raise NotFound("There is no such lead.", next_step="Go back to your leads.")
    return lead


def leads_pointed_by(user: User) -> Select[Lead]:
    return LEADS.where(Lead.referrer_id == user.id)


def leads_for_business(business_id: str, *, seen_by: User) -> Select[Lead]:
    """The pipeline: what was accepted, for the business's own people (and admins) only."""
    return leads_visible_to(seen_by).where(Lead.business_id == business_id, SHOWN_TO_BUSINESS)


def moderation_queue() -> Select[Lead]:
    """What waits for an admin, oldest first."""
    return LEADS.where(Lead.moderation == Moderation.IN_REVIEW).order_by(Lead.submitted_at, Lead.id)


def get_terms(bounty_id: str, number: int, *, seen_by: User | None) -> tuple[Bounty, Terms]:
    """Those in force: whoever sees the bounty. Earlier ones: its business, the admins, and whose lead has them."""
    terms = db.session.scalar(select(Terms).where(Terms.bounty_id == bounty_id, Terms.number == number))
    bounty = db.session.scalar(bounties_visible_to(seen_by).where(Bounty.id == bounty_id))
    is_open = bounty is not None and (bounty.terms_number == number or (
        seen_by is not None and may_see_drafts(seen_by, bounty.business_id)))
    if terms is None or not (is_open or (seen_by and find_own_lead(terms, seen_by))):
        raise NotFound("There are no such terms.", next_step="Look for the bounty on the board.")
    return bounty or db.session.get_one(Bounty, bounty_id), terms


def find_own_lead(terms: Terms, user: User) -> str | None:
    """The id of the newest lead that they pointed out under these terms."""
    return db.session.scalar(select(func.max(Lead.id)).where(Lead.terms_id == terms.id, Lead.referrer_id == user.id))


def rewards_visible_to(user: User) -> Select[Reward]:
    rewards = select(Reward)
    if user.is_admin:
        return rewards
    return rewards.where(or_(Reward.beneficiary_id == user.id, Reward.business_id.in_(_own(user))))


def rewards_earned_by(user: User) -> Select[Reward]:
    return select(Reward).where(Reward.beneficiary_id == user.id)


def get_reward(reward_id: str, *, seen_by: User) -> Reward:
    reward = db.session.scalar(rewards_visible_to(seen_by).where(Reward.id == reward_id))
    if reward is None:
        raise NotFound("There is no such reward.", next_step="Go back to your rewards.")
    return reward


def rewards_of_lead(lead: Lead) -> list[Reward]:
    return list(db.session.scalars(select(Reward).where(Reward.lead_id == lead.id).order_by(Reward.id)))


def refunded_amounts(lead: Lead) -> dict[str, Money]:
    """Of the sale and its renewals, by the id of the refund."""
    refunds = db.session.execute(
        select(SaleRefund.id, SaleRefund.amount_minor, Conversion.currency)
        .join(Conversion, Conversion.id == SaleRefund.conversion_id).where(Conversion.lead_id == lead.id))
    return {refund_id: Money(minor, currency) for refund_id, minor, currency in refunds}


def find_conversion(lead: Lead) -> Conversion | None:
    """The sale."""
    return db.session.scalar(
        select(Conversion).where(Conversion.lead_id == lead.id, Conversion.kind == ConversionKind.SALE))


def sales_by_lead(lead_ids: Sequence[str]) -> dict[str, Conversion]:
    return {one.lead_id: one for one in db.session.scalars(
        select(Conversion).where(Conversion.lead_id.in_(lead_ids), Conversion.kind == ConversionKind.SALE))}


def conversions_of(lead: Lead) -> list[Conversion]:
    """All that this lead was paid for, oldest first."""
    return list(db.session.scalars(
        select(Conversion).where(Conversion.lead_id == lead.id).order_by(Conversion.id)))


def disputes_about(about_id: str) -> list[Dispute]:
    """That are not over: about this lead, sale, reward or thing; oldest first."""
    return list(db.session.scalars(select(Dispute).where(
        Dispute.about_id == about_id, text(f"disputes.{LIVE_DISPUTES}")).order_by(Dispute.id)))


def disputes_of_ownership(lead_id: str) -> list[Dispute]:
    """That are not over: somebody else says that the buyer of this lead is theirs."""
    found = facts(OF_OWNERSHIP, {"lead_id": lead_id}).scalars().all()
    return [db.session.get_one(Dispute, dispute_id) for dispute_id in found]


def is_found_false(lead_id: str) -> bool:
    """Whether fraud was proven: it earns nothing more."""
    return facts(FOUND_FALSE, {"lead_id": lead_id}).first() is not None


def found_false_among(lead_ids: Sequence[str]) -> set[str]:
    return set(db.session.scalars(select(FraudCase.lead_id).where(
        FraudCase.lead_id.in_(lead_ids), FraudCase.state == CaseState.PROVEN)))


def has_finding(lead_id: str) -> bool:
    """Whether a person found it false and none has said otherwise: it may be appealed, or is, or stands for good."""
    return facts(HAS_FINDING, {"lead_id": lead_id}).first() is not None


def findings_among(leads: Sequence[Lead]) -> set[str]:
    """The same of many, by lead."""
    return set(db.session.scalars(select(FraudCase.lead_id).where(
        FraudCase.lead_id.in_([lead.id for lead in leads]), FINDING)))


def unpaid_rulings(lead_id: str) -> list[str]:
    """The disputes about this lead for which the business still owes what their rulings gave."""
    return list(facts(UNPAID, {"lead_id": lead_id}).scalars())


def is_disputed(lead_id: str) -> bool:
    """Whether a dispute over this lead is not over yet."""
    return facts(DISPUTED, {"lead_id": lead_id}).first() is not None


def find_live_grant(lead: Lead) -> ConsentGrant | None:
    """The buyer's present answer, confirmed or not; None once withdrawn."""
    return db.session.scalar(select(ConsentGrant).where(
        ConsentGrant.lead_id == lead.id, ConsentGrant.withdrawn_at.is_(None), ConsentGrant.replaced_at.is_(None)))


def live_grants(leads: Sequence[Lead]) -> dict[str, ConsentGrant]:
    """The same of many leads, by lead; the others have none."""
    found = db.session.scalars(select(ConsentGrant).where(
        ConsentGrant.lead_id.in_([lead.id for lead in leads]), ConsentGrant.withdrawn_at.is_(None),
        ConsentGrant.replaced_at.is_(None)))
    return {grant.lead_id: grant for grant in found}


def taken_back_at(lead: Lead) -> datetime | None:
    """When the buyer took their yes back."""
    return db.session.scalar(select(func.max(ConsentGrant.withdrawn_at)).where(
        ConsentGrant.lead_id == lead.id)) if lead.consent is Consent.WITHDRAWN else None


def consents_of(lead: Lead) -> list[ConsentGrant]:
    """Every answer that was a yes, oldest first: confirmed or not, taken back or not."""
    return list(db.session.scalars(
        select(ConsentGrant).where(ConsentGrant.lead_id == lead.id).order_by(ConsentGrant.id)))


def is_buyer_address_known(lead: Lead) -> bool:
    """Whether we can ask the buyer ourselves. Tells nothing of the address."""
    return db.session.scalar(
        select(Buyer.id).where(Buyer.id == lead.buyer_id, Buyer.email_hash.is_not(None))) is not None


FOR_RESPONDENT = Dispute.state == DisputeState.RESOLVED_FOR_RESPONDENT
FOR_CLAIMANT = (Dispute.state == DisputeState.RESOLVED_FOR_CLAIMANT) & Dispute.ended_by.in_(
    (Ending.RULING, Ending.SILENCE))


@dataclass(frozen=True)
class Record:
    """What became of the leads of one referrer, or of one business."""

    decided: int  # Accepted or refused: what waits for a moderator counts for nothing yet.
    accepted: int
    refused: int
    sold: int
    overturned: int  # Refused, and accepted on appeal.
    found_false: int  # By a person, because of signs of fraud; it may be appealed still. Of referrers alone.
    lost: int  # Disputes.

    @property
    def share_accepted(self) -> str:
        return f"{self.accepted} of {self.decided} accepted" if self.decided else "nothing decided yet"


def record_of_referrer(user_id: str) -> Record:
    found_false = db.session.scalar(select(func.count()).select_from(FraudCase).where(
        FraudCase.about_id == user_id, FraudCase.state.in_(FOUND_FRAUD))) or 0
    return _record(Lead.referrer_id == user_id, or_(
        (Dispute.claimant_id == user_id) & FOR_RESPONDENT, (Dispute.respondent_id == user_id) & FOR_CLAIMANT),
        found_false=found_false)


def record_of_business(business_id: str) -> Record:
    ours, as_claimant = Dispute.business_id == business_id, Dispute.claimant_side == DisputeSide.BUSINESS
    return _record(Lead.business_id == business_id, or_(
        ours & as_claimant & FOR_RESPONDENT, ours & Dispute.respondent_id.is_(None) & FOR_CLAIMANT))


def _record(whose: ColumnElement[bool], lost_by: ColumnElement[bool], *, found_false: int = 0) -> Record:
    refused = Lead.moderation == Moderation.REJECTED  # Who was second to point was refused nothing.
    accepted = Lead.accepted_at.is_not(None)
    counts = db.session.execute(select(
        func.count().filter(accepted | refused), func.count().filter(accepted), func.count().filter(refused),
        func.count().filter((Lead.stage == Stage.WON) & ~PROVEN_FALSE),
        func.count().filter(accepted & Lead.appeal.is_not(None)))
        .select_from(Lead).where(whose)).one()
    lost = db.session.scalar(select(func.count()).select_from(Dispute).where(lost_by)) or 0
    return Record(*counts, found_false, lost)


# What the tabs of a pipeline hold, in their order. A lead is in one of them. Once it is proven false it has ended, sold
# or not: no introduction brought that sale.
PIPELINE: dict[str, ColumnElement[bool]] = {
    "asked": (Lead.moderation == Moderation.ACCEPTED) & (Lead.consent == Consent.ASKED),
    **{stage.value: (Lead.moderation == Moderation.ACCEPTED) & (Lead.consent != Consent.ASKED) & (Lead.stage == stage)
       & ~PROVEN_FALSE for stage in Stage},
    "ended": (Lead.moderation == Moderation.EXPIRED) | (Lead.moderation == Moderation.ACCEPTED) & PROVEN_FALSE,
}


def count_pipeline(business_id: str, *, seen_by: User) -> dict[str, int]:
    leads = leads_for_business(business_id, seen_by=seen_by)
    columns = [func.count().filter(part).label(name) for name, part in PIPELINE.items()]
    counted = db.session.execute(leads.with_only_columns(*columns)).one()
    return dict(zip(PIPELINE, counted, strict=True))
