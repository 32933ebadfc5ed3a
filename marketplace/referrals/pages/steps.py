"""Where a lead stands, as the five arms of the stepper: pointed, moderated, the buyer's yes, sold, paid."""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from marketplace.referrals.fraud.effects import NOT_GENUINE
from marketplace.referrals.models import Consent, Lead, Moderation, Reward, RewardState, Stage
from marketplace.referrals.money_back import MoneyBack
from marketplace.referrals.reward_words import main_reward


@dataclass(frozen=True)
class Step:
    """``state`` is done, current, todo or bad."""

    label: str
    state: str
    note: str = ""


MODERATION = {
    Moderation.SUBMITTED: ("current", "reading the post"), Moderation.IN_REVIEW: ("current", "in review"),
    Moderation.NEEDS_INFO: ("current", "question open"), Moderation.ACCEPTED: ("done", ""),
    Moderation.REJECTED: ("bad", "not accepted"), Moderation.DUPLICATE: ("bad", "duplicate"),
    Moderation.WITHDRAWN: ("bad", "taken back"), Moderation.EXPIRED: ("bad", "ended"),
}
CONSENT = {
    Consent.UNKNOWN: ("todo", ""), Consent.ASKED: ("current", "waiting for the buyer"), Consent.GRANTED: ("done", ""),
    Consent.REFUSED: ("bad", "said no"), Consent.NO_ANSWER: ("bad", "no answer"),
    Consent.WITHDRAWN: ("bad", "taken back"),
}
STAGE_NAMES = {  # The same words as on the chips (templates/parts.html).
    Stage.NEW: "New", Stage.INTRODUCED: "In touch", Stage.QUALIFIED: "Qualified", Stage.MEETING: "Meeting",
    Stage.NEGOTIATION: "Negotiating", Stage.WON: "Sold", Stage.LOST: "Lost", Stage.UNQUALIFIED: "Not a fit",
}
REWARD = {
    RewardState.PENDING: ("current", "held"), RewardState.ON_HOLD: ("current", "on hold"),
    RewardState.PAYABLE: ("current", "released"), RewardState.SCHEDULED: ("current", "on its way"),
    RewardState.PAID: ("done", ""), RewardState.VOIDED: ("bad", "sale refunded"),
}


def steps_of(lead: Lead, rewards: Sequence[Reward], back: Mapping[str, MoneyBack]) -> list[Step]:
    """One current or bad arm at most; what comes after it is still to come."""
    began = [("Pointed out", ("done", "")), ("Moderation", _moderation(lead)), ("Buyer’s yes", _consent(lead))]
    if lead.is_tracked:
        began = [(f"Came by a {lead.source}", ("done", ""))]
    wanted = [*began, ("Sale", _sale(lead)), ("Reward", _reward(lead, rewards, back))]
    steps: list[Step] = []
    is_ahead = False
    for label, (state, note) in wanted:
        steps.append(Step(label, "todo") if is_ahead else Step(label, state, note))
        is_ahead = is_ahead or state != "done"
    return steps


def _moderation(lead: Lead) -> tuple[str, str]:
    return ("done", "") if lead.accepted_at else MODERATION[lead.moderation]


def _consent(lead: Lead) -> tuple[str, str]:
    return ("done", "") if lead.stage is Stage.WON else CONSENT[lead.consent]


def _sale(lead: Lead) -> tuple[str, str]:
    if lead.stage is Stage.WON:
        return "done", ""
    if lead.moderation is Moderation.EXPIRED or lead.stage in {Stage.LOST, Stage.UNQUALIFIED}:
        return "bad", "ended" if lead.moderation is Moderation.EXPIRED else _name(lead)
    return "current", ("" if lead.is_tracked else "not in touch yet") if lead.stage is Stage.NEW else _name(lead)


def _name(lead: Lead) -> str:
    return STAGE_NAMES[lead.stage or Stage.NEW].lower()


def _reward(lead: Lead, rewards: Sequence[Reward], back: Mapping[str, MoneyBack]) -> tuple[str, str]:
    if not rewards or main_reward(rewards).void_reason == NOT_GENUINE:
        return "bad", "nothing earned"
    main = main_reward(rewards)
    return ("bad", "taken back") if back[main.id].is_paid_and_gone else REWARD[main.state]
