"""What is: every row and every object at Stripe, read past the product's own code."""
import json
from dataclasses import dataclass, field
from typing import Any, Self

from sqlalchemy import Connection, event, text

from marketplace.foundation.db import db
from tests.sandbox_server import SandboxServer

Row = dict[str, Any]
COLUMNS = {
    "bounties": "id, state, terms_number, business_id, paused_because",
    "terms": "id, bounty_id, number, currency, hold_days, fee_bps",
    "reward_rules": "terms_id AS id, kind, amount_minor, rate_bps, cap_minor",  # Here every bounty has one.
    "leads": "id, bounty_id, terms_id, referrer_id, business_id, moderation, consent, stage, decided_by, accepted_at, "
             "submitted_at, reason_code",
    "evidence": "lead_id AS id, state",
    "conversions": "id, lead_id, amount_minor, refunded_minor, currency, state",
    "sale_refunds": "id, conversion_id, external_id, amount_minor",
    "rewards": "id, conversion_id, lead_id, bounty_id, beneficiary_id, amount_minor, fee_minor, currency, state",
    "clawbacks": "id, reward_id, sale_refund_id, amount_minor, fee_minor, currency, state",
    "fundings": "id, purpose_id, amount_minor, currency, state, fee_minor, refunded_minor, checkout_session_id",
    "refunds": "id, funding_id, amount_minor, currency, state, stripe_refund_id",
    "connected_accounts": "id, user_id, state, stripe_account_id",
    "payables": "id, payee_id, business_id, amount_minor, currency, state, transfer_id",
    "transfers": "id, payee_id, business_id, destination, amount_minor, currency, state, stripe_transfer_id, "
                 "reversed_minor",
    "transfer_reversals": "id, reference, transfer_id, payable_id, amount_minor, currency, state, stripe_reversal_id, "
                          "failure_code, netted_minor",
    "nettings": "id, reversal_id, payable_id, amount_minor, currency",
}
BALANCES = """
SELECT a.kind, a.owner_id, a.currency, sum(p.amount_minor) AS minor
FROM postings p JOIN ledger_accounts a ON a.id = p.account_id GROUP BY a.kind, a.owner_id, a.currency
"""
COUNTS = "SELECT " + ", ".join(f"(SELECT count(*) FROM {table})" for table in ("postings", "ledger_entries", "audit_events"))
UNDONE = "SELECT id, job, last_error, dead_at FROM outbox_messages WHERE last_error IS NOT NULL AND done_at IS NULL"
AUDIT = "SELECT id, actor_id, action, subject_id, details FROM audit_events WHERE id > :after ORDER BY id"


@dataclass
class Facts:
    tables: dict[str, dict[str, Row]]
    balances: dict[tuple[str, str, str], int]
    stripe: dict[str, list[Row]]
    platform: dict[str, int]
    counts: tuple[int, ...]
    undone: list[Row] = field(default_factory=list)

    def __getattr__(self, name: str) -> dict[str, Row]:
        try:
            return self.tables[name]
        except KeyError:
            raise AttributeError(name) from None

    def balance(self, kind: str, owner: str, currency: str) -> int:
        return self.balances.get((kind, owner, currency), 0)


class Looking:
    """``facts()``: read again only if something was committed here or written at Stripe since the last look."""

    def __init__(self, sandbox: SandboxServer) -> None:
        self._sandbox, self._commits, self._last = sandbox, 0, (None, None)

    def __enter__(self) -> Self:
        event.listen(db.engine, "commit", self._count)
        return self

    def __exit__(self, *why: object) -> None:
        event.remove(db.engine, "commit", self._count)

    def _count(self, connection: object) -> None:
        self._commits += 1

    def facts(self) -> Facts:
        moment = self._commits, self._sandbox.box.world.store._database.total_changes
        if self._last[0] != moment:
            self._last = moment, _read_facts(self._sandbox)
        return self._last[1]

    def forget(self) -> None:
        self._last = None, None


def _read_facts(sandbox: SandboxServer) -> Facts:
    with db.engine.connect() as connection:
        tables = {table: {row["id"]: row for row in _rows(connection, f"SELECT {columns} FROM {table} ORDER BY 1")}
                  for table, columns in COLUMNS.items()}
        balances = {(kind, owner, currency): int(minor)
                    for kind, owner, currency, minor in connection.exec_driver_sql(BALANCES) if minor}
        counts = tuple(connection.exec_driver_sql(COUNTS).one())
        undone = _rows(connection, UNDONE)
    store = sandbox.box.world.store
    stripe = {kind: store.all(kind) for kind in ("checkout.session", "transfer", "transfer_reversal", "refund")}
    platform = {currency: there["available"] + there["pending"]
                for currency, there in sandbox.control.read_balances()["platform"].items()}
    return Facts(tables, balances, stripe, {k: v for k, v in platform.items() if v}, counts, undone)


def _rows(connection: Connection, statement: str) -> list[Row]:
    result = connection.exec_driver_sql(statement)
    names = tuple(result.keys())
    return [dict(zip(names, row, strict=True)) for row in result]


def read_audit(after: str) -> list[Row]:
    """Events newer than the one of this id."""
    with db.engine.connect() as connection:
        rows = [dict(row) for row in connection.execute(text(AUDIT), {"after": after}).mappings()]
    for row in rows:
        if isinstance(row["details"], str):
            row["details"] = json.loads(row["details"])
    return rows
