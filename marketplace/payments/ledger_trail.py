"""Where an account's money came from: its entries followed backwards, to the funds that a business paid in."""
from sqlalchemy import bindparam, select
from sqlalchemy.orm import aliased

from marketplace.foundation.db import facts
from marketplace.payments.models import Account, AccountKind, LedgerAccount, Posting

LONGEST = 12  # Funds, reserved, held, payable, and what shares and rests add.
_other = aliased(Posting)
PAID_IN = (
    select(*(LedgerAccount.__table__.c[name] for name in Account._fields))
    .join(_other, _other.account_id == LedgerAccount.id).join(Posting, Posting.entry_id == _other.entry_id)
    .where(Posting.account_id == bindparam("account_id"), Posting.amount_minor > 0, _other.amount_minor < 0,
           LedgerAccount.currency == bindparam("currency"))
    .order_by(Posting.seq, _other.amount_minor).limit(1))


def find_source(account: Account, kind: AccountKind) -> Account:
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


def _came_from(account: Account) -> Account | None:
    """The first entry that paid in here: the account that paid it."""
    found = facts(PAID_IN, {"account_id": account.id, "currency": account.currency}).first()
    return Account._make(found) if found else None
