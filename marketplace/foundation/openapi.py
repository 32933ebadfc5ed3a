"""The JSON API's document (OpenAPI 3.1) from the same schemas, and readable pages of it."""
import importlib.resources
from collections.abc import Iterator
from typing import Any

from apispec import BasePlugin
from flask import Blueprint as FlaskBlueprint
from flask import Flask, render_template
from flask_smorest import Api, Blueprint
from marshmallow import Schema, fields

from marketplace.foundation import api_headers
from marketplace.foundation.error_answers import WORDS
from marketplace.foundation.errors import DomainError
from marketplace.foundation.idempotency import KEY_SHAPE, LONGEST_KEY
from marketplace.foundation.limits import PROGRAMS
from marketplace.foundation.web import csrf

ABOUT = f"""Point at buyers, follow leads, post bounties and report sales from your own programs.

Sign with an API key from your settings: `Authorization: Bearer fp_…`. Every POST takes an `Idempotency-Key`: the
same key with the same body is done once and answered alike for 30 days; with another body it is refused (409).
Lists come in pages with `next_cursor`, newest first. Each GET has an `ETag`: send it back as `If-None-Match`, and what
has not changed is a 304 without a body. Refusals are `application/problem+json` (RFC 9457) with a `code`, a sentence,
and what to do next. Most operations that write are taken {PROGRAMS}; `RateLimit` says what is left to you,
`RateLimit-Policy` how much there is; after a 429 wait for `Retry-After` seconds. Amounts are decimal text in the
currency's main unit, and whole `minor` units beside it.
New fields may come at any time. What goes is `deprecated` here first, and answers with `Deprecation` and `Sunset` for
at least 180 days."""


GENERAL = "The request cannot be done as it stands; the answer says why."
OTHERS = {  # Codes that no class of errors has.
    "csrf": (400, "This form has been open for too long, or the browser keeps no cookies."),
    "error": (400, "Something rarer, in the words of HTTP; the answer has its status."),
    "internal": (500, "Something went wrong on our side, and nothing was changed."),
}


class Problem(Schema):
    """RFC 9457, with our code, the fields at fault and the request's number."""

    type = fields.String()
    title = fields.String()
    status = fields.Integer()
    code = fields.String()
    detail = fields.String()
    errors = fields.Dict(keys=fields.String(), values=fields.List(fields.String()))
    request_id = fields.String()


HEADERS: dict[str, dict[str, Any]] = {  # That each operation of a method takes.
    "post": {"in": "header", "name": "Idempotency-Key", "required": False,
             "description": "Your own name for this request, so that sending it twice does it once.",
             "schema": {"type": "string", "maxLength": LONGEST_KEY, "pattern": KEY_SHAPE}},
    "get": {"in": "header", "name": "If-None-Match", "required": False,
            "description": "The ETag of the answer that you have.", "schema": {"type": "string"}},
}


class OurConventions(BasePlugin):
    """What holds for every call: refusals are problem+json, a POST may carry an Idempotency-Key, a GET an ETag."""

    def response_helper(self, response: dict[str, Any], **options: Any) -> dict[str, Any]:
        """The shared responses are the refusals; those without a body are left as they are."""
        content = response.get("content", {})
        return {"content": {"application/problem+json": content["application/json"]}} if content else {}

    def operation_helper(
        self, path: str | None = None, operations: dict[str, Any] | None = None, **options: Any
    ) -> None:
        """An operation is named like its view, which is what generated clients call it."""
        for method, operation in (operations or {}).items():
            operation["operationId"] = options["rule"].endpoint.rpartition(".")[2]
            if method == "get":
                operation["responses"]["304"] = {"description": "It is as it was at the ETag that you sent."}
            if method in HEADERS:
                operation.setdefault("parameters", []).append(dict(HEADERS[method]))


class OurApi(Api):
    """Its own error answers would replace ours for pages and programs alike, so they stay out."""

    ERROR_SCHEMA = Problem

    def _register_error_handlers(self, default_error_response_name: str = "DEFAULT_ERROR") -> None:
        """Errors are answered by foundation.web for the whole site."""


docs = FlaskBlueprint(
    "api_docs", __name__, url_prefix="/api/docs", static_url_path="/ui",
    static_folder=str(importlib.resources.files("flask_swagger_ui") / "dist"))


@docs.get("/")
def reference() -> str:
    return render_template("api_docs.html")


@docs.get("/errors")
def errors() -> str:
    raised = {kind.code: (kind.status, (kind.__doc__ or GENERAL).split("\n")[0]) for kind in _kinds()}
    of_http = {code: (status, message) for status, (code, message, _) in WORDS.items()}
    return render_template("api_errors.html", codes=sorted({**of_http, **OTHERS, **raised}.items()))


def _kinds(parent: type[DomainError] = DomainError) -> Iterator[type[DomainError]]:
    for kind in parent.__subclasses__():
        yield kind
        yield from _kinds(kind)


def register_api(app: Flask, blueprints: list[Blueprint]) -> None:
    """``/api/v1/openapi.json`` and ``/api/docs/`` for the given API blueprints."""
    app.config.update(
        API_TITLE="Fingerpost", API_VERSION="v1", OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/api/v1", OPENAPI_JSON_PATH="openapi.json")
    spec: dict[str, Any] = {
        "info": {"description": ABOUT},
        "components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
        "security": [{"key": []}],
        "extra_plugins": [OurConventions()],
    }
    app.after_request(api_headers.add_headers)
    api = OurApi(app, spec_kwargs=spec)
    for blueprint in blueprints:
        api.register_blueprint(blueprint)
        csrf.exempt(blueprint)
    app.register_blueprint(docs)
