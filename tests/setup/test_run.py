"""`make run` as a person uses it: start, look, Ctrl-C, start again; and what happens when one part of it dies."""
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest

from scripts.processes import free_port, is_free

ROOT = Path(__file__).resolve().parents[2]
SECONDS_TO_START = 90


class Running:
    """The program and everything it has said."""

    def __init__(self, folder, port):
        self.port, self.said, self.changed, self.ended = port, [], threading.Condition(), False
        env = {**os.environ, "PORT": str(port), "FINGERPOST_INSTANCE": str(folder)}
        self.program = subprocess.Popen(
            [sys.executable, ROOT / "scripts" / "run.py"], cwd=ROOT, env=env, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        with self.program.stdout:
            for line in self.program.stdout:
                with self.changed:
                    self.said.append(line.rstrip())
                    self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def wait_for(self, words):
        def is_said():
            return self.ended or any(words in line for line in self.said)
        with self.changed:
            assert self.changed.wait_for(is_said, timeout=SECONDS_TO_START), self.said
        found = [line for line in self.said if words in line]
        assert found, self.said
        return found[0]

    def stop(self, number):
        self.program.send_signal(number)
        code = self.program.wait(30)
        self.reader.join(10)
        return code


@pytest.mark.parametrize("given", [["--help"], ["--nonsense"], ["--work", "more"], ["--migration"], ["--flask"]])
def test_what_it_does_not_know_is_refused_with_how_to_use_it(tmp_path, given):
    env = {**os.environ, "PORT": str(free_port()), "FINGERPOST_INSTANCE": str(tmp_path)}
    ended = subprocess.run([sys.executable, ROOT / "scripts" / "run.py", *given], cwd=ROOT, env=env, text=True,
                           capture_output=True, timeout=60, check=False)
    assert (ended.returncode, "usage: scripts/run.py" in ended.stderr, ended.stdout) == (2, True, "")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def start(tmp_path):
    begun = []

    def start_on(port):
        begun.append(Running(tmp_path / "instance", port))
        return begun[-1]
    yield start_on
    for running in begun:
        if running.program.poll() is None:
            running.stop(signal.SIGTERM)


def fetch(url):
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=10) as answer:
        return answer.status, answer.read().decode()


def child_of(program, words):
    """The process id of the child with these words in its command line."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            command = (entry / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
        if parent == program.pid and words in command:
            return int(entry.name)
    raise AssertionError(f"no child runs {words}")


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for child processes in /proc")
def test_run_starts_everything_stops_everything_and_keeps_what_was_there(start, tmp_path):
    port = free_port()
    first = start(port)
    ready = first.wait_for("Ready after")
    assert "Ctrl-C" in ready
    assert f"http://127.0.0.1:{port}" in first.wait_for("Fingerpost ")
    assert f"http://127.0.0.1:{port + 1}" in first.wait_for("Stripe sandbox ")
    assert fetch(f"http://127.0.0.1:{port}/")[0] == 200
    secrets = (tmp_path / "instance" / "development.env").read_text()
    children = [child_of(first.program, words) for words in ("granian", "flask work", "payments.sandbox")]
    assert first.stop(signal.SIGINT) == 0
    assert "Your data is kept" in first.said[-1]
    assert is_free(port)
    assert is_free(port + 1)
    assert [pid for pid in children if Path(f"/proc/{pid}").exists()] == []

    second = start(port)
    second.wait_for("Ready after")
    assert (tmp_path / "instance" / "development.env").read_text() == secrets
    os.kill(child_of(second.program, "flask work"), signal.SIGKILL)
    assert second.program.wait(30) == 1
    second.reader.join(10)
    assert any("The worker ended with exit code -9" in line for line in second.said)
    assert not any("Traceback" in line for line in first.said + second.said)
    assert is_free(port)
    assert is_free(port + 1)
