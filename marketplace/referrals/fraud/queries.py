"""Reads of cases: the queue by its clock, the history of both sides, what stands on the pages."""
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, exists, or_, select

from marketplace.foundation import clock
from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import db
from marketplace.foundation.errors import NotFound
from marketplace.identity.models import User
from marketplace.referrals.fraud.cases import NOT_VOIDED, ended_first, may_appeal
from marketplace.referrals.fraud.effects import UNDECIDED, only_reward_waits
from marketplace.referrals.fraud.rules import LONGER_BY
from marketplace.referrals.fraud.scoring import looks_at
from marketplace.referrals.fraud.signals import FraudSignal, signals_of
from marketplace.referrals.fraud.words import clock_in_words, if_nobody_decides
from marketplace.referrals.kept_words import words_kept
from marketplace.referrals.models import CaseState, FraudCase, FraudScore, Lead, Moderation, Reward, Verdict

DECIDED_SHOWN = 20


def open_cases() -> Select[FraudCase]:
    """What waits for a decision; due first. Not what waits for an appeal of the person, nor what ends with its lead."""
    is_live = or_(Lead.moderation.in_({*UNDECIDED, Moderation.ACCEPTED}), FraudCase.settles_at.is_not(None),
                  exists().where(Reward.lead_id == Lead.id, NOT_VOIDED))
    return (select(FraudCase).join(Lead, Lead.id == FraudCase.lead_id)
            .where(FraudCase.state == CaseState.OPEN, is_live)
            .order_by(FraudCase.due_at, FraudCase.id))


def decided_cases() -> Select[FraudCase]:
    """Newest first."""
    return (select(FraudCase).where(FraudCase.state != CaseState.OPEN)
            .order_by(FraudCase.id.desc()).limit(DECIDED_SHOWN))


def get_case(case_id: str) -> FraudCase:
    """For admins alone. NotFound (404)."""
    found = db.session.get(FraudCase, case_id)
    if found is None:
        raise NotFound("There is no such case.", next_step="Go back to the queue.")
    return found


def cases_about(user_id: str, *, but: str) -> Sequence[FraudCase]:
    """Of the same referrer, newest first."""
    return db.session.scalars(select(FraudCase).where(FraudCase.about_id == user_id, FraudCase.id != but)
                              .order_by(FraudCase.id.desc()).limit(DECIDED_SHOWN)).all()


def cases_at(business_id: str, *, but: str) -> Sequence[FraudCase]:
    """Of the same business's leads, newest first."""
    return db.session.scalars(
        select(FraudCase).join(Lead, Lead.id == FraudCase.lead_id)
        .where(Lead.business_id == business_id, FraudCase.id != but)
        .order_by(FraudCase.id.desc()).limit(DECIDED_SHOWN)).all()


@dataclass(frozen=True)
class Finding:
    """What a person found, before an appeal against it."""

    at: datetime
    by: str
    reason: str | None


def finding_appealed(case: FraudCase) -> Finding | None:
    """None where nothing was appealed against. What it said goes with the account of the person concerned."""
    if case.appealed_at is None:
        return None
    for event in db.session.scalars(select(AuditEvent).where(
            AuditEvent.subject_id == case.lead_id, AuditEvent.action == "fraud.confirmed").order_by(AuditEvent.id)):
        if event.details.get("case") == case.id:
            kept = {one.id: one.text for one in words_kept(case.lead)}
            said = kept.get(event.details.get("words", "")) or event.details.get("reason")  # The last: before 0030.
            return Finding(event.created_at, event.actor_id, case.reason and said)
    return None


@dataclass(frozen=True)
class Standing:
    """What the person concerned reads: the case, or only a longer return period; why, in plain words."""

    case: FraudCase | None
    why: list[str]
    may_appeal: bool
    longer_days: int = 0
    is_late: bool = False
    appealed: Finding | None = None
    only_reward_waits: bool = False
    clock: str = ""
    if_nobody_decides: str = ""  # Alone where it is said elsewhere by when we answer.


def standing_of(lead: Lead) -> Standing | None:
    """The newest case while it means something to them; None where nothing ever waited."""
    looks = looks_at(lead.id)
    if not looks:
        return None
    case = db.session.scalar(
        select(FraudCase).where(FraudCase.lead_id == lead.id).order_by(FraudCase.id.desc()).limit(1))
    is_live = case is not None and case.state in {CaseState.OPEN, CaseState.CONFIRMED, CaseState.PROVEN}
    if case is not None and is_live and not ended_first(case):
        return Standing(case, _plainly(case.look), may_appeal(case), is_late=case.due_at < clock.now(),
                        appealed=finding_appealed(case), only_reward_waits=only_reward_waits(case),
                        clock=clock_in_words(case), if_nobody_decides=if_nobody_decides(case))
    longer = [look for look in looks if look.reward_id and look.verdict is Verdict.LONGER]
    return Standing(None, _plainly(longer[-1]), may_appeal=False, longer_days=LONGER_BY.days) if longer else None


def _plainly(look: FraudScore) -> list[str]:
    found: list[FraudSignal] = signals_of(look)
    return [one.plainly for one in found]


def names_of(*ids: str | None) -> dict[str, str]:
    wanted = {one for one in ids if one}
    return {user.id: user.name for user in db.session.scalars(select(User).where(User.id.in_(wanted)))}
