"""`make proof`: the long reliability runs, on both databases; a table, and docs/proof.json as the last record.

Each run is told its seed, so that it can be repeated (FINGERPOST_SEED=... make proof), and how many times the length of
`make test` it lasts. FINGERPOST_ONLY="webhook storm, races" runs these alone: lines of the record about the same
product stay, older ones go.
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
PRODUCT = ("marketplace", "migrations")


@dataclass(frozen=True)
class Run:
    """``length`` times as long as in `make test`; ``on`` the databases where it makes sense."""

    tests: list[str]
    length: int = 1
    on: tuple[str, ...] = ("SQLite", "PostgreSQL")


RUNS = {  # What it proves: what is run.
    "ledger against a model": Run(["tests/properties/test_ledger_against_a_model.py"], 25),
    "random lives": Run(["tests/properties/test_money_never_lost.py"], 10),
    "killed workers": Run(["tests/races/test_killed_workers.py"], 10),
    "faulty Stripe": Run(["tests/races/test_faulty_stripe.py"], 25),
    "webhook storm": Run(["tests/payments/test_webhook_storm.py"], 10),
    "clock jumps": Run(["tests/payments/test_clock_jumps.py"]),
    "same on both": Run(["tests/payments/test_same_on_both_databases.py"], 10, ("PostgreSQL",)),
    "discrepancies": Run(["tests/payments/test_discrepancies_at_random.py",
                          "tests/payments/test_reconciliation.py"], 50),
    "restored backup": Run(["tests/payments/test_restore.py"], 10),
    "races": Run(["tests/races", "--ignore=tests/races/test_killed_workers.py",
                  "--ignore=tests/races/test_faulty_stripe.py"], 10),
    # The bugs are the product's; which database they meet does not matter.
    "seeded bugs": Run(["tests/properties/test_seeded_bugs.py", "tests/properties/test_named_bugs.py"], 10,
                       ("SQLite",)),
}
# The first of these that a test records; else it counts as one.
COUNTED = ("operations", "steps", "kills", "calls", "events", "injections", "bugs", "threads", "rounds")
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
    only = {name.strip() for name in os.environ.get("FINGERPOST_ONLY", "").split(",")} - {""}
    if unknown := only - RUNS.keys():
        say(f"There is no run {', '.join(sorted(unknown))}. Choose among: {', '.join(RUNS)}.")
        return 2
    wanted = {name: run for name, run in RUNS.items() if not only or name in only}
    say(f"seed {seed}, at {commit}\n")
    with database_server() as missing, ThreadPoolExecutor(len(DATABASES)) as pool:
        running = [pool.submit(prove_all, wanted, database, missing, seed, commit) for database in DATABASES]
        proofs = [proof for future in running for proof in future.result()]
    record = sorted([*proofs, *still_true({proof.name for proof in proofs})], key=in_order)
    RECORD.write_text(json.dumps([asdict(proof) for proof in record], indent=2) + "\n")
    show(record)
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


def in_order(proof: Proof) -> tuple[int, str]:
    return list(RUNS).index(proof.name.rpartition(", ")[0]), proof.name


def still_true(said_anew: set[str]) -> list[Proof]:
    """The lines of the last record that were not run again and are about this very product."""
    if not RECORD.exists():
        return []
    before = [Proof(**line) for line in json.loads(RECORD.read_text())]
    return [proof for proof in before if proof.name not in said_anew and proof.name.rpartition(", ")[0] in RUNS
            and is_same_product(proof.commit)]


def is_same_product(commit: str) -> bool:
    same = ["git", "diff", "--quiet", commit, "--", *PRODUCT]
    return subprocess.run(same, cwd=ROOT, capture_output=True, check=False).returncode == 0


def prove_all(wanted: dict[str, Run], database: str, missing: str, seed: int, commit: str) -> list[Proof]:
    proofs = []
    for what, run in wanted.items():
        if database not in run.on:
            continue
        name = f"{what}, {database}"
        if missing and database == "PostgreSQL":
            proofs.append(Proof(name, 0, f"did not run: {missing}", holds=False, seed=seed, commit=commit))
        else:
            proofs.append(prove(name, run, DATABASES[database], seed, commit))
    return proofs


def prove(name: str, run: Run, option: str, seed: int, commit: str) -> Proof:
    began = time.monotonic()
    say(f"{name}, {run.length} times its usual length ...")
    with tempfile.TemporaryDirectory() as place:
        xml = Path(place) / "outcome.xml"
        environment = os.environ | {"FINGERPOST_LENGTH": str(run.length), "FINGERPOST_SEED": str(seed)}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "--tb=short", f"--junitxml={xml}",
             "-p", "no:randomly", "--database", option, *run.tests],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        outcome = read_outcome(xml)
    if done.returncode:
        say(f"---- {name}\n{(done.stdout + done.stderr)[-8000:]}\n----")
        outcome.faults = outcome.faults or [f"pytest ended with {done.returncode}"]
    seconds = time.monotonic() - began
    counts = ", ".join(f"{count} {what}" for what, count in outcome.done.items())
    found = "; ".join(outcome.faults) or f"nothing wrong in {counts} ({seconds:.0f} s)"
    say(f"{name}: {found}")
    holds = not done.returncode and not outcome.faults and outcome.count > 0
    return Proof(name, outcome.count, found, holds=holds, seed=seed, commit=commit)


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
    is_changed = git("status", "--porcelain", "--", *PRODUCT, "tests")
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
