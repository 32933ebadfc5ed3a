"""What comes in over the wire: v1's bracketed forms, v2's JSON, and typed reading of both."""
import json
import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from marketplace.payments.sandbox.refusals import Refusal, bad_parameter

Params = dict[str, Any]


def parse_pairs(pairs: Iterable[tuple[str, str]]) -> Params:
    """``a[b][0]=c`` as ``{"a": {"b": ["c"]}}``."""
    tree: Params = {}
    for key, value in pairs:
        path = [key.partition("[")[0], *re.findall(r"\[([^\]]*)\]", key)]
        node = tree
        for step, following in pairwise(path):
            child = node.setdefault(step or str(len(node)), {})
            if not isinstance(child, dict):
                raise bad_parameter(f"Invalid parameter: {key} ({following})", key)
            node = child
        node[path[-1] or str(len(node))] = value
    return {name: _listed(value) for name, value in tree.items()}


def _listed(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    if node and all(step.isdigit() for step in node):
        return [_listed(node[step]) for step in sorted(node, key=int)]
    return {step: _listed(value) for step, value in node.items()}


def parse_json(body: bytes) -> Params:
    try:
        parsed = json.loads(body or b"{}")
    except ValueError as error:
        raise Refusal("The body is not JSON.", code="invalid_json", remembered=False) from error
    if not isinstance(parsed, dict):
        raise Refusal("The body must be a JSON object.", code="invalid_json", remembered=False)
    return parsed


def at(params: Params, path: str) -> Any:
    """The value at ``a.b.0``, or None."""
    node: Any = params
    for step in path.split("."):
        if isinstance(node, list):
            node = node[int(step)] if step.isdigit() and int(step) < len(node) else None
        elif isinstance(node, dict):
            node = node.get(step)
        else:
            return None
    return node


def text(params: Params, path: str, *, needed: bool = True) -> str:
    value = at(params, path)
    if value is None or value == "":
        if needed:
            raise bad_parameter(f"Missing required param: {path}.", path, "parameter_missing")
        return ""
    if not isinstance(value, str):
        raise bad_parameter(f"Invalid string: {path}", path, "parameter_invalid_string_blank")
    return value


def whole(params: Params, path: str, *, least: int = 1) -> int:
    value = at(params, path)
    if value is None:
        raise bad_parameter(f"Missing required param: {path}.", path, "parameter_missing")
    if not re.fullmatch(r"-?\d{1,15}", str(value)):
        raise bad_parameter(f"Invalid integer: {value}", path, "parameter_invalid_integer")
    if int(value) < least:
        raise bad_parameter(f"This value must be greater than or equal to {least}.", path, "parameter_invalid_integer")
    return int(value)


def labels(params: Params, path: str = "metadata") -> dict[str, str]:
    value = at(params, path) or {}
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise bad_parameter(f"Invalid hash: {path}", path)
    return dict(value)


def only(params: Params, allowed: Iterable[str]) -> None:
    """Stripe refuses what it does not know."""
    for name in params:
        if name not in {*allowed, "expand"}:
            raise bad_parameter(f"Received unknown parameter: {name}", name, "parameter_unknown")
