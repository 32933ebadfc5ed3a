"""What waits for a person: kept with a reason, let go, confirmed, appealed; a hold that nobody keeps ends by itself."""
from datetime import datetime, timedelta

from sqlalchemy import select

from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, require
from marketplace.foundation.web import check_version
from marketplace.identity.models import User
from marketplace.referrals.deadlines import decision_due
from marketplace.referrals.fraud import effects, lifecycle
from marketplace.referrals.fraud.rules import APPEAL_WITHIN, ASKING_TAKES, HOLD_ENDS_AFTER
from marketplace.referrals.kept_words import keep_words
from marketplace.referrals.legal_clocks import told_by
from marketplace.referrals.lifecycle import ENDINGS
from marketplace.referrals.locks import lock_funds_of
from marketplace.referrals.models import (
    Buyer,
    CaseState,
    Consent,
    FraudCase,
    FraudScore,
    Lead,
    Point,
    Reward,
    RewardState,
    Verdict,
)
from marketplace.referrals.permissions import is_referrer, may_decide
from marketplace.referrals.queries import find_live_grant

WAITS = frozenset({Verdict.HOLD, Verdict.STOP})
LIVE = (CaseState.OPEN, CaseState.CONFIRMED)
NOT_VOIDED = Reward.state != RewardState.VOIDED
REMINDED_EVERY = timedelta(days=7)
A_MOMENT = timedelta(minutes=1)


class AppealUsed(Conflict):
    code = "appeal_used"


class NotHeld(Conflict):
    code = "not_held"


class SecondAdmin(Conflict):
    code = "second_admin"


def find_case(lead_id: str) -> FraudCase | None:
    """The one that is open, or confirmed and still to be appealed."""
    return db.session.scalar(select(FraudCase).where(FraudCase.lead_id == lead_id, FraudCase.state.in_(LIVE)))


def follow_look(lead: Lead, look: FraudScore, reward: Reward | None, *, was_longer: set[str]) -> None:
    """What the score says of it: longer, a hold for a person, a stop; or an open case goes on holding what is new."""
    case = find_case(lead.id)
    if case is None and look.verdict in WAITS:
        case = _open(lead, look)
    elif case is not None and case.state is CaseState.OPEN and look.score > case.look.score:
        lifecycle.raise_case(case, look)
    if case is not None:
        effects.hold_lead(lead, case, look.point)
    elif look.verdict is Verdict.LONGER and reward is not None and reward.id not in was_longer:
        effects.hold_longer(reward)


def _open(lead: Lead, look: FraudScore) -> FraudCase:
    now = clock.now()
    ends = hold_ends(lead) if look.verdict is Verdict.HOLD else None
    case = FraudCase(
        lead_id=lead.id, about_id=lead.referrer_id, score_id=look.id, level=look.verdict, due_at=decision_due(now),
        expires_at=ends, lead=lead, look=look)
    lifecycle.open_case(case)
    outbox.promise("remind_of_fraud", after=case.due_at - now, case_id=case.id)
    if case.expires_at:
        outbox.promise("expire_fraud_hold", after=case.expires_at - now, case_id=case.id)
    _tell(case, "fraud_opened")
    return case


def month_ends(lead: Lead) -> datetime | None:
    """Of an undecided lead whose buyer knows nothing of it: before that day the law ends it. None of any other."""
    buyer = db.session.get_one(Buyer, lead.buyer_id)
    is_untold = lead.moderation in effects.UNDECIDED and buyer.told_at is None and buyer.erased_at is None
    return told_by(buyer.created_at) if is_untold else None


def hold_ends(lead: Lead) -> datetime:
    """If it begins or is kept now: while the buyer can still be asked, for silence robs no referrer; yet an admin has
    the time to look first."""
    now, month = clock.now(), month_ends(lead)
    usual = now + HOLD_ENDS_AFTER
    return usual if month is None else min(usual, max(month - ASKING_TAKES, decision_due(now)))


def keep_case(case: FraudCase, *, by: User, reason: str, version: int | None = None) -> None:
    """A hold is kept for thirty days more, or as long as the buyer can still be asked; the person reads the reason."""
    _check_may_decide(case, by, version)
    if case.state is not CaseState.OPEN:
        raise NotHeld("This was decided meanwhile.", next_step="Reload the page to see where it stands.")
    _refuse_who_found_it(case, by)
    if case.level is Verdict.HOLD:
        _hold_on(case)
    case.keep_reason, case.due_at = reason, clock.now() + REMINDED_EVERY
    audit.record("fraud.kept", case.lead_id, by=by.id, case=case.id, words=keep_words(case.lead, reason, by_admin=True))
    _tell(case, "fraud_kept", again=case.due_at.isoformat())


def let_go(case: FraudCase, *, by: User, reason: str, version: int | None = None) -> None:
    """open -> let_go: everything goes on where it was, and what was found counts no more for this lead."""
    _check_may_decide(case, by, version)
    lock_funds_of(case.lead)
    lifecycle.move_case(case, CaseState.LET_GO, by=by.id, words=reason)
    effects.let_lead_go(case)
    _tell(case, "fraud_ended")


def confirm_fraud(case: FraudCase, *, by: User, reason: str, version: int | None = None) -> None:
    """open -> confirmed: everything waits on until the time for an appeal is over. After an appeal it is final.

    SecondAdmin (409): who confirmed it first does not decide about the appeal against it.
    """
    _check_may_decide(case, by, version)
    lock_funds_of(case.lead)
    if case.settles_at is not None:
        _refuse_who_found_it(case, by)
        lifecycle.move_case(case, CaseState.PROVEN, by=by.id, words=reason)
        effects.undo_lead(case, by=by.id)
        _tell(case, "fraud_proven")
        return
    lifecycle.move_case(case, CaseState.CONFIRMED, by=by.id, words=reason)
    case.settles_at = clock.now() + APPEAL_WITHIN
    effects.hold_lead(case.lead, case, Point.POINTING)
    outbox.promise("settle_fraud_case", after=APPEAL_WITHIN, case_id=case.id)
    _tell(case, "fraud_confirmed")


def may_appeal(case: FraudCase) -> bool:
    """Once while it waits, and once after it was confirmed."""
    if case.state is CaseState.CONFIRMED:
        return case.settles_at is not None and clock.now() < case.settles_at
    return case.state is CaseState.OPEN and case.explanation is None and case.settles_at is None


def explain_lead(lead: Lead, *, by: User, why: str) -> FraudCase:
    """In the referrer's own words: what explains the signs; or an appeal, confirmed -> open, for another admin.

    Either is answered as soon as a moderator decides: two business days, or sooner where it was due before.
    """
    require(is_referrer(by, lead), "explain this lead")
    case = find_case(lead.id)
    if case is None:
        raise NotHeld("Nothing waits for a look here any more.", next_step="Reload the page to see where it stands.")
    if not may_appeal(case):
        raise AppealUsed("This was appealed already, or the time for it is over.",
                         next_step="Reload the page to see where it stands now.")
    now = clock.now()
    if case.state is CaseState.CONFIRMED or not now < case.due_at <= decision_due(now):
        case.due_at = decision_due(now)
    if case.state is CaseState.CONFIRMED:
        case.appeal, case.appealed_at, case.keep_reason = why, now, None
        lifecycle.move_case(case, CaseState.OPEN, by=by.id)
        if case.level is Verdict.HOLD:
            _hold_on(case)
    else:
        case.explanation, case.explained_at = why, now
        audit.record("fraud.explained", case.lead_id, by=by.id, case=case.id)
    for wait in (timedelta(0), case.due_at - now):  # And again when it is due, if nobody has decided by then.
        outbox.promise("send_letter", after=wait, key=f"fraud_appealed:{case.id}:{(now + wait).isoformat()}",
                       letter="fraud_waiting", case_id=case.id)
    return case


def _hold_on(case: FraudCase) -> None:
    case.expires_at = hold_ends(case.lead)
    outbox.promise("expire_fraud_hold", after=case.expires_at - clock.now(), case_id=case.id)


def expire_fraud_hold(case_id: str) -> None:
    """Job, on the day that was said when a hold began or was kept: it ends. Silence is for the referrer."""
    case = db.session.get_one(FraudCase, case_id)
    if case.state is not CaseState.OPEN or case.expires_at is None or clock.now() < case.expires_at:
        return
    if ended_first(case):
        _end_with_lead(case)
        return
    lock_funds_of(case.lead)
    lifecycle.move_case(case, CaseState.EXPIRED, by=audit.SYSTEM, reason="nobody kept it")
    effects.let_lead_go(case)
    _tell(case, "fraud_ended")


def ended_first(case: FraudCase) -> bool:
    """Its lead was refused, taken back, never answered or ended unsold before anybody had decided about the case, and
    that is told: nothing is left to hold. What was found and appealed against, and money, wait for their decision."""
    return case.state is CaseState.OPEN and case.settles_at is None and ended_with_nothing(case.lead)


def ended_with_nothing(lead: Lead) -> bool:
    is_over = lead.moderation in ENDINGS and lead.tell_at is None
    return is_over and not (lead.accepted_at and db.session.scalar(select(Reward.id).where(
        Reward.lead_id == lead.id, NOT_VOIDED).limit(1)))


def end_case_with_lead(lead_id: str) -> None:
    """Job, when a held lead ends. A decision that is told to nobody yet may still be undone."""
    lead, case = db.session.get_one(Lead, lead_id), find_case(lead_id)
    if lead.tell_at is not None:
        outbox.promise("end_case_with_lead", after=max(lead.tell_at - clock.now(), A_MOMENT), lead_id=lead_id)
    elif case is not None and ended_first(case):
        _end_with_lead(case)


def _end_with_lead(case: FraudCase) -> None:
    """A yes that nobody had looked at, and that still lasts, stays closed: nobody is introduced by what has ended."""
    lead = case.lead
    lifecycle.end_with_lead(case)
    grant = find_live_grant(lead) if lead.is_held and lead.consent is Consent.GRANTED else None
    lead.is_held = grant is not None and clock.now().date() <= grant.until
    if lead.is_held:
        outbox.promise("send_letter", letter="buyer_introduction_ended", lead_id=lead.id)


def settle_fraud_case(case_id: str) -> None:
    """Job, when the time for an appeal is over and nobody appealed."""
    case = db.session.get_one(FraudCase, case_id)
    if case.state is not CaseState.CONFIRMED or case.settles_at is None or clock.now() < case.settles_at:
        return
    lock_funds_of(case.lead)
    lifecycle.move_case(case, CaseState.PROVEN, by=audit.SYSTEM, reason="no appeal")
    effects.undo_lead(case, by=str(case.decided_by))
    _tell(case, "fraud_proven")


def remind_of_fraud(case_id: str) -> None:
    """Job, when a decision is due, and every week after: a stop does not end by itself."""
    case = db.session.get_one(FraudCase, case_id)
    if ended_first(case):
        _end_with_lead(case)
    if case.state not in LIVE:
        return
    if case.state is CaseState.OPEN and clock.now() >= case.due_at:
        outbox.promise("send_letter", letter="fraud_waiting", case_id=case.id)
    outbox.promise("remind_of_fraud", after=REMINDED_EVERY, case_id=case.id)


def _check_may_decide(case: FraudCase, by: User, version: int | None) -> None:
    require(may_decide(by, case.lead), "decide about this lead")
    check_version(case, version)


def _refuse_who_found_it(case: FraudCase, by: User) -> None:
    """An appeal is another admin's to refuse, and to keep waiting."""
    if case.is_appealed and by.id == case.decided_by:
        raise SecondAdmin("You confirmed this before the appeal.",
                          next_step="Another admin decides about the appeal; you may still let it go.")


def _tell(case: FraudCase, letter: str, *, again: str = "") -> None:
    """Referrer and business, each once for what happened."""
    key = f"{letter}:{case.id}:{case.settles_at or ''}{again}"
    outbox.promise("send_letter", key=key, letter=letter, case_id=case.id)
