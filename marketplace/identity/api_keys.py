"""Keys with which a person's programs act for them, within scopes. Shown once, kept as a keyed hash."""
import hmac
import re
import secrets
from datetime import datetime, timedelta

from sqlalchemy import func, select

from marketplace.foundation import audit, clock
from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.crypto import keyed_hash
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, Forbidden, Invalid
from marketplace.foundation.ids import ALPHABET
from marketplace.identity.models import ApiKey, User
from marketplace.identity.permissions import require_confirmed

SCOPES = {  # Scope: what it lets a program do, in the owner's words.
    "leads:read": "see your leads",
    "leads:write": "point out buyers and work leads",
    "bounties:read": "see your bounties",
    "bounties:write": "write and publish bounties",
    "rewards:read": "see your rewards and transfers",
    "money:read": "see what your businesses paid in and agreed to, and their statements",
    "money:write": "pay in and take back, agree to and stop automatic top-ups, which charge a kept card",
    "conversions:read": "see what your businesses reported and what became of it",
    "conversions:write": "report sales, renewals and refunds of your businesses",
    "webhooks:read": "see your businesses’ webhooks and what was sent to them",
    "webhooks:write": "add and change your businesses’ webhooks, and send again",
    "keys:read": "see your API keys, never their secrets",
    "keys:write": "make keys that may no more than this one, and revoke keys",
}
DAYS_CHOICES = (30, 90, 365)
MOST_KEYS = 20  # Per person, not counting revoked ones.
NOTED_EVERY = timedelta(minutes=1)  # last_used_at is worth a write no more often than that.

_SHAPE = re.compile(rf"fp_([{ALPHABET}]{{8}})_[A-Za-z0-9_-]{{43}}")


class TooManyKeys(Conflict):
    code = "too_many_keys"


class UnknownScope(Invalid):
    code = "unknown_scope"


class BeyondScope(Forbidden):
    """A key makes no key that may more than itself."""

    code = "beyond_scope"


def create_key(
    user: User, *, name: str, scopes: list[str], days: int | None, maker: ApiKey | None = None
) -> tuple[ApiKey, str]:
    """The key and its secret, which nobody can show again. ``days`` until it expires; None is never.

    ``maker``: the key that asks for it. The new one may no more, and lives no longer.
    """
    require_confirmed(user)
    if not scopes or not set(scopes) <= set(SCOPES):
        raise UnknownScope("Choose at least one of the listed scopes.", fields={"scopes": ["Choose at least one."]})
    if maker is not None and not set(scopes) <= set(maker.scopes):
        raise BeyondScope("A key can only give what it may itself.",
                          next_step="Leave scopes out, or create this key in your settings.")
    if _count_keys(user) >= MOST_KEYS:
        raise TooManyKeys(f"You have {MOST_KEYS} keys already.", next_step="Revoke one that you no longer need.")
    prefix = "".join(secrets.choice(ALPHABET) for _ in range(8))
    secret = f"fp_{prefix}_{secrets.token_urlsafe(32)}"
    key = ApiKey(
        user_id=user.id, name=name, prefix=prefix, secret_hash=_hash(secret), scopes=sorted(set(scopes)),
        expires_at=_end(days, maker),
    )
    db.session.add(key)
    db.session.flush()
    audit.record("api_key.created", key.id, by=user.id, scopes=key.scopes, made_by=maker.id if maker else None)
    return key, secret


def _end(days: int | None, maker: ApiKey | None) -> datetime | None:
    ends = [clock.now() + timedelta(days=days)] if days else []
    if maker is not None and maker.expires_at is not None:
        ends.append(maker.expires_at)
    return min(ends, default=None)


def _count_keys(user: User) -> int:
    return db.session.scalar(
        select(func.count()).where(ApiKey.user_id == user.id, ApiKey.revoked_at.is_(None))) or 0


def revoke_key(key: ApiKey, *, by: User, made_too: bool = False) -> int:
    """At once and for good; twice is once. ``made_too``: with all that it made, and those made; says how many."""
    made = made_by_each(key.user_id).get(key.id, []) if made_too else []
    for one in (key, *made):
        if one.revoked_at is None:
            one.revoked_at, one.revoked_by = clock.now(), by.id
            audit.record("api_key.revoked", one.id, by=by.id)
    return len(made)


def makers_of(user_id: str) -> dict[str, str]:
    """Of each key that a key made: which. By the trail, where it stands also once that one is forgotten."""
    told = db.session.scalars(select(AuditEvent).where(
        AuditEvent.actor_id == user_id, AuditEvent.action == "api_key.created"))
    return {one.subject_id: one.details["made_by"] for one in told if "made_by" in one.details}


def made_by_each(user_id: str) -> dict[str, list[ApiKey]]:
    """By key: what it made, and what that made, as far as it opens anything still."""
    makers, made = makers_of(user_id), dict[str, list[ApiKey]]()
    for key in db.session.scalars(select(ApiKey).where(
            ApiKey.user_id == user_id, ApiKey.revoked_at.is_(None)).order_by(ApiKey.id)):
        maker = makers.get(key.id)
        while maker is not None and not is_expired(key):
            made.setdefault(maker, []).append(key)
            maker = makers.get(maker)
    return made


def authenticate(bearer: str) -> tuple[User, ApiKey] | None:
    """Whose key this is. None for one that is unknown, wrong, expired, revoked, or of a closed user."""
    shape = _SHAPE.fullmatch(bearer)
    key = db.session.scalar(select(ApiKey).where(ApiKey.prefix == shape[1])) if shape else None
    is_right = hmac.compare_digest(_hash(bearer), key.secret_hash if key else _hash("no such key"))
    if key is None or not is_right or key.revoked_at or is_expired(key):
        return None
    user = db.session.get_one(User, key.user_id)
    return (user, key) if user.closed_at is None else None


def is_expired(key: ApiKey) -> bool:
    return key.expires_at is not None and key.expires_at <= clock.now()


def is_use_worth_noting(key: ApiKey) -> bool:
    return key.last_used_at is None or key.last_used_at <= clock.now() - NOTED_EVERY


def note_use(key: ApiKey) -> None:
    key.last_used_at = clock.now()


def _hash(secret: str) -> str:
    return keyed_hash("api_key", secret)
