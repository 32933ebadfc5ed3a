"""What a moderator's screen of one case shows beside the lead: who has it, who may decide it, what can be undone."""
from typing import Any

from marketplace.foundation import clock
from marketplace.foundation.db import db
from marketplace.foundation.show import day_in_words
from marketplace.identity.models import User
from marketplace.referrals.desk.claims import find_claim
from marketplace.referrals.desk.deciders import standing_escalations, who_else, why_not_yours
from marketplace.referrals.desk.record import last_decision
from marketplace.referrals.desk.telling import GRACE
from marketplace.referrals.models import Escalation, Lead, Moderation
from marketplace.referrals.permissions import may_decide


def is_on_desk(lead: Lead) -> bool:
    """To be decided, or decided and told to nobody yet."""
    return lead.moderation is Moderation.IN_REVIEW or lead.tell_at is not None


def desk_of(lead: Lead, user: User) -> dict[str, Any]:
    claim, made = find_claim(lead), last_decision(lead)
    is_open = lead.moderation is Moderation.IN_REVIEW
    refusal = why_not_yours(lead, user) if is_open else None
    has_stake = not may_decide(user, lead)
    is_theirs = claim is not None and claim.user_id != user.id
    passed_on = standing_escalations(lead)
    return {
        "claim": claim, "is_theirs": is_open and is_theirs, "refusal_of_yours": refusal, "has_stake": has_stake,
        "may_act": is_open and not is_theirs and refusal is None and not has_stake,
        "others": who_else(lead, besides=user) if is_open else [],
        "passed_on": [(_name_of(one.escalated_by), _name_of(one.to_id), one) for one in passed_on],
        "may_take_back": any(_is_fresh(one) and one.escalated_by == user.id for one in passed_on),
        "may_undo": lead.tell_at is not None and made is not None and made.decided_by == user.id,
        "decided_by_name": _name_of(made.decided_by) if made is not None else None,
        "age": _age_of(lead),
    }


def _is_fresh(escalation: Escalation) -> bool:
    return clock.now() < escalation.created_at + GRACE


def _name_of(user_id: str | None) -> str | None:
    user = db.session.get(User, user_id) if user_id else None
    return user.name if user else None


def _age_of(lead: Lead) -> str:
    """When it was written, beside what the terms ask for."""
    published, allowed = lead.evidence.published_on, lead.terms.evidence_days
    if published is None and not lead.evidence.captured_at:
        return f"No page was read that says when it was written; the terms ask for {allowed} days or fewer."
    if published is None:
        return f"It does not say when it was written; the terms ask for {allowed} days or fewer."
    days = max((lead.submitted_at.date() - published).days, 0)
    return (f"Written on {day_in_words(published)}, {days} day{'' if days == 1 else 's'} before it was pointed out; "
            f"the terms ask for {allowed} or fewer.")
