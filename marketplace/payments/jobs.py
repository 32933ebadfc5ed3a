"""The jobs of this package, by the names under which they are promised."""
from marketplace.foundation.outbox import Jobs
from marketplace.payments import events, ledger_balances
from marketplace.payments.books import event_poll, reconciliation
from marketplace.payments.disputes import answers, by_hand, chargebacks
from marketplace.payments.money_in import ageing, funding, kept_cards, refunds, top_ups
from marketplace.payments.money_out import bank_accounts, bank_payouts, batches, payees, reversals, transfers

PAYMENTS_JOBS: Jobs = {
    "open_checkout": funding.OPEN_CHECKOUT,
    "check_funding": funding.CHECK_FUNDING,
    "watch_funds_age": ageing.watch_funds_age,
    "age_funds": ageing.age_funds,
    "forget_card": kept_cards.FORGET_CARD,
    "send_top_up": top_ups.send_top_up,
    "deliver_top_up": top_ups.DELIVER_TOP_UP,
    "cancel_payment": top_ups.CANCEL_PAYMENT,
    "create_payee": payees.CREATE_PAYEE,
    "check_payee": payees.CHECK_PAYEE,
    "lift_bank_stop": bank_accounts.lift_bank_stop,
    "check_bank_payouts": bank_payouts.CHECK_BANK_PAYOUTS,
    "watch_bank_payouts": bank_payouts.watch_bank_payouts,
    "begin_batch": batches.begin_batch,
    "run_batch": batches.run_batch,
    "request_transfers": transfers.request_transfers,
    "send_transfer": transfers.send_transfer,
    "deliver_transfer": transfers.DELIVER_TRANSFER,
    "send_reversal": reversals.send_reversal,
    "deliver_reversal": reversals.DELIVER_REVERSAL,
    "send_refund": refunds.send_refund,
    "deliver_refund": refunds.DELIVER_REFUND,
    "check_refund": refunds.CHECK_REFUND,
    "check_chargeback": chargebacks.CHECK_CHARGEBACK,
    "check_refunds_made": by_hand.CHECK_REFUNDS_MADE,
    "send_answer": answers.send_answer,
    "deliver_answer": answers.DELIVER_ANSWER,
    "reconcile": reconciliation.reconcile,
    "read_movements": reconciliation.READ_MOVEMENTS,
    "poll_events": event_poll.poll_events,
    "poll_event_page": event_poll.POLL_EVENT_PAGE,
    "take_snapshots": ledger_balances.take_snapshots,
    "handle_stripe_event": events.HANDLE_EVENT,
    "look_again_at_news": events.look_again_at_news,
}
