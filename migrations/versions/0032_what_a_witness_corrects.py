"""What a witness says by a correction stands in columns beside their words: no longer to be read out of them."""
import re
from datetime import datetime

import sqlalchemy as sa
from alembic import op

from marketplace.foundation.crypto import decrypt
from marketplace.foundation.money import parse_amount
from migrations.changes import add_check, drop_check

revision = '0032'
down_revision = '0031'
branch_labels = None
depends_on = None

ANSWERS = ('bought', 'not_bought', 'rather_not')
CHECKS = {
    'dispute_statements_witness_said_known_check': "said IN ('bought', 'not_bought', 'rather_not')",
    'dispute_statements_sale_only_if_bought_check':
        "coalesce(said, '') = 'bought' OR (bought_on IS NULL AND amount_minor IS NULL)",
}
# How a correction began; then their own words.
SPOKEN = re.compile(
    r"This instead of what I answered first: (?:(?P<not_bought>No, I did not buy from them)"
    r"|(?P<rather_not>I would rather not say)|(?P<bought>Yes, I bought from them)"
    r"(?: on (?P<day>\d+ \w+ \d+))?(?: for about [^\d.]*(?P<sum>[\d,]+(?:\.\d+)?))?)\. ")
KEPT = ("NEW.text IS NOT NULL OR NEW.link IS NOT NULL OR NEW.id <> OLD.id OR NEW.dispute_id <> OLD.dispute_id"
        " OR NEW.side <> OLD.side OR NEW.said_by <> OLD.said_by OR NEW.created_at <> OLD.created_at")
KEPT_TOO = ('said', 'bought_on', 'amount_minor')


def upgrade() -> None:
    op.add_column('dispute_statements', sa.Column('said', sa.String(length=40), nullable=True))
    op.add_column('dispute_statements', sa.Column('bought_on', sa.Date(), nullable=True))
    op.add_column('dispute_statements', sa.Column('amount_minor', sa.BigInteger(), nullable=True))
    _drop_trigger()
    _carry_over()
    for name, rule in CHECKS.items():
        add_check('dispute_statements', name, rule)
    differs = "IS DISTINCT FROM" if _is_postgresql() else "IS NOT"
    _keep(" OR ".join((KEPT, *(f"NEW.{name} {differs} OLD.{name}" for name in KEPT_TOO))))


def downgrade() -> None:
    _drop_trigger()
    for name in CHECKS:
        drop_check('dispute_statements', name)
    for name in KEPT_TOO:
        op.drop_column('dispute_statements', name)
    _keep(KEPT)


def _carry_over() -> None:
    """Of one that was erased nothing is known any more."""
    connection = op.get_bind()
    statements = sa.table('dispute_statements', *(sa.column(name) for name in ('id', 'dispute_id', 'side', 'text', 'said',
                                                                              'amount_minor')),
                          sa.column('bought_on', sa.Date()))
    answers = sa.table('witness_answers', sa.column('dispute_id'), sa.column('currency'))
    for row in connection.execute(
            sa.select(statements.c.id, statements.c.text, answers.c.currency)
            .join(answers, answers.c.dispute_id == statements.c.dispute_id)
            .where(statements.c.side == 'buyer', statements.c.text.is_not(None))).all():
        if read := SPOKEN.match(decrypt(row.text)):
            connection.execute(sa.update(statements).where(statements.c.id == row.id).values(
                said=next(answer for answer in ANSWERS if read[answer]),
                bought_on=datetime.strptime(read['day'], "%d %b %Y").date() if read['day'] else None,
                amount_minor=parse_amount(read['sum'], row.currency).minor if read['sum'] else None))


def _is_postgresql() -> bool:
    return bool(op.get_bind().dialect.name == "postgresql")


def _drop_trigger() -> None:
    op.execute(f"DROP TRIGGER dispute_statements_kept{' ON dispute_statements' if _is_postgresql() else ''}")


def _keep(rule: str) -> None:
    op.get_bind().exec_driver_sql(
        f"CREATE TRIGGER dispute_statements_kept BEFORE UPDATE ON dispute_statements FOR EACH ROW WHEN ({rule}) "
        "EXECUTE FUNCTION refuse_change('dispute_statements')" if _is_postgresql() else
        f"CREATE TRIGGER dispute_statements_kept BEFORE UPDATE ON dispute_statements WHEN {rule} "
        "BEGIN SELECT RAISE(ABORT, 'dispute_statements: immutable'); END")
