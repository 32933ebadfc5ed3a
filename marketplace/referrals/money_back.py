"""What really moved when money was taken back of a reward: by its clawbacks, and by an admin out of its transfer.

A clawback accounts for what a refund or a ruling asks for; where an admin had taken some of that before, less moved.
"""
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select

from marketplace.foundation.db import db
from marketplace.foundation.money import Money, zero
from marketplace.payments.models import LedgerEntry, MoneyOrder, Payable, Posting
from marketplace.payments.money_out.came_back import Back, How, came_back, orders_behind
from marketplace.payments.money_out.orders import cause_in_words
from marketplace.referrals.caps import CREDITED_ANEW
from marketplace.referrals.holds import UNRELEASED
from marketplace.referrals.models import Clawback, Dispute, DisputeKind, Reward, RewardState

ON_ITS_WAY = frozenset({How.ASKED, How.REFUSED})


@dataclass(frozen=True)
class OrderedBack:
    """An admin's order as far as it is about this reward: ``why`` they ordered it, as the payee and as the business
    reads it, and our fee that went back."""

    id: str
    why: str
    to_business: str
    at: datetime
    fee: Money

    @property
    def order_id(self) -> str:
        return self.id.partition(":")[0]


@dataclass(frozen=True)
class Taking:
    """So much at once: of a ``clawback``, or of an admin's ``order``."""

    amount: Money
    how: How
    at: datetime
    clawback: Clawback | None = None
    order: OrderedBack | None = None


class ByOrder(NamedTuple):
    """What came of one order of an admin's, on which day they ordered it, and ``why``, as the payee reads it."""

    at: datetime
    amount: Money
    why: str
    to_business: str


@dataclass(frozen=True)
class MoneyBack:
    """``takings``: what moved, and what Stripe is asked for, oldest first. ``fee``: of ours, with all of it;
    ``passed_on``: the clawbacks by which it went to another referrer, with the fee, and not to the bounty."""

    reward: Reward
    takings: tuple[Taking, ...]
    fee: Money
    passed_on: frozenset[str] = frozenset()

    @property
    def by_clawback(self) -> Mapping[str, Money]:
        """By its id; with what Stripe is still asked for."""
        return {clawback.id: self._sum(one for one in self.takings if one.clawback is clawback)
                for clawback in self.reward.clawbacks}

    @property
    def clawed_back(self) -> Money:
        return self._sum(one for one in self.takings if one.clawback)

    @property
    def by_order(self) -> Money:
        """What admins took, and the payee gave."""
        return self._sum(one for one in self.given if one.order)

    @property
    def orders(self) -> list[ByOrder]:
        """One by one, the first one first. Of a reward in several transfers an order may have asked each."""
        found = dict[str, ByOrder]()
        for one in self.given:
            if one.order:
                before = found.get(one.order.order_id)
                found[one.order.order_id] = ByOrder(
                    one.order.at, one.amount + before.amount if before else one.amount, one.order.why,
                    one.order.to_business)
        return sorted(found.values(), key=lambda one: one.at)

    @property
    def is_ordered(self) -> bool:
        """An admin took of it, or is taking."""
        return any(one.order for one in self.takings)

    @property
    def moved(self) -> list[Taking]:
        return [one for one in self.takings if one.how not in ON_ITS_WAY]

    @property
    def given(self) -> list[Taking]:
        """What moved, less what an admin ordered and we paid ourselves in the end."""
        return [one for one in self.moved if not (one.order and one.how is How.OURS)]

    @property
    def on_its_way(self) -> list[Taking]:
        return [one for one in self.takings if one.how in ON_ITS_WAY]

    def ordered(self, order: OrderedBack) -> Money:
        """What one order is about, come back or not."""
        return self._sum(one for one in self.takings if one.order and one.order.id == order.id)

    @property
    def taken(self) -> Money:
        """By whomever."""
        return self.clawed_back + self.by_order

    @property
    def left(self) -> Money:
        return self.reward.amount - self.taken

    @property
    def to_bounty(self) -> Money:
        clawed_back = self._sum(one for one in self.takings if one.clawback and one.clawback.id not in self.passed_on)
        return clawed_back + self._sum(one for one in self.moved if one.order) + self.fee - self.fee_passed_on

    @property
    def fee_passed_on(self) -> Money:
        return Money(sum(one.fee_minor for one in self.reward.clawbacks if one.id in self.passed_on),
                     self.reward.currency)

    @property
    def is_paid_and_gone(self) -> bool:
        """It was paid, and then all of it was taken back."""
        return self.reward.state is RewardState.PAID and not self.left.minor and not self.on_its_way

    @property
    def badge(self) -> str:
        """The state as pages name it."""
        return "taken_back" if self.is_paid_and_gone else self.reward.state.value

    def _sum(self, takings: Iterable[Taking]) -> Money:
        return sum((one.amount for one in takings), zero(self.reward.currency))


def money_back_of(rewards: Iterable[Reward]) -> dict[str, MoneyBack]:
    """By reward. A few statements, however many."""
    several = list(rewards)
    backs = came_back(one.id for one in several if one.state not in UNRELEASED)
    orders = orders_behind(back for found in backs.values() for back in found)
    unsent = _names_of_unsent(several)
    entries = _entries([*unsent, *(fee_entry(reward_id, back.asked_for) for reward_id, found in backs.items()
                                   for back in found if back.asked_for in orders)])
    taken, passed_on = dict[str, list[Taking]](), _passed_on(several)
    for name in unsent.keys() & entries.keys():
        if (one := _unsent(unsent[name], entries[name])).amount.minor:  # Of a fee alone, nothing of the reward.
            taken.setdefault(unsent[name].reward_id, []).append(one)
    return {one.id: replace(_of(one, taken.get(one.id, []), backs.get(one.id, []), orders, entries),
                            passed_on=passed_on) for one in several}


def _passed_on(rewards: Iterable[Reward]) -> frozenset[str]:
    causes = {one.id: one.dispute_id for reward in rewards for one in reward.clawbacks if one.dispute_id}
    ruled = set(db.session.scalars(select(Dispute.id).where(
        Dispute.id.in_(set(causes.values())), Dispute.kind == DisputeKind.DUPLICATE_OWNERSHIP))) if causes else set()
    return frozenset(one for one, cause in causes.items() if cause in ruled or cause.startswith(CREDITED_ANEW))


class _Entry(NamedTuple):
    kind: str
    minor: int
    at: datetime


def _of(
    reward: Reward, unsent: list[Taking], backs: Sequence[Back], orders: Mapping[str, MoneyOrder],
    entries: Mapping[str, _Entry],
) -> MoneyBack:
    clawbacks = {one.id: one for one in reward.clawbacks}
    takings, fees = [*unsent], {one.id: one.fee_minor for one in reward.clawbacks}
    for back in backs:
        order, name = orders.get(back.asked_for), fee_entry(reward.id, back.asked_for)
        if name in entries:
            fees[name] = entries[name].minor
        takings.append(Taking(back.amount, back.how, back.at, clawbacks.get(back.asked_for), None if order is None else
                              OrderedBack(back.asked_for, order.reason, cause_in_words(order), back.asked_at,
                                          Money(fees.get(name, 0), reward.currency))))
    fee = Money(min(sum(fees.values()), reward.fee_minor), reward.currency)
    return MoneyBack(reward, tuple(sorted(takings, key=lambda one: one.at)), fee)


def _names_of_unsent(rewards: Iterable[Reward]) -> dict[str, Clawback]:
    """What came out of what was held, with the fee; out of what was owed, and of that in pieces."""
    taken_of = {one.id: one.clawbacks for one in rewards if one.clawbacks}
    pieces = db.session.execute(select(Payable.id, Payable.rest_of).where(
        Payable.rest_of.in_(taken_of))).all() if taken_of else ()
    names = dict[str, Clawback]()
    for reward_id, clawbacks in taken_of.items():
        rests = [piece for piece, of in pieces if of == reward_id]
        parts = ["", *(f":{piece}" for piece in rests), *(f"/{number}" for number in range(2, len(rests) + 2))]
        names |= {f"{one.id}{part}:taken": one for one in clawbacks for part in parts}
    return names


def _unsent(clawback: Clawback, entry: _Entry) -> Taking:
    minor = entry.minor - (clawback.fee_minor if entry.kind == "clawback" else 0)
    return Taking(Money(minor, clawback.currency), How.UNSENT, entry.at, clawback)


def fee_entry(reward_id: str, order: str) -> str:
    """The reference of the entry with which our fee on what an order took goes back."""
    return f"{reward_id}:{order}:fee"


def _entries(names: Collection[str]) -> dict[str, _Entry]:
    rows = db.session.execute(
        select(LedgerEntry.reference, LedgerEntry.kind, Posting.amount_minor, LedgerEntry.created_at)
        .join(Posting, Posting.entry_id == LedgerEntry.id)
        .where(LedgerEntry.reference.in_(names), Posting.amount_minor > 0)) if names else ()
    return {reference: _Entry(kind, minor, at) for reference, kind, minor, at in rows}
