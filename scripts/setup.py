"""Makes .venv hold exactly what the lock files name, or says in one sentence what to do instead.

Run by every target of the Makefile: `python3 scripts/setup.py [--dev]`. Standard library only. It must parse on
Python 3.6, because an old Python has to get far enough to be told that it is too old.
"""
import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

NEEDS = (3, 11)
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed.json"  # Absent while an install is under way, so a half-finished one is seen as such.
LOG = ROOT / "build" / "setup.log"
LOCKS = {"runtime": "requirements.txt", "dev": "requirements-dev.txt"}


class Refusal(SystemExit):
    """One sentence that says what to do."""

    def __init__(self, sentence):
        super().__init__(1)
        sys.stderr.write(sentence + "\n")


def main(arguments):
    check_python(sys.version_info)
    wanted = ["runtime", "dev"] if "--dev" in arguments else ["runtime"]
    marks = {name: fingerprint(ROOT / LOCKS[name]) for name in LOCKS}
    if is_current(marks, wanted):
        return
    with (ROOT / ".venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # Two terminals may start at once: the second waits, then finds it done.
        if not is_current(marks, wanted):
            install(marks, wanted)


def check_python(version):
    if version < NEEDS:
        raise Refusal(
            "Fingerpost needs Python {}.{} or newer and this is {}.{}: install a newer one, or name one you have, "
            "as in `make run PYTHON=python3.12`.".format(*(NEEDS + tuple(version[:2])))
        )


def check_venv_module():
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        raise Refusal(
            "This Python cannot make virtual environments: install its venv module (Debian, Ubuntu: "
            "`apt install python3-venv`) and run the same command again."
        )


def fingerprint(lock):
    return hashlib.sha256(str(sys.version_info[:2]).encode() + lock.read_bytes()).hexdigest()


def read_stamp():
    try:
        return json.loads(STAMP.read_text()) if PYTHON.exists() else {}
    except (OSError, ValueError):
        return {}


def is_current(marks, wanted):
    stamp = read_stamp()
    return all(stamp.get(name) == marks[name] for name in wanted)


def install(marks, wanted):
    stamp = read_stamp()
    wanted = [name for name in LOCKS if name in wanted or name in stamp]
    LOG.parent.mkdir(exist_ok=True)
    with LOG.open("w") as log:
        if not stamp or not has_module("pip", log):
            make_venv(log)
        else:
            STAMP.unlink()
        for name in wanted:
            say("Installing what {} pins ...".format(LOCKS[name]))
            if not install_lock(LOCKS[name], log):
                raise Refusal(
                    "The packages could not be installed: check the network (or pip's index settings) and run the "
                    "same command again; {} has the details.".format(LOG.relative_to(ROOT))
                )
    STAMP.write_text(json.dumps({name: marks[name] for name in wanted}))


def make_venv(log):
    check_venv_module()
    if VENV.exists() or VENV.is_symlink():
        say("Clearing away an unfinished or outdated .venv ...")
        if VENV.is_dir() and not VENV.is_symlink():
            shutil.rmtree(str(VENV))
        else:
            VENV.unlink()
    say("Making .venv ...")
    if not succeeds([sys.executable, "-m", "venv", VENV], log):
        raise Refusal(
            "The virtual environment could not be made: make sure there is free space and that this folder may be "
            "written, then run the same command again; {} has the details.".format(LOG.relative_to(ROOT))
        )


def install_lock(lock, log):
    """uv takes seconds where pip takes minutes; pip alone does as well."""
    pip = [PYTHON, "-m", "pip", "install", "-q", "--no-compile", "--require-hashes", "-r"]
    uv = [PYTHON, "-m", "uv", "pip", "install", "-q", "--require-hashes", "--python", PYTHON, "-r", lock]
    have_uv = has_module("uv", log) or succeeds(pip + ["requirements-setup.txt"], log)
    return (have_uv and succeeds(uv, log)) or succeeds(pip + [lock, "--no-deps"], log)


def has_module(name, log):
    return succeeds([PYTHON, "-m", name, "--version"], log)


def succeeds(command, log):
    environment = dict(os.environ, PIP_DISABLE_PIP_VERSION_CHECK="1", VIRTUAL_ENV=str(VENV))
    command = [str(part) for part in command]
    log.write("\n$ " + " ".join(command) + "\n")
    log.flush()
    try:
        return subprocess.call(command, cwd=str(ROOT), env=environment, stdout=log, stderr=log) == 0
    except OSError as error:
        log.write("{}\n".format(error))
        return False


def say(line):
    print(line, flush=True)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        raise Refusal("Stopped: the same command takes the install up again.")
    except OSError as error:
        raise Refusal("{}: make this folder writable, with space left, and run the same command again.".format(error))
