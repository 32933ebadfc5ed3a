"""The books beside Stripe: movements, explanations, reconciliations, open items, snapshots of balances, polls."""
from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None

SQL = Path(__file__).parent.parent / "sql"
UNEXPLAINED, UNRESOLVED = sa.text("explained_at IS NULL"), sa.text("resolved_at IS NULL")


def upgrade() -> None:
    op.create_table('stripe_movements',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('type', sa.Text(), nullable=False),
        sa.Column('reporting_category', sa.Text(), nullable=False),
        sa.Column('amount_minor', sa.BigInteger(), nullable=False),
        sa.Column('fee_minor', sa.BigInteger(), nullable=False),
        sa.Column('net_minor', sa.BigInteger(), nullable=False),
        sa.Column('currency', sa.String(length=3), nullable=False),
        sa.Column('source_id', sa.Text(), nullable=True),
        sa.Column('our_id', sa.Text(), nullable=True),
        sa.Column('destination', sa.Text(), nullable=True),
        sa.Column('occurred_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('available_on', sa.DateTime(timezone=True), nullable=False),
        sa.Column('explained_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint('net_minor = amount_minor - fee_minor', name=op.f('stripe_movements_net_is_the_rest_check')),
        sa.PrimaryKeyConstraint('id', name='stripe_movements_pk')
    )
    op.create_index('stripe_movements_occurred_at_idx', 'stripe_movements', ['occurred_at'], unique=False)
    op.create_index('stripe_movements_open_idx', 'stripe_movements', ['id'], unique=False,
                    postgresql_where=UNEXPLAINED, sqlite_where=UNEXPLAINED)
    op.create_index('stripe_movements_source_id_idx', 'stripe_movements', ['source_id'], unique=False)

    op.create_table('explanations',
        sa.Column('entry_id', sa.Text(), nullable=False),
        sa.Column('movement_id', sa.Text(), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(['entry_id'], ['ledger_entries.id'], name='explanations_entry_id_fk'),
        sa.ForeignKeyConstraint(['movement_id'], ['stripe_movements.id'], name='explanations_movement_id_fk'),
        sa.PrimaryKeyConstraint('entry_id', name='explanations_pk')
    )
    op.create_index('explanations_movement_id_idx', 'explanations', ['movement_id'], unique=False)

    op.create_table('reconciliations',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('asked_by', sa.Text(), nullable=False),
        sa.Column('read_from', sa.DateTime(timezone=True), nullable=True),
        sa.Column('read_through', sa.DateTime(timezone=True), nullable=True),
        sa.Column('cursor', sa.Text(), nullable=True),
        sa.Column('movements', sa.Integer(), nullable=False),
        sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('lines', sa.JSON(), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint('(finished_at IS NULL) = (lines IS NULL)', name=op.f('reconciliations_finished_has_lines_check')),
        sa.PrimaryKeyConstraint('id', name='reconciliations_pk')
    )

    op.create_table('open_items',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('kind', sa.Enum(
            'charge_unknown', 'charge_not_posted', 'fee_not_posted', 'fee_differs', 'refund_unknown', 'refund_not_posted',
            'refund_failure_not_posted', 'transfer_unknown', 'transfer_doubled', 'transfer_not_posted', 'reversal_unknown',
            'reversal_not_posted', 'adjustment_unexplained', 'payout_unexplained', 'topup_unexplained',
            'collection_unexplained', 'movement_unexplained', 'amount_differs', 'currency_differs', 'movement_missing',
            'balance_differs', 'balance_negative', 'held_in_reserve', 'row_without_posting', 'posting_without_row',
            'account_differs', 'funding_stale', 'transfer_stale', 'refund_stale', 'reversal_stale', 'event_unhandled',
            'below_floor', 'ledger_unsound',
            name='open_item_kind_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('subject_id', sa.Text(), nullable=False),
        sa.Column('currency', sa.String(length=3), nullable=False),
        sa.Column('amount_minor', sa.BigInteger(), nullable=False),
        sa.Column('note', sa.Text(), nullable=False),
        sa.Column('last_seen_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('resolved_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('resolved_by', sa.Text(), nullable=True),
        sa.Column('reason', sa.Text(), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.CheckConstraint('(resolved_at IS NULL) = (resolved_by IS NULL)', name=op.f('open_items_resolved_by_whom_check')),
        sa.PrimaryKeyConstraint('id', name='open_items_pk')
    )
    op.create_index('open_items_one_open_key', 'open_items', ['kind', 'subject_id', 'currency'], unique=True,
                    postgresql_where=UNRESOLVED, sqlite_where=UNRESOLVED)
    op.create_index('open_items_subject_id_idx', 'open_items', ['subject_id'], unique=False)

    op.create_table('balance_snapshots',
        sa.Column('subject_id', sa.Text(), nullable=False),
        sa.Column('balance_minor', sa.BigInteger(), nullable=False),
        sa.Column('through_entry_id', sa.Text(), nullable=False),
        sa.Column('taken_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint('subject_id', name='balance_snapshots_pk')
    )

    op.create_table('event_polls',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('read_through', sa.DateTime(timezone=True), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint('id', name='event_polls_pk')
    )

    op.create_index('postings_balance_idx', 'postings', ['account_id', 'entry_id', 'amount_minor'], unique=False)
    op.drop_index('postings_account_id_idx', 'postings')
    # Statements are parted by empty lines.
    for statement in (SQL / f"0009_{op.get_bind().dialect.name}.sql").read_text().split("\n\n"):
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    op.create_index('postings_account_id_idx', 'postings', ['account_id'], unique=False)
    op.drop_index('postings_balance_idx', 'postings')
    for table in ('event_polls', 'balance_snapshots', 'open_items', 'reconciliations', 'explanations', 'stripe_movements'):
        op.drop_table(table)
