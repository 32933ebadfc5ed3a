"""Reward rules: terms promise a list of parts; those that stand become terms with one part."""
from pathlib import Path

import sqlalchemy as sa
from alembic import op

from migrations.changes import add_check, drop_check

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None

SQL = Path(__file__).resolve().parent.parent / "sql"
OLD_COLUMNS = {"reward_kind": "VARCHAR(40)", "reward_minor": "BIGINT", "reward_bps": "INTEGER", "cap_minor": "BIGINT"}
OLD_CHECKS = {
    "flat_has_amount": "(reward_kind = 'flat') = (reward_minor IS NOT NULL)",
    "percent_has_cap": "(reward_kind = 'percent') = (cap_minor IS NOT NULL)",
    "percent_has_rate": "(reward_kind = 'percent') = (reward_bps IS NOT NULL)",
    "cap_positive": "cap_minor > 0",
    "rate_within": "reward_bps BETWEEN 1 AND 10000",
    "reward_positive": "reward_minor > 0",
    "reward_kind_known": "reward_kind IS NOT NULL AND reward_kind IN ('flat', 'percent')",
}
NEW_COLUMNS = {
    "rule_count": "INTEGER NOT NULL DEFAULT 1", "cap_per_referrer_minor": "BIGINT", "cap_per_bounty_minor": "BIGINT",
    "cap_per_month_minor": "BIGINT", "cause": "TEXT",
}
NEW_CHECKS = {
    "some_rules": "rule_count BETWEEN 1 AND 8",
    "cap_per_referrer_positive": "cap_per_referrer_minor > 0",
    "cap_per_bounty_positive": "cap_per_bounty_minor > 0",
    "cap_per_month_positive": "cap_per_month_minor > 0",
}
INEXPRESSIBLE = """
SELECT count(*) FROM terms WHERE rule_count > 1 OR cause IS NOT NULL OR cap_per_referrer_minor IS NOT NULL
  OR cap_per_bounty_minor IS NOT NULL OR cap_per_month_minor IS NOT NULL OR id IN (
    SELECT terms_id FROM reward_rules
    WHERE happening <> 'won' OR whom <> 'referrer' OR kind = 'non_cash' OR floor_minor IS NOT NULL)
"""


def upgrade() -> None:
    _create_rules()
    op.execute(
        "INSERT INTO reward_rules (id, terms_id, position, happening, whom, kind, amount_minor, rate_bps, cap_minor, created_at) "
        "SELECT 'rule' || substr(id, 6), id, 1, 'won', 'referrer', reward_kind, reward_minor, reward_bps, cap_minor, created_at "
        "FROM terms")
    for name in OLD_CHECKS:
        drop_check("terms", f"terms_{name}_check")
    for column in OLD_COLUMNS:
        op.execute(f"ALTER TABLE terms DROP COLUMN {column}")
    for column, kind in NEW_COLUMNS.items():
        op.execute(f"ALTER TABLE terms ADD COLUMN {column} {kind}")
    for name, rule in NEW_CHECKS.items():
        add_check("terms", f"terms_{name}_check", rule)
    op.execute("ALTER TABLE bounties ADD COLUMN currency VARCHAR(3) NOT NULL DEFAULT 'usd'")
    op.execute(
        "UPDATE bounties SET (currency, highest_reward) = (SELECT terms.currency, coalesce(amount_minor, cap_minor) "
        "FROM terms JOIN reward_rules ON terms_id = terms.id "
        "WHERE terms.bounty_id = bounties.id AND terms.number = bounties.terms_number)")
    op.drop_index("bounties_highest_idx", "bounties")
    op.create_index("bounties_highest_idx", "bounties", ["state", "currency", "highest_reward", "id"])
    _seal_rules()


def downgrade() -> None:
    """Refused where terms promise what the old columns cannot say."""
    lost = op.get_bind().exec_driver_sql(INEXPRESSIBLE).scalar()
    if lost:
        raise RuntimeError(f"{lost} terms promise more than one plain reward; an older version cannot keep them")
    op.drop_index("bounties_highest_idx", "bounties")
    op.create_index("bounties_highest_idx", "bounties", ["state", "highest_reward", "id"])
    op.execute("UPDATE bounties SET highest_reward = highest_reward / "  # It was in main units.
               "CASE currency WHEN 'jpy' THEN 1 WHEN 'kwd' THEN 1000 ELSE 100 END")
    op.execute("ALTER TABLE bounties DROP COLUMN currency")
    for column, kind in OLD_COLUMNS.items():
        op.execute(f"ALTER TABLE terms ADD COLUMN {column} {kind}")
    _fill_old_columns()
    op.drop_table("reward_rules")  # With its triggers, one of which reads a column that goes.
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION check_reward_rule()")
    for name in NEW_CHECKS:
        drop_check("terms", f"terms_{name}_check")
    for column in NEW_COLUMNS:
        op.execute(f"ALTER TABLE terms DROP COLUMN {column}")
    for name, rule in OLD_CHECKS.items():
        add_check("terms", f"terms_{name}_check", rule)


def _create_rules() -> None:
    op.create_table('reward_rules',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('terms_id', sa.Text(), nullable=False),
        sa.Column('position', sa.Integer(), nullable=False),
        sa.Column('happening', sa.Enum('qualified', 'won', 'later', 'renewal', name='happening_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('whom', sa.Enum('referrer', 'buyer', name='for_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('kind', sa.Enum('flat', 'percent', 'non_cash', name='reward_kind_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('amount_minor', sa.BigInteger(), nullable=True),
        sa.Column('rate_bps', sa.Integer(), nullable=True),
        sa.Column('floor_minor', sa.BigInteger(), nullable=True),
        sa.Column('cap_minor', sa.BigInteger(), nullable=True),
        sa.Column('times', sa.Integer(), nullable=True),
        sa.Column('within_months', sa.Integer(), nullable=True),
        sa.Column('after_days', sa.Integer(), nullable=True),
        sa.Column('thing', sa.Enum('credit', 'thank_you', 'favour', name='non_cash_known', native_enum=False, create_constraint=True, length=40), nullable=True),
        sa.Column('words', sa.Text(), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint('position >= 1', name=op.f('reward_rules_position_from_one_check')),
        sa.CheckConstraint("(kind = 'flat') = (amount_minor IS NOT NULL)", name=op.f('reward_rules_flat_has_amount_check')),
        sa.CheckConstraint("(kind = 'percent') = (rate_bps IS NOT NULL)", name=op.f('reward_rules_percent_has_rate_check')),
        sa.CheckConstraint("(kind = 'percent') = (cap_minor IS NOT NULL)", name=op.f('reward_rules_percent_has_cap_check')),
        sa.CheckConstraint("kind = 'percent' OR floor_minor IS NULL", name=op.f('reward_rules_floor_of_percent_check')),
        sa.CheckConstraint("kind <> 'percent' OR happening <> 'qualified'", name=op.f('reward_rules_percent_needs_sale_check')),
        sa.CheckConstraint("(kind = 'non_cash') = (thing IS NOT NULL)", name=op.f('reward_rules_non_cash_has_thing_check')),
        sa.CheckConstraint("(kind = 'non_cash') = (words IS NOT NULL)", name=op.f('reward_rules_non_cash_has_words_check')),
        sa.CheckConstraint("(happening = 'later') = (after_days IS NOT NULL)", name=op.f('reward_rules_later_has_days_check')),
        sa.CheckConstraint("(happening = 'renewal') = (times IS NOT NULL OR within_months IS NOT NULL)", name=op.f('reward_rules_renewals_are_counted_check')),
        sa.CheckConstraint('amount_minor > 0', name=op.f('reward_rules_amount_positive_check')),
        sa.CheckConstraint('cap_minor > 0', name=op.f('reward_rules_cap_positive_check')),
        sa.CheckConstraint('floor_minor > 0 AND floor_minor <= cap_minor', name=op.f('reward_rules_floor_within_cap_check')),
        sa.CheckConstraint('rate_bps BETWEEN 1 AND 10000', name=op.f('reward_rules_rate_within_check')),
        sa.CheckConstraint('times BETWEEN 1 AND 120', name=op.f('reward_rules_times_within_check')),
        sa.CheckConstraint('within_months BETWEEN 1 AND 120', name=op.f('reward_rules_months_within_check')),
        sa.CheckConstraint('after_days BETWEEN 1 AND 730', name=op.f('reward_rules_days_within_check')),
        sa.ForeignKeyConstraint(['terms_id'], ['terms.id'], name='reward_rules_terms_id_fk'),
        sa.PrimaryKeyConstraint('id', name='reward_rules_pk'),
        sa.UniqueConstraint('terms_id', 'position', name='reward_rules_terms_id_position_key')
    )


def _seal_rules() -> None:
    # Statements are parted by empty lines.
    for statement in (SQL / f"0003_{op.get_bind().dialect.name}.sql").read_text().split("\n\n"):
        op.get_bind().exec_driver_sql(statement)


def _fill_old_columns() -> None:
    """Terms never change; here the same promise is only written another way."""
    connection = op.get_bind()
    on_sqlite = connection.dialect.name == "sqlite"
    kept = connection.exec_driver_sql("SELECT sql FROM sqlite_schema WHERE name = 'terms_kept'").scalar() if on_sqlite else ""
    connection.exec_driver_sql("DROP TRIGGER terms_kept" if on_sqlite else "ALTER TABLE terms DISABLE TRIGGER terms_kept")
    connection.exec_driver_sql(
        "UPDATE terms SET (reward_kind, reward_minor, reward_bps, cap_minor) = "
        "(SELECT kind, amount_minor, rate_bps, cap_minor FROM reward_rules WHERE reward_rules.terms_id = terms.id)")
    connection.exec_driver_sql(str(kept) if on_sqlite else "ALTER TABLE terms ENABLE TRIGGER terms_kept")
