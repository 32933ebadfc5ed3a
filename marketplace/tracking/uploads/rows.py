"""A row of a file, what came of it, and what a purpose must be able to do with rows."""
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from marketplace.foundation.money import Money
from marketplace.tracking.models import Upload
from marketplace.tracking.uploads.columns import Column


class RowOutcome(StrEnum):
    """Of the check: what would come of a row; of the taking: what did."""

    EARNS = "earns"  # Counted, and somebody is rewarded.
    COUNTED = "counted"  # Belongs to a referrer, and earns nothing by the terms.
    KEPT = "kept"  # Nobody's yet: matched as soon as a lead or a click arrives. Of other lists: simply kept.
    BEFORE = "before"  # Known from before; nothing is done twice.
    REPEATED = "repeated"  # Stands further up in this file.
    REFUSED = "refused"  # By a rule.
    UNREADABLE = "unreadable"  # Something in the row itself.
    LEFT_OUT = "left_out"  # By the person's choice.


TAKES = (RowOutcome.EARNS, RowOutcome.COUNTED, RowOutcome.KEPT)  # What a taking does something with.
WRONG = (RowOutcome.REFUSED, RowOutcome.UNREADABLE)


@dataclass(frozen=True, slots=True)
class RowResult:
    """``row`` as a spreadsheet counts. ``earns``: (who, smallest units, currency). ``about``: what was made, as an
    id."""

    row: int
    outcome: RowOutcome
    label: str = ""
    why: str = ""
    next_step: str = ""
    earns: tuple[tuple[str, int, str], ...] = ()
    about: str = ""

    @property
    def amounts(self) -> list[tuple[str, Money]]:
        return [(who, Money(minor, currency)) for who, minor, currency in self.earns]


@dataclass(frozen=True, slots=True)
class Row:
    """``cells`` by what they are, trimmed; empty ones are not among them. ``label``: its own id, if it has one."""

    number: int
    cells: dict[str, str]


class Purpose(Protocol):
    """``check`` writes nothing that stays; ``take`` works in the caller's transaction. A result for each row, in
    order."""

    @property
    def columns(self) -> Sequence[Column]: ...

    def key(self, row: Row) -> tuple[str, bool]:
        """By what a row is known again, and whether that is an id of its own rather than all that it says."""

    def check(self, upload: Upload, rows: Sequence[Row]) -> list[RowResult]: ...

    def take(self, upload: Upload, rows: Sequence[Row]) -> list[RowResult]: ...


WORDS = {
    RowOutcome.EARNS: "earns a reward", RowOutcome.COUNTED: "counted, earns nothing", RowOutcome.KEPT: "kept",
    RowOutcome.BEFORE: "known from before", RowOutcome.REPEATED: "twice in this file", RowOutcome.REFUSED: "refused",
    RowOutcome.UNREADABLE: "cannot be read", RowOutcome.LEFT_OUT: "left out",
}
