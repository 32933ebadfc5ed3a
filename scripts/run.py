"""`make run`: migrations, demo data, then site, worker and Stripe sandbox until Ctrl-C. Also `make work`, `make db`."""
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

from processes import ROOT, Stopped, environment, flask, is_free, started, uses_sandbox, worker_command

USAGE = """usage: scripts/run.py                       site, worker and Stripe sandbox, until Ctrl-C (make run)
       scripts/run.py --work                the worker alone (make work)
       scripts/run.py --flask doctor        a flask command with the settings and the data of make run
       scripts/run.py --migration "words"   a new migration from the models (make db m="words")
PORT=5050 in the environment chooses another port."""


class Interrupted(Exception):
    """Ctrl-C, a closed terminal, or a polite kill."""


def main(arguments: list[str]) -> int:
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, interrupt)
    folder = Path(os.environ.get("FINGERPOST_INSTANCE", ROOT / "instance"))
    try:
        port = chosen_port()
        if arguments == ["--work"]:
            return subprocess.call(worker_command(), cwd=ROOT, env=environment(folder, port))
        if arguments[:1] == ["--migration"] and len(arguments) == 2:
            return make_migration(arguments[1].strip(), folder, port)
        if arguments[:1] == ["--flask"] and len(arguments) > 1:
            return subprocess.call(flask(*arguments[1:]), cwd=ROOT, env=environment(folder, port))
        if arguments:
            sys.stderr.write(f"Unknown: {' '.join(arguments)}\n{USAGE}\n")
            return 2
        check_ports(port)
        serve(folder, port)
    except Interrupted:
        say("Stopped. Your data is kept; `make run` goes on where you left.")
    except (Stopped, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def interrupt(number: int, frame: FrameType | None) -> None:
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # A second Ctrl-C must not cut the clean stop short.
        signal.signal(name, signal.SIG_IGN)
    raise Interrupted


def chosen_port() -> int:
    text = os.environ.get("PORT") or "5000"
    if not text.isdigit() or not 1 <= int(text) <= 65534:
        raise Stopped(f"PORT is a number from 1 to 65534 and not {text!r}: try `make run PORT=5050`.")
    return int(text)


def check_ports(port: int) -> None:
    for needed in (port, port + 1) if uses_sandbox(os.environ) else (port,):
        if not is_free(needed):
            raise Stopped(
                f"Port {needed} is taken: stop the program that listens there (perhaps another `make run`), "
                f"or choose another, as in `make run PORT={5050 if port != 5050 else 5070}`."
            )


def serve(folder: Path, port: int) -> None:
    began = time.monotonic()
    say("Preparing the database and the demo data ...")
    with started(folder, port, say=say) as product:
        say("")
        say(f"  Fingerpost      {product.site}")
        say(f"  Stripe sandbox  {product.sandbox}" if product.sandbox else "  Stripe          your test account")
        say(f"  Mails           {product.site}/dev/mail")
        for line in product.seeded.splitlines():
            say(f"  {line}")
        say(f"  Ready after {time.monotonic() - began:.1f} s. Ctrl-C stops it all; the data stays in {folder.name}/.")
        say("")
        while True:
            product.processes.check_alive()
            time.sleep(0.3)


def make_migration(message: str, folder: Path, port: int) -> int:
    if not message:
        raise Stopped('Say what changes: make db m="remember a referrer\'s time zone".')
    env = environment(folder, port)
    folder.mkdir(exist_ok=True)
    for arguments in (("db", "upgrade"), ("db", "migrate", "-m", message)):
        code = subprocess.call(flask(*arguments), cwd=ROOT, env=env)
        if code:
            return code
    return 0


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
