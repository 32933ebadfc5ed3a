"""The states of an invitation, and the only place that moves them."""
from marketplace.foundation import audit
from marketplace.foundation.states import check_move
from marketplace.tracking.models import InvitationState, PartnerInvitation

S = InvitationState
INVITATION_MOVES: dict[InvitationState, frozenset[InvitationState]] = {
    S.BROUGHT: frozenset({S.INVITED, S.REMOVED}),
    S.INVITED: frozenset({S.ACCEPTED, S.DECLINED, S.REMOVED}),
    S.ACCEPTED: frozenset({S.REMOVED}),
    S.DECLINED: frozenset({S.REMOVED}),
    S.REMOVED: frozenset(),
}


def move_invitation(invitation: PartnerInvitation, target: InvitationState, *, by: str) -> None:
    check_move(INVITATION_MOVES, invitation.state, target)
    audit.record(f"invitation.{target}", invitation.id, by=by, was=invitation.state)
    invitation.state = target
