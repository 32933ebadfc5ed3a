"""Which charges would get what back, what is left of each; and whether our balance at Stripe covers it now."""
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, func, select

from marketplace.foundation import clock
from marketplace.foundation.db import db, finish_reading
from marketplace.foundation.money import Money, zero
from marketplace.payments import ledger
from marketplace.payments.locks import lock_funds
from marketplace.payments.models import (
    PLATFORM,
    AccountKind,
    Chargeback,
    ChargebackState,
    Funding,
    FundingState,
    Refund,
    RefundOrigin,
    RefundState,
)
from marketplace.payments.stripe_gateway import gateway

UNDECIDED = (ChargebackState.INQUIRY, ChargebackState.OPEN)
DISPUTED = "Its bank is looking into this payment: until it has decided, nothing of it can go back."
TAKEN = "Its bank took back a part of this payment, and Stripe refunds no more of it. Write to us: we pay it otherwise."


@dataclass(frozen=True)
class Planned:
    """This much of what this charge brought in."""

    funding: Funding
    amount: Money


@dataclass(frozen=True)
class Left:
    """What neither went back nor was taken by its bank of one payment. ``why_kept``: why we refund nothing of it."""

    funding: Funding
    amount: Money
    why_kept: str | None


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
    found = lock_refundable(bounty_id, currency) if is_binding else (
        [one for one in left_of(db.session.scalars(_paid(bounty_id, currency)).all()) if one.why_kept is None])
    free = ledger.find_balance(AccountKind.FUNDS, bounty_id, currency)
    if leaves_sent_back:
        sent_back = sent_back_by_bank(one.funding.id for one in found)
        free -= sum((min(sent_back[one.funding.id], one.amount) for one in found if one.funding.id in sent_back),
                    zero(currency))
        found = [one for one in found if one.funding.id not in sent_back]
    planned = []
    for one in found:
        part = min(free, one.amount)
        if part.minor > 0:
            planned.append(Planned(one.funding, part))
            free -= part
    return planned


def find_kept(bounty_id: str, currency: str) -> list[Left]:
    """The payments that a plan passes by, oldest first, each with its reason."""
    return [one for one in left_of(db.session.scalars(_paid(bounty_id, currency)).all())
            if one.why_kept is not None and one.amount.minor > 0]


def left_of(fundings: Sequence[Funding]) -> list[Left]:
    """A charge that its bank disputes is left to the bank; where it took a part, Stripe says if the rest may go."""
    taken: dict[str, int] = {}
    why_kept: dict[str, str] = {}
    for chargeback in db.session.scalars(
            select(Chargeback).where(Chargeback.funding_id.in_([funding.id for funding in fundings]))).all():
        of_one = chargeback.funding_id
        taken[of_one] = taken.get(of_one, 0) + chargeback.taken.minor
        if chargeback.state in UNDECIDED:
            why_kept[of_one] = DISPUTED
        elif chargeback.state is ChargebackState.LOST and not chargeback.is_refundable:
            why_kept.setdefault(of_one, TAKEN)
    return [Left(one, max(one.amount - one.refunded - Money(taken.get(one.id, 0), one.currency), zero(one.currency)),
                 why_kept.get(one.id)) for one in fundings]


def sent_back_by_bank(funding_ids: Iterable[str]) -> dict[str, Money]:
    """What banks did not take of our refunds, by funding: the card is closed, the account is gone."""
    rows = db.session.execute(
        select(Refund.funding_id, Refund.currency, func.sum(Refund.amount_minor)).where(
            Refund.funding_id.in_(list(funding_ids)), Refund.state == RefundState.FAILED,
            Refund.stripe_refund_id.is_not(None)).group_by(Refund.funding_id, Refund.currency))
    return {funding_id: Money(int(minor), currency) for funding_id, currency, minor in rows}


def _paid(bounty_id: str, currency: str) -> Select[Funding]:
    """Oldest first."""
    return (select(Funding).filter_by(purpose_id=bounty_id, currency=currency, state=FundingState.PAID)
            .order_by(Funding.paid_at, Funding.id))


def lock_refundable(bounty_id: str, currency: str) -> list[Left]:
    """What may go back, oldest payment first, as it is until this transaction ends."""
    lock_funds((bounty_id, currency))
    fundings = db.session.scalars(_paid(bounty_id, currency).with_for_update(key_share=True)
                                  .execution_options(populate_existing=True)).all()
    return [one for one in left_of(fundings) if one.why_kept is None]


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
