"""Money in: kept cards and auto top-ups, payments that take days, the age of funds."""
import sqlalchemy as sa
from alembic import op

from migrations.changes import allow_values

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None

OPEN_TOP_UP = sa.text("way = 'top_up' AND state IN ('requested', 'open', 'processing')")


def upgrade() -> None:
    allow_values("fundings", "state", "fundings_funding_state_known_check", (
        "requested", "open", "processing", "paid", "expired", "failed"))
    op.add_column('fundings', sa.Column(
        'way', sa.String(length=40), sa.CheckConstraint("way IN ('checkout', 'top_up')", name=op.f('fundings_funding_way_known_check')),
        nullable=False, server_default='checkout'))
    op.add_column('fundings', sa.Column('keeps_card', sa.Boolean(), nullable=False, server_default=sa.text('false')))
    op.add_column('fundings', sa.Column('payment_method_id', sa.Text(), nullable=True))
    op.add_column('fundings', sa.Column('paid_with', sa.Text(), nullable=True))
    op.add_column('fundings', sa.Column('failure_code', sa.Text(), nullable=True))
    op.add_column('fundings', sa.Column('attempt_no', sa.Integer(), nullable=False, server_default='1'))
    op.add_column('fundings', sa.Column('first_sent_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('fundings', sa.Column('available_on', sa.DateTime(timezone=True), nullable=True))
    op.add_column('fundings', sa.Column('warned_at', sa.DateTime(timezone=True), nullable=True))
    op.create_index('fundings_one_top_up_key', 'fundings', ['purpose_id'], unique=True,
                    postgresql_where=OPEN_TOP_UP, sqlite_where=OPEN_TOP_UP)

    op.create_table('stripe_customers',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('business_id', sa.Text(), nullable=False),
        sa.Column('idempotency_key', sa.Text(), nullable=False),
        sa.Column('attempt_no', sa.Integer(), nullable=False),
        sa.Column('stripe_customer_id', sa.Text(), nullable=True),
        sa.Column('payment_method_id', sa.Text(), nullable=True),
        sa.Column('card_brand', sa.Text(), nullable=True),
        sa.Column('card_last4', sa.String(length=4), nullable=True),
        sa.Column('card_expires', sa.String(length=7), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.CheckConstraint('(payment_method_id IS NULL) = (card_brand IS NULL)', name=op.f('stripe_customers_card_whole_check')),
        sa.CheckConstraint('payment_method_id IS NULL OR stripe_customer_id IS NOT NULL', name=op.f('stripe_customers_card_has_customer_check')),
        sa.ForeignKeyConstraint(['business_id'], ['businesses.id'], name='stripe_customers_business_id_fk'),
        sa.PrimaryKeyConstraint('id', name='stripe_customers_pk'),
        sa.UniqueConstraint('business_id', name='stripe_customers_business_id_key'),
        sa.UniqueConstraint('idempotency_key', name='stripe_customers_idempotency_key_key'),
        sa.UniqueConstraint('stripe_customer_id', name='stripe_customers_stripe_customer_id_key')
    )

    op.create_table('auto_top_ups',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('business_id', sa.Text(), nullable=False),
        sa.Column('purpose_id', sa.Text(), nullable=False),
        sa.Column('agreed_by', sa.Text(), nullable=False),
        sa.Column('amount_minor', sa.BigInteger(), nullable=False),
        sa.Column('monthly_minor', sa.BigInteger(), nullable=False),
        sa.Column('currency', sa.String(length=3), nullable=False),
        sa.Column('state', sa.Enum('on', 'paused', 'off', name='top_up_state_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('refusals', sa.Integer(), nullable=False),
        sa.Column('paused_because', sa.Text(), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.CheckConstraint('amount_minor > 0', name=op.f('auto_top_ups_positive_check')),
        sa.CheckConstraint('monthly_minor >= amount_minor', name=op.f('auto_top_ups_month_holds_one_check')),
        sa.CheckConstraint("(state = 'paused') = (paused_because IS NOT NULL)", name=op.f('auto_top_ups_paused_says_why_check')),
        sa.ForeignKeyConstraint(['agreed_by'], ['users.id'], name='auto_top_ups_agreed_by_fk'),
        sa.ForeignKeyConstraint(['business_id'], ['businesses.id'], name='auto_top_ups_business_id_fk'),
        sa.PrimaryKeyConstraint('id', name='auto_top_ups_pk'),
        sa.UniqueConstraint('purpose_id', name='auto_top_ups_purpose_id_key')
    )
    op.create_index('auto_top_ups_business_id_idx', 'auto_top_ups', ['business_id'], unique=False)


def downgrade() -> None:
    op.drop_table('auto_top_ups')
    op.drop_table('stripe_customers')
    op.drop_index('fundings_one_top_up_key', 'fundings')
    for column in ('warned_at', 'available_on', 'first_sent_at', 'attempt_no', 'failure_code', 'paid_with',
                   'payment_method_id', 'keeps_card', 'way'):
        op.drop_column('fundings', column)
    allow_values("fundings", "state", "fundings_funding_state_known_check", (
        "requested", "open", "paid", "expired", "failed"))
