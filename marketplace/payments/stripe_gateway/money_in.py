"""Payments that come in, and their refunds."""
from datetime import datetime
from typing import Literal, cast

import stripe

from marketplace.foundation.money import Money
from marketplace.payments.stripe_gateway.calls import PAGE, Calls, in_our_words, moment, says
from marketplace.payments.stripe_readings import (
    Checkout,
    CheckoutReading,
    RefundReading,
)


class MoneyIn(Calls):
    def open_checkout(
        self, *, funding_id: str, amount: Money, description: str, customer_email: str, success_url: str,
        cancel_url: str, expires_at: datetime, group: str, key: str,
    ) -> Checkout:
        """A hosted page on which ``amount`` is paid. ``expires_at`` lies 30 minutes to 24 hours ahead."""
        with in_our_words():
            session = self.client.v1.checkout.sessions.create({
                "mode": "payment",
                "line_items": [{
                    "quantity": 1,
                    "price_data": {"currency": amount.currency, "unit_amount": amount.minor,
                                   "product_data": {"name": description}},
                }],
                "client_reference_id": funding_id,
                "customer_email": customer_email,
                "metadata": {"funding_id": funding_id},
                "payment_intent_data": {"transfer_group": group, "metadata": {"funding_id": funding_id}},
                "success_url": success_url,
                "cancel_url": cancel_url,
                "expires_at": int(expires_at.timestamp()),
                # Else Stripe may charge another amount in the payer's own currency.
                "adaptive_pricing": {"enabled": False},
            }, {"idempotency_key": key})
            return Checkout(session.id, session.url or "", moment(session.expires_at))

    def read_checkout(self, session_id: str) -> CheckoutReading:
        with in_our_words():
            session = self.client.v1.checkout.sessions.retrieve(
                session_id, {"expand": ["payment_intent.latest_charge.balance_transaction"]})
            intent = cast("stripe.PaymentIntent | None", session.payment_intent)
            charge = cast("stripe.Charge | None", intent.latest_charge) if intent else None
            movement = cast("stripe.BalanceTransaction | None", charge.balance_transaction) if charge else None
            return CheckoutReading(
                status=cast("Literal['open', 'complete', 'expired']", session.status),
                payment_status=cast("Literal['paid', 'unpaid', 'no_payment_required']", session.payment_status),
                amount=Money(session.amount_total or 0, session.currency or ""),
                payment_intent_id=intent.id if intent else None,
                charge_id=charge.id if charge else None,
                fee=Money(movement.fee, movement.currency) if movement else None,
                available_on=moment(movement.available_on) if movement else None,
                livemode=session.livemode,
            )

    def expire_checkout(self, session_id: str, *, key: str) -> None:
        with in_our_words():
            self.client.v1.checkout.sessions.expire(session_id, {}, {"idempotency_key": key})

    def refund_payment(self, *, refund_id: str, payment_intent_id: str, amount: Money, key: str) -> RefundReading:
        """Give ``amount`` back to whoever paid. It may fail days later: read it again."""
        with in_our_words():
            return _refund(self.client.v1.refunds.create({
                "payment_intent": payment_intent_id, "amount": amount.minor,
                "reason": "requested_by_customer", "metadata": {"refund_id": refund_id},
            }, {"idempotency_key": key}))

    def read_refund(self, stripe_refund_id: str) -> RefundReading:
        with in_our_words():
            return _refund(self.client.v1.refunds.retrieve(stripe_refund_id))

    def find_refund(self, *, payment_intent_id: str, refund_id: str) -> RefundReading | None:
        with in_our_words():
            listed = self.client.v1.refunds.list({"payment_intent": payment_intent_id, "limit": PAGE})
            return next((_refund(one) for one in listed.auto_paging_iter() if says(one, "refund_id", refund_id)), None)


def _refund(refund: stripe.Refund) -> RefundReading:
    return RefundReading(refund.id, refund.status or "pending", getattr(refund, "failure_reason", None))
