"""Counts and sums for the dashboards: one query each, however many leads there are."""
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, case, exists, func, literal, select

from marketplace.foundation import clock
from marketplace.foundation.db import db
from marketplace.foundation.money import Money, zero
from marketplace.identity.models import User
from marketplace.payments.money_out.orders import ordered_back_from
from marketplace.referrals.desk.as_told import told_state
from marketplace.referrals.disputed import disputed_among, disputed_rewards_of, frozen_of
from marketplace.referrals.models import (
    Buyer,
    Clawback,
    Consent,
    ConsentGrant,
    FraudCase,
    Lead,
    Moderation,
    Reward,
    RewardState,
    Stage,
)
from marketplace.referrals.money_back import money_back_of
from marketplace.referrals.queries import FINDING, PROVEN_FALSE, moderation_queue

HELD = frozenset({RewardState.PENDING})
ON_HOLD = frozenset({RewardState.ON_HOLD})
READY = frozenset({RewardState.PAYABLE, RewardState.SCHEDULED})


@dataclass(frozen=True)
class Earnings:
    """A referrer's money in one currency. ``taken_back`` is off the first four already; ``frozen_held``,
    ``frozen_on_hold`` and ``frozen_payable`` are the parts of those three that a dispute stops.
    """

    held: Money
    on_hold: Money
    payable: Money
    paid: Money
    taken_back: Money
    frozen_held: Money
    frozen_on_hold: Money
    frozen_payable: Money


def earnings_of(user: User) -> list[Earnings]:
    """One a currency, in the order of their codes; never a sum of two."""
    clawed = (select(Clawback.reward_id, func.sum(Clawback.amount_minor).label("minor"))
              .group_by(Clawback.reward_id).subquery())
    back = func.coalesce(clawed.c.minor, 0)
    earned = db.session.execute(
        select(Reward.currency, Reward.state, func.sum(Reward.amount_minor - back), func.sum(back))
        .outerjoin(clawed, clawed.c.reward_id == Reward.id)
        .where(Reward.beneficiary_id == user.id).group_by(Reward.currency, Reward.state)).all()
    found = [*earned, *_ordered_back(user)]
    disputed = disputed_rewards_of(user)
    among = disputed_among(disputed)
    frozen = [(one.state, frozen_of(one, among)) for one in disputed]
    return [_added_up(currency, [(state, int(net), int(gone)) for of, state, net, gone in found if of == currency],
                      [(state, amount) for state, amount in frozen if amount.currency == currency])
            for currency in sorted({of for of, *_ in found})]


def _ordered_back(user: User) -> list[tuple[str, RewardState, int, int]]:
    """What admins took back of what was sent, beyond what clawbacks account for: currency, state, less, taken."""
    ordered = db.session.scalars(select(Reward).where(
        Reward.id.in_(ordered_back_from(user.id)), Reward.beneficiary_id == user.id)).all()
    return [(back.reward.currency, back.reward.state, -gone, gone) for back in money_back_of(ordered).values()
            if (gone := (back.reward.net - back.left).minor)]


def _added_up(
    currency: str, sums: list[tuple[RewardState, int, int]], frozen: list[tuple[RewardState, Money]],
) -> Earnings:
    def net(states: frozenset[RewardState]) -> Money:
        return sum((Money(minor, currency) for state, minor, _ in sums if state in states), start=zero(currency))

    def stopped(states: frozenset[RewardState]) -> Money:
        return sum((amount for state, amount in frozen if state in states), start=zero(currency))

    return Earnings(net(HELD), net(ON_HOLD), net(READY), net(frozenset({RewardState.PAID})),
                    Money(sum(gone for *_, gone in sums), currency), stopped(HELD), stopped(ON_HOLD), stopped(READY))


def rewards_by_lead(leads: Sequence[Lead]) -> dict[str, list[Reward]]:
    """Oldest first; leads without a reward have an empty list."""
    found: dict[str, list[Reward]] = {lead.id: [] for lead in leads}
    for reward in db.session.scalars(select(Reward).where(Reward.lead_id.in_(found)).order_by(Reward.id)):
        found[reward.lead_id].append(reward)
    return found


def leads_with_address(leads: Sequence[Lead]) -> set[str]:
    """Ids of those whose buyer's address is known: what next_step asks of each."""
    wanted = select(Lead.id).join(Buyer, Buyer.id == Lead.buyer_id).where(
        Lead.id.in_([lead.id for lead in leads]), Buyer.email_hash.is_not(None))
    return set(db.session.scalars(wanted))


# Where a lead stands for whoever pointed: as told; one that was sold and then proven false has ended.
pointed_state: ColumnElement[Any] = case(
    ((Lead.moderation == Moderation.ACCEPTED) & PROVEN_FALSE, literal(Moderation.EXPIRED, Lead.moderation.type)),
    else_=told_state)


def pointed_counts(user: User) -> dict[Moderation, int]:
    """How many of a referrer's leads stand where."""
    found = db.session.execute(
        select(pointed_state, func.count()).where(Lead.referrer_id == user.id).group_by(pointed_state))
    return {state: int(count) for state, count in found}


def count_to_contact(business_id: str) -> int:
    """Buyers who said yes, may be reached today, and have not heard from the business yet."""
    is_allowed = exists().where(
        ConsentGrant.lead_id == Lead.id, ConsentGrant.withdrawn_at.is_(None), ConsentGrant.replaced_at.is_(None),
        ConsentGrant.until >= clock.now().date())
    return db.session.scalar(select(func.count()).select_from(Lead).where(
        Lead.business_id == business_id, Lead.moderation == Moderation.ACCEPTED, Lead.consent == Consent.GRANTED,
        Lead.stage == Stage.NEW, Lead.is_held.is_(False), is_allowed,
        ~exists().where(FraudCase.lead_id == Lead.id, FINDING))) or 0


def count_in_review() -> int:
    return db.session.scalar(select(func.count()).select_from(moderation_queue().order_by(None).subquery())) or 0
