"""What we tell the payer's bank, through Stripe and once: our evidence, or that we accept the chargeback."""
from collections.abc import Sequence

from sqlalchemy import select

from marketplace.foundation import audit, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, Invalid, require
from marketplace.foundation.ids import new_id
from marketplace.foundation.outbox import Errand
from marketplace.identity.models import User
from marketplace.payments import sending
from marketplace.payments.disputes import chargebacks, freezing, lifecycle
from marketplace.payments.models import AnswerKind, AnswerState, Chargeback, ChargebackAnswer, ChargebackState
from marketplace.payments.permissions import may_settle
from marketplace.payments.sending import NotThere, Refused
from marketplace.payments.stripe_gateway import gateway
from marketplace.payments.stripe_readings import DisputeReading

LONGEST_EVIDENCE = 20_000  # Characters, Stripe's own limit.
OPEN = frozenset({ChargebackState.INQUIRY, ChargebackState.OPEN})
S = AnswerState
Outcome = DisputeReading | Refused | NotThere | None


class AlreadyAnswered(Conflict):
    code = "already_answered"


class NoEvidence(Invalid):
    code = "no_evidence"


def submit_evidence(chargeback_id: str, *, text: str, by: User) -> ChargebackAnswer:
    """To the bank; it cannot be changed afterwards. AlreadyAnswered (409) the second time, or when it is over."""
    if not 0 < len(text.strip()) <= LONGEST_EVIDENCE:
        raise NoEvidence(f"Write what shows that the payment was right, in at most {LONGEST_EVIDENCE:,} characters.",
                         fields={"text": ["Say what happened."]})
    return _ask(chargeback_id, AnswerKind.EVIDENCE, text.strip(), by)


def accept_chargeback(chargeback_id: str, *, by: User) -> ChargebackAnswer:
    """Lost at once. AlreadyAnswered (409) when it is over."""
    return _ask(chargeback_id, AnswerKind.ACCEPTANCE, "", by)


def answers_of(chargeback: Chargeback) -> Sequence[ChargebackAnswer]:
    """Oldest first."""
    return db.session.scalars(
        select(ChargebackAnswer).filter_by(chargeback_id=chargeback.id).order_by(ChargebackAnswer.id)).all()


def _ask(chargeback_id: str, kind: AnswerKind, text: str, by: User) -> ChargebackAnswer:
    chargeback = freezing.lock_chargeback(chargeback_id)
    require(may_settle(by, chargeback.business_id), "answer a chargeback")
    told = [one for one in answers_of(chargeback) if one.state is not S.FAILED]
    if chargeback.state not in OPEN or any(kind is one.kind or one.kind is AnswerKind.ACCEPTANCE for one in told):
        raise AlreadyAnswered("The bank has our answer, or has decided already.", next_step="Reload the page.")
    answer_id = new_id("answer")
    answer = ChargebackAnswer(id=answer_id, chargeback_id=chargeback_id, kind=kind, text=text, given_by=by.id,
                              state=S.REQUESTED, idempotency_key=sending.make_key(answer_id))
    db.session.add(answer)
    db.session.flush()
    audit.record(f"chargeback.{kind}_asked", chargeback_id, by=by.id, answer=answer_id)
    outbox.promise("send_answer", answer_id=answer_id)
    return answer


def send_answer(answer_id: str) -> None:
    """Job: from its commit on the key may be in use; only then is anything sent."""
    answer = _lock(answer_id)
    if answer.state is S.REQUESTED:
        sending.start_sending(answer)
        lifecycle.move_answer(answer, S.SENDING, by=audit.SYSTEM)
        outbox.promise("deliver_answer", answer_id=answer_id)


def _call(answer_id: str) -> Outcome:
    answer = sending.read_alone(ChargebackAnswer, answer_id)
    if answer.state is not S.SENDING:
        return None
    dispute_id = sending.read_alone(Chargeback, answer.chargeback_id).stripe_id
    stripe = gateway()

    def send(key: str) -> DisputeReading:
        if answer.kind is AnswerKind.ACCEPTANCE:
            return stripe.accept_dispute(dispute_id, key=key)
        return stripe.submit_evidence(dispute_id, text=answer.text, key=key)

    def find() -> DisputeReading | None:
        now = stripe.read_dispute(dispute_id)
        is_there = now.status == "lost" if answer.kind is AnswerKind.ACCEPTANCE else now.submissions > 0
        return now if is_there else None

    return sending.send_once(answer, send=send, find=find)


def _settle(outcome: Outcome, answer_id: str) -> None:
    answer = _lock(answer_id)
    if answer.state is not S.SENDING:
        return
    if isinstance(outcome, DisputeReading):
        lifecycle.move_answer(answer, S.SENT, by=audit.SYSTEM, kind=answer.kind)
        chargebacks.note_dispute(outcome)
    elif isinstance(outcome, Refused):
        answer.failure = outcome.message
        lifecycle.move_answer(answer, S.FAILED, by=audit.SYSTEM, code=outcome.code, reason=outcome.message)
    elif isinstance(outcome, NotThere) and sending.renew_key(answer, outcome):
        outbox.promise("deliver_answer", answer_id=answer_id)


def _lock(answer_id: str) -> ChargebackAnswer:
    return db.session.get_one(ChargebackAnswer, answer_id, populate_existing=True, with_for_update={"key_share": True})


DELIVER_ANSWER = Errand(_call, _settle)
