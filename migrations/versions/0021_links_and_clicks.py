"""Links of referrers, where they lead, whose the domains are; clicks, their days, the files they come from"""
import sqlalchemy as sa
from alembic import op

revision = '0021'
down_revision = '0020'
branch_labels = None
depends_on = None

RUNNING = 'ended_at IS NULL'


def upgrade() -> None:
    op.create_table('referral_links',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('code', sa.Text(), nullable=False),
        sa.Column('spoken', sa.Text(), nullable=False),
        sa.Column('spoken_key', sa.Text(), nullable=False),
        sa.Column('bounty_id', sa.Text(), nullable=False),
        sa.Column('referrer_id', sa.Text(), nullable=False),
        sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.CheckConstraint('length(code) = 8', name=op.f('referral_links_code_of_eight_check')),
        sa.ForeignKeyConstraint(['bounty_id'], ['bounties.id'], name='referral_links_bounty_id_fk'),
        sa.ForeignKeyConstraint(['referrer_id'], ['users.id'], name='referral_links_referrer_id_fk'),
        sa.PrimaryKeyConstraint('id', name='referral_links_pk'),
        sa.UniqueConstraint('code', name='referral_links_code_key'),
        sa.UniqueConstraint('spoken_key', name='referral_links_spoken_key_key')
    )
    op.create_index('referral_links_one_running_key', 'referral_links', ['bounty_id', 'referrer_id'], unique=True,
                    postgresql_where=sa.text(RUNNING), sqlite_where=sa.text(RUNNING))
    op.create_index('referral_links_referrer_id_idx', 'referral_links', ['referrer_id'], unique=False)

    op.create_table('bounty_destinations',
        sa.Column('bounty_id', sa.Text(), nullable=False),
        sa.Column('url', sa.Text(), nullable=False),
        sa.Column('utm', sa.Text(), nullable=False),
        sa.Column('set_by', sa.Text(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(['bounty_id'], ['bounties.id'], name='bounty_destinations_bounty_id_fk'),
        sa.ForeignKeyConstraint(['set_by'], ['users.id'], name='bounty_destinations_set_by_fk'),
        sa.PrimaryKeyConstraint('bounty_id', name='bounty_destinations_pk')
    )

    op.create_table('business_domains',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('business_id', sa.Text(), nullable=False),
        sa.Column('domain', sa.Text(), nullable=False),
        sa.Column('token', sa.Text(), nullable=False),
        sa.Column('proof', sa.Enum('dns', 'file', name='domain_proof_known', native_enum=False, create_constraint=True, length=40), nullable=True),
        sa.Column('verified_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('last_seen_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('added_by', sa.Text(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.CheckConstraint('(verified_at IS NULL) = (proof IS NULL)', name=op.f('business_domains_verified_whole_check')),
        sa.ForeignKeyConstraint(['added_by'], ['users.id'], name='business_domains_added_by_fk'),
        sa.ForeignKeyConstraint(['business_id'], ['businesses.id'], name='business_domains_business_id_fk'),
        sa.PrimaryKeyConstraint('id', name='business_domains_pk'),
        sa.UniqueConstraint('business_id', 'domain', name='business_domains_business_id_domain_key')
    )

    op.create_table('clicks',
        sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
        sa.Column('code', sa.String(length=8), nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('visitor', sa.String(length=16), nullable=False),
        sa.Column('mark', sa.Enum('counted', 'bot', 'prefetch', 'repeat', name='click_mark_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('sub', sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint('id', name='clicks_pk')
    )
    op.create_index('clicks_visitor_idx', 'clicks', ['visitor', 'at'], unique=False)
    op.create_table('click_days',
        sa.Column('code', sa.String(length=8), nullable=False),
        sa.Column('day', sa.Date(), nullable=False),
        sa.Column('counted', sa.Integer(), nullable=False),
        sa.Column('bots', sa.Integer(), nullable=False),
        sa.Column('prefetches', sa.Integer(), nullable=False),
        sa.Column('repeats', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('code', 'day', name='click_days_pk'),
        sqlite_with_rowid=False
    )
    op.create_table('click_spools',
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('taken', sa.BigInteger(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint('name', name='click_spools_pk')
    )


def downgrade() -> None:
    """Clicks not taken in yet stay in their files."""
    op.drop_table('click_spools')
    op.drop_table('click_days')
    op.drop_table('clicks')
    op.drop_table('business_domains')
    op.drop_table('bounty_destinations')
    op.drop_table('referral_links')
