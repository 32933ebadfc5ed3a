"""The one door to Stripe: takes and gives our words, so the rest of the house never meets the stripe package.

Every call that changes something takes ``key``, the idempotency key its caller has already committed. The same client
speaks to Stripe or to the sandbox; only the base address differs.
"""
from typing import TYPE_CHECKING, cast

import stripe
from flask import current_app

from marketplace.payments.stripe_gateway.accounts import Accounts
from marketplace.payments.stripe_gateway.books import Books
from marketplace.payments.stripe_gateway.disputes import Disputes
from marketplace.payments.stripe_gateway.money_in import MoneyIn
from marketplace.payments.stripe_gateway.money_out import MoneyOut
from marketplace.payments.stripe_gateway.payouts import Payouts

if TYPE_CHECKING:
    from stripe._base_address import BaseAddresses

# The version whose published schema the contract tests hold every request and answer against.
API_VERSION = "2026-05-27.dahlia"
CONNECT_SECONDS, READ_SECONDS = 5, 20  # The SDK would wait 80 seconds.
NETWORK_RETRIES = 2  # StripeClient retries nothing unless told to.

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


class StripeGateway(MoneyIn, Accounts, MoneyOut, Payouts, Disputes, Books):
    """All methods raise TemporaryFailure, OutcomeUnknown or PermanentFailure, and nothing else."""
