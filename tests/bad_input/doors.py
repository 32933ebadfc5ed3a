"""Every door by which words come in: each form and each body of a program, with its fields and who may send it.

Nothing is listed by hand: routes come from the URL map, who may from the table of who sees what, fields from the
schema that the route loads and from the form as its page shows it.
"""
import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import urlsplit

import pytest
import stripe
from flask import Flask
from lxml import html
from marshmallow import Schema, fields, validate
from sqlalchemy import event, text
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from marketplace.foundation.db import db
from marketplace.foundation.fields import CleanText, EmailAddress, JurisdictionCode, Lines
from marketplace.foundation.limits import limiter
from marketplace.identity.models import User
from tests import test_who_sees_what as who
from tests.backups import Backup
from tests.bad_input.world import SENDERS, SEVERAL, FullWorld
from tests.browsing import Browser, sign_in

TYPED = {"text", "search", "email", "tel", "url", "number", "date", "textarea", "datetime-local"}
Value = Any


@dataclass
class Door:
    """One POST: where, by whom, and what a good body looks like."""

    route: str
    address: str
    person: str
    shapes: dict[str, fields.Field[Any] | None] = field(default_factory=dict)
    good: dict[str, Value] = field(default_factory=dict)
    typed: set[str] = field(default_factory=set)  # the fields into which a person types words
    files: set[str] = field(default_factory=set)
    answered: int = 0  # The status of an answer to ``good``; 0 where it was not sent yet.
    several: str = ""  # By what name several such bodies come; one is sent.

    @property
    def is_api(self) -> bool:
        return "/api/v1/" in self.route


class House:
    """The application with one world in it, and a signed-in program for each of its people."""

    def __init__(self, app: Flask, world: FullWorld) -> None:
        self.app, self.world = app, world
        self.clients = {person: self._client(person) for person in who.PEOPLE}
        self.cookies = {person: dict(client._cookies) for person, client in self.clients.items()}
        self.as_built = Backup()
        self.commits = 0
        self.known = 0
        self.rows = self.count_rows()
        event.listen(db.engine, "commit", self._count)

    def _count(self, connection: object) -> None:
        self.commits += 1

    def close(self) -> None:
        event.remove(db.engine, "commit", self._count)

    def _client(self, person: str) -> Browser:
        client = self.app.test_client()
        assert isinstance(client, Browser)
        if user_id := self.world.people.get(person):
            sign_in(client, db.session.get_one(User, user_id))
        return client

    def ask(self, door: Door, **body: Any) -> TestResponse:
        """As the right person. What the answer put into their cookies is forgotten."""
        client = self.clients[door.person]
        headers = self._key_of(door.person) if door.is_api else {}
        answer = client.open(door.address, method="POST", headers=headers, **body)
        client._cookies = dict(self.cookies[door.person])
        return answer

    def _key_of(self, person: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.world.secrets[person]}"} if person in self.world.secrets else {}

    def send(self, door: Door, values: Mapping[str, Value]) -> TestResponse:
        if door.is_api:
            return self.ask(door, json={door.several: [dict(values)]} if door.several else dict(values))
        if door.files:
            return self.ask(door, data=dict(values), content_type="multipart/form-data")
        return self.ask(door, data=dict(values))

    def count_rows(self) -> list[int]:
        """Of every table; that a key was used is written on its row."""
        with db.engine.connect() as connection:
            counted = ", ".join(f'(SELECT count(*) FROM "{table}")' for table in db.metadata.tables)
            return list(connection.execute(text(f"SELECT {counted}")).one())

    def tables_written(self) -> list[str]:
        """Those with more or fewer rows than they were built with."""
        if self.commits == self.known:
            return []
        return [name for name, was, now in zip(db.metadata.tables, self.rows, self.count_rows(), strict=True) if was != now]

    def look(self, address: str, person: str) -> TestResponse:
        answer = self.clients[person].get(address, headers=self._key_of(person) if "/api/v1/" in address else {})
        self.clients[person]._cookies = dict(self.cookies[person])
        return answer

    def bring_back(self) -> bool:
        """As it was built; says whether anything had been committed."""
        if was_changed := self.commits != self.known:
            self.as_built.restore()
            self.known = self.commits
        return was_changed


def status_of(answer: TestResponse) -> int:
    """Of one that came as several: its own refusal, though the answer as a whole is none."""
    said = answer.get_json(silent=True) if answer.is_json else None
    return 422 if isinstance(said, dict) and said.get("refused") else answer.status_code


@contextmanager
def unhurried(app: Flask) -> Iterator[None]:
    """Without the limits of how often, without the token, without a pause before Stripe, which is not there, is asked
    again: all have their own tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limiter, "enabled", False)
        patch.setitem(app.config, "WTF_CSRF_ENABLED", False)
        patch.setattr(stripe.HTTPClient, "_sleep_time_seconds", lambda *_, **__: 0)
        yield


@contextmanager
def watching_schemas() -> Iterator[list[Schema]]:
    """The schemas that are loaded meanwhile."""
    seen: list[Schema] = []
    load = Schema.load

    def watched(self: Schema, *arguments: Any, **options: Any) -> Any:
        seen.append(self)
        return load(self, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Schema, "load", watched)
        yield seen


def find_doors(house: House) -> list[Door]:
    doors = [_door(house, route) for route in sorted(who._routes(house.app)) if not route.startswith("GET")]
    _learn_from_pages(house, doors)
    house.bring_back()  # To look at a lead may be to claim it.
    for door in doors:
        _fill_in(door)
    return doors


def find_api_doors(house: House) -> list[Door]:
    """Those of programs alone, without a look at any page."""
    doors = [_door(house, route) for route in sorted(who._routes(house.app)) if route.startswith("POST /api/")]
    for door in doors:
        _fill_in(door)
    return [door for door in doors if door.shapes]


def _fill_in(door: Door) -> None:
    for name, shape in door.shapes.items():
        if name not in door.good and shape is not None and shape.required:
            door.good[name], door.answered = good_value(shape, name), 0


def _door(house: House, route: str) -> Door:
    world, line, wanted = house.world, who.TABLE[route], who._wanted(route)
    body = line[1] if isinstance(line, tuple) else {}
    person = SENDERS.get(route) or next((name for name in who.PEOPLE if wanted[name] == "yes"), who.PEOPLE[-1])
    door = Door(route, address_of(house, route), person, good=world.good_for(route, body))
    if several := SEVERAL.get(route):
        door.several = several[0]
        [door.good] = door.good[door.several]
    with watching_schemas() as seen:
        door.answered = status_of(house.send(door, door.good))
    for schema in several[1:] if several else seen[:1]:
        door.shapes |= {name: shape for name, shape in schema.fields.items() if not shape.dump_only}
    house.bring_back()
    return door


def address_of(house: House, route: str, **others: str) -> str:
    _, endpoint, arguments = who._routes(house.app)[route]
    given = who._parameters(route.split(" ", 1)[1], arguments, house.world)
    given |= {name: value for name, value in {**house.world.elsewhere.get(route, {}), **others}.items() if name in arguments}
    with house.app.test_request_context():
        return house.app.url_for(endpoint, **given)


def _learn_from_pages(house: House, doors: list[Door]) -> None:
    """Every form that some page shows to somebody: its fields belong to the route it is sent to."""
    by_route = {door.route: door for door in doors}
    for page, form in every_form(house):
        for action in (form.action or page, *form.xpath(".//@formaction")):
            door = by_route.get(f"POST {rule_of(house, action)}")
            if door is not None:
                _learn_from_form(door, form)


def rule_of(house: House, address: str) -> str:
    try:
        rule, _ = house.app.url_map.bind("localhost").match(urlsplit(address).path, method="POST", return_rule=True)
    except HTTPException:
        return ""
    return str(rule.rule)


def _learn_from_form(door: Door, form: html.FormElement) -> None:
    for control in form.inputs:
        name = control.get("name")
        if not name or name == "csrf_token":
            continue
        door.shapes.setdefault(name, None)
        kind = control.get("type", "text") if control.tag == "input" else control.tag
        if kind in TYPED:
            door.typed.add(name)
        if kind == "file":
            door.files.add(name)
            door.answered = 0  # From now on it is sent in parts.


def every_form(house: House) -> Iterator[tuple[str, html.FormElement]]:
    for address, person in every_page(house):
        answer = house.look(address, person)
        if answer.status_code == 200 and answer.mimetype == "text/html":
            for form in html.fromstring(answer.data).forms:
                if form.method == "POST":
                    yield address, form


def every_page(house: House) -> Iterator[tuple[str, str]]:
    """Address and person, for every page and everybody to whom it may look different."""
    for route, (method, _, _) in sorted(who._routes(house.app).items()):
        if method != "GET" or "/api/" in route or "/static/" in route:
            continue
        wanted = who._wanted(route)
        readers = [name for name in who.PEOPLE if wanted[name] == "yes"]
        if len(readers) == len(who.PEOPLE):
            readers = ["anonymous"]
        elif len(readers) == len(who.PEOPLE) - 1:
            readers = ["referrer", "member"]
        elif route != "GET /leads/<lead_id>":
            readers = sorted({readers[0], readers[-1]}) if readers else []
        for lead in house.world.leads() if route == "GET /leads/<lead_id>" else [""]:
            address = address_of(house, route, **({"lead_id": lead} if lead else {}))
            yield from ((address, reader) for reader in readers)


serial = itertools.count(1)


def good_value(shape: fields.Field[Any], name: str) -> Value:
    """Something that this field takes."""
    for check in shape.validators:
        if isinstance(check, validate.OneOf):
            return next(iter(check.choices))
    match shape:
        case fields.Enum():
            return next(iter(shape.enum)).value
        case EmailAddress():
            return f"someone{next(serial)}@example.com"
        case JurisdictionCode():
            return "US-CO"
        case Lines():
            return "One line"
        case CleanText():
            return ("A fair word about it, long enough. " * 3)[:max(shape.shortest, min(shape.longest, 60))]
        case fields.Date():
            return date(2026, 11, 2).isoformat()
        case fields.Boolean():
            return "true"
        case fields.Integer():
            return "1"
        case fields.List():
            return []
        case _:
            return "100"
