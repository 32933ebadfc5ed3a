"""A WSGI middleware that holds every call between our gateway and the sandbox against Stripe's published schema."""
import io
import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from tests.contract import published_schema as published

Schema = published.Schema
LONGEST_KEY = 255


@dataclass(frozen=True)
class Violation:
    """``side`` is request, answer or webhook."""

    side: str
    call: str
    fault: str


class ContractChecker:
    """Wraps the sandbox. ``seen`` counts calls by published path; ``violations`` is what the schema forbids."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self.app = app
        self.seen: Counter[str] = Counter()
        self.violations: list[Violation] = []
        self._guard = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        if not path.startswith(("/v1/", "/v2/")):
            return self.app(environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        call = f"{method} {path}"
        found = published.find_operation(method, path)
        if found is None:
            self._add("request", call, ["Stripe publishes no such call"])
            return self.app(environ, start_response)
        with self._guard:
            self.seen[f"{method} {found[0]}"] += 1
        self._add("request", call, request_faults(found, environ, body))
        captured: dict[str, Any] = {}

        def capture(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            captured.update(status=status, headers=headers)
            return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

        answer = b"".join(self.app(environ, capture))
        status = int(captured["status"].split()[0])
        self._add("answer", f"{call} -> {status}", answer_faults(found[1], path, status, captured["headers"], answer))
        return [answer]

    def check_webhook(self, body: bytes) -> None:
        event = json.loads(body)
        self._add("webhook", event.get("type", "?"), event_faults(event))

    def _add(self, side: str, call: str, faults: list[str]) -> None:
        with self._guard:
            self.violations.extend(Violation(side, call, fault) for fault in faults)


def request_faults(found: tuple[str, Schema], environ: dict[str, Any], body: bytes) -> list[str]:
    template, operation = found
    faults = _header_faults(environ)
    query = _nested(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    if environ["REQUEST_METHOD"] == "GET":
        return faults + _value_faults(query, published.query_of(template))
    if query:
        faults.append("a POST carries its parameters in the body")
    content = operation.get("requestBody", {}).get("content", {})
    kind = environ.get("CONTENT_TYPE", "").partition(";")[0]
    if not body:
        kind = kind or next(iter(content), "")
    if kind not in content:
        return [*faults, f"content type {kind!r} where {list(content)} is published"]
    sent = json.loads(body or b"{}") if kind == "application/json" else _nested(
        parse_qsl(body.decode(), keep_blank_values=True))
    schema = content[kind]["schema"]
    return faults + (published.find_faults(sent, published.resolved(schema))
                     if kind == "application/json" else _value_faults(sent, schema))


def _header_faults(environ: dict[str, Any]) -> list[str]:
    faults = []
    if not environ.get("HTTP_AUTHORIZATION", "").startswith("Bearer "):
        faults.append("no bearer key")
    if environ.get("HTTP_STRIPE_VERSION") != published.published_version():
        faults.append(f"Stripe-Version is {environ.get('HTTP_STRIPE_VERSION')}, not {published.published_version()}")
    key = environ.get("HTTP_IDEMPOTENCY_KEY", "")
    if environ["REQUEST_METHOD"] == "POST" and not 0 < len(key) <= LONGEST_KEY:
        faults.append(f"an Idempotency-Key of {len(key)} characters")
    return faults


def _value_faults(sent: Any, schema: Schema) -> list[str]:
    return published.find_faults(_typed(sent, schema), schema)


def _nested(pairs: list[tuple[str, str]]) -> Any:
    """Bracketed names as a tree; what is numbered from 0 is a list."""
    tree: dict[str, Any] = {}
    for name, value in pairs:
        steps = re.findall(r"[^\[\]]+|(?<=\[)(?=\])", name)
        node = tree
        for step in steps[:-1]:
            node = node.setdefault(step, {})
        node[steps[-1]] = value
    return {name: _numbered(one) for name, one in tree.items()}


def _numbered(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    if set(node) == {str(number) for number in range(len(node))} and node:
        return [_numbered(node[str(number)]) for number in range(len(node))]
    return {name: _numbered(one) for name, one in node.items()}


def _typed(value: Any, schema: Schema) -> Any:
    """A form knows only text: read it as what the schema expects, and leave it where that fails."""
    schema = published.resolved(schema)
    for one in schema.get("anyOf", []):
        typed = _typed(value, one)
        if not published.find_faults(typed, one):
            return typed
    if isinstance(value, list):
        return [_typed(one, schema.get("items", {})) for one in value]
    if isinstance(value, dict):
        rest = schema.get("additionalProperties")
        known, other = schema.get("properties", {}), rest if isinstance(rest, dict) else {}
        return {name: _typed(one, known.get(name, other)) for name, one in value.items()}
    if schema.get("type") == "integer" and re.fullmatch(r"-?\d+", value):
        return int(value)
    if schema.get("type") == "boolean" and value in ("true", "false"):
        return value == "true"
    return value


def answer_faults(
    operation: Schema, path: str, status: int, headers: list[tuple[str, str]], answer: bytes
) -> list[str]:
    kind = {name.lower(): value for name, value in headers}.get("content-type", "")
    if not kind.startswith("application/json"):
        return [f"content type {kind!r}"]
    body = json.loads(answer)
    if status != 200:
        return published.find_faults(body, published.named("v2.error" if path.startswith("/v2/") else "error"))
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    faults = published.find_faults(body, schema)
    listed = body.get("data", []) if body.get("object") == "list" else []
    for event in [one for one in [body, *listed] if one.get("object") == "event"]:
        faults += event_faults(event)
    return faults


def event_faults(event: Schema) -> list[str]:
    """An event, and for a snapshot the object inside it."""
    if event.get("object") == "v2.core.event":
        return published.find_faults(event, published.named("v2.core.event"))
    faults = published.find_faults(event, published.named("event"))
    if event.get("type") not in published.published_event_types():
        faults.append(f"Stripe publishes no event {event.get('type')!r}")
    about = event.get("data", {}).get("object", {})
    name = published.resource_schema_of(about.get("object", ""))
    return faults + (published.find_faults(about, published.named(name)) if name else ["an event about nothing known"])
