"""What a machine can tell a moderator about a lead: facts with their reasons, never a verdict."""
from dataclasses import dataclass

from marketplace.foundation import audit, clock
from marketplace.foundation.db import db
from marketplace.referrals import lifecycle
from marketplace.referrals.models import EvidenceState, Lead, Moderation


@dataclass(frozen=True)
class Signal:
    """``tone`` is ok, warn or mute; ``words`` say what was seen and why it matters."""

    tone: str
    words: str


def begin_review(lead_id: str) -> None:
    """Job, or the end of capturing: the lead stands in the moderators' queue."""
    lead = db.session.get_one(Lead, lead_id)
    if lead.moderation is Moderation.SUBMITTED:
        lifecycle.move(lead, Moderation.IN_REVIEW, by=audit.SYSTEM)


def read_signals(lead: Lead) -> list[Signal]:
    return [*_quote_signals(lead), *_age_signals(lead), *_people_signals(lead)]


def _quote_signals(lead: Lead) -> list[Signal]:
    evidence = lead.evidence
    if evidence.state is EvidenceState.GIVEN:
        return [Signal("warn", "There is no address: the referrer typed the text, so nobody can check it.")]
    if evidence.quote_found:
        return [Signal("ok", "The quoted sentence stands in the post, word for word.")]
    if evidence.quote_found is None:
        return [Signal("mute", "The post has not been read yet.")]
    return [Signal("warn", "The quoted sentence was not found in the post.")]


def _age_signals(lead: Lead) -> list[Signal]:
    published = lead.evidence.published_on
    if published is None:
        return [Signal("mute", "The post does not say when it was written.")]
    days = (lead.submitted_at.date() - published).days
    if days > lead.terms.evidence_days:
        allowed = lead.terms.evidence_days
        return [Signal("warn", f"The post was {days} days old when it was pointed out; "
                               f"these terms ask for {allowed} or fewer.")]
    return [Signal("ok", f"The post was {days} days old when it was pointed out.")]


def _people_signals(lead: Lead) -> list[Signal]:
    author = (lead.evidence.author or "").strip().lower()
    if author and author == lead.referrer.name.strip().lower():
        return [Signal("warn", "The post’s author has the referrer’s own name.")]
    if (clock.now() - lead.referrer.created_at).days < 1:
        return [Signal("mute", "The referrer joined less than a day ago.")]
    return []
