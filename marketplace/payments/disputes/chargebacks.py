"""Stripe's dispute as it is now: what it took is posted once, its state only goes forward, the sum is frozen."""
from datetime import timedelta

from sqlalchemy import select

from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.ids import new_id
from marketplace.foundation.outbox import Errand
from marketplace.payments.disputes import freezing, lifecycle
from marketplace.payments.disputes.queries import find_funding
from marketplace.payments.disputes.warnings import close_for_chargeback
from marketplace.payments.mode import is_live
from marketplace.payments.models import (
    Chargeback,
    ChargebackMovement,
    ChargebackState,
    FrozenKind,
    Funding,
)
from marketplace.payments.sending import read_alone
from marketplace.payments.stripe_gateway import gateway
from marketplace.payments.stripe_readings import DisputeReading, PermanentFailure

NEXT_LOOK = timedelta(days=1)  # The net under lost webhooks. A bank takes up to three months.

S = ChargebackState
OVER = freezing.OVER
STATES = {
    "warning_needs_response": S.INQUIRY, "warning_under_review": S.INQUIRY, "warning_closed": S.CLOSED,
    "prevented": S.CLOSED, "needs_response": S.OPEN, "under_review": S.OPEN, "won": S.WON, "lost": S.LOST,
}


def note_dispute(reading: DisputeReading) -> str:
    """What Stripe says of a dispute, whoever heard it, however often; gives what came of it in words."""
    funding = find_funding(charge_id=reading.charge_id, payment_intent_id=reading.payment_intent_id)
    if funding is None:
        return "ignored: the dispute is about no funding of ours"
    if reading.livemode != is_live():
        return "ignored: the dispute is of Stripe's other mode"
    foreign = {part.currency for part in (reading.amount, *(move.taken for move in reading.movements))}
    if foreign != {funding.currency}:
        audit.record("chargeback.unreadable", funding.id, by=audit.SYSTEM, stripe=reading.id, reason="another currency")
        return "a person must look: the dispute is in another currency than the payment"
    known = db.session.scalar(select(Chargeback).filter_by(stripe_id=reading.id)
                              .with_for_update(key_share=True).execution_options(populate_existing=True))
    chargeback = known or _open(funding, reading)
    _follow(chargeback, reading, is_new=known is None)
    return f"chargeback {chargeback.state}"


def _open(funding: Funding, reading: DisputeReading) -> Chargeback:
    state = _state_of(reading)
    chargeback = Chargeback(
        id=new_id("chargeback"), funding_id=funding.id, business_id=funding.business_id,
        purpose_id=funding.purpose_id, stripe_id=reading.id,
        amount=reading.amount, stripe_status=reading.status, reason=reading.reason, due_by=reading.due_by,
        has_evidence=reading.has_evidence, is_refundable=reading.is_refundable, opened_at=reading.opened_at,
        frozen_minor=0, withdrawn_minor=0, fee_minor=0,
        closed_at=None if state in {S.INQUIRY, S.OPEN} else clock.now())
    lifecycle.open_chargeback(chargeback, state)
    db.session.add(chargeback)
    db.session.flush()
    close_for_chargeback(funding.id)
    _tell(chargeback)
    outbox.promise("check_chargeback", after=NEXT_LOOK, chargeback_id=chargeback.id)
    return chargeback


def _state_of(reading: DisputeReading) -> ChargebackState:
    state = STATES.get(reading.status, S.OPEN)
    took = sum(move.taken.minor for move in reading.movements)
    return S.LOST if reading.status == "prevented" and took > 0 else state


def _follow(chargeback: Chargeback, reading: DisputeReading, *, is_new: bool) -> None:
    known = set(db.session.scalars(select(ChargebackMovement.id).filter_by(chargeback_id=chargeback.id)))
    for move in reading.movements:
        if move.id not in known:
            db.session.add(ChargebackMovement(
                id=move.id, chargeback_id=chargeback.id, amount_minor=move.taken.minor, fee_minor=move.fee.minor))
            freezing.post_movement(chargeback, move.id, taken=move.taken, fee=move.fee)
    is_old = known - {move.id for move in reading.movements}  # Another worker has read it later than we did.
    if not is_old:
        _follow_state(chargeback, reading)
    settle(chargeback)
    outbox.promise("note_bad_day", source_id=chargeback.id)


def _follow_state(chargeback: Chargeback, reading: DisputeReading) -> None:
    target = _state_of(reading)
    if target is not chargeback.state and target in lifecycle.CHARGEBACK_MOVES[chargeback.state]:
        lifecycle.move_chargeback(chargeback, target, stripe=reading.status)
        chargeback.closed_at = None if target in {S.INQUIRY, S.OPEN} else clock.now()
        _tell(chargeback)
    if target is chargeback.state:
        chargeback.stripe_status, chargeback.due_by = reading.status, reading.due_by
        chargeback.has_evidence = chargeback.has_evidence or reading.has_evidence
        chargeback.reason, chargeback.amount = reading.reason, reading.amount
        chargeback.is_refundable = reading.is_refundable


def settle(chargeback: Chargeback) -> None:
    """Freeze, keep or give back, as the state asks. Done twice, it does nothing more."""
    if chargeback.state not in OVER:
        freezing.freeze(chargeback, FrozenKind.FUNDS, chargeback.purpose_id)
    if chargeback.state is S.LOST:
        freezing.keep_promises(chargeback)
        freezing.freeze(chargeback, FrozenKind.FUNDS, chargeback.purpose_id)
    elif chargeback.state in OVER and _is_back(chargeback):
        freezing.give_everything_back(chargeback)
        freezing.cover(chargeback.purpose_id, chargeback.currency)  # It may belong to another one.
    freezing.finish(chargeback)


def _is_back(chargeback: Chargeback) -> bool:
    """Stripe reinstates within moments of "won"; until then the frozen money stays where it is."""
    return chargeback.withdrawn_minor <= 0 or db.session.scalar(
        select(ChargebackMovement.id).where(ChargebackMovement.chargeback_id == chargeback.id,
                                            ChargebackMovement.amount_minor < 0).limit(1)) is not None


def _tell(chargeback: Chargeback) -> None:
    outbox.promise("send_letter", letter=f"chargeback_{chargeback.state}", chargeback_id=chargeback.id)


def _read(chargeback_id: str) -> DisputeReading | None:
    stripe_id = read_alone(Chargeback, chargeback_id).stripe_id
    try:
        return gateway().read_dispute(stripe_id) if stripe_id.startswith("du_") else None
    except PermanentFailure:
        return None


def _look_again(reading: DisputeReading | None, chargeback_id: str) -> None:
    if reading is not None:
        note_dispute(reading)
    if freezing.lock_chargeback(chargeback_id).closed_at is None:
        outbox.promise("check_chargeback", after=NEXT_LOOK, chargeback_id=chargeback_id)


CHECK_CHARGEBACK = Errand(_read, _look_again)
