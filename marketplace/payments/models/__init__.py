"""Tables of money, by theme. Columns, constraints and states only; rules live beside the verbs."""
from marketplace.payments.models.events import StripeEvent
from marketplace.payments.models.ledger import (
    MAY_GO_BELOW_ZERO,
    PLATFORM,
    AccountKind,
    LedgerAccount,
    LedgerEntry,
    Posting,
)
from marketplace.payments.models.money_in import Funding, FundingState, Refund, RefundState
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
    "MAY_GO_BELOW_ZERO", "PLATFORM", "AccountKind", "ConnectedAccount", "Funding", "FundingState", "LedgerAccount",
    "LedgerEntry", "Payable", "PayableState", "PayeeState", "Posting", "Refund", "RefundState", "ReversalState",
    "StripeEvent", "Transfer", "TransferReversal", "TransferState",
]
