"""A look at a lead: what the rules find adds up, is kept for good, and says what follows."""
from sqlalchemy import select

from marketplace.foundation.db import db
from marketplace.referrals.fraud.cases import follow_look
from marketplace.referrals.fraud.facts import find_facts
from marketplace.referrals.fraud.rules import RULES, VERSION, add_up, judge
from marketplace.referrals.holds import UNRELEASED
from marketplace.referrals.models import CaseState, FraudCase, FraudScore, Lead, Point, Reward, RewardState, Verdict

ENDED_WELL = (CaseState.LET_GO, CaseState.EXPIRED)


def look_at(lead: Lead, point: Point, reward: Reward | None = None) -> FraudScore:
    """What is found now and was found before, less what an admin has let go; with what follows from it."""
    found = {key: counted for key, counted in find_facts(point, lead, reward).items() if point in RULES[key].points}
    looks = looks_at(lead.id)
    before, let_go = _found_before(lead, looks)
    reasons = {key: counted for key, counted in (before | found).items() if key not in let_go and key in RULES}
    score = add_up(reasons)
    look = FraudScore(
        lead_id=lead.id, reward_id=reward.id if reward else None, point=point, score=score, verdict=judge(score),
        reasons=[[key, RULES[key].weight, counted] for key, counted in reasons.items()], rules_version=VERSION)
    db.session.add(look)
    db.session.flush()
    follow_look(lead, look, reward, was_longer=_lengthened(looks))
    return look


def look_at_rewards(conversion_id: str) -> None:
    """Job, promised with what a conversion earned: each reward in money, before its return period is over."""
    rewards = db.session.scalars(select(Reward).where(
        Reward.conversion_id == conversion_id, Reward.state.in_(UNRELEASED)).order_by(Reward.id)).all()
    for reward in rewards:
        lead = db.session.get_one(Lead, reward.lead_id)
        if lead.is_tracked and not looks_at(lead.id):  # No moderator stood between.
            look_at(lead, Point.POINTING)
        look_at(lead, Point.CONVERSION, reward)


def look_at_owed(payee_id: str) -> None:
    """Job, promised when a bank account of theirs is seen for the first time: what is owed and not sent yet."""
    for reward in db.session.scalars(select(Reward).where(
            Reward.beneficiary_id == payee_id, Reward.state == RewardState.PAYABLE).order_by(Reward.id)).all():
        look_at(db.session.get_one(Lead, reward.lead_id), Point.TRANSFER, reward)


def look_again(lead: Lead) -> None:
    """On an appeal: the case that had ended with the lead is open again, if the signs still say so."""
    if db.session.scalar(select(FraudCase.id).where(FraudCase.lead_id == lead.id, FraudCase.ended_with_lead).limit(1)):
        look_at(lead, Point.POINTING)


def looks_at(lead_id: str) -> list[FraudScore]:
    """Oldest first."""
    return list(db.session.scalars(select(FraudScore).where(FraudScore.lead_id == lead_id).order_by(FraudScore.id)))


def _found_before(lead: Lead, looks: list[FraudScore]) -> tuple[dict[str, str], set[str]]:
    """By earlier looks; and of that what a person looked at and let go, or let expire."""
    if not any(look.reasons for look in looks):
        return {}, set()
    cases = db.session.scalars(select(FraudCase).where(
        FraudCase.lead_id == lead.id, FraudCase.state.in_(ENDED_WELL), ~FraudCase.ended_with_lead)
        .order_by(FraudCase.id)).all()
    ended = max((case.decided_at or case.expires_at or case.created_at for case in cases), default=None)
    found = {key: counted for look in looks for key, _, counted in look.reasons}
    let_go = {key for look in looks for key, _, _ in look.reasons if ended and look.created_at <= ended}
    return found, let_go


def _lengthened(looks: list[FraudScore]) -> set[str]:
    """Rewards whose return period was made longer by a look before."""
    return {look.reward_id for look in looks if look.reward_id and look.verdict is Verdict.LONGER}
