"""Leads are found again by what their posts say, and by the contacts a business knows already."""
import sqlalchemy as sa
from alembic import op

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None

LIVE_LEADS = "moderation NOT IN ('rejected', 'duplicate', 'withdrawn', 'expired')"


def upgrade() -> None:
    op.add_column('buyers', sa.Column('handle_hash', sa.Text(), nullable=True))
    op.create_index('buyers_handle_hash_idx', 'buyers', ['handle_hash'], unique=False)
    op.add_column('leads', sa.Column('handle_hash', sa.Text(), nullable=True))
    op.create_index('leads_one_per_handle_key', 'leads', ['business_id', 'handle_hash'], unique=True,
                    postgresql_where=sa.text(LIVE_LEADS), sqlite_where=sa.text(LIVE_LEADS))
    op.create_index('leads_duplicate_of_id_idx', 'leads', ['duplicate_of_id'], unique=False)
    op.get_bind().exec_driver_sql(  # As add_column says it, SQLite would be asked to alter a constraint.
        "ALTER TABLE split_parts ADD COLUMN second_id TEXT CONSTRAINT split_parts_second_id_fk REFERENCES leads (id)")

    op.create_table('lead_signatures',
        sa.Column('number', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
        sa.Column('lead_id', sa.Text(), nullable=False),
        sa.Column('signature', sa.LargeBinary(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(['lead_id'], ['leads.id'], name='lead_signatures_lead_id_fk'),
        sa.PrimaryKeyConstraint('number', name='lead_signatures_pk'),
        sa.UniqueConstraint('lead_id', name='lead_signatures_lead_id_key')
    )
    op.create_table('lead_bands',
        sa.Column('key', sa.BigInteger(), nullable=False),
        sa.Column('number', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('key', 'number', name='lead_bands_pk'),
        sqlite_with_rowid=False
    )
    op.create_table('buyer_rulings',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('lead_id', sa.Text(), nullable=False),
        sa.Column('other_id', sa.Text(), nullable=False),
        sa.Column('is_same', sa.Boolean(), nullable=False),
        sa.Column('ruled_by', sa.Text(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint('lead_id < other_id', name=op.f('buyer_rulings_in_order_check')),
        sa.ForeignKeyConstraint(['lead_id'], ['leads.id'], name='buyer_rulings_lead_id_fk'),
        sa.ForeignKeyConstraint(['other_id'], ['leads.id'], name='buyer_rulings_other_id_fk'),
        sa.PrimaryKeyConstraint('id', name='buyer_rulings_pk'),
        sa.UniqueConstraint('lead_id', 'other_id', name='buyer_rulings_lead_id_other_id_key')
    )
    op.create_index('buyer_rulings_other_id_idx', 'buyer_rulings', ['other_id'], unique=False)
    op.create_table('known_contacts',
        sa.Column('business_id', sa.Text(), nullable=False),
        sa.Column('hash', sa.Text(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(['business_id'], ['businesses.id'], name='known_contacts_business_id_fk'),
        sa.PrimaryKeyConstraint('business_id', 'hash', name='known_contacts_pk'),
        sqlite_with_rowid=False
    )


def downgrade() -> None:
    """What was uploaded is gone; signatures are made anew from the texts."""
    op.drop_table('known_contacts')
    op.drop_table('buyer_rulings')
    op.drop_table('lead_bands')
    op.drop_table('lead_signatures')
    op.drop_column('split_parts', 'second_id')
    op.drop_index('leads_duplicate_of_id_idx', 'leads')
    op.drop_index('leads_one_per_handle_key', 'leads')
    op.drop_column('leads', 'handle_hash')
    op.drop_index('buyers_handle_hash_idx', 'buyers')
    op.drop_column('buyers', 'handle_hash')
