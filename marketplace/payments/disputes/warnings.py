"""The card's bank suspects fraud: what is free goes back at once, cheaper than a chargeback; the rest waits."""
from sqlalchemy import select

from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, require
from marketplace.identity.models import User
from marketplace.payments import ledger
from marketplace.payments.disputes import lifecycle
from marketplace.payments.disputes.queries import find_funding
from marketplace.payments.mode import is_live
from marketplace.payments.models import (
    AccountKind,
    Chargeback,
    FraudWarning,
    Funding,
    FundingState,
    WarningState,
)
from marketplace.payments.money_in.refunds import request_refund
from marketplace.payments.permissions import may_settle
from marketplace.payments.stripe_readings import FraudWarningReading


class WarningEnded(Conflict):
    code = "warning_ended"


def note_warning(reading: FraudWarningReading) -> str:
    """What Stripe says of an early fraud warning, however often. A chargeback that comes closes it itself."""
    funding = find_funding(charge_id=reading.charge_id, payment_intent_id=None)
    if funding is None or reading.livemode != is_live():
        return "ignored: the warning is about no funding of ours"
    warning = db.session.scalar(select(FraudWarning).filter_by(stripe_id=reading.id))
    if warning is None and not _calls_for_something(funding, reading):
        return "ignored: the payment is disputed or refunded already"
    if warning is None:
        warning = _open(funding, reading)
    return f"fraud warning {warning.state}"


def _calls_for_something(funding: Funding, reading: FraudWarningReading) -> bool:
    disputed = select(Chargeback.id).filter_by(funding_id=funding.id).limit(1)
    return reading.is_actionable and funding.state is FundingState.PAID and db.session.scalar(disputed) is None


def _open(funding: Funding, reading: FraudWarningReading) -> FraudWarning:
    warning = FraudWarning(stripe_id=reading.id, funding_id=funding.id, business_id=funding.business_id,
                           purpose_id=funding.purpose_id, fraud_type=reading.fraud_type, state=WarningState.OPEN)
    db.session.add(warning)
    db.session.flush()
    audit.record("fraud_warning.opened", warning.id, by=audit.SYSTEM, funding=funding.id, stripe=reading.id,
                 reason=reading.fraud_type)
    funds = ledger.account(AccountKind.FUNDS, funding.purpose_id, funding.currency)
    free = min(ledger.balance(funds), funding.amount - funding.refunded)
    if free.minor > 0:
        request_refund(funding, free, source=funds, by=audit.SYSTEM)
    outbox.promise("note_bad_day", source_id=warning.id)
    outbox.promise("send_letter", letter="fraud_warning", warning_id=warning.id)
    return warning


def close_warning(warning_id: str, *, by: User, reason: str) -> FraudWarning:
    """An admin looked: the rewards and the bounty may go on. WarningEnded (409) when it was closed before."""
    warning = db.session.get_one(FraudWarning, warning_id, populate_existing=True, with_for_update={"key_share": True})
    require(may_settle(by, warning.business_id), "close a fraud warning")
    if warning.state is not WarningState.OPEN:
        raise WarningEnded("This warning was closed before.", next_step="Reload the page.")
    _close(warning, by=by.id, reason=reason)
    return warning


def close_for_chargeback(funding_id: str) -> None:
    """What was warned of has come: the chargeback holds what the warning held."""
    for warning in db.session.scalars(
            select(FraudWarning).filter_by(funding_id=funding_id, state=WarningState.OPEN)
            .with_for_update(key_share=True)).all():
        _close(warning, by=audit.SYSTEM, reason="A chargeback came.")


def _close(warning: FraudWarning, *, by: str, reason: str) -> None:
    warning.closed_at = clock.now()
    lifecycle.move_warning(warning, WarningState.CLOSED, by=by, reason=reason)
    outbox.promise("note_bad_day", source_id=warning.id)
