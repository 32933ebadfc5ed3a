"""What admins write of a lead is kept encrypted, apart from the trail: of signs of fraud, and when they hold a reward."""
from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

from marketplace.foundation.crypto import decrypt, encrypt

revision = '0030'
down_revision = '0029'
branch_labels = None
depends_on = None

COLUMNS = ('keep_reason', 'reason')


def upgrade() -> None:
    op.add_column('lead_words', sa.Column('by_admin', sa.Boolean(), nullable=False, server_default=sa.false()))
    _rewrite(encrypt)


def downgrade() -> None:
    _rewrite(decrypt)
    op.drop_column('lead_words', 'by_admin')


def _rewrite(change: Callable[[str], str]) -> None:
    cases = sa.table('fraud_cases', sa.column('id'), *(sa.column(name) for name in COLUMNS))
    connection = op.get_bind()
    for row in connection.execute(sa.select(cases)).mappings().all():
        said = {name: change(row[name]) for name in COLUMNS if row[name] is not None}
        if said:
            connection.execute(sa.update(cases).where(cases.c.id == row['id']).values(said))
