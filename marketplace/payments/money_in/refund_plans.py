"""Which charges would get what back; and whether our balance at Stripe covers it now."""
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, func, select

from marketplace.foundation import clock
from marketplace.foundation.db import db, finish_reading
from marketplace.foundation.money import Money, zero
from marketplace.payments import ledger
from marketplace.payments.disputes import freezing
from marketplace.payments.locks import lock_funds
from marketplace.payments.models import (
    PLATFORM,
    AccountKind,
    Chargeback,
    Funding,
    FundingState,
    Refund,
    RefundOrigin,
    RefundState,
)
from marketplace.payments.stripe_gateway import gateway


@dataclass(frozen=True)
class Planned:
    """This much of what this charge brought in."""

    funding: Funding
    amount: Money


@dataclass(frozen=True)
class NotCovered:
    """Our balance at Stripe has less: sent now, it would go back with other people's money."""


def plan_refunds(
    bounty_id: str, currency: str, *, is_binding: bool = False, leaves_sent_back: bool = False
) -> list[Planned]:
    """All that is free, to the charges it came from, oldest first, each within its charge.

    ``is_binding``: nobody else touches the charges until this transaction ends. ``leaves_sent_back``: nobody asked, so
    what a bank has sent back to us stays for a person, and its charge with it.
    """
    fundings = lock_refundable(bounty_id, currency) if is_binding else (
        db.session.scalars(refundable(bounty_id, currency)).all())
    free = ledger.find_balance(AccountKind.FUNDS, bounty_id, currency)
    if leaves_sent_back:
        sent_back = sent_back_by_bank(funding.id for funding in fundings)
        free -= sum((min(sent_back[funding.id], funding.amount - funding.refunded)
                     for funding in fundings if funding.id in sent_back), zero(currency))
        fundings = [funding for funding in fundings if funding.id not in sent_back]
    planned = []
    for funding in fundings:
        part = min(free, funding.amount - funding.refunded)
        if part.minor > 0:
            planned.append(Planned(funding, part))
            free -= part
    return planned


def sent_back_by_bank(funding_ids: Iterable[str]) -> dict[str, Money]:
    """What banks did not take of our refunds, by funding: the card is closed, the account is gone."""
    rows = db.session.execute(
        select(Refund.funding_id, Refund.currency, func.sum(Refund.amount_minor)).where(
            Refund.funding_id.in_(list(funding_ids)), Refund.state == RefundState.FAILED,
            Refund.stripe_refund_id.is_not(None)).group_by(Refund.funding_id, Refund.currency))
    return {funding_id: Money(int(minor), currency) for funding_id, currency, minor in rows}


def refundable(bounty_id: str, currency: str) -> Select[Funding]:
    """Oldest first. A charge that its bank disputes is left to the bank."""
    disputed = select(Chargeback.funding_id).where(Chargeback.state.not_in(freezing.OVER))
    return (select(Funding).filter_by(purpose_id=bounty_id, currency=currency, state=FundingState.PAID)
            .where(Funding.id.not_in(disputed)).order_by(Funding.paid_at, Funding.id))


def lock_refundable(bounty_id: str, currency: str) -> Sequence[Funding]:
    lock_funds((bounty_id, currency))
    return db.session.scalars(
        refundable(bounty_id, currency).with_for_update(key_share=True).execution_options(populate_existing=True)).all()


def is_covered(refund: Refund, funding: Funding) -> bool:
    """By what is available, and by this charge's own money where that is still on its way to us.

    What Stripe kept of charges is missing in our balance at first. That is our own debt to Stripe, which it takes from
    our bank; it keeps nobody's refund waiting.
    """
    fees = ledger.find_balance(AccountKind.STRIPE_FEES, PLATFORM, refund.currency)
    finish_reading()
    told = gateway().read_balance().get(refund.currency)
    if told is None:  # What was parked may be in a currency that Stripe keeps in another one for us, and takes there.
        return refund.origin is RefundOrigin.UNMATCHED
    is_coming = funding.available_on is None or funding.available_on > clock.now()
    coming = min(max(told.pending_minor, 0), funding.amount_minor) if is_coming else 0
    return told.available_minor + coming - fees.minor >= refund.amount_minor
