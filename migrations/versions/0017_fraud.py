"""Traces of who acted from where (hashes), looks at leads with their reasons, and what waits for a person."""
from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = '0017'
down_revision = '0016'
branch_labels = None
depends_on = None

SQL = Path(__file__).resolve().parent.parent / "sql"
KINDS = ('device', 'browser', 'network', 'account', 'automated')
POINTS = ('pointing', 'consent', 'conversion', 'transfer')
VERDICTS = ('pass', 'longer', 'hold', 'stop')
STATES = ('open', 'let_go', 'expired', 'confirmed', 'proven')
LIVE_CASES = "state IN ('open', 'confirmed')"


def _one_of(values: tuple[str, ...], name: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


def upgrade() -> None:
    op.create_table('traces',
        sa.Column('subject_id', sa.Text(), nullable=False),
        sa.Column('kind', _one_of(KINDS, 'trace_kind_known'), nullable=False),
        sa.Column('hash', sa.Text(), nullable=False),
        sa.Column('seen_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint('subject_id', 'kind', 'hash', name='traces_pk'),
        sqlite_with_rowid=False
    )
    op.create_index('traces_hash_idx', 'traces', ['hash', 'kind'], unique=False)
    op.create_index('traces_seen_at_idx', 'traces', ['seen_at'], unique=False)
    op.create_table('fraud_scores',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('lead_id', sa.Text(), nullable=False),
        sa.Column('reward_id', sa.Text(), nullable=True),
        sa.Column('point', _one_of(POINTS, 'point_known'), nullable=False),
        sa.Column('score', sa.Integer(), nullable=False),
        sa.Column('verdict', _one_of(VERDICTS, 'verdict_known'), nullable=False),
        sa.Column('reasons', sa.JSON(), nullable=False),
        sa.Column('rules_version', sa.Integer(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(['lead_id'], ['leads.id'], name='fraud_scores_lead_id_fk'),
        sa.ForeignKeyConstraint(['reward_id'], ['rewards.id'], name='fraud_scores_reward_id_fk'),
        sa.PrimaryKeyConstraint('id', name='fraud_scores_pk')
    )
    op.create_index('fraud_scores_lead_id_idx', 'fraud_scores', ['lead_id'], unique=False)
    op.create_table('fraud_cases',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('lead_id', sa.Text(), nullable=False),
        sa.Column('about_id', sa.Text(), nullable=False),
        sa.Column('score_id', sa.Text(), nullable=False),
        sa.Column('level', _one_of(VERDICTS, 'verdict_known'), nullable=False),
        sa.Column('state', _one_of(STATES, 'case_state_known'), nullable=False),
        sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('keep_reason', sa.Text(), nullable=True),
        sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('decided_by', sa.Text(), nullable=True),
        sa.Column('reason', sa.Text(), nullable=True),
        sa.Column('appeal', sa.Text(), nullable=True),
        sa.Column('appealed_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('settles_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.CheckConstraint("level IN ('hold', 'stop')", name=op.f('fraud_cases_level_waits_check')),
        sa.CheckConstraint("level = 'stop' OR expires_at IS NOT NULL", name=op.f('fraud_cases_hold_ends_check')),
        sa.CheckConstraint('(decided_at IS NULL) = (decided_by IS NULL)', name=op.f('fraud_cases_decision_whole_check')),
        sa.CheckConstraint("state IN ('open', 'expired') OR decided_by IS NOT NULL",
                           name=op.f('fraud_cases_decided_by_somebody_check')),
        sa.ForeignKeyConstraint(['lead_id'], ['leads.id'], name='fraud_cases_lead_id_fk'),
        sa.ForeignKeyConstraint(['about_id'], ['users.id'], name='fraud_cases_about_id_fk'),
        sa.ForeignKeyConstraint(['score_id'], ['fraud_scores.id'], name='fraud_cases_score_id_fk'),
        sa.PrimaryKeyConstraint('id', name='fraud_cases_pk')
    )
    op.create_index('fraud_cases_about_id_idx', 'fraud_cases', ['about_id'], unique=False)
    op.create_index('fraud_cases_queue_idx', 'fraud_cases', ['state', 'due_at'], unique=False)
    op.create_index('fraud_cases_one_live_key', 'fraud_cases', ['lead_id'], unique=True,
                    postgresql_where=sa.text(LIVE_CASES), sqlite_where=sa.text(LIVE_CASES))
    op.add_column('leads', sa.Column('is_held', sa.Boolean(), nullable=False, server_default=sa.false()))
    text = (SQL / f"0017_{op.get_bind().dialect.name}.sql").read_text()
    for statement in text.split("\n\n"):
        if not statement.startswith("--") and statement.strip():
            op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    op.drop_column('leads', 'is_held')
    for table in ('fraud_cases', 'fraud_scores', 'traces'):
        op.drop_table(table)
