"""Conversions in: what was reported, whom a customer is bound to, leads that came by a link, how a click counts."""
from pathlib import Path

import sqlalchemy as sa
from alembic import op

from migrations.changes import add_check, allow_values, drop_check

revision = '0022'
down_revision = '0021'
branch_labels = None
depends_on = None

SQL = Path(__file__).resolve().parent.parent / "sql"
OLD_SOURCES = ('lead_qualified', 'lead_won', 'terms', 'manual', 'buyer_confirmed', 'ruling')
SOURCES = (*OLD_SOURCES, 'link', 'code', 'api', 'stripe', 'csv')
KINDS = ('lead', 'sign_up', 'sale', 'renewal', 'refund')
STATES = ('received', 'unmatched', 'matched', 'approved', 'duplicate', 'rejected', 'disputed')
WAITS = "state IN ('unmatched', 'matched') AND reason IS NOT NULL"


def _known(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=f'{name}_known', native_enum=False, create_constraint=True, length=40)


def upgrade() -> None:
    allow_values('conversions', 'source', 'conversions_conversion_source_known_check', SOURCES)
    op.add_column('leads', sa.Column(
        'source', sa.String(length=40),
        sa.CheckConstraint("source IN ('post', 'link', 'code')", name=op.f('leads_lead_source_known_check')),
        nullable=False, server_default='post'))
    op.add_column('terms', sa.Column('click_days', sa.Integer(), nullable=False, server_default='90'))
    op.add_column('terms', sa.Column(
        'click_pick', sa.String(length=40),
        sa.CheckConstraint("click_pick IN ('first', 'last')", name=op.f('terms_pick_known_check')),
        nullable=False, server_default='last'))
    add_check('terms', 'terms_click_days_within_check', 'click_days BETWEEN 1 AND 365')
    op.create_table('bindings',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('business_id', sa.Text(), nullable=False),
        sa.Column('customer_hash', sa.Text(), nullable=True),
        sa.Column('email_hash', sa.Text(), nullable=True),
        sa.Column('source', _known('lead_source', 'post', 'link', 'code'), nullable=False),
        sa.Column('link_id', sa.Text(), nullable=False),
        sa.Column('referrer_id', sa.Text(), nullable=False),
        sa.Column('bounty_id', sa.Text(), nullable=False),
        sa.Column('terms_id', sa.Text(), nullable=False),
        sa.Column('touched_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('lead_id', sa.Text(), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint('customer_hash IS NOT NULL OR email_hash IS NOT NULL',
                           name=op.f('bindings_knows_the_customer_check')),
        sa.ForeignKeyConstraint(['business_id'], ['businesses.id'], name='bindings_business_id_fk'),
        sa.ForeignKeyConstraint(['referrer_id'], ['users.id'], name='bindings_referrer_id_fk'),
        sa.ForeignKeyConstraint(['bounty_id'], ['bounties.id'], name='bindings_bounty_id_fk'),
        sa.ForeignKeyConstraint(['terms_id'], ['terms.id'], name='bindings_terms_id_fk'),
        sa.ForeignKeyConstraint(['lead_id'], ['leads.id'], name='bindings_lead_id_fk'),
        sa.PrimaryKeyConstraint('id', name='bindings_pk')
    )
    op.create_index('bindings_customer_key', 'bindings', ['business_id', 'customer_hash'], unique=True)
    op.create_index('bindings_email_key', 'bindings', ['business_id', 'email_hash'], unique=True)
    for column in ('referrer_id', 'lead_id'):
        op.create_index(f'bindings_{column}_idx', 'bindings', [column], unique=False)
    op.create_table('reports',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('business_id', sa.Text(), nullable=False),
        sa.Column('source', _known('conversion_source', *SOURCES), nullable=False),
        sa.Column('external_id', sa.Text(), nullable=False),
        sa.Column('fingerprint', sa.Text(), nullable=False),
        sa.Column('kind', _known('report_kind', *KINDS), nullable=False),
        sa.Column('state', _known('report_state', *STATES), nullable=False),
        sa.Column('amount_minor', sa.BigInteger(), nullable=True),
        sa.Column('currency', sa.String(length=3), nullable=True),
        sa.Column('happened_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('customer_hash', sa.Text(), nullable=True),
        sa.Column('email_hash', sa.Text(), nullable=True),
        sa.Column('known_since', sa.DateTime(timezone=True), nullable=True),
        sa.Column('link_code', sa.Text(), nullable=True),
        sa.Column('clicked_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('code', sa.Text(), nullable=True),
        sa.Column('lead_said', sa.Text(), nullable=True),
        sa.Column('refund_of', sa.Text(), nullable=True),
        sa.Column('payload', sa.JSON(), nullable=False),
        sa.Column('reported_by', sa.Text(), nullable=False),
        sa.Column('reason', sa.Text(), nullable=True),
        sa.Column('reasons', sa.JSON(), nullable=False),
        sa.Column('binding_id', sa.Text(), nullable=True),
        sa.Column('lead_id', sa.Text(), nullable=True),
        sa.Column('conversion_id', sa.Text(), nullable=True),
        sa.Column('first_id', sa.Text(), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.CheckConstraint('(amount_minor IS NULL) = (currency IS NULL)', name=op.f('reports_amount_whole_check')),
        sa.CheckConstraint("(kind IN ('sale', 'renewal', 'refund')) = (coalesce(amount_minor, 0) > 0)",
                           name=op.f('reports_positive_check')),
        sa.CheckConstraint("(kind = 'refund') = (refund_of IS NOT NULL)",
                           name=op.f('reports_refund_names_its_sale_check')),
        sa.CheckConstraint("state NOT IN ('rejected', 'unmatched') OR reason IS NOT NULL",
                           name=op.f('reports_has_reason_check')),
        sa.CheckConstraint("(state = 'duplicate') = (first_id IS NOT NULL)", name=op.f('reports_duplicate_of_one_check')),
        sa.ForeignKeyConstraint(['business_id'], ['businesses.id'], name='reports_business_id_fk'),
        sa.ForeignKeyConstraint(['binding_id'], ['bindings.id'], name='reports_binding_id_fk'),
        sa.ForeignKeyConstraint(['lead_id'], ['leads.id'], name='reports_lead_id_fk'),
        sa.ForeignKeyConstraint(['conversion_id'], ['conversions.id'], name='reports_conversion_id_fk'),
        sa.PrimaryKeyConstraint('id', name='reports_pk'),
        sa.UniqueConstraint('business_id', 'source', 'external_id', name='reports_business_id_source_external_id_key')
    )
    op.create_index('reports_business_idx', 'reports', ['business_id', 'id'], unique=False)
    for name, *columns in (('waiting', 'reason', 'id'), ('of_customer', 'customer_hash'), ('of_email', 'email_hash')):
        op.create_index(f'reports_{name}_idx', 'reports', ['business_id', *columns], unique=False,
                        postgresql_where=sa.text(WAITS), sqlite_where=sa.text(WAITS))
    refund = sa.text('refund_of IS NOT NULL')
    op.create_index('reports_of_sale_idx', 'reports', ['business_id', 'refund_of'], unique=False,
                    postgresql_where=refund, sqlite_where=refund)
    for column in ('binding_id', 'lead_id', 'conversion_id'):
        op.create_index(f'reports_{column}_idx', 'reports', [column], unique=False)
    op.create_table('reattributions',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('report_id', sa.Text(), nullable=False),
        sa.Column('lead_id', sa.Text(), nullable=False),
        sa.Column('from_id', sa.Text(), nullable=False),
        sa.Column('to_id', sa.Text(), nullable=False),
        sa.Column('moved_minor', sa.BigInteger(), nullable=False),
        sa.Column('stayed_minor', sa.BigInteger(), nullable=False),
        sa.Column('currency', sa.String(length=3), nullable=False),
        sa.Column('reason', sa.Text(), nullable=False),
        sa.Column('decided_by', sa.Text(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(['report_id'], ['reports.id'], name='reattributions_report_id_fk'),
        sa.ForeignKeyConstraint(['lead_id'], ['leads.id'], name='reattributions_lead_id_fk'),
        sa.ForeignKeyConstraint(['from_id'], ['users.id'], name='reattributions_from_id_fk'),
        sa.ForeignKeyConstraint(['to_id'], ['users.id'], name='reattributions_to_id_fk'),
        sa.ForeignKeyConstraint(['decided_by'], ['users.id'], name='reattributions_decided_by_fk'),
        sa.PrimaryKeyConstraint('id', name='reattributions_pk')
    )
    op.create_index('reattributions_report_id_idx', 'reattributions', ['report_id'], unique=False)
    for statement in _statements():
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Refused, before anything is dropped, once a conversion came in by a new source."""
    listed = ", ".join(f"'{source}'" for source in OLD_SOURCES)
    if op.get_bind().exec_driver_sql(f"SELECT 1 FROM conversions WHERE source NOT IN ({listed}) LIMIT 1").scalar():
        raise RuntimeError("Conversions came in by a link, a code, the API, Stripe or a file: without 0022 they have no place.")
    for table in ('reattributions', 'reports', 'bindings'):
        op.drop_table(table)
    drop_check('terms', 'terms_click_days_within_check')
    for table, column in (('terms', 'click_pick'), ('terms', 'click_days'), ('leads', 'source')):
        op.drop_column(table, column)
    allow_values('conversions', 'source', 'conversions_conversion_source_known_check', OLD_SOURCES)


def _statements() -> list[str]:
    text = (SQL / f"0022_{op.get_bind().dialect.name}.sql").read_text()
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    return [part.strip() for part in lines.split("\n\n") if part.strip()]
