"""Planned trouble: the next calls to a path are lost, refused, stored as failed, delayed or cut in half."""
import random
import re
import threading
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class FaultKind(StrEnum):
    LOST_BEFORE = "lost_before"              # The line drops; nothing was done.
    LOST_AFTER = "lost_after"                # Done, and the line drops before the answer.
    HALF_WRITTEN = "half_written"            # Done, and the answer breaks off in the middle.
    ERROR_UNSTORED = "error_unstored"        # 500, nothing done, nothing remembered: the same key works later.
    ERROR_STORED = "error_stored"            # 500, nothing done, remembered under the key.
    ERROR_STORED_AFTER = "error_stored_after"  # 500 although done, remembered under the key.
    RATE_LIMITED = "rate_limited"            # 429, before the idempotency layer.
    KEY_IN_USE = "key_in_use"                # 409.
    HANG = "hang"                            # Done, and answered after ``seconds``.


@dataclass
class Fault:
    """Strikes the next ``times`` calls (None: all) that match, each with ``chance``."""

    kind: FaultKind
    path: str = ""
    method: str = ""
    times: int | None = 1
    seconds: float = 0.0
    chance: float = 1.0


class Faults:
    """``seen`` counts the calls since the sandbox began, ``struck`` those that met trouble."""

    def __init__(self) -> None:
        self.seen = self.struck = 0
        self._planned: list[Fault] = []
        self._guard = threading.Lock()
        self._dice = random.Random(0)  # noqa: S311 - a repeatable plan, not a secret

    def plan(self, fault: Fault) -> None:
        with self._guard:
            self._planned.append(fault)

    def clear(self, *, seed: int = 0) -> None:
        with self._guard:
            self._planned.clear()
            self._dice.seed(seed)

    def planned(self) -> list[dict[str, Any]]:
        with self._guard:
            return [asdict(fault) for fault in self._planned]

    def strike(self, method: str, path: str) -> Fault | None:
        with self._guard:
            self.seen += 1
            for fault in self._planned:
                if fault.method not in ("", method) or not re.search(fault.path, path):
                    continue
                if fault.chance < 1 and self._dice.random() >= fault.chance:
                    continue
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self._planned.remove(fault)
                self.struck += 1
                return fault
        return None
