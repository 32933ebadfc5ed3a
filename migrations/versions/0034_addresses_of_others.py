"""Who is credited instead of a referrer is named in that lead's split by no address: whose lead it was could read it."""
import sqlalchemy as sa
from alembic import op

from marketplace.foundation.crypto import encrypt

revision = '0034'
down_revision = '0033'
branch_labels = None
depends_on = None

# A lead is credited anew once, by a split of everything, and no other follows on it.
CREDITED_ANEW = """UPDATE split_parts SET email = :nobody WHERE second_id IS NULL AND EXISTS (
    SELECT 1 FROM splits JOIN reattributions ON reattributions.lead_id = splits.lead_id
    WHERE splits.id = split_parts.split_id AND splits.own_bps = 0 AND splits.state = 'agreed'
    AND reattributions.to_id = split_parts.user_id)"""


def upgrade() -> None:
    op.get_bind().execute(sa.text(CREDITED_ANEW), {"nobody": encrypt("")})


def downgrade() -> None:
    """What was cleared stays so: the code of before reads such a split just as well."""
