"""Programs of the story's people."""
from collections.abc import Callable
from functools import partial

import pytest
from flask import Flask

from marketplace.foundation.db import db
from marketplace.identity.models import Business, User
from tests import factories as make
from tests import test_who_sees_what as who
from tests.api.program import Program
from tests.kept import Keep


@pytest.fixture
def program(app: Flask) -> Callable[..., Program]:
    """`program(ana)`: with a key of hers for every scope; `program(ana, "leads:read")` for this one."""
    return partial(Program, app)


@pytest.fixture
def ana(app: Flask) -> User:
    return make.make_user()


@pytest.fixture
def mona(app: Flask) -> User:
    return make.make_user("Mona Lind", is_admin=True)


@pytest.fixture
def westside(keep: Keep) -> Business:
    return db.session.get_one(Business, keep("a business", lambda: make.make_business().id))


world = who.world
