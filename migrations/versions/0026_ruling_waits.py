"""An admin's word on two leads is told a little later, like every other decision."""
import sqlalchemy as sa
from alembic import op

revision = '0026'
down_revision = '0025'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('buyer_rulings', sa.Column('tell_at', sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column('buyer_rulings', 'tell_at')
