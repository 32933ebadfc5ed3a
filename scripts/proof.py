"""`make proof`: the long reliability runs, on both databases; a table, and docs/proof.json as the last record.

Random lives of the whole market and races of threads, at ten times the length of `make test` (FINGERPOST_LENGTH). Each
run is told its seed, so that it can be repeated: FINGERPOST_SEED=... make proof.
"""
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

from postgres import NoPostgres, temporary_postgres
from processes import ROOT

RECORD = ROOT / "docs" / "proof.json"
FACTOR = os.environ.get("FINGERPOST_LENGTH", "10")
RUNS = {  # What it proves: what is run.
    "random lives": ["tests/properties/test_money_never_lost.py"],
    "seeded bugs": ["tests/properties/test_seeded_bugs.py"],
    "races": ["tests/races", "--ignore=tests/races/test_killed_workers.py"],
    "killed workers": ["tests/races/test_killed_workers.py"],
}
ONCE = {"seeded bugs"}  # The bugs are the product's; which database they meet does not matter.
COUNTED = ("steps", "kills", "threads", "rounds")  # The first of these that a test records; else it counts as one.
DATABASES = {"SQLite": "sqlite", "PostgreSQL": "postgresql"}


@dataclass
class Proof:
    """``count`` of steps, threads or tests; ``found`` says what was found wrong, or how much was done."""

    name: str
    count: int
    found: str
    holds: bool
    seed: int
    commit: str


@dataclass
class Outcome:
    count: int = 0
    faults: list[str] = field(default_factory=list)
    done: dict[str, int] = field(default_factory=lambda: defaultdict(int))


def main() -> int:
    seed = int(os.environ.get("FINGERPOST_SEED") or int.from_bytes(os.urandom(3)))
    commit = current_commit()
    say(f"seed {seed}, {FACTOR} times the length of `make test`, at {commit}\n")
    with database_server() as missing, ThreadPoolExecutor(len(DATABASES)) as pool:
        running = [pool.submit(prove_all, database, missing, seed, commit) for database in DATABASES]
        proofs = [proof for future in running for proof in future.result()]
    RECORD.write_text(json.dumps([asdict(proof) for proof in proofs], indent=2) + "\n")
    show(proofs)
    return 0 if all(proof.holds for proof in proofs) else 1


@contextlib.contextmanager
def database_server() -> Iterator[str]:
    """Yields why there is no PostgreSQL; empty when there is one."""
    with contextlib.ExitStack() as stack:
        try:
            os.environ["TEST_DATABASE_URL"] = stack.enter_context(temporary_postgres())
            missing = ""
        except NoPostgres as reason:
            missing = str(reason)
        yield missing


def prove_all(database: str, missing: str, seed: int, commit: str) -> list[Proof]:
    proofs = []
    for what, tests in RUNS.items():
        if what in ONCE and database != "SQLite":
            continue
        name = f"{what}, {database}"
        if missing and database == "PostgreSQL":
            proofs.append(Proof(name, 0, f"did not run: {missing}", holds=False, seed=seed, commit=commit))
        else:
            proofs.append(prove(name, tests, DATABASES[database], seed, commit))
    return proofs


def prove(name: str, tests: list[str], option: str, seed: int, commit: str) -> Proof:
    began = time.monotonic()
    say(f"{name} ...")
    with tempfile.TemporaryDirectory() as place:
        xml = Path(place) / "outcome.xml"
        environment = os.environ | {"FINGERPOST_LENGTH": FACTOR, "FINGERPOST_SEED": str(seed)}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "--tb=short", "-o", "junit_family=xunit1", f"--junitxml={xml}",
             "-p", "no:randomly", "--database", option, *tests],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        outcome = read_outcome(xml)
    if run.returncode:
        say(f"---- {name}\n{(run.stdout + run.stderr)[-8000:]}\n----")
        outcome.faults = outcome.faults or [f"pytest ended with {run.returncode}"]
    seconds = time.monotonic() - began
    did = ", ".join(f"{count} {what}" for what, count in outcome.done.items())
    found = "; ".join(outcome.faults) or f"nothing wrong in {did} ({seconds:.0f} s)"
    say(f"{name}: {found}")
    return Proof(name, outcome.count, found, holds=not run.returncode and outcome.count > 0, seed=seed, commit=commit)


def read_outcome(xml: Path) -> Outcome:
    outcome = Outcome()
    if not xml.exists():
        return outcome
    for case in ET.parse(xml).iter("testcase"):  # noqa: S314 - written by our own pytest a moment ago
        outcome.done["tests"] += 1
        recorded = {one.get("name", ""): one.get("value", "") for one in case.iter("property")}
        for what, value in recorded.items():
            if what != "seed" and value.isdigit():
                outcome.done[what] += int(value)
        outcome.count += next((int(recorded[what]) for what in COUNTED if what in recorded), 1)
        broken = case.find("failure") if case.find("failure") is not None else case.find("error")
        if broken is not None:
            outcome.faults.append(f"{case.get('name')}: {(broken.get('message') or '').splitlines()[0][:200]}")
        if case.find("skipped") is not None:
            outcome.faults.append(f"{case.get('name')} was skipped")
    return outcome


def current_commit() -> str:
    """With a plus where the tree differs from it."""
    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    is_changed = git("status", "--porcelain", "--", "marketplace", "migrations", "tests")
    return git("rev-parse", "--short", "HEAD") + ("+" if is_changed else "")


def show(proofs: list[Proof]) -> None:
    say(f"\n{'':<28}{'count':>8}  {'holds':<6} found")
    for proof in proofs:
        say(f"{proof.name:<28}{proof.count:>8}  {'yes' if proof.holds else 'NO':<6} {proof.found}")
    say(f"written to {RECORD.relative_to(ROOT)}")


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
