"""The site, its worker and the Stripe sandbox as three processes: started together, watched, stopped together.

`make run`, `make demo` and the browser tests all start the product through `started()` or its parts.
"""
import contextlib
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEALTHY_WITHIN = 60.0  # seconds; a cold start on a slow disk compiles every module first
STOPPED_WITHIN = 10.0  # seconds, then the whole process group is killed
FROM_SHELL = ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRETS")  # what the person running it may set for one run
OURS = re.compile(r"^(FINGERPOST_|STRIPE_|FLASK_|SMTP_|MAIL_)|^(SECRET_KEY|ENCRYPTION_KEYS|HASH_KEY|DATABASE_URL"
                  r"|PUBLIC_URL|FETCH_ALLOW|CLOCK_FILE|CLICKS|CLICK_DIR|RATE_LIMIT_STORAGE|PROXY_HOPS|PLATFORM_COUNTRY"
                  r"|PYTHONDONTWRITEBYTECODE)$")
SANDBOX_KEY = "sk_test_sandbox"

Say = Callable[[str], None]


class Stopped(Exception):
    """A process ended that should not have, or never became healthy; the message is one sentence."""


# ---- addresses ---------------------------------------------------------------------------------------------------

def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port whose successor is free as well: the sandbox listens one above the site."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port < 65535 and is_free(port) and is_free(port + 1):
            return port


# ---- environment -------------------------------------------------------------------------------------------------

def generated_secrets() -> dict[str, str]:
    return {
        "SECRET_KEY": secrets.token_hex(32),
        "HASH_KEY": secrets.token_hex(32),
        "ENCRYPTION_KEYS": "k1:" + urlsafe_b64encode(os.urandom(32)).decode(),
        "STRIPE_WEBHOOK_SECRETS": "whsec_" + secrets.token_urlsafe(24),
    }


def kept_secrets(folder: Path) -> dict[str, str]:
    """The secrets of ``folder``, made on the first start; only their owner can read them."""
    file = folder / "development.env"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        text = "".join(f"{name}={value}\n" for name, value in generated_secrets().items())
        partial = file.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write("# Made by `make run`. Your own Stripe test key goes here too: see .env.example.\n" + text)
        partial.rename(file)
    lines = (line.strip() for line in file.read_text().splitlines())
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, value in pairs}


def environment(folder: Path, port: int, changes: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of every process: the shell's, without stray settings, and this folder's on top."""
    folder = folder.resolve()
    settings = {
        "FINGERPOST_ENV": "development",
        "FLASK_APP": "wsgi:app",
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "DATABASE_URL": f"sqlite:///{folder / 'fingerpost.sqlite'}",
        "MAIL_DIR": str(folder / "mail"),
        "CLOCK_FILE": str(folder / "clock"),
        "CLICK_DIR": str(folder / "clicks"),
        # The demo blog lives on loopback, and ten above it the toy shop of docs/quick-start.md.
        "FETCH_ALLOW": ",".join(f"127.0.0.1:{port + above}" for above in (0, 1, 10)),
        "PYTHONUNBUFFERED": "1",
    }
    settings |= kept_secrets(folder)
    settings |= {name: os.environ[name] for name in FROM_SHELL if os.environ.get(name)}
    settings |= changes or {}
    if uses_sandbox(settings):
        settings |= {"STRIPE_SECRET_KEY": SANDBOX_KEY, "STRIPE_API_BASE": f"http://127.0.0.1:{port + 1}"}
    return {name: value for name, value in os.environ.items() if not OURS.search(name)} | settings


def uses_sandbox(settings: Mapping[str, str]) -> bool:
    return settings.get("STRIPE_SECRET_KEY", SANDBOX_KEY) == SANDBOX_KEY


# ---- processes ---------------------------------------------------------------------------------------------------

def site_command(port: int) -> list[str]:
    return [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port),
            "--workers", "1", "--blocking-threads", "4", "--http", "1", "--no-ws", "--log-level", "warning", "wsgi:app"]


def worker_command() -> list[str]:
    return flask("work")


def sandbox_command(folder: Path, port: int, webhook_secret: str) -> list[str]:
    return [sys.executable, "-m", "marketplace.payments.sandbox", "--port", str(port + 1),
            "--data", str(folder / "sandbox.sqlite"), "--clock-file", str(folder / "clock"),
            "--webhook", f"http://127.0.0.1:{port}/webhooks/stripe={webhook_secret}",
            "--secret-key", SANDBOX_KEY]


def flask(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "flask", *arguments]


def run_flask(env: Mapping[str, str], *arguments: str) -> str:
    """What the command printed. Raises Stopped with its last lines if it fails."""
    done = subprocess.run(flask(*arguments), cwd=ROOT, env=dict(env), capture_output=True, text=True, check=False)
    if done.returncode:
        raise Stopped(f"`flask {' '.join(arguments)}` failed:\n{(done.stdout + done.stderr).strip()[-4000:]}")
    return done.stdout.strip()


@dataclass
class Processes:
    """Children in process groups of their own, so that a Ctrl-C reaches them once, and through us."""

    env: Mapping[str, str]
    say: Say
    running: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    relays: list[threading.Thread] = field(default_factory=list)

    def start(self, name: str, command: list[str]) -> None:
        child = subprocess.Popen(
            command, cwd=ROOT, env=dict(self.env), text=True, errors="replace", bufsize=1, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        self.running[name] = child
        self.relays.append(threading.Thread(target=self._relay, args=(name, child), daemon=True))
        self.relays[-1].start()

    def _relay(self, name: str, child: subprocess.Popen[str]) -> None:
        assert child.stdout
        with child.stdout:
            for line in child.stdout:
                self.say(f"{name:<8}| {line.rstrip()}")

    def check_alive(self) -> None:
        for name, child in self.running.items():
            if child.poll() is not None:
                raise Stopped(f"The {name} ended with exit code {child.returncode}: its last lines are above.")

    def wait_until_healthy(self, name: str, url: str) -> None:
        give_up = time.monotonic() + HEALTHY_WITHIN
        while not answers(url):
            self.check_alive()
            if time.monotonic() > give_up:
                raise Stopped(f"The {name} did not answer at {url} within {HEALTHY_WITHIN:.0f} seconds.")
            time.sleep(0.1)

    def stop(self) -> None:
        """Ask every child to finish what it is doing; kill what has not after ten seconds, grandchildren too."""
        for child in self.running.values():
            if child.poll() is None:
                child.terminate()
        give_up = time.monotonic() + STOPPED_WITHIN
        for child in self.running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(max(0.0, give_up - time.monotonic()))
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        for relay in self.relays:  # What a child said last is still heard.
            relay.join(timeout=2)


def answers(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


@dataclass(frozen=True)
class Product:
    """What `started()` gives: where it listens, its environment (for `flask` commands), and its processes."""

    site: str
    sandbox: str | None
    folder: Path
    env: Mapping[str, str]
    processes: Processes
    seeded: str  # what `flask seed` said: the demo sign-ins

    def move_clock(self, seconds: int) -> None:
        """Shift the time of all three processes by this many seconds from now on; shifts add up."""
        clock = self.folder / "clock"
        before = int(clock.read_text() or 0) if clock.exists() else 0
        partial = clock.with_suffix(".partial")
        partial.write_text(str(before + seconds))
        partial.rename(clock)

    def run_flask(self, *arguments: str) -> str:
        """What the command printed. Raises Stopped if it fails."""
        return run_flask(self.env, *arguments)


def keep_quiet(line: str) -> None:
    """Say nothing."""


@contextlib.contextmanager
def started(
    folder: Path, port: int, env: Mapping[str, str] | None = None, *, say: Say = keep_quiet, seed: bool = True,
) -> Iterator[Product]:
    """Run the product in ``folder`` on ``port`` (sandbox on ``port + 1``) until the block is left.

    ``env`` changes settings (say DATABASE_URL). Raises Stopped when it does not come up. The
    database is migrated first, and holds the demo data if ``seed``; what is there already stays.
    """
    folder = folder.resolve()
    settings = environment(folder, port, env)
    (folder / "mail").mkdir(parents=True, exist_ok=True)
    children = Processes(settings, say)
    sandbox = f"http://127.0.0.1:{port + 1}" if uses_sandbox(settings) else None
    site = f"http://127.0.0.1:{port}"
    try:
        if sandbox:
            children.start("sandbox", sandbox_command(folder, port, settings["STRIPE_WEBHOOK_SECRETS"].split(",")[0]))
        run_flask(settings, "db", "upgrade")
        children.start("site", site_command(port))
        children.start("worker", worker_command())
        if sandbox:
            children.wait_until_healthy("sandbox", sandbox + "/")
        seeded = run_flask(settings, "seed") if seed else ""  # It pays for its bounties at the sandbox.
        children.wait_until_healthy("site", site + "/health")
        yield Product(site, sandbox, folder, settings, children, seeded)
    finally:
        children.stop()
