"""What happens next with a lead that waits for a person, or was found not to be genuine: a sentence for each reader."""
from collections.abc import Mapping, Sequence
from datetime import date, datetime

from sqlalchemy import select

from marketplace.bounties.rules import worst_case
from marketplace.foundation import clock
from marketplace.foundation.db import db
from marketplace.foundation.show import day_in_words
from marketplace.payments.models import Payable, PayableState
from marketplace.referrals.audience import Audience
from marketplace.referrals.deadlines import decision_due
from marketplace.referrals.fraud.cases import LIVE, month_ends
from marketplace.referrals.fraud.effects import NOT_GENUINE, only_reward_waits
from marketplace.referrals.holds import RELEASED, UNRELEASED
from marketplace.referrals.models import (
    CaseState,
    Consent,
    FraudCase,
    Lead,
    Moderation,
    Reward,
    RewardState,
    Stage,
)

R, B, A, Y = Audience.REFERRER, Audience.BUSINESS, Audience.ADMIN, Audience.BUYER
SET_ASIDE = "what was set aside for it and not sent yet"
WAITING = frozenset({Moderation.SUBMITTED, Moderation.IN_REVIEW})


def cases_of(leads: Sequence[Lead]) -> Mapping[str, FraudCase]:
    """What waits or was found, by lead; the others have none, or one that was let go."""
    found = db.session.scalars(select(FraudCase).where(
        FraudCase.lead_id.in_([lead.id for lead in leads]), FraudCase.state.in_((*LIVE, CaseState.PROVEN)))
        .order_by(FraudCase.id))
    return {case.lead_id: case for case in found}


def said_of(case: FraudCase | None, lead: Lead, audience: Audience, rewards: Sequence[Reward]) -> str | None:
    """None where the lead's own state says what happens next. To the buyer nothing is said of anybody."""
    if case is None or (audience is Y and case.state is not CaseState.PROVEN):
        return None
    if case.state is CaseState.PROVEN:
        return _proven(case, lead, audience, rewards)
    if case.state is CaseState.CONFIRMED and case.settles_at is not None:
        until = day_in_words(case.settles_at)
        after = "what it earned and was not sent yet goes back to the bounty" if has_unsent(rewards) else "it ends"
        back = f"{SET_ASIDE} goes back to your bounty" if costs_money(lead) else "it ends"
        return {
            R: f"A person found that it is not genuine. You may appeal until {until}; if you do not, {after}.",
            B: f"A person found that it is not genuine. The referrer may appeal until {until}; if they do not, {back}. "
               "You need do nothing.",
            A: f"The referrer may appeal against what was found until {until}; if they do not, {after}."}[audience]
    if case.is_appealed:
        by = by_when(case)
        return {
            R: f"Another person decides about your appeal{by}. Nothing is taken from you before.",
            B: f"A person found that it is not genuine, and the referrer appealed: another person decides{by}. You "
               "need do nothing.",
            A: f"The referrer appealed against what was found: another admin than the first decides{by}."}[audience]
    return _held(case, lead, audience) if lead.is_held else None


def by_when(case: FraudCase, *, last: date | None = None) -> str:
    """`` by 25 Nov 2026``: when a person of ours has decided, also about an appeal that may come; then, that we are
    late. Nothing where that is after the ``last`` day on which it matters."""
    due = _due(case)
    if last is not None and due.date() > last:
        return ""
    return f" by {day_in_words(due)}" if clock.now() < due else " (we are late with it)"


def _due(case: FraudCase) -> datetime:
    return case.due_at if case.settles_at is None or case.is_appealed else decision_due(case.settles_at)


def clock_in_words(case: FraudCase) -> str:
    """By when we decide, and what happens if nobody does."""
    day = day_in_words(_due(case))
    said = f"We decide by {day}." if clock.now() < _due(case) else f"We wanted to decide by {day}, and are late."
    return f"{said} {if_nobody_decides(case)}"


def if_nobody_decides(case: FraudCase) -> str:
    """A hold ends by itself, a stop does not."""
    what = "the reward" if only_reward_waits(case) else "the lead"
    if case.expires_at:
        ends = day_in_words(case.expires_at)
        return f"If nobody decides, this wait ends on {ends} at the latest, and {what} goes on."
    said = f"If nobody decides, {what} waits on, and our admins are reminded every week"
    if month := month_ends(case.lead):
        return f"{said}; by law the lead ends before {day_in_words(month)}, unless its buyer is asked before."
    is_closed = case.lead.is_held or (case.is_appealed and case.lead.stage is not Stage.WON)
    is_kept_back = is_closed and case.lead.consent is Consent.GRANTED
    stands = "; as long as the buyer’s yes lasts, the days of protection do not run" if is_kept_back else ""
    return f"{said}{stands}."


def has_unsent(rewards: Sequence[Reward]) -> bool:
    """Whether anything would go back to the bounty."""
    if any(one.state in {*UNRELEASED, RewardState.PAYABLE} for one in rewards):
        return True
    sent = [one.id for one in rewards if one.state in RELEASED]  # Part of one may be owed still.
    return bool(sent) and db.session.scalar(select(Payable.id).where(
        Payable.id.in_(sent) | Payable.rest_of.in_(sent), Payable.state == PayableState.OWED,
        Payable.amount_minor > 0).limit(1)) is not None


def what_came_of(rewards: Sequence[Reward]) -> str:
    """Once it is proven: of what it had earned."""
    is_sent = any(one.state in RELEASED for one in rewards)
    if any(one.void_reason == NOT_GENUINE or any(taken.is_of_fraud for taken in one.clawbacks) for one in rewards):
        back = "What it had earned and was not sent yet is back in the bounty"
        return f"{back}, and an admin decides about what was sent" if is_sent else back
    if is_sent:
        return "What it had earned was sent before; an admin decides about that"
    return "It earns nothing"


def _proven(case: FraudCase, lead: Lead, audience: Audience, rewards: Sequence[Reward]) -> str:
    if audience is Y:
        return "Nothing: this introduction has ended."
    found = "Nothing: it was found not to be genuine"
    if audience is R:
        why = "your appeal was heard" if case.appealed_at else "the time to appeal is over"
        return (f"{found}, and that stands: {why}, so no more can be done about it. {what_came_of(rewards)}; what your "
                "other leads earned stays yours.")
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
        is_waiting = lead.consent is Consent.GRANTED and lead.stage is not Stage.WON
        return INTRODUCED[audience].format(by=by_when(case)) if is_waiting else None
    if lead.moderation not in WAITING:
        return None
    if audience is R:
        ends = f"; the wait ends on {day_in_words(case.expires_at)} at the latest" if case.expires_at else ""
        return f"A person looks at it first{by_when(case)}{ends}. It is not accepted by itself before."
    return (f"Signs of fraud hold it{_until(case)}. Before that is decided it can be refused, not accepted, and no "
            "clock accepts it.")


def said_of_reward(case: FraudCase | None, lead: Lead, audience: Audience) -> str:
    """Beside what is to be done with a lead that goes on while what it earns waits; "" where that does not."""
    if case is None or audience is Y or not only_reward_waits(case) or not costs_money(lead):
        return ""
    until = _until(case)
    looks = f"A person at Fingerpost looks at this lead{by_when(case)}"
    return {
        R: f"{looks}; what it earns waits meanwhile{until}.",
        B: f"{looks}; its reward waits meanwhile{until}. You need do nothing for that.",
        A: f"Signs of fraud hold what it earns{until}."}[audience]


# A buyer's yes that waits too: the signs were strong, and found when they gave it.
INTRODUCED: dict[Audience, str] = {
    R: "The buyer said yes. A person looks at it first{by}; then the business learns how to reach them.",
    B: "The buyer said yes. A person at Fingerpost looks at it first{by}; then you read here how to reach them.",
    A: "Signs of fraud hold it: nobody is introduced before that is decided.",
}
