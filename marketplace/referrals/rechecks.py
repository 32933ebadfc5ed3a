"""The post is read again while the lead waits for a decision, and before a reward is paid; what came of it is kept.

Gone is a question, never a loss: before the buyer is asked, the referrer is asked once, after a second look; before a
reward it is a sign for a person only, for whoever has bought often deletes the post.
"""
import re
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select

from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.quotes import EXACT, Anchor, Place, find_anchor
from marketplace.referrals.check_words import GONE, latest_check
from marketplace.referrals.evidence import Captured, read_evidence
from marketplace.referrals.models import (
    CheckMoment,
    CheckOutcome,
    Evidence,
    EvidenceCheck,
    EvidenceState,
    Lead,
    Moderation,
    ReasonCode,
    Reward,
    RewardState,
)
from marketplace.referrals.needs import NoNeed, read_need
from marketplace.referrals.questions import put_question

FRESH_FOR = timedelta(hours=24)  # A reading so old is no ground any more to ask somebody.
SECOND_LOOK = timedelta(hours=1)  # A site that stumbles is back by then.
BEFORE_RELEASE = timedelta(days=2)  # So that a person has time to look.
MOST_AT_ONCE = 200
LONGEST_SHOWN = 600
_END = re.compile(r"[.!?。！？]+[\s'\"”»)]+|\n")  # noqa: RUF001  # where a sentence ends in Chinese and Japanese too
GONE_FROM_SITE = frozenset({404, 410})
OVER = frozenset({NoNeed.SETTLED, NoNeed.DENIED})


def promise_rechecks() -> None:
    """Job, hourly: every post whose reading is too old for what may be done with it next. Twice promised, once read."""
    hour = f"{clock.now():%Y-%m-%dT%H}"
    due = [(CheckMoment.BEFORE_ASKING, _waiting_too_long()), (CheckMoment.BEFORE_REWARD, _about_to_earn())]
    for moment, leads in due:
        for lead_id in db.session.scalars(leads.limit(MOST_AT_ONCE)).all():
            outbox.promise("recheck_evidence", key=f"recheck:{lead_id}:{hour}", lead_id=lead_id, moment=moment)


def _last_read() -> ColumnElement[Any]:
    return func.coalesce(Evidence.read_again_at, Evidence.captured_at)


def _readable() -> Select[str]:
    return select(Lead.id).join(Evidence, Evidence.lead_id == Lead.id).where(
        Evidence.state == EvidenceState.CAPTURED, Evidence.url.is_not(None))


def _waiting_too_long() -> Select[str]:
    return _readable().where(
        Lead.moderation == Moderation.IN_REVIEW, _last_read() <= clock.now() - FRESH_FOR).order_by(_last_read())


def _about_to_earn() -> Select[str]:
    """Not read since the reward was earned; or not since shortly before it is released."""
    soon = (Reward.state == RewardState.PENDING) & (Reward.release_at <= clock.now() + BEFORE_RELEASE)
    return _readable().join(Reward, Reward.lead_id == Lead.id).where(
        Reward.state.in_((RewardState.PENDING, RewardState.ON_HOLD, RewardState.PAYABLE)),
        or_(_last_read() < Reward.created_at, soon & (_last_read() <= clock.now() - BEFORE_RELEASE - FRESH_FOR)),
    ).group_by(Lead.id).order_by(func.min(Reward.release_at))


def read_again(lead_id: str, moment: str) -> Captured:
    """The errand's call."""
    return read_evidence(lead_id, is_first=False)


def keep_check(captured: Captured, lead_id: str, moment: str) -> None:
    """The errand's settlement. A lead that was decided meanwhile, or another address, is left alone."""
    lead = db.session.get_one(Lead, lead_id)
    evidence = lead.evidence
    if evidence.state is not EvidenceState.CAPTURED or not evidence.url:
        return
    before = latest_check(lead)
    check = _compare(lead, captured, CheckMoment(moment))
    gone_before = db.session.scalar(select(func.count()).select_from(EvidenceCheck).where(
        EvidenceCheck.lead_id == lead.id, EvidenceCheck.outcome.in_(GONE),
        EvidenceCheck.checked_at >= evidence.captured_at)) or 0
    db.session.add(check)
    evidence.read_again_at = check.checked_at
    was = before.outcome if before else CheckOutcome.UNCHANGED
    if check.outcome not in {was, CheckOutcome.NOT_READ}:
        audit.record(f"evidence.{check.outcome}", lead.id, by=audit.SYSTEM, was=was)
    if check.moment is CheckMoment.BEFORE_ASKING and check.outcome in GONE:
        _ask_once(lead, check, gone_before)


def _ask_once(lead: Lead, check: EvidenceCheck, gone_before: int) -> None:
    if lead.moderation is not Moderation.IN_REVIEW or gone_before > 1:
        return
    if not gone_before:
        outbox.promise("recheck_evidence", after=SECOND_LOOK, lead_id=lead.id, moment=check.moment)
        return
    lead.reason_code = ReasonCode.EVIDENCE_UNAVAILABLE
    what = "The page is gone" if check.outcome is CheckOutcome.PAGE_GONE else "The sentence you quoted is gone"
    put_question(
        lead, f"{what} since we read it; we keep what it said. Do you know why? Tell us whether they still look, and "
        "give another address or a screenshot if you have one. A moderator decides with your answer.",
        by=audit.SYSTEM, reason=ReasonCode.EVIDENCE_UNAVAILABLE)


def _compare(lead: Lead, captured: Captured, moment: CheckMoment) -> EvidenceCheck:
    check = EvidenceCheck(lead_id=lead.id, moment=moment, is_over=False, checked_at=clock.now())
    if captured.reading is None or not captured.reading.text:
        is_gone = captured.page_status in GONE_FROM_SITE
        check.outcome = CheckOutcome.PAGE_GONE if is_gone else CheckOutcome.NOT_READ
        check.failure = captured.failure or "empty"
        return check
    reading, evidence = captured.reading, lead.evidence
    check.sha256 = reading.sha256
    if reading.sha256 == evidence.sha256:
        check.outcome, check.likeness = CheckOutcome.UNCHANGED, EXACT if evidence.quote_found else None
        return check
    was_over = read_need(evidence.text or "", evidence.title or "", evidence.language).why_not in OVER
    check.is_over = not was_over and read_need(reading.text, reading.title, reading.language).why_not in OVER
    place = find_anchor(reading.text, Anchor(evidence.quote, evidence.quote_prefix or "", evidence.quote_suffix or ""))
    if place is None:
        # What never stood there word for word cannot be missed.
        check.outcome = CheckOutcome.QUOTE_GONE if evidence.quote_found else CheckOutcome.STILL_THERE
        return check
    check.outcome, check.likeness = CheckOutcome.STILL_THERE, place.likeness
    if place.likeness < EXACT:
        check.now_reads = _sentence(reading.text, place)
    return check


def _sentence(text: str, place: Place) -> str:
    """What was found, from where its sentence begins to where it ends."""
    ends = [end.end() for end in _END.finditer(text)]
    begun = max((end for end in ends if end <= place.start + 2), default=0)
    over = min((end for end in ends if end >= place.end), default=len(text))
    return text[begun:over].strip()[:LONGEST_SHOWN]
