"""A claim is made: in time, once, by who may; the sum at issue waits, and the other side has five business days."""
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from marketplace.foundation import clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, Invalid, require
from marketplace.foundation.money import Money, zero
from marketplace.identity.models import User
from marketplace.referrals.consent import BUYER
from marketplace.referrals.deadlines import add_business_days
from marketplace.referrals.disputes import lifecycle
from marketplace.referrals.disputes.freezing import freeze
from marketplace.referrals.disputes.kinds import KINDS
from marketplace.referrals.disputes.permissions import may_claim
from marketplace.referrals.disputes.queries import count_claims_lost
from marketplace.referrals.disputes.subjects import Claim, NotDisputable, Subject, find_subject
from marketplace.referrals.locks import lock_funds_of
from marketplace.referrals.models import (
    Dispute,
    DisputeKind,
    DisputeSide,
    DisputeState,
    DisputeStatement,
    Ending,
    Lead,
)
from marketplace.referrals.ownership import find_owner

ANSWERED_WITHIN = 5  # Business days; without an answer it ends for the claimant.
REMINDED_AFTER = 3  # Business days.
TAKEN_UP_WITHIN = 5  # Business days: an admin's clock, where one has to take it up or to rule.
MOST_LOST = 3  # In LATELY; after that an admin looks at each claim first.
LATELY = timedelta(days=90)
NO_CLAIM = Claim()


class AlreadyDisputed(Conflict):
    code = "already_disputed"


def open_dispute(
    lead: Lead, kind: DisputeKind, *, by: User | None, text: str, claim: Claim = NO_CLAIM, link: str | None = None
) -> Dispute:
    """open -> awaiting_response, but for a serial claimant's. ``by=None``: the buyer, whose private link is checked.

    NotDisputable, TooLate, AlreadyDisputed (409); Invalid (422).
    """
    side = KINDS[kind].claimant
    require((side is DisputeSide.BUYER) if by is None else may_claim(by, lead, side), "open this dispute")
    owner = find_owner(lead) if kind is DisputeKind.DUPLICATE_OWNERSHIP else None
    lock_funds_of(lead, owner or lead)
    subject = find_subject(lead, kind, claim)
    dispute = _keep(lead, kind, subject, by)
    actor = by.id if by else BUYER
    db.session.add(DisputeStatement(dispute_id=dispute.id, side=side, said_by=actor, text=text, link=link or None))
    db.session.flush()
    if was_turned_down(dispute) or (by is not None and _has_lost_many(dispute, side)):
        dispute.due_at = add_business_days(clock.now(), TAKEN_UP_WITHIN)
        outbox.promise("send_letter", letter="dispute_waits", dispute_id=dispute.id)
    else:
        ask_respondent(dispute, subject.cost, by=actor)
    return dispute


def take_up(dispute: Dispute, *, by: str) -> None:
    """open -> awaiting_response of a serial claimant's: an admin lets it go its way. The caller holds the locks."""
    ask_respondent(dispute, cost_of(dispute), by=by)


def cost_of(dispute: Dispute) -> Money:
    """What the business would pay in all, as things stand now; nothing where that has been settled meanwhile."""
    lead = db.session.get_one(Lead, dispute.lead_id)
    if not KINDS[dispute.kind].has_sale and dispute.kind is not DisputeKind.REJECTED_UNFAIRLY:
        return zero(dispute.currency)
    claim = Claim(dispute.happened_on, dispute.sale, dispute.about_id)
    try:
        return find_subject(lead, dispute.kind, claim, is_new=False).cost
    except (NotDisputable, Invalid):
        return zero(dispute.currency)


def ask_respondent(dispute: Dispute, cost: Money, *, by: str) -> None:
    now = clock.now()
    due = add_business_days(now, ANSWERED_WITHIN)
    lifecycle.move_dispute(dispute, DisputeState.AWAITING_RESPONSE, by=by, due_at=due)
    freeze(dispute, cost)
    outbox.promise("remind_respondent", after=add_business_days(now, REMINDED_AFTER) - now, dispute_id=dispute.id)
    outbox.promise("end_unanswered_dispute", after=due - now, dispute_id=dispute.id)
    outbox.promise("send_letter", letter="dispute_opened", dispute_id=dispute.id)


def _keep(lead: Lead, kind: DisputeKind, subject: Subject, by: User | None) -> Dispute:
    dispute = Dispute(
        kind=kind, lead_id=lead.id, business_id=lead.business_id, about_id=subject.about_id,
        claimant_side=KINDS[kind].claimant, claimant_id=by.id if by else None, respondent_side=KINDS[kind].respondent,
        respondent_id=subject.respondent_id, happened_on=subject.happened_on,
        sale_minor=subject.sale.minor if subject.sale else None, at_issue_minor=subject.at_issue.minor,
        currency=lead.terms.currency, reserved_minor=0)
    try:
        with db.session.begin_nested():
            lifecycle.open_new(dispute, by=by.id if by else BUYER)
    except IntegrityError as error:
        raise AlreadyDisputed("This is being disputed already.",
                              next_step="Add what you know to that dispute; you find it on the lead’s page.") from error
    return dispute


def was_turned_down(dispute: Dispute) -> bool:
    """An admin ruled on this very claim before. It may be made again, but silence must not undo the ruling."""
    return db.session.scalar(select(Dispute.id).where(
        Dispute.about_id == dispute.about_id, Dispute.lead_id == dispute.lead_id,  # Several may claim one buyer.
        Dispute.kind == dispute.kind, Dispute.id != dispute.id,
        Dispute.claimant_side == dispute.claimant_side, Dispute.ended_by == Ending.RULING).limit(1)) is not None


def _has_lost_many(dispute: Dispute, side: DisputeSide) -> bool:
    assert dispute.claimant_id is not None
    lost = count_claims_lost(side, claimant_id=dispute.claimant_id, business_id=dispute.business_id,
                             since=clock.now() - LATELY)
    return lost > MOST_LOST
