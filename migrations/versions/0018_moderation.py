"""The moderators' desk: decisions, claims and escalations; when a decision is told."""
import sqlalchemy as sa
from alembic import op

revision = '0018'
down_revision = '0017'
branch_labels = None
depends_on = None

DECIDED = ('accepted', 'rejected', 'asked')
CODES = ('not_a_buyer', 'invalid_evidence', 'evidence_unavailable', 'out_of_scope', 'out_of_area', 'already_known',
         'duplicate', 'stale_intent', 'no_consent', 'self_referral', 'prohibited_category', 'spam', 'other')
HOURS = {'sqlite': "CAST(strftime('%s', decided_at) AS INTEGER) / 3600",
         'postgresql': "CAST(floor(extract(epoch FROM decided_at) / 3600) AS INTEGER)"}


def upgrade() -> None:
    op.add_column('leads', sa.Column('tell_at', sa.DateTime(timezone=True), nullable=True))
    op.create_table('decisions',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('lead_id', sa.Text(), nullable=False),
        sa.Column('decided', sa.Enum(*DECIDED, name='decided_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('decided_by', sa.Text(), nullable=False),
        sa.Column('reason_code', sa.Enum(*CODES, name='reason_code_known', native_enum=False, create_constraint=True, length=40), nullable=True),
        sa.Column('missed_criterion', sa.Text(), nullable=True),
        sa.Column('is_appeal', sa.Boolean(), nullable=False),
        sa.Column('hour', sa.Integer(), nullable=False),
        sa.Column('undone_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(['lead_id'], ['leads.id'], name='decisions_lead_id_fk'),
        sa.PrimaryKeyConstraint('id', name='decisions_pk')
    )
    op.create_index('decisions_lead_id_idx', 'decisions', ['lead_id'])
    op.create_index('decisions_when_idx', 'decisions', ['created_at'])
    op.create_table('lead_claims',
        sa.Column('lead_id', sa.Text(), nullable=False),
        sa.Column('user_id', sa.Text(), nullable=False),
        sa.Column('until', sa.DateTime(timezone=True), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(['lead_id'], ['leads.id'], name='lead_claims_lead_id_fk'),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name='lead_claims_user_id_fk'),
        sa.PrimaryKeyConstraint('lead_id', name='lead_claims_pk')
    )
    op.create_table('escalations',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('lead_id', sa.Text(), nullable=False),
        sa.Column('escalated_by', sa.Text(), nullable=False),
        sa.Column('to_id', sa.Text(), nullable=True),
        sa.Column('note', sa.Text(), nullable=False),
        sa.Column('settled_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(['lead_id'], ['leads.id'], name='escalations_lead_id_fk'),
        sa.ForeignKeyConstraint(['escalated_by'], ['users.id'], name='escalations_escalated_by_fk'),
        sa.ForeignKeyConstraint(['to_id'], ['users.id'], name='escalations_to_id_fk'),
        sa.PrimaryKeyConstraint('id', name='escalations_pk')
    )
    op.create_index('escalations_lead_id_idx', 'escalations', ['lead_id'])
    op.create_index('escalations_one_standing_key', 'escalations', ['lead_id', 'escalated_by'], unique=True,
                    postgresql_where=sa.text('settled_at IS NULL'), sqlite_where=sa.text('settled_at IS NULL'))
    hour = HOURS[op.get_bind().dialect.name]
    op.execute(
        "INSERT INTO decisions (id, lead_id, decided, decided_by, reason_code, missed_criterion, is_appeal, hour, created_at) "
        "SELECT 'decision_' || substr(id, 6), id, CASE WHEN accepted_at IS NULL THEN 'rejected' ELSE 'accepted' END, "
        "decided_by, CASE WHEN accepted_at IS NULL THEN reason_code END, "
        f"CASE WHEN accepted_at IS NULL THEN missed_criterion END, appeal IS NOT NULL, {hour}, decided_at "
        "FROM leads WHERE decided_at IS NOT NULL")


def downgrade() -> None:
    op.drop_table('escalations')
    op.drop_table('lead_claims')
    op.drop_table('decisions')
    op.drop_column('leads', 'tell_at')
