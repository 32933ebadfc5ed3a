"""Columns that can hold words and hold none of a person, by the reason why: all that ``kinds.py`` does not name."""

IMPERSONAL: dict[str, dict[str, str]] = {
    "who did it, as an id: the id of a closed account leads to nobody": {
        "api_keys": "revoked_by", "buyer_rulings": "ruled_by", "chargeback_answers": "given_by",
        "decisions": "decided_by", "dispute_statements": "said_by", "disputes": "ruled_by",
        "fraud_cases": "decided_by", "leads": "decided_by", "money_orders": "asked_by decided_by",
        "open_items": "resolved_by", "reconciliations": "asked_by", "sale_refunds": "recorded_by",
        "transfer_batches": "asked_by decided_by"},
    "codes, names of things and currencies": {
        "audit_events": "action", "auto_top_ups": "currency", "bank_payouts": "currency failure_code",
        "bounties": "currency", "business_debts": "currency", "buyers": "erased_why told_how",
        "connected_accounts": "country currency", "chargebacks": "currency reason stripe_status",
        "clawbacks": "currency", "conversions": "currency",
        "disputes": "currency", "evidence_checks": "failure", "fraud_warnings": "fraud_type",
        "frozen_parts": "currency", "fundings": "currency failure_code", "ledger_accounts": "currency",
        "ledger_entries": "kind", "money_orders": "currency", "nettings": "currency", "open_items": "currency",
        "outbox_messages": "job", "payables": "currency", "refunds": "currency", "rewards": "currency",
        "stripe_events": "type outcome account", "stripe_movements": "currency reporting_category type destination",
        "terms": "currency jurisdiction", "transfer_batch_lines": "currency",
        "transfer_reversals": "currency failure_code", "transfers": "currency failure_code destination",
        "turns": "name", "witness_answers": "currency"},
    "keys, references and fingerprints that nothing can be read from": {
        "chargeback_answers": "idempotency_key", "connected_accounts": "idempotency_key",
        "evidence_checks": "sha256", "fundings": "idempotency_key", "ledger_entries": "fingerprint reference",
        "outbox_messages": "key", "payables": "rest_of", "reconciliations": "cursor", "refunds": "idempotency_key",
        "stripe_customers": "idempotency_key", "transfer_batches": "slot",
        "transfer_reversals": "idempotency_key reference", "transfer_stops": "source", "transfers": "idempotency_key"},
    "ids and numbers by rule, never words of a person (foundation/audit.py, outbox.py; tests plant an address)": {
        "audit_events": "details", "outbox_messages": "arguments last_error", "fraud_scores": "reasons",
        "reconciliations": "lines", "conversions": "payload"},
    "an organisation's public words, and the law's": {
        "bounties": "title offer place paused_because", "bounty_words": "words reading",
        "businesses": "name slug about place website", "consent_grants": "purpose",
        "decisions": "missed_criterion", "leads": "missed_criterion",
        "gate_rules": "key jurisdiction says exception citation source_url", "reward_rules": "words",
        "rewards_in_kind": "words", "terms": "criteria cause place"},
    "why money waits or went back, said by an operator or by Stripe of money": {
        "auto_top_ups": "paused_because", "chargeback_answers": "failure", "fundings": "failure",
        "money_orders": "reason", "open_items": "note reason", "refunds": "failure", "reward_holds": "reason",
        "rewards": "void_reason", "transfer_batch_lines": "reason", "transfer_reversals": "failure",
        "transfer_stops": "reason", "transfers": "failure"},
}
