"""The first lock: who moves a bounty's money waits for its funds before any other row, so nobody waits in a circle.

Before it, where an order is counted: the orders of its business (referrals/locks.py). After it, where several are
needed: leads and rewards (ascending id), fundings, chargebacks, payables (ascending id), transfers and reversals, other
ledger accounts. (SQLite locks the file.)
"""
from collections.abc import Iterable
from typing import Any

from sqlalchemy import bindparam, select, tuple_

from marketplace.foundation.db import db, facts
from marketplace.payments.models import AccountKind, LedgerAccount

_lock = select(LedgerAccount.id).order_by(LedgerAccount.id).with_for_update(key_share=True)
FUNDS = _lock.where(LedgerAccount.kind == AccountKind.FUNDS, tuple_(LedgerAccount.owner_id, LedgerAccount.currency).in_(
    bindparam("bounties", expanding=True)))
ACCOUNTS = _lock.where(LedgerAccount.id.in_(bindparam("ids", expanding=True)))


def lock_funds(*bounties: tuple[str, str]) -> None:
    """Of these (bounty, currency), where money was ever paid in; until this transaction ends.

    Call it before anything is changed: what the session has changed by then is written, and so locked, first.
    """
    if db.engine.dialect.name != "sqlite":
        facts(FUNDS, {"bounties": bounties})


def lock_funds_of(row: type[Any], row_id: str) -> None:
    """Of the bounty whose funding or chargeback this is. The row itself is not loaded: it is read under the lock."""
    bounty = db.session.execute(select(row.purpose_id, row.currency).where(row.id == row_id)).one()
    lock_funds((bounty.purpose_id, bounty.currency))


def lock_accounts(ids: Iterable[str]) -> None:
    """Ledger accounts, ascending by id."""
    if db.engine.dialect.name != "sqlite":
        facts(ACCOUNTS, {"ids": sorted(set(ids))})
