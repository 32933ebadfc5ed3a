"""What a business writes of a lead beside a step is kept apart from the trail, so that it can be erased."""
import sqlalchemy as sa
from alembic import op

revision = '0028'
down_revision = '0027'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('lead_words',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('lead_id', sa.Text(), nullable=False),
        sa.Column('text', sa.Text(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(['lead_id'], ['leads.id'], name='lead_words_lead_id_fk'),
        sa.PrimaryKeyConstraint('id', name='lead_words_pk'),
    )
    op.create_index('lead_words_lead_id_idx', 'lead_words', ['lead_id'])


def downgrade() -> None:
    op.drop_table('lead_words')
