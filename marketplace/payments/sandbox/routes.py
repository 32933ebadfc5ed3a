"""The part of Stripe's API that the sandbox speaks: method, path, and the function that answers."""
import re
from collections.abc import Callable

from marketplace.payments.sandbox import (
    accounts,
    balances,
    charges,
    checkout,
    customers,
    disputes,
    events,
    external_accounts,
    own_money,
    payment_intents,
    payouts,
    refunds,
    transfers,
)
from marketplace.payments.sandbox.refusals import Refusal
from marketplace.payments.sandbox.store import Body
from marketplace.payments.sandbox.world import Call

Answer = Callable[[Call], Body]

ROUTES: tuple[tuple[str, str, Answer], ...] = (
    ("POST", "/v1/checkout/sessions", checkout.create_session),
    ("GET", "/v1/checkout/sessions/{id}", checkout.read_session),
    ("POST", "/v1/checkout/sessions/{id}/expire", checkout.expire_session),
    ("POST", "/v1/customers", customers.create_customer),
    ("POST", "/v1/payment_methods/{id}/detach", customers.detach_method),
    ("POST", "/v1/payment_intents", payment_intents.create_payment_intent),
    ("GET", "/v1/payment_intents", payment_intents.list_payment_intents),
    ("GET", "/v1/payment_intents/{id}", payment_intents.read_payment_intent),
    ("POST", "/v1/payment_intents/{id}/cancel", payment_intents.cancel_payment_intent),
    ("GET", "/v1/charges/{id}", charges.read_charge),
    ("POST", "/v1/transfers", transfers.create_transfer),
    ("GET", "/v1/transfers", transfers.list_transfers),
    ("GET", "/v1/transfers/{id}", transfers.read_transfer),
    ("POST", "/v1/transfers/{id}/reversals", transfers.create_reversal),
    ("GET", "/v1/transfers/{id}/reversals", transfers.list_reversals),
    ("GET", "/v1/transfers/{id}/reversals/{id}", transfers.read_reversal),
    ("POST", "/v1/refunds", refunds.create_refund),
    ("GET", "/v1/refunds", refunds.list_refunds),
    ("GET", "/v1/refunds/{id}", refunds.read_refund),
    ("GET", "/v1/disputes", disputes.list_disputes),
    ("GET", "/v1/disputes/{id}", disputes.read_dispute),
    ("POST", "/v1/disputes/{id}", disputes.update_dispute),
    ("POST", "/v1/disputes/{id}/close", disputes.close_dispute),
    ("GET", "/v1/radar/early_fraud_warnings/{id}", disputes.read_warning),
    ("GET", "/v1/balance", balances.read_balance),
    ("GET", "/v1/balance_transactions", balances.list_movements),
    ("GET", "/v1/balance_transactions/{id}", balances.read_movement),
    ("GET", "/v1/balance_settings", own_money.read_balance_settings),
    ("POST", "/v1/accounts", accounts.create_recipient),
    ("GET", "/v1/accounts/{id}/external_accounts", external_accounts.list_external_accounts),
    ("POST", "/v1/accounts/{id}/login_links", accounts.create_login_link),
    ("GET", "/v1/payouts", payouts.list_payouts),
    ("GET", "/v1/payouts/{id}", payouts.read_payout),
    ("GET", "/v1/events", events.list_events),
    ("GET", "/v1/events/{id}", events.read_event),
    ("POST", "/v2/core/accounts", accounts.create_account),
    ("GET", "/v2/core/accounts/{id}", accounts.read_account),
    ("POST", "/v2/core/account_links", accounts.create_account_link),
    ("GET", "/v2/core/events", events.list_thin_events),
    ("GET", "/v2/core/events/{id}", events.read_thin_event),
)
COMPILED = [(method, re.compile(re.sub(r"\{id\}", "([^/]+)", path)), answer) for method, path, answer in ROUTES]


def find_route(method: str, path: str) -> tuple[Answer, tuple[str, ...]]:
    for known, pattern, answer in COMPILED:
        if known == method and (found := pattern.fullmatch(path)):
            return answer, found.groups()
    raise Refusal(f"Unrecognized request URL ({method}: {path}).", status=404, remembered=False)
