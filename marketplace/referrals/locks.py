"""The first lock of whoever moves a lead's money: its bounty's funds, in the order of the house (payments/locks.py)."""
from marketplace.payments.locks import lock_funds
from marketplace.referrals.models import Lead


def lock_funds_of(*leads: Lead) -> None:
    """Of the bounties of all these leads at once, until this transaction ends. Call it before anything is changed."""
    lock_funds(*((lead.bounty_id, lead.terms.currency) for lead in leads))
