"""Of which kind the reason is for which an admin takes back a transfer: the business that paid reads that."""
import sqlalchemy as sa
from alembic import op

from migrations.changes import add_check, drop_check

revision = '0035'
down_revision = '0034'
branch_labels = None
depends_on = None

CHECK = 'money_orders_order_cause_known_check'


def upgrade() -> None:
    op.add_column('money_orders', sa.Column('cause', sa.String(length=40), nullable=True))
    add_check('money_orders', CHECK, "cause IN ('wrong_payee', 'not_genuine', 'too_much', 'other')")


def downgrade() -> None:
    drop_check('money_orders', CHECK)
    op.drop_column('money_orders', 'cause')
