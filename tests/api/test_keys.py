"""What a key opens: its scopes, until it is revoked or expires; and no more than its owner may."""
import re

import pytest
from flask import Flask

from marketplace.foundation import clock
from marketplace.foundation.db import db, transaction
from marketplace.identity.api_keys import SCOPES, revoke_key
from marketplace.identity.models import ApiKey
from tests import factories as make
from tests.api.program import Program, new_key

NEEDS = {  # Everything else under /leads and /bounties that is written needs their write scope.
    "GET /bounties": "bounties:read", "GET /bounties/<bounty_id>": "bounties:read",
    "GET /bounties/<bounty_id>/reward-preview": "bounties:read", "GET /leads": "leads:read", "GET /leads/<lead_id>": "leads:read",
    "POST /leads/<lead_id>/contact-disclosures": "leads:read", "GET /rewards": "rewards:read",
    "GET /leads/<lead_id>/conversions": "leads:read", "GET /rewards-in-kind": "rewards:read",
    "GET /bounties/<bounty_id>/top-up": "money:read", "POST /bounties/<bounty_id>/top-up": "money:write",
    "POST /bounties/<bounty_id>/top-up-end": "money:write", "GET /businesses/<business_id>/fundings": "money:read",
    "GET /fundings/<funding_id>": "money:read", "GET /businesses/<business_id>/statements": "money:read",
    "GET /businesses/<business_id>/statements/<currency>/<month>": "money:read",
    "GET /businesses/<business_id>/statements/<currency>/<month>/csv": "money:read",
    "GET /leads/<lead_id>/consent-receipt": "leads:read",
    "GET /disputes": "leads:read", "GET /disputes/<dispute_id>": "leads:read",
    "GET /earnings/<year>": "rewards:read", "GET /earnings/<year>/csv": "rewards:read",
    "GET /businesses": "bounties:read", "GET /businesses/<business_id>": "bounties:read",
    "GET /businesses/<business_id>/bounties": "bounties:read",
    "GET /bounties/<bounty_id>/funds": "money:read", "POST /bounties/<bounty_id>/fundings": "money:write",
    "POST /bounties/<bounty_id>/refunds": "money:write", "GET /leads/<lead_id>/story": "leads:read",
    "GET /rewards/<reward_id>": "rewards:read", "GET /rewards-in-kind/<kind_id>": "rewards:read",
    "GET /splits": "leads:read", "GET /splits/<split_id>": "leads:read",
    "GET /transfers": "rewards:read", "GET /transfers/<transfer_id>": "rewards:read", "GET /payables": "rewards:read",
    "GET /keys": "keys:read", "GET /keys/<key_id>": "keys:read", "POST /keys": "keys:write",
    "POST /keys/<key_id>/revocation": "keys:write",
}


def routes(app: Flask) -> list[tuple[str, str]]:
    found = [(method, rule.rule.removeprefix("/api/v1")) for rule in app.url_map.iter_rules()
             for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
             if rule.rule.startswith("/api/v1/") and rule.endpoint != "api-docs.openapi_json"]
    assert len(found) > 20
    return sorted(found)


def needed(method: str, path: str) -> str:
    kind = "read" if method == "GET" else "write"
    if "webhook" in path or path.startswith("/conversions"):
        return f"{'webhooks' if 'webhook' in path else 'conversions'}:{kind}"
    return NEEDS.get(f"{method} {path}") or ("bounties:write" if "bounties" in path or "businesses" in path else "leads:write")


def test_every_route_asks_for_its_one_scope(app, ana):
    with_all_but = {scope: Program(app, ana, *(set(SCOPES) - {scope})) for scope in SCOPES}
    tom = make.make_user("Tom Berg")  # Nobody has that many keys.
    with_only = {scope: Program(app, tom, scope) for scope in SCOPES}
    for method, path in routes(app):
        scope, filled = needed(method, path), re.sub(r"<[^>]+>", "nothing", path)

        def ask(program: Program, method=method, filled=filled):
            if method in {"GET", "POST"}:
                return program.get(filled) if method == "GET" else program.post(filled, {})
            return program.client.open(f"/api/v1{filled}", method=method, json={}, headers={
                "Authorization": f"Bearer {program.secret}"})
        refused = ask(with_all_but[scope])
        assert (refused.status_code, refused.json["code"]) == (403, "missing_scope"), (method, path)
        assert scope in refused.json["detail"]
        assert ask(with_only[scope]).status_code in {200, 404, 422}, (method, path)


def test_no_key_no_answer(app, anonymous):
    for method, path in routes(app):
        refused = anonymous.open("/api/v1" + re.sub(r"<[^>]+>", "nothing", path), method=method)
        assert (refused.status_code, refused.mimetype) == (401, "application/problem+json"), path
        assert refused.headers["WWW-Authenticate"].lower() == "bearer"


@pytest.mark.parametrize("header", [
    "", "Bearer", "Bearer ", "Basic YTpi", "Bearer fp_00000000_" + "x" * 43, "Bearer x", "fp_00000000_" + "x" * 43, "Bearer " + "é" * 60,
    "Bearer " + "x" * 10_000])
def test_what_is_no_key_of_ours_is_401(anonymous, header):
    assert anonymous.get("/api/v1/leads", headers={"Authorization": header}).status_code == 401


def test_a_revoked_key_opens_nothing_from_that_moment(app, ana):
    key, secret = new_key(ana)
    program = Program(app, ana, secret=secret)
    assert program.get("/leads").status_code == 200
    with transaction():
        revoke_key(db.session.get_one(ApiKey, key.id), by=ana)
    assert program.get("/leads").status_code == 401


def test_an_expired_key_opens_nothing(app, ana, later):
    _, secret = new_key(ana, days=30)
    program = Program(app, ana, secret=secret)
    later(days=29, hours=23)
    assert program.get("/leads").status_code == 200
    later(hours=1)
    assert program.get("/leads").status_code == 401


def test_the_keys_of_a_closed_person_open_nothing(app, ana, program):
    hers = program(ana)
    with transaction():
        ana.closed_at = clock.now()
    assert hers.get("/leads").status_code == 401


def test_a_key_may_no_more_than_its_owner(program, westside, mona):
    agents, owners = program(make.make_member(westside)), program(make.owner_of(westside))
    bounty = make.make_bounty(westside, is_live=True)
    assert agents.post(f"/bounties/{bounty.id}/pause").status_code == 403
    assert owners.post(f"/bounties/{bounty.id}/pause").status_code == 201
    lead = make.review_lead(make.make_lead(make.make_bounty(westside, is_live=True)))
    assert owners.post(f"/leads/{lead.id}/acceptance", {}).status_code == 404
    assert program(mona).post(f"/leads/{lead.id}/acceptance", {}).status_code == 201


def test_a_session_is_no_key_and_a_key_no_session(app, ana, as_user, program):
    assert as_user(ana).get("/api/v1/leads").status_code == 401
    page = app.test_client().get("/dashboard/referrer", headers={"Authorization": f"Bearer {program(ana).secret}"})
    assert page.status_code == 302 and "/sign-in" in page.location


def test_an_unconfirmed_person_gets_no_key_and_points_nobody_out(program):
    from marketplace.identity.permissions import EmailUnconfirmed  # noqa: PLC0415

    with pytest.raises(EmailUnconfirmed):
        program(make.make_user(is_confirmed=False))
