"""What happens next with a lead that waits for a person, or was found not to be genuine: a sentence for each reader."""
from collections.abc import Mapping, Sequence

from sqlalchemy import select

from marketplace.bounties.rules import worst_case
from marketplace.foundation import clock
from marketplace.foundation.db import db
from marketplace.foundation.show import day_in_words
from marketplace.referrals.audience import Audience
from marketplace.referrals.fraud.cases import LIVE
from marketplace.referrals.fraud.effects import only_reward_waits
from marketplace.referrals.models import CaseState, Consent, FraudCase, Lead, Moderation, Stage

R, B, A, Y = Audience.REFERRER, Audience.BUSINESS, Audience.ADMIN, Audience.BUYER
SET_ASIDE = "what was set aside for it and not sent yet"
WAITING = frozenset({Moderation.SUBMITTED, Moderation.IN_REVIEW})


def cases_of(leads: Sequence[Lead]) -> Mapping[str, FraudCase]:
    """What waits or was found, by lead; the others have none, or one that was let go."""
    found = db.session.scalars(select(FraudCase).where(
        FraudCase.lead_id.in_([lead.id for lead in leads]), FraudCase.state.in_((*LIVE, CaseState.PROVEN)))
        .order_by(FraudCase.id))
    return {case.lead_id: case for case in found}


def said_of(case: FraudCase | None, lead: Lead, audience: Audience, *, has_earned: bool) -> str | None:
    """None where the lead's own state says what happens next. To the buyer nothing is said of anybody."""
    if case is None or (audience is Y and case.state is not CaseState.PROVEN):
        return None
    if case.state is CaseState.PROVEN:
        return _proven(lead, audience, has_earned=has_earned)
    if case.state is CaseState.CONFIRMED and case.settles_at is not None:
        until = day_in_words(case.settles_at)
        after = "what it earned and was not sent yet goes back to the bounty" if has_earned else "it ends"
        back = f"{SET_ASIDE} goes back to your bounty" if costs_money(lead) else "it ends"
        return {
            R: f"A person found that it is not genuine. You may appeal until {until}; then {after}.",
            B: f"A person found that it is not genuine. The referrer may appeal until {until}; then {back}. You "
               "need do nothing.",
            A: f"The referrer may appeal against what was found until {until}; then {after}."}[audience]
    if case.is_appealed:
        by = f" by {day_in_words(case.due_at)}" if clock.now() < case.due_at else ""
        return {
            R: f"Another person decides about your appeal{by}. Nothing is taken from you before.",
            B: f"A person found that it is not genuine, and the referrer appealed: another person decides{by}. You "
               "need do nothing.",
            A: f"The referrer appealed against what was found: another admin than the first decides{by}."}[audience]
    return _held(case, lead, audience) if lead.is_held else None


def _proven(lead: Lead, audience: Audience, *, has_earned: bool) -> str:
    if audience is Y:
        return "Nothing: this introduction has ended."
    found = "Nothing: it was found not to be genuine"
    if audience is R:
        reward = "What it had earned and was not sent yet is back in the bounty" if has_earned else "It earns nothing"
        return f"{found}, and that stands. {reward}; what your other leads earned stays yours."
    if audience is A:
        return f"{found}, and that stands."
    back = f", and {SET_ASIDE} is back in your bounty" if costs_money(lead) else ""
    return f"{found}. You owe no reward for it{back}."


def _until(case: FraudCase) -> str:
    return f", until {day_in_words(case.expires_at)} at the latest" if case.expires_at else ""


def costs_money(lead: Lead) -> bool:
    return worst_case(lead.terms).minor > 0


def _held(case: FraudCase, lead: Lead, audience: Audience) -> str | None:
    if lead.moderation is Moderation.ACCEPTED:
        return INTRODUCED[audience] if lead.consent is Consent.GRANTED and lead.stage is not Stage.WON else None
    if lead.moderation not in WAITING:
        return None
    until = _until(case)
    if audience is R:
        return f"A person looks at it first{until}. It is not accepted by itself before."
    return (f"Signs of fraud hold it{until}. Before that is decided it can be refused, not accepted, and no clock "
            "accepts it.")


def said_of_reward(case: FraudCase | None, lead: Lead, audience: Audience) -> str:
    """Beside what is to be done with a lead that goes on while what it earns waits; "" where that does not."""
    if case is None or audience is Y or not only_reward_waits(case) or not costs_money(lead):
        return ""
    until = _until(case)
    looks = "A person at Fingerpost looks at this lead"
    return {
        R: f"{looks}; what it earns waits meanwhile{until}.",
        B: f"{looks}; its reward waits meanwhile{until}. You need do nothing for that.",
        A: f"Signs of fraud hold what it earns{until}."}[audience]


# A buyer's yes that waits too: the signs were strong, and found when they gave it.
INTRODUCED: dict[Audience, str] = {
    R: "The buyer said yes. A person looks at it first; then the business learns how to reach them.",
    B: "The buyer said yes. A person at Fingerpost looks at it first; then you read here how to reach them.",
    A: "Signs of fraud hold it: nobody is introduced before that is decided.",
}
