"""API keys: shown once, kept as a hash, scoped, expiring, revocable."""
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask, g
from flask_login import current_user
from sqlalchemy import select

from marketplace.foundation import crypto
from marketplace.foundation.db import db, transaction
from marketplace.foundation.db import init_app as init_database
from marketplace.foundation.error_answers import register_error_answers
from marketplace.foundation.errors import Conflict
from marketplace.identity import session
from marketplace.identity.api_keys import MOST_KEYS, SCOPES, authenticate, create_key, revoke_key
from marketplace.identity.models import ApiKey
from marketplace.identity.permissions import EmailUnconfirmed
from tests.browsing import Browser, end_reading
from tests.identity.people import make_person


def make_key(user, *scopes, days=None):
    with transaction():
        return create_key(user, name="Our website", scopes=list(scopes or ["leads:read"]), days=days)


@pytest.fixture
def api(app, settings_env) -> Iterator[Flask]:
    """A small application on the same database, with two views that tell who was let in."""
    small = Flask("small")
    small.secret_key = app.secret_key
    crypto.init_app(small, encryption_keys=settings_env["ENCRYPTION_KEYS"], hash_key=settings_env["HASH_KEY"])
    init_database(small, settings_env["DATABASE_URL"])
    register_error_answers(small)
    session.init_app(small)
    small.test_client_class = Browser

    @small.get("/api/v1/leads")
    @session.require_scope("leads:read")
    def leads():
        return {"user": current_user.id, "key": g.api_key.id}

    @small.get("/api/v1/rewards")
    @session.require_scope("rewards:read")
    def rewards():
        return {"user": current_user.id}

    yield small
    with small.app_context():
        db.session.remove()
        db.engine.dispose()


def ask(app, secret, path="/api/v1/leads"):
    return app.test_client().get(path, headers={"Authorization": f"Bearer {secret}"} if secret else {})


def test_a_key_is_shown_once_and_kept_only_as_a_hash(as_user):
    user = make_person()
    browser = as_user(user)
    answer = browser.submit("/settings/keys", {"name": "Our website", "scopes": ["leads:read", "leads:write"], "days": "90"})
    secret = re.search(r"fp_[a-z0-9]{8}_[\w-]{43}", answer.text)[0]
    shown = browser.get("/settings/keys").text
    assert secret not in shown and "<small>expires " in shown
    key = db.session.scalars(select(ApiKey)).one()
    assert key.scopes == ["leads:read", "leads:write"]
    assert timedelta(days=89) < key.expires_at - key.created_at <= timedelta(days=90)
    assert key.prefix == secret[3:11]
    assert not any(secret[12:] in str(value) for value in vars(key).values())
    assert authenticate(secret)[0].id == user.id


def test_a_key_opens_what_its_scopes_name_and_no_more(api):
    user = make_person()
    key, secret = make_key(user, "leads:read")
    assert ask(api, secret).json == {"user": user.id, "key": key.id}
    refused = ask(api, secret, "/api/v1/rewards")
    assert (refused.status_code, refused.json["code"], refused.mimetype) == (403, "missing_scope", "application/problem+json")
    assert "rewards:read" in refused.json["detail"]


def test_every_scope_has_words():
    assert set(SCOPES) == {"leads:read", "leads:write", "bounties:read", "bounties:write", "rewards:read", "money:read", "money:write",
                           "conversions:read", "conversions:write", "webhooks:read", "webhooks:write", "keys:read", "keys:write"}
    with pytest.raises(ValueError, match="no such scope"):
        session.require_scope("leads:everything")


def forged(secret):
    return [secret[:-1] + ("A" if secret[-1] != "A" else "B"), secret[:-1], secret + "A", "fp_00000000_" + secret[12:], "", "nonsense",
            secret.upper(), "fp_" + "é" * 8 + "_" + "x" * 43, secret[3:11]]


def test_a_wrong_key_is_nobodys(api):
    _, secret = make_key(make_person())
    for wrong in forged(secret):
        answer = ask(api, wrong.encode().decode("latin-1"))
        assert (answer.status_code, answer.json["code"]) == (401, "signed_out"), wrong
        assert answer.headers["WWW-Authenticate"].lower().startswith("bearer")
        assert authenticate(wrong) is None


def test_a_key_ends_when_it_expires_is_revoked_or_its_owner_is_gone(api, later, clock):
    user = make_person()
    _, short = make_key(user, days=30)
    key, long = make_key(user)
    later(days=29, hours=23)
    assert ask(api, short).status_code == 200
    later(hours=2)
    assert ask(api, short).status_code == 401
    assert ask(api, long).status_code == 200
    with transaction():
        revoke_key(key, by=user)
    assert ask(api, long).status_code == 401
    _, third = make_key(user)
    with transaction():
        user.closed_at = clock()
    assert ask(api, third).status_code == 401


def test_its_use_is_noted_at_most_once_a_minute(api, later):
    key, secret = make_key(make_person())
    assert key.last_used_at is None
    ask(api, secret)
    first = db.session.scalar(select(ApiKey.last_used_at))
    assert first is not None
    later(seconds=50)
    ask(api, secret)
    assert db.session.scalar(select(ApiKey.last_used_at)) == first
    later(seconds=15)
    ask(api, secret)
    assert db.session.scalar(select(ApiKey.last_used_at)) > first


def test_a_key_opens_no_page_and_a_session_no_api(app, api, as_user):
    user = make_person()
    _, secret = make_key(user)
    assert ask(app, secret, "/settings").status_code == 302
    browser, user_id, cookie = api.test_client(), user.id, user.get_id()
    with browser.session_transaction() as kept:
        kept["_user_id"] = cookie
    assert browser.get("/api/v1/leads").status_code == 401
    with api.test_request_context("/leads"):
        assert session._find_by_session(cookie).id == user_id  # The same cookie is good on a page.


def test_a_key_is_revoked_by_its_owner_alone(as_user):
    user, other = make_person(), make_person()
    key, secret = make_key(user)
    stranger = as_user(other)
    token = stranger.page("/settings/keys").xpath("//input[@name='csrf_token']/@value")[0]
    assert stranger.post(f"/settings/keys/{key.id}/revocation", data={"csrf_token": token}).status_code == 404
    assert authenticate(secret) is not None
    answer = as_user(user).submit("/settings/keys", press="Revoke")
    assert "no program can use it from now on" in answer.text
    end_reading()
    assert authenticate(secret) is None
    assert db.session.scalars(select(ApiKey.revoked_by)).one() == user.id


@pytest.mark.parametrize(("fields", "said"), [
    ({"name": "", "scopes": ["leads:read"]}, "Please fill this in"), ({"name": "My program"}, "Choose at least one"),
    ({"name": "My program", "scopes": ["everything"]}, "Choose one of the list"), ({"name": "My program", "scopes": ["leads:read"], "days": "7"}, "Choose one of the list")])
def test_a_key_needs_a_name_a_scope_and_a_known_length(as_user, fields, said):
    browser = as_user(make_person())
    token = browser.page("/settings/keys").xpath("//input[@name='csrf_token']/@value")[0]
    answer = browser.post("/settings/keys", data={**fields, "csrf_token": token})
    assert (answer.status_code, said in answer.text) == (422, True)
    if fields["name"]:
        assert 'value="My program"' in answer.text
    if "leads:read" in fields.get("scopes", []):
        assert 'value="leads:read" checked' in answer.text
    assert db.session.scalars(select(ApiKey)).all() == []


def test_keys_are_for_confirmed_people_and_not_without_end(app):
    with pytest.raises(EmailUnconfirmed):
        make_key(make_person(is_confirmed=False))
    user = make_person()
    for _ in range(MOST_KEYS):
        make_key(user)
    with pytest.raises(Conflict, match="20 keys already"):
        make_key(user)
