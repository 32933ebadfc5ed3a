"""What payers' banks want back: disputes, early fraud warnings, refunds that somebody else made."""
from typing import Any

import stripe

from marketplace.foundation.money import Money
from marketplace.payments.stripe_gateway.calls import PAGE, Calls, in_our_words, moment
from marketplace.payments.stripe_readings import (
    DisputeMovement,
    DisputeReading,
    FraudWarningReading,
    MadeRefundReading,
)


class Disputes(Calls):
    def read_dispute(self, dispute_id: str) -> DisputeReading:
        with in_our_words():
            return _dispute(self.client.v1.disputes.retrieve(dispute_id))

    def submit_evidence(self, dispute_id: str, *, text: str, key: str) -> DisputeReading:
        """To the bank, once: what was submitted cannot be changed. At most 20,000 characters."""
        with in_our_words():
            return _dispute(self.client.v1.disputes.update(
                dispute_id, {"evidence": {"uncategorized_text": text}, "submit": True}, {"idempotency_key": key}))

    def accept_dispute(self, dispute_id: str, *, key: str) -> DisputeReading:
        """Lost at once; the fee is not given back."""
        with in_our_words():
            return _dispute(self.client.v1.disputes.close(dispute_id, {}, {"idempotency_key": key}))

    def read_fraud_warning(self, warning_id: str) -> FraudWarningReading:
        with in_our_words():
            found = self.client.v1.radar.early_fraud_warnings.retrieve(warning_id)
            return FraudWarningReading(
                id=found.id, charge_id=_id(found.charge), fraud_type=found.fraud_type, is_actionable=found.actionable,
                livemode=found.livemode)

    def read_made_refund(self, stripe_refund_id: str) -> MadeRefundReading:
        with in_our_words():
            return _made(self.client.v1.refunds.retrieve(stripe_refund_id))

    def list_refunds_of_charge(self, charge_id: str) -> list[MadeRefundReading]:
        """All of them, whoever made them."""
        with in_our_words():
            listed = self.client.v1.refunds.list({"charge": charge_id, "limit": PAGE})
            return [_made(one) for one in listed.auto_paging_iter()]

    def read_failed_payment(self, charge_id: str) -> DisputeReading | None:
        """A payment that the bank took back after it had succeeded, told as a lost dispute; None if it did not."""
        with in_our_words():
            charge = self.client.v1.charges.retrieve(charge_id)
            if charge.status != "failed" or charge.balance_transaction is None:  # A card that was declined at once.
                return None
            listed = self.client.v1.balance_transactions.list(
                {"source": charge_id, "type": "payment_failure_refund", "limit": PAGE})
            moves = tuple(_movement(one) for one in listed.auto_paging_iter())
        if not moves:
            return None
        return DisputeReading(
            id=charge.id, status="lost", reason=charge.failure_code or "payment_failed",
            amount=Money(charge.amount, charge.currency), charge_id=charge.id,
            payment_intent_id=_id(charge.payment_intent), due_by=None, has_evidence=False, submissions=0,
            movements=moves, opened_at=moment(charge.created), livemode=charge.livemode, is_refundable=False)


def _dispute(found: stripe.Dispute) -> DisputeReading:
    details = found.evidence_details
    return DisputeReading(
        id=found.id, status=found.status, reason=found.reason, amount=Money(found.amount, found.currency),
        charge_id=_id(found.charge), payment_intent_id=_id(found.payment_intent),
        due_by=moment(details.due_by) if details.due_by else None, has_evidence=details.has_evidence,
        submissions=details.submission_count, movements=tuple(_movement(one) for one in found.balance_transactions),
        opened_at=moment(found.created), livemode=found.livemode, is_refundable=found.is_charge_refundable)


def _movement(one: stripe.BalanceTransaction) -> DisputeMovement:
    return DisputeMovement(one.id, taken=Money(-one.amount, one.currency), fee=Money(one.fee, one.currency))


def _made(found: stripe.Refund) -> MadeRefundReading:
    return MadeRefundReading(
        id=found.id, status=found.status or "pending", failure_reason=getattr(found, "failure_reason", None),
        amount=Money(found.amount, found.currency), charge_id=_id(found.charge),
        payment_intent_id=_id(found.payment_intent), refund_id=getattr(found.metadata, "refund_id", None))


def _id(thing: Any) -> str | None:
    """Stripe gives the id, or the whole object where it is asked to."""
    return thing if thing is None or isinstance(thing, str) else str(thing.id)
