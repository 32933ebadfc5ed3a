"""A person at the site without a browser: pages, forms as they stand in the page, and the mails that arrive."""
import re
from email import message_from_bytes
from email.message import EmailMessage
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import flask
from flask.testing import FlaskClient
from lxml import html
from werkzeug.test import TestResponse

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class Browser(FlaskClient):
    """A client whose requests share nothing with the test: each has its own context, session and identity map."""

    def open(self, *arguments: Any, **options: Any) -> TestResponse:
        end_reading()
        with self.application.app_context():
            response = super().open(*arguments, **options)
        end_reading()
        return response

    def page(self, url: str, *, status: int = 200) -> html.HtmlElement:
        """The page at ``url`` as a tree; its links stay as written. A status other than this is a failure."""
        response = self.get(url, follow_redirects=status == 200)
        assert response.status_code == status, f"{url} answered {response.status}: {response.text[:2000]}"
        return html.fromstring(response.text)

    def submit(
        self, url: str, fields: dict[str, Any] | None = None, *, action: str | None = None,
        press: str | None = None, follow: bool = True,
    ) -> TestResponse:
        """Open ``url``, fill in its form as a person would, send it. Hidden fields and the CSRF token come along.

        ``action`` is (the end of) the form's address where a page has several; ``press`` the words on the button.
        Without either it is the form that has every one of ``fields``.
        """
        fields = fields or {}
        page = self.page(url)
        form = _find_form(page, fields, action, press)
        missing = set(fields) - set(form.inputs.keys())
        assert not missing, f"the form {form.action} on {url} has no field {sorted(missing)}"
        sent = _as_it_stands(form) | fields | _button(form, press)
        target = form.action or url
        encoding = form.get("enctype") or "application/x-www-form-urlencoded"
        return self.open(target, method=form.method, follow_redirects=follow, **(
            {"query_string": sent} if form.method == "GET" else {"data": sent, "content_type": encoding}
        ))


def _find_form(page: html.HtmlElement, fields: dict[str, Any], action: str | None, press: str | None) -> html.FormElement:
    forms = list(page.forms)
    if action is not None:
        forms = [form for form in forms if (form.action or "").split("?")[0].endswith(action)]
    if press is not None:
        forms = [form for form in forms if any(_words(button) == press for button in form.iter("button"))]
    fitting = [form for form in forms if set(fields) <= set(form.inputs.keys())] or forms
    fitting = [form for form in fitting if form.get("method", "get").lower() == "post"] or fitting
    offered = [(form.action, sorted(form.inputs.keys())) for form in page.forms]
    assert fitting, f"no form fits {action=} {press=} {sorted(fields)}; the page has {offered}"
    assert len(fitting) == 1 or fields or action or press, f"several forms, say which: {offered}"
    return fitting[-1]


def _as_it_stands(form: html.FormElement) -> dict[str, Any]:
    """What the form would send untouched; several values of one name as a list."""
    values: dict[str, Any] = {}
    for name, value in form.form_values():
        values[name] = [*_listed(values[name]), value] if name in values else value
    return values


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _button(form: html.FormElement, press: str | None) -> dict[str, str]:
    for button in form.iter("button"):
        if press is not None and _words(button) == press and button.get("name"):
            return {button.get("name"): button.get("value", "")}
    return {}


def _words(element: html.HtmlElement) -> str:
    return " ".join(element.text_content().split())


def words_of(page: html.HtmlElement) -> str:
    """All the words a reader sees, with single spaces."""
    return _words(page.find("body") if page.find("body") is not None else page)


def end_reading() -> None:
    """Let the test's own session see what a request or a job has just committed."""
    from marketplace.foundation.db import db  # noqa: PLC0415 - tests of the set-up run without the application

    if flask.has_app_context():
        db.session.rollback()
        db.session.expire_all()


def apart(app: flask.Flask) -> "WSGIApplication":
    """The application as a server calls it: with nothing of the test's own context."""
    def serve(environ: Any, start_response: Any) -> Any:
        end_reading()
        with app.app_context():
            answer = list(app(environ, start_response))
        end_reading()
        return answer
    return serve


def sign_in(browser: Browser, user: Any) -> None:
    """Put into the browser's cookie exactly what signing in puts there."""
    from marketplace.identity.session import begin_session  # noqa: PLC0415

    with browser.application.test_request_context(environ_base=browser.environ_base):
        begin_session(user)
        kept = dict(flask.session)
    assert "_user_id" in kept, f"{user!r} may not sign in"
    with browser.session_transaction() as session:
        session.update(kept)


class Mailbox:
    """The mails in MAIL_DIR, oldest first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def all(self) -> list[EmailMessage]:
        return [mail for _, mail in self._addressed()]

    def to(self, address: str) -> list[EmailMessage]:
        return [mail for to, mail in self._addressed() if address.lower() in to.lower()]

    def last_to(self, address: str) -> EmailMessage:
        mails = self.to(address)
        assert mails, f"no mail to {address}; there are mails to {[to for to, _ in self._addressed()]}"
        return mails[-1]

    def link_to(self, address: str, containing: str = "") -> str:
        """The path of the last link in the last mail to this person that has this in it."""
        text = body_of(self.last_to(address))
        links = [link for link in re.findall(r"https?://[^/\s]+(/[^\s<>\"]*)", text) if containing in link]
        assert links, f"no link with {containing!r} in: {text}"
        return links[-1].rstrip(".,)")

    def _addressed(self) -> list[tuple[str, EmailMessage]]:
        return [_read(file.read_bytes()) for file in sorted(self.folder.glob("*.eml"))]


@lru_cache(maxsize=1_000)
def _read(content: bytes) -> tuple[str, EmailMessage]:
    """To whom, and the mail: a test looks at the same ones again and again, and to read one takes a millisecond."""
    from marketplace.foundation.mail import POLICY  # noqa: PLC0415 - tests of the set-up run without the application

    mail = message_from_bytes(content, policy=POLICY)
    return str(mail["To"]), mail


def what(mail: EmailMessage) -> str:
    """Its subject, less the name of the lead that it is about."""
    return str(mail["Subject"]).partition(": ")[0]


def body_of(mail: EmailMessage) -> str:
    """The plain words of a mail."""
    part = mail.get_body(preferencelist=("plain", "html"))
    assert part is not None
    return str(part.get_content())
