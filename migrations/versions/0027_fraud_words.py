"""What the person said before a finding stays beside their appeal against it; a case may end with its lead."""
import sqlalchemy as sa
from alembic import op

revision = '0027'
down_revision = '0026'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('fraud_cases', sa.Column('explanation', sa.Text(), nullable=True))
    op.add_column('fraud_cases', sa.Column('explained_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('fraud_cases', sa.Column('ended_with_lead', sa.Boolean(), nullable=False, server_default=sa.false()))
    # Nobody had decided, or nobody has appealed yet: what stands there was said before.
    op.execute("UPDATE fraud_cases SET explanation = appeal, explained_at = appealed_at, appeal = NULL, appealed_at = NULL "
               "WHERE settles_at IS NULL OR state = 'confirmed'")


def downgrade() -> None:
    op.execute("UPDATE fraud_cases SET appeal = explanation, appealed_at = explained_at WHERE appeal IS NULL")
    for column in ('explanation', 'explained_at', 'ended_with_lead'):
        op.drop_column('fraud_cases', column)
