"""A question to the referrer, with a week to answer it."""
from marketplace.foundation import clock, outbox
from marketplace.referrals import lifecycle
from marketplace.referrals.deadlines import INFO_WAITED_FOR
from marketplace.referrals.models import Lead, Moderation


def put_question(lead: Lead, question: str, *, by: str, reason: str = "") -> None:
    """submitted or in_review -> needs_info, by the reader of the page: told at once."""
    lead.question = question
    lifecycle.move(lead, Moderation.NEEDS_INFO, by=by, reason=reason)
    tell_question(lead)


def tell_question(lead: Lead) -> None:
    """The week begins when the referrer can read it."""
    lead.question_asked_at = clock.now()
    outbox.promise("send_letter", letter="lead_needs_info", lead_id=lead.id)
    outbox.promise(
        "expire_unanswered", after=INFO_WAITED_FOR, lead_id=lead.id, asked_at=lead.question_asked_at.isoformat())
