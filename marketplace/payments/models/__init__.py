"""Tables of money, by theme. Columns, constraints and states only; rules live beside the verbs."""
from marketplace.payments.models.books import (
    BalanceSnapshot,
    EventPoll,
    Explanation,
    OpenItem,
    OpenItemKind,
    Reconciliation,
    StripeMovement,
)
from marketplace.payments.models.events import StripeEvent
from marketplace.payments.models.kept_cards import AutoTopUp, StripeCustomer, TopUpState
from marketplace.payments.models.ledger import (
    MAY_GO_BELOW_ZERO,
    PLATFORM,
    AccountKind,
    LedgerAccount,
    LedgerEntry,
    Posting,
)
from marketplace.payments.models.money_in import Funding, FundingState, FundingWay, Refund, RefundState
from marketplace.payments.models.money_out import (
    ConnectedAccount,
    Payable,
    PayableState,
    PayeeState,
    ReversalState,
    Transfer,
    TransferReversal,
    TransferState,
)

__all__ = [
    "MAY_GO_BELOW_ZERO", "PLATFORM", "AccountKind", "AutoTopUp", "BalanceSnapshot", "ConnectedAccount", "EventPoll",
    "Explanation", "Funding", "FundingState", "FundingWay", "LedgerAccount", "LedgerEntry", "OpenItem",
    "OpenItemKind", "Payable", "PayableState", "PayeeState", "Posting", "Reconciliation", "Refund", "RefundState",
    "ReversalState", "StripeCustomer", "StripeEvent", "StripeMovement", "TopUpState", "Transfer",
    "TransferReversal", "TransferState",
]
