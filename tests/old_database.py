"""A database of its own, brought step by step to where it stood before: for tests of a migration that moves rows."""
import contextlib
import importlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection

from marketplace.foundation.db import Base
from tests.database import fresh_postgres_database


def migrate(connection: Connection, step: str, name: str) -> None:
    """``step`` is upgrade or downgrade, ``name`` the migration's file."""
    module = importlib.import_module(f"migrations.versions.{name}")
    with Operations.context(MigrationContext.configure(connection, opts={"target_metadata": Base.metadata})):
        getattr(module, step)()


@contextlib.contextmanager
def old_database(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    """The URL of an empty one, of the kind that this run tests."""
    if request.config.getoption("--database") == "sqlite":
        yield f"sqlite:///{folder / 'old.sqlite'}"
        return
    if missing := os.environ.get("TEST_DATABASE_MISSING"):
        pytest.skip(missing)
    worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
    with fresh_postgres_database(os.environ["TEST_DATABASE_URL"], f"old_{worker}") as url:
        yield url
