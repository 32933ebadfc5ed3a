"""Stops of transfers, batches with their lines, what takes two admins, netting and writing off of receivables."""
import sqlalchemy as sa
from alembic import op

from migrations.changes import allow_values

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None

REVERSAL_STATES = ("requested", "sending", "done", "outstanding")
ASKED = sa.text("state = 'asked'")
PLANNED = sa.text("state = 'planned'")
OPEN = sa.text("lifted_at IS NULL")


def upgrade() -> None:
    op.create_table('transfer_stops',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('scope', sa.Enum('all', 'business', 'payee', 'payable', name='stop_scope_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('subject_id', sa.Text(), nullable=False),
        sa.Column('reason', sa.Text(), nullable=False),
        sa.Column('source', sa.Text(), nullable=False),
        sa.Column('lifted_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint('id', name='transfer_stops_pk')
    )
    op.create_index('transfer_stops_once_key', 'transfer_stops', ['source', 'scope', 'subject_id'], unique=True, postgresql_where=OPEN, sqlite_where=OPEN)
    op.create_index('transfer_stops_open_idx', 'transfer_stops', ['scope', 'subject_id'], unique=False, postgresql_where=OPEN, sqlite_where=OPEN)

    op.create_table('transfer_batches',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('state', sa.Enum('previewed', 'approved', 'running', 'done', 'dropped', name='batch_state_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('asked_by', sa.Text(), nullable=False),
        sa.Column('slot', sa.Text(), nullable=True),
        sa.Column('decided_by', sa.Text(), nullable=True),
        sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.CheckConstraint("(decided_by IS NULL) = (decided_at IS NULL)", name=op.f('transfer_batches_decision_whole_check')),
        sa.CheckConstraint("(state = 'done') = (done_at IS NOT NULL)", name=op.f('transfer_batches_done_has_time_check')),
        sa.PrimaryKeyConstraint('id', name='transfer_batches_pk'),
        sa.UniqueConstraint('slot', name='transfer_batches_slot_key')
    )

    op.create_table('transfer_batch_lines',
        sa.Column('batch_id', sa.Text(), nullable=False),
        sa.Column('number', sa.Integer(), nullable=False, autoincrement=False),
        sa.Column('payee_id', sa.Text(), nullable=False),
        sa.Column('business_id', sa.Text(), nullable=False),
        sa.Column('amount_minor', sa.BigInteger(), nullable=False),
        sa.Column('stopped_minor', sa.BigInteger(), nullable=False),
        sa.Column('currency', sa.String(length=3), nullable=False),
        sa.Column('state', sa.Enum('planned', 'requested', 'left_out', name='line_state_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('reason', sa.Text(), nullable=True),
        sa.Column('transfer_id', sa.Text(), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint('amount_minor > 0 AND stopped_minor >= 0', name=op.f('transfer_batch_lines_positive_check')),
        sa.CheckConstraint("(state = 'requested') = (transfer_id IS NOT NULL)", name=op.f('transfer_batch_lines_requested_has_transfer_check')),
        sa.CheckConstraint("(state = 'left_out') = (reason IS NOT NULL)", name=op.f('transfer_batch_lines_left_out_has_reason_check')),
        sa.ForeignKeyConstraint(['batch_id'], ['transfer_batches.id'], name='transfer_batch_lines_batch_id_fk'),
        sa.ForeignKeyConstraint(['payee_id'], ['users.id'], name='transfer_batch_lines_payee_id_fk'),
        sa.ForeignKeyConstraint(['business_id'], ['businesses.id'], name='transfer_batch_lines_business_id_fk'),
        sa.ForeignKeyConstraint(['transfer_id'], ['transfers.id'], name='transfer_batch_lines_transfer_id_fk'),
        sa.PrimaryKeyConstraint('batch_id', 'number', name='transfer_batch_lines_pk'),
        sa.UniqueConstraint('batch_id', 'payee_id', 'business_id', 'currency', name='transfer_batch_lines_batch_id_payee_id_business_id_currency_key'),
        sa.UniqueConstraint('transfer_id', name='transfer_batch_lines_transfer_id_key')
    )
    op.create_index('transfer_batch_lines_planned_idx', 'transfer_batch_lines', ['batch_id', 'number'], unique=False, postgresql_where=PLANNED, sqlite_where=PLANNED)

    op.create_table('money_orders',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('kind', sa.Enum('write_off', 'reversal', name='order_kind_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('subject_id', sa.Text(), nullable=False),
        sa.Column('amount_minor', sa.BigInteger(), nullable=False),
        sa.Column('currency', sa.String(length=3), nullable=False),
        sa.Column('reason', sa.Text(), nullable=False),
        sa.Column('state', sa.Enum('asked', 'granted', 'declined', name='order_state_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('asked_by', sa.Text(), nullable=False),
        sa.Column('decided_by', sa.Text(), nullable=True),
        sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.CheckConstraint('amount_minor > 0', name=op.f('money_orders_positive_check')),
        sa.CheckConstraint("(state = 'asked') = (decided_by IS NULL)", name=op.f('money_orders_decision_named_check')),
        sa.PrimaryKeyConstraint('id', name='money_orders_pk')
    )
    op.create_index('money_orders_one_asked_key', 'money_orders', ['kind', 'subject_id'], unique=True, postgresql_where=ASKED, sqlite_where=ASKED)

    op.create_table('nettings',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('reversal_id', sa.Text(), nullable=False),
        sa.Column('payable_id', sa.Text(), nullable=False),
        sa.Column('amount_minor', sa.BigInteger(), nullable=False),
        sa.Column('currency', sa.String(length=3), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint('amount_minor > 0', name=op.f('nettings_positive_check')),
        sa.ForeignKeyConstraint(['reversal_id'], ['transfer_reversals.id'], name='nettings_reversal_id_fk'),
        sa.ForeignKeyConstraint(['payable_id'], ['payables.id'], name='nettings_payable_id_fk'),
        sa.PrimaryKeyConstraint('id', name='nettings_pk')
    )
    op.create_index('nettings_reversal_id_idx', 'nettings', ['reversal_id'], unique=False)
    op.create_index('nettings_payable_id_idx', 'nettings', ['payable_id'], unique=False)

    op.create_table('turns',
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('free_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint('name', name='turns_pk')
    )

    allow_values("transfer_reversals", "state", "transfer_reversals_reversal_state_known_check",
                 (*REVERSAL_STATES, "netted", "written_off"))
    op.add_column('transfer_reversals', sa.Column('netting_id', sa.Text(), nullable=True))
    op.add_column('transfer_reversals', sa.Column('netted_minor', sa.BigInteger(), nullable=False, server_default='0'))
    op.add_column('transfer_reversals', sa.Column('owed_since', sa.DateTime(timezone=True), nullable=True))
    op.add_column('payables', sa.Column('rest_of', sa.Text(), nullable=True))
    op.create_index('payables_rest_of_idx', 'payables', ['rest_of'], unique=False)
    op.create_index('payables_owed_idx', 'payables', ['payee_id', 'business_id', 'currency'], unique=False, postgresql_where=sa.text("state = 'owed'"), sqlite_where=sa.text("state = 'owed'"))


def downgrade() -> None:
    op.drop_index('payables_owed_idx', 'payables')
    op.drop_index('payables_rest_of_idx', 'payables')
    op.drop_column('payables', 'rest_of')
    for column in ('owed_since', 'netted_minor', 'netting_id'):
        op.drop_column('transfer_reversals', column)
    allow_values("transfer_reversals", "state", "transfer_reversals_reversal_state_known_check", REVERSAL_STATES)
    for table in ('turns', 'nettings', 'money_orders', 'transfer_batch_lines', 'transfer_batches', 'transfer_stops'):
        op.drop_table(table)
