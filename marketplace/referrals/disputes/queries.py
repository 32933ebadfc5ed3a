"""Who sees which dispute, what waits for whom, and what was lost."""
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from marketplace.foundation.db import db
from marketplace.foundation.errors import NotFound
from marketplace.identity.models import Business, User
from marketplace.referrals.locks import lock_funds_of, lock_orders_of
from marketplace.referrals.models import (
    Dispute,
    DisputeKind,
    DisputeSide,
    DisputeState,
    Ending,
    Lead,
    Respondent,
)
from marketplace.referrals.naming import number_of

D = DisputeState
LIVE = (D.OPEN, D.AWAITING_RESPONSE, D.ACCEPTED, D.CONTESTED, D.ESCALATED)
FOR_ADMINS = (D.OPEN, D.ESCALATED)
OVER_A_SALE = (DisputeKind.GHOST_CLOSE, DisputeKind.UNTRACKED)
DECIDED_AGAINST = (Ending.RULING, Ending.SILENCE)  # Who gives in has not lost.


def disputes_visible_to(user: User) -> Select[Dispute]:
    """Newest first: those one is a side of, one's business's, all for admins."""
    disputes = select(Dispute).order_by(Dispute.id.desc())
    if user.is_admin:
        return disputes
    own = [membership.business_id for membership in user.memberships]
    return disputes.where(or_(
        _is_referrers_own(user), Dispute.business_id.in_(own) & or_(
            Dispute.claimant_side == DisputeSide.BUSINESS, Dispute.respondent_side == Respondent.BUSINESS)))


def disputes_of(user: User) -> Select[Dispute]:
    """As the referrer, for their own list."""
    return select(Dispute).where(_is_referrers_own(user)).order_by(Dispute.id.desc())


def claims_of(user: User) -> Sequence[Dispute]:
    """Theirs as the referrer that are not over and would earn them something; newest first."""
    return db.session.scalars(select(Dispute).where(
        Dispute.claimant_side == DisputeSide.REFERRER, Dispute.claimant_id == user.id, Dispute.ended_at.is_(None),
        Dispute.at_issue_minor > 0).order_by(Dispute.id.desc())).all()


def disputes_of_business(business_id: str, *, seen_by: User) -> Select[Dispute]:
    return disputes_visible_to(seen_by).where(Dispute.business_id == business_id, or_(
        Dispute.claimant_side == DisputeSide.BUSINESS, Dispute.respondent_side == Respondent.BUSINESS))


def _is_referrers_own(user: User) -> ColumnElement[bool]:
    return or_(and_(Dispute.claimant_side == DisputeSide.REFERRER, Dispute.claimant_id == user.id),
               and_(Dispute.respondent_side == Respondent.REFERRER, Dispute.respondent_id == user.id))


def get_dispute(dispute_id: str, *, seen_by: User) -> Dispute:
    dispute = db.session.scalar(disputes_visible_to(seen_by).where(Dispute.id == dispute_id))
    if dispute is None:
        raise NotFound("There is no such dispute.", next_step="Go back to the lead.")
    return dispute


def disputes_of_lead(lead: Lead, *, seen_by: User) -> Sequence[Dispute]:
    """Oldest first."""
    return db.session.scalars(disputes_visible_to(seen_by).order_by(None).where(
        or_(Dispute.lead_id == lead.id, Dispute.about_id == lead.id)).order_by(Dispute.id)).all()


def disputes_over_sales(lead_ids: Sequence[str]) -> dict[str, Dispute]:
    """By lead the latest over a sale that is not recorded, over or not."""
    return {one.lead_id: one for one in db.session.scalars(select(Dispute).where(
        Dispute.lead_id.in_(lead_ids), Dispute.kind.in_(OVER_A_SALE)).order_by(Dispute.id))} if lead_ids else {}


def lock_dispute(dispute: Dispute) -> Lead:
    """Of a sale the business's orders; the bounty's funds; then the dispute as it is now: of two who act at once the
    second sees what the first did."""
    lead = db.session.get_one(Lead, dispute.lead_id)
    owner = db.session.get(Lead, dispute.about_id) or lead
    if dispute.kind in OVER_A_SALE:
        lock_orders_of(lead.business_id)
    lock_funds_of(lead, owner)
    db.session.get_one(Dispute, dispute.id, populate_existing=True, with_for_update={"of": Dispute, "key_share": True})
    return lead


def waiting_for_admins() -> Select[Dispute]:
    """Whose clock ends first, first."""
    return select(Dispute).where(Dispute.state.in_(FOR_ADMINS)).order_by(Dispute.due_at, Dispute.id)


def waiting_for_sides() -> Select[Dispute]:
    return select(Dispute).where(Dispute.state.in_((D.AWAITING_RESPONSE, D.CONTESTED))).order_by(
        Dispute.due_at, Dispute.id)


def ended_lately() -> Select[Dispute]:
    return select(Dispute).where(Dispute.ended_at.is_not(None)).order_by(Dispute.ended_at.desc(), Dispute.id.desc())


def names_in(disputes: Iterable[Dispute]) -> dict[str, str]:
    """By dispute: the referrer and the business that it is between, or about, and the number of the lead."""
    rows = db.session.execute(
        select(Dispute.id, Dispute.lead_id, User.name, Business.name).join(Lead, Lead.id == Dispute.lead_id)
        .join(User, User.id == Lead.referrer_id).join(Business, Business.id == Dispute.business_id)
        .where(Dispute.id.in_([one.id for one in disputes])))
    return {dispute_id: f"{referrer} and {business}, no. {number_of(lead_id)}"
            for dispute_id, lead_id, referrer, business in rows}


def leads_in(disputes: Sequence[Dispute], *, user_id: str | None) -> dict[str, Lead]:
    """By dispute the lead that this reader knows it by: of two that were pointed out for one buyer, their own."""
    ids = {lead_id for one in disputes for lead_id in (one.lead_id, one.about_id)}
    leads = {lead.id: lead for lead in db.session.scalars(select(Lead).where(Lead.id.in_(ids)))} if ids else {}
    own = {lead_id for lead_id, lead in leads.items() if lead.referrer_id == user_id}
    return {one.id: leads[one.about_id if one.about_id in own else one.lead_id] for one in disputes}


def count_to_answer(*, user_id: str | None = None, business_id: str | None = None) -> int:
    """Claims that wait for this referrer's, or for this business's, answer."""
    whose = (Dispute.respondent_id == user_id if business_id is None
             else (Dispute.business_id == business_id) & (Dispute.respondent_side == Respondent.BUSINESS))
    return db.session.scalar(select(func.count()).select_from(Dispute).where(
        Dispute.state == D.AWAITING_RESPONSE, whose)) or 0


@dataclass(frozen=True)
class DisputeRecord:
    """What stands beside somebody's record."""

    lost: int
    in_all: int


def record_in_disputes(*, user_id: str | None = None, business_id: str | None = None) -> DisputeRecord:
    """Of a referrer, or of a business; those that are over and were not taken back."""
    if business_id is not None:
        claims = and_(Dispute.claimant_side == DisputeSide.BUSINESS, Dispute.business_id == business_id)
        answers = and_(Dispute.respondent_side == Respondent.BUSINESS, Dispute.business_id == business_id)
    else:
        claims = and_(Dispute.claimant_side == DisputeSide.REFERRER, Dispute.claimant_id == user_id)
        answers = and_(Dispute.respondent_side == Respondent.REFERRER, Dispute.respondent_id == user_id)
    lost = Dispute.ended_by.in_(DECIDED_AGAINST) & or_(
        claims & (Dispute.state == D.RESOLVED_FOR_RESPONDENT), answers & (Dispute.state == D.RESOLVED_FOR_CLAIMANT))
    counted = db.session.execute(select(func.count().filter(lost), func.count()).select_from(Dispute).where(
        or_(claims, answers), Dispute.ended_at.is_not(None), Dispute.state != D.WITHDRAWN)).one()
    return DisputeRecord(*counted)


def count_claims_lost(side: DisputeSide, *, claimant_id: str, business_id: str, since: datetime) -> int:
    """As claimant, by an admin's ruling."""
    whose = Dispute.business_id == business_id if side is DisputeSide.BUSINESS else Dispute.claimant_id == claimant_id
    return db.session.scalar(select(func.count()).select_from(Dispute).where(
        Dispute.claimant_side == side, whose, Dispute.state == D.RESOLVED_FOR_RESPONDENT,
        Dispute.ended_at > since)) or 0
