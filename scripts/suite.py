"""`make test`: every check, and every test on SQLite, on PostgreSQL and in a browser; the last lines say what ran.

`make check` (--check) is lint, types and import contracts alone. Anything after `--` goes to pytest.
"""
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from xml.etree import ElementTree as ET

from browser import get_browser, why_no_browser
from postgres import NoPostgres, temporary_postgres
from processes import ROOT, environment, free_port

BUILD = ROOT / "build"
COVERAGE = BUILD / "test" / "coverage.json"
NEEDED_BRANCHES = 95.0  # percent of the branches of the verbs: see is_verb()
CORES = os.cpu_count() or 1
RUNNING: set[subprocess.Popen[bytes]] = set()
LEAVING = threading.Event()
CHECKS = {
    "lint": ["-m", "ruff", "check", "."],
    "types": ["-m", "mypy"],
    "import contracts": ["-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
}


@dataclass
class Result:
    """What happened so far: the tests' counts, and a line for each check and each run."""

    counts: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)
    faults: int = 0

    def add(self, other: "Result") -> None:
        self.counts += other.counts
        self.skipped += other.skipped
        self.lines += other.lines
        self.faults += other.faults

    def check(self, name: str, *, good: bool, note: str = "") -> None:
        self.faults += not good
        self.lines.append(f"{name:<24} {'holds' if good else 'FAILS'}{'  ' + note if note else ''}")
        say(self.lines[-1])


def main(arguments: list[str]) -> int:
    signal.signal(signal.SIGTERM, leave)
    began = time.monotonic()
    shutil.rmtree(BUILD / "test", ignore_errors=True)
    (BUILD / "test").mkdir(parents=True)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    result = Result()
    if "--check" in arguments:
        run_checks(result)
        return 1 if result.faults else 0
    more = arguments[arguments.index("--") + 1:] if "--" in arguments else []
    # Two runs at once, each with half of the cores: more throw each other out of their caches, an eighth of the time.
    with ThreadPoolExecutor() as aside, ThreadPoolExecutor(2) as pool:
        browser = aside.submit(get_browser)
        # The types are checked while the first run compiles what a fresh clone holds.
        running = [pool.submit(check), pool.submit(test_on_postgresql, more), pool.submit(test_on_sqlite, more),
                   pool.submit(browse, more, browser)]
        try:
            if not more:
                running += [pool.submit(test_at_length, "PostgreSQL"), pool.submit(test_at_length, "SQLite"),
                            pool.submit(test_apart)]
            for run in running:
                result.add(run.result())
        except BaseException:
            aside.shutdown(wait=False, cancel_futures=True)
            pool.shutdown(wait=False, cancel_futures=True)
            end_runs()
            raise
    if not more:
        check_coverage(result)
    return report(result, time.monotonic() - began)


def leave(number: int, frame: FrameType | None) -> None:
    """Ended from outside: each run ends its database servers first."""
    raise SystemExit(f"Ended by signal {number}: not everything ran.")


# ---- checks ------------------------------------------------------------------------------------------------------

def check() -> Result:
    result = Result()
    run_checks(result)
    check_migrations(result)
    return result


def run_checks(result: Result) -> None:
    with ThreadPoolExecutor() as pool:
        running = {name: pool.submit(run_python, arguments) for name, arguments in CHECKS.items()}
    for name, future in running.items():
        done = future.result()
        result.check(name, good=done.returncode == 0)
        if done.returncode:
            say(done.stdout + done.stderr)


def run_python(arguments: list[str], env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def check_migrations(result: Result) -> None:
    """A fresh database brought up by the migrations alone has exactly the tables of the models."""
    with tempfile.TemporaryDirectory() as folder:
        check_models(result, "SQLite", environment(Path(folder), free_port()))
        from tests.database import fresh_postgres_database  # noqa: PLC0415 - needs the packages of the tests

        try:
            with temporary_postgres() as server, fresh_postgres_database(server, "migrations") as url:
                check_models(result, "PostgreSQL", environment(Path(folder), free_port(), {"DATABASE_URL": url}))
        except NoPostgres as reason:  # Its tests skip and say why.
            result.lines.append(f"{'PostgreSQL':<24} not to be had: {reason}")


UP_AND_COMPARED = """
import flask_migrate
from wsgi import app
with app.app_context():
    flask_migrate.upgrade()
    flask_migrate.check()
"""


def check_models(result: Result, name: str, env: dict[str, str]) -> None:
    done = run_python(["-c", UP_AND_COMPARED], env)
    result.check("models = migrations", good=done.returncode == 0, note=f"on {name}")
    if done.returncode:
        say((done.stdout + done.stderr)[-6000:])


# ---- tests -------------------------------------------------------------------------------------------------------

def at_once(processes: int) -> list[str]:
    """A process that crashes ends the run, as xdist would hang; tests/conftest.py says what goes to one process."""
    return ["-n", str(min(4, processes)), "--dist", "loadscope", "--no-loadscope-reorder", "--max-worker-restart", "0",
            ] if processes > 1 else []


APART = ["tests/setup", "tests/bad_input"]  # They take long, and no branch of a verb that the others would not.
LONG = ["tests/properties", "tests/races", "tests/payments/test_webhook_storm.py"]
NOT_LONG = [f"--ignore={one}" for one in LONG]
NOT_APART = [f"--ignore={one}" for one in APART]


def test_on_sqlite(more: list[str]) -> Result:
    """Measured: which branches are taken does not depend on the database."""
    where = more or [*NOT_APART, *NOT_LONG]
    return run_tests("SQLite", [*MEASURED, "-m", "pytest", *QUIET_ABOUT_MEASURING, *on("sqlite"), *where])


def test_on_postgresql(more: list[str]) -> Result:
    return run_tests("PostgreSQL", ["-m", "pytest", *on("postgresql"), *(more or NOT_LONG)])


def test_at_length(database: str) -> Result:
    """In a process that holds nothing else, as it is copied by each fork; and unmeasured, which takes a fifth less."""
    return run_tests(f"{database}, long", ["-m", "pytest", *on(database.lower()), *LONG])


def on(database: str) -> list[str]:
    return ["--database", database, "-m", "not browser", *at_once(CORES // 2)]


def test_apart() -> Result:
    return run_tests("set-up, bad input", ["-m", "pytest", "--database", "sqlite", *APART])


def browse(more: list[str], browser: Future[str | None]) -> Result:
    browser.result()
    where = more or ["tests/browser"]  # Not everything need be imported to be left out.
    return run_tests("browser", ["-m", "pytest", "--database", "sqlite", "-m", "browser", *where])


UNMEASURED = "ignore:Unable to activate pytest branch coverage:RuntimeWarning"  # Tests are not what is measured.
MEASURED = ["-W", UNMEASURED, "-m", "slipcover", "--json", "--out", str(COVERAGE)]
QUIET_ABOUT_MEASURING = [
    "-W", UNMEASURED,
    "-W", "ignore:Module already imported so cannot be rewritten; slipcover:pytest.PytestAssertRewriteWarning",
]


def run_tests(name: str, arguments: list[str]) -> Result:
    """Its output is kept until it is done, as several run at once."""
    result, xml, log = Result(), BUILD / "test" / f"{name}.xml", BUILD / "test" / f"{name}.log"
    began = time.monotonic()
    say(f"tests, {name}: begun; the output so far is in {log.relative_to(ROOT)}")
    with log.open("w") as output:
        code = wait_for(subprocess.Popen(
            [sys.executable, *arguments, "-q", "--tb=short", f"--junitxml={xml}"],
            cwd=ROOT, stdout=output, stderr=subprocess.STDOUT))
    counts, reasons = read_outcomes(xml)
    if code not in {0, 5} and not counts["failed"]:  # 5: no test was selected
        counts["failed"] += 1
    result.counts += counts
    result.skipped += reasons
    result.lines.append(
        f"{'tests, ' + name:<24} {counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped "
        f"in {time.monotonic() - began:.0f} s"
    )
    say(f"\n---- tests, {name}\n{log.read_text().rstrip()}\n{result.lines[-1]}")
    return result


def wait_for(run: subprocess.Popen[bytes]) -> int:
    RUNNING.add(run)
    if LEAVING.is_set():
        run.kill()
    code = run.wait()
    RUNNING.discard(run)
    return code


def end_runs() -> None:
    """If we are told to leave, each run may first put away what it has begun."""
    LEAVING.set()
    for run in tuple(RUNNING):
        run.send_signal(signal.SIGINT)
    for run in tuple(RUNNING):
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.wait(20)
        run.kill()


def read_outcomes(xml: Path) -> tuple[Counter[str], Counter[str]]:
    counts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    if not xml.exists():
        return counts, reasons
    for case in ET.parse(xml).iter("testcase"):  # noqa: S314 - written by our own pytest a moment ago
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            counts["failed"] += 1
        elif skipped is not None:
            counts["skipped"] += 1
            reasons[skipped.get("message") or "no reason given"] += 1
        else:
            counts["passed"] += 1
    return counts, reasons


def check_coverage(result: Result) -> None:
    """Branches of the verbs, in the run on SQLite."""
    if not COVERAGE.exists():
        result.check("coverage", good=False, note="the run on SQLite measured nothing")
        return
    verbs = {name: file for name, file in json.loads(COVERAGE.read_text())["files"].items() if is_verb(name)}
    missed = {name: file["missing_branches"] for name, file in verbs.items() if file["missing_branches"]}
    missing = sum(len(branches) for branches in missed.values())
    total = missing + sum(len(file["executed_branches"]) for file in verbs.values())
    percent = 100 * (1 - missing / total) if total else 0.0
    for name, branches in sorted(missed.items(), key=lambda item: -len(item[1])):
        lines = ", ".join(str(start) for start in sorted({start for start, _ in branches}))
        say(f"  {name}: {len(branches)} branches not taken, at lines {lines}")
    note = f"{percent:.1f} % of {total} branches in {len(verbs)} verb files (needed: {NEEDED_BRANCHES:.0f} %)"
    result.check("coverage", good=percent >= NEEDED_BRANCHES, note=note)


NOT_VERBS = {"__init__.py", "models.py", "schemas.py", "api.py", "pages.py"}


def is_verb(name: str) -> bool:
    path = Path(name)
    return (path.parts[:2] in {("marketplace", "payments"), ("marketplace", "referrals")}
            and not {"pages", "api", "sandbox", "models"} & set(path.parts) and path.name not in NOT_VERBS)


def report(result: Result, seconds: float) -> int:
    say("\n---- what ran")
    for line in result.lines:
        say(line)
    for reason, count in result.skipped.most_common():
        say(f"skipped {count}: {reason}")
    if reason := why_no_browser():
        say(f"no browser: {reason}")
    failed = result.counts["failed"] + result.faults
    say(f"{seconds / 60:.1f} minutes; {result.faults} checks failed (counted below as failed)" if result.faults
        else f"{seconds / 60:.1f} minutes; every check holds")
    skipped = result.counts["skipped"]
    say(f"{result.counts['passed']} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or not result.counts["passed"] else 0


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main(sys.argv[1:]))
