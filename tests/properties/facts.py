"""What is: every row and every object at Stripe, read past the product's own code."""
import json
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text

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
COUNTED = ("postings", "ledger_entries", "audit_events")
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


def read_facts(sandbox: SandboxServer) -> Facts:
    with db.engine.connect() as connection:
        tables = {
            table: {row["id"]: dict(row) for row in connection.execute(text(f"SELECT {columns} FROM {table} ORDER BY 1")).mappings()}
            for table, columns in COLUMNS.items()}
        balances = {(row.kind, row.owner_id, row.currency): int(row.minor) for row in connection.execute(text(BALANCES))
                    if row.minor}
        counts = tuple(connection.scalar(text(f"SELECT count(*) FROM {table}")) for table in COUNTED)
        undone = [dict(row) for row in connection.execute(text(UNDONE)).mappings()]
    store = sandbox.box.world.store
    stripe = {kind: store.all(kind) for kind in ("checkout.session", "transfer", "transfer_reversal", "refund")}
    platform = {currency: there["available"] + there["pending"]
                for currency, there in sandbox.control.read_balances()["platform"].items()}
    return Facts(tables, balances, stripe, {k: v for k, v in platform.items() if v}, counts, undone)


def read_audit(after: str) -> list[Row]:
    """Events newer than the one of this id."""
    with db.engine.connect() as connection:
        rows = [dict(row) for row in connection.execute(text(AUDIT), {"after": after}).mappings()]
    for row in rows:
        if isinstance(row["details"], str):
            row["details"] = json.loads(row["details"])
    return rows
