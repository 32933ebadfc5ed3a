"""The key of one business and the rows of another: every operation of the URL map, with ids of theirs, and every list."""
import re

import pytest
from flask import Flask
from sqlalchemy import select

from marketplace.foundation.db import Base, db
from marketplace.foundation.limits import limiter
from tests import test_who_sees_what as who
from tests.browsing import end_reading

pytestmark = pytest.mark.once

OPEN_TO_ALL = {  # What businesses show to everybody; all else of theirs is theirs.
    "GET /api/v1/businesses/<business_id>", "GET /api/v1/businesses/<business_id>/bounties",
    "GET /api/v1/bounties/<bounty_id>", "GET /api/v1/bounties/<bounty_id>/reward-preview",
}
POINTING = "POST /api/v1/leads"  # Whoever points at a bounty of theirs makes a lead, which is their own.
PUBLIC_TABLES = {"bounties", "businesses"}
THEIRS, OTHERS = "member", "other member"


def rows_of(business_id: str) -> set[str]:
    """The ids of all rows that name this business, whatever their table."""
    end_reading()
    found: set[str] = set()
    for table in Base.metadata.sorted_tables:
        if "business_id" in table.c and "id" in table.c and table.name not in PUBLIC_TABLES:
            found |= set(db.session.scalars(select(table.c.id).where(table.c.business_id == business_id)))
    return found


def operations(app: Flask) -> list[tuple[str, str, str, set[str]]]:
    found = [(f"{method} {rule.rule}", method, rule.endpoint, set(rule.arguments)) for rule in app.url_map.iter_rules()
             if rule.rule.startswith("/api/v1/") and rule.endpoint != "api-docs.openapi_json"
             for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}]
    assert len(found) > 50
    return sorted(found)


def ask(app: Flask, world, person: str, route: str, method: str, endpoint: str, arguments: set[str]):
    given = who._parameters(route.split(" ", 1)[1], arguments, world)
    assert all(given[name] for name in arguments), f"{route}: the world has nothing for {arguments}"
    line = who.TABLE.get(route, "")  # That each has one is asked there.
    body = line[1] if isinstance(line, tuple) else {}
    sent = {name: world.names[value[1:-1]] if str(value).startswith("<") else value for name, value in body.items()}
    with app.test_request_context():
        address = app.url_for(endpoint, **given)
    limiter.reset()
    return app.test_client().open(address, method=method, headers={"Authorization": f"Bearer {world.secrets[person]}"},
                                  **{"query_string" if method == "GET" else "json": sent})


def test_no_operation_shows_or_changes_what_is_another_businesss(app, world):
    theirs = rows_of(world.names["business_id"])
    assert len(theirs) > 15
    for operation in operations(app):
        route, arguments = operation[0], operation[3]
        if route == POINTING:
            continue
        answer = ask(app, world, OTHERS, *operation)
        if arguments - {"year"} and route not in OPEN_TO_ALL:
            assert answer.status_code in {403, 404}, (route, answer.text)
        shown = {word for word in re.findall(r"[a-z]+_[0-9a-z_]+", answer.text) if word in theirs}
        assert shown == set(), route
    assert rows_of(world.names["business_id"]) == theirs


def test_the_same_rows_are_shown_to_their_own_business(app, world):
    """Or the test above would look for nothing."""
    theirs, shown = rows_of(world.names["business_id"]), set()
    for operation in operations(app):
        if operation[1] == "GET":
            answer = ask(app, world, THEIRS, *operation)
            shown |= {word for word in re.findall(r"[a-z]+_[0-9a-z_]+", answer.text) if word in theirs}
    assert {one.partition("_")[0] for one in shown} >= {"lead", "reward", "fund", "dispute", "kind"}
