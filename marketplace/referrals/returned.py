"""What went back to the bounty where a reward came to nothing, or was found false: of it, and of our fee on it."""
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select

from marketplace.foundation.db import db
from marketplace.foundation.money import Money
from marketplace.payments.models import LedgerEntry, Payable, Posting
from marketplace.referrals.models import Reward


@dataclass(frozen=True)
class Returned:
    """Of the reward, and of our fee on it; all of it to the bounty's funds."""

    reward: Money
    fee: Money

    @property
    def to_bounty(self) -> Money:
        return self.reward + self.fee


def returned_among(rewards: Sequence[Reward]) -> dict[str, Returned]:
    """By reward, of those of which anything went back: what the ledger moved, of one paid in part the rest alone."""
    if not rewards:
        return {}
    ids = [one.id for one in rewards]
    pieces = {piece: of or piece for piece, of in db.session.execute(select(Payable.id, Payable.rest_of).where(
        or_(Payable.id.in_(ids), Payable.rest_of.in_(ids))))}
    # By reference of its entry: whose it was, and which part of it.
    wanted = {f"{one}:{why}": (one, "whole") for one in ids for why in ("fraud", "given_back", "unpaid")}
    wanted |= {f"{one}:fraud_fee": (one, "fee") for one in ids}
    wanted |= {f"{piece}:fraud:taken": (one, "reward") for piece, one in pieces.items()}
    moved: dict[tuple[str, str], int] = {}
    for reference, minor in db.session.execute(
            select(LedgerEntry.reference, Posting.amount_minor).join(Posting, Posting.entry_id == LedgerEntry.id)
            .where(LedgerEntry.reference.in_(wanted), Posting.amount_minor > 0)):
        moved[wanted[reference]] = moved.get(wanted[reference], 0) + minor
    return {one.id: _split(one, moved) for one in rewards if any(of == one.id for of, _ in moved)}


def _split(reward: Reward, moved: dict[tuple[str, str], int]) -> Returned:
    """What was held had our fee in it; what was released, apart."""
    whole = moved.get((reward.id, "whole"), 0)
    fee_in_it = min(whole, (reward.fee - reward.fee_given_back).minor)
    return Returned(Money(whole - fee_in_it + moved.get((reward.id, "reward"), 0), reward.currency),
                  Money(fee_in_it + moved.get((reward.id, "fee"), 0), reward.currency))
