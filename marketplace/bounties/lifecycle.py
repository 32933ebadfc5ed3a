"""Every state a bounty can be in, and the only function that moves one."""
from marketplace.bounties.models import Bounty
from marketplace.bounties.models import BountyState as S
from marketplace.bounties.search import keep_findable
from marketplace.foundation import audit
from marketplace.foundation.db import db
from marketplace.foundation.states import check_move

BOUNTY_MOVES = {
    S.DRAFT: frozenset({S.LIVE, S.CLOSED}),
    S.LIVE: frozenset({S.PAUSED, S.CLOSED}),
    S.PAUSED: frozenset({S.LIVE, S.CLOSED}),
    S.CLOSED: frozenset({S.ARCHIVED}),
    S.ARCHIVED: frozenset(),
}


def move(bounty: Bounty, target: S, *, by: str, reason: str = "") -> None:
    check_move(BOUNTY_MOVES, bounty.state, target)
    audit.record(f"bounty.{target}", bounty.id, by=by, was=bounty.state, reason=reason)
    bounty.state = target
    keep_findable(bounty)


def lock(bounty: Bounty) -> None:
    """Its state as it is now, until this transaction ends: several sales at once may each want to pause it.

    Not against those who only point at the row (``key_share``), as each new conversion does: that would be a circle.
    """
    db.session.flush()
    db.session.refresh(bounty, attribute_names=["state", "paused_because", "version"],
                       with_for_update={"key_share": True})
