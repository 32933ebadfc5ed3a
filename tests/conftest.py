"""One application a run, on a database made by the migrations. Tests commit for real; between tests it is emptied."""
import contextlib
import gc
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import flask_migrate
import pytest
from flask import Flask
from jinja2 import FileSystemBytecodeCache
from sqlalchemy import make_url, select

from scripts.postgres import NoPostgres, temporary_postgres
from scripts.processes import free_port, generated_secrets
from tests import cores, database, network
from tests.browsing import Browser, Mailbox, apart, sign_in
from tests.moving_clock import MovingClock

if TYPE_CHECKING:
    from tests.kept import Keep, Shelf
    from tests.sandbox_server import SandboxServer

SHARED = contextlib.ExitStack()  # the PostgreSQL servers of the run; closed by the process that opened them
ROOT = Path(__file__).resolve().parent.parent
COMPILED = ROOT / "build" / "templates"  # By one test process for all: each template is known there by what it says.
LONGEST = ("properties", "setup")  # folders; beside what is marked as long
APART = ("properties", "races")  # folders
TOGETHER = ("setup",)  # folders: each test installs or starts the whole product
ONLY_ONCE = ("setup", "browser", "contract")  # folders of tests that do not care which database there is


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--database", choices=("sqlite", "postgresql"), default="sqlite", help="which database to test on")


def pytest_configure(config: pytest.Config) -> None:
    gc.disable()  # Until all tests are collected: what is imported stays.
    if config.getoption("--database") != "postgresql" or os.environ.keys() & {"TEST_DATABASE_URL", "TEST_DATABASE_MISSING"}:
        return
    if (given := getattr(config, "workerinput", None)) is not None:
        os.environ |= given["database"]
        cores.stay_on_one(_number_of(given["workerid"]))
    elif not config.getoption("numprocesses", None):
        cores.stay_on_one(os.getpid())
        os.environ |= _own_server()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """A server for each test process, on that one's core. They are this process's, which survives all of them."""
    if node.config.getoption("--database") == "postgresql" and "TEST_DATABASE_URL" not in os.environ:
        with cores.on_one(_number_of(node.gateway.id)):
            node.workerinput["database"] = _own_server()


def _number_of(worker: str) -> int:
    return int(worker.removeprefix("gw"))


def _own_server() -> dict[str, str]:
    """What the environment says of it."""
    try:
        url = SHARED.enter_context(temporary_postgres())
    except NoPostgres as reason:
        return {"TEST_DATABASE_MISSING": str(reason)}
    return {"TEST_DATABASE_URL": url, "TEST_DATABASE_OURS": url}


def pytest_unconfigure() -> None:
    SHARED.close()
    gc.collect()  # What is thrown away only now may still complain. Once: pytest would look five times through it all.
    gc.freeze()


def pytest_collection_finish() -> None:
    """What was imported stays: looking through it again and again for something to throw away takes time."""
    gc.collect()
    gc.freeze()
    gc.enable()
    gc.set_threshold(20_000)  # As shipped, 700: much is made in a test, and nearly all of it is gone at once.


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Long values and bytes are numbered instead of spelled: names stay readable, and alike in every test process."""
    return argname if isinstance(val, bytes) or (isinstance(val, str) and len(val) > 60) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    kind = config.getoption("--database")
    kept, dropped = [], []
    for item in items:
        folder = item.path.relative_to(ROOT / "tests").parts[0]
        if folder == "browser":
            item.add_marker("browser")
        once = folder in ONLY_ONCE or item.get_closest_marker("once")
        wanted = item.get_closest_marker("database")
        fits = (wanted is None or kind in wanted.args) and not (once and kind != "sqlite")
        (kept if fits else dropped).append(item)
    config.hook.pytest_deselected(items=dropped)
    sizes = Counter(item.path for item in kept)
    items[:] = sorted(kept, key=lambda item: (begins_late(item), -sizes[item.path]))


def begins_late(item: pytest.Item) -> int:
    """The longest begin first, or one process would end alone with them."""
    folder = item.path.parent.name
    return 0 if folder in LONGEST or item.get_closest_marker("long") else 1 if folder == "races" else 2


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file's tests go to one process, in which the worlds that they begin in are built once; a race goes by itself."""
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415 - without -n there is none

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            folder = Path(file).parent.name
            return nodeid if folder in APART else folder if folder in TOGETHER else file

    return ByFile(config, log)


@pytest.fixture(scope="session", autouse=True)
def _only_loopback() -> Iterator[None]:
    with network.only_loopback():
        yield


@pytest.fixture(scope="session")
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="fp-test-", dir=database.memory_folder(Path(tempfile.gettempdir()))))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def database_url(request: pytest.FixtureRequest, _folder: Path) -> Iterator[str]:
    if request.config.getoption("--database") == "sqlite":
        yield database.sqlite_url(_folder)
        return
    if missing := os.environ.get("TEST_DATABASE_MISSING"):
        pytest.skip(missing)
    worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
    with database.fresh_postgres_database(os.environ["TEST_DATABASE_URL"], worker) as url:
        yield url


@pytest.fixture
def all_cores(app: Flask) -> Iterator[None]:
    """For who races: on one core nobody overtakes."""
    from marketplace.foundation.db import db  # noqa: PLC0415

    if (server := os.environ.get("TEST_DATABASE_OURS")) is None:
        yield
        return
    with cores.on_all(server):
        db.engine.dispose()  # What is connected already is served on the one core.
        yield
    db.session.remove()
    db.engine.dispose()  # What is connected by now is served on any.


@pytest.fixture(scope="session")
def settings_env(database_url: str, _folder: Path) -> dict[str, str]:
    """What the whole run's application is started with. Nothing answers at STRIPE_API_BASE unless a test asks for it."""
    return generated_secrets() | {
        "FINGERPOST_ENV": "development",
        "DATABASE_URL": database_url,
        "PUBLIC_URL": "http://localhost",
        "STRIPE_SECRET_KEY": "sk_test_sandbox",
        "STRIPE_API_BASE": f"http://127.0.0.1:{free_port()}",
        "MAIL_DIR": str(_folder / "mail"),
        "CLICK_DIR": str(_folder / "clicks"),
        "FETCH_ALLOW": "",
    }


@pytest.fixture(scope="session")
def _application(settings_env: dict[str, str]) -> Iterator[Flask]:
    from marketplace.app import create_app  # noqa: PLC0415 - tests of the set-up run without the application
    from marketplace.foundation.db import db  # noqa: PLC0415
    from marketplace.settings import Settings  # noqa: PLC0415

    Path(settings_env["MAIL_DIR"]).mkdir(parents=True)
    application = create_app(Settings.from_env(settings_env))
    application.testing = True  # an unforeseen error reaches the test with its traceback
    application.test_client_class = Browser
    COMPILED.mkdir(parents=True, exist_ok=True)
    application.jinja_env.bytecode_cache = FileSystemBytecodeCache(str(COMPILED))
    with application.app_context():
        flask_migrate.upgrade(directory=str(ROOT / "migrations"))
        db.session.remove()
        db.engine.dispose()
        # Before each use of a connection the product asks whether its server is still there: that of the tests is.
        db.engine.dialect.do_ping = lambda connection: True  # type: ignore[method-assign]
    yield application
    with application.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture(scope="session")
def _emptying(_application: Flask, database_url: str) -> Iterator[database.WayBack]:
    """Back to how the migrations left it."""
    copies = database.copies_of(make_url(database_url))
    yield copies.make()
    copies.close()


@pytest.fixture
def app(
    _application: Flask, _emptying: database.WayBack, clock: MovingClock, _folder: Path, _shelf: "Shelf",
) -> Iterator[Flask]:
    """The application on an empty database, with a context for verbs and queries open in the test."""
    from marketplace.foundation.limits import limiter  # noqa: PLC0415

    _shelf.begin_test()
    with _application.app_context():
        limiter.reset()
        yield _application
    _emptying()
    for mail in (_folder / "mail").iterdir():
        mail.unlink()
    _application.extensions["redirects"].sink.close()
    for clicks in (_folder / "clicks").glob("*"):
        clicks.unlink()


@pytest.fixture(scope="session")
def _shelf(_application: Flask) -> "Shelf":
    from tests.kept import Shelf  # noqa: PLC0415 - it imports the application

    shelf = Shelf()
    with _application.app_context():
        shelf.watch()
    return shelf


@pytest.fixture
def keep(app: Flask, clock: MovingClock, _shelf: "Shelf", _folder: Path, request: pytest.FixtureRequest) -> "Keep":
    """`keep("a lead that was sold", build)`: built by the first test of this process, brought back for the others."""
    from tests.kept import Keep  # noqa: PLC0415

    stripe = request.getfixturevalue("sandbox") if "sandbox" in request.fixturenames else None
    return Keep(_shelf, clock, _folder / "mail", stripe)


@pytest.fixture
def clock() -> Iterator[MovingClock]:
    """Monday, 2 November 2026, 09:00 UTC and on, a millisecond a look; `clock.move(days=30)` moves it."""
    from marketplace.foundation import clock as product_clock  # noqa: PLC0415

    moving = MovingClock()
    product_clock.use(moving)
    yield moving
    product_clock.use(product_clock.system_time)


@pytest.fixture
def later(clock: MovingClock) -> Callable[..., None]:
    """`later(days=30)`: time passes. Jobs that fall due wait for `work()`."""
    return lambda **delta: clock.move(timedelta(**delta))


@pytest.fixture(scope="session")
def _sandbox_server(settings_env: dict[str, str]) -> Iterator["SandboxServer"]:
    """On the address and with the webhook secrets that the run's application was started with."""
    from tests.sandbox_server import SandboxServer  # noqa: PLC0415 - it imports the application

    server = SandboxServer(port=urlsplit(settings_env["STRIPE_API_BASE"]).port or 0,
                           secrets=settings_env["STRIPE_WEBHOOK_SECRETS"].split(","))
    yield server
    server.close()


@pytest.fixture
def sandbox(_sandbox_server: "SandboxServer", clock: MovingClock) -> Iterator["SandboxServer"]:
    """An empty Stripe sandbox; a call, answer or webhook that breaks Stripe's published schema fails the test."""
    _sandbox_server.reset()
    yield _sandbox_server
    broken = list(_sandbox_server.violations)
    _sandbox_server.reset()
    assert not broken


@pytest.fixture
def anonymous(app: Flask) -> Browser:
    """A visitor who has not signed in."""
    client = app.test_client()
    assert isinstance(client, Browser)
    return client


@pytest.fixture
def as_user(app: Flask) -> Callable[[object], Browser]:
    """`as_user(ana)`: a browser in which this person is signed in, apart from every other one."""
    def browser_of(user: object) -> Browser:
        client = app.test_client()
        assert isinstance(client, Browser)
        sign_in(client, user)
        return client
    return browser_of


@pytest.fixture
def work(app: Flask) -> Callable[..., int]:
    """`work()`: do every job that is due, as the worker would, until none is; says how many it did.

    A job that failed, and waits to be tried again, fails the test, unless it says `work(may_fail=True)`.
    """
    from marketplace.foundation import outbox  # noqa: PLC0415
    from marketplace.foundation.db import db  # noqa: PLC0415
    from marketplace.jobs import JOBS  # noqa: PLC0415

    def run_due(*, may_fail: bool = False) -> int:
        done = 0
        db.session.rollback()
        with app.app_context():
            while outbox.run_next(JOBS):
                done += 1
                assert done < 10_000, "jobs promise each other without end"
            failed = db.session.scalars(select(outbox.OutboxMessage).where(
                outbox.OutboxMessage.done_at.is_(None), outbox.OutboxMessage.last_error.is_not(None)))
            errors = [f"{message.job}: {message.last_error}" for message in failed]
        assert may_fail or not errors, errors
        return done
    return run_due


@pytest.fixture
def stripe_sandbox(app: Flask, sandbox: "SandboxServer") -> "SandboxServer":
    """The sandbox, with the application listening: webhooks reach it when the test says `deliver_webhooks()`."""
    sandbox.deliver_to_app(apart(app))
    return sandbox


@pytest.fixture
def mailbox(app: Flask, settings_env: dict[str, str]) -> Mailbox:
    """Every mail sent so far in this test."""
    return Mailbox(Path(settings_env["MAIL_DIR"]))
