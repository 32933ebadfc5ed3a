"""Every state of a dispute and what may follow it; the only writer of them."""
from collections.abc import Mapping
from datetime import datetime

from marketplace.foundation import audit, clock
from marketplace.foundation.db import db
from marketplace.foundation.states import check_move
from marketplace.referrals.models import Dispute, DisputeState, Ending

D = DisputeState
DECIDED = frozenset({D.RESOLVED_FOR_CLAIMANT, D.RESOLVED_FOR_RESPONDENT, D.SPLIT})

DISPUTE_MOVES: Mapping[DisputeState, frozenset[DisputeState]] = {
    D.OPEN: frozenset({D.AWAITING_RESPONSE, D.RESOLVED_FOR_RESPONDENT, D.WITHDRAWN}),  # Only an admin takes it up.
    D.AWAITING_RESPONSE: frozenset({D.ACCEPTED, D.CONTESTED, D.RESOLVED_FOR_CLAIMANT, D.WITHDRAWN}),
    D.ACCEPTED: frozenset({D.RESOLVED_FOR_CLAIMANT}),
    D.CONTESTED: frozenset({D.ESCALATED, D.RESOLVED_FOR_CLAIMANT, D.WITHDRAWN}),
    D.ESCALATED: DECIDED | {D.WITHDRAWN},
    D.RESOLVED_FOR_CLAIMANT: frozenset(),
    D.RESOLVED_FOR_RESPONDENT: frozenset(),
    D.SPLIT: frozenset(),
    D.WITHDRAWN: frozenset(),
}


def open_new(dispute: Dispute, *, by: str) -> None:
    """IntegrityError where the same claim is being disputed already."""
    dispute.state = D.OPEN
    db.session.add(dispute)
    db.session.flush()
    audit.record("dispute.open", dispute.id, by=by, kind=dispute.kind, lead=dispute.lead_id,
                 at_issue_minor=dispute.at_issue_minor, currency=dispute.currency)


def move_dispute(dispute: Dispute, target: DisputeState, *, by: str, due_at: datetime | None = None) -> None:
    """On to ``target``; ``due_at``: by when whoever is next has to act."""
    check_move(DISPUTE_MOVES, dispute.state, target)
    audit.record(f"dispute.{target}", dispute.id, by=by, was=dispute.state, kind=dispute.kind)
    dispute.state, dispute.due_at = target, due_at


def end_dispute(
    dispute: Dispute, target: DisputeState, *, ended_by: Ending, by: str, share_bps: int | None = None
) -> None:
    """To one of the ends; ``share_bps`` of a split: what the claimant gets of what was at issue."""
    check_move(DISPUTE_MOVES, dispute.state, target)
    dispute.ended_at, dispute.ended_by, dispute.share_bps = clock.now(), ended_by, share_bps
    move_dispute(dispute, target, by=by)
    db.session.flush()
