"""Whom a program acts for: the businesses of the key's owner, and the owner's keys."""
from collections.abc import Sequence
from typing import Any

from flask import g
from flask_smorest import Blueprint
from marshmallow import Schema, fields

from marketplace.foundation.idempotency import once, once_without
from marketplace.foundation.limits import PROGRAMS, caller, limiter
from marketplace.foundation.paging import PageQuery, page
from marketplace.identity.api_keys import create_key, makers_of, revoke_key
from marketplace.identity.models import ApiKey, Business, MemberRole
from marketplace.identity.queries import api_keys_visible_to, businesses_joined_by, get_api_key, get_business
from marketplace.identity.schemas import ApiKeyInput, RevocationInput
from marketplace.identity.session import require_scope, signed_in_user

bp = Blueprint("identity", __name__, url_prefix="/api/v1", description="Your businesses and your API keys")
limiter.limit(PROGRAMS, key_func=caller, methods=["POST"])(bp)

BLUEPRINTS = [bp]
KEY = ("id", "name", "prefix", "scopes", "created_at", "last_used_at", "expires_at", "revoked_at")


class BusinessOutput(Schema):
    """``your_role`` is null in a business that is not yours."""

    id = fields.String()
    slug = fields.String()
    name = fields.String()
    about = fields.String()
    place = fields.String()
    website = fields.String(allow_none=True)
    your_role = fields.Enum(MemberRole, by_value=True, allow_none=True)


class BusinessPage(Schema):
    data = fields.List(fields.Nested(BusinessOutput))
    next_cursor = fields.String(allow_none=True)


class KeyOutput(Schema):
    """``prefix`` begins the secret after ``fp_``; nobody can show the rest again."""

    id = fields.String()
    name = fields.String()
    prefix = fields.String()
    scopes = fields.List(fields.String())
    created_at = fields.AwareDateTime()
    last_used_at = fields.AwareDateTime(allow_none=True)
    expires_at = fields.AwareDateTime(allow_none=True)
    revoked_at = fields.AwareDateTime(allow_none=True)
    made_by = fields.String(allow_none=True, metadata={"description": "The id of the key that made it."})


class KeyPage(Schema):
    data = fields.List(fields.Nested(KeyOutput))
    next_cursor = fields.String(allow_none=True)


class NewKeyOutput(Schema):
    """``secret`` is told once: a repeated call with the same Idempotency-Key has null there."""

    key = fields.Nested(KeyOutput)
    secret = fields.String(allow_none=True)


@bp.get("/businesses")
@require_scope("bounties:read")
@bp.arguments(PageQuery, location="query")
@bp.response(200, BusinessPage)
def list_businesses(asked: dict[str, Any]) -> dict[str, Any]:
    """Those that you work in, with your role there; newest first."""
    found = page(businesses_joined_by(signed_in_user()), Business.id, cursor=asked["cursor"], size=asked["limit"])
    return {"data": [_shown(business) for business in found.rows], "next_cursor": found.next_cursor}


@bp.get("/businesses/<business_id>")
@require_scope("bounties:read")
@bp.response(200, BusinessOutput)
def read_business(business_id: str) -> dict[str, Any]:
    """One business, by its id or the name in its address."""
    return _shown(get_business(business_id))


@bp.get("/keys")
@require_scope("keys:read")
@bp.arguments(PageQuery, location="query")
@bp.response(200, KeyPage)
def list_keys(asked: dict[str, Any]) -> dict[str, Any]:
    """Your keys, newest first; revoked and expired ones too."""
    found = page(api_keys_visible_to(signed_in_user()), ApiKey.id, cursor=asked["cursor"], size=asked["limit"])
    return {"data": _keys(found.rows), "next_cursor": found.next_cursor}


@bp.get("/keys/<key_id>")
@require_scope("keys:read")
@bp.response(200, KeyOutput)
def read_key(key_id: str) -> dict[str, Any]:
    """One key of yours."""
    return _key(get_api_key(key_id, seen_by=signed_in_user()))


@bp.post("/keys")
@require_scope("keys:write")
@once_without("secret")
@bp.arguments(ApiKeyInput)
@bp.response(201, NewKeyOutput)
def create_api_key(written: dict[str, Any]) -> dict[str, Any]:
    """Another key: it may no more than the one that asks, and expires no later."""
    key, secret = create_key(signed_in_user(), **written, maker=g.api_key)
    return {"key": _key(key), "secret": secret}


@bp.post("/keys/<key_id>/revocation")
@require_scope("keys:write")
@once
@bp.arguments(RevocationInput)
@bp.response(201, KeyOutput)
def create_revocation(written: dict[str, Any], key_id: str) -> dict[str, Any]:
    """At once and for good, of one that was stolen with all that it made; the key that asks may end itself."""
    key = get_api_key(key_id, seen_by=signed_in_user())
    revoke_key(key, by=signed_in_user(), **written)
    return _key(key)


def _key(key: ApiKey) -> dict[str, Any]:
    [shown] = _keys([key])
    return shown


def _keys(keys: Sequence[ApiKey]) -> list[dict[str, Any]]:
    makers = makers_of(signed_in_user().id)
    return [{**{name: getattr(key, name) for name in KEY}, "made_by": makers.get(key.id)} for key in keys]


def _shown(business: Business) -> dict[str, Any]:
    plain: dict[str, Any] = {name: getattr(business, name) for name in (
        "id", "slug", "name", "about", "place", "website")}
    return {**plain, "your_role": signed_in_user().role_in(business.id)}
