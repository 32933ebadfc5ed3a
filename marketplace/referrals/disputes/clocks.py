"""The clocks of a dispute, as jobs: a reminder; silence is for the claimant; what is contested goes to an admin."""
from datetime import timedelta

from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict
from marketplace.referrals.disputes import lifecycle
from marketplace.referrals.disputes.answering import hand_to_admin
from marketplace.referrals.disputes.ending import end_for_claimant
from marketplace.referrals.disputes.kinds import buyer_says_otherwise
from marketplace.referrals.disputes.opening import take_up
from marketplace.referrals.disputes.queries import LIVE, OVER_A_SALE, lock_dispute
from marketplace.referrals.models import Dispute, DisputeState, Ending, Lead

D = DisputeState


def remind_respondent(dispute_id: str) -> None:
    """Job, two business days before the end of the time to answer."""
    if db.session.get_one(Dispute, dispute_id).state is D.AWAITING_RESPONSE:
        outbox.promise("send_letter", key=f"dispute_reminded:{dispute_id}", letter="dispute_reminded",
                       dispute_id=dispute_id)


def end_unanswered_dispute(dispute_id: str) -> None:
    """Job, five business days after it was opened: awaiting_response -> resolved_for_claimant. Silence earns nothing
    that the buyer says otherwise by the link in our mail: a person looks."""
    dispute = db.session.get_one(Dispute, dispute_id)
    lock_dispute(dispute)
    if dispute.state is not D.AWAITING_RESPONSE or not _is_due(dispute, "end_unanswered_dispute"):
        return
    if buyer_says_otherwise(dispute):
        _let_a_person_look(dispute)
        return
    try:
        with db.session.begin_nested():
            end_for_claimant(dispute, ended_by=Ending.SILENCE, by=audit.SYSTEM)
    except Conflict:  # Something stands in the way of what was claimed.
        _let_a_person_look(dispute)


def escalate_dispute(dispute_id: str) -> None:
    """Job, five business days after it was contested: nobody went on, so an admin decides."""
    dispute = db.session.get_one(Dispute, dispute_id)
    lock_dispute(dispute)
    if dispute.state is D.CONTESTED and _is_due(dispute, "escalate_dispute"):
        hand_to_admin(dispute, by=audit.SYSTEM)


def remind_admins_of_dispute(dispute_id: str) -> None:
    """Job, when a ruling is due."""
    if db.session.get_one(Dispute, dispute_id).state is D.ESCALATED:
        outbox.promise("send_letter", key=f"dispute_overdue:{dispute_id}", letter="dispute_overdue",
                       dispute_id=dispute_id)


def note_sale_recorded(lead_id: str) -> None:
    """Job, when a business records the sale that is being disputed: that is what was asked for."""
    lead = db.session.get_one(Lead, lead_id)
    disputes = db.session.scalars(db.select(Dispute).where(
        Dispute.lead_id == lead.id, Dispute.kind.in_(OVER_A_SALE), Dispute.state.in_(LIVE)).order_by(Dispute.id)).all()
    for dispute in disputes:
        lock_dispute(dispute)
        if dispute.state is D.OPEN:
            take_up(dispute, by=audit.SYSTEM)
        if dispute.state in LIVE:
            end_for_claimant(dispute, ended_by=Ending.RECORDED, by=audit.SYSTEM)


def _let_a_person_look(dispute: Dispute) -> None:
    lifecycle.move_dispute(dispute, D.CONTESTED, by=audit.SYSTEM)
    hand_to_admin(dispute, by=audit.SYSTEM)


def _is_due(dispute: Dispute, job: str) -> bool:
    """A clock that went back does not end anybody's time: the job is promised anew."""
    left = (dispute.due_at or clock.now()) - clock.now()
    if left > timedelta(0):
        outbox.promise(job, after=left, dispute_id=dispute.id)
        return False
    return True
