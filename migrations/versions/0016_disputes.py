"""Disputes: who claims what of whom, what each side says, the buyer's word as witness, what a ruling takes back."""
from pathlib import Path

import sqlalchemy as sa
from alembic import op

from migrations.changes import add_check, allow_null, allow_values, change_check, drop_check

revision = '0016'
down_revision = '0015'
branch_labels = None
depends_on = None

SQL = Path(__file__).resolve().parent.parent / "sql"
KINDS = ('untracked', 'wrong_amount', 'rejected_unfairly', 'duplicate_ownership', 'ghost_close', 'bad_lead',
         'non_payment', 'favour_not_kept', 'data_misuse')
LIVE = "state IN ('open', 'awaiting_response', 'accepted', 'contested', 'escalated')"
STATES = ('open', 'awaiting_response', 'accepted', 'contested', 'escalated', 'resolved_for_claimant',
          'resolved_for_respondent', 'split', 'withdrawn')
SIDES = ('referrer', 'business', 'buyer', 'admin')
PAID_FOR = ('qualified', 'sale', 'later', 'renewal')
SOURCES = ('lead_qualified', 'lead_won', 'terms', 'manual')


def _known(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=f'{name}_known', native_enum=False, create_constraint=True, length=40)


def upgrade() -> None:
    op.create_table('disputes',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('kind', _known('dispute_kind', *KINDS), nullable=False),
        sa.Column('state', _known('dispute_state', *STATES), nullable=False),
        sa.Column('lead_id', sa.Text(), nullable=False),
        sa.Column('business_id', sa.Text(), nullable=False),
        sa.Column('about_id', sa.Text(), nullable=False),
        sa.Column('claimant_side', _known('dispute_side', *SIDES), nullable=False),
        sa.Column('claimant_id', sa.Text(), nullable=True),
        sa.Column('respondent_side', _known('respondent', *SIDES[:2]), nullable=False),
        sa.Column('respondent_id', sa.Text(), nullable=True),
        sa.Column('happened_on', sa.Date(), nullable=False),
        sa.Column('sale_minor', sa.BigInteger(), nullable=True),
        sa.Column('at_issue_minor', sa.BigInteger(), nullable=False),
        sa.Column('currency', sa.String(length=3), nullable=False),
        sa.Column('reserved_minor', sa.BigInteger(), nullable=False),
        sa.Column('due_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('answered_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('witness_asked_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('witness_by_mail', sa.Boolean(), nullable=True),
        sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('ended_by', _known('ending', 'accepted', 'silence', 'ruling', 'recorded', 'withdrawn'), nullable=True),
        sa.Column('ruled_by', sa.Text(), nullable=True),
        sa.Column('ruling', sa.Text(), nullable=True),
        sa.Column('share_bps', sa.Integer(), nullable=True),
        sa.Column('ruled_sale_minor', sa.BigInteger(), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.CheckConstraint(f"({LIVE}) = (ended_at IS NULL)", name=op.f('disputes_end_has_time_check')),
        sa.CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name=op.f('disputes_end_whole_check')),
        sa.CheckConstraint("coalesce(ended_by, '') <> 'ruling' OR (ruled_by IS NOT NULL AND ruling IS NOT NULL)",
                           name=op.f('disputes_ruling_has_reason_check')),
        sa.CheckConstraint("at_issue_minor >= 0 AND reserved_minor >= 0", name=op.f('disputes_not_below_zero_check')),
        sa.CheckConstraint("(state = 'split') = (coalesce(share_bps, 0) BETWEEN 1 AND 9999)",
                           name=op.f('disputes_split_has_share_check')),
        sa.CheckConstraint("claimant_side = 'buyer' OR claimant_id IS NOT NULL",
                           name=op.f('disputes_claimant_named_check')),
        sa.CheckConstraint("respondent_side = 'business' OR respondent_id IS NOT NULL",
                           name=op.f('disputes_respondent_named_check')),
        sa.ForeignKeyConstraint(['lead_id'], ['leads.id'], name='disputes_lead_id_fk'),
        sa.ForeignKeyConstraint(['business_id'], ['businesses.id'], name='disputes_business_id_fk'),
        sa.ForeignKeyConstraint(['claimant_id'], ['users.id'], name='disputes_claimant_id_fk'),
        sa.ForeignKeyConstraint(['respondent_id'], ['users.id'], name='disputes_respondent_id_fk'),
        sa.PrimaryKeyConstraint('id', name='disputes_pk')
    )
    for column in ('lead_id', 'business_id', 'about_id', 'claimant_id', 'respondent_id'):
        op.create_index(f'disputes_{column}_idx', 'disputes', [column], unique=False)
    op.create_index('disputes_queue_idx', 'disputes', ['state', 'due_at'], unique=False)
    op.create_index('disputes_one_live_key', 'disputes', ['about_id', 'kind'], unique=True,
                    postgresql_where=sa.text(LIVE), sqlite_where=sa.text(LIVE))
    op.create_table('dispute_statements',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('dispute_id', sa.Text(), nullable=False),
        sa.Column('side', _known('dispute_side', *SIDES), nullable=False),
        sa.Column('said_by', sa.Text(), nullable=False),
        sa.Column('text', sa.Text(), nullable=True),
        sa.Column('link', sa.Text(), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(['dispute_id'], ['disputes.id'], name='dispute_statements_dispute_id_fk'),
        sa.PrimaryKeyConstraint('id', name='dispute_statements_pk')
    )
    op.create_index('dispute_statements_dispute_id_idx', 'dispute_statements', ['dispute_id'], unique=False)
    op.create_table('witness_answers',
        sa.Column('dispute_id', sa.Text(), nullable=False),
        sa.Column('said', _known('witness_said', 'bought', 'not_bought', 'rather_not'), nullable=False),
        sa.Column('bought_on', sa.Date(), nullable=True),
        sa.Column('amount_minor', sa.BigInteger(), nullable=True),
        sa.Column('currency', sa.String(length=3), nullable=False),
        sa.Column('note', sa.Text(), nullable=True),
        sa.Column('is_proven', sa.Boolean(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("said = 'bought' OR (bought_on IS NULL AND amount_minor IS NULL)",
                           name=op.f('witness_answers_sale_only_if_bought_check')),
        sa.ForeignKeyConstraint(['dispute_id'], ['disputes.id'], name='witness_answers_dispute_id_fk'),
        sa.PrimaryKeyConstraint('dispute_id', name='witness_answers_pk')
    )
    _take_kinds((*PAID_FOR, 'correction'), "'sale', 'renewal', 'correction'", "'later', 'renewal', 'correction'")
    allow_values('conversions', 'source', 'conversions_conversion_source_known_check',
                 (*SOURCES, 'buyer_confirmed', 'ruling'))
    allow_null('clawbacks', 'sale_refund_id')
    op.add_column('clawbacks', sa.Column('dispute_id', sa.Text(), nullable=True))
    add_check('clawbacks', 'clawbacks_has_one_cause_check', "(sale_refund_id IS NULL) <> (dispute_id IS NULL)")
    op.create_index('clawbacks_one_a_dispute_key', 'clawbacks', ['reward_id', 'dispute_id'], unique=True)
    for statement in _statements():
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Refused by the database once a dispute has taken something back or a correction was paid for."""
    op.drop_index('clawbacks_one_a_dispute_key', 'clawbacks')
    drop_check('clawbacks', 'clawbacks_has_one_cause_check')
    op.drop_column('clawbacks', 'dispute_id')
    allow_null('clawbacks', 'sale_refund_id', allowed=False)
    allow_values('conversions', 'source', 'conversions_conversion_source_known_check', SOURCES)
    _take_kinds(PAID_FOR, "'sale', 'renewal'", "'later', 'renewal'")
    for table in ('witness_answers', 'dispute_statements', 'disputes'):
        op.drop_table(table)


def _take_kinds(kinds: tuple[str, ...], with_value: str, with_sale: str) -> None:
    for table, column in (('conversions', 'kind'), ('rewards', 'part')):
        allow_values(table, column, f'{table}_conversion_kind_known_check', kinds)
    change_check('conversions', 'conversions_positive_check',
                 f"amount_minor >= 0 AND (kind IN ({with_value})) = (amount_minor > 0)")
    change_check('conversions', 'conversions_follows_a_sale_check', f"(kind IN ({with_sale})) = (sale_id IS NOT NULL)")


def _statements() -> list[str]:
    text = (SQL / f"0016_{op.get_bind().dialect.name}.sql").read_text()
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    return [part.strip() for part in lines.split("\n\n") if part.strip()]
