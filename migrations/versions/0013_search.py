"""Bounties are found by their words: what was read of each live one, with a full-text index in either database."""
from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None

SQL = Path(__file__).resolve().parent.parent / "sql"


def upgrade() -> None:
    """The rows are filled by the worker (job ``read_offers``): the reading is the product's, not a migration's."""
    op.create_table('bounty_words',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('bounty_id', sa.Text(), nullable=False),
        sa.Column('words', sa.Text(), nullable=False),
        sa.Column('reading', sa.JSON(), nullable=False),
        sa.Column('analyser', sa.Integer(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(['bounty_id'], ['bounties.id'], name='bounty_words_bounty_id_fk'),
        sa.PrimaryKeyConstraint('id', name='bounty_words_pk'),
        sa.UniqueConstraint('bounty_id', name='bounty_words_bounty_id_key')
    )
    op.create_index('bounty_words_analyser_idx', 'bounty_words', ['analyser'], unique=False)
    for statement in _statements():
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.get_bind().exec_driver_sql("DROP TABLE bounty_words_found")
    op.drop_table('bounty_words')


def _statements() -> list[str]:
    text = (SQL / f"0013_{op.get_bind().dialect.name}.sql").read_text()
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    return [part.strip() for part in lines.split("\n\n") if part.strip()]
