"""A payment that is not what was asked for waits for an admin: back to who paid it, or to the bounty it was for."""
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, require
from marketplace.foundation.money import Money
from marketplace.identity.models import User
from marketplace.payments import ledger, lifecycle
from marketplace.payments.disputes.freezing import cover
from marketplace.payments.models import (
    AccountKind,
    Funding,
    FundingState,
    LedgerAccount,
    Posting,
    Refund,
    RefundOrigin,
)
from marketplace.payments.money_in.refunds import request_refund
from marketplace.payments.money_in.settling import lock_funding
from marketplace.payments.permissions import may_settle


class NothingUnmatched(Conflict):
    code = "nothing_unmatched"


class OtherCurrency(Conflict):
    code = "other_currency"


@dataclass(frozen=True)
class Unmatched:
    funding: Funding
    amount: Money

    @property
    def fits(self) -> bool:
        """Whether the bounty could have it: in another currency it could not be kept."""
        return self.amount.currency == self.funding.currency and self.funding.state is not FundingState.PAID


def all_unmatched() -> Sequence[Unmatched]:
    """What waits for a decision, oldest first."""
    total = func.sum(Posting.amount_minor)
    found = db.session.execute(
        select(LedgerAccount.owner_id, LedgerAccount.currency, total)
        .join(Posting, Posting.account_id == LedgerAccount.id)
        .join(Funding, Funding.id == LedgerAccount.owner_id)  # What admins booked of unknown movements is not theirs.
        .where(LedgerAccount.kind == AccountKind.UNMATCHED)
        .group_by(LedgerAccount.owner_id, LedgerAccount.currency).having(total > 0).order_by(LedgerAccount.owner_id))
    return [Unmatched(db.session.get_one(Funding, owner_id), Money(int(minor), currency))
            for owner_id, currency, minor in found]


def give_back(funding_id: str, *, by: User) -> Refund:
    """All of it to the card or account that it came from. NothingUnmatched (409) when nothing waits."""
    parked = _lock(funding_id, by)
    return request_refund(parked.funding, parked.amount, by=by.id, origin=RefundOrigin.UNMATCHED,
                          source=ledger.account(AccountKind.UNMATCHED, funding_id, parked.amount.currency))


def assign_to_bounty(funding_id: str, *, by: User) -> Funding:
    """The bounty takes what came instead of what was asked for. OtherCurrency (409) where it could not keep it."""
    parked = _lock(funding_id, by)
    funding, amount = parked.funding, parked.amount
    if not parked.fits:
        raise OtherCurrency("This bounty cannot keep that payment.", next_step="Give it back to who paid it.")
    funding.amount, funding.paid_at, funding.failure = amount, clock.now(), None
    lifecycle.move_funding(funding, FundingState.PAID, by=by.id, reason="assigned by an admin")
    ledger.move(amount, source=ledger.account(AccountKind.UNMATCHED, funding_id, amount.currency),
                target=ledger.account(AccountKind.FUNDS, funding.purpose_id, amount.currency),
                kind="unmatched_assigned", reference=f"{funding_id}:assigned")
    cover(funding.purpose_id, amount.currency)
    outbox.promise("note_funding", funding_id=funding_id)
    outbox.promise("look_again_at_news", funding_id=funding_id)  # A warning calls for nothing while it is parked.
    outbox.promise("send_letter", letter="payment_assigned", funding_id=funding_id)
    return funding


def _lock(funding_id: str, by: User) -> Unmatched:
    funding = lock_funding(funding_id)
    require(may_settle(by, funding.business_id), "decide about a payment that matched nothing")
    found = next((one for one in all_unmatched() if one.funding.id == funding_id), None)
    if found is None:
        raise NothingUnmatched("Nothing of this payment waits for a decision.", next_step="Reload the page.")
    audit.record("payment.decided", funding_id, by=by.id, amount_minor=found.amount.minor,
                 currency=found.amount.currency)
    return found
