"""The whole API at length: 100 calls that schemathesis makes of the document for each operation, and what they broke.

Two processes share the operations, each with a world of its own. Then it reads as two businesses, each what the other
one was shown. Everything stays on loopback.
"""
import contextlib
import json
import logging
import multiprocessing
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from flask import Flask

from benchmarks.figures import Figure
from benchmarks.product import product
from marketplace.foundation import clock
from tests import test_who_sees_what as who
from tests.api.attacks import Campaign, attack
from tests.bad_input.doors import unhurried
from tests.browsing import apart
from tests.moving_clock import MovingClock
from tests.network import only_loopback
from tests.serving import served

PROCESSES, EXAMPLES, READS = 2, 100, 30
PEERS = {"westside": "member", "eastside": "other member"}
OPEN_TO_ALL = r"^/api/v1/(bounties|businesses/\{business_id\}(/bounties)?$)"
COMMAND = "from schemathesis.cli import schemathesis; schemathesis()"


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
        _read_as_peers(),
    ]


@contextlib.contextmanager
def _world() -> Iterator[tuple[Flask, who.World]]:
    logging.disable(logging.INFO)
    with only_loopback(), product() as app:
        clock.use(MovingClock())
        try:
            world = who._make_world(Path(app.extensions["settings"].mail_dir))
            with unhurried(app):
                yield app, world
        finally:
            clock.use(clock.system_time)


def _attack_share(number: int) -> Campaign:
    with _world() as (app, world):
        return attack(app, world, examples=EXAMPLES, number=number, of=PROCESSES)


def _read_as_peers() -> Figure:
    """schemathesis' own check: what one business was shown is asked for by the other one as well."""
    with _world() as (app, world), served(apart(app)) as address:
        folder = Path(app.extensions["settings"].mail_dir)
        (folder / "keys.yaml").write_text(json.dumps({"auth": [
            {"name": name, "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {world.secrets[person]}"}]}
            for name, person in PEERS.items()]}))
        (folder / "schemathesis.toml").write_text(
            f'[auth.wfc]\npath = "keys.yaml"\npeers = {json.dumps(list(PEERS))}\n')
        done = subprocess.run([
            sys.executable, "-c", COMMAND, "--config-file", str(folder / "schemathesis.toml"), "run",
            f"{address}/api/v1/openapi.json", "--checks", "object_level_authorization", "--include-method", "GET",
            "--exclude-path-regex", OPEN_TO_ALL, "--phases", "fuzzing,stateful", "--mode", "positive",
            "--max-examples", str(READS), "--generation-database", "none", "--seed", "1", "--no-color",
        ], cwd=folder, capture_output=True, text=True, check=False)
    told = re.search(r"(\d+) generated(?:, (\d+) found)?", done.stdout)
    if told is None or done.returncode not in {0, 1}:
        raise RuntimeError(done.stdout[-3000:] + done.stderr[-3000:])
    if done.returncode:
        print(done.stdout)
    return Figure("API: rows of a business shown to another's key", int(told[2] or 0), "faults", 0, "lower",
                  f"{told[1]} reads by schemathesis as two businesses")
