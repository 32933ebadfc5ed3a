"""Payees: accounts after a closed one, agreements, changed bank accounts, payouts at the bank."""
import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None

OPEN = sa.text("state <> 'closed'")
STATES = ('none', 'link_issued', 'in_review', 'action_needed', 'ready', 'restricted', 'closed')
BEFORE = ('id', 'user_id', 'country', 'currency', 'state', 'idempotency_key', 'stripe_account_id', 'requirements',
          'checked_at', 'created_at', 'version')


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint('connected_accounts_user_id_key', 'connected_accounts', type_='unique')
    else:
        rebuild_on_sqlite()
    op.create_index('connected_accounts_user_id_idx', 'connected_accounts', ['user_id'], unique=False)
    op.create_index('connected_accounts_one_open_key', 'connected_accounts', ['user_id'], unique=True, postgresql_where=OPEN, sqlite_where=OPEN)
    op.add_column('connected_accounts', sa.Column('agreement', sa.String(length=40), sa.CheckConstraint("agreement IN ('full', 'recipient')", name=op.f('connected_accounts_agreement_known_check')), server_default='full', nullable=False))
    op.add_column('connected_accounts', sa.Column('requirements_due_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('connected_accounts', sa.Column('restriction', sa.Text(), nullable=True))
    op.add_column('connected_accounts', sa.Column('bank_marks', sa.JSON(), nullable=True))
    op.add_column('connected_accounts', sa.Column('bank_changed_at', sa.DateTime(timezone=True), nullable=True))

    op.create_table('bank_payouts',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('payee_id', sa.Text(), nullable=False),
        sa.Column('stripe_payout_id', sa.Text(), nullable=False),
        sa.Column('amount_minor', sa.BigInteger(), nullable=False),
        sa.Column('currency', sa.String(length=3), nullable=False),
        sa.Column('state', sa.Enum('pending', 'in_transit', 'paid', 'failed', 'canceled', name='payout_state_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('arrives_on', sa.DateTime(timezone=True), nullable=False),
        sa.Column('failure_code', sa.Text(), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(['payee_id'], ['connected_accounts.id'], name='bank_payouts_payee_id_fk'),
        sa.PrimaryKeyConstraint('id', name='bank_payouts_pk'),
        sa.UniqueConstraint('stripe_payout_id', name='bank_payouts_stripe_payout_id_key')
    )
    op.create_index('bank_payouts_payee_id_idx', 'bank_payouts', ['payee_id'], unique=False)


def downgrade() -> None:
    """One account a person again: the newest of each stays."""
    op.drop_table('bank_payouts')
    op.execute("DELETE FROM connected_accounts WHERE EXISTS (SELECT 1 FROM connected_accounts AS later "
               "WHERE later.user_id = connected_accounts.user_id AND later.id > connected_accounts.id)")
    op.drop_index('connected_accounts_one_open_key', 'connected_accounts')
    op.drop_index('connected_accounts_user_id_idx', 'connected_accounts')
    if op.get_bind().dialect.name == "postgresql":
        for column in ('agreement', 'requirements_due_at', 'restriction', 'bank_marks', 'bank_changed_at'):
            op.drop_column('connected_accounts', column)
        op.create_unique_constraint('connected_accounts_user_id_key', 'connected_accounts', ['user_id'])
    else:
        rebuild_on_sqlite(sa.UniqueConstraint('user_id', name='connected_accounts_user_id_key'))


def rebuild_on_sqlite(*more: sa.UniqueConstraint) -> None:
    """SQLite drops no constraint: the rows move into a table of the same name with ``more`` constraints or without."""
    op.create_table('connected_accounts_rebuilt',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('user_id', sa.Text(), nullable=False),
        sa.Column('country', sa.String(length=2), nullable=False),
        sa.Column('currency', sa.String(length=3), nullable=False),
        sa.Column('state', sa.String(length=40), sa.CheckConstraint(f"state IN {STATES}", name=op.f('connected_accounts_payee_state_known_check')), nullable=False),
        sa.Column('idempotency_key', sa.Text(), nullable=False),
        sa.Column('stripe_account_id', sa.Text(), nullable=True),
        sa.Column('requirements', sa.JSON(), nullable=False),
        sa.Column('checked_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name='connected_accounts_user_id_fk'),
        sa.PrimaryKeyConstraint('id', name='connected_accounts_pk'),
        sa.UniqueConstraint('idempotency_key', name='connected_accounts_idempotency_key_key'),
        sa.UniqueConstraint('stripe_account_id', name='connected_accounts_stripe_account_id_key'),
        *more
    )
    columns = ", ".join(BEFORE)
    op.execute(f"INSERT INTO connected_accounts_rebuilt ({columns}) SELECT {columns} FROM connected_accounts")
    op.drop_table('connected_accounts')
    op.rename_table('connected_accounts_rebuilt', 'connected_accounts')
