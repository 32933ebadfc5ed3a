"""A business's own Stripe account: the door at which it posts, and each event once"""
import sqlalchemy as sa
from alembic import op

revision = '0025'
down_revision = '0024'
branch_labels = None
depends_on = None

TOLD = ('checkout', 'invoice', 'invoice_payment', 'refund', 'refunded', 'dispute', 'promotion', 'other')
STATES = ('received', 'waiting', 'counted', 'ignored')
NAMES = ('payment', 'charge', 'sale', 'subscription', 'promotion')


def _one_of(values: tuple[str, ...], name: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


def upgrade() -> None:
    op.create_table('stripe_doors',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('business_id', sa.Text(), nullable=False),
        sa.Column('secret', sa.Text(), nullable=True),
        sa.Column('old_secret', sa.Text(), nullable=True),
        sa.Column('old_secret_until', sa.DateTime(timezone=True), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.CheckConstraint('(old_secret IS NULL) = (old_secret_until IS NULL)',
                           name=op.f('stripe_doors_old_secret_whole_check')),
        sa.ForeignKeyConstraint(['business_id'], ['businesses.id'], name='stripe_doors_business_id_fk'),
        sa.PrimaryKeyConstraint('id', name='stripe_doors_pk'),
        sa.UniqueConstraint('business_id', name='stripe_doors_business_id_key')
    )
    op.create_table('stripe_door_events',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('door_id', sa.Text(), nullable=False),
        sa.Column('stripe_id', sa.Text(), nullable=False),
        sa.Column('type', sa.Text(), nullable=False),
        sa.Column('told', _one_of(TOLD, 'told_known'), nullable=False),
        sa.Column('state', _one_of(STATES, 'door_event_state_known'), nullable=False),
        sa.Column('happened_at', sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=True) for name in NAMES),
        sa.Column('facts', sa.JSON(), nullable=False),
        sa.Column('who', sa.Text(), nullable=True),
        sa.Column('given_back_minor', sa.BigInteger(), nullable=False),
        sa.Column('outcome', sa.Text(), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(['door_id'], ['stripe_doors.id'], name='stripe_door_events_door_id_fk'),
        sa.PrimaryKeyConstraint('id', name='stripe_door_events_pk'),
        sa.UniqueConstraint('door_id', 'stripe_id', name='stripe_door_events_door_id_stripe_id_key')
    )
    for name in NAMES:
        known = sa.text(f"{name} IS NOT NULL")
        op.create_index(f'stripe_door_events_{name}_idx', 'stripe_door_events', ['door_id', name], unique=False,
                        postgresql_where=known, sqlite_where=known)
    waits = sa.text("state = 'waiting'")
    op.create_index('stripe_door_events_waiting_idx', 'stripe_door_events', ['door_id', 'id'], unique=False,
                    postgresql_where=waits, sqlite_where=waits)


def downgrade() -> None:
    op.drop_table('stripe_door_events')
    op.drop_table('stripe_doors')
