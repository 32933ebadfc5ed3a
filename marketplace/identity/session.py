"""Who is asking: a browser's session on the pages, an API key under /api/v1/, never one in place of the other."""
import hmac
import re
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from flask import Flask, Request, g, redirect, request, session, url_for
from flask_login import LoginManager, current_user, login_required, login_user, logout_user
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import Forbidden
from marketplace.foundation.web import wants_json
from marketplace.identity import api_keys
from marketplace.identity.models import User

P = ParamSpec("P")
R = TypeVar("R")

_PATH_ONLY = re.compile(r"/(?![/\\])[^\s\\\x00-\x1f\x7f]*")


class MissingScope(Forbidden):
    code = "missing_scope"


def init_app(app: Flask) -> None:
    manager = LoginManager(app)
    manager.user_loader(_find_by_session)
    manager.request_loader(_find_by_key)
    manager.unauthorized_handler(_send_to_sign_in)


def signed_in_user() -> User:
    """The person behind this request; only in views that require one."""
    user: User = current_user._get_current_object()  # noqa: SLF001 - the proxy has no public way to its object
    return user


def find_signed_in_user() -> User | None:
    """The person behind this request; None for a visitor."""
    return signed_in_user() if current_user and current_user.is_authenticated else None


def signed_in(view: Callable[P, R]) -> Callable[P, R]:
    """For pages: whoever has not signed in is sent to do so, and comes back here."""
    guarded: Callable[P, R] = login_required(view)
    return guarded


def begin_session(user: User) -> None:
    """Nothing of an earlier session stays, so that a planted one is worth nothing."""
    session.clear()
    session.permanent = True
    login_user(user)


def end_session() -> None:
    logout_user()
    session.clear()


def path_only(text: str | None) -> str:
    """A place on this site to go on to, else the front page: ``next=`` leads nobody elsewhere."""
    return text if text and _PATH_ONLY.fullmatch(text) else "/"


def require_scope(scope: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """For API views: 401 without a good key, 403 where the key lacks ``scope``. ``g.api_key`` is the key."""
    if scope not in api_keys.SCOPES:
        raise ValueError(f"no such scope: {scope}")

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def guarded(*arguments: Any, **named: Any) -> Any:
            if not current_user.is_authenticated:
                raise _unauthorized()
            if scope not in g.api_key.scopes:
                raise MissingScope(f"This API key may not {api_keys.SCOPES[scope]}.",
                                   next_step=f"Create a key with the scope {scope} in your settings.")
            return view(*arguments, **named)

        return guarded

    return decorate


def _find_by_session(kept: str) -> User | None:
    """``kept`` is ``<id>.<stamp>``; a changed password has another stamp. No cookie counts under /api/v1/."""
    if wants_json():
        return None
    user_id, _, stamp = kept.partition(".")
    user = db.session.get(User, user_id)
    if user is None or user.closed_at or not hmac.compare_digest(stamp.encode(), user.session_stamp.encode()):
        return None
    return user


def _find_by_key(asked: Request) -> User | None:
    scheme, _, bearer = asked.headers.get("Authorization", "").partition(" ")
    if not wants_json() or scheme.lower() != "bearer":
        return None
    found = api_keys.authenticate(bearer.strip())
    if found is None:
        return None
    user, g.api_key = found
    if api_keys.is_use_worth_noting(g.api_key):
        with transaction():
            api_keys.note_use(g.api_key)
    return user


def _send_to_sign_in() -> Any:
    if wants_json():
        raise _unauthorized()
    onward = request.full_path.rstrip("?") if request.method in {"GET", "HEAD"} else None
    return redirect(url_for("sign.sign_in", next=onward))


def _unauthorized() -> Unauthorized:
    return Unauthorized(www_authenticate=WWWAuthenticate("bearer"))
