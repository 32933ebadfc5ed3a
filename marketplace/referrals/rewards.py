"""What an event earns is held for the return period, then released to be transferred; every step is a ledger entry."""
from datetime import timedelta

from sqlalchemy import and_, func, or_, select

from marketplace.bounties.models import For
from marketplace.bounties.publishing import PaymentInDoubt, pause_if_out_of_funds
from marketplace.bounties.rules import Earned, RewardPreview
from marketplace.bounties.used_up import pause_if_used_up
from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import require
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import Money, zero
from marketplace.identity.models import User
from marketplace.payments import ledger
from marketplace.payments.disputes.freezing import thaw_owner
from marketplace.payments.disputes.queries import PAYMENT_DISPUTED, PAYMENT_SUSPECTED, suspicions_about
from marketplace.payments.models import PLATFORM, AccountKind, Payable, PayableState, Transfer, TransferState
from marketplace.payments.money_out import payables
from marketplace.referrals import lifecycle
from marketplace.referrals.at_issue import hold_until_paid, hold_what_is_earned_now, stop_what_is_disputed
from marketplace.referrals.buyers_share import await_choice
from marketplace.referrals.fraud.scoring import look_at
from marketplace.referrals.holds import hold_reward, why_held
from marketplace.referrals.in_kind import owe_thing
from marketplace.referrals.kept_words import keep_words
from marketplace.referrals.models import Conversion, ConversionKind, Lead, Point, Reward, RewardState
from marketplace.referrals.permissions import may_freeze
from marketplace.referrals.queries import FALSE_LEADS, disputes_of_ownership
from marketplace.referrals.reserving import free_what_cannot_be_earned
from marketplace.referrals.sharing import divide


def award(lead: Lead, conversion: Conversion, preview: RewardPreview, used: Earned | None, *, by: str) -> list[Reward]:
    """What the event earns by the lead's frozen terms: reserved -> held, with the fee on it; things become owed."""
    rewards = [
        hold_earned(lead, conversion, amount, fee, whom=For.REFERRER, beneficiary_id=user_id, by=by)
        for user_id, amount, fee in divide(lead, preview.reward, _fee(preview, For.REFERRER))]
    if preview.buyer_share.minor:
        rewards.append(hold_earned(lead, conversion, preview.buyer_share, _fee(preview, For.BUYER), whom=For.BUYER,
                             beneficiary_id=None, by=by))
    for warning_id in suspicions_about(lead.bounty_id) if rewards else ():  # Before any of them could be released.
        for reward in rewards:
            hold_reward(reward, source_id=warning_id, reason=PAYMENT_SUSPECTED)
    if rewards:
        outbox.promise("look_at_rewards", conversion_id=conversion.id)
    hold_until_paid(lead.id, rewards)
    for dispute in disputes_of_ownership(lead.id) if rewards else ():
        hold_what_is_earned_now(dispute, rewards)
    for share in preview.shares:
        if share.thing:
            owe_thing(lead, conversion, share, by=by)
    free_what_cannot_be_earned(lead, why="what can no longer be earned")
    pause_if_out_of_funds(lead.bounty)
    if used:
        pause_if_used_up(lead.bounty, used.on_bounty + preview.reward + preview.buyer_share)
    return rewards


def _fee(preview: RewardPreview, whom: For) -> Money:
    return sum((share.fee for share in preview.shares if share.whom is whom), zero(preview.fee.currency))


def hold_earned(
    lead: Lead, conversion: Conversion, amount: Money, fee: Money, *, whom: For, beneficiary_id: str | None, by: str
) -> Reward:
    """reserved -> held, until the return period of the sale is over; of what follows no sale, as long from now."""
    wait = timedelta(days=lead.terms.hold_days)
    if conversion.kind is ConversionKind.LATER:
        wait = max(db.session.get_one(Conversion, conversion.sale_id).created_at + wait - clock.now(), timedelta(0))
    reward = Reward(
        id=new_id("reward"), conversion_id=conversion.id, lead_id=lead.id, bounty_id=lead.bounty_id,
        business_id=lead.business_id, part=conversion.kind, number=conversion.number, whom=whom,
        beneficiary_id=beneficiary_id, amount=amount, fee_minor=fee.minor, release_at=clock.now() + wait)
    db.session.add(reward)
    audit.record("reward.pending", reward.id, by=by, conversion=conversion.id)
    doubts = thaw_owner(lead.id)
    ledger.move(
        amount + fee,
        source=ledger.account(AccountKind.RESERVED, lead.id, amount.currency),
        target=ledger.account(AccountKind.HELD, reward.id, amount.currency),
        kind="reward_earned", reference=f"{reward.id}:earned")
    for chargeback_id in doubts:  # Before it could be released; its job looks whether it must wait.
        hold_reward(reward, source_id=chargeback_id, reason=PAYMENT_DISPUTED)
        outbox.promise("note_bad_day", source_id=chargeback_id)
    outbox.promise("release_reward", after=wait, reward_id=reward.id)
    outbox.promise("send_letter", letter="reward_earned" if beneficiary_id else "buyer_share_earned",
                   reward_id=reward.id)
    return reward


def release_reward(reward_id: str) -> None:
    """Job, due when the hold ends: pending -> payable, and our fee is earned."""
    _look_first(reward_id)
    # Locked, so that a refund of the sale comes wholly before or wholly after: net and balance are read apart.
    reward = db.session.get_one(Reward, reward_id, populate_existing=True, with_for_update={"key_share": True})
    if reward.state is not RewardState.PENDING:
        return
    early = reward.release_at - clock.now()
    if early > timedelta(0):  # A clock went back. Not to be lost: nobody else would release it.
        outbox.promise("release_reward", after=early, reward_id=reward.id)
        return
    if reward.beneficiary_id is None:
        await_choice(reward)
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
    stop_what_is_disputed(reward)
    outbox.promise("request_transfers", payee_id=reward.beneficiary_id)
    outbox.promise("send_letter", letter="reward_released", reward_id=reward.id)


def _look_first(reward_id: str) -> None:
    """Signs of fraud may hold it, or make its return period longer, before anything is released."""
    reward = db.session.get_one(Reward, reward_id)
    if reward.state is RewardState.PENDING and reward.release_at <= clock.now() and reward.beneficiary_id:
        look_at(db.session.get_one(Lead, reward.lead_id), Point.TRANSFER, reward)
        db.session.flush()


def freeze_reward(reward: Reward, *, by: User, reason: str) -> None:
    """pending -> on_hold: an admin looks into it; only this reward stops."""
    require(may_freeze(by, reward), "put a reward on hold")
    kept = keep_words(db.session.get_one(Lead, reward.lead_id), reason, by_admin=True)
    lifecycle.move_reward(reward, RewardState.ON_HOLD, by=by.id, words=kept)


def unfreeze_reward(reward: Reward, *, by: User) -> None:
    """on_hold -> pending; if its day has come meanwhile, it is released at once."""
    require(may_freeze(by, reward), "take a reward off hold")
    if why := why_held(reward):
        raise PaymentInDoubt(why, next_step="It goes on by itself when the payment is settled, or the case of fraud is "
                                            "decided.")
    lifecycle.move_reward(reward, RewardState.PENDING, by=by.id)
    wait = max(reward.release_at - clock.now(), timedelta(0))
    outbox.promise("release_reward", after=wait, reward_id=reward.id)


def note_transfer(transfer_id: str) -> None:
    """Job, promised by payments when a transfer was asked for, sent or failed: the rewards in it follow."""
    transfer = db.session.get_one(Transfer, transfer_id)
    rewards = db.session.scalars(select(Reward).where(
        Reward.beneficiary_id == transfer.payee_id, Reward.state.in_([RewardState.PAYABLE, RewardState.SCHEDULED])
        ).order_by(Reward.id))
    for reward in rewards.all():
        payable = db.session.get_one(Payable, reward.id)
        _follow(reward, payable.state)
        if payable.state is PayableState.OWED and payable.amount_minor == 0 and reward.state is RewardState.PAYABLE:
            # All of it was asked back while it was on its way, and then it never went.
            is_refunded = all(one.sale_refund_id for one in reward.clawbacks)
            reward.void_reason = "The whole sale was refunded." if is_refunded else "All of it was taken back."
            lifecycle.move_reward(reward, RewardState.VOIDED, by=audit.SYSTEM, reason=reward.void_reason)
    if transfer.state not in {TransferState.REQUESTED, TransferState.SENDING}:  # It may be taken back already.
        _take_of_what_is_false(transfer)


def _take_of_what_is_false(transfer: Transfer) -> None:
    """Of a reward that was paid, too: a piece of it may have been in a later transfer. Where it was sent after all,
    nothing is left to be stopped."""
    came_back = and_(Payable.state == PayableState.OWED, Payable.amount_minor > 0)
    for lead_id in db.session.scalars(
            select(Reward.lead_id).join(Payable, Reward.id == func.coalesce(Payable.rest_of, Payable.id))
            .where(Payable.payee_id == transfer.payee_id, or_(came_back, Payable.transfer_id == transfer.id),
                   Reward.lead_id.in_(FALSE_LEADS)).distinct().order_by(Reward.lead_id)).all():
        outbox.promise("take_what_came_back", lead_id=lead_id)


def _follow(reward: Reward, state: PayableState) -> None:
    if state is PayableState.OWED and reward.state is RewardState.SCHEDULED:
        lifecycle.move_reward(reward, RewardState.PAYABLE, by=audit.SYSTEM, reason="the transfer did not go through")
        stop_what_is_disputed(reward)
        return
    if state is not PayableState.OWED and reward.state is RewardState.PAYABLE:
        lifecycle.move_reward(reward, RewardState.SCHEDULED, by=audit.SYSTEM)
    if state is PayableState.SENT:
        lifecycle.move_reward(reward, RewardState.PAID, by=audit.SYSTEM)
        outbox.promise("send_letter", letter="reward_paid", reward_id=reward.id)
