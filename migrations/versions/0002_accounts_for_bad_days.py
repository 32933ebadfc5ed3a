"""Ledger accounts for disputes, losses and our own bank."""
from migrations.changes import allow_values

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    allow_values("ledger_accounts", "kind", "ledger_accounts_account_kind_known_check", (
        "clearing", "stripe_fees", "platform_fees", "funds", "reserved", "held", "payable", "in_transit", "refunding",
        "unmatched", "receivable", "clawback_due", "disputed", "owed_by_business", "losses", "bank"))


def downgrade() -> None:
    allow_values("ledger_accounts", "kind", "ledger_accounts_account_kind_known_check", (
        "clearing", "stripe_fees", "platform_fees", "funds", "reserved", "held", "payable", "in_transit", "refunding",
        "unmatched", "receivable", "clawback_due"))
