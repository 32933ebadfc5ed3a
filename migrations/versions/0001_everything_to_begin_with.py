"""Everything to begin with: the tables of all packages, and the ledger's promises as triggers."""
from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None

SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    op.create_table('api_answers',
        sa.Column('owner_id', sa.Text(), nullable=False),
        sa.Column('key', sa.Text(), nullable=False),
        sa.Column('fingerprint', sa.Text(), nullable=False),
        sa.Column('status', sa.Integer(), nullable=True),
        sa.Column('body', sa.Text(), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint('owner_id', 'key', name='api_answers_pk')
    )

    op.create_table('audit_events',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('actor_id', sa.Text(), nullable=False),
        sa.Column('action', sa.Text(), nullable=False),
        sa.Column('subject_id', sa.Text(), nullable=False),
        sa.Column('details', sa.JSON(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint('id', name='audit_events_pk')
    )
    op.create_index('audit_events_actor_id_idx', 'audit_events', ['actor_id'], unique=False)
    op.create_index('audit_events_subject_id_idx', 'audit_events', ['subject_id'], unique=False)

    op.create_table('businesses',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('slug', sa.Text(), nullable=False),
        sa.Column('about', sa.Text(), nullable=False),
        sa.Column('place', sa.Text(), nullable=False),
        sa.Column('website', sa.Text(), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('id', name='businesses_pk'),
        sa.UniqueConstraint('slug', name='businesses_slug_key')
    )

    op.create_table('buyers',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('name', sa.Text(), nullable=True),
        sa.Column('email', sa.Text(), nullable=True),
        sa.Column('phone', sa.Text(), nullable=True),
        sa.Column('email_hash', sa.Text(), nullable=True),
        sa.Column('phone_hash', sa.Text(), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint('id', name='buyers_pk')
    )
    op.create_index('buyers_email_hash_idx', 'buyers', ['email_hash'], unique=False)
    op.create_index('buyers_phone_hash_idx', 'buyers', ['phone_hash'], unique=False)

    op.create_table('ledger_accounts',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('kind', sa.Enum('clearing', 'stripe_fees', 'platform_fees', 'funds', 'reserved', 'held', 'payable', 'in_transit', 'refunding', 'unmatched', 'receivable', 'clawback_due', name='account_kind_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('owner_id', sa.Text(), nullable=False),
        sa.Column('currency', sa.String(length=3), nullable=False),
        sa.Column('floor_minor', sa.BigInteger(), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint('id', name='ledger_accounts_pk'),
        sa.UniqueConstraint('kind', 'owner_id', 'currency', name='ledger_accounts_kind_owner_id_currency_key')
    )
    op.create_index('ledger_accounts_owner_id_idx', 'ledger_accounts', ['owner_id'], unique=False)

    op.create_table('ledger_entries',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('kind', sa.Text(), nullable=False),
        sa.Column('reference', sa.Text(), nullable=False),
        sa.Column('fingerprint', sa.Text(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint('id', name='ledger_entries_pk'),
        sa.UniqueConstraint('reference', name='ledger_entries_reference_key')
    )
    op.create_index('ledger_entries_kind_idx', 'ledger_entries', ['kind'], unique=False)

    op.create_table('outbox_messages',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('job', sa.Text(), nullable=False),
        sa.Column('arguments', sa.JSON(), nullable=False),
        sa.Column('key', sa.Text(), nullable=True),
        sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('attempts', sa.Integer(), nullable=False),
        sa.Column('leased_until', sa.DateTime(timezone=True), nullable=True),
        sa.Column('last_error', sa.Text(), nullable=True),
        sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('dead_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('id', name='outbox_messages_pk'),
        sa.UniqueConstraint('key', name='outbox_messages_key_key')
    )
    op.create_index('outbox_messages_open_idx', 'outbox_messages', ['due_at'], unique=False, postgresql_where=sa.text('done_at IS NULL AND dead_at IS NULL'), sqlite_where=sa.text('done_at IS NULL AND dead_at IS NULL'))

    op.create_table('stripe_events',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('type', sa.Text(), nullable=False),
        sa.Column('object_id', sa.Text(), nullable=False),
        sa.Column('account', sa.Text(), nullable=True),
        sa.Column('livemode', sa.Boolean(), nullable=False),
        sa.Column('payload', sa.JSON(), nullable=False),
        sa.Column('handled_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('outcome', sa.Text(), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint('id', name='stripe_events_pk')
    )
    op.create_index('stripe_events_object_id_idx', 'stripe_events', ['object_id'], unique=False)
    op.create_index('stripe_events_type_idx', 'stripe_events', ['type'], unique=False)

    op.create_table('suppressions',
        sa.Column('hash', sa.Text(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint('hash', name='suppressions_pk')
    )

    op.create_table('users',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('email', sa.Text(), nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('password_hash', sa.Text(), nullable=False),
        sa.Column('is_admin', sa.Boolean(), nullable=False),
        sa.Column('email_confirmed_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('session_stamp', sa.Text(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.CheckConstraint('email = lower(email)', name=op.f('users_email_lower_check')),
        sa.PrimaryKeyConstraint('id', name='users_pk'),
        sa.UniqueConstraint('email', name='users_email_key')
    )

    op.create_table('api_keys',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('user_id', sa.Text(), nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('prefix', sa.Text(), nullable=False),
        sa.Column('secret_hash', sa.Text(), nullable=False),
        sa.Column('scopes', sa.JSON(), nullable=False),
        sa.Column('last_used_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('revoked_by', sa.Text(), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint('(revoked_at IS NULL) = (revoked_by IS NULL)', name=op.f('api_keys_revoked_whole_check')),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name='api_keys_user_id_fk'),
        sa.PrimaryKeyConstraint('id', name='api_keys_pk'),
        sa.UniqueConstraint('prefix', name='api_keys_prefix_key')
    )
    op.create_index('api_keys_user_id_idx', 'api_keys', ['user_id'], unique=False)

    op.create_table('bounties',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('business_id', sa.Text(), nullable=False),
        sa.Column('title', sa.Text(), nullable=False),
        sa.Column('offer', sa.Text(), nullable=False),
        sa.Column('state', sa.Enum('draft', 'live', 'paused', 'closed', 'archived', name='bounty_state_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('paused_because', sa.Text(), nullable=True),
        sa.Column('terms_number', sa.Integer(), nullable=False),
        sa.Column('category', sa.Enum('cars', 'home', 'solar', 'software', 'services', 'hiring', 'travel', 'education', 'health', 'other', name='category_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('place', sa.Text(), nullable=False),
        sa.Column('highest_reward', sa.BigInteger(), nullable=False),
        sa.Column('published_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.CheckConstraint("state = 'draft' OR published_at IS NOT NULL", name=op.f('bounties_published_has_time_check')),
        sa.ForeignKeyConstraint(['business_id'], ['businesses.id'], name='bounties_business_id_fk'),
        sa.PrimaryKeyConstraint('id', name='bounties_pk')
    )
    op.create_index('bounties_business_id_idx', 'bounties', ['business_id'], unique=False)
    op.create_index('bounties_highest_idx', 'bounties', ['state', 'highest_reward', 'id'], unique=False)
    op.create_index('bounties_newest_idx', 'bounties', ['state', 'published_at', 'id'], unique=False)

    op.create_table('connected_accounts',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('user_id', sa.Text(), nullable=False),
        sa.Column('country', sa.String(length=2), nullable=False),
        sa.Column('currency', sa.String(length=3), nullable=False),
        sa.Column('state', sa.Enum('none', 'link_issued', 'in_review', 'action_needed', 'ready', 'restricted', 'closed', name='payee_state_known', native_enum=False, create_constraint=True, length=40), nullable=False),
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
        sa.UniqueConstraint('user_id', name='connected_accounts_user_id_key')
    )

    op.create_table('fundings',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('business_id', sa.Text(), nullable=False),
        sa.Column('purpose_id', sa.Text(), nullable=False),
        sa.Column('requested_by', sa.Text(), nullable=False),
        sa.Column('amount_minor', sa.BigInteger(), nullable=False),
        sa.Column('currency', sa.String(length=3), nullable=False),
        sa.Column('state', sa.Enum('requested', 'open', 'paid', 'expired', 'failed', name='funding_state_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('idempotency_key', sa.Text(), nullable=False),
        sa.Column('failure', sa.Text(), nullable=True),
        sa.Column('checkout_session_id', sa.Text(), nullable=True),
        sa.Column('checkout_url', sa.Text(), nullable=True),
        sa.Column('payment_intent_id', sa.Text(), nullable=True),
        sa.Column('charge_id', sa.Text(), nullable=True),
        sa.Column('fee_minor', sa.BigInteger(), nullable=True),
        sa.Column('refunded_minor', sa.BigInteger(), nullable=False),
        sa.Column('paid_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.CheckConstraint("(state = 'paid') = (paid_at IS NOT NULL)", name=op.f('fundings_paid_has_time_check')),
        sa.CheckConstraint("state <> 'paid' OR payment_intent_id IS NOT NULL", name=op.f('fundings_paid_has_payment_check')),
        sa.CheckConstraint('amount_minor > 0', name=op.f('fundings_positive_check')),
        sa.CheckConstraint('refunded_minor BETWEEN 0 AND amount_minor', name=op.f('fundings_refunded_within_check')),
        sa.ForeignKeyConstraint(['business_id'], ['businesses.id'], name='fundings_business_id_fk'),
        sa.ForeignKeyConstraint(['requested_by'], ['users.id'], name='fundings_requested_by_fk'),
        sa.PrimaryKeyConstraint('id', name='fundings_pk'),
        sa.UniqueConstraint('checkout_session_id', name='fundings_checkout_session_id_key'),
        sa.UniqueConstraint('idempotency_key', name='fundings_idempotency_key_key'),
        sa.UniqueConstraint('payment_intent_id', name='fundings_payment_intent_id_key')
    )
    op.create_index('fundings_business_id_idx', 'fundings', ['business_id'], unique=False)
    op.create_index('fundings_purpose_id_idx', 'fundings', ['purpose_id'], unique=False)

    op.create_table('memberships',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('business_id', sa.Text(), nullable=False),
        sa.Column('user_id', sa.Text(), nullable=False),
        sa.Column('role', sa.Enum('owner', 'manager', 'agent', name='member_role_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(['business_id'], ['businesses.id'], name='memberships_business_id_fk'),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name='memberships_user_id_fk'),
        sa.PrimaryKeyConstraint('id', name='memberships_pk'),
        sa.UniqueConstraint('business_id', 'user_id', name='memberships_business_id_user_id_key')
    )
    op.create_index('memberships_user_id_idx', 'memberships', ['user_id'], unique=False)

    op.create_table('postings',
        sa.Column('entry_id', sa.Text(), nullable=False),
        sa.Column('account_id', sa.Text(), nullable=False),
        sa.Column('amount_minor', sa.BigInteger(), nullable=False),
        sa.Column('seq', sa.BigInteger(), nullable=True),
        sa.Column('balance_after_minor', sa.BigInteger(), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint('(seq IS NULL) = (balance_after_minor IS NULL)', name=op.f('postings_chain_whole_check')),
        sa.CheckConstraint('amount_minor <> 0', name=op.f('postings_not_zero_check')),
        sa.ForeignKeyConstraint(['account_id'], ['ledger_accounts.id'], name='postings_account_id_fk'),
        sa.ForeignKeyConstraint(['entry_id'], ['ledger_entries.id'], name='postings_entry_id_fk', initially='DEFERRED', deferrable=True),
        sa.PrimaryKeyConstraint('entry_id', 'account_id', name='postings_pk'),
        sa.UniqueConstraint('account_id', 'seq', name='postings_account_id_seq_key')
    )
    op.create_index('postings_account_id_idx', 'postings', ['account_id'], unique=False)

    op.create_table('transfers',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('payee_id', sa.Text(), nullable=False),
        sa.Column('business_id', sa.Text(), nullable=False),
        sa.Column('destination', sa.Text(), nullable=False),
        sa.Column('amount_minor', sa.BigInteger(), nullable=False),
        sa.Column('currency', sa.String(length=3), nullable=False),
        sa.Column('state', sa.Enum('requested', 'sending', 'sent', 'failed', 'partly_reversed', 'reversed', name='transfer_state_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('idempotency_key', sa.Text(), nullable=False),
        sa.Column('attempt_no', sa.Integer(), nullable=False),
        sa.Column('first_sent_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('sent_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('stripe_transfer_id', sa.Text(), nullable=True),
        sa.Column('reversed_minor', sa.BigInteger(), nullable=False),
        sa.Column('failed_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('failure_code', sa.Text(), nullable=True),
        sa.Column('failure', sa.Text(), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.CheckConstraint("(state = 'failed') = (failed_at IS NOT NULL)", name=op.f('transfers_failed_has_time_check')),
        sa.CheckConstraint("(state IN ('sent', 'partly_reversed', 'reversed')) = (stripe_transfer_id IS NOT NULL)", name=op.f('transfers_sent_has_id_check')),
        sa.CheckConstraint('amount_minor > 0', name=op.f('transfers_positive_check')),
        sa.CheckConstraint('reversed_minor BETWEEN 0 AND amount_minor', name=op.f('transfers_reversed_within_check')),
        sa.ForeignKeyConstraint(['business_id'], ['businesses.id'], name='transfers_business_id_fk'),
        sa.ForeignKeyConstraint(['payee_id'], ['users.id'], name='transfers_payee_id_fk'),
        sa.PrimaryKeyConstraint('id', name='transfers_pk'),
        sa.UniqueConstraint('idempotency_key', name='transfers_idempotency_key_key'),
        sa.UniqueConstraint('stripe_transfer_id', name='transfers_stripe_transfer_id_key')
    )
    op.create_index('transfers_business_id_idx', 'transfers', ['business_id'], unique=False)
    op.create_index('transfers_one_open_key', 'transfers', ['payee_id', 'business_id', 'currency'], unique=True, postgresql_where=sa.text("state IN ('requested', 'sending')"), sqlite_where=sa.text("state IN ('requested', 'sending')"))
    op.create_index('transfers_payee_id_idx', 'transfers', ['payee_id'], unique=False)

    op.create_table('payables',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('payee_id', sa.Text(), nullable=False),
        sa.Column('business_id', sa.Text(), nullable=False),
        sa.Column('amount_minor', sa.BigInteger(), nullable=False),
        sa.Column('currency', sa.String(length=3), nullable=False),
        sa.Column('state', sa.Enum('owed', 'in_transfer', 'sent', name='payable_state_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('transfer_id', sa.Text(), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.CheckConstraint("(state = 'owed') = (transfer_id IS NULL)", name=op.f('payables_transfer_named_check')),
        sa.CheckConstraint('amount_minor >= 0', name=op.f('payables_not_below_zero_check')),
        sa.ForeignKeyConstraint(['business_id'], ['businesses.id'], name='payables_business_id_fk'),
        sa.ForeignKeyConstraint(['payee_id'], ['users.id'], name='payables_payee_id_fk'),
        sa.ForeignKeyConstraint(['transfer_id'], ['transfers.id'], name='payables_transfer_id_fk'),
        sa.PrimaryKeyConstraint('id', name='payables_pk')
    )
    op.create_index('payables_payee_id_idx', 'payables', ['payee_id'], unique=False)
    op.create_index('payables_transfer_id_idx', 'payables', ['transfer_id'], unique=False)

    op.create_table('refunds',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('funding_id', sa.Text(), nullable=False),
        sa.Column('amount_minor', sa.BigInteger(), nullable=False),
        sa.Column('currency', sa.String(length=3), nullable=False),
        sa.Column('state', sa.Enum('requested', 'sending', 'sent', 'succeeded', 'failed', name='refund_state_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('idempotency_key', sa.Text(), nullable=False),
        sa.Column('attempt_no', sa.Integer(), nullable=False),
        sa.Column('first_sent_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('stripe_refund_id', sa.Text(), nullable=True),
        sa.Column('failure', sa.Text(), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.CheckConstraint('amount_minor > 0', name=op.f('refunds_positive_check')),
        sa.ForeignKeyConstraint(['funding_id'], ['fundings.id'], name='refunds_funding_id_fk'),
        sa.PrimaryKeyConstraint('id', name='refunds_pk'),
        sa.UniqueConstraint('idempotency_key', name='refunds_idempotency_key_key'),
        sa.UniqueConstraint('stripe_refund_id', name='refunds_stripe_refund_id_key')
    )
    op.create_index('refunds_funding_id_idx', 'refunds', ['funding_id'], unique=False)

    op.create_table('terms',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('bounty_id', sa.Text(), nullable=False),
        sa.Column('number', sa.Integer(), nullable=False),
        sa.Column('criteria', sa.JSON(), nullable=False),
        sa.Column('reward_kind', sa.Enum('flat', 'percent', name='reward_kind_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('reward_minor', sa.BigInteger(), nullable=True),
        sa.Column('reward_bps', sa.Integer(), nullable=True),
        sa.Column('cap_minor', sa.BigInteger(), nullable=True),
        sa.Column('currency', sa.String(length=3), nullable=False),
        sa.Column('fee_bps', sa.Integer(), nullable=False),
        sa.Column('hold_days', sa.Integer(), nullable=False),
        sa.Column('protection_days', sa.Integer(), nullable=False),
        sa.Column('consent_days', sa.Integer(), nullable=False),
        sa.Column('evidence_days', sa.Integer(), nullable=False),
        sa.Column('category', sa.Enum('cars', 'home', 'solar', 'software', 'services', 'hiring', 'travel', 'education', 'health', 'other', name='category_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('place', sa.Text(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(reward_kind = 'flat') = (reward_minor IS NOT NULL)", name=op.f('terms_flat_has_amount_check')),
        sa.CheckConstraint("(reward_kind = 'percent') = (cap_minor IS NOT NULL)", name=op.f('terms_percent_has_cap_check')),
        sa.CheckConstraint("(reward_kind = 'percent') = (reward_bps IS NOT NULL)", name=op.f('terms_percent_has_rate_check')),
        sa.CheckConstraint('cap_minor > 0', name=op.f('terms_cap_positive_check')),
        sa.CheckConstraint('fee_bps BETWEEN 0 AND 10000', name=op.f('terms_fee_within_check')),
        sa.CheckConstraint('reward_bps BETWEEN 1 AND 10000', name=op.f('terms_rate_within_check')),
        sa.CheckConstraint('reward_minor > 0', name=op.f('terms_reward_positive_check')),
        sa.ForeignKeyConstraint(['bounty_id'], ['bounties.id'], name='terms_bounty_id_fk'),
        sa.PrimaryKeyConstraint('id', name='terms_pk'),
        sa.UniqueConstraint('bounty_id', 'number', name='terms_bounty_id_number_key')
    )

    op.create_table('leads',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('bounty_id', sa.Text(), nullable=False),
        sa.Column('terms_id', sa.Text(), nullable=False),
        sa.Column('business_id', sa.Text(), nullable=False),
        sa.Column('referrer_id', sa.Text(), nullable=False),
        sa.Column('buyer_id', sa.Text(), nullable=False),
        sa.Column('moderation', sa.Enum('submitted', 'in_review', 'needs_info', 'accepted', 'rejected', 'duplicate', 'withdrawn', 'expired', name='moderation_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('consent', sa.Enum('unknown', 'asked', 'granted', 'refused', 'no_answer', 'withdrawn', name='consent_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('stage', sa.Enum('new', 'introduced', 'qualified', 'meeting', 'negotiation', 'won', 'lost', 'unqualified', name='stage_known', native_enum=False, create_constraint=True, length=40), nullable=True),
        sa.Column('acquaintance', sa.Enum('friend', 'family', 'colleague', 'online', 'none', name='acquaintance_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('how_known', sa.Text(), nullable=False),
        sa.Column('post_hash', sa.Text(), nullable=True),
        sa.Column('buyer_hash', sa.Text(), nullable=True),
        sa.Column('duplicate_of_id', sa.Text(), nullable=True),
        sa.Column('submitted_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('question', sa.Text(), nullable=True),
        sa.Column('question_asked_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('answer', sa.Text(), nullable=True),
        sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('decided_by', sa.Text(), nullable=True),
        sa.Column('reason_code', sa.Enum('not_a_buyer', 'invalid_evidence', 'evidence_unavailable', 'out_of_scope', 'out_of_area', 'already_known', 'duplicate', 'stale_intent', 'no_consent', 'self_referral', 'prohibited_category', 'spam', 'other', name='reason_code_known', native_enum=False, create_constraint=True, length=40), nullable=True),
        sa.Column('missed_criterion', sa.Text(), nullable=True),
        sa.Column('reason_note', sa.Text(), nullable=True),
        sa.Column('appeal', sa.Text(), nullable=True),
        sa.Column('accepted_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('protected_until', sa.DateTime(timezone=True), nullable=True),
        sa.Column('consent_due_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.CheckConstraint("consent = 'unknown' OR accepted_at IS NOT NULL", name=op.f('leads_consent_once_accepted_check')),
        sa.CheckConstraint("moderation NOT IN ('rejected') OR reason_code IS NOT NULL", name=op.f('leads_rejection_has_reason_check')),
        sa.CheckConstraint('(accepted_at IS NULL) = (protected_until IS NULL)', name=op.f('leads_protection_whole_check')),
        sa.CheckConstraint('(decided_at IS NULL) = (decided_by IS NULL)', name=op.f('leads_decision_whole_check')),
        sa.CheckConstraint('(stage IS NULL) = (accepted_at IS NULL)', name=op.f('leads_stage_once_accepted_check')),
        sa.ForeignKeyConstraint(['bounty_id'], ['bounties.id'], name='leads_bounty_id_fk'),
        sa.ForeignKeyConstraint(['business_id'], ['businesses.id'], name='leads_business_id_fk'),
        sa.ForeignKeyConstraint(['buyer_id'], ['buyers.id'], name='leads_buyer_id_fk'),
        sa.ForeignKeyConstraint(['duplicate_of_id'], ['leads.id'], name='leads_duplicate_of_id_fk'),
        sa.ForeignKeyConstraint(['referrer_id'], ['users.id'], name='leads_referrer_id_fk'),
        sa.ForeignKeyConstraint(['terms_id'], ['terms.id'], name='leads_terms_id_fk'),
        sa.PrimaryKeyConstraint('id', name='leads_pk'),
        sa.UniqueConstraint('buyer_id', name='leads_buyer_id_key')
    )
    op.create_index('leads_bounty_id_idx', 'leads', ['bounty_id'], unique=False)
    op.create_index('leads_one_per_buyer_key', 'leads', ['business_id', 'buyer_hash'], unique=True, postgresql_where=sa.text("moderation NOT IN ('rejected', 'duplicate', 'withdrawn', 'expired')"), sqlite_where=sa.text("moderation NOT IN ('rejected', 'duplicate', 'withdrawn', 'expired')"))
    op.create_index('leads_one_per_post_key', 'leads', ['business_id', 'post_hash'], unique=True, postgresql_where=sa.text("moderation NOT IN ('rejected', 'duplicate', 'withdrawn', 'expired')"), sqlite_where=sa.text("moderation NOT IN ('rejected', 'duplicate', 'withdrawn', 'expired')"))
    op.create_index('leads_queue_idx', 'leads', ['moderation', 'submitted_at'], unique=False)
    op.create_index('leads_referrer_id_idx', 'leads', ['referrer_id'], unique=False)

    op.create_table('transfer_reversals',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('reference', sa.Text(), nullable=False),
        sa.Column('transfer_id', sa.Text(), nullable=False),
        sa.Column('payable_id', sa.Text(), nullable=False),
        sa.Column('credit_account_id', sa.Text(), nullable=False),
        sa.Column('amount_minor', sa.BigInteger(), nullable=False),
        sa.Column('currency', sa.String(length=3), nullable=False),
        sa.Column('state', sa.Enum('requested', 'sending', 'done', 'outstanding', name='reversal_state_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('idempotency_key', sa.Text(), nullable=False),
        sa.Column('attempt_no', sa.Integer(), nullable=False),
        sa.Column('first_sent_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('stripe_reversal_id', sa.Text(), nullable=True),
        sa.Column('failure_code', sa.Text(), nullable=True),
        sa.Column('failure', sa.Text(), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.CheckConstraint("(state = 'done') = (stripe_reversal_id IS NOT NULL)", name=op.f('transfer_reversals_done_has_id_check')),
        sa.CheckConstraint('amount_minor > 0', name=op.f('transfer_reversals_positive_check')),
        sa.ForeignKeyConstraint(['credit_account_id'], ['ledger_accounts.id'], name='transfer_reversals_credit_account_id_fk'),
        sa.ForeignKeyConstraint(['payable_id'], ['payables.id'], name='transfer_reversals_payable_id_fk'),
        sa.ForeignKeyConstraint(['transfer_id'], ['transfers.id'], name='transfer_reversals_transfer_id_fk'),
        sa.PrimaryKeyConstraint('id', name='transfer_reversals_pk'),
        sa.UniqueConstraint('idempotency_key', name='transfer_reversals_idempotency_key_key'),
        sa.UniqueConstraint('reference', name='transfer_reversals_reference_key'),
        sa.UniqueConstraint('stripe_reversal_id', name='transfer_reversals_stripe_reversal_id_key')
    )
    op.create_index('transfer_reversals_payable_id_idx', 'transfer_reversals', ['payable_id'], unique=False)
    op.create_index('transfer_reversals_transfer_id_idx', 'transfer_reversals', ['transfer_id'], unique=False)

    op.create_table('consent_grants',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('lead_id', sa.Text(), nullable=False),
        sa.Column('business_id', sa.Text(), nullable=False),
        sa.Column('purpose', sa.Text(), nullable=False),
        sa.Column('channel', sa.Enum('email', 'phone', name='channel_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('until', sa.Date(), nullable=False),
        sa.Column('note', sa.Text(), nullable=True),
        sa.Column('confirmed_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('withdrawn_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('replaced_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(['business_id'], ['businesses.id'], name='consent_grants_business_id_fk'),
        sa.ForeignKeyConstraint(['lead_id'], ['leads.id'], name='consent_grants_lead_id_fk'),
        sa.PrimaryKeyConstraint('id', name='consent_grants_pk')
    )
    op.create_index('consent_grants_lead_id_idx', 'consent_grants', ['lead_id'], unique=False)
    op.create_index('consent_grants_one_live_key', 'consent_grants', ['lead_id'], unique=True, postgresql_where=sa.text('withdrawn_at IS NULL AND replaced_at IS NULL'), sqlite_where=sa.text('withdrawn_at IS NULL AND replaced_at IS NULL'))

    op.create_table('conversions',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('business_id', sa.Text(), nullable=False),
        sa.Column('bounty_id', sa.Text(), nullable=False),
        sa.Column('lead_id', sa.Text(), nullable=False),
        sa.Column('source', sa.Enum('lead_won', name='conversion_source_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('external_id', sa.Text(), nullable=False),
        sa.Column('amount_minor', sa.BigInteger(), nullable=False),
        sa.Column('currency', sa.String(length=3), nullable=False),
        sa.Column('occurred_on', sa.Date(), nullable=False),
        sa.Column('refunded_minor', sa.BigInteger(), nullable=False),
        sa.Column('state', sa.Enum('approved', 'partially_reversed', 'reversed', name='conversion_state_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('payload', sa.JSON(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.CheckConstraint('amount_minor > 0', name=op.f('conversions_positive_check')),
        sa.CheckConstraint('refunded_minor BETWEEN 0 AND amount_minor', name=op.f('conversions_refunded_within_check')),
        sa.ForeignKeyConstraint(['bounty_id'], ['bounties.id'], name='conversions_bounty_id_fk'),
        sa.ForeignKeyConstraint(['business_id'], ['businesses.id'], name='conversions_business_id_fk'),
        sa.ForeignKeyConstraint(['lead_id'], ['leads.id'], name='conversions_lead_id_fk'),
        sa.PrimaryKeyConstraint('id', name='conversions_pk'),
        sa.UniqueConstraint('business_id', 'source', 'external_id', name='conversions_business_id_source_external_id_key')
    )
    op.create_index('conversions_bounty_id_idx', 'conversions', ['bounty_id'], unique=False)
    op.create_index('conversions_lead_id_idx', 'conversions', ['lead_id'], unique=False)

    op.create_table('evidence',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('lead_id', sa.Text(), nullable=False),
        sa.Column('state', sa.Enum('pending', 'captured', 'unavailable', 'given', name='evidence_state_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('url', sa.Text(), nullable=True),
        sa.Column('quote', sa.Text(), nullable=False),
        sa.Column('quote_prefix', sa.Text(), nullable=True),
        sa.Column('quote_suffix', sa.Text(), nullable=True),
        sa.Column('quote_found', sa.Boolean(), nullable=True),
        sa.Column('title', sa.Text(), nullable=True),
        sa.Column('author', sa.Text(), nullable=True),
        sa.Column('published_on', sa.Date(), nullable=True),
        sa.Column('language', sa.Text(), nullable=True),
        sa.Column('text', sa.Text(), nullable=True),
        sa.Column('sha256', sa.Text(), nullable=True),
        sa.Column('captured_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('failure', sa.Text(), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(['lead_id'], ['leads.id'], name='evidence_lead_id_fk'),
        sa.PrimaryKeyConstraint('id', name='evidence_pk'),
        sa.UniqueConstraint('lead_id', name='evidence_lead_id_key')
    )

    op.create_table('rewards',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('conversion_id', sa.Text(), nullable=False),
        sa.Column('lead_id', sa.Text(), nullable=False),
        sa.Column('bounty_id', sa.Text(), nullable=False),
        sa.Column('business_id', sa.Text(), nullable=False),
        sa.Column('beneficiary_id', sa.Text(), nullable=False),
        sa.Column('amount_minor', sa.BigInteger(), nullable=False),
        sa.Column('fee_minor', sa.BigInteger(), nullable=False),
        sa.Column('currency', sa.String(length=3), nullable=False),
        sa.Column('state', sa.Enum('pending', 'on_hold', 'payable', 'scheduled', 'paid', 'voided', name='reward_state_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('release_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('void_reason', sa.Text(), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.CheckConstraint("(state = 'voided') = (void_reason IS NOT NULL)", name=op.f('rewards_void_has_reason_check')),
        sa.CheckConstraint('amount_minor > 0', name=op.f('rewards_positive_check')),
        sa.CheckConstraint('fee_minor >= 0', name=op.f('rewards_fee_not_below_zero_check')),
        sa.ForeignKeyConstraint(['beneficiary_id'], ['users.id'], name='rewards_beneficiary_id_fk'),
        sa.ForeignKeyConstraint(['bounty_id'], ['bounties.id'], name='rewards_bounty_id_fk'),
        sa.ForeignKeyConstraint(['business_id'], ['businesses.id'], name='rewards_business_id_fk'),
        sa.ForeignKeyConstraint(['conversion_id'], ['conversions.id'], name='rewards_conversion_id_fk'),
        sa.ForeignKeyConstraint(['lead_id'], ['leads.id'], name='rewards_lead_id_fk'),
        sa.PrimaryKeyConstraint('id', name='rewards_pk'),
        sa.UniqueConstraint('conversion_id', 'beneficiary_id', name='rewards_conversion_id_beneficiary_id_key')
    )
    op.create_index('rewards_beneficiary_id_idx', 'rewards', ['beneficiary_id'], unique=False)
    op.create_index('rewards_business_id_idx', 'rewards', ['business_id'], unique=False)
    op.create_index('rewards_lead_id_idx', 'rewards', ['lead_id'], unique=False)

    op.create_table('sale_refunds',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('conversion_id', sa.Text(), nullable=False),
        sa.Column('external_id', sa.Text(), nullable=False),
        sa.Column('amount_minor', sa.BigInteger(), nullable=False),
        sa.Column('recorded_by', sa.Text(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint('amount_minor > 0', name=op.f('sale_refunds_positive_check')),
        sa.ForeignKeyConstraint(['conversion_id'], ['conversions.id'], name='sale_refunds_conversion_id_fk'),
        sa.PrimaryKeyConstraint('id', name='sale_refunds_pk'),
        sa.UniqueConstraint('conversion_id', 'external_id', name='sale_refunds_conversion_id_external_id_key')
    )
    op.create_index('sale_refunds_conversion_id_idx', 'sale_refunds', ['conversion_id'], unique=False)

    op.create_table('clawbacks',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('reward_id', sa.Text(), nullable=False),
        sa.Column('sale_refund_id', sa.Text(), nullable=False),
        sa.Column('amount_minor', sa.BigInteger(), nullable=False),
        sa.Column('fee_minor', sa.BigInteger(), nullable=False),
        sa.Column('currency', sa.String(length=3), nullable=False),
        sa.Column('state', sa.Enum('taken', 'reversing', 'outstanding', name='clawback_state_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.CheckConstraint('amount_minor >= 0 AND fee_minor >= 0', name=op.f('clawbacks_not_below_zero_check')),
        sa.ForeignKeyConstraint(['reward_id'], ['rewards.id'], name='clawbacks_reward_id_fk'),
        sa.ForeignKeyConstraint(['sale_refund_id'], ['sale_refunds.id'], name='clawbacks_sale_refund_id_fk'),
        sa.PrimaryKeyConstraint('id', name='clawbacks_pk'),
        sa.UniqueConstraint('reward_id', 'sale_refund_id', name='clawbacks_reward_id_sale_refund_id_key')
    )

    # Statements are parted by empty lines.
    for statement in (SQL / f"0001_{op.get_bind().dialect.name}.sql").read_text().split("\n\n"):
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    for table in (
        "clawbacks", "sale_refunds", "rewards", "evidence", "conversions",
        "consent_grants", "transfer_reversals", "leads", "terms", "refunds",
        "payables", "transfers", "postings", "memberships", "fundings",
        "connected_accounts", "bounties", "api_keys", "users", "suppressions",
        "stripe_events", "outbox_messages", "ledger_entries", "ledger_accounts", "buyers",
        "businesses", "audit_events", "api_answers",
    ):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        for function in ("check_posting", "check_ledger_entry", "refuse_change"):
            op.execute(f"DROP FUNCTION {function}()")
