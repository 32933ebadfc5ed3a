"""Links that carry proof: signed, for one purpose, for a while, and worthless once used."""
from datetime import timedelta
from typing import Any

from flask import current_app
from itsdangerous import BadData, SignatureExpired, TimestampSigner, URLSafeTimedSerializer

from marketplace.foundation import clock
from marketplace.foundation.errors import DomainError


class DeadLink(DomainError):
    """Expired, used or forged: 410, and how to get a new one."""

    status, code = 410, "dead_link"


class _Signer(TimestampSigner):
    """Takes the time from our clock, so that tests and the demo can let links expire."""

    def get_timestamp(self) -> int:
        return int(clock.now().timestamp())


def write_link(purpose: str, user_id: str, stamp: str) -> str:
    """``stamp`` is what the link dies with: it no longer fits once the user's has changed."""
    return _serializer(purpose).dumps([user_id, stamp])


def read_link(purpose: str, token: str, *, lasts: timedelta) -> tuple[str, str]:
    """User id and stamp. Raises DeadLink."""
    try:
        value: Any = _serializer(purpose).loads(token, max_age=int(lasts.total_seconds()))
    except SignatureExpired:
        raise dead_link("This link is too old.") from None
    except BadData:
        raise dead_link("This link is not one of ours, or a part of it is missing.") from None
    user_id, stamp = value
    return str(user_id), str(stamp)


def dead_link(message: str) -> DeadLink:
    return DeadLink(message, next_step="Open the newest mail from us, or ask for a new link.")


def _serializer(purpose: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.config["SECRET_KEY"], salt=f"link:{purpose}", signer=_Signer)
