"""Three processes started together are watched and stopped together; their secrets are made once and kept private."""
import os
import signal
import stat
import sys
import threading
import time
from pathlib import Path

import pytest

from scripts import processes
from scripts.processes import Processes, Product, Stopped, environment, free_port, kept_secrets

PATIENT = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = (
    "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
    "print('child', child.pid, flush=True); time.sleep(60)"
)


class Heard:
    """Lines as they come; `wait_for` blocks until one has this in it."""

    def __init__(self):
        self.lines, self.changed = [], threading.Condition()

    def __call__(self, line):
        with self.changed:
            self.lines.append(line)
            self.changed.notify_all()

    def wait_for(self, words):
        with self.changed:
            assert self.changed.wait_for(lambda: any(words in line for line in self.lines), timeout=20), self.lines
            return next(line for line in self.lines if words in line)


@pytest.fixture
def heard():
    return Heard()


@pytest.fixture
def children(heard):
    running = Processes(dict(os.environ), heard)
    yield running
    running.stop()


def python(code):
    return [sys.executable, "-c", code]


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_what_a_process_says_comes_out_under_its_name(children, heard):
    children.start("worker", python("print('hello')"))
    assert heard.wait_for("hello") == "worker  | hello"


def test_a_process_that_dies_is_named_with_its_exit_code(children, heard):
    children.start("site", python(PATIENT))
    children.start("worker", python("raise SystemExit(3)"))
    children.running["worker"].wait(20)
    with pytest.raises(Stopped, match="The worker ended with exit code 3"):
        children.check_alive()


def test_waiting_for_an_answer_ends_when_the_process_dies(children):
    children.start("site", python("raise SystemExit(1)"))
    with pytest.raises(Stopped, match="The site ended"):
        children.wait_until_healthy("site", f"http://127.0.0.1:{free_port()}/health")


def test_a_process_that_never_answers_is_given_up(children, monkeypatch):
    monkeypatch.setattr(processes, "HEALTHY_WITHIN", 0.3)
    children.start("site", python(PATIENT))
    with pytest.raises(Stopped, match="did not answer"):
        children.wait_until_healthy("site", f"http://127.0.0.1:{free_port()}/health")


def test_stopping_ends_every_process(children, heard):
    for name in ("site", "worker", "sandbox"):
        children.start(name, python(PATIENT))
        heard.wait_for(f"{name:<8}| up")
    children.stop()
    assert [child.returncode for child in children.running.values()] == [-signal.SIGTERM] * 3


def test_a_process_that_will_not_stop_is_ended_with_its_own_children(children, heard, monkeypatch):
    monkeypatch.setattr(processes, "STOPPED_WITHIN", 0.3)
    children.start("site", python(STUBBORN))
    grandchild = int(heard.wait_for("child").split()[-1])
    children.stop()
    assert children.running["site"].returncode == -signal.SIGKILL
    give_up = time.monotonic() + 5
    while is_running(grandchild) and time.monotonic() < give_up:
        os.sched_yield()
    assert not is_running(grandchild)


def test_secrets_are_made_once_and_only_their_owner_reads_them(tmp_path):
    first = kept_secrets(tmp_path / "instance")
    assert stat.S_IMODE((tmp_path / "instance" / "development.env").stat().st_mode) == 0o600
    assert kept_secrets(tmp_path / "instance") == first
    assert kept_secrets(tmp_path / "other") != first
    assert all(len(value) >= 32 for value in first.values())


def test_stray_settings_of_the_shell_do_not_reach_the_processes(tmp_path, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://somewhere/else")
    monkeypatch.setenv("FINGERPOST_ENV", "production")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    env = environment(tmp_path, 6000)
    assert env["DATABASE_URL"] == f"sqlite:///{tmp_path}/fingerpost.sqlite"
    assert env["FINGERPOST_ENV"] == "development"
    assert "PYTHONDONTWRITEBYTECODE" not in env
    assert env["PATH"] == os.environ["PATH"]


def test_without_a_stripe_key_the_sandbox_stands_one_port_above(tmp_path, monkeypatch):
    monkeypatch.delenv("STRIPE_SECRET_KEY", raising=False)
    env = environment(tmp_path, 6000)
    assert env["STRIPE_API_BASE"] == "http://127.0.0.1:6001"
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_test_my_own")
    env = environment(tmp_path, 6000)
    assert env["STRIPE_SECRET_KEY"] == "sk_test_my_own"
    assert "STRIPE_API_BASE" not in env


def test_moving_the_clock_adds_up(tmp_path):
    product = Product("http://127.0.0.1:1", None, tmp_path, {}, Processes({}, print), "")
    product.move_clock(60)
    product.move_clock(86_400)
    assert (tmp_path / "clock").read_text() == "86460"
