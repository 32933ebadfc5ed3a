"""Which events of Stripe's tell of bad days, what is fetched for each, and which verb follows it."""
from typing import Any

from marketplace.payments.disputes.by_hand import note_made_refund
from marketplace.payments.disputes.chargebacks import note_dispute
from marketplace.payments.disputes.warnings import note_warning
from marketplace.payments.stripe_gateway import gateway
from marketplace.payments.stripe_readings import (
    DisputeReading,
    FraudWarningReading,
    MadeRefundReading,
)


def find_at_stripe(object_id: str) -> tuple[str, str] | None:
    """Nobody of ours may know it yet: what it is about is read at Stripe first."""
    return (object_id, object_id) if object_id else None


def fetch_dispute(dispute_id: str) -> DisputeReading:
    return gateway().read_dispute(dispute_id)


def fetch_refund(stripe_refund_id: str) -> MadeRefundReading:
    return gateway().read_made_refund(stripe_refund_id)


def fetch_refunds(charge_id: str) -> list[MadeRefundReading]:
    return gateway().list_refunds_of_charge(charge_id)


def fetch_failed_payment(charge_id: str) -> DisputeReading | None:
    return gateway().read_failed_payment(charge_id)


def fetch_warning(warning_id: str) -> FraudWarningReading:
    return gateway().read_fraud_warning(warning_id)


def apply_dispute(row_id: str, reading: DisputeReading | None, kind: str) -> str:
    return note_dispute(reading) if reading else "ignored: the payment had not succeeded before"


def apply_refund(row_id: str, reading: MadeRefundReading, kind: str) -> str:
    return note_made_refund(reading)


def apply_refunds(row_id: str, readings: list[MadeRefundReading], kind: str) -> str:
    return ", ".join(note_made_refund(reading) for reading in readings) or "ignored: no refund is there"


def apply_warning(row_id: str, reading: FraudWarningReading, kind: str) -> str:
    return note_warning(reading)


# What an event's type begins with -> (find, fetch, apply).
BAD_DAYS: dict[str, tuple[Any, Any, Any]] = {
    "charge.dispute.": (find_at_stripe, fetch_dispute, apply_dispute),
    "charge.refunded": (find_at_stripe, fetch_refunds, apply_refunds),
    "charge.failed": (find_at_stripe, fetch_failed_payment, apply_dispute),
    "refund.": (find_at_stripe, fetch_refund, apply_refund),
    "radar.early_fraud_warning.": (find_at_stripe, fetch_warning, apply_warning),
}
