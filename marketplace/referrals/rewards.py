"""A reward is held for the return period, then released to be transferred; every step is a ledger entry."""
from datetime import timedelta

from sqlalchemy import select

from marketplace.bounties.publishing import note_funds_came_free, pause_if_out_of_funds
from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import require
from marketplace.identity.models import User
from marketplace.payments import ledger
from marketplace.payments.models import PLATFORM, AccountKind, Payable, PayableState, Transfer
from marketplace.payments.money_in import funds
from marketplace.payments.money_out import payables
from marketplace.referrals import lifecycle
from marketplace.referrals.models import Conversion, Lead, Reward, RewardState
from marketplace.referrals.permissions import may_freeze


def earn_reward(lead: Lead, conversion: Conversion, *, by: str) -> Reward | None:
    """reserved -> held: the reward by the lead's frozen terms, and the fee on it; the rest comes free."""
    amount = lead.terms.reward_for(conversion.amount)
    if amount.minor <= 0:  # A percentage of a very small sale.
        funds.free_reservation(lead.id, bounty_id=lead.bounty_id, currency=amount.currency, why="nothing earned")
        note_funds_came_free(lead.bounty)
        return None
    hold = timedelta(days=lead.terms.hold_days)
    reward = Reward(
        conversion_id=conversion.id, lead_id=lead.id, bounty_id=lead.bounty_id, business_id=lead.business_id,
        beneficiary_id=lead.referrer_id, amount=amount, fee_minor=lead.terms.fee_on(amount).minor,
        release_at=clock.now() + hold)
    db.session.add(reward)
    db.session.flush()
    audit.record("reward.pending", reward.id, by=by, conversion=conversion.id)
    ledger.move(
        amount + lead.terms.fee_on(amount),
        source=ledger.account(AccountKind.RESERVED, lead.id, amount.currency),
        target=ledger.account(AccountKind.HELD, reward.id, amount.currency),
        kind="reward_earned", reference=f"{reward.id}:earned")
    funds.free_reservation(lead.id, bounty_id=lead.bounty_id, currency=amount.currency, why="won for less")
    note_funds_came_free(lead.bounty)
    pause_if_out_of_funds(lead.bounty)
    outbox.promise("release_reward", after=hold, reward_id=reward.id)
    outbox.promise("send_letter", letter="reward_earned", reward_id=reward.id)
    return reward


def release_reward(reward_id: str) -> None:
    """Job, due when the hold ends: pending -> payable, and our fee is earned."""
    # Locked, so that a refund of the sale comes wholly before or wholly after: net and balance are read apart.
    reward = db.session.get_one(Reward, reward_id, populate_existing=True, with_for_update=True)
    if reward.state is not RewardState.PENDING:
        return
    early = reward.release_at - clock.now()
    if early > timedelta(0):  # A clock went back. Not to be lost: nobody else would release it.
        outbox.promise("release_reward", after=early, reward_id=reward.id)
        return
    held = ledger.account(AccountKind.HELD, reward.id, reward.currency)
    fee = ledger.balance(held) - reward.net
    ledger.post(
        [(held, -ledger.balance(held)),
         (ledger.account(AccountKind.PAYABLE, reward.id, reward.currency), reward.net),
         (ledger.account(AccountKind.PLATFORM_FEES, PLATFORM, reward.currency), fee)],
        kind="reward_released", reference=f"{reward.id}:released")
    lifecycle.move_reward(reward, RewardState.PAYABLE, by=audit.SYSTEM)
    payables.owe(reward.id, payee_id=reward.beneficiary_id, business_id=reward.business_id, amount=reward.net)
    outbox.promise("request_transfers", payee_id=reward.beneficiary_id)
    outbox.promise("send_letter", letter="reward_released", reward_id=reward.id)


def freeze_reward(reward: Reward, *, by: User, reason: str) -> None:
    """pending -> on_hold: an admin looks into it; only this reward stops."""
    require(may_freeze(by, reward), "put a reward on hold")
    lifecycle.move_reward(reward, RewardState.ON_HOLD, by=by.id, reason=reason)


def unfreeze_reward(reward: Reward, *, by: User) -> None:
    """on_hold -> pending; if its day has come meanwhile, it is released at once."""
    require(may_freeze(by, reward), "take a reward off hold")
    lifecycle.move_reward(reward, RewardState.PENDING, by=by.id)
    wait = max(reward.release_at - clock.now(), timedelta(0))
    outbox.promise("release_reward", after=wait, reward_id=reward.id)


def note_transfer(transfer_id: str) -> None:
    """Job, promised by payments when a transfer was asked for, sent or failed: the rewards in it follow."""
    transfer = db.session.get_one(Transfer, transfer_id)
    rewards = db.session.scalars(select(Reward).where(
        Reward.beneficiary_id == transfer.payee_id, Reward.business_id == transfer.business_id,
        Reward.state.in_([RewardState.PAYABLE, RewardState.SCHEDULED])))
    for reward in rewards.all():
        payable = db.session.get_one(Payable, reward.id)
        _follow(reward, payable.state)
        if payable.state is PayableState.OWED and payable.amount_minor == 0 and reward.state is RewardState.PAYABLE:
            # All of it was asked back while it was on its way, and then it never went.
            reward.void_reason = "The whole sale was refunded."
            lifecycle.move_reward(reward, RewardState.VOIDED, by=audit.SYSTEM, reason=reward.void_reason)


def _follow(reward: Reward, state: PayableState) -> None:
    if state is PayableState.OWED and reward.state is RewardState.SCHEDULED:
        lifecycle.move_reward(reward, RewardState.PAYABLE, by=audit.SYSTEM, reason="the transfer did not go through")
        return
    if state is not PayableState.OWED and reward.state is RewardState.PAYABLE:
        lifecycle.move_reward(reward, RewardState.SCHEDULED, by=audit.SYSTEM)
    if state is PayableState.SENT:
        lifecycle.move_reward(reward, RewardState.PAID, by=audit.SYSTEM)
        outbox.promise("send_letter", letter="reward_paid", reward_id=reward.id)
