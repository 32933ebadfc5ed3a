"""Every state of money on its way in and out, and the only functions that write them."""
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from marketplace.foundation import audit
from marketplace.foundation.states import check_move
from marketplace.payments.models import (
    AutoTopUp,
    BankPayout,
    ConnectedAccount,
    Funding,
    FundingState,
    Payable,
    PayableState,
    PayeeState,
    PayoutState,
    Refund,
    RefundState,
    ReversalState,
    TopUpState,
    Transfer,
    TransferReversal,
    TransferState,
)

F, R, P, T, V, Y = FundingState, RefundState, PayeeState, TransferState, ReversalState, PayableState

# Money that came in after all counts, whatever was thought before: a late word from the payer's bank.
FUNDING_MOVES: Mapping[FundingState, frozenset[FundingState]] = {
    F.REQUESTED: frozenset({F.OPEN, F.PROCESSING, F.PAID, F.FAILED}),
    F.OPEN: frozenset({F.PROCESSING, F.PAID, F.EXPIRED, F.FAILED}),
    F.PROCESSING: frozenset({F.PAID, F.FAILED}),
    F.PAID: frozenset(),
    F.EXPIRED: frozenset({F.PAID}),
    F.FAILED: frozenset({F.PAID}),
}

# Agreed anew, it is on again, also with other amounts.
TOP_UP_MOVES: Mapping[TopUpState, frozenset[TopUpState]] = {
    TopUpState.ON: frozenset(TopUpState),
    TopUpState.PAUSED: frozenset({TopUpState.ON, TopUpState.OFF}),
    TopUpState.OFF: frozenset({TopUpState.ON}),
}

# A bank may refuse a refund days after Stripe called it succeeded.
REFUND_MOVES: Mapping[RefundState, frozenset[RefundState]] = {
    R.REQUESTED: frozenset({R.SENDING}),
    R.SENDING: frozenset({R.SENT, R.FAILED}),
    R.SENT: frozenset({R.SUCCEEDED, R.FAILED}),
    R.SUCCEEDED: frozenset({R.FAILED}),
    R.FAILED: frozenset(),
}

OPEN_AT_STRIPE = frozenset({P.IN_REVIEW, P.ACTION_NEEDED, P.READY, P.RESTRICTED, P.CLOSED})
PAYEE_MOVES: Mapping[PayeeState, frozenset[PayeeState]] = {
    P.NONE: OPEN_AT_STRIPE | {P.LINK_ISSUED},
    P.LINK_ISSUED: OPEN_AT_STRIPE,
    P.IN_REVIEW: OPEN_AT_STRIPE - {P.IN_REVIEW},
    P.ACTION_NEEDED: OPEN_AT_STRIPE - {P.ACTION_NEEDED},
    P.READY: OPEN_AT_STRIPE - {P.READY},
    P.RESTRICTED: OPEN_AT_STRIPE - {P.RESTRICTED},
    P.CLOSED: frozenset(),
}

# A bank may send a payout back days after Stripe called it paid.
PAYOUT_MOVES: Mapping[PayoutState, frozenset[PayoutState]] = {
    PayoutState.PENDING: frozenset(PayoutState) - {PayoutState.PENDING},
    PayoutState.IN_TRANSIT: frozenset({PayoutState.PAID, PayoutState.FAILED, PayoutState.CANCELED}),
    PayoutState.PAID: frozenset({PayoutState.FAILED}),
    PayoutState.FAILED: frozenset(),
    PayoutState.CANCELED: frozenset(),
}

TRANSFER_MOVES: Mapping[TransferState, frozenset[TransferState]] = {
    T.REQUESTED: frozenset({T.SENDING, T.FAILED}),
    T.SENDING: frozenset({T.SENT, T.FAILED}),
    T.SENT: frozenset({T.PARTLY_REVERSED, T.REVERSED}),
    T.PARTLY_REVERSED: frozenset({T.PARTLY_REVERSED, T.REVERSED}),
    T.REVERSED: frozenset(),
    T.FAILED: frozenset(),
}

REVERSAL_MOVES: Mapping[ReversalState, frozenset[ReversalState]] = {
    V.REQUESTED: frozenset({V.SENDING}),
    V.SENDING: frozenset({V.DONE, V.OUTSTANDING}),
    V.OUTSTANDING: frozenset({V.SENDING, V.NETTED, V.WRITTEN_OFF}),
    V.DONE: frozenset(),
    V.NETTED: frozenset(),
    V.WRITTEN_OFF: frozenset(),
}

PAYABLE_MOVES: Mapping[PayableState, frozenset[PayableState]] = {
    Y.OWED: frozenset({Y.IN_TRANSFER, Y.SENT}),  # Sent at once: what an older transfer had paid.
    Y.IN_TRANSFER: frozenset({Y.SENT, Y.OWED}),
    Y.SENT: frozenset(),
}


def move_funding(funding: Funding, target: FundingState, *, by: str, **details: Any) -> None:
    _check_and_record("funding", funding, FUNDING_MOVES, target, by=by, details=details)
    funding.state = target


def move_top_up(top_up: AutoTopUp, target: TopUpState, *, by: str, reason: str = "", **details: Any) -> None:
    """``reason``: why it pauses, in words for people."""
    _check_and_record("top_up", top_up, TOP_UP_MOVES, target, by=by, details=details | {"reason": reason})
    top_up.state, top_up.paused_because = target, reason if target is TopUpState.PAUSED else None


def move_refund(refund: Refund, target: RefundState, *, by: str, **details: Any) -> None:
    _check_and_record("refund", refund, REFUND_MOVES, target, by=by, details=details)
    refund.state = target


def move_payee(payee: ConnectedAccount, target: PayeeState, *, by: str, **details: Any) -> None:
    _check_and_record("payee", payee, PAYEE_MOVES, target, by=by, details=details)
    payee.state = target


def move_payout(payout: BankPayout, target: PayoutState, *, by: str, **details: Any) -> None:
    _check_and_record("payout", payout, PAYOUT_MOVES, target, by=by, details=details)
    payout.state = target


def move_transfer(transfer: Transfer, target: TransferState, *, by: str, **details: Any) -> None:
    _check_and_record("transfer", transfer, TRANSFER_MOVES, target, by=by, details=details)
    transfer.state = target


def move_reversal(reversal: TransferReversal, target: ReversalState, *, by: str, **details: Any) -> None:
    _check_and_record("reversal", reversal, REVERSAL_MOVES, target, by=by, details=details)
    reversal.state = target


def move_payable(payable: Payable, target: PayableState, *, transfer_id: str | None, by: str) -> None:
    """``transfer_id`` names the transfer it is in; None for one that is owed again."""
    _check_and_record("payable", payable, PAYABLE_MOVES, target, by=by, details={"transfer": transfer_id})
    payable.state, payable.transfer_id = target, transfer_id


def _check_and_record(
    what: str, thing: Any, moves: Mapping[Any, frozenset[Any]], target: StrEnum, *, by: str, details: dict[str, Any]
) -> None:
    check_move(moves, thing.state, target)
    audit.record(f"{what}.{target}", thing.id, by=by, was=thing.state, **details)
