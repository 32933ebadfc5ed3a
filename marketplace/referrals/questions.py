"""A question to the referrer, with a week to answer it."""
from marketplace.foundation import clock, outbox
from marketplace.referrals import lifecycle
from marketplace.referrals.deadlines import INFO_WAITED_FOR
from marketplace.referrals.models import Lead, Moderation


def put_question(lead: Lead, question: str, *, by: str, reason: str = "") -> None:
    """submitted or in_review -> needs_info, asked by a moderator or by the reader of the page."""
    lead.question, lead.question_asked_at = question, clock.now()
    lifecycle.move(lead, Moderation.NEEDS_INFO, by=by, reason=reason)
    outbox.promise("send_letter", letter="lead_needs_info", lead_id=lead.id)
    outbox.promise(
        "expire_unanswered", after=INFO_WAITED_FOR, lead_id=lead.id, asked_at=lead.question_asked_at.isoformat())
