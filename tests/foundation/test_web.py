"""What every route does with what it is sent: forms, tokens, origins, headers, and errors as a page or as problem+json."""
import re
from itertools import cycle
from urllib.parse import quote

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm.exc import StaleDataError

from marketplace.foundation.db import db
from marketplace.foundation.web import LARGEST_BODY
from tests import factories as make
from tests.browsing import words_of

pytestmark = pytest.mark.once  # Forms, headers and errors.

HEADERS = {
    "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
}


def addresses(app: Flask, method: str, filled: str = "nothing", *, only_with_parts: bool = False) -> list[str]:
    """One address of each route, its variable parts ``filled``."""
    found = {
        re.sub(r"<[^>]+>", quote(filled), rule.rule) for rule in app.url_map.iter_rules()
        if method in (rule.methods or set()) and (rule.arguments or not only_with_parts)}
    assert len(found) > 10
    return sorted(found)


def test_every_answer_carries_the_security_headers(app, anonymous):
    for address in addresses(app, "GET"):
        response = anonymous.get(address)
        assert response.status_code < 500, address
        assert {name: response.headers.get(name) for name in HEADERS} == HEADERS, address
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy and "object-src 'none'" in policy and "frame-ancestors 'none'" in policy
        assert "base-uri 'none'" in policy and "unsafe" not in policy, address
        assert re.fullmatch("[0-9a-f]{16}", response.headers["X-Request-Id"])
        assert "Cache-Control" in response.headers or address.startswith("/static"), address
        assert "Strict-Transport-Security" not in response.headers  # Only where https is sure.
        response.close()


def test_production_asks_for_https_and_binds_the_cookie_to_it(settings_env, sandboxless_production):
    answer = sandboxless_production.test_client().get("/how-it-works", base_url="https://fingerpost.example")
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")
    page = sandboxless_production.test_client().get("/sign-in", base_url="https://fingerpost.example")
    cookie = page.headers["Set-Cookie"]
    assert cookie.startswith("__Host-session=")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    assert sandboxless_production.test_client().get("/dev/mail").status_code == 404


@pytest.fixture
def sandboxless_production(settings_env, database_url, app):
    """The application as it starts in production; PostgreSQL is named, and not needed for these pages."""
    from marketplace.app import create_app  # noqa: PLC0415
    from marketplace.settings import Settings  # noqa: PLC0415

    kept = {name: value for name, value in settings_env.items()
            if name not in {"STRIPE_API_BASE", "MAIL_DIR", "FETCH_ALLOW"}}
    return create_app(Settings.from_env(kept | {
        "FINGERPOST_ENV": "production", "DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1:1/none",
        "PUBLIC_URL": "https://fingerpost.example", "STRIPE_SECRET_KEY": "sk_live_x", "SMTP_URL": "smtp://u:p@127.0.0.1:1",
        "MAIL_FROM": "Fingerpost <hello@fingerpost.example>"}))


def test_each_request_has_its_own_number(anonymous):
    numbers = {anonymous.get("/health").headers["X-Request-Id"] for _ in range(5)}
    assert len(numbers) == 5
    problem = anonymous.get("/api/v1/leads")
    assert problem.json["request_id"] == problem.headers["X-Request-Id"]
    assert anonymous.get("/health", headers={"X-Request-Id": "mine"}).headers["X-Request-Id"] != "mine"


# ---- Forms


def test_a_form_says_what_is_wrong_beside_the_field_and_keeps_what_was_typed(anonymous):
    answer = anonymous.submit("/sign-up", {"name": "  ", "email": "no address", "password": "correct horse battery staple"})
    assert answer.status_code == 422
    assert "Write a whole address, like ana@example.com." in answer.text and 'value="no address"' in answer.text
    assert "correct horse" not in answer.text  # But never a password.


def test_a_form_without_its_token_or_with_another_ones_is_refused(app, anonymous):
    filled = {"name": "Ana", "email": "ana@example.com", "password": make.PASSWORD}
    for token in (None, "", "forged", token_of(app.test_client())):
        answer = anonymous.post("/sign-up", data={**filled, **({} if token is None else {"csrf_token": token})})
        assert answer.status_code == 400 and "open for too long" in answer.text
    assert db.session.query(make.User).count() == 0
    assert anonymous.submit("/sign-up", filled).status_code == 200
    assert db.session.query(make.User).count() == 1


def token_of(browser) -> str:
    return str(browser.page("/sign-up").xpath("//input[@name='csrf_token']/@value")[0])


def test_every_post_of_a_page_needs_the_token(app, as_user):
    admin = as_user(make.make_user("Mona Lind", is_admin=True))
    exempt = [address for address in addresses(app, "POST") if admin.post(address).status_code != 400]
    assert all(address.startswith("/api/v1/") for address in exempt), exempt


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost.evil.example", "https://localhost", "http://localhost:81"])
def test_a_write_from_another_site_is_refused_even_with_the_token(anonymous, origin):
    sent = {"email": "ana@example.com", "password": "x", "csrf_token": token_of(anonymous)}
    assert anonymous.post("/sign-in", data=sent, headers={"Origin": origin}).status_code == 403
    assert anonymous.post("/sign-in", data=sent, headers={"Origin": "http://localhost"}).status_code == 422
    assert anonymous.get("/sign-in", headers={"Origin": origin}).status_code == 200


def test_a_stale_form_is_told_so_and_keeps_what_was_typed(as_user):
    bounty = make.make_bounty()
    owner = as_user(make.owner_of(bounty.business))
    address = f"/bounties/{bounty.id}/edit"
    old = str(owner.page(address).xpath("//input[@name='version']/@value")[0])
    assert owner.submit(address, {"title": "Introduce a van buyer"}).status_code == 200
    answer = owner.submit(address, {"title": "Introduce a bus buyer", "version": old})
    assert answer.status_code == 409 and "Someone changed this" in answer.text and "Introduce a bus buyer" in answer.text
    assert "Introduce a van buyer" in owner.get(f"/bounties/{bounty.id}").text


# ---- What nobody can mean


def test_an_address_with_a_control_character_is_not_there(app, as_user):
    """Every route, and every character by every method."""
    admin = as_user(make.make_user("Mona Lind", is_admin=True))
    for method in ("GET", "POST"):
        routes = addresses(app, method, "{}", only_with_parts=True)
        for route, sign in zip(routes, cycle("\0\x01\x1f\x7f\n")):  # One for each: the whole table would be the same five times.
            address = route.replace(quote("{}"), quote(f"a{sign}b"))
            response = admin.open(address, method=method)
            assert response.status_code == 404, f"{method} {address}"
            response.close()


def test_a_nul_in_a_query_is_refused_by_every_page(app, as_user):
    admin = as_user(make.make_user("Mona Lind", is_admin=True))
    for address in addresses(app, "GET"):
        assert admin.get(f"{address}?q=a%00b").status_code in {400, 404}, address
    for query in ("%00=1", "cursor=%00", "q=1&q=%00"):
        assert "no text" in admin.get(f"/bounties?{query}").text


def test_text_that_is_not_text_in_a_query_is_no_fault(app, as_user):
    admin = as_user(make.make_user("Mona Lind", is_admin=True))
    for address in (a for a in addresses(app, "GET") if "nothing" not in a):
        for query in ("q=%ED%A0%80&subject=%01&place=%F0%9F&stage=%1F&moderation=%FF", "cursor=%FF"):
            response = admin.get(f"{address}?{query}")
            assert response.status_code < 500, address
            response.close()
    assert admin.get("/bounties/%ED%A0%80").status_code == 404


def test_a_nul_in_a_form_is_refused_before_anything_is_looked_up(anonymous):
    for fields in ({"email": "ana\0@example.com", "password": "x"}, {"email": "ana@example.com", "password": "x", "a\0": "b"}):
        answer = anonymous.post("/sign-in", data={**fields, "csrf_token": token_of(anonymous)})
        assert answer.status_code == 400 and "no text" in answer.text


def test_what_is_too_large_is_not_read(anonymous):
    large = {"email": "a" * (LARGEST_BODY + 1)}
    page = anonymous.post("/sign-in", data=large)
    assert page.status_code == 413 and "more than we take at once" in page.text
    problem = anonymous.post("/api/v1/leads", data=b"[" * (LARGEST_BODY + 1), content_type="application/json")
    assert problem.status_code in {401, 413}


# ---- Errors


def test_a_wrong_method_is_told_the_right_ones(anonymous):
    page = anonymous.post("/how-it-works")
    assert page.status_code == 405 and set(page.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}
    assert page.mimetype == "text/html" and "does not take that kind of request" in page.text
    problem = anonymous.put("/api/v1/leads")
    assert problem.status_code == 405 and set(problem.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}
    assert problem.mimetype == "application/problem+json" and problem.json["code"] == "method_not_allowed"


def test_the_address_of_a_button_leads_to_its_page(anonymous, app):
    """Every one that there is; a program, and who comes to a door for machines, is told that it takes no GET."""
    for path, page in (("/leads/lead_x/claim/end", "/leads/lead_x"), ("/links/x/end", "/links"), (
            "/rewards-in-kind/x/offer", "/rewards-in-kind/x"), ("/admin/orders/x/grant", "/admin/orders")):
        reloaded = anonymous.get(path)
        assert (reloaded.status_code, reloaded.headers["Location"]) == (303, page)
    refused = {path for path in addresses(app, "POST") if anonymous.get(path).status_code == 405}
    assert {path for path in refused if not path.startswith("/api/")} == {"/webhooks/stripe", "/hooks/stripe/nothing"}
    assert "/api/v1/leads/nothing/sale" in refused


def test_what_is_not_there_is_a_page_for_people_and_a_problem_for_programs(anonymous):
    page = anonymous.get("/no/such/page")
    assert page.status_code == 404 and page.mimetype == "text/html" and "There is nothing at this address" in page.text
    problem = anonymous.get("/api/v1/no/such/thing")
    assert problem.status_code == 404 and problem.mimetype == "application/problem+json"
    assert set(problem.json) == {"type", "title", "status", "code", "detail", "errors", "request_id"}
    assert problem.json | {"request_id": ""} == {
        "type": "/api/docs/errors#not_found", "title": "There is nothing at this address.", "status": 404, "code": "not_found",
        "detail": "Check the address, or start from the front page.", "errors": {}, "request_id": ""}


def raising(error: Exception):
    def view(**parts: str) -> str:
        raise error
    return view


@pytest.mark.parametrize(("error", "status", "code"), [
    (ZeroDivisionError("secret detail"), 500, "internal"), (StaleDataError("secret detail"), 409, "stale_form"),
    (OperationalError("SELECT secret detail", {}, Exception("locked")), 503, "busy"),
])
def test_a_fault_of_ours_is_a_calm_page_with_a_number_and_no_detail(app, anonymous, monkeypatch, error, status, code):
    monkeypatch.setitem(app.view_functions, "home.how_it_works", raising(error))
    monkeypatch.setitem(app.view_functions, "bounties.read_bounty", raising(error))
    page = anonymous.page("/how-it-works", status=status)
    assert "secret detail" not in words_of(page) and len(page.xpath("//h1")) == 1
    problem = anonymous.get("/api/v1/bounties/x")
    assert problem.status_code == problem.json["status"] == status and problem.json["code"] == code
    assert "secret detail" not in problem.text and problem.json["detail"]
    if status == 500:
        assert problem.json["request_id"] in problem.json["detail"]


def test_every_code_is_explained_where_the_problem_points(anonymous):
    page = anonymous.page("/api/docs/errors")
    for path in ("/api/v1/no/such/thing", "/api/v1/leads"):
        kind = anonymous.get(path).json["type"]
        assert kind.startswith("/api/docs/errors#")
        assert page.xpath(f"//*[@id='{kind.partition('#')[2]}']"), kind
