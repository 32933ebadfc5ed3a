"""What stands beside an answer: an ETag for who polls, and that an operation comes to its end."""
from datetime import date

import pytest
from flask import Flask
from flask_smorest import Api, Blueprint
from marshmallow import Schema, fields

from marketplace.foundation import api_headers
from tests import factories as make

pytestmark = pytest.mark.once


def test_what_has_not_changed_is_told_in_no_words(ana, program):
    hers = program(ana)
    headers = {"Authorization": f"Bearer {hers.secret}"}
    first = hers.get("/bounties")
    assert first.headers["Cache-Control"] == "private, no-cache" and "Authorization" in first.headers["Vary"]
    again = hers.client.get("/api/v1/bounties", headers={**headers, "If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    make.make_bounty(is_live=True)
    changed = hers.client.get("/api/v1/bounties", headers={**headers, "If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200 and len(changed.json["data"]) == 1 and changed.headers["ETag"] != first.headers["ETag"]


def test_no_refusal_and_nothing_that_was_done_has_an_etag(ana, program):
    hers = program(ana)
    for answer in (hers.get("/leads/x"), hers.post("/keys", {"name": "Another", "scopes": ["leads:read"]})):
        assert "ETag" not in answer.headers and answer.headers["Cache-Control"] == "no-store"


def test_an_operation_that_goes_says_so_for_half_a_year():
    app = Flask("soon gone")
    app.config.update(API_TITLE="x", API_VERSION="v1", OPENAPI_VERSION="3.1.0", OPENAPI_URL_PREFIX="/api/v1")
    bp = Blueprint("old", "old", url_prefix="/api/v1")

    class Answer(Schema):
        said = fields.String()

    @bp.get("/old")
    @api_headers.ends(bp, since=date(2026, 11, 22), until=date(2027, 6, 1), instead="/api/v1/new")
    @bp.response(200, Answer)
    def read_old() -> dict[str, str]:
        return {"said": "still here"}

    api = Api(app)
    api.register_blueprint(bp)
    app.after_request(api_headers.add_headers)
    answer = app.test_client().get("/api/v1/old")
    assert answer.json == {"said": "still here"}
    assert answer.headers["Deprecation"] == "@1795305600"
    assert answer.headers["Sunset"] == "Tue, 01 Jun 2027 00:00:00 GMT"
    assert answer.headers["Link"] == '</api/v1/new>; rel="successor-version"'
    assert api.spec.to_dict()["paths"]["/api/v1/old"]["get"]["deprecated"] is True
    with pytest.raises(ValueError, match="180 days"):
        api_headers.ends(bp, since=date(2026, 11, 22), until=date(2027, 5, 20), instead="/api/v1/new")
