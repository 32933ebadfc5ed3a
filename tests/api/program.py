"""A person's program: calls the API with a key of theirs, and looks at every refusal's shape."""
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from marketplace.foundation.db import transaction
from marketplace.identity.api_keys import SCOPES, create_key
from marketplace.identity.models import ApiKey, User
from tests.browsing import Browser, end_reading

PROBLEM = {"type", "title", "status", "code", "detail", "errors", "request_id"}


def new_key(user: User, *scopes: str, days: int | None = None) -> tuple[ApiKey, str]:
    end_reading()
    with transaction():
        return create_key(user, name="Our website", scopes=list(scopes or SCOPES), days=days)


class Program:
    """``Program(app, ana)`` may do all that she may; name scopes to let it do less."""

    def __init__(self, app: Flask, user: User, *scopes: str, secret: str = "") -> None:
        self.secret = secret or new_key(user, *scopes)[1]
        client = app.test_client()
        assert isinstance(client, Browser)
        self.client = client

    def get(self, path: str, **query: Any) -> TestResponse:
        return self._looked_at(self.client.get(f"/api/v1{path}", query_string=query, headers=self._headers()))

    def post(self, path: str, body: Any = None, *, key: str | None = None, raw: str | bytes | None = None,
             content_type: str = "application/json") -> TestResponse:
        sent: dict[str, Any] = {"json": body} if body is not None else {}
        if raw is not None:
            sent = {"data": raw, "content_type": content_type}
        return self._looked_at(self.client.post(f"/api/v1{path}", headers=self._headers(key), **sent))

    def must(self, path: str, body: Any = None) -> Any:
        """What was made; a refusal fails the test."""
        answer = self.post(path, body)
        assert answer.status_code == 201, answer.text
        return answer.json

    def _headers(self, key: str | None = None) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret}"} | ({"Idempotency-Key": key} if key is not None else {})

    def _looked_at(self, answer: TestResponse) -> TestResponse:
        if answer.status_code < 400:
            assert answer.mimetype == "application/json" and answer.json is not None
            return answer
        assert answer.mimetype == "application/problem+json", answer.text
        problem = answer.json
        assert isinstance(problem, dict) and set(problem) == PROBLEM
        assert problem["status"] == answer.status_code < 500
        assert problem["type"] == f"/api/docs/errors#{problem['code']}"
        assert problem["title"].endswith((".", "?")) and problem["detail"] and problem["request_id"]
        assert all(said and all(isinstance(s, str) for s in said) for said in problem["errors"].values())
        return answer


LEAD: dict[str, Any] = {
    "text": "We moved to Denver and I am in the market for a car. Any hints?", "quote": "I am in the market for a car",
    "acquaintance": "online", "how_known": "I read his blog.", "your_jurisdiction": "US-CO",
}
BOUNTY: dict[str, Any] = {
    "title": "Introduce a car buyer to Westside Auto", "offer": "New and used cars, and people who call you back.",
    "category": "cars", "place": "Denver", "jurisdiction": "US-CO",
    "criteria": ["Wants to buy a car within three months"], "currency": "usd",
    "reward_kind": "flat", "reward": "1000.00", "hold_days": 30,
}
