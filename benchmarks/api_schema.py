"""The whole API at length: 100 calls that schemathesis makes of the document for each operation, and what they broke.

Two processes share the operations, each with a world of its own. Everything stays on loopback.
"""
import logging
import multiprocessing
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.product import product
from marketplace.foundation import clock
from tests import test_who_sees_what as who
from tests.api.attacks import Campaign, attack
from tests.bad_input.doors import unhurried
from tests.moving_clock import MovingClock
from tests.network import only_loopback

PROCESSES, EXAMPLES = 2, 100


def measure() -> list[Figure]:
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        shares = pool.map(_attack_share, range(PROCESSES))
    faults = [fault for share in shares for fault in share.faults]
    for fault in faults:
        print(fault)
    calls, operations = sum(share.calls for share in shares), sum(share.operations for share in shares)
    answered = {status: sum(share.statuses.get(status, 0) for share in shares)
                for status in sorted({status for share in shares for status in share.statuses})}
    return [
        Figure("API: server errors, schema breaks, missing authorisation", len(faults), "faults", 0, "lower",
               f"{calls} calls of {operations} operations; answered {answered}"),
        Figure("API: calls an operation", min(share.least for share in shares), "calls", 0.9 * EXAMPLES, "higher",
               "the least that one got: some have few calls that differ"),
    ]


def _attack_share(number: int) -> Campaign:
    logging.disable(logging.INFO)
    with only_loopback(), product() as app:
        clock.use(MovingClock())
        try:
            world = who._make_world(Path(app.extensions["settings"].mail_dir))
            with unhurried(app):
                return attack(app, world, examples=EXAMPLES, number=number, of=PROCESSES)
        finally:
            clock.use(clock.system_time)
