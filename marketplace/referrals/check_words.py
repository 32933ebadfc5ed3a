"""What came of reading a post again, and in words: for the moderator as a sign, for the referrer as a line."""
from sqlalchemy import select

from marketplace.foundation.db import db
from marketplace.foundation.quotes import EXACT
from marketplace.referrals.models import CheckMoment, CheckOutcome, EvidenceCheck, Lead

GONE = frozenset({CheckOutcome.QUOTE_GONE, CheckOutcome.PAGE_GONE})
SAYS = {
    CheckOutcome.UNCHANGED: "the same as before",
    CheckOutcome.STILL_THERE: "the page has changed, and the sentence still stands there",
    CheckOutcome.QUOTE_GONE: "the sentence is gone from the page",
    CheckOutcome.PAGE_GONE: "the page is gone",
    CheckOutcome.NOT_READ: "it could not be read just then, which says nothing about the post",
}
TONES = {CheckOutcome.UNCHANGED: "ok", CheckOutcome.STILL_THERE: "ok", CheckOutcome.NOT_READ: "mute"}


def say_check(check: EvidenceCheck) -> str:
    if check.outcome is CheckOutcome.STILL_THERE and check.likeness is not None and check.likeness < EXACT:
        return f"the sentence still stands there, edited ({check.likeness}% the same)"
    if check.outcome is CheckOutcome.STILL_THERE and check.likeness is None:
        return "the page has changed"
    return SAYS[check.outcome]


def tell_checks(lead: Lead) -> list[tuple[str, str]]:
    """(tone, sentence) about the last look, for a moderator; nothing where the post was read but once."""
    looks = checks_of(lead)
    if not looks:
        return []
    last = next((one for one in looks if one.outcome is not CheckOutcome.NOT_READ), looks[0])
    day = f"{last.checked_at:%-d %B}"
    told = [(TONES.get(last.outcome, "warn"), f"Read again on {day}: {say_check(last)}.")]
    if last.now_reads:
        told.append(("warn" if last.is_over else "mute", f"Now it reads: “{last.now_reads}”"))
    if last.is_over:
        told.append(("warn", "As it stands now, the post says that nothing is looked for any more."))
    if last.outcome in GONE and last.moment is CheckMoment.BEFORE_REWARD:
        told.append(("mute", "Whoever has bought often deletes the post: this alone is no reason to hold a reward."))
    return told


def latest_check(lead: Lead) -> EvidenceCheck | None:
    """The last one that told something, of the reading that is kept."""
    return next((one for one in checks_of(lead) if one.outcome is not CheckOutcome.NOT_READ), None)


def checks_of(lead: Lead) -> list[EvidenceCheck]:
    """Newest first; of the address that stands there now."""
    captured_at = lead.evidence.captured_at
    if captured_at is None:
        return []
    return list(db.session.scalars(select(EvidenceCheck).where(
        EvidenceCheck.lead_id == lead.id, EvidenceCheck.checked_at >= captured_at)
        .order_by(EvidenceCheck.checked_at.desc(), EvidenceCheck.id.desc())))
