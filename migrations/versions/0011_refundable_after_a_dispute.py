"""Whether Stripe refunds what a payer's bank left of a payment that it disputed."""
import sqlalchemy as sa
from alembic import op

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('chargebacks', sa.Column('is_refundable', sa.Boolean(), server_default=sa.text('false'),
                                           nullable=False))


def downgrade() -> None:
    op.drop_column('chargebacks', 'is_refundable')
