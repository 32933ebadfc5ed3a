"""Where an account holder stands in every table, to take it along. A new reference without a line fails a test.

``OF_USER``: columns that hold the person's id. ``BY_WAY_OF``: tables that belong to one of those rows.
"""
from sqlalchemy import ColumnElement, Select, Table, or_, select

from marketplace.foundation.db import Base

OF_USER = {
    "users": "id", "referral_links": "referrer_id", "bounty_destinations": "set_by", "business_domains": "added_by",
    "memberships": "user_id", "api_keys": "user_id", "api_answers": "owner_id",
    "leads": "referrer_id decided_by", "split_parts": "user_id", "rewards": "beneficiary_id",
    "rewards_in_kind": "beneficiary_id", "payables": "payee_id", "transfers": "payee_id",
    "transfer_batch_lines": "payee_id", "connected_accounts": "user_id", "fundings": "requested_by",
    "auto_top_ups": "agreed_by", "disputes": "claimant_id respondent_id ruled_by", "dispute_statements": "said_by",
    "fraud_cases": "about_id decided_by", "lead_claims": "user_id", "escalations": "escalated_by to_id",
    "decisions": "decided_by", "chargeback_answers": "given_by", "audit_events": "actor_id subject_id",
    "traces": "subject_id", "gate_rules": "proposed_by reviewed_by", "buyer_rulings": "ruled_by",
    "money_orders": "asked_by decided_by", "transfer_batches": "asked_by decided_by", "open_items": "resolved_by",
    "bindings": "referrer_id", "uploads": "uploaded_by", "partner_invitations": "user_id",
    "reattributions": "from_id to_id decided_by", "reports": "reported_by",
    "reconciliations": "asked_by", "sale_refunds": "recorded_by", "transfer_stops": "subject_id",
}
# Table: (its column, the table it belongs to, the column there).
BY_WAY_OF = {
    "evidence": ("lead_id", "leads", "id"), "evidence_files": ("lead_id", "leads", "id"),
    "splits": ("lead_id", "leads", "id"), "bank_payouts": ("payee_id", "connected_accounts", "id"),
    "transfer_reversals": ("transfer_id", "transfers", "id"), "clawbacks": ("reward_id", "rewards", "id"),
    "reward_holds": ("reward_id", "rewards", "id"),
    "past_rewards": ("partner_hash", "partner_invitations", "email_hash"),
}
# Somebody else's rows that only name this person's id; each owner exports their own. What an admin decided, ruled or
# was passed stands in their decisions and in the trail, not as other people's leads, disputes, appeals and notes.
ONLY_OWN = {"leads": "referrer_id", "disputes": "claimant_id respondent_id", "fraud_cases": "about_id",
            "escalations": "escalated_by", "reattributions": "from_id to_id"}
# Keys and secrets; and what a page, or the buyer, said of the buyer, which is theirs to ask for.
LEFT_OUT = frozenset({
    "users.password_hash", "users.session_stamp", "api_keys.secret_hash", "leads.post_hash", "leads.buyer_hash",
    "leads.handle_hash", "leads.buyer_id", "leads.buyer_jurisdiction", "split_parts.email_hash", "evidence.author",
    "evidence.title", "evidence.text", "evidence.quote_prefix", "evidence.quote_suffix", "evidence_files.content",
    "traces.hash", "bindings.customer_hash", "bindings.email_hash", "reports.customer_hash",
    "reports.email_hash", "reports.click_hash", "reports.fingerprint",
    "partner_invitations.email_hash", "past_rewards.partner_hash",
})


def tables_of_holders() -> list[Table]:
    """In an order in which what belongs to something comes after it."""
    return [table for table in Base.metadata.sorted_tables if table.name in OF_USER or table.name in BY_WAY_OF]


def rows_of_user(table: Table, user_id: str) -> ColumnElement[bool]:
    """Which rows are this person's."""
    if table.name in BY_WAY_OF:
        column, owner, key = BY_WAY_OF[table.name]
        owning = Base.metadata.tables[owner]
        ids: Select[str] = select(owning.c[key]).where(rows_of_user(owning, user_id))
        return table.c[column].in_(ids)
    columns = ONLY_OWN.get(table.name, OF_USER[table.name]).split()
    return or_(*(table.c[column] == user_id for column in columns))
