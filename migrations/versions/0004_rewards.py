"""What a lead earns by rule: kinds of conversions, buyers' shares, agreed splits, rewards in kind."""
import sqlalchemy as sa
from alembic import op

from migrations.changes import allow_null, allow_values, change_check

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

CONVERSIONS = (
    "kind VARCHAR(40) DEFAULT 'sale' NOT NULL CONSTRAINT conversions_conversion_kind_known_check "
    "CHECK (kind IN ('qualified', 'sale', 'later', 'renewal'))",
    "sale_id TEXT CONSTRAINT conversions_sale_id_fk REFERENCES conversions (id) CONSTRAINT "
    "conversions_follows_a_sale_check CHECK ((kind IN ('later', 'renewal')) = (sale_id IS NOT NULL))",
    "number INTEGER DEFAULT 1 NOT NULL",
    "renewals_ended_at {time}",
)
REWARDS = (
    "part VARCHAR(40) DEFAULT 'sale' NOT NULL CONSTRAINT rewards_conversion_kind_known_check "
    "CHECK (part IN ('qualified', 'sale', 'later', 'renewal'))",
    "number INTEGER DEFAULT 1 NOT NULL",
    "whom VARCHAR(40) DEFAULT 'referrer' NOT NULL CONSTRAINT rewards_for_known_check CHECK (whom IN ('referrer', 'buyer')) "
    "CONSTRAINT rewards_beneficiary_named_check CHECK (whom = 'buyer' OR beneficiary_id IS NOT NULL)",
    "choice VARCHAR(40) CONSTRAINT rewards_choice_known_check CHECK (choice IN ('money', 'donation', 'declined')) "
    "CONSTRAINT rewards_buyers_choose_check CHECK (whom = 'buyer' OR choice IS NULL) "
    "CONSTRAINT rewards_money_has_beneficiary_check CHECK (whom <> 'buyer' OR (coalesce(choice, '') = 'money') = "
    "(beneficiary_id IS NOT NULL))",
    "choice_due_at {time}",
)
LIVE_SPLITS = "state IN ('proposed', 'agreed')"
OPEN_DONATIONS = "state IN ('owed', 'offered') AND reward_id IS NOT NULL"


def upgrade() -> None:
    time = "TIMESTAMP WITH TIME ZONE" if op.get_bind().dialect.name == "postgresql" else "DATETIME"
    allow_null("rewards", "beneficiary_id")
    for table, columns in (("conversions", CONVERSIONS), ("rewards", REWARDS)):
        for column in columns:
            op.execute(f"ALTER TABLE {table} ADD COLUMN {column.format(time=time)}")
    change_check("conversions", "conversions_positive_check",
                 "amount_minor >= 0 AND (kind IN ('sale', 'renewal')) = (amount_minor > 0)")
    allow_values("conversions", "source", "conversions_conversion_source_known_check",
                 ("lead_qualified", "lead_won", "terms", "manual"))
    op.create_index('conversions_sale_id_idx', 'conversions', ['sale_id'], unique=False)
    op.create_index('rewards_one_buyers_share_key', 'rewards', ['conversion_id'], unique=True, postgresql_where=sa.text("whom = 'buyer'"), sqlite_where=sa.text("whom = 'buyer'"))

    op.create_table('splits',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('lead_id', sa.Text(), nullable=False),
        sa.Column('own_bps', sa.Integer(), nullable=False),
        sa.Column('state', sa.Enum('proposed', 'agreed', 'declined', 'withdrawn', name='split_state_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.CheckConstraint('own_bps BETWEEN 0 AND 9999', name=op.f('splits_own_within_check')),
        sa.ForeignKeyConstraint(['lead_id'], ['leads.id'], name='splits_lead_id_fk'),
        sa.PrimaryKeyConstraint('id', name='splits_pk')
    )
    op.create_index('splits_lead_id_idx', 'splits', ['lead_id'], unique=False)
    op.create_index('splits_one_live_key', 'splits', ['lead_id'], unique=True, postgresql_where=sa.text(LIVE_SPLITS), sqlite_where=sa.text(LIVE_SPLITS))

    op.create_table('split_parts',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('split_id', sa.Text(), nullable=False),
        sa.Column('email', sa.Text(), nullable=False),
        sa.Column('email_hash', sa.Text(), nullable=False),
        sa.Column('share_bps', sa.Integer(), nullable=False),
        sa.Column('state', sa.Enum('asked', 'agreed', 'declined', name='part_state_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('user_id', sa.Text(), nullable=True),
        sa.Column('answered_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.CheckConstraint('share_bps BETWEEN 1 AND 10000', name=op.f('split_parts_share_within_check')),
        sa.CheckConstraint("(state = 'agreed') = (user_id IS NOT NULL)", name=op.f('split_parts_agreed_has_user_check')),
        sa.CheckConstraint("(state = 'asked') = (answered_at IS NULL)", name=op.f('split_parts_answer_has_time_check')),
        sa.ForeignKeyConstraint(['split_id'], ['splits.id'], name='split_parts_split_id_fk'),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name='split_parts_user_id_fk'),
        sa.PrimaryKeyConstraint('id', name='split_parts_pk'),
        sa.UniqueConstraint('split_id', 'email_hash', name='split_parts_split_id_email_hash_key')
    )
    op.create_index('split_parts_split_id_idx', 'split_parts', ['split_id'], unique=False)
    op.create_index('split_parts_email_hash_idx', 'split_parts', ['email_hash'], unique=False)
    op.create_index('split_parts_user_id_idx', 'split_parts', ['user_id'], unique=False)

    op.create_table('rewards_in_kind',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('conversion_id', sa.Text(), nullable=False),
        sa.Column('lead_id', sa.Text(), nullable=False),
        sa.Column('business_id', sa.Text(), nullable=False),
        sa.Column('whom', sa.Enum('referrer', 'buyer', name='for_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('beneficiary_id', sa.Text(), nullable=True),
        sa.Column('rule_id', sa.Text(), nullable=True),
        sa.Column('reward_id', sa.Text(), nullable=True),
        sa.Column('thing', sa.Enum('credit', 'thank_you', 'favour', 'donation', name='thing_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('words', sa.Text(), nullable=False),
        sa.Column('state', sa.Enum('owed', 'offered', 'fulfilled', 'acknowledged', 'declined', 'forgiven', 'expired', name='kind_state_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('offer', sa.Text(), nullable=True),
        sa.Column('receipt', sa.Text(), nullable=True),
        sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.CheckConstraint("(thing = 'donation') = (reward_id IS NOT NULL)", name=op.f('rewards_in_kind_donation_has_money_check')),
        sa.CheckConstraint("(thing = 'donation') = (rule_id IS NULL)", name=op.f('rewards_in_kind_thing_has_rule_check')),
        sa.CheckConstraint("whom = 'buyer' OR beneficiary_id IS NOT NULL", name=op.f('rewards_in_kind_beneficiary_named_check')),
        sa.ForeignKeyConstraint(['beneficiary_id'], ['users.id'], name='rewards_in_kind_beneficiary_id_fk'),
        sa.ForeignKeyConstraint(['business_id'], ['businesses.id'], name='rewards_in_kind_business_id_fk'),
        sa.ForeignKeyConstraint(['conversion_id'], ['conversions.id'], name='rewards_in_kind_conversion_id_fk'),
        sa.ForeignKeyConstraint(['lead_id'], ['leads.id'], name='rewards_in_kind_lead_id_fk'),
        sa.ForeignKeyConstraint(['reward_id'], ['rewards.id'], name='rewards_in_kind_reward_id_fk'),
        sa.ForeignKeyConstraint(['rule_id'], ['reward_rules.id'], name='rewards_in_kind_rule_id_fk'),
        sa.PrimaryKeyConstraint('id', name='rewards_in_kind_pk'),
        sa.UniqueConstraint('conversion_id', 'rule_id', name='rewards_in_kind_conversion_id_rule_id_key')
    )
    for column in ("lead_id", "business_id", "beneficiary_id"):
        op.create_index(f'rewards_in_kind_{column}_idx', 'rewards_in_kind', [column], unique=False)
    op.create_index('rewards_in_kind_one_donation_key', 'rewards_in_kind', ['reward_id'], unique=True, postgresql_where=sa.text(OPEN_DONATIONS), sqlite_where=sa.text(OPEN_DONATIONS))


def downgrade() -> None:
    for table in ("rewards_in_kind", "split_parts", "splits"):
        op.drop_table(table)
    op.drop_index('rewards_one_buyers_share_key', 'rewards')
    op.drop_index('conversions_sale_id_idx', 'conversions')
    allow_values("conversions", "source", "conversions_conversion_source_known_check", ("lead_won",))
    change_check("conversions", "conversions_positive_check", "amount_minor > 0")
    for column in ("choice_due_at", "choice", "whom", "number", "part"):
        op.execute(f"ALTER TABLE rewards DROP COLUMN {column}")
    for column in ("renewals_ended_at", "number", "sale_id", "kind"):
        op.execute(f"ALTER TABLE conversions DROP COLUMN {column}")
    allow_null("rewards", "beneficiary_id", allowed=False)
