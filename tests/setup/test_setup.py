"""A bad environment is answered in one sentence that says what to do. Each test runs the real script on its own."""
import ast
import hashlib
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from scripts.processes import is_free

ROOT = Path(__file__).resolve().parents[2]
CLOSED = "http://127.0.0.1:9/simple"  # The discard port: nothing listens there, so the answer comes at once.


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A project whose install is done. Each damage to it is repaired by the test that did it."""
    project = make_project(tmp_path_factory.mktemp("installed"))
    assert set_up(project).returncode == 0
    return project


@pytest.fixture(scope="module")
def bare_venv(installed, tmp_path_factory):
    """What `python -m venv` made there, before anything was installed into it."""
    bare = tmp_path_factory.mktemp("bare") / ".venv"
    shutil.copytree(installed / ".venv", bare, symlinks=True)
    (bare / "installed.json").unlink()
    for part in next(bare.glob("lib/python3*/site-packages")).glob("*greeting*"):
        shutil.rmtree(part) if part.is_dir() else part.unlink()
    return bare


def copy_instead(project, bare):
    """From now on `python -m venv` copies that one: to make one takes seconds, and `installed` has seen it done."""
    (project / "venv.py").write_text(
        f"import shutil, sys\nshutil.copytree({str(bare)!r}, sys.argv[1], symlinks=True)\n")


def make_project(tmp_path):
    """A small project with the real script; its only package is a wheel that lies in the same folder."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "setup.py").write_text((ROOT / "scripts" / "setup.py").read_text())
    wheel = tmp_path / "greeting-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("greeting.py", "WORD = 'hello'\n")
        archive.writestr("greeting-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n")
        archive.writestr("greeting-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("greeting-1.0.dist-info/RECORD", "")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (tmp_path / "requirements.txt").write_text(f"greeting @ {wheel.as_uri()} --hash=sha256:{digest}\n")
    (tmp_path / "requirements-dev.txt").write_text("not-on-any-index==1.0 --hash=sha256:" + "0" * 64 + "\n")
    (tmp_path / "requirements-setup.txt").write_text("uv-is-not-here==1.0 --hash=sha256:" + "0" * 64 + "\n")
    return tmp_path


def set_up(project, *arguments, before=""):
    """Run the script offline, as `make` does; `before` is Python that prepares the interpreter."""
    code = f"import runpy, sys\n{before}\nsys.argv[1:] = {list(arguments)!r}\nrunpy.run_path('scripts/setup.py', run_name='__main__')"
    offline = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": CLOSED, "PIP_RETRIES": "0", "UV_INDEX_URL": CLOSED}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_", "COV_"))}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=project, env=kept | offline, capture_output=True, text=True, timeout=120,
        check=False,
    )


def sentence(done):
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1
    return lines[0]


def installed_word(project):
    return subprocess.run(
        [project / ".venv/bin/python", "-c", "import greeting; print(greeting.WORD)"], capture_output=True, text=True,
        check=False,
    ).stdout.strip()


def test_an_old_python_is_told_its_version_and_the_one_needed(project):
    done = set_up(project, before="sys.version_info = (3, 9, 2, 'final', 0)")
    assert "needs Python 3.11 or newer and this is 3.9" in sentence(done)
    assert not (project / ".venv").exists()


def test_an_old_python_can_read_the_script_as_far_as_that_sentence():
    ast.parse((ROOT / "scripts" / "setup.py").read_text(), feature_version=(3, 6))


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_a_python_without_the_venv_module_is_told_how_to_get_it(project, module):
    done = set_up(project, before=f"sys.modules[{module!r}] = None")
    assert "apt install python3-venv" in sentence(done)


def test_an_install_without_network_names_the_network_and_the_log(project, bare_venv):
    copy_instead(project, bare_venv)
    done = set_up(project, "--dev")
    said = sentence(done)
    assert "check the network" in said
    assert "not-on-any-index" in (project / "build" / "setup.log").read_text()
    assert not (project / ".venv" / "installed.json").exists()


def test_a_second_start_installs_nothing(installed):
    assert installed_word(installed) == "hello"
    stamp = (installed / ".venv" / "installed.json").stat()
    again = set_up(installed)
    assert (again.returncode, again.stdout) == (0, "")
    assert (installed / ".venv" / "installed.json").stat().st_mtime_ns == stamp.st_mtime_ns


def break_stamp(venv):
    (venv / "installed.json").unlink()
    next(venv.glob("lib/python3*/site-packages/greeting.py")).unlink()


def break_interpreter(venv):
    for name in (venv / "bin").glob("python*"):
        name.unlink()
        name.symlink_to("/nowhere/python")


def break_pip(venv):
    (venv / "installed.json").write_text(json.dumps({"runtime": "of an older lock"}))
    for part in venv.glob("lib/python3*/site-packages/pip/__main__.py"):
        part.unlink()


def break_everything(venv):
    shutil.rmtree(venv)
    venv.mkdir()


@pytest.mark.parametrize("damage", [break_stamp, break_interpreter, break_pip, break_everything])
def test_a_half_finished_earlier_install_is_made_anew(installed, bare_venv, damage):
    copy_instead(installed, bare_venv)
    damage(installed / ".venv")
    again = set_up(installed)
    assert again.returncode == 0
    assert "Clearing away an unfinished or outdated .venv" in again.stdout
    assert installed_word(installed) == "hello"


def test_a_folder_that_may_not_be_written_is_one_sentence(project):
    (project / ".venv.lock").mkdir()
    assert "make this folder writable" in sentence(set_up(project))


@pytest.mark.parametrize("shift", [0, 1])
def test_a_taken_port_is_named_with_the_way_around_it(tmp_path, shift):
    # Below the ports that a system gives out by itself, or a test beside this one would get the other of the two.
    port = next(port for port in random.sample(range(20_000, 30_000, 2), 1_000) if is_free(port) and is_free(port + 1))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port + shift))
        taken.listen()
        done = subprocess.run(
            [sys.executable, ROOT / "scripts" / "run.py"], cwd=tmp_path, capture_output=True, text=True, check=False,
            timeout=60, env={**os.environ, "PORT": str(port), "FINGERPOST_INSTANCE": str(tmp_path / "instance")},
        )
    said = sentence(done)
    assert f"Port {port + shift} is taken" in said
    assert "make run PORT=" in said
    assert not (tmp_path / "instance").exists()


def test_a_port_that_is_no_number_is_one_sentence(tmp_path):
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "run.py"], cwd=tmp_path, capture_output=True, text=True, check=False,
        timeout=60, env={**os.environ, "PORT": "five", "FINGERPOST_INSTANCE": str(tmp_path / "instance")},
    )
    assert "PORT is a number" in sentence(done)


def test_make_without_a_target_lists_every_target_with_its_help():
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("run", "test", "demo", "check", "work", "db", "bench", "proof"):
        assert any(line.split()[:2] == ["make", target] and len(line.split()) > 4 for line in listed.splitlines()), target


def test_make_with_a_python_that_is_not_there_says_so():
    done = subprocess.run(
        ["make", "check", "PYTHON=python-of-nowhere"], cwd=ROOT, capture_output=True, text=True, check=False,
    )
    assert done.returncode != 0
    assert "There is no python-of-nowhere here: install Python 3.11" in done.stderr
