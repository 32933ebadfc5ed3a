"""The jobs of this package, by the names under which they are promised."""
from marketplace.foundation.outbox import Jobs
from marketplace.payments import events
from marketplace.payments.money_in import funding, refunds
from marketplace.payments.money_out import payees, reversals, transfers

PAYMENTS_JOBS: Jobs = {
    "open_checkout": funding.OPEN_CHECKOUT,
    "check_funding": funding.CHECK_FUNDING,
    "create_payee": payees.CREATE_PAYEE,
    "check_payee": payees.CHECK_PAYEE,
    "request_transfers": transfers.request_transfers,
    "send_transfer": transfers.send_transfer,
    "deliver_transfer": transfers.DELIVER_TRANSFER,
    "send_reversal": reversals.send_reversal,
    "deliver_reversal": reversals.DELIVER_REVERSAL,
    "send_refund": refunds.send_refund,
    "deliver_refund": refunds.DELIVER_REFUND,
    "check_refund": refunds.CHECK_REFUND,
    "handle_stripe_event": events.HANDLE_EVENT,
}
