"""A payment that came in: counted once, with what Stripe kept of it; or parked where it is not what was asked for."""
from datetime import datetime
from typing import Protocol

from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.money import Money, show_money
from marketplace.foundation.traces import TraceKind, keep_traces
from marketplace.payments import ledger, lifecycle
from marketplace.payments.disputes.freezing import cover
from marketplace.payments.locks import lock_funds_of
from marketplace.payments.mode import is_live
from marketplace.payments.models import PLATFORM, AccountKind, Funding, FundingState
from marketplace.payments.stripe_readings import PaidWith

SYSTEM = audit.SYSTEM
S = FundingState


class Received(Protocol):
    """What both ways of paying tell of money that came in."""

    @property
    def amount(self) -> Money: ...
    @property
    def payment_intent_id(self) -> str | None: ...
    @property
    def charge_id(self) -> str | None: ...
    @property
    def fee(self) -> Money | None: ...
    @property
    def available_on(self) -> datetime | None: ...
    @property
    def livemode(self) -> bool: ...
    @property
    def paid_with(self) -> PaidWith | None: ...


def lock_funding(funding_id: str) -> Funding:
    """With its bounty's funds, as it is now, until this transaction ends."""
    lock_funds_of(Funding, funding_id)
    return db.session.get_one(Funding, funding_id, populate_existing=True, with_for_update={"key_share": True})


def settle_received(funding: Funding, received: Received) -> None:
    """The bounty has it, from now on; heard of again, it changes nothing but a fee that was not known yet.

    Another amount, currency or mode than asked for funds nothing: it is parked under its own name for a person.
    """
    if funding.state is not S.PAID:
        _settle_paid(funding, received)
    if funding.fee_minor is None and received.fee is not None and _is_kept(funding, received):
        funding.available_on = received.available_on
        _post_fee(funding, received.fee)


def _is_kept(funding: Funding, received: Received) -> bool:
    """Funded with, or parked in a currency in which we have a balance: Stripe kept its fee of it either way."""
    is_parked = funding.charge_id is not None and funding.charge_id == received.charge_id
    return funding.state is S.PAID or (
        is_parked and received.fee is not None and received.fee.currency == received.amount.currency)


def _settle_paid(funding: Funding, received: Received) -> None:
    wrong = _what_is_wrong(funding, received)
    if wrong:
        _park(funding, received, wrong)
        return
    funding.payment_intent_id, funding.charge_id = received.payment_intent_id, received.charge_id
    funding.paid_at, funding.failure, funding.failure_code = clock.now(), None, None
    if received.paid_with:
        funding.payment_method_id, funding.paid_with = received.paid_with.id, received.paid_with.words
    lifecycle.move_funding(funding, S.PAID, by=SYSTEM, stripe=received.payment_intent_id)
    if received.paid_with and received.paid_with.mark:
        keep_traces(funding.business_id, {TraceKind.ACCOUNT: received.paid_with.mark})
    ledger.move(funding.amount, source=ledger.clearing(funding.currency),
                target=ledger.account(AccountKind.FUNDS, funding.purpose_id, funding.currency),
                kind="funding", reference=f"{funding.id}:paid")
    cover(funding.purpose_id, funding.currency)
    outbox.promise("note_funding", funding_id=funding.id)
    outbox.promise("look_again_at_news", funding_id=funding.id)
    outbox.promise("send_letter", letter="funding_receipt", funding_id=funding.id)


def _post_fee(funding: Funding, fee: Money) -> None:
    """What Stripe kept is our expense, not the bounty's."""
    funding.fee_minor = fee.minor
    if fee.minor:
        ledger.move(fee, source=ledger.account(AccountKind.STRIPE_FEES, PLATFORM, fee.currency),
                    target=ledger.clearing(fee.currency), kind="stripe_fee", reference=f"{funding.id}:fee")


def _what_is_wrong(funding: Funding, received: Received) -> str:
    if received.livemode != is_live():
        return "The payment was made in Stripe's other mode (test or live)."
    if received.amount != funding.amount:
        return f"Stripe took {show_money(received.amount)} where {show_money(funding.amount)} was asked for."
    if received.fee is not None and received.fee.currency != funding.currency:
        return f"Stripe keeps this payment in {received.fee.currency.upper()}: our account there has no such balance."
    return ""


def _park(funding: Funding, received: Received, wrong: str) -> None:
    """Real money stands at Stripe that explains itself to nobody: it gets an account with the funding's name."""
    if funding.failure == wrong:
        return
    funding.failure = wrong
    real = received.livemode == is_live()
    audit.record("funding.refused", funding.id, by=SYSTEM, reason=wrong, stripe=received.payment_intent_id)
    if funding.state in {S.REQUESTED, S.OPEN, S.PROCESSING}:
        lifecycle.move_funding(funding, S.FAILED, by=SYSTEM, reason=wrong)
    if real and received.amount.minor > 0:
        funding.payment_intent_id, funding.charge_id = received.payment_intent_id, received.charge_id
        outbox.promise("look_again_at_news", funding_id=funding.id)
        outbox.promise("send_letter", letter="payment_unmatched", funding_id=funding.id)
        ledger.move(received.amount, source=ledger.clearing(received.amount.currency),
                    target=ledger.account(AccountKind.UNMATCHED, funding.id, received.amount.currency),
                    kind="funding_unmatched", reference=f"{funding.id}:unmatched")
