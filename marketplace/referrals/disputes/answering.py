"""The other side accepts or contests; the claimant goes on to an admin or takes it back; either adds what it knows."""
from marketplace.foundation import clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, Invalid, require
from marketplace.foundation.states import check_move
from marketplace.foundation.web import check_version
from marketplace.identity.models import User
from marketplace.referrals.deadlines import add_business_days
from marketplace.referrals.disputes import lifecycle
from marketplace.referrals.disputes.ending import end_for_claimant, end_withdrawn
from marketplace.referrals.disputes.kinds import KINDS
from marketplace.referrals.disputes.opening import TAKEN_UP_WITHIN
from marketplace.referrals.disputes.permissions import is_claimant, is_respondent, may_accept, may_withdraw, side_of
from marketplace.referrals.disputes.queries import LIVE, lock_dispute
from marketplace.referrals.disputes.witness import ask_witness
from marketplace.referrals.models import Dispute, DisputeState, DisputeStatement, Ending

SETTLED_WITHIN = 5  # Business days after it was contested; then it goes to an admin by itself.
MOST_STATEMENTS = 10  # Of one side.
D = DisputeState


class DisputeOver(Conflict):
    code = "dispute_over"


def accept_claim(dispute: Dispute, *, by: User, version: int | None = None) -> None:
    """awaiting_response -> accepted -> resolved_for_claimant, with all that was claimed."""
    require(may_accept(by, dispute), "accept this claim")
    lock_dispute(dispute)
    check_version(dispute, version)
    lifecycle.move_dispute(dispute, D.ACCEPTED, by=by.id)
    dispute.answered_at = clock.now()
    end_for_claimant(dispute, ended_by=Ending.ACCEPTED, by=by.id)


def contest_claim(
    dispute: Dispute, *, by: User, text: str, link: str | None = None, version: int | None = None
) -> None:
    """awaiting_response -> contested: with what the other side has to say. Where it helps, the buyer is asked."""
    require(is_respondent(by, dispute), "answer this claim")
    lock_dispute(dispute)
    check_version(dispute, version)
    check_move(lifecycle.DISPUTE_MOVES, dispute.state, D.CONTESTED)
    if len(text) < 10:
        raise Invalid("Say why, in a sentence or two.", fields={"text": ["Say why, in a sentence or two."]})
    _say(dispute, by, text, link)
    now = clock.now()
    due = add_business_days(now, SETTLED_WITHIN)
    lifecycle.move_dispute(dispute, D.CONTESTED, by=by.id, due_at=due)
    dispute.answered_at = now
    outbox.promise("escalate_dispute", after=due - now, dispute_id=dispute.id)
    outbox.promise("send_letter", letter="dispute_contested", dispute_id=dispute.id)
    if KINDS[dispute.kind].asks_buyer:
        ask_witness(dispute, by=by.id)


def escalate(dispute: Dispute, *, by: User) -> None:
    """contested -> escalated: an admin decides."""
    require(is_claimant(by, dispute), "take this to an admin")
    lock_dispute(dispute)
    hand_to_admin(dispute, by=by.id)


def hand_to_admin(dispute: Dispute, *, by: str) -> None:
    """The caller holds the locks."""
    now = clock.now()
    due = add_business_days(now, TAKEN_UP_WITHIN)
    lifecycle.move_dispute(dispute, D.ESCALATED, by=by, due_at=due)
    outbox.promise("remind_admins_of_dispute", after=due - now, dispute_id=dispute.id)
    outbox.promise("send_letter", letter="dispute_escalated", dispute_id=dispute.id)


def withdraw_claim(dispute: Dispute, *, by: User) -> None:
    """Any time before its end: what waited goes on, and nobody has lost."""
    require(may_withdraw(by, dispute), "take this dispute back")
    lock_dispute(dispute)
    check_move(lifecycle.DISPUTE_MOVES, dispute.state, D.WITHDRAWN)
    end_withdrawn(dispute, by=by.id)


def add_statement(dispute: Dispute, *, by: User, text: str, link: str | None = None) -> None:
    """More of what a side knows, until it is decided. Never changed afterwards."""
    require(side_of(by, dispute), "say something in this dispute")
    lock_dispute(dispute)
    if dispute.state not in LIVE:
        raise DisputeOver("This dispute is over.", next_step="The page says how it ended, and why.")
    _say(dispute, by, text, link)


def _say(dispute: Dispute, by: User, text: str, link: str | None) -> None:
    side = side_of(by, dispute)
    assert side is not None
    if sum(one.side is side for one in dispute.statements) >= MOST_STATEMENTS:
        raise DisputeOver("That is all that one side can add.", next_step="An admin reads what stands there.")
    db.session.add(DisputeStatement(dispute_id=dispute.id, side=side, said_by=by.id, text=text, link=link or None))
    db.session.flush()
    db.session.refresh(dispute, ["statements"])
