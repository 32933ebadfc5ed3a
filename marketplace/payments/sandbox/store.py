"""Everything the sandbox remembers, in one SQLite file: Stripe's objects as JSON, by kind and in order of birth."""
import json
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from marketplace.payments.sandbox.encoding import Params, whole
from marketplace.payments.sandbox.refusals import bad_parameter, missing

Body = dict[str, Any]
TABLES = """
CREATE TABLE IF NOT EXISTS object (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS object_kind ON object (kind, seq);
CREATE INDEX IF NOT EXISTS object_group ON object (kind, json_extract(body, '$.transfer_group'));
CREATE INDEX IF NOT EXISTS object_status ON object (kind, json_extract(body, '$.status'));
CREATE INDEX IF NOT EXISTS object_transfer ON object (kind, json_extract(body, '$.transfer'));
CREATE INDEX IF NOT EXISTS object_movement ON object (
    kind, json_extract(body, '$.currency'), json_extract(body, '$.available_on'), json_extract(body, '$.net'));
CREATE TABLE IF NOT EXISTS idempotency (
    key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL,
    created INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS delivery (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL, endpoint INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending', attempts INTEGER NOT NULL DEFAULT 0, due REAL NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS delivery_state ON delivery (state, due);
CREATE INDEX IF NOT EXISTS delivery_event ON delivery (event_id);
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
LARGEST_PAGE = 100


class Store:
    """One connection and one lock: sixteen threads may call, one at a time is served."""

    def __init__(self, path: str) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.row_factory = sqlite3.Row
        self._database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;" + TABLES)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; a transaction within a transaction joins it."""
        with self._lock:
            if self._depth:
                yield
                return
            self._database.execute("BEGIN IMMEDIATE")
            self._depth = 1
            try:
                yield
                self._database.execute("COMMIT")
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            finally:
                self._depth = 0

    def sql(self, statement: str, *values: Any) -> list[sqlite3.Row]:
        with self._lock:
            return self._database.execute(statement, values).fetchall()

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def clear(self) -> None:
        with self.transaction():
            for table in ("object", "idempotency", "delivery", "setting"):
                self.sql(f"DELETE FROM {table}")

    def new_id(self, prefix: str) -> str:
        return f"{prefix}_{secrets.token_hex(12)}"

    def add(self, body: Body) -> Body:
        self.sql("INSERT INTO object (id, kind, body) VALUES (?, ?, ?)", body["id"], body["object"], json.dumps(body))
        return body

    def save(self, body: Body) -> Body:
        self.sql("UPDATE object SET body = ? WHERE id = ?", json.dumps(body), body["id"])
        return body

    def find(self, object_id: str) -> Body | None:
        rows = self.sql("SELECT body FROM object WHERE id = ?", object_id)
        return json.loads(rows[0]["body"]) if rows else None

    def get(self, kind: str, object_id: str, *, param: str = "id") -> Body:
        found = self.find(object_id)
        if found is None or found["object"] != kind:
            raise missing(kind, object_id, param=param)
        return found

    def all(self, kind: str, where: str = "1", *values: Any) -> list[Body]:
        """Newest first. ``where`` may use ``json_extract(body, '$.field')``."""
        rows = self.sql(f"SELECT body FROM object WHERE kind = ? AND {where} ORDER BY seq DESC", kind, *values)
        return [json.loads(row["body"]) for row in rows]

    def page(self, kind: str, url: str, params: Params, equal: dict[str, Any]) -> Body:
        """One page of v1's list, newest first: limit, starting_after, ending_before, created, and equal fields."""
        terms, values = _terms(params, equal)
        limit = min(whole(params, "limit") if "limit" in params else 10, LARGEST_PAGE)
        backwards = "ending_before" in params
        for name, sign in (("starting_after", "<"), ("ending_before", ">")):
            if name in params:
                rows = self.sql("SELECT seq FROM object WHERE id = ? AND kind = ?", params[name], kind)
                if not rows:
                    raise bad_parameter(f"No such {kind}: '{params[name]}'", name, "resource_missing")
                terms.append(f"seq {sign} ?")
                values.append(rows[0]["seq"])
        found = self.sql(
            f"SELECT body FROM object WHERE kind = ? AND {' AND '.join(terms) or '1'} "
            f"ORDER BY seq {'ASC' if backwards else 'DESC'} LIMIT ?", kind, *values, limit + 1)
        bodies = [json.loads(row["body"]) for row in found[:limit]]
        return {"object": "list", "url": url, "has_more": len(found) > limit,
                "data": bodies[::-1] if backwards else bodies}


def _terms(params: Params, equal: dict[str, Any]) -> tuple[list[str], list[Any]]:
    terms, values = [], []
    for field, value in equal.items():
        if value is None:
            continue
        if value == "":  # Only what has no such field.
            terms.append(f"json_extract(body, '$.{field}') IS NULL")
            continue
        wanted = value if isinstance(value, list) else [value]
        terms.append(f"json_extract(body, '$.{field}') IN ({', '.join('?' * len(wanted))})")
        values.extend(wanted)
    created = params.get("created")
    bounds = created if isinstance(created, dict) else {"eq": created} if created else {}
    for name in bounds:
        sign = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "eq": "="}.get(name)
        if sign is None:
            raise bad_parameter(f"Received unknown parameter: created[{name}]", "created", "parameter_unknown")
        terms.append(f"json_extract(body, '$.created') {sign} ?")
        values.append(whole(bounds, name, least=0))
    return terms, values
