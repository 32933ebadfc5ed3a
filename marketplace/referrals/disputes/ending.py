"""However a dispute ends: what waited goes on, what follows is posted, both sides and the witness are told; all in one
transaction."""
from marketplace.foundation import outbox
from marketplace.foundation.money import BASIS
from marketplace.referrals.disputes import lifecycle
from marketplace.referrals.disputes.freezing import free_set_aside, thaw
from marketplace.referrals.disputes.remedies import Finding, apply_finding
from marketplace.referrals.models import Dispute, DisputeState, Ending

ALL = Finding()


def end_for_claimant(dispute: Dispute, *, ended_by: Ending, by: str, finding: Finding = ALL) -> None:
    """Wholly, or by the share that was found."""
    is_split = finding.share_bps < BASIS
    thaw(dispute)
    apply_finding(dispute, finding, by=by)
    _end(dispute, DisputeState.SPLIT if is_split else DisputeState.RESOLVED_FOR_CLAIMANT, ended_by=ended_by, by=by,
         share_bps=finding.share_bps if is_split else None)


def end_for_respondent(dispute: Dispute, *, ended_by: Ending, by: str) -> None:
    thaw(dispute)
    _end(dispute, DisputeState.RESOLVED_FOR_RESPONDENT, ended_by=ended_by, by=by)


def end_withdrawn(dispute: Dispute, *, by: str) -> None:
    thaw(dispute)
    _end(dispute, DisputeState.WITHDRAWN, ended_by=Ending.WITHDRAWN, by=by)


def _end(
    dispute: Dispute, target: DisputeState, *, ended_by: Ending, by: str, share_bps: int | None = None
) -> None:
    lifecycle.end_dispute(dispute, target, ended_by=ended_by, by=by, share_bps=share_bps)
    free_set_aside(dispute)
    outbox.promise("send_letter", letter="dispute_ended", dispute_id=dispute.id)
    outbox.promise("note_claim_ended", dispute_id=dispute.id)  # A sale that was claimed, perhaps.
    if dispute.proven_word is not None:
        outbox.promise("send_letter", key=f"witness_told:{dispute.id}", letter="witness_told", dispute_id=dispute.id)
