"""A customer is known by every visit that was told of them, not by the first alone."""
import sqlalchemy as sa
from alembic import op

from migrations.changes import add_check, drop_check

revision = '0031'
down_revision = '0030'
branch_labels = None
depends_on = None

KEEP = "INSERT INTO binding_clicks (business_id, click_hash, binding_id, created_at) "
FIRST_VISITS = KEEP + "SELECT business_id, click_hash, id, created_at FROM bindings WHERE click_hash IS NOT NULL"
# Told beside a mark that they were known by already. Of several customers it is the first one's.
LATER_VISITS = KEEP + """SELECT business_id, click_hash, binding_id, created_at FROM reports WHERE id IN (
    SELECT min(id) FROM reports WHERE click_hash IS NOT NULL AND binding_id IS NOT NULL GROUP BY business_id, click_hash)
ON CONFLICT DO NOTHING"""
# From before 0029: their mark is that of a click, or of an id, which no click has.
OLD_VISITS = KEEP + """SELECT business_id, customer_hash, id, created_at FROM bindings
WHERE customer_hash IS NOT NULL AND EXISTS (
    SELECT 1 FROM reports WHERE reports.binding_id = bindings.id AND reports.customer_hash = bindings.customer_hash
    AND reports.link_code IS NOT NULL AND reports.click_hash IS NULL)
ON CONFLICT DO NOTHING"""


def upgrade() -> None:
    op.create_table('binding_clicks',
        sa.Column('business_id', sa.Text(), nullable=False),
        sa.Column('click_hash', sa.Text(), nullable=False),
        sa.Column('binding_id', sa.Text(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(['business_id'], ['businesses.id'], name='binding_clicks_business_id_fk'),
        sa.ForeignKeyConstraint(['binding_id'], ['bindings.id'], name='binding_clicks_binding_id_fk'),
        sa.PrimaryKeyConstraint('business_id', 'click_hash', name='binding_clicks_pk'),
    )
    op.create_index('binding_clicks_binding_id_idx', 'binding_clicks', ['binding_id'])
    drop_check('bindings', 'bindings_knows_the_customer_check')
    for statement in (FIRST_VISITS, LATER_VISITS, OLD_VISITS,
                      "UPDATE bindings SET customer_hash = NULL WHERE customer_hash = click_hash"):
        op.execute(statement)
    op.drop_index('bindings_click_key', table_name='bindings')
    op.drop_column('bindings', 'click_hash')


def downgrade() -> None:
    op.add_column('bindings', sa.Column('click_hash', sa.Text(), nullable=True))
    op.execute("UPDATE bindings SET click_hash = (SELECT min(click_hash) FROM binding_clicks"
               " WHERE binding_clicks.binding_id = bindings.id)")
    # Who is another one's customer has no mark at all: their own id stands for one.
    op.execute("UPDATE bindings SET customer_hash = coalesce(click_hash, id)"
               " WHERE customer_hash IS NULL AND email_hash IS NULL")
    add_check('bindings', 'bindings_knows_the_customer_check', 'customer_hash IS NOT NULL OR email_hash IS NOT NULL')
    op.create_index('bindings_click_key', 'bindings', ['business_id', 'click_hash'], unique=True)
    op.drop_table('binding_clicks')
