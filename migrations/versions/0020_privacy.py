"""When a buyer was told, when their data was first disclosed and erased; whose yes it was, once the address is gone"""
import sqlalchemy as sa
from alembic import op

revision = '0020'
down_revision = '0019'
branch_labels = None
depends_on = None

UNTOLD = 'told_at IS NULL AND erased_at IS NULL'
TIMES = ('told_at', 'disclosed_at', 'erasure_asked_at', 'erased_at')
ANSWERS = ("'consent.given', 'consent.granted', 'consent.refused', 'consent.postponed'")
OF_BUYER = "SELECT min(e.created_at) FROM audit_events e JOIN leads l ON l.id = e.subject_id WHERE l.buyer_id = buyers.id"


def upgrade() -> None:
    for name in TIMES:
        op.add_column('buyers', sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    for name in ('told_how', 'erased_why'):
        op.add_column('buyers', sa.Column(name, sa.Text(), nullable=True))
    op.add_column('consent_grants', sa.Column('subject_hash', sa.Text(), nullable=True))
    # What the trail says of those who are here already.
    op.execute(f"UPDATE buyers SET told_at = ({OF_BUYER} AND e.action IN ({ANSWERS}))")
    op.execute(f"UPDATE buyers SET told_at = ({OF_BUYER} AND e.action = 'consent.asked') "
               "WHERE told_at IS NULL AND email_hash IS NOT NULL")
    op.execute("UPDATE buyers SET told_how = 'answer' WHERE told_at IS NOT NULL")
    op.execute(f"UPDATE buyers SET disclosed_at = ({OF_BUYER} AND e.action = 'contact.opened')")
    op.create_index('buyers_untold_idx', 'buyers', ['created_at'], unique=False,
                    postgresql_where=sa.text(UNTOLD), sqlite_where=sa.text(UNTOLD))
    op.create_index('consent_grants_subject_hash_idx', 'consent_grants', ['subject_hash'], unique=False)


def downgrade() -> None:
    op.drop_index('consent_grants_subject_hash_idx', table_name='consent_grants')
    op.drop_index('buyers_untold_idx', table_name='buyers')
    op.drop_column('consent_grants', 'subject_hash')
    for name in ('erased_why', 'told_how', *reversed(TIMES)):
        op.drop_column('buyers', name)
