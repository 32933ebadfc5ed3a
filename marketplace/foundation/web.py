"""What every route needs: forms and JSON read through one schema, and what guards every request and answer."""
import json
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from flask import Flask, Response, current_app, g, request
from flask_wtf.csrf import CSRFProtect, generate_csrf
from markupsafe import Markup
from marshmallow import RAISE, Schema, ValidationError, fields
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import UnsupportedMediaType

from marketplace.foundation.errors import Conflict, DomainError, Forbidden, Invalid, NotFound

csrf = CSRFProtect()
View = TypeVar("View", bound=Callable[..., Any])

NOTHING_HERE = "There is nothing at this address.", "Check the address, or start from the front page."
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

LARGEST_BODY = 1024 * 1024  # Bytes; evidence is a URL or a text, not a file.
FORM_AROUND_FILE = 64 * 1024
# Forms are sent to us, and from there the browser may be led on to Stripe's hosted pages.
STRIPE_PAGES = "https://checkout.stripe.com https://connect.stripe.com https://express.stripe.com"


def takes_up_to(size: int) -> Callable[[View], View]:
    """Of a view: it takes a file, so a body of so many bytes. Said outside all else that wraps the view."""
    def widened(view: View) -> View:
        view.largest_body = size  # type: ignore[attr-defined]
        return view
    return widened


def _widen() -> None:
    """Before anything reads the body."""
    view = current_app.view_functions.get(request.endpoint or "")
    size = getattr(view, "largest_body", None)
    if size is not None:
        request.max_content_length = size + FORM_AROUND_FILE


class StaleForm(Conflict):
    """Someone else saved first; what was typed stays in the form."""

    code = "stale_form"


class Unreadable(DomainError):
    """Bytes that are no text, or a body that is no JSON; nothing was looked at."""

    code = "unreadable"


class Form:
    """One HTML form: what was typed, what was wrong with it, and the checked fields."""

    def __init__(
        self, schema: Schema, *, initial: Mapping[str, str] | None = None, takes_address: bool = False
    ) -> None:
        """``initial`` fills the form before anything was typed. Shapes: field name to text.

        ``takes_address``: what a GET brings in its address counts as sent, for a page that changes nothing.
        """
        self.typed: dict[str, str] = dict(initial or {})
        self.errors: dict[str, list[str]] = {}
        self.labels: dict[str, str] = {}  # What the page calls each field: the macros of forms.html fill it.
        self.fields: dict[str, Any] = {}
        self.refusal: DomainError | None = None
        sent = request.form if request.method == "POST" else request.args
        self.was_sent = request.method == "POST" or (takes_address and bool(sent))
        if self.was_sent:
            self._read(schema, sent)

    def _read(self, schema: Schema, sent: MultiDict[str, str]) -> None:
        self.typed = {name: value.replace("\0", "") for name, value in sent.items() if name != "csrf_token"}
        try:
            _refuse_nul(sent)
            self.fields = schema.load(_form_values(schema, sent), unknown=RAISE)
        except Unreadable as refusal:
            self.refuse(refusal)
        except ValidationError as error:
            g.refused = self
            self.errors = {name: [_plain(one) for one in said] for name, said in _flat(error).items()}

    @property
    def is_ready(self) -> bool:
        return self.was_sent and not self.errors

    @property
    def status(self) -> int:
        """200 for a form not sent yet, else that of the refusal."""
        if self.refusal:
            return self.refusal.status
        return 422 if self.errors else 200

    @contextmanager
    def keeping(self) -> Iterator[None]:
        """A refusal inside becomes words beside the form, which keeps what was typed."""
        try:
            yield
        except (Invalid, Conflict) as refusal:
            self.refuse(refusal)
        except StaleDataError:
            self.refuse(someone_was_faster())

    def refuse(self, refusal: DomainError) -> None:
        g.refused = self  # For the layout and for forms.html, where a page has no place of its own for it.
        self.refusal = refusal
        self.errors = refusal.fields or {"": [f"{refusal.message} {refusal.next_step}".strip()]}

    def say_why(self) -> str:
        """In a sentence or two, for a page that shows none of the fields that are wrong."""
        if self.refusal:
            return f"{self.refusal.message} {self.refusal.next_step}".strip()
        return " ".join(self.errors.get("", ())) or (
            "What this page sent was not complete, or was changed on its way, so nothing was done. "
            "Reload the page and do it again.")


def _form_values(schema: Schema, sent: MultiDict[str, str]) -> dict[str, Any]:
    """Empty boxes are left out, as in JSON nothing is sent for them; lists keep all their values."""
    values: dict[str, Any] = {}
    for name, several in sent.lists():
        if name == "csrf_token":
            continue
        is_list = isinstance(schema.fields.get(name), fields.List)
        kept = [value.strip() for value in several if value.strip()]
        if kept:
            values[name] = kept if is_list else kept[-1]
    return values


def _flat(error: ValidationError) -> dict[str, list[str]]:
    """Field to sentences, however deep marshmallow nests them."""
    flat: dict[str, list[str]] = {}
    for name, said in error.normalized_messages().items():  # type: ignore[no-untyped-call]
        flat["" if name == "_schema" else str(name)] = sentences_in(said)
    return flat


# marshmallow's words, as a person would say them beside a box. Programs keep the library's.
PLAIN = {
    "Missing data for required field.": "Please fill this in.",
    "Field may not be null.": "Please fill this in.",
    "Not a valid date.": "Choose a day that exists, written like 2026-12-31.",
    "Not a valid datetime.": "Choose a day and a time that exist, written like 2026-12-31 14:00.",
    "Not a valid integer.": "Write a whole number, like 3.",
    "Not a valid number.": "Write a number, like 2.5.",
    "Not a valid string.": "Write some text.",
    "Not a valid boolean.": "Answer with yes or no.",
    "Not a valid URL.": "Write a whole address, like https://example.com.",
}


RANGE = re.compile(r"Must be greater than or equal to (\S+) and less than or equal to (\S+)\.")


def _plain(sentence: str) -> str:
    if found := RANGE.fullmatch(sentence):
        return f"Write a number from {found[1]} to {found[2]}."
    return "Choose one of the list." if sentence.startswith("Must be one of:") else PLAIN.get(sentence, sentence)


def sentences_in(said: Any) -> list[str]:
    if isinstance(said, Mapping):
        said = list(said.values())
    return [sentence for part in said for sentence in sentences_in(part)] if isinstance(said, list) else [str(said)]


def check_version(row: Any, version: int | None) -> None:
    """A form carries the version it was made from; StaleForm (409) if the row has moved on since."""
    if version is not None and row.version != version:
        raise StaleForm(
            "Someone changed this while you were looking at it.",
            next_step="What you typed is still here: look at what changed, then send it again.",
        )


def wants_json() -> bool:
    return request.path.startswith("/api/v1/")


def request_id() -> str:
    if "request_id" not in g:
        g.request_id = secrets.token_hex(8)
    return str(g.request_id)


def csrf_field() -> Markup:
    return Markup('<input type="hidden" name="csrf_token" value="{}">').format(generate_csrf())


def someone_was_faster() -> Conflict:
    return StaleForm("Someone changed this in the meantime.", next_step="Reload and try again.")


def refuse_foreign_writes() -> None:
    """No page of another site may write here with our user's cookie (beside the CSRF token)."""
    if request.method in {"GET", "HEAD", "OPTIONS"}:
        return
    origin = request.headers.get("Origin")
    if origin and origin != request.host_url.rstrip("/"):
        raise Forbidden("This request came from another site.", next_step="Use the form on our own page.")


def refuse_unreadable() -> None:
    """PostgreSQL keeps no NUL; no address of ours has a control character in it."""
    if _CONTROL.search(request.path):
        message, step = NOTHING_HERE
        raise NotFound(message, next_step=step)
    _refuse_nul(request.args)


def _refuse_nul(sent: MultiDict[str, str]) -> None:
    if any("\0" in name or "\0" in value for name, value in sent.items(multi=True)):
        raise Unreadable("There are bytes in this request that are no text.",
                         next_step="Type it instead of pasting it, then send it again.")


def refuse_bad_json() -> None:
    """Before a program's body is read: no other media type, no NaN, no numbers or nesting that nobody can mean."""
    body = request.get_data()
    if not body:
        return
    if not request.is_json:
        raise UnsupportedMediaType
    try:
        json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise Unreadable("The body is not JSON.", next_step="Send one JSON object in UTF-8; NaN is not JSON.") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def register_security(app: Flask, *, production: bool, form_targets: str = "") -> None:
    """Headers on every answer; ``form_targets`` are further origins that a form's redirect may reach."""
    policy = (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; "
        f"form-action 'self' {STRIPE_PAGES} {form_targets}".strip()
    )

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "same-origin"
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        response.headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=(), payment=()"
        response.headers["X-Request-Id"] = request_id()
        if request.endpoint != "static":
            response.headers.setdefault("Cache-Control", "no-store")
        if production:
            response.headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
        return response

    app.config.update(
        MAX_CONTENT_LENGTH=LARGEST_BODY, WTF_CSRF_SSL_STRICT=False, WTF_CSRF_TIME_LIMIT=None,
        SESSION_COOKIE_HTTPONLY=True, SESSION_COOKIE_SAMESITE="Lax", SESSION_COOKIE_SECURE=production,
        SESSION_COOKIE_NAME="__Host-session" if production else "session",
        REMEMBER_COOKIE_HTTPONLY=True, REMEMBER_COOKIE_SAMESITE="Lax", REMEMBER_COOKIE_SECURE=production,
    )
    app.before_request(_widen)
    app.before_request(refuse_unreadable)
    csrf.init_app(app)
    app.before_request(refuse_foreign_writes)


