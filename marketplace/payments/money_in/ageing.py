"""How long paid-in money may stay: what is not used in time goes back to its charge before Stripe's limit.

What was paid in first is thought to be used first, so what is free is of the latest payments.
"""
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy import select

from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.money import Money, zero
from marketplace.payments import ledger
from marketplace.payments.models import AccountKind, Funding, FundingState
from marketplace.payments.money_in.agreements import pause_for
from marketplace.payments.money_in.refund_plans import Left, Planned, left_of, lock_refundable, sent_back_by_bank
from marketplace.payments.money_in.refunds import request_planned

WARNED_BEFORE_DAYS = 14
UNUSED = "What was paid in was not used in time and goes back."


@dataclass(frozen=True)
class Limits:
    """Days since the payment. ``warn_after`` < ``refund_after`` < ``holds``."""

    holds: int
    refund_after: int

    @property
    def warn_after(self) -> int:
        return max(self.refund_after - WARNED_BEFORE_DAYS, self.refund_after // 2)


# By the country of our own Stripe account (docs.stripe.com/connect/manual-payouts, read in November 2026).
LIMITS = {"US": Limits(holds=730, refund_after=700), "TH": Limits(holds=10, refund_after=8)}
LIMITS_ELSEWHERE = Limits(holds=90, refund_after=80)


@dataclass(frozen=True)
class Aged:
    """What is unused of one payment. ``is_stuck``: it does not go back by itself, so a person must look."""

    funding: Funding
    unused: Money
    is_stuck: bool

    def reaches(self, days: int) -> datetime:
        assert self.funding.paid_at is not None  # Only what was paid is aged.
        return self.funding.paid_at + timedelta(days=days)


def limits() -> Limits:
    return LIMITS.get(current_app.extensions["settings"].platform_country, LIMITS_ELSEWHERE)


def watch_funds_age() -> None:
    """Job, daily: promise a look at every bounty with free funds of a payment that may be warned of by now."""
    for purpose_id, currency in _purposes(paid_before=clock.now() - timedelta(days=limits().warn_after)):
        outbox.promise("age_funds", purpose_id=purpose_id, currency=currency)


def _purposes(paid_before: datetime) -> list[tuple[str, str]]:
    found = db.session.execute(
        select(Funding.purpose_id, Funding.currency).distinct()
        .where(Funding.state == FundingState.PAID, Funding.paid_at <= paid_before,
               Funding.refunded_minor < Funding.amount_minor).order_by(Funding.purpose_id)).all()
    free = ledger.balances(AccountKind.FUNDS, {row.purpose_id for row in found})
    return [(row.purpose_id, row.currency) for row in found if row.purpose_id in free]


def age_funds(purpose_id: str, currency: str) -> None:
    """Job: warn of what goes back soon, and send back what has stayed too long."""
    found = aged_parts(lock_refundable(purpose_id, currency),
                       ledger.find_balance(AccountKind.FUNDS, purpose_id, currency))
    now, rule = clock.now(), limits()
    due = [Planned(one.funding, one.unused) for one in found
           if one.reaches(rule.refund_after) <= now and not one.is_stuck]
    for one in found:
        if one.funding.warned_at is None and one.reaches(rule.warn_after) <= now < one.reaches(rule.refund_after):
            one.funding.warned_at = now
            audit.record("funds.ageing", one.funding.id, by=audit.SYSTEM, unused_minor=one.unused.minor)
            outbox.promise("send_letter", letter="funds_ageing", funding_id=one.funding.id)
    if due:
        pause_for(purpose_id, UNUSED)
        request_planned(due, by=audit.SYSTEM)
        for part in due:
            outbox.promise("send_letter", letter="funds_aged_out", funding_id=part.funding.id)
        outbox.promise("note_funds_left", purpose_id=purpose_id)


def aged_parts(found: Sequence[Left], free: Money, sent_back: Collection[str] | None = None) -> list[Aged]:
    """``found`` oldest first; those of which nothing is unused are left out. Of many bounties what their banks
    ``sent_back`` is known."""
    if sent_back is None:
        sent_back = sent_back_by_bank(one.funding.id for one in found)
    parts = []
    for one in reversed(found):
        unused = min(free, one.amount)
        if unused > zero(unused.currency):
            parts.append(Aged(one.funding, unused, one.why_kept is not None or one.funding.id in sent_back))
            free -= unused
    return parts[::-1]


def all_aged(*, at_most: int) -> list[Aged]:
    """Everything unused, on all bounties, oldest payment first."""
    purposes = _purposes(paid_before=clock.now())
    fundings = db.session.scalars(
        select(Funding).where(Funding.state == FundingState.PAID, Funding.refunded_minor < Funding.amount_minor,
                              Funding.purpose_id.in_([purpose_id for purpose_id, _ in purposes]))
        .order_by(Funding.paid_at, Funding.id)).all()
    free = ledger.balances(AccountKind.FUNDS, {purpose_id for purpose_id, _ in purposes})
    by_purpose: dict[str, list[Left]] = {}
    for one in left_of(fundings):
        by_purpose.setdefault(one.funding.purpose_id, []).append(one)
    sent_back = sent_back_by_bank(one.id for one in fundings)
    found = [part for purpose_id, of_one in by_purpose.items()
             for part in aged_parts(of_one, free[purpose_id], sent_back)]
    return sorted(found, key=lambda one: (one.reaches(0), one.funding.id))[:at_most]
