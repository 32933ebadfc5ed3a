"""Where an account's money came from: its entries followed backwards, to the funds that a business paid in."""
from sqlalchemy import select
from sqlalchemy.orm import aliased

from marketplace.foundation.db import db
from marketplace.payments.models import AccountKind, LedgerAccount, Posting

LONGEST = 12  # Funds, reserved, held, payable, and what shares and rests add.


def find_source(account: LedgerAccount, kind: AccountKind) -> LedgerAccount:
    """The account of this ``kind`` from which money first came here. LookupError where the trail leads to none."""
    here = account
    for _ in range(LONGEST):
        if here.kind is kind:
            return here
        before = _came_from(here)
        if before is None:
            break
        here = before
    raise LookupError(f"no {kind} account behind {account.kind} of {account.owner_id}")


def _came_from(account: LedgerAccount) -> LedgerAccount | None:
    """The first entry that paid in here: the account that paid it."""
    other = aliased(Posting)
    return db.session.scalar(
        select(LedgerAccount).join(other, other.account_id == LedgerAccount.id)
        .join(Posting, Posting.entry_id == other.entry_id)
        .where(Posting.account_id == account.id, Posting.amount_minor > 0, other.amount_minor < 0,
               LedgerAccount.currency == account.currency)
        .order_by(Posting.seq, other.amount_minor).limit(1))
