"""Idempotency keys as Stripe keeps them: v1 replays any stored answer for a day, v2 only successes, for 30 days."""
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from marketplace.payments.sandbox.refusals import Refusal
from marketplace.payments.sandbox.store import Store

KEPT_SECONDS = {"v1": 24 * 3600, "v2": 30 * 24 * 3600}
LONGEST_KEY = 255
Stored = tuple[int, dict[str, Any]]


class Idempotency:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._in_use: set[str] = set()
        self._guard = threading.Lock()

    @contextmanager
    def holding(self, key: str) -> Iterator[None]:
        """A second call under a key that is still being worked on gets 409, at once."""
        if len(key) > LONGEST_KEY:
            raise Refusal(f"Idempotency keys have at most {LONGEST_KEY} characters.", remembered=False)
        with self._guard:
            if key and key in self._in_use:
                raise in_use()
            self._in_use.add(key)
        try:
            yield
        finally:
            with self._guard:
                self._in_use.discard(key)

    def recall(self, api: str, key: str, fingerprint: str, *, now: int) -> Stored | None:
        rows = self._store.sql("SELECT * FROM idempotency WHERE key = ?", f"{api}:{key}")
        if not rows:
            return None
        if rows[0]["created"] <= now - KEPT_SECONDS[api]:
            self._store.sql("DELETE FROM idempotency WHERE key = ?", f"{api}:{key}")
            return None
        if rows[0]["fingerprint"] != fingerprint:
            raise Refusal(
                "Keys for idempotent requests can only be used with the same parameters they were first used with. "
                f"Try using a key other than '{key}' if you meant to execute a different request.",
                type="idempotency_error")
        return rows[0]["status"], json.loads(rows[0]["body"])

    def remember(self, api: str, key: str, fingerprint: str, answer: Stored, *, now: int) -> None:
        self._store.sql("INSERT INTO idempotency (key, fingerprint, status, body, created) VALUES (?, ?, ?, ?, ?)",
                        f"{api}:{key}", fingerprint, answer[0], json.dumps(answer[1]), now)


def fingerprint_of(method: str, path: str, params: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps([method, path, params], sort_keys=True).encode()).hexdigest()


def in_use() -> Refusal:
    return Refusal("There is currently another in-progress request using this idempotency key.", status=409,
                   type="idempotency_error", code="idempotency_key_in_use", remembered=False)
