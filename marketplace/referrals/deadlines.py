"""The clocks of moderation and consent: reminders, due times, what silence means."""
from datetime import datetime, timedelta

REMINDER_AFTER = timedelta(hours=24)
DECISION_DUE = 2  # Business days: 48 business hours.
ACCEPTED_BY_DEFAULT = 5  # Business days. Acceptance alone never pays.
RETRY_DEFAULT = timedelta(hours=12)  # Where a hold, or want of funds, kept silence from accepting it.
INFO_WAITED_FOR = timedelta(days=7)
ACTIVITY_EXTENDS = timedelta(days=60)  # Of the protection window, once.
SATURDAY = 5


def add_business_days(moment: datetime, days: int) -> datetime:
    """``days`` Mondays to Fridays later, at the same time of day (UTC)."""
    while days > 0:
        moment += timedelta(days=1)
        if moment.weekday() < SATURDAY:
            days -= 1
    while moment.weekday() >= SATURDAY:
        moment += timedelta(days=1)
    return moment


def accepted_by_default(submitted_at: datetime) -> datetime:
    return add_business_days(submitted_at, ACCEPTED_BY_DEFAULT)


def decision_due(submitted_at: datetime) -> datetime:
    return add_business_days(submitted_at, DECISION_DUE)
