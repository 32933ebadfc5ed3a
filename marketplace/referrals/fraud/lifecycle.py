"""Every state of a case of fraud; the only writer of them."""
from collections.abc import Mapping

from marketplace.foundation import audit, clock
from marketplace.foundation.db import db
from marketplace.foundation.states import check_move
from marketplace.referrals.kept_words import keep_words
from marketplace.referrals.models import CaseState, FraudCase, FraudScore, Verdict

S = CaseState

CASE_MOVES: Mapping[CaseState, frozenset[CaseState]] = {
    S.OPEN: frozenset({S.LET_GO, S.EXPIRED, S.CONFIRMED, S.PROVEN}),
    S.CONFIRMED: frozenset({S.OPEN, S.PROVEN}),  # Open again only through an appeal.
    S.LET_GO: frozenset(),
    S.EXPIRED: frozenset(),
    S.PROVEN: frozenset(),
}


def open_case(case: FraudCase) -> None:
    db.session.add(case)
    db.session.flush()
    audit.record("fraud.held" if case.level is Verdict.HOLD else "fraud.stopped", case.lead_id, by=audit.SYSTEM,
                 case=case.id, score=case.score_id)


def raise_case(case: FraudCase, look: FraudScore) -> None:
    """A later look found more; a hold becomes a stop, never the other way round."""
    case.score_id, case.look = look.id, look
    if look.verdict is Verdict.STOP and case.level is Verdict.HOLD:
        case.level, case.expires_at = Verdict.STOP, None
        audit.record("fraud.stopped", case.lead_id, by=audit.SYSTEM, case=case.id, score=look.id)


def end_with_lead(case: FraudCase) -> None:
    """open -> expired: nothing waits any more. Whatever was found counts again if the lead comes back."""
    check_move(CASE_MOVES, case.state, S.EXPIRED)
    audit.record("fraud.ended", case.lead_id, by=audit.SYSTEM, case=case.id, reason="the lead had ended")
    case.state, case.ended_with_lead = S.EXPIRED, True


def move_case(case: FraudCase, target: CaseState, *, by: str, reason: str = "", words: str = "") -> None:
    """``reason``: a code, for the trail; ``words``: what an admin wrote, which are not for it."""
    check_move(CASE_MOVES, case.state, target)
    audit.record(f"fraud.{'appealed' if target is S.OPEN else target}", case.lead_id, by=by, case=case.id,
                 was=case.state, reason=reason, words=keep_words(case.lead, words, by_admin=True))
    case.state = target
    if target in {S.LET_GO, S.CONFIRMED, S.PROVEN} and by != audit.SYSTEM:
        case.decided_at, case.decided_by, case.reason = clock.now(), by, words or case.reason
