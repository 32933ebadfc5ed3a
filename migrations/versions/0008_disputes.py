"""Bad days: chargebacks and what is frozen for them, what a business owes, fraud warnings, holds; where a refund began."""
import sqlalchemy as sa
from alembic import op

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None

TABLES = ("reward_holds", "chargeback_answers", "fraud_warnings", "business_debts", "chargeback_movements",
          "frozen_parts", "chargebacks")


def upgrade() -> None:
    op.add_column('refunds', sa.Column(
        'origin', sa.String(length=40),
        sa.CheckConstraint("origin IN ('funds', 'unmatched', 'by_hand')", name=op.f('refunds_refund_origin_known_check')),
        nullable=False, server_default='funds'))

    op.create_table('chargebacks',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('funding_id', sa.Text(), nullable=False),
        sa.Column('business_id', sa.Text(), nullable=False),
        sa.Column('purpose_id', sa.Text(), nullable=False),
        sa.Column('stripe_id', sa.Text(), nullable=False),
        sa.Column('amount_minor', sa.BigInteger(), nullable=False),
        sa.Column('currency', sa.String(length=3), nullable=False),
        sa.Column('state', sa.Enum('inquiry', 'open', 'won', 'lost', 'closed', name='chargeback_state_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('stripe_status', sa.Text(), nullable=False),
        sa.Column('reason', sa.Text(), nullable=False),
        sa.Column('due_by', sa.DateTime(timezone=True), nullable=True),
        sa.Column('has_evidence', sa.Boolean(), server_default=sa.text('false'), nullable=False),
        sa.Column('frozen_minor', sa.BigInteger(), nullable=False),
        sa.Column('withdrawn_minor', sa.BigInteger(), nullable=False),
        sa.Column('fee_minor', sa.BigInteger(), nullable=False),
        sa.Column('opened_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('settled_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.CheckConstraint("(state IN ('inquiry', 'open')) = (closed_at IS NULL)", name=op.f('chargebacks_closed_has_time_check')),
        sa.CheckConstraint('amount_minor > 0', name=op.f('chargebacks_positive_check')),
        sa.CheckConstraint('frozen_minor >= 0', name=op.f('chargebacks_frozen_not_below_zero_check')),
        sa.ForeignKeyConstraint(['business_id'], ['businesses.id'], name='chargebacks_business_id_fk'),
        sa.ForeignKeyConstraint(['funding_id'], ['fundings.id'], name='chargebacks_funding_id_fk'),
        sa.PrimaryKeyConstraint('id', name='chargebacks_pk'),
        sa.UniqueConstraint('stripe_id', name='chargebacks_stripe_id_key')
    )
    op.create_index('chargebacks_business_id_idx', 'chargebacks', ['business_id'], unique=False)
    op.create_index('chargebacks_funding_id_idx', 'chargebacks', ['funding_id'], unique=False)
    op.create_index('chargebacks_purpose_id_idx', 'chargebacks', ['purpose_id'], unique=False)

    op.create_table('frozen_parts',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('chargeback_id', sa.Text(), nullable=False),
        sa.Column('kind', sa.Enum('funds', 'reserved', 'held', name='frozen_kind_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('subject_id', sa.Text(), nullable=False),
        sa.Column('amount_minor', sa.BigInteger(), nullable=False),
        sa.Column('currency', sa.String(length=3), nullable=False),
        sa.Column('state', sa.Enum('frozen', 'returned', 'taken', 'promised', name='frozen_state_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.CheckConstraint('amount_minor > 0', name=op.f('frozen_parts_positive_check')),
        sa.ForeignKeyConstraint(['chargeback_id'], ['chargebacks.id'], name='frozen_parts_chargeback_id_fk'),
        sa.PrimaryKeyConstraint('id', name='frozen_parts_pk')
    )
    op.create_index('frozen_parts_chargeback_id_idx', 'frozen_parts', ['chargeback_id'], unique=False)
    op.create_index('frozen_parts_subject_id_idx', 'frozen_parts', ['subject_id'], unique=False)

    op.create_table('chargeback_movements',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('chargeback_id', sa.Text(), nullable=False),
        sa.Column('amount_minor', sa.BigInteger(), nullable=False),
        sa.Column('fee_minor', sa.BigInteger(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(['chargeback_id'], ['chargebacks.id'], name='chargeback_movements_chargeback_id_fk'),
        sa.PrimaryKeyConstraint('id', name='chargeback_movements_pk')
    )
    op.create_index('chargeback_movements_chargeback_id_idx', 'chargeback_movements', ['chargeback_id'], unique=False)

    op.create_table('business_debts',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('business_id', sa.Text(), nullable=False),
        sa.Column('purpose_id', sa.Text(), nullable=False),
        sa.Column('owed_minor', sa.BigInteger(), nullable=False),
        sa.Column('written_off_minor', sa.BigInteger(), nullable=False),
        sa.Column('currency', sa.String(length=3), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.CheckConstraint('owed_minor >= 0', name=op.f('business_debts_owed_not_below_zero_check')),
        sa.CheckConstraint('written_off_minor >= 0', name=op.f('business_debts_written_off_not_below_zero_check')),
        sa.ForeignKeyConstraint(['business_id'], ['businesses.id'], name='business_debts_business_id_fk'),
        sa.PrimaryKeyConstraint('id', name='business_debts_pk')
    )
    op.create_index('business_debts_business_id_idx', 'business_debts', ['business_id'], unique=False)
    op.create_index('business_debts_purpose_id_idx', 'business_debts', ['purpose_id'], unique=False)

    op.create_table('fraud_warnings',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('stripe_id', sa.Text(), nullable=False),
        sa.Column('funding_id', sa.Text(), nullable=False),
        sa.Column('business_id', sa.Text(), nullable=False),
        sa.Column('purpose_id', sa.Text(), nullable=False),
        sa.Column('fraud_type', sa.Text(), nullable=False),
        sa.Column('state', sa.Enum('open', 'closed', name='warning_state_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.CheckConstraint("(state = 'closed') = (closed_at IS NOT NULL)", name=op.f('fraud_warnings_closed_has_time_check')),
        sa.ForeignKeyConstraint(['business_id'], ['businesses.id'], name='fraud_warnings_business_id_fk'),
        sa.ForeignKeyConstraint(['funding_id'], ['fundings.id'], name='fraud_warnings_funding_id_fk'),
        sa.PrimaryKeyConstraint('id', name='fraud_warnings_pk'),
        sa.UniqueConstraint('stripe_id', name='fraud_warnings_stripe_id_key')
    )
    op.create_index('fraud_warnings_business_id_idx', 'fraud_warnings', ['business_id'], unique=False)
    op.create_index('fraud_warnings_funding_id_idx', 'fraud_warnings', ['funding_id'], unique=False)
    op.create_index('fraud_warnings_purpose_id_idx', 'fraud_warnings', ['purpose_id'], unique=False)

    op.create_table('chargeback_answers',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('chargeback_id', sa.Text(), nullable=False),
        sa.Column('kind', sa.Enum('evidence', 'acceptance', name='answer_kind_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('text', sa.Text(), nullable=False),
        sa.Column('given_by', sa.Text(), nullable=False),
        sa.Column('state', sa.Enum('requested', 'sending', 'sent', 'failed', name='answer_state_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('idempotency_key', sa.Text(), nullable=False),
        sa.Column('attempt_no', sa.Integer(), nullable=False),
        sa.Column('first_sent_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('failure', sa.Text(), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(['chargeback_id'], ['chargebacks.id'], name='chargeback_answers_chargeback_id_fk'),
        sa.PrimaryKeyConstraint('id', name='chargeback_answers_pk'),
        sa.UniqueConstraint('idempotency_key', name='chargeback_answers_idempotency_key_key')
    )
    op.create_index('chargeback_answers_chargeback_id_idx', 'chargeback_answers', ['chargeback_id'], unique=False)

    op.create_table('reward_holds',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('reward_id', sa.Text(), nullable=False),
        sa.Column('source_id', sa.Text(), nullable=False),
        sa.Column('reason', sa.Text(), nullable=False),
        sa.Column('was_on_hold', sa.Boolean(), nullable=False),
        sa.Column('lifted_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(['reward_id'], ['rewards.id'], name='reward_holds_reward_id_fk'),
        sa.PrimaryKeyConstraint('id', name='reward_holds_pk'),
        sa.UniqueConstraint('reward_id', 'source_id', name='reward_holds_reward_id_source_id_key')
    )
    op.create_index('reward_holds_source_id_idx', 'reward_holds', ['source_id'], unique=False)


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
    op.drop_column('refunds', 'origin')
