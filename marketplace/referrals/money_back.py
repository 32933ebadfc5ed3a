"""What really moved when money was taken back of a reward: by its clawbacks, and by an admin out of its transfer.

A clawback accounts for what a refund or a ruling asks for; where an admin had taken some of that before, less moved.
"""
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import select

from marketplace.foundation.db import db
from marketplace.foundation.money import Money, zero
from marketplace.payments.models import LedgerEntry, Payable, Posting, TransferReversal
from marketplace.payments.money_out.orders import taken_by_order
from marketplace.referrals.clawing_back import fee_left
from marketplace.referrals.models import Reward


@dataclass(frozen=True)
class MoneyBack:
    """``by_clawback``: by its id. ``by_order``: by an admin, who said ``why``. ``fee``: of ours, with all of it."""

    reward: Reward
    by_clawback: Mapping[str, Money]
    by_order: Money
    fee: Money
    why: str = ""

    @property
    def clawed_back(self) -> Money:
        return sum(self.by_clawback.values(), zero(self.reward.currency))

    @property
    def left(self) -> Money:
        return self.reward.amount - self.clawed_back - self.by_order

    @property
    def to_bounty(self) -> Money:
        return self.clawed_back + self.by_order + self.fee


def money_back_of(rewards: Iterable[Reward]) -> dict[str, MoneyBack]:
    """By reward."""
    several = list(rewards)
    by_order = taken_by_order(reward.id for reward in several)
    return {reward.id: _beside_orders(reward, *by_order[reward.id]) if reward.id in by_order else MoneyBack(
        reward, {one.id: one.amount for one in reward.clawbacks}, zero(reward.currency), reward.fee_given_back)
        for reward in several}


def _beside_orders(reward: Reward, by_order: Money, why: str) -> MoneyBack:
    return MoneyBack(reward, _moved_by_clawbacks(reward), by_order, reward.fee - fee_left(reward), why)


def _moved_by_clawbacks(reward: Reward) -> dict[str, Money]:
    """Out of what was held, with the fee; out of what was owed; asked of Stripe."""
    pieces = db.session.scalars(select(Payable.id).where(
        (Payable.id == reward.id) | (Payable.rest_of == reward.id))).all()
    asked = db.session.execute(select(TransferReversal.reference, TransferReversal.amount_minor).where(
        TransferReversal.payable_id.in_(pieces))).all()
    names = {f"{one.id}{part}:taken": one for one in reward.clawbacks for part in ("", *(f":{id_}" for id_ in pieces))}
    taken = db.session.execute(
        select(LedgerEntry.reference, LedgerEntry.kind, Posting.amount_minor)
        .join(Posting, Posting.entry_id == LedgerEntry.id)
        .where(LedgerEntry.reference.in_(names), Posting.amount_minor > 0)).all()
    moved = dict.fromkeys((one.id for one in reward.clawbacks), 0)
    for reference, minor in asked:
        clawback_id = reference.partition("/")[0]
        moved[clawback_id] = moved.get(clawback_id, 0) + minor
    known = {f"{reference}:taken" for reference, _ in asked}  # Taken from what was owed, as the transfer had failed.
    for reference, kind, minor in taken:
        if reference not in known:
            one = names[reference]
            moved[one.id] += minor - (one.fee_minor if kind == "clawback" else 0)
    return {one.id: Money(moved[one.id], reward.currency) for one in reward.clawbacks}
