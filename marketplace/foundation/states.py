"""A table of allowed moves, and the check that every lifecycle uses."""
from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from marketplace.foundation.errors import Conflict

S = TypeVar("S", bound=StrEnum)


class IllegalMove(Conflict):
    """Asked to go where the table has no way: usually a stale page or a second click."""

    code = "illegal_move"


def check_move(moves: Mapping[S, frozenset[S]], current: S, target: S) -> None:
    if target not in moves[current]:
        raise IllegalMove(
            f"This is {current.replace('_', ' ')} and cannot become {target.replace('_', ' ')}.",
            next_step="Reload the page to see where it stands now.",
        )
