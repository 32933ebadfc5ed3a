"""Payments that come in, and their refunds."""
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, cast

import stripe

from marketplace.foundation.money import Money
from marketplace.payments.stripe_gateway.calls import PAGE, Calls, in_our_words, moment, says
from marketplace.payments.stripe_readings import (
    Checkout,
    CheckoutReading,
    PaidWith,
    PaymentReading,
    RefundReading,
)

if TYPE_CHECKING:
    from stripe.params.checkout import SessionCreateParams

REFUSED = frozenset({"requires_payment_method", "canceled"})


class MoneyIn(Calls):
    def create_customer(self, *, business_id: str, name: str, email: str, key: str) -> str:
        """A business as Stripe shall know it. Gives its id."""
        with in_our_words():
            return self.client.v1.customers.create(
                {"name": name, "email": email, "metadata": {"business_id": business_id}}, {"idempotency_key": key}).id

    def open_checkout(
        self, *, funding_id: str, amount: Money, description: str, success_url: str, cancel_url: str,
        expires_at: datetime, group: str, key: str, customer_id: str = "", customer_email: str = "",
        keeps_card: bool = False,
    ) -> Checkout:
        """A hosted page on which ``amount`` is paid. ``expires_at`` lies 30 minutes to 24 hours ahead.

        By a customer, or by whoever has ``customer_email``. ``keeps_card``: the payer agreed to later charges.
        """
        asked: SessionCreateParams = {
            "mode": "payment",
            "line_items": [{
                "quantity": 1,
                "price_data": {"currency": amount.currency, "unit_amount": amount.minor,
                               "product_data": {"name": description}},
            }],
            "client_reference_id": funding_id,
            "metadata": {"funding_id": funding_id},
            "payment_intent_data": {"transfer_group": group, "metadata": {"funding_id": funding_id}},
            "success_url": success_url,
            "cancel_url": cancel_url,
            "expires_at": int(expires_at.timestamp()),
            # Else Stripe may charge another amount in the payer's own currency.
            "adaptive_pricing": {"enabled": False},
        }
        if keeps_card:
            asked["payment_intent_data"]["setup_future_usage"] = "off_session"
        if customer_id:
            asked["customer"] = customer_id
        else:
            asked["customer_email"] = customer_email
        with in_our_words():
            session = self.client.v1.checkout.sessions.create(asked, {"idempotency_key": key})
            return Checkout(session.id, session.url or "", moment(session.expires_at))

    def read_checkout(self, session_id: str) -> CheckoutReading:
        with in_our_words():
            session = self.client.v1.checkout.sessions.retrieve(
                session_id, {"expand": ["payment_intent.latest_charge.balance_transaction"]})
            intent = cast("stripe.PaymentIntent | None", session.payment_intent)
            payment = _payment(intent) if intent else None
            return CheckoutReading(
                status=cast("Literal['open', 'complete', 'expired']", session.status),
                payment_status=cast("Literal['paid', 'unpaid', 'no_payment_required']", session.payment_status),
                amount=Money(session.amount_total or 0, session.currency or ""),
                payment_intent_id=payment.payment_intent_id if payment else None,
                charge_id=payment.charge_id if payment else None,
                fee=payment.fee if payment else None,
                available_on=payment.available_on if payment else None,
                livemode=session.livemode,
                has_failed=session.status == "complete" and bool(payment and payment.status in REFUSED),
                failure=payment.failure if payment else None,
                paid_with=payment.paid_with if payment else None,
            )

    def charge_card(
        self, *, funding_id: str, customer_id: str, payment_method_id: str, amount: Money, description: str,
        group: str, key: str,
    ) -> PaymentReading:
        """Charge a kept card while nobody is there. A bank that refuses, or wants its owner, is an answer too."""
        with in_our_words():
            try:
                return _payment(self.client.v1.payment_intents.create({
                    "amount": amount.minor, "currency": amount.currency, "customer": customer_id,
                    "payment_method": payment_method_id, "off_session": True, "confirm": True,
                    "description": description, "transfer_group": group, "metadata": {"funding_id": funding_id},
                    "expand": ["latest_charge.balance_transaction"],
                }, {"idempotency_key": key}))
            except stripe.CardError as refusal:
                intent = refusal.error.payment_intent if refusal.error else None
                if intent is None:
                    raise
                return _payment(intent)

    def read_payment(self, payment_intent_id: str) -> PaymentReading:
        with in_our_words():
            return _payment(self.client.v1.payment_intents.retrieve(
                payment_intent_id, {"expand": ["latest_charge.balance_transaction"]}))

    def find_payment(self, *, funding_id: str, created_from: datetime) -> PaymentReading | None:
        with in_our_words():
            listed = self.client.v1.payment_intents.list(
                {"created": {"gte": int(created_from.timestamp())}, "limit": PAGE})
            found = next((one.id for one in listed.auto_paging_iter() if says(one, "funding_id", funding_id)), None)
        return self.read_payment(found) if found else None

    def cancel_payment(self, payment_intent_id: str, *, key: str) -> None:
        """So that what was refused can never be paid later. Refused where it was paid after all."""
        with in_our_words():
            self.client.v1.payment_intents.cancel(
                payment_intent_id, {"cancellation_reason": "abandoned"}, {"idempotency_key": key})

    def forget_card(self, payment_method_id: str, *, key: str) -> None:
        """It can never be charged again. Refused where it is gone already."""
        with in_our_words():
            self.client.v1.payment_methods.detach(payment_method_id, {}, {"idempotency_key": key})

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


def _payment(intent: stripe.PaymentIntent) -> PaymentReading:
    """Whatever was not expanded is not known yet."""
    charge = intent.latest_charge if isinstance(intent.latest_charge, stripe.Charge) else None
    movement = charge.balance_transaction if charge else None
    if not isinstance(movement, stripe.BalanceTransaction):
        movement = None
    error = intent.last_payment_error
    code = getattr(error, "code", None) if error else None
    return PaymentReading(
        payment_intent_id=intent.id, status=intent.status, amount=Money(intent.amount, intent.currency),
        charge_id=charge.id if charge else _id(intent.latest_charge),
        fee=Money(movement.fee, movement.currency) if movement else None,
        available_on=moment(movement.available_on) if movement else None, livemode=intent.livemode,
        failure_code=(getattr(error, "decline_code", None) or code) if error else None,
        failure=getattr(error, "message", None) if error else None,
        paid_with=_paid_with(charge) if charge else None)


def _id(named: object) -> str | None:
    return named if isinstance(named, str) else None


def _paid_with(charge: stripe.Charge) -> PaidWith | None:
    details: Any = charge.payment_method_details
    if details is None or not charge.payment_method:
        return None
    said = getattr(details, details.type, None)
    month, year = getattr(said, "exp_month", None), getattr(said, "exp_year", None)
    return PaidWith(
        id=charge.payment_method, kind=details.type, brand=getattr(said, "brand", None) or details.type,
        last4=getattr(said, "last4", None) or "", expires=f"{year}-{month:02}" if month and year else None,
        mark=getattr(said, "fingerprint", None))


def _refund(refund: stripe.Refund) -> RefundReading:
    return RefundReading(refund.id, refund.status or "pending", getattr(refund, "failure_reason", None))
