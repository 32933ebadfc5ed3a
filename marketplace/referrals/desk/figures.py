"""How old the queue is, how fast it is worked, how often a decision is overturned: plain SQL for both databases."""
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, exists, func, select
from sqlalchemy.orm import aliased

from marketplace.foundation import audit, clock
from marketplace.foundation.db import db
from marketplace.identity.models import User
from marketplace.referrals.models import Decided, Decision, Lead
from marketplace.referrals.queries import moderation_queue

LOOKED_BACK = timedelta(days=30)


@dataclass(frozen=True)
class QueueAge:
    """Of what waits for a decision; None where nothing does. ``median``: half of it waits longer."""

    waiting: int
    oldest: timedelta | None
    median: timedelta | None


@dataclass(frozen=True)
class Pace:
    """Decisions of one admin, or of all. ``hours``: those of the day in which at least one was made."""

    name: str
    decisions: int
    hours: int
    rejected: int
    overturned: int

    @property
    def per_hour(self) -> str:
        """To one decimal."""
        tenths = round(10 * self.decisions, 0) // self.hours if self.hours else 0
        return f"{tenths // 10}.{tenths % 10}"

    @property
    def overturned_percent(self) -> int | None:
        """Of the rejections; None where there is none."""
        return round(100 * self.overturned / self.rejected) if self.rejected else None


def queue_age() -> QueueAge:
    """The median of an even number is the mean of the two in the middle."""
    waiting = moderation_queue().with_only_columns(Lead.submitted_at)
    count = db.session.scalar(select(func.count()).select_from(waiting.order_by(None).subquery())) or 0
    if not count:
        return QueueAge(0, None, None)
    now = clock.now()
    oldest: datetime = db.session.scalars(waiting.limit(1)).one()
    middle = db.session.scalars(waiting.offset((count - 1) // 2).limit(2 - count % 2)).all()
    ages = [now - submitted_at for submitted_at in middle]
    return QueueAge(count, now - oldest, sum(ages, start=timedelta(0)) / len(ages))


def paces() -> list[Pace]:
    """Of the last LOOKED_BACK: each admin's, by name. What was undone was no decision, nor is silence one."""
    later = aliased(Decision)
    overturned = and_(Decision.decided == Decided.REJECTED, ~Decision.is_appeal, exists().where(
        later.lead_id == Decision.lead_id, later.is_appeal, later.undone_at.is_(None),
        later.decided == Decided.ACCEPTED))
    found = db.session.execute(
        select(User.name, func.count(), func.count(Decision.hour.distinct()),
               func.count().filter(Decision.decided == Decided.REJECTED), func.count().filter(overturned))
        .select_from(Decision).join(User, User.id == Decision.decided_by)
        .where(Decision.created_at >= clock.now() - LOOKED_BACK, Decision.undone_at.is_(None))
        .group_by(User.id, User.name).order_by(User.name, User.id)).all()
    return [Pace(*row) for row in found]


def pace_of_all(each: list[Pace]) -> Pace:
    """Hours of work are added up, so that it is what one admin does in one."""
    return Pace("All", sum(one.decisions for one in each), sum(one.hours for one in each),
                sum(one.rejected for one in each), sum(one.overturned for one in each))


@dataclass(frozen=True)
class Appeals:
    """Of the last LOOKED_BACK: how many were decided, how many for the referrer, and of those how many by silence."""

    decided: int
    overturned: int
    by_silence: int


def appeals_decided() -> Appeals:
    accepted = Decision.decided == Decided.ACCEPTED
    silent = accepted & (Decision.decided_by == audit.SYSTEM)
    counts = db.session.execute(
        select(func.count(), func.count().filter(accepted), func.count().filter(silent)).select_from(Decision).where(
            Decision.is_appeal, Decision.undone_at.is_(None), Decision.decided != Decided.ASKED,
            Decision.created_at >= clock.now() - LOOKED_BACK)).one()
    return Appeals(*counts)
