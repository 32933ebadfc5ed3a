"""How a figure is taken: work and its ceiling in turns, by CPU time, so that a busy machine slows both alike."""
import gc
import re
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

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
    """Microseconds of one call, of CPU or of the wall: the fastest round, and the round in the middle."""

    least: float
    middle: float


def peak_memory(*, anew: bool = False) -> float:
    """MiB that this process held at most, since it was asked ``anew``; where Linux does not tell, since it began."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if anew:
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5")
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status.read_text())[0]) / 1024


def take_turns(*works: Callable[[], object], calls: tuple[int, ...], is_wall: bool = False) -> list[Times]:
    """Each work ``calls`` times in a round, one after the other, ROUNDS times; the first round only warms up.

    ``is_wall``: by the wall, where a database server does a part of the work.
    """
    timer = time.perf_counter if is_wall else time.process_time
    spent: list[list[float]] = [[] for _ in works]
    for round_number in range(ROUNDS + 1):
        for place, (work, count) in enumerate(zip(works, calls, strict=True)):
            began = timer()
            for _ in range(count):
                work()
            if round_number:
                spent[place].append((timer() - began) / count * 1e6)
    return [Times(min(one), statistics.median(one)) for one in spent]
