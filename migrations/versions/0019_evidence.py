"""The post read again, files as evidence, and what the referrer says of where, when and why it still holds."""
from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = '0019'
down_revision = '0018'
branch_labels = None
depends_on = None

SQL = Path(__file__).resolve().parent.parent / "sql"
MOMENTS = ("before_asking", "before_reward")
OUTCOMES = ("unchanged", "still_there", "quote_gone", "page_gone", "not_read")
KINDS = ("image", "pdf", "email")


def upgrade() -> None:
    op.add_column('evidence', sa.Column('read_again_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('evidence', sa.Column('said_where', sa.Text(), nullable=True))
    op.add_column('evidence', sa.Column('said_on', sa.Date(), nullable=True))
    op.add_column('evidence', sa.Column('age_reason', sa.Text(), nullable=True))

    op.create_table('evidence_checks',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('lead_id', sa.Text(), nullable=False),
        sa.Column('moment', sa.Enum(*MOMENTS, name=op.f('check_moment_known'), native_enum=False, length=40,
                                    create_constraint=True), nullable=False),
        sa.Column('outcome', sa.Enum(*OUTCOMES, name=op.f('check_outcome_known'), native_enum=False, length=40,
                                     create_constraint=True), nullable=False),
        sa.Column('failure', sa.Text(), nullable=True),
        sa.Column('sha256', sa.Text(), nullable=True),
        sa.Column('likeness', sa.Integer(), nullable=True),
        sa.Column('is_over', sa.Boolean(), nullable=False),
        sa.Column('now_reads', sa.Text(), nullable=True),
        sa.Column('checked_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(outcome IN ('page_gone', 'not_read')) = (sha256 IS NULL)",
                           name=op.f('evidence_checks_read_has_a_hash_check')),
        sa.CheckConstraint('likeness BETWEEN 0 AND 100', name=op.f('evidence_checks_likeness_is_percent_check')),
        sa.ForeignKeyConstraint(['lead_id'], ['leads.id'], name='evidence_checks_lead_id_fk'),
        sa.PrimaryKeyConstraint('id', name='evidence_checks_pk')
    )
    op.create_index('evidence_checks_lead_id_idx', 'evidence_checks', ['lead_id'], unique=False)

    op.create_table('evidence_files',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('lead_id', sa.Text(), nullable=False),
        sa.Column('page_of_id', sa.Text(), nullable=True),
        sa.Column('kind', sa.Enum(*KINDS, name=op.f('file_kind_known'), native_enum=False, length=40,
                                  create_constraint=True), nullable=False),
        sa.Column('media_type', sa.Text(), nullable=False),
        sa.Column('size_bytes', sa.Integer(), nullable=False),
        sa.Column('given_sha256', sa.Text(), nullable=False),
        sa.Column('page_count', sa.Integer(), nullable=True),
        sa.Column('text', sa.Text(), nullable=True),
        sa.Column('content', sa.LargeBinary(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint('size_bytes > 0', name=op.f('evidence_files_has_content_check')),
        sa.ForeignKeyConstraint(['lead_id'], ['leads.id'], name='evidence_files_lead_id_fk'),
        sa.ForeignKeyConstraint(['page_of_id'], ['evidence_files.id'], name='evidence_files_page_of_id_fk'),
        sa.PrimaryKeyConstraint('id', name='evidence_files_pk')
    )
    op.create_index('evidence_files_lead_id_idx', 'evidence_files', ['lead_id'], unique=False)
    op.create_index('evidence_files_page_of_id_idx', 'evidence_files', ['page_of_id'], unique=False)

    statement = (SQL / f"0019_{op.get_bind().dialect.name}.sql").read_text()
    op.get_bind().exec_driver_sql("\n".join(line for line in statement.splitlines() if not line.startswith("--")).strip())


def downgrade() -> None:
    op.drop_table('evidence_files')
    op.drop_table('evidence_checks')
    for column in ('age_reason', 'said_on', 'said_where', 'read_again_at'):
        op.drop_column('evidence', column)
