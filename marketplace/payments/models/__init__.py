"""Tables of money, by theme. Columns, constraints and states only; rules live beside the verbs."""
from marketplace.payments.models.bank_payouts import BankPayout, PayoutState
from marketplace.payments.models.batches import (
    BatchLine,
    BatchState,
    LineState,
    MoneyOrder,
    Netting,
    OrderCause,
    OrderKind,
    OrderState,
    TransferBatch,
)
from marketplace.payments.models.books import (
    BalanceSnapshot,
    EventPoll,
    Explanation,
    OpenItem,
    OpenItemKind,
    Reconciliation,
    StripeMovement,
)
from marketplace.payments.models.chargebacks import (
    AnswerKind,
    AnswerState,
    BusinessDebt,
    Chargeback,
    ChargebackAnswer,
    ChargebackMovement,
    ChargebackState,
    FraudWarning,
    FrozenKind,
    FrozenPart,
    FrozenState,
    WarningState,
)
from marketplace.payments.models.events import StripeEvent
from marketplace.payments.models.kept_cards import AutoTopUp, StripeCustomer, TopUpState
from marketplace.payments.models.ledger import (
    MAY_GO_BELOW_ZERO,
    PLATFORM,
    Account,
    AccountKind,
    LedgerAccount,
    LedgerEntry,
    Posting,
)
from marketplace.payments.models.money_in import Funding, FundingState, FundingWay, Refund, RefundOrigin, RefundState
from marketplace.payments.models.money_out import (
    Agreement,
    ConnectedAccount,
    Payable,
    PayableState,
    PayeeState,
    ReversalState,
    Transfer,
    TransferReversal,
    TransferState,
)
from marketplace.payments.models.stops import StopScope, TransferStop

__all__ = [
    "MAY_GO_BELOW_ZERO", "PLATFORM", "Account", "AccountKind", "Agreement", "AnswerKind", "AnswerState", "AutoTopUp",
    "BalanceSnapshot", "BankPayout", "BatchLine", "BatchState", "BusinessDebt", "Chargeback", "ChargebackAnswer",
    "ChargebackMovement", "ChargebackState", "ConnectedAccount", "EventPoll", "Explanation", "FraudWarning",
    "FrozenKind", "FrozenPart", "FrozenState", "Funding", "FundingState", "FundingWay", "LedgerAccount",
    "LedgerEntry", "LineState", "MoneyOrder", "Netting", "OpenItem", "OpenItemKind", "OrderCause", "OrderKind",
    "OrderState", "Payable", "PayableState", "PayeeState", "PayoutState", "Posting", "Reconciliation", "Refund",
    "RefundOrigin", "RefundState", "ReversalState", "StopScope", "StripeCustomer", "StripeEvent", "StripeMovement",
    "TopUpState", "Transfer", "TransferBatch", "TransferReversal", "TransferState", "TransferStop", "WarningState",
]
