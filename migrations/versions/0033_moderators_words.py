"""Moderators' words of a lead are kept encrypted, as other personal words are; sales told by people are found by age."""
from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

from marketplace.foundation.crypto import decrypt, encrypt

revision = '0033'
down_revision = '0032'
branch_labels = None
depends_on = None

COLUMNS = ('question', 'reason_note')
BY_PEOPLE = sa.text("source IN ('lead_won', 'manual', 'buyer_confirmed', 'ruling')")


def upgrade() -> None:
    op.create_index('conversions_by_people_idx', 'conversions', ['business_id', 'id'], postgresql_where=BY_PEOPLE,
                    sqlite_where=BY_PEOPLE)
    _rewrite(encrypt)


def downgrade() -> None:
    _rewrite(decrypt)
    op.drop_index('conversions_by_people_idx', 'conversions')


def _rewrite(change: Callable[[str], str]) -> None:
    leads = sa.table('leads', sa.column('id'), *(sa.column(name) for name in COLUMNS))
    connection = op.get_bind()
    said = sa.or_(*(leads.c[name].is_not(None) for name in COLUMNS))
    for row in connection.execute(sa.select(leads).where(said)).mappings().all():
        changed = {name: change(row[name]) for name in COLUMNS if row[name] is not None}
        connection.execute(sa.update(leads).where(leads.c.id == row['id']).values(changed))
