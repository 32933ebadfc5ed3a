"""What may be given for a referral, by category and place, as versioned rules with their citation."""
from datetime import UTC, date, datetime

import sqlalchemy as sa
from alembic import op

from migrations.changes import add_check, allow_values, drop_check

revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None

OLD = ('cars', 'home', 'solar', 'software', 'services', 'hiring', 'travel', 'education', 'health', 'other')
CATEGORIES = (*OLD[:-1], 'real_estate', 'insurance', 'other')
ALLOWED = ('cash', 'thank_you', 'nothing')
CITED_ON, ADDED_AT = date(2026, 11, 22), datetime(2026, 11, 22, tzinfo=UTC)
DEALER = "A salesperson licensed to sell vehicles there may be paid."

# From secondary sources, to be read by an admin with counsel: docs/law.md says so, and the admins' room.
SHIPPED = [
    ('us-ca-cars', 'cars', 'US-CA', 'thank_you', True,
     "In California a dealer may not pay an unlicensed person for sending a buyer, nor promise a buyer money for "
     "naming other buyers.", DEALER, "Cal. Vehicle Code § 11713(h); Cal. Civil Code § 2982.1",
     'https://leginfo.legislature.ca.gov/faces/codes_displayText.xhtml?lawCode=VEH&division=5.&chapter=4.&article=1.'),
    ('us-la-cars', 'cars', 'US-LA', 'thank_you', False,
     "Louisiana forbids “bird-dogging”: paying somebody for sending a car buyer.", "",
     "La. R.S. title 32, chapter 6 (dealers in motor vehicles)",
     'https://autofinanceinsider.blogspot.com/2009/12/dont-get-bitten-by-your-bird-dog.html'),
    ('us-oh-cars', 'cars', 'US-OH', 'thank_you', False,
     "In Ohio a dealer may pay for the sale of a car only to a salesperson licensed and in the dealer's employ.", DEALER,
     "Ohio R.C. 4517.01 to 4517.99 (dealers and salespersons)", 'https://codes.ohio.gov/ohio-revised-code/chapter-4517'),
    ('us-tx-cars', 'cars', 'US-TX', 'thank_you', False,
     "In Texas only an independent dealer may pay for a referral, and only to somebody who bought a car there within "
     "the last four years.", "Customers of the last four years, of an independent dealer.",
     "43 Tex. Admin. Code ch. 215 (referral fees, adopted 2024)",
     'https://txdmv.blogs.govdelivery.com/new-referral-fee-option-for-independent-dealers/'),
    ('ca-bc-cars', 'cars', 'CA-BC', 'thank_you', False,
     "In British Columbia only licensed people may be paid for bringing a car buyer.", DEALER,
     "Motor Dealer Act (R.S.B.C. 1996, c. 316); Motor Dealer Act Regulation",
     'https://www.bclaws.gov.bc.ca/civix/document/id/complete/statreg/96316_01'),
    ('us-real-estate', 'real_estate', 'US', 'nothing', True,
     "In the United States nobody may give or take anything of value for sending somebody to a settlement service of "
     "a mortgage loan on a home: no money, no credit, no gift.", "",
     "RESPA § 8, 12 U.S.C. § 2607; 12 C.F.R. § 1024.14", 'https://www.consumerfinance.gov/rules-policy/regulations/1024/14/'),
    ('us-insurance', 'insurance', 'US', 'thank_you', True,
     "In most states of the United States only licensed agents may be paid for bringing insurance business, and "
     "buyers may not be given a part of the premium.", "Licensed insurance agents may be paid.",
     "State insurance codes on rebating and unlicensed commissions (for example O.C.G.A. § 33-6-4; Cal. Ins. Code § 750)",
     ''),
    ('us-health', 'health', 'US', 'nothing', True,
     "In the United States nobody may give or take anything of value for sending a patient whose care a federal "
     "health programme may pay for; many states forbid it for every patient.", "",
     "Anti-Kickback Statute, 42 U.S.C. § 1320a-7b(b)", 'https://oig.hhs.gov/compliance/physician-education/fraud-abuse-laws/'),
]


def upgrade() -> None:
    allow_values('bounties', 'category', 'bounties_category_known_check', CATEGORIES)
    allow_values('terms', 'category', 'terms_category_known_check', CATEGORIES)
    op.add_column('terms', sa.Column('jurisdiction', sa.Text(), nullable=False, server_default=''))
    op.add_column('users', sa.Column('jurisdiction', sa.Text(), nullable=False, server_default=''))
    table = op.create_table('gate_rules',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('key', sa.Text(), nullable=False),
        sa.Column('number', sa.Integer(), nullable=False),
        sa.Column('category', sa.Enum(*CATEGORIES, name='category_known', native_enum=False, create_constraint=True,
                                      length=40), nullable=False),
        sa.Column('jurisdiction', sa.Text(), nullable=False),
        sa.Column('allows', sa.Enum(*ALLOWED, name='allowed_known', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('binds_buyer', sa.Boolean(), nullable=False),
        sa.Column('says', sa.Text(), nullable=False),
        sa.Column('exception', sa.Text(), nullable=False),
        sa.Column('citation', sa.Text(), nullable=False),
        sa.Column('source_url', sa.Text(), nullable=False),
        sa.Column('cited_on', sa.Date(), nullable=False),
        sa.Column('proposed_by', sa.Text(), nullable=True),
        sa.Column('reviewed_by', sa.Text(), nullable=True),
        sa.Column('reviewed_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint('(reviewed_by IS NULL) = (reviewed_at IS NULL)', name=op.f('gate_rules_reviewed_whole_check')),
        sa.CheckConstraint('number >= 1', name=op.f('gate_rules_number_from_one_check')),
        sa.CheckConstraint('proposed_by IS NOT NULL OR number = 1', name=op.f('gate_rules_shipped_is_first_check')),
        sa.CheckConstraint('reviewed_by <> proposed_by', name=op.f('gate_rules_reviewed_by_another_check')),
        sa.ForeignKeyConstraint(['proposed_by'], ['users.id'], name='gate_rules_proposed_by_fk'),
        sa.ForeignKeyConstraint(['reviewed_by'], ['users.id'], name='gate_rules_reviewed_by_fk'),
        sa.PrimaryKeyConstraint('id', name='gate_rules_pk'),
        sa.UniqueConstraint('key', 'number', name='gate_rules_key_number_key')
    )
    names = ('key', 'category', 'jurisdiction', 'allows', 'binds_buyer', 'says', 'exception', 'citation', 'source_url')
    op.add_column('leads', sa.Column('buyer_jurisdiction', sa.Text(), nullable=False, server_default=''))
    op.add_column('leads', sa.Column(
        'allowed', sa.String(length=40), sa.CheckConstraint(
            f"allowed IN {ALLOWED}", name=op.f('leads_allowed_known_check')),
        nullable=False, server_default='cash'))
    op.add_column('leads', sa.Column('gate_rule_id', sa.Text(), nullable=True))
    add_check('leads', 'leads_less_by_a_rule_check', "allowed = 'cash' OR gate_rule_id IS NOT NULL")
    op.bulk_insert(table, [
        {'id': f"gate_{place:026}", 'number': 1, 'cited_on': CITED_ON, 'created_at': ADDED_AT,
         **dict(zip(names, rule, strict=True))} for place, rule in enumerate(SHIPPED, start=1)])


def downgrade() -> None:
    op.drop_table('gate_rules')
    drop_check('leads', 'leads_less_by_a_rule_check')
    for column in ('gate_rule_id', 'allowed', 'buyer_jurisdiction'):
        op.drop_column('leads', column)
    op.drop_column('users', 'jurisdiction')
    op.drop_column('terms', 'jurisdiction')
    allow_values('terms', 'category', 'terms_category_known_check', OLD)
    allow_values('bounties', 'category', 'bounties_category_known_check', OLD)
