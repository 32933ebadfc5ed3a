"""Files that a business uploads, what it says of their columns, and what it brings from another programme."""
import sqlalchemy as sa
from alembic import op

revision = '0023'
down_revision = '0022'
branch_labels = None
depends_on = None

PURPOSES = ("conversions", "partners", "past_rewards")
UPLOAD_STATES = ("received", "checking", "checked", "taking", "taken", "discarded")
INVITATION_STATES = ("brought", "invited", "accepted", "declined", "removed")


def known(name, *values):
    return sa.Enum(*values, name=op.f(name), native_enum=False, length=40, create_constraint=True)


def upgrade() -> None:
    op.create_table('uploads',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('business_id', sa.Text(), nullable=False),
        sa.Column('uploaded_by', sa.Text(), nullable=False),
        sa.Column('purpose', known('upload_purpose_known', *PURPOSES), nullable=False),
        sa.Column('state', known('upload_state_known', *UPLOAD_STATES), nullable=False),
        sa.Column('file_name', sa.Text(), nullable=False),
        sa.Column('sha256', sa.Text(), nullable=False),
        sa.Column('size_bytes', sa.BigInteger(), nullable=False),
        sa.Column('line_count', sa.Integer(), nullable=False),
        sa.Column('encoding', sa.Text(), nullable=False),
        sa.Column('separator', sa.Text(), nullable=False),
        sa.Column('columns', sa.JSON(), nullable=False),
        sa.Column('choices', sa.JSON(), nullable=False),
        sa.Column('part_count', sa.Integer(), nullable=False),
        sa.Column('parts_done', sa.Integer(), nullable=False),
        sa.Column('row_count', sa.Integer(), nullable=False),
        sa.Column('counts', sa.JSON(), nullable=False),
        sa.Column('earns', sa.JSON(), nullable=False),
        sa.Column('chosen', sa.JSON(), nullable=False),
        sa.Column('checked_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('taken_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.CheckConstraint('parts_done BETWEEN 0 AND part_count', name=op.f('uploads_parts_done_within_check')),
        sa.CheckConstraint('size_bytes > 0 AND line_count > 0 AND part_count > 0', name=op.f('uploads_not_empty_check')),
        sa.ForeignKeyConstraint(['business_id'], ['businesses.id'], name='uploads_business_id_fk'),
        sa.ForeignKeyConstraint(['uploaded_by'], ['users.id'], name='uploads_uploaded_by_fk'),
        sa.PrimaryKeyConstraint('id', name='uploads_pk')
    )
    op.create_index('uploads_business_id_idx', 'uploads', ['business_id', 'id'], unique=False)
    op.create_index('uploads_sha256_idx', 'uploads', ['sha256'], unique=False)

    op.create_table('upload_parts',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('upload_id', sa.Text(), nullable=False),
        sa.Column('number', sa.Integer(), nullable=False),
        sa.Column('content', sa.LargeBinary(), nullable=False),
        sa.Column('first_row', sa.Integer(), nullable=True),
        sa.Column('outcomes', sa.LargeBinary(), nullable=True),
        sa.Column('counts', sa.JSON(), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(['upload_id'], ['uploads.id'], name='upload_parts_upload_id_fk'),
        sa.PrimaryKeyConstraint('id', name='upload_parts_pk'),
        sa.UniqueConstraint('upload_id', 'number', name='upload_parts_upload_id_number_key')
    )

    op.create_table('column_memories',
        sa.Column('business_id', sa.Text(), nullable=False),
        sa.Column('purpose', known('upload_purpose_known', *PURPOSES), nullable=False),
        sa.Column('columns', sa.JSON(), nullable=False),
        sa.Column('choices', sa.JSON(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(['business_id'], ['businesses.id'], name='column_memories_business_id_fk'),
        sa.PrimaryKeyConstraint('business_id', 'purpose', name='column_memories_pk')
    )

    op.create_table('upload_keys',
        sa.Column('upload_id', sa.Text(), nullable=False),
        sa.Column('key', sa.BigInteger(), nullable=False),
        sa.Column('row', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('upload_id', 'key', name='upload_keys_pk'),
        sqlite_with_rowid=False
    )
    if op.get_bind().dialect.name == 'postgresql':  # Made anew from the file; what a crash takes of it is found when rows are taken.
        op.execute('ALTER TABLE upload_keys SET UNLOGGED')

    op.create_table('partner_invitations',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('business_id', sa.Text(), nullable=False),
        sa.Column('bounty_id', sa.Text(), nullable=True),
        sa.Column('programme', sa.Text(), nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('email', sa.Text(), nullable=False),
        sa.Column('email_hash', sa.Text(), nullable=False),
        sa.Column('code', sa.Text(), nullable=True),
        sa.Column('code_key', sa.Text(), nullable=True),
        sa.Column('state', known('invitation_state_known', *INVITATION_STATES), nullable=False),
        sa.Column('user_id', sa.Text(), nullable=True),
        sa.Column('invited_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.CheckConstraint("(state = 'accepted') = (user_id IS NOT NULL)",
                           name=op.f('partner_invitations_accepted_by_somebody_check')),
        sa.CheckConstraint("state <> 'invited' OR bounty_id IS NOT NULL",
                           name=op.f('partner_invitations_invited_to_something_check')),
        sa.ForeignKeyConstraint(['bounty_id'], ['bounties.id'], name='partner_invitations_bounty_id_fk'),
        sa.ForeignKeyConstraint(['business_id'], ['businesses.id'], name='partner_invitations_business_id_fk'),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name='partner_invitations_user_id_fk'),
        sa.PrimaryKeyConstraint('id', name='partner_invitations_pk'),
        sa.UniqueConstraint('business_id', 'email_hash', name='partner_invitations_business_id_email_hash_key')
    )
    op.create_index('partner_invitations_email_hash_idx', 'partner_invitations', ['email_hash'], unique=False)
    op.create_index('partner_invitations_user_id_idx', 'partner_invitations', ['user_id'], unique=False)
    op.create_index('partner_invitations_one_code_key', 'partner_invitations', ['business_id', 'code_key'], unique=True,
                    postgresql_where=sa.text('code_key IS NOT NULL'), sqlite_where=sa.text('code_key IS NOT NULL'))

    op.create_table('past_rewards',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('business_id', sa.Text(), nullable=False),
        sa.Column('programme', sa.Text(), nullable=False),
        sa.Column('external_id', sa.Text(), nullable=False),
        sa.Column('partner_hash', sa.Text(), nullable=False),
        sa.Column('earned_on', sa.Date(), nullable=False),
        sa.Column('amount_minor', sa.BigInteger(), nullable=False),
        sa.Column('currency', sa.String(length=3), nullable=False),
        sa.Column('said', sa.Text(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(['business_id'], ['businesses.id'], name='past_rewards_business_id_fk'),
        sa.PrimaryKeyConstraint('id', name='past_rewards_pk'),
        sa.UniqueConstraint('business_id', 'programme', 'external_id',
                            name='past_rewards_business_id_programme_external_id_key')
    )
    op.create_index('past_rewards_partner_hash_idx', 'past_rewards', ['partner_hash'], unique=False)


def downgrade() -> None:
    for table in ('past_rewards', 'partner_invitations', 'upload_keys', 'column_memories', 'upload_parts', 'uploads'):
        op.drop_table(table)
