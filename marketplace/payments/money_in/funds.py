"""A bounty's free funds, and what is kept of them for one accepted lead."""
from marketplace.foundation import audit
from marketplace.foundation.money import Money, zero
from marketplace.payments import ledger
from marketplace.payments.disputes.freezing import cover, thaw_owner
from marketplace.payments.models import Account, AccountKind


def free_funds(bounty_id: str, currency: str) -> Money:
    """Paid in, and kept for no lead."""
    return ledger.find_balance(AccountKind.FUNDS, bounty_id, currency)


def reserved_for(lead_id: str, currency: str) -> Money:
    return ledger.find_balance(AccountKind.RESERVED, lead_id, currency)


def reserve(lead_id: str, *, bounty_id: str, amount: Money) -> None:
    """funds -> reserved. NotEnoughMoney (409) when less is free. A lead freed before may be reserved anew.

    Nothing is posted where the terms promise no money.
    """
    if amount.minor == 0:
        return
    reserved = ledger.account(AccountKind.RESERVED, lead_id, amount.currency)
    ledger.move(amount, source=ledger.account(AccountKind.FUNDS, bounty_id, amount.currency), target=reserved,
                kind="reserve", reference=_numbered(reserved, "reserved"))
    audit.record("funds.reserved", lead_id, by=audit.SYSTEM, bounty=bounty_id, amount_minor=amount.minor,
                 currency=amount.currency)


def free_reservation(lead_id: str, *, bounty_id: str, currency: str, why: str) -> None:
    """reserved -> funds: all that is left of it; nothing where nothing is."""
    free_beyond(lead_id, bounty_id=bounty_id, keep=zero(currency), why=why)


def free_beyond(lead_id: str, *, bounty_id: str, keep: Money, why: str) -> None:
    """reserved -> funds: what is reserved beyond ``keep``; nothing where no more than that is."""
    thaw_owner(lead_id)
    spare = reserved_for(lead_id, keep.currency) - keep
    if spare.minor <= 0:
        return
    reserved = ledger.account(AccountKind.RESERVED, lead_id, keep.currency)
    ledger.move(spare, source=reserved, target=ledger.account(AccountKind.FUNDS, bounty_id, keep.currency),
                kind="free_reservation", reference=_numbered(reserved, "freed"))
    audit.record("funds.freed", lead_id, by=audit.SYSTEM, bounty=bounty_id, amount_minor=spare.minor,
                 currency=keep.currency, why=why)
    cover(bounty_id, keep.currency)


def _numbered(reserved: Account, what: str) -> str:
    """The same act done twice at once takes one number, and so is posted once."""
    return f"{reserved.owner_id}:{what}:{ledger.count_postings(reserved) + 1}"
