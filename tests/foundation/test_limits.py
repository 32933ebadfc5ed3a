"""Nobody asks, or guesses, without end; whoever is stopped learns when to come back."""
import re

import pytest

from marketplace.foundation.limits import EVERYTHING, GUESSING_ONE, PROGRAMS, WRITING, limiter
from tests import factories as make

LIMIT = int(EVERYTHING.split()[0])
WRITES = int(WRITING.split()[0])
TRIES = int(GUESSING_ONE.split()[0])

pytestmark = pytest.mark.once  # Counts are kept outside the database.


def test_a_program_that_asks_without_end_is_told_when_to_come_back(app, anonymous):
    statuses = {anonymous.get("/api/v1/leads").status_code for _ in range(LIMIT)}
    assert statuses == {401}
    stopped = anonymous.get("/api/v1/leads")
    assert stopped.status_code == 429 and stopped.mimetype == "application/problem+json"
    assert stopped.json["code"] == "too_many_requests" and stopped.json["detail"]
    assert 1 <= int(stopped.headers["Retry-After"]) <= 60
    assert stopped.headers["RateLimit"].startswith('"default";r=0;')
    assert anonymous.get("/health").status_code == 200  # Whoever watches us is never stopped.


def test_a_program_reads_what_is_left_to_it_and_a_page_says_nothing_of_it(app, anonymous):
    first, second = anonymous.get("/api/v1/leads"), anonymous.get("/api/v1/leads")
    assert first.headers["RateLimit-Policy"] == f'"default";q={LIMIT};w=60'
    left = [re.fullmatch(r'"default";r=(\d+);t=(\d+)', one.headers["RateLimit"]) for one in (first, second)]
    assert [int(one[1]) for one in left if one] == [LIMIT - 1, LIMIT - 2] and 1 <= int(left[0][2]) <= 60
    assert "Retry-After" not in first.headers and "RateLimit" not in anonymous.get("/bounties").headers


def test_one_account_is_not_guessed_at_and_the_page_says_so(app, anonymous):
    email = make.make_user().email
    for _ in range(TRIES):
        assert anonymous.submit("/sign-in", {"email": email, "password": "wrong"}).status_code == 422
    page = anonymous.submit("/sign-in", {"email": email, "password": "wrong"})
    assert page.status_code == 429 and "That was too often in a short time" in page.text
    assert 1 <= int(page.headers["Retry-After"]) <= 15 * 60
    other = anonymous.submit("/sign-in", {"email": make.make_user().email, "password": make.PASSWORD})
    assert other.status_code == 200  # Another account, from the same address, still signs in.


def test_each_person_has_a_count_of_their_own(app, as_user, monkeypatch):
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", False)  # The token has tests of its own.
    ana, tom = as_user(make.make_user()), as_user(make.make_user("Tom Berg"))
    address = f"/businesses/{make.make_business().id}/bounties/new"
    assert {ana.post(address).status_code for _ in range(WRITES)} == {403}  # Not her business: counted all the same.
    assert ana.post(address).status_code == 429
    assert tom.post(address).status_code == 403


def test_every_address_that_writes_has_a_limit_of_its_own(app):
    without = set()
    for rule in app.url_map.iter_rules():
        with app.test_request_context(method="POST"):
            _, own = limiter.limit_manager.resolve_limits(app, rule.endpoint, rule.endpoint.rpartition(".")[0])
            if "POST" in (rule.methods or ()) and all(limit.method_exempt for limit in own):
                without.add(rule.rule)
    assert without == {"/webhooks/stripe", "/hooks/stripe/<door_id>"}  # Stripe decides how often it has news.


def test_a_program_that_writes_without_end_is_stopped_and_reads_on(app, anonymous):
    address, most = "/api/v1/leads/x/withdrawal", int(PROGRAMS.split()[0])
    assert {anonymous.post(address).status_code for _ in range(most)} == {401}
    assert anonymous.post(address).status_code == 429
    assert anonymous.post("/api/v1/leads/x/appeals").status_code == anonymous.get("/api/v1/leads").status_code == 401
