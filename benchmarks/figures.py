"""How a figure is taken: work and its ceiling in turns, by CPU time, so that a busy machine slows both alike."""
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

ROUNDS = 15


@dataclass(frozen=True)
class Figure:
    """``value`` beside its ``bar``; ``better`` is "lower" or "higher"."""

    name: str
    value: float
    unit: str
    bar: float
    better: str
    note: str = ""

    @property
    def holds(self) -> bool:
        return self.value <= self.bar if self.better == "lower" else self.value >= self.bar


@dataclass(frozen=True)
class Times:
    """CPU microseconds of one call: the fastest round, and the round in the middle."""

    least: float
    middle: float


def take_turns(*works: Callable[[], object], calls: tuple[int, ...]) -> list[Times]:
    """Each work ``calls`` times in a round, one after the other, ROUNDS times; the first round only warms up."""
    spent: list[list[float]] = [[] for _ in works]
    for round_number in range(ROUNDS + 1):
        for place, (work, count) in enumerate(zip(works, calls, strict=True)):
            began = time.process_time()
            for _ in range(count):
                work()
            if round_number:
                spent[place].append((time.process_time() - began) / count * 1e6)
    return [Times(min(one), statistics.median(one)) for one in spent]
