"""Every refusal as an answer: a page for people, RFC 9457 problem+json for programs; Flask’s own in our words."""
from typing import Any

from flask import Flask, Response, current_app, jsonify, redirect, render_template, request
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import RequestRedirect

from marketplace.foundation.errors import DomainError, Invalid
from marketplace.foundation.web import NOTHING_HERE, request_id, sentences_in, someone_was_faster, wants_json


class ServiceBusy(DomainError):
    status, code = 503, "busy"


def answer(error: DomainError) -> tuple[Response | str, int]:
    """One refusal as RFC 9457 problem+json for programs, as a page for people."""
    if not wants_json():
        return render_template("error.html", error=error), error.status
    problem = jsonify(
        type=f"/api/docs/errors#{error.code}", title=error.message, status=error.status, code=error.code,
        detail=error.next_step or error.message, errors=error.fields, request_id=request_id(),
    )
    problem.mimetype = "application/problem+json"
    return problem, error.status


WORDS = {  # What people read for the errors that Flask raises itself: message, next step.
    400: ("bad_request", "We could not read this request.", "Go back, reload the page and try again."),
    401: ("signed_out", "You are not signed in.", "Sign in, then try again."),
    404: ("not_found", *NOTHING_HERE),
    405: ("method_not_allowed", "This address does not take that kind of request.",
          "Go back, and use the buttons on the page."),
    413: ("too_large", "That is more than we take at once.",
          "Go back: what you typed is still there. Shorten it or choose a smaller file, then send it again."),
    415: ("unsupported_media_type", "We read JSON here.", "Send Content-Type: application/json."),
    429: ("too_many_requests", "That was too often in a short time.", "Wait a minute, then try again."),
}


def from_http(error: HTTPException) -> DomainError:
    """A werkzeug error in our words, with webargs' field messages kept."""
    status = error.code or 500
    said: Any = getattr(error, "data", None) or {}
    if status == 422 and "messages" in said:
        by_place = said["messages"]
        flat = {"" if name == "_schema" else str(name): sentences_in(sentences) for place in by_place.values()
                for name, sentences in (place if isinstance(place, dict) else {"": place}).items()}
        return Invalid("Some fields need attention.", next_step="Correct them and send it again.", fields=flat)
    if isinstance(error, CSRFError):
        refusal: DomainError = DomainError(
            "This form has been open for too long, or your browser keeps no cookies.",
            next_step="Go back, reload the page and send it again.")
        refusal.code = "csrf"
        return refusal
    code, message, step = WORDS.get(status, ("error", error.description or error.name, ""))
    refusal = DomainError(message, next_step=step)
    refusal.status, refusal.code = status, code
    return refusal


def page_of_button() -> str | None:
    """Somebody reloads, or was sent, an address that only a button posts to: the page above it has that button."""
    path = request.path
    if request.method not in {"GET", "HEAD"} or wants_json():
        return None
    adapter = current_app.create_url_adapter(request)
    while adapter is not None and (path := path.rpartition("/")[0]):
        try:
            adapter.match(path, method="GET")
        except RequestRedirect as same:
            return same.new_url
        except HTTPException:
            continue
        return path
    return None


def register_error_answers(app: Flask) -> None:
    app.register_error_handler(DomainError, answer)

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Any:
        if error.response is not None or (error.code or 500) < 400:
            return error
        if isinstance(error, MethodNotAllowed) and (page := page_of_button()):
            return redirect(page, 303)
        body, status = answer(from_http(error))
        kept = [(k, v) for k, v in error.get_headers() if k.lower() not in {"content-type", "content-length"}]
        return body, status, kept

    @app.errorhandler(StaleDataError)
    def stale(error: StaleDataError) -> Any:
        return answer(someone_was_faster())

    @app.errorhandler(OperationalError)
    def busy(error: OperationalError) -> Any:
        app.logger.warning("database busy: %r", error)
        return answer(ServiceBusy("We are very busy right now and did nothing.", next_step="Try again in a moment."))

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Any:
        app.logger.error("request %s failed", request_id(), exc_info=error)
        refusal = DomainError(
            "Something went wrong on our side, and nothing was changed.",
            next_step=f"Try again; if it happens again, tell us the number {request_id()}.")
        refusal.status, refusal.code = 500, "internal"
        return answer(refusal)
