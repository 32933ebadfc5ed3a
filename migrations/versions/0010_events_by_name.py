"""Events name the payment that they are about, and keep nothing of what Stripe tells of a payer."""
import sqlalchemy as sa
from alembic import op

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None

TOLD = {
    "postgresql": "payload #>> '{{data,object,{name}}}'",
    "sqlite": "json_extract(payload, '$.data.object.{name}')",
}


def upgrade() -> None:
    op.add_column('stripe_events', sa.Column('about_id', sa.Text(), nullable=True))
    told = TOLD[op.get_bind().dialect.name]
    kind, charge, intent = (told.format(name=name) for name in ("object", "charge", "payment_intent"))
    op.get_bind().exec_driver_sql(
        f"UPDATE stripe_events SET about_id = CASE WHEN {kind} = 'charge' THEN object_id "
        f"ELSE COALESCE({charge}, {intent}) END")
    op.create_index('stripe_events_about_id_idx', 'stripe_events', ['about_id'], unique=False)
    # PostgreSQL's DROP COLUMN alone would leave it on disk.
    op.get_bind().exec_driver_sql("UPDATE stripe_events SET payload = '{}'")
    op.drop_column('stripe_events', 'payload')


def downgrade() -> None:
    """What was blanked is at Stripe, for 30 days."""
    op.add_column('stripe_events', sa.Column('payload', sa.JSON(), nullable=False, server_default='{}'))
    op.drop_index('stripe_events_about_id_idx', 'stripe_events')
    op.drop_column('stripe_events', 'about_id')
