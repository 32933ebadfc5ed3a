"""The first locks of whoever moves a lead's money: orders of its business, funds of its bounty (payments/locks.py)."""
from sqlalchemy import bindparam, func, select

from marketplace.foundation.db import db, facts
from marketplace.payments.locks import lock_funds
from marketplace.referrals.models import Lead

_ORDERS = select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("business_id"), 0)))


def lock_orders_of(business_id: str) -> None:
    """Before the funds: who counts an order, or a buyer's first sale, waits for whoever counts it by another way in
    this moment, perhaps for another bounty, until that transaction ends. (SQLite locks the file.)"""
    if db.engine.dialect.name != "sqlite":
        facts(_ORDERS, {"business_id": business_id})


def lock_funds_of(*leads: Lead) -> None:
    """Of the bounties of all these leads at once, until this transaction ends. Call it before anything is changed."""
    lock_funds(*((lead.bounty_id, lead.terms.currency) for lead in leads))
