"""An API call sent twice with one Idempotency-Key is done once and answered twice alike."""
import hashlib
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from flask import Response, make_response, request
from flask_login import current_user
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.foundation import clock
from marketplace.foundation.db import Base, db, transaction
from marketplace.foundation.errors import Conflict, Invalid

KEPT_FOR = timedelta(days=30)
LONGEST_KEY = 255


class KeyReused(Conflict):
    """The same key with another body, path or caller's intent."""

    code = "idempotency_key_reused"


class ApiAnswer(Base):
    """The first answer given for a caller's key, and the fingerprint of what was asked."""

    __tablename__ = "api_answers"

    owner_id: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    status: Mapped[int | None]
    body: Mapped[str | None]


def once(view: Callable[..., Any]) -> Callable[..., Response]:
    """Open the request's one transaction round ``view``; with a key, replay the first answer."""

    @wraps(view)
    def answered(*arguments: Any, **named: Any) -> Response:
        key = request.headers.get("Idempotency-Key", "")
        if not key:
            with transaction():
                return make_response(view(*arguments, **named))
        if len(key) > LONGEST_KEY:
            raise Invalid("The Idempotency-Key is too long.", next_step=f"Use at most {LONGEST_KEY} characters.")
        try:
            with transaction():
                return _first_time(key, view, arguments, named) or _replay(key)
        except IntegrityError:
            with transaction():  # Its twin committed first; if the fault was another one, it is raised below.
                if db.session.get(ApiAnswer, (current_user.id, key)) is None:
                    raise
                return _replay(key)

    return answered


def _first_time(key: str, view: Callable[..., Any], arguments: Any, named: Any) -> Response | None:
    owner_id = current_user.id
    if _find(owner_id, key) is not None:
        return None
    kept = ApiAnswer(owner_id=owner_id, key=key, fingerprint=_fingerprint())
    db.session.add(kept)
    db.session.flush()  # A twin on PostgreSQL waits here for our commit, then meets the primary key.
    response = make_response(view(*arguments, **named))
    kept.status, kept.body = response.status_code, response.get_data(as_text=True)
    return response


def _find(owner_id: str, key: str) -> ApiAnswer | None:
    found = db.session.get(ApiAnswer, (owner_id, key))
    if found is not None and found.created_at < clock.now() - KEPT_FOR:
        db.session.delete(found)
        db.session.flush()
        return None
    return found


def _replay(key: str) -> Response:
    kept = db.session.get_one(ApiAnswer, (current_user.id, key))
    if kept.fingerprint != _fingerprint():
        raise KeyReused(
            "This Idempotency-Key was used for a different request.",
            next_step="Use a new key for a new request; repeat a request with exactly the same body.",
        )
    response = make_response(kept.body or "", kept.status or 200)
    response.mimetype = "application/json"
    response.headers["Idempotent-Replayed"] = "true"
    return response


def _fingerprint() -> str:
    asked = f"{request.method} {request.path}\n".encode() + request.get_data()
    return hashlib.sha256(asked).hexdigest()
