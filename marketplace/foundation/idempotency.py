"""An API call sent twice with one Idempotency-Key is done once and answered twice alike."""
import hashlib
import json
import re
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
from marketplace.foundation.web import refuse_bad_json

KEPT_FOR = timedelta(days=30)
LONGEST_KEY = 255

KEY_SHAPE = rf"^[!-~]{{1,{LONGEST_KEY}}}$"  # Printable ASCII without the space.

_KEY = re.compile(KEY_SHAPE)


class KeyReused(Conflict):
    """The same key with another body, path or caller's intent."""

    code = "idempotency_key_reused"


class BadKey(Invalid):
    code = "bad_idempotency_key"


class ApiAnswer(Base):
    """The first answer given for a caller's key, and the fingerprint of what was asked.

    ``status`` and ``body`` are null where the answer is not kept, because it holds personal data.
    """

    __tablename__ = "api_answers"

    owner_id: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    status: Mapped[int | None]
    body: Mapped[str | None]


def once(view: Callable[..., Any]) -> Callable[..., Response]:
    """Open the request's one transaction round ``view``; with a key, replay the first answer."""
    return _answering(view, keep=_as_it_is)


def once_without(secret: str) -> Callable[[Callable[..., Any]], Callable[..., Response]]:
    """As ``once``, but that field of the answer is told to whoever asks first, and is null in what is kept."""
    def keep(response: Response) -> str:
        return json.dumps({**(response.get_json() or {}), secret: None})

    return lambda view: _answering(view, keep=keep)


def asked_anew(view: Callable[..., Any]) -> Callable[..., Response]:
    """As ``once``, but the answer holds personal data: it is not kept, a repeated call is put to ``view`` again."""
    return _answering(view, keep=None)


def _as_it_is(response: Response) -> str:
    return response.get_data(as_text=True)


def _answering(view: Callable[..., Any], *, keep: Callable[[Response], str] | None) -> Callable[..., Response]:
    @wraps(view)
    def answered(*arguments: Any, **named: Any) -> Response:
        refuse_bad_json()
        key = _read_key()

        def answer() -> Response:
            with transaction():
                known = _find(key) if key else None
                if known and known.status:
                    return _replay(known)
                note = _same_again(known) if known else _begin(key) if key else None
                response = make_response(view(*arguments, **named))
                if note and keep:
                    note.status, note.body = response.status_code, keep(response)
                return response

        try:
            return answer()
        except IntegrityError:
            if not key or db.session.get(ApiAnswer, (current_user.id, key)) is None:
                raise
            return answer()  # Its twin committed first.

    return answered


def _read_key() -> str | None:
    key = request.headers.get("Idempotency-Key", "")
    if key and not _KEY.fullmatch(key):
        raise BadKey("This Idempotency-Key cannot be kept.",
                     next_step=f"Use letters, digits and signs, at most {LONGEST_KEY}; a UUID is good.")
    return key or None


def _begin(key: str) -> ApiAnswer:
    kept = ApiAnswer(owner_id=current_user.id, key=key, fingerprint=_fingerprint())
    db.session.add(kept)
    db.session.flush()  # A twin on PostgreSQL waits here for our commit, then meets the primary key.
    return kept


def _same_again(kept: ApiAnswer) -> ApiAnswer:
    if kept.fingerprint != _fingerprint():
        raise KeyReused(
            "This Idempotency-Key was used for a different request.",
            next_step="Use a new key for a new request; repeat a request with exactly the same body.",
        )
    return kept


def _find(key: str) -> ApiAnswer | None:
    found = db.session.get(ApiAnswer, (current_user.id, key))
    if found is not None and found.created_at < clock.now() - KEPT_FOR:
        db.session.delete(found)
        db.session.flush()
        return None
    return found


def _replay(kept: ApiAnswer) -> Response:
    response = make_response(_same_again(kept).body or "", kept.status or 200)
    response.mimetype = "application/json"
    response.headers["Idempotent-Replayed"] = "true"
    return response


def _fingerprint() -> str:
    asked = f"{request.method} {request.path}\n".encode() + request.get_data()
    return hashlib.sha256(asked).hexdigest()
