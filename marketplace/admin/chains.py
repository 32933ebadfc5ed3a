"""The chain of a reward, from the funding that paid for it to the bank of who earned it, told by the entries."""
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import CompoundSelect, or_, select

from marketplace.foundation.db import db
from marketplace.foundation.errors import NotFound, require
from marketplace.foundation.money import Money
from marketplace.identity.models import Business, User
from marketplace.payments.models import (
    AccountKind,
    BankPayout,
    ConnectedAccount,
    Funding,
    FundingState,
    LedgerAccount,
    LedgerEntry,
    Payable,
    Posting,
    Transfer,
    TransferReversal,
)
from marketplace.payments.permissions import may_keep_books
from marketplace.referrals.models import Reward

K = AccountKind
WORDS = {
    K.FUNDS: "free funds", K.RESERVED: "reserved for the lead", K.HELD: "held", K.PAYABLE: "owed to the payee",
    K.IN_TRANSIT: "on its way to the payee", K.CLEARING: "our balance at Stripe", K.PLATFORM_FEES: "our fees",
    K.RECEIVABLE: "owed back by the payee", K.CLAWBACK_DUE: "owed to the business once paid back",
    K.DISPUTED: "frozen by a chargeback", K.OWED_BY_BUSINESS: "owed by the business", K.LOSSES: "our losses",
}
SHOWN = 100


@dataclass(frozen=True)
class Step:
    """One entry's part in the story: ``amount`` left the account ``source`` for ``target``."""

    at: datetime
    title: str
    amount: Money
    source: str
    target: str
    entry_id: str


@dataclass(frozen=True)
class Chain:
    """Everything that is known of one reward's money, in the order of time."""

    reward: Reward
    business: Business
    beneficiary: User | None
    fundings: Sequence[Funding]
    steps: Sequence[Step]
    transfer: Transfer | None
    together: int  # Payables in that transfer.
    reversals: Sequence[TransferReversal]
    payouts: Sequence[BankPayout]  # Of the payee, since the transfer: Stripe pays out what there is, not one transfer.


def rewards_about(some_id: str) -> Sequence[Reward]:
    """A reward by its id, its lead's, its transfer's (ours or Stripe's), or its reversal's."""
    in_transfer = (select(Payable.id).join(Transfer, Transfer.id == Payable.transfer_id)
                   .where(or_(Transfer.id == some_id, Transfer.stripe_transfer_id == some_id)))
    reversed_ = select(TransferReversal.payable_id).where(
        or_(TransferReversal.id == some_id, TransferReversal.stripe_reversal_id == some_id))
    return db.session.scalars(
        select(Reward).where(or_(Reward.id == some_id, Reward.lead_id == some_id, Reward.id.in_(in_transfer),
                                 Reward.id.in_(reversed_)))
        .order_by(Reward.id).limit(SHOWN)).all()


def chain_of_reward(reward_id: str, *, seen_by: User) -> Chain:
    require(may_keep_books(seen_by), "see the ledger")
    reward = db.session.get(Reward, reward_id)
    if reward is None:
        raise NotFound("There is no such reward.", next_step="Look it up by another of its ids.")
    payable = db.session.get(Payable, reward.id)
    transfer = db.session.get(Transfer, payable.transfer_id) if payable and payable.transfer_id else None
    reversals = db.session.scalars(
        select(TransferReversal).filter_by(payable_id=reward.id).order_by(TransferReversal.id)).all()
    together = len(db.session.scalars(select(Payable.id).filter_by(transfer_id=transfer.id)).all()) if transfer else 0
    return Chain(
        reward, db.session.get_one(Business, reward.business_id),
        db.session.get(User, reward.beneficiary_id) if reward.beneficiary_id else None,
        fundings=_fundings(reward), steps=_steps(reward, transfer, reversals), transfer=transfer, together=together,
        reversals=reversals, payouts=_payouts(transfer))


def _fundings(reward: Reward) -> Sequence[Funding]:
    """A bounty's funds are one pot: every payment into it before the reward was earned is behind it."""
    return db.session.scalars(
        select(Funding).where(Funding.purpose_id == reward.bounty_id, Funding.state == FundingState.PAID,
                              Funding.paid_at <= reward.created_at)
        .order_by(Funding.paid_at, Funding.id).limit(SHOWN)).all()


def _steps(reward: Reward, transfer: Transfer | None, reversals: Sequence[TransferReversal]) -> list[Step]:
    """Every entry that touched an account of this reward, its lead, its transfer or its reversals.

    A lead's reservation pays for several rewards: what went into another one's hold is not told here.
    """
    owners = [reward.id, reward.lead_id, *([transfer.id] if transfer else []), *(one.id for one in reversals)]
    references = [f"{one.id}:done" for one in reversals]
    touched = (select(Posting.entry_id).join(LedgerAccount, LedgerAccount.id == Posting.account_id)
               .where(LedgerAccount.owner_id.in_(owners)))
    entries = db.session.scalars(
        select(LedgerEntry).where(or_(LedgerEntry.id.in_(touched), LedgerEntry.reference.in_(references)))
        .where(LedgerEntry.id.not_in(_into_others(reward)))
        .order_by(LedgerEntry.id).limit(SHOWN)).all()
    rows = db.session.execute(
        select(Posting, LedgerAccount).join(LedgerAccount, LedgerAccount.id == Posting.account_id)
        .where(Posting.entry_id.in_([entry.id for entry in entries])).order_by(LedgerAccount.kind)).all()
    return [_step(entry, [(one.amount_minor, account) for one, account in rows if one.entry_id == entry.id], owners)
            for entry in entries]


def _into_others(reward: Reward) -> CompoundSelect[str]:
    """Entries of the holds of the lead's other rewards, where this reward's own has no part."""
    others = select(Reward.id).where(Reward.lead_id == reward.lead_id, Reward.id != reward.id)
    held = select(Posting.entry_id).join(LedgerAccount, LedgerAccount.id == Posting.account_id).where(
        LedgerAccount.kind == K.HELD)
    return held.where(LedgerAccount.owner_id.in_(others)).except_(held.where(LedgerAccount.owner_id == reward.id))


def _step(entry: LedgerEntry, parts: list[tuple[int, LedgerAccount]], owners: list[str]) -> Step:
    """Told from the accounts that are this reward's own: many rewards may go in one transfer."""
    own = [part for part in parts if part[1].owner_id in owners] or parts
    minor, account = max(own, key=lambda part: abs(part[0]))
    others = sorted({WORDS.get(one.kind, one.kind.replace("_", " ")) for worth, one in parts
                     if (worth < 0) != (minor < 0)})
    this, rest = WORDS.get(account.kind, account.kind.replace("_", " ")), ", ".join(others)
    source, target = (this, rest) if minor < 0 else (rest, this)
    return Step(entry.created_at, entry.kind.replace("_", " ").capitalize(), Money(abs(minor), account.currency),
                source, target, entry.id)


def _payouts(transfer: Transfer | None) -> Sequence[BankPayout]:
    if transfer is None or transfer.sent_at is None:
        return []
    return db.session.scalars(
        select(BankPayout).join(ConnectedAccount, ConnectedAccount.id == BankPayout.payee_id)
        .where(ConnectedAccount.stripe_account_id == transfer.destination, BankPayout.currency == transfer.currency,
               BankPayout.made_at >= transfer.sent_at)
        .order_by(BankPayout.made_at).limit(5)).all()
