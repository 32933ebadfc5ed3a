"""What becomes of an event of a business's own Stripe; the only writer of its state. Its report has the trail."""
from collections.abc import Mapping

from marketplace.foundation.states import check_move
from marketplace.tracking.models import DoorEventState, StripeDoorEvent

S = DoorEventState

DOOR_EVENT_MOVES: Mapping[DoorEventState, frozenset[DoorEventState]] = {
    S.RECEIVED: frozenset({S.WAITING, S.COUNTED, S.IGNORED}),
    S.WAITING: frozenset({S.WAITING, S.COUNTED, S.IGNORED}),
    S.COUNTED: frozenset(),
    S.IGNORED: frozenset(),
}


def move_event(event: StripeDoorEvent, target: DoorEventState, *, outcome: str) -> None:
    """Once it is handled nobody has to know any more who it was."""
    check_move(DOOR_EVENT_MOVES, event.state, target)
    event.state, event.outcome = target, outcome
    if target is not S.WAITING:
        event.who = None
