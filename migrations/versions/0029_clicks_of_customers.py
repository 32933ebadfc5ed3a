"""A customer who was known by a click alone, and is named later, is known by both."""
import sqlalchemy as sa
from alembic import op

revision = '0029'
down_revision = '0028'
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ('bindings', 'reports'):
        op.add_column(table, sa.Column('click_hash', sa.Text(), nullable=True))
    op.create_index('bindings_click_key', 'bindings', ['business_id', 'click_hash'], unique=True)


def downgrade() -> None:
    op.drop_index('bindings_click_key', table_name='bindings')
    for table in ('bindings', 'reports'):
        op.drop_column(table, 'click_hash')
