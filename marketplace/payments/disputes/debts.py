"""What a business owes us beyond its funds: raised, paid out of what it pays in, written off by an admin's entry."""
from sqlalchemy import Select, select

from marketplace.foundation import audit, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, require
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import Money
from marketplace.identity.models import User
from marketplace.payments import ledger
from marketplace.payments.models import PLATFORM, Account, AccountKind, BusinessDebt
from marketplace.payments.permissions import may_settle


class NothingOwed(Conflict):
    code = "nothing_owed"


def find_debt(source_id: str) -> BusinessDebt | None:
    """Of this chargeback or refund; locked."""
    return db.session.get(BusinessDebt, source_id, populate_existing=True, with_for_update={"key_share": True})


def owed_by(source_id: str, currency: str) -> Money:
    """To be shown; not locked."""
    debt = db.session.get(BusinessDebt, source_id)
    return debt.owed if debt else Money(0, currency)


def owed_for(source_id: str, currency: str) -> Money:
    """As it is now, and nobody else changes it until this transaction ends."""
    debt = find_debt(source_id)
    return debt.owed if debt else Money(0, currency)


def change_debt(source_id: str, by_minor: int, *, business_id: str, purpose_id: str, currency: str) -> None:
    """Up or down, as the caller posts it in the same transaction."""
    debt = find_debt(source_id)
    if debt is None:
        debt = BusinessDebt(id=source_id, business_id=business_id, purpose_id=purpose_id,
                            owed=Money(0, currency), written_off_minor=0)
        db.session.add(debt)
    debt.owed_minor += by_minor
    db.session.flush()
    audit.record("debt.raised" if by_minor > 0 else "debt.lowered", source_id, by=audit.SYSTEM, business=business_id,
                 amount_minor=abs(by_minor), currency=currency)


def raise_debt(
    source_id: str, amount: Money, *, target: Account, business_id: str, purpose_id: str
) -> None:
    """The business owes ``amount``, and ``target`` has it: what a ruling gives that no free funds can pay."""
    ledger.move(amount, source=debt_account(source_id, amount.currency), target=target, kind="debt_raised",
                reference=f"{source_id}:owed")
    change_debt(source_id, amount.minor, business_id=business_id, purpose_id=purpose_id, currency=amount.currency)


def debt_account(source_id: str, currency: str) -> Account:
    return ledger.account(AccountKind.OWED_BY_BUSINESS, source_id, currency)


def open_debts(purpose_id: str | None = None) -> Select[BusinessDebt]:
    """Oldest first; of one bounty, or of all."""
    debts = select(BusinessDebt).where(BusinessDebt.owed_minor > 0).order_by(BusinessDebt.created_at, BusinessDebt.id)
    return debts if purpose_id is None else debts.where(BusinessDebt.purpose_id == purpose_id)


def write_off(source_id: str, *, by: User, reason: str) -> Money:
    """All that is still owed becomes our loss. NothingOwed (409) when nothing is."""
    require(may_settle(by, None), "write off what a business owes")
    debt = find_debt(source_id)
    if debt is None or debt.owed_minor == 0:
        raise NothingOwed("The business owes nothing for this.", next_step="Reload the page.")
    require(may_settle(by, debt.business_id), "write off what a business of yours owes")
    lost = debt.owed
    ledger.move(lost, source=ledger.account(AccountKind.LOSSES, PLATFORM, lost.currency),
                target=debt_account(source_id, lost.currency), kind="debt_written_off",
                reference=f"{source_id}:written_off:{new_id('write_off')}")
    debt.written_off_minor += lost.minor
    debt.owed_minor = 0
    audit.record("debt.written_off", source_id, by=by.id, amount_minor=lost.minor, currency=lost.currency,
                 reason=reason)
    outbox.promise("note_bad_day", source_id=source_id)
    outbox.promise("send_letter", letter="debt_written_off", source_id=source_id)
    return lost
