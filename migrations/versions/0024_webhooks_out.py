"""Webhooks out: where businesses want to be told, the events, their deliveries and each attempt"""
import sqlalchemy as sa
from alembic import op

revision = '0024'
down_revision = '0023'
branch_labels = None
depends_on = None

ENDPOINTS = ('on', 'off', 'disabled', 'removed')
DELIVERIES = ('waiting', 'delivered', 'given_up')
NOT_REMOVED, WAITING = "state <> 'removed'", "state = 'waiting'"


def _one_of(values: tuple[str, ...], name: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


def upgrade() -> None:
    op.create_table('webhook_endpoints',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('business_id', sa.Text(), nullable=False),
        sa.Column('url', sa.Text(), nullable=False),
        sa.Column('note', sa.Text(), nullable=False),
        sa.Column('kinds', sa.JSON(), nullable=False),
        sa.Column('state', _one_of(ENDPOINTS, 'endpoint_state_known'), nullable=False),
        sa.Column('secret', sa.Text(), nullable=False),
        sa.Column('old_secret', sa.Text(), nullable=True),
        sa.Column('old_secret_until', sa.DateTime(timezone=True), nullable=True),
        sa.Column('answered_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('failed_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('failing_since', sa.DateTime(timezone=True), nullable=True),
        sa.Column('unanswered', sa.Integer(), nullable=False),
        sa.Column('rests_until', sa.DateTime(timezone=True), nullable=True),
        sa.Column('why_disabled', sa.Text(), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.CheckConstraint('(old_secret IS NULL) = (old_secret_until IS NULL)',
                           name=op.f('webhook_endpoints_old_secret_whole_check')),
        sa.CheckConstraint("(state = 'disabled') = (why_disabled IS NOT NULL)",
                           name=op.f('webhook_endpoints_disabled_has_reason_check')),
        sa.ForeignKeyConstraint(['business_id'], ['businesses.id'], name='webhook_endpoints_business_id_fk'),
        sa.PrimaryKeyConstraint('id', name='webhook_endpoints_pk')
    )
    op.create_index('webhook_endpoints_one_per_url_key', 'webhook_endpoints', ['business_id', 'url'], unique=True,
                    postgresql_where=sa.text(NOT_REMOVED), sqlite_where=sa.text(NOT_REMOVED))
    op.create_table('webhook_events',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('business_id', sa.Text(), nullable=False),
        sa.Column('type', sa.Text(), nullable=False),
        sa.Column('object_id', sa.Text(), nullable=False),
        sa.Column('audit_id', sa.Text(), nullable=True),
        sa.Column('body', sa.Text(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(['business_id'], ['businesses.id'], name='webhook_events_business_id_fk'),
        sa.PrimaryKeyConstraint('id', name='webhook_events_pk'),
        sa.UniqueConstraint('audit_id', 'type', name='webhook_events_audit_id_type_key')
    )
    op.create_table('webhook_deliveries',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('endpoint_id', sa.Text(), nullable=False),
        sa.Column('event_id', sa.Text(), nullable=False),
        sa.Column('object_id', sa.Text(), nullable=False),
        sa.Column('replay_of', sa.Text(), nullable=True),
        sa.Column('state', _one_of(DELIVERIES, 'delivery_state_known'), nullable=False),
        sa.Column('attempts', sa.Integer(), nullable=False),
        sa.Column('next_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(state = 'waiting') = (ended_at IS NULL)",
                           name=op.f('webhook_deliveries_ended_has_time_check')),
        sa.ForeignKeyConstraint(['endpoint_id'], ['webhook_endpoints.id'], name='webhook_deliveries_endpoint_id_fk'),
        sa.ForeignKeyConstraint(['event_id'], ['webhook_events.id'], name='webhook_deliveries_event_id_fk'),
        sa.PrimaryKeyConstraint('id', name='webhook_deliveries_pk')
    )
    op.create_index('webhook_deliveries_event_id_idx', 'webhook_deliveries', ['event_id'], unique=False)
    op.create_index('webhook_deliveries_log_idx', 'webhook_deliveries', ['endpoint_id', 'id'], unique=False)
    op.create_index('webhook_deliveries_order_idx', 'webhook_deliveries', ['endpoint_id', 'object_id', 'id'],
                    unique=False, postgresql_where=sa.text(WAITING), sqlite_where=sa.text(WAITING))
    op.create_table('webhook_attempts',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('delivery_id', sa.Text(), nullable=False),
        sa.Column('status', sa.Integer(), nullable=True),
        sa.Column('failure', sa.Text(), nullable=True),
        sa.Column('milliseconds', sa.Integer(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint('(status IS NULL) = (failure IS NOT NULL)',
                           name=op.f('webhook_attempts_has_one_outcome_check')),
        sa.ForeignKeyConstraint(['delivery_id'], ['webhook_deliveries.id'], name='webhook_attempts_delivery_id_fk'),
        sa.PrimaryKeyConstraint('id', name='webhook_attempts_pk')
    )
    op.create_index('webhook_attempts_delivery_id_idx', 'webhook_attempts', ['delivery_id'], unique=False)


def downgrade() -> None:
    for table in ('webhook_attempts', 'webhook_deliveries', 'webhook_events', 'webhook_endpoints'):
        op.drop_table(table)
