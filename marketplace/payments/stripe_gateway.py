"""The one door to Stripe: takes and gives our words, so the rest of the house never meets the stripe package.

Every call that changes something takes ``key``, the idempotency key its caller has already committed. The same client
speaks to Stripe or to the sandbox; only the base address differs.
"""
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, cast

import stripe
from flask import current_app

from marketplace.foundation.money import Money
from marketplace.payments.stripe_readings import (
    BalanceReading,
    BalanceTransaction,
    Checkout,
    CheckoutReading,
    ConnectedAccountReading,
    EventReading,
    OutcomeUnknown,
    PermanentFailure,
    RefundReading,
    TemporaryFailure,
    TransferReading,
    put_plainly,
)

if TYPE_CHECKING:
    from stripe._base_address import BaseAddresses
    from stripe.params.v2.core import AccountLinkCreateParams

__all__ = [
    "API_VERSION", "BalanceReading", "BalanceTransaction", "Checkout", "CheckoutReading", "ConnectedAccountReading",
    "EventReading", "OutcomeUnknown", "PermanentFailure", "RefundReading", "StripeGateway", "TemporaryFailure",
    "TransferReading", "gateway", "make_gateway",
]

# The version whose published schema the contract tests hold every request and answer against.
API_VERSION = "2026-05-27.dahlia"
CONNECT_SECONDS, READ_SECONDS = 5, 20  # The SDK would wait 80 seconds.
NETWORK_RETRIES = 2  # StripeClient retries nothing unless told to.
PAGE = 100  # The most that Stripe gives in one page.

stripe.enable_telemetry = False


def make_gateway(
    secret_key: str, *, api_base: str | None = None, network_retries: int = NETWORK_RETRIES
) -> "StripeGateway":
    """A gateway to Stripe, or to whatever speaks its API at ``api_base``."""
    elsewhere: "BaseAddresses | None" = None
    if api_base:
        base = api_base.rstrip("/")
        elsewhere = {"api": base, "files": base, "connect": base, "meter_events": base}
    return StripeGateway(stripe.StripeClient(
        secret_key,
        base_addresses=elsewhere,
        max_network_retries=network_retries,
        http_client=stripe.RequestsClient(timeout=(CONNECT_SECONDS, READ_SECONDS)),
        stripe_version=API_VERSION,
    ))


def gateway() -> "StripeGateway":
    """The one that create_app was given."""
    return cast("StripeGateway", current_app.extensions["gateway"])


@dataclass(frozen=True)
class StripeGateway:
    """All methods raise TemporaryFailure, OutcomeUnknown or PermanentFailure, and nothing else."""

    client: stripe.StripeClient

    # --- money in -----------------------------------------------------------------------------------------------

    def open_checkout(
        self, *, funding_id: str, amount: Money, description: str, customer_email: str, success_url: str,
        cancel_url: str, expires_at: datetime, group: str, key: str,
    ) -> Checkout:
        """A hosted page on which ``amount`` is paid. ``expires_at`` lies 30 minutes to 24 hours ahead."""
        with _in_our_words():
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
            return Checkout(session.id, session.url or "", _moment(session.expires_at))

    def read_checkout(self, session_id: str) -> CheckoutReading:
        with _in_our_words():
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
                available_on=_moment(movement.available_on) if movement else None,
                livemode=session.livemode,
            )

    def expire_checkout(self, session_id: str, *, key: str) -> None:
        with _in_our_words():
            self.client.v1.checkout.sessions.expire(session_id, {}, {"idempotency_key": key})

    # --- people who are paid ------------------------------------------------------------------------------------

    def create_connected_account(
        self, *, user_id: str, email: str, display_name: str, country: str, currency: str, key: str,
    ) -> str:
        """A recipient account (Accounts v2, Express dashboard); we bear its fees and losses. Gives its id."""
        with _in_our_words():
            account = self.client.v2.core.accounts.create({
                "contact_email": email,
                "display_name": display_name,
                "dashboard": "express",
                "identity": {"country": country, "entity_type": "individual"},
                "configuration": {"recipient": {"capabilities": {
                    "stripe_balance": {"stripe_transfers": {"requested": True}}}}},
                "defaults": {"currency": currency, "responsibilities": {
                    "fees_collector": "application", "losses_collector": "application"}},
                "metadata": {"user_id": user_id},
            }, {"idempotency_key": key})
            return account.id

    def read_connected_account(self, account_id: str) -> ConnectedAccountReading:
        with _in_our_words():
            account = self.client.v2.core.accounts.retrieve(
                account_id, {"include": ["configuration.recipient", "requirements"]})  # Else both come back empty.
            recipient = account.configuration.recipient if account.configuration else None
            balance = recipient.capabilities.stripe_balance if recipient and recipient.capabilities else None
            transfers = balance.stripe_transfers if balance else None
            entries = (account.requirements.entries if account.requirements else None) or []
            return ConnectedAccountReading(
                transfers_status=transfers.status if transfers else "unsupported",
                awaiting=_awaiting({entry.awaiting_action_from for entry in entries}),
                requirements=list(dict.fromkeys(
                    put_plainly(entry.description) for entry in entries if entry.awaiting_action_from == "user")),
                closed=bool(account.closed),
                livemode=account.livemode,
            )

    def open_onboarding(self, account_id: str, *, refresh_url: str, return_url: str) -> str:
        """The address of Stripe's own form: good once, for minutes. Whoever holds it may fill it in: never store it."""
        flow = {"configurations": ["recipient"], "refresh_url": refresh_url, "return_url": return_url,
                "collection_options": {"fields": "eventually_due"}}
        with _in_our_words():
            # The package's types are of a later version than the one spoken here, which needs "configurations".
            params = cast("AccountLinkCreateParams", {
                "account": account_id, "use_case": {"type": "account_onboarding", "account_onboarding": flow}})
            return self.client.v2.core.account_links.create(params).url

    def open_express_dashboard(self, account_id: str) -> str:
        """A signed-in address of the referrer's own Stripe pages: never store it."""
        with _in_our_words():
            return self.client.v1.accounts.login_links.create(account_id).url

    # --- money out, and back ------------------------------------------------------------------------------------

    def send_transfer(self, *, transfer_id: str, destination: str, amount: Money, group: str, key: str) -> str:
        """Move ``amount`` from our available balance to ``destination``. No exception means done."""
        with _in_our_words():
            return self.client.v1.transfers.create({
                "amount": amount.minor, "currency": amount.currency, "destination": destination,
                "transfer_group": group, "metadata": {"transfer_id": transfer_id},
            }, {"idempotency_key": key}).id

    def find_transfer(self, *, transfer_id: str, group: str) -> str | None:
        with _in_our_words():
            listed = self.client.v1.transfers.list({"transfer_group": group, "limit": PAGE})
            return next((one.id for one in listed.auto_paging_iter() if _says(one, "transfer_id", transfer_id)), None)

    def read_transfer(self, stripe_transfer_id: str) -> TransferReading:
        with _in_our_words():
            transfer = self.client.v1.transfers.retrieve(stripe_transfer_id)
            return TransferReading(Money(transfer.amount, transfer.currency),
                                   Money(transfer.amount_reversed, transfer.currency), transfer.reversed)

    def reverse_transfer(self, *, reversal_id: str, stripe_transfer_id: str, amount: Money, key: str) -> str:
        """Take ``amount`` back. Refused (balance_insufficient) where the connected account has less."""
        with _in_our_words():
            return self.client.v1.transfers.reversals.create(
                stripe_transfer_id, {"amount": amount.minor, "metadata": {"reversal_id": reversal_id}},
                {"idempotency_key": key}).id

    def find_reversal(self, *, stripe_transfer_id: str, reversal_id: str) -> str | None:
        with _in_our_words():
            listed = self.client.v1.transfers.reversals.list(stripe_transfer_id, {"limit": PAGE})
            return next((one.id for one in listed.auto_paging_iter() if _says(one, "reversal_id", reversal_id)), None)

    def refund_payment(self, *, refund_id: str, payment_intent_id: str, amount: Money, key: str) -> RefundReading:
        """Give ``amount`` back to whoever paid. It may fail days later: read it again."""
        with _in_our_words():
            return _refund(self.client.v1.refunds.create({
                "payment_intent": payment_intent_id, "amount": amount.minor,
                "reason": "requested_by_customer", "metadata": {"refund_id": refund_id},
            }, {"idempotency_key": key}))

    def read_refund(self, stripe_refund_id: str) -> RefundReading:
        with _in_our_words():
            return _refund(self.client.v1.refunds.retrieve(stripe_refund_id))

    def find_refund(self, *, payment_intent_id: str, refund_id: str) -> RefundReading | None:
        with _in_our_words():
            listed = self.client.v1.refunds.list({"payment_intent": payment_intent_id, "limit": PAGE})
            return next((_refund(one) for one in listed.auto_paging_iter() if _says(one, "refund_id", refund_id)), None)

    # --- the books at Stripe ------------------------------------------------------------------------------------

    def read_balance(self) -> dict[str, BalanceReading]:
        """By currency; pending becomes available with time."""
        with _in_our_words():
            balance = self.client.v1.balance.retrieve()
            available = {part.currency: part.amount for part in balance.available}
            pending = {part.currency: part.amount for part in balance.pending}
            return {currency: BalanceReading(available.get(currency, 0), pending.get(currency, 0))
                    for currency in sorted(available.keys() | pending.keys())}

    def list_balance_transactions(self, *, created_from: datetime | None = None) -> Iterator[BalanceTransaction]:
        """Every movement since ``created_from``, newest first, page by page."""
        with _in_our_words():
            listed = self.client.v1.balance_transactions.list(
                {"limit": PAGE, "created": {"gte": int(created_from.timestamp())}} if created_from else {"limit": PAGE})
            for one in listed.auto_paging_iter():
                yield BalanceTransaction(
                    id=one.id, type=one.type, amount=one.amount, fee=one.fee, net=one.net, currency=one.currency,
                    source=cast("str | None", one.source), created=_moment(one.created),
                    available_on=_moment(one.available_on))

    def read_event(self, event_id: str) -> EventReading:
        with _in_our_words():
            return _event(self.client.v1.events.retrieve(event_id))

    def list_events(self, *, created_from: datetime, types: list[str]) -> Iterator[EventReading]:
        """At most 20 types; Stripe keeps 30 days. The net under lost webhooks."""
        with _in_our_words():
            listed = self.client.v1.events.list(
                {"limit": PAGE, "created": {"gte": int(created_from.timestamp())}, "types": types})
            for one in listed.auto_paging_iter():
                yield _event(one)

    def read_account_event(self, event_id: str) -> EventReading:
        """A thin event (``v2.core.account...``): it names the account and says no more."""
        with _in_our_words():
            event = self.client.v2.core.events.retrieve(event_id)
            about = getattr(event, "related_object", None)
            return EventReading(
                id=event.id, type=event.type, object_id=about.id if about else None,
                object_type=about.type if about else None,
                created=datetime.fromisoformat(event.created), livemode=event.livemode)


@contextmanager
def _in_our_words() -> Iterator[None]:
    try:
        yield
    except stripe.StripeError as error:
        raise _failure(error) from error


def _failure(error: stripe.StripeError) -> TemporaryFailure | PermanentFailure:
    """Sorted by what the caller may do next, as measured of the package (it gives 409 as a plain APIError)."""
    message = error.user_message or str(error)
    if isinstance(error, stripe.IdempotencyError):
        return OutcomeUnknown(message)
    if isinstance(error, stripe.APIConnectionError | stripe.RateLimitError | stripe.AuthenticationError):
        return TemporaryFailure(message)  # A refused key is outside idempotency: put right, the same call works.
    if isinstance(error, stripe.APIError):
        headers = {name.lower(): value for name, value in (error.headers or {}).items()}
        return OutcomeUnknown(message) if headers.get("idempotent-replayed") == "true" else TemporaryFailure(message)
    return PermanentFailure(message, code=error.code or (error.error.code if error.error else None) or "refused")


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _says(found: stripe.StripeObject, name: str, value: str) -> bool:
    return getattr(getattr(found, "metadata", None), name, None) == value


def _awaiting(parties: set[str]) -> Literal["user", "stripe"] | None:
    return "user" if "user" in parties else "stripe" if "stripe" in parties else None


def _refund(refund: stripe.Refund) -> RefundReading:
    return RefundReading(refund.id, refund.status or "pending", getattr(refund, "failure_reason", None))


def _event(event: stripe.Event) -> EventReading:
    about = event.data.object
    return EventReading(id=event.id, type=event.type, object_id=getattr(about, "id", None),
                        object_type=getattr(about, "object", None), created=_moment(event.created),
                        livemode=event.livemode)
