"""Every state of a chargeback, of what it froze, of warnings and answers; and the only functions that write them."""
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from marketplace.foundation import audit
from marketplace.foundation.states import check_move
from marketplace.payments.models import (
    AnswerState,
    Chargeback,
    ChargebackAnswer,
    ChargebackState,
    FraudWarning,
    FrozenPart,
    FrozenState,
    WarningState,
)

C, F, A = ChargebackState, FrozenState, AnswerState

# A bank may change its mind after the end: Stripe moves the money again, and we follow.
CHARGEBACK_MOVES: Mapping[ChargebackState, frozenset[ChargebackState]] = {
    C.INQUIRY: frozenset({C.OPEN, C.WON, C.LOST, C.CLOSED}),
    C.OPEN: frozenset({C.WON, C.LOST, C.CLOSED}),
    C.WON: frozenset({C.LOST}),
    C.LOST: frozenset({C.WON}),
    C.CLOSED: frozenset({C.LOST, C.WON}),
}

FROZEN_MOVES: Mapping[FrozenState, frozenset[FrozenState]] = {
    F.FROZEN: frozenset({F.RETURNED, F.TAKEN, F.PROMISED}),
    F.TAKEN: frozenset({F.RETURNED}),
    F.PROMISED: frozenset({F.RETURNED}),
    F.RETURNED: frozenset(),
}

WARNING_MOVES: Mapping[WarningState, frozenset[WarningState]] = {
    WarningState.OPEN: frozenset({WarningState.CLOSED}),
    WarningState.CLOSED: frozenset(),
}

ANSWER_MOVES: Mapping[AnswerState, frozenset[AnswerState]] = {
    A.REQUESTED: frozenset({A.SENDING}),
    A.SENDING: frozenset({A.SENT, A.FAILED}),
    A.SENT: frozenset(),
    A.FAILED: frozenset(),
}


def open_chargeback(chargeback: Chargeback, state: ChargebackState) -> None:
    chargeback.state = state
    audit.record("chargeback.opened", chargeback.id, by=audit.SYSTEM, funding=chargeback.funding_id,
                 bounty=chargeback.purpose_id, amount_minor=chargeback.amount_minor, currency=chargeback.currency,
                 reason=chargeback.reason, stripe=chargeback.stripe_id)


def move_chargeback(chargeback: Chargeback, target: ChargebackState, **details: Any) -> None:
    _check_and_record("chargeback", chargeback, CHARGEBACK_MOVES, target, by=audit.SYSTEM, details=details)
    chargeback.state = target


def move_frozen(part: FrozenPart, target: FrozenState) -> None:
    _check_and_record("frozen_part", part, FROZEN_MOVES, target, by=audit.SYSTEM, details={
        "chargeback": part.chargeback_id, "of": part.subject_id, "amount_minor": part.amount_minor})
    part.state = target


def move_warning(warning: FraudWarning, target: WarningState, *, by: str, **details: Any) -> None:
    _check_and_record("fraud_warning", warning, WARNING_MOVES, target, by=by, details=details)
    warning.state = target


def move_answer(answer: ChargebackAnswer, target: AnswerState, *, by: str, **details: Any) -> None:
    _check_and_record("chargeback_answer", answer, ANSWER_MOVES, target, by=by, details=details)
    answer.state = target


def _check_and_record(
    what: str, thing: Any, moves: Mapping[Any, frozenset[Any]], target: StrEnum, *, by: str, details: dict[str, Any]
) -> None:
    check_move(moves, thing.state, target)
    audit.record(f"{what}.{target}", thing.id, by=by, was=thing.state, **details)
