"""Calls that schemathesis makes of our own document, sent into a world that has something behind every id."""
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks

from tests import test_who_sees_what as who
from tests.browsing import apart

CHECKS = [
    not_a_server_error, checks.status_code_conformance, checks.content_type_conformance,
    checks.response_headers_conformance, checks.response_schema_conformance, checks.ignored_auth,
]
PEOPLE = ("member", "referrer", "admin", "other member")
MODES = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)


@dataclass
class Campaign:
    """How many calls went out, how they were answered, and what was wrong; ``least`` of all operations."""

    calls: int = 0
    operations: int = 0
    least: int = 1_000_000
    statuses: dict[int, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def attack(app: Flask, world: who.World, *, examples: int, number: int = 0, of: int = 1) -> Campaign:
    """Every ``of``-th operation, each with so many calls: fitting and unfitting ones, with ids that are there and others."""
    schema, campaign = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", apart(app)), Campaign()
    for operation in list(_operations(schema))[number::of]:
        before = campaign.calls
        for place, (mode, knows) in enumerate((mode, knows) for mode in MODES for knows in (True, False)):
            if share := (examples + 3 - place) // 4:
                _attack_one(operation, mode, _given(operation, world) if knows else {}, world, campaign, share)
        campaign.operations += 1
        campaign.least = min(campaign.least, campaign.calls - before)
    return campaign


def _operations(schema: Any) -> Iterator[Any]:
    for found in schema.get_all_operations():
        yield found.ok()


def _given(operation: Any, world: who.World) -> dict[str, str]:
    """The ids of the world for the path."""
    rule = operation.path.replace("{", "<").replace("}", ">")
    names = {parameter.name for parameter in operation.path_parameters}
    return {name: value for name, value in who._parameters(rule, names, world).items() if value}


def _good_body(operation: Any, world: who.World) -> dict[str, Any]:
    """What the operation takes: then one field of it is another, so that calls get far."""
    line = who.TABLE.get(f"{operation.method.upper()} {operation.path.replace('{', '<').replace('}', '>')}", "")
    return {name: world.names[value[1:-1]] if str(value).startswith("<") else value
            for name, value in (line[1] if isinstance(line, tuple) else {}).items()}


def _attack_one(operation: Any, mode: Any, ids: dict[str, str], world: who.World, campaign: Campaign, share: int) -> None:
    strategy = operation.as_strategy(generation_mode=mode, **({"path_parameters": ids} if ids else {}))
    people, fits, good = random.Random(operation.label), mode is MODES[0] and bool(ids), _good_body(operation, world)

    @seed(20261122)
    @settings(max_examples=share, database=None, deadline=None, phases=[Phase.generate], verbosity=Verbosity.quiet,
              suppress_health_check=list(HealthCheck))
    @given(case=strategy)
    def send(case: Any) -> None:
        if good and isinstance(case.body, dict) and fits:
            one = people.choice(sorted(case.body)) if case.body else ""
            case.body = good | ({one: case.body[one]} if one else {})
        headers = {"Authorization": f"Bearer {world.secrets[people.choice(PEOPLE)]}"}
        campaign.calls += 1
        try:
            answer = case.call(headers=headers)
            campaign.statuses[answer.status_code] = campaign.statuses.get(answer.status_code, 0) + 1
            case.validate_response(answer, checks=CHECKS, headers=headers)
        except (Exception, FailureGroup) as fault:
            said = getattr(fault, "exceptions", [fault])
            campaign.faults.append(f"{operation.label}: {[f'{type(one).__name__}: {one}'[:600] for one in said]}")

    try:
        send()
    except Exception as nothing:  # Where a call cannot be unfitting: there is nothing to say in it.
        if type(nothing).__name__ not in {"Unsatisfiable", "SkipTest", "Skipped"}:
            campaign.faults.append(f"{operation.label}: {type(nothing).__name__}: {nothing}"[:600])
