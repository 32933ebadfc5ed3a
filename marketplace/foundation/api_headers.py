"""What the API says beside the body of an answer: an ETag for who polls, and that an operation comes to its end."""
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from flask import Response, current_app, request
from flask_smorest import Blueprint
from werkzeug.http import http_date

from marketplace.foundation.web import wants_json

POLLED = "private, no-cache"  # Whoever asked may keep it, and asks each time whether it still holds.
NOTICE = timedelta(days=180)  # At least, between the news that an operation ends and its end.


@dataclass(frozen=True)
class Ending:
    """``instead``: the address of what takes its place."""

    since: date
    until: date
    instead: str


def ends(blueprint: Blueprint, *, since: date, until: date, instead: str) -> Callable[[Callable[..., Any]], Any]:
    """Of an operation that goes: it works as ever until then, and each answer and the document say so.

    ``Deprecation`` is RFC 9745, ``Sunset`` RFC 8594. Said right below the route.
    """
    if until - since < NOTICE:
        raise ValueError(f"programs have {NOTICE.days} days to change: {since} to {until} is less")

    def ending(view: Callable[..., Any]) -> Any:
        noted = blueprint.doc(deprecated=True)(view)
        noted.ending = Ending(since, until, instead)
        return noted
    return ending


def add_headers(response: Response) -> Response:
    """After each request of the API. Of what has not changed since ``If-None-Match`` only that is said (304)."""
    if not wants_json():
        return response
    ending = getattr(current_app.view_functions.get(request.endpoint or ""), "ending", None)
    if ending is not None:
        response.headers["Deprecation"] = f"@{int(_midnight(ending.since).timestamp())}"
        response.headers["Sunset"] = http_date(_midnight(ending.until))
        response.headers.add("Link", f'<{ending.instead}>; rel="successor-version"')
    if request.method == "GET" and response.status_code == 200:
        response.headers["Cache-Control"] = POLLED
        response.vary.add("Authorization")
        response.add_etag()
        response.make_conditional(request)
    return response


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
