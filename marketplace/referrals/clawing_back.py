"""One clawback: taken out of what is held or owed, or asked of Stripe; for a refund (clawbacks.py), or by a ruling."""
from sqlalchemy import func, select

from marketplace.bounties.models import Bounty
from marketplace.bounties.publishing import note_funds_came_free
from marketplace.foundation import audit, outbox
from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import db
from marketplace.foundation.money import Money
from marketplace.payments import ledger
from marketplace.payments.disputes.freezing import thaw_owner
from marketplace.payments.models import PLATFORM, Account, AccountKind, LedgerEntry, Payable, Posting
from marketplace.payments.money_out import payables
from marketplace.payments.money_out.reversals import standing_of
from marketplace.referrals import lifecycle
from marketplace.referrals.holds import UNRELEASED
from marketplace.referrals.locks import lock_funds_of
from marketplace.referrals.models import Clawback, ClawbackState, Lead, Reward, RewardState
from marketplace.referrals.money_back import fee_entry

ORDER_FEE = "order_fee"  # An entry: our fee on what an admin took of a transfer.
WHY_PASSED_ON = "It is credited to another referrer."
FEE_RETURNED = "reward.fee_returned"  # Of the trail: which order's.


def take_back_by_ruling(
    reward: Reward, amount: Money, *, dispute_id: str, by: str, credit: Account | None = None
) -> Clawback:
    """Part of a reward, with the fee on it, because a dispute ended so; ``credit`` gets it, else the bounty's funds.

    The caller has locked the bounty's funds. Twice for one dispute is refused by the database.
    """
    reward = db.session.get_one(Reward, reward.id, populate_existing=True, with_for_update={"key_share": True})
    amount = min(amount, reward.net)
    left = fee_left(reward)
    fee = left if amount == reward.net else min(reward.fee.part(amount.minor, reward.amount_minor), left)
    clawback = claw_back(reward, amount, fee, by=by, dispute_id=dispute_id, credit=credit,
                         why="A dispute about it was decided." if credit is None else WHY_PASSED_ON)
    if credit is None:
        note_funds_came_free(db.session.get_one(Bounty, reward.bounty_id))
    return clawback


def take_unsent(reward: Reward, *, case_id: str, by: str, why: str) -> None:
    """All of it that is in no transfer, with the fee on it, because it was found false. What was sent stays: that is
    for an admin's order; what comes back of it later is taken then. The caller has locked it, and the bounty's funds.
    """
    owed = payables.owed_of_all(reward.id)
    if owed.minor:
        left = fee_left(reward)
        is_last = owed == payables.left_of_all(reward.id)
        times = len(reward.taken_by_case(case_id))
        claw_back(reward, owed, left if is_last else min(reward.fee.part(owed.minor, reward.amount_minor), left),
                  by=by, dispute_id=f"{case_id}:{times}" if times else case_id, why=why)


def claw_back(
    reward: Reward, amount: Money, fee: Money, *, by: str, why: str, sale_refund_id: str | None = None,
    dispute_id: str | None = None, credit: Account | None = None,
) -> Clawback:
    """So much of a reward and of the fee on it; ``why`` it is void, if nothing is left. The caller has locked it."""
    clawback = Clawback(reward_id=reward.id, sale_refund_id=sale_refund_id, dispute_id=dispute_id,
                        amount_minor=amount.minor, fee_minor=fee.minor, currency=reward.currency,
                        state=ClawbackState.REVERSING)
    reward.clawbacks.append(clawback)
    db.session.flush()
    cause = {"dispute": dispute_id} if dispute_id else {}
    audit.record("clawback.asked", clawback.id, by=by, reward=reward.id, amount_minor=amount.minor, **cause)
    if reward.state in UNRELEASED:
        _take_from_held(reward, clawback, credit)
    else:
        _take_from_released(reward, clawback, credit)
    if clawback.state is ClawbackState.TAKEN:
        _void_if_nothing_left(reward, by=by, why=why)
    return clawback


def see_left_of(reward: Reward) -> tuple[Money, Money]:
    """What a clawback would find of reward and fee, to show it: less where an admin took of it by hand before."""
    return reward.net if reward.state in UNRELEASED else payables.see_left_of_all(reward.id), fee_left(reward)


def fee_left(reward: Reward, *, before: Clawback | None = None) -> Money:
    """What of our fee on it was not given back: with a clawback, or with what an admin took of a transfer."""
    given_back = sum(one.fee_minor for one in reward.clawbacks if one is not before) + _returned_by_orders(reward)
    return Money(max(reward.fee_minor - given_back, 0), reward.currency)


def _returned_by_orders(reward: Reward) -> int:
    """The trail names their entries, each made by a job of its own."""
    named = db.session.scalars(select(AuditEvent.details["why"].as_string()).where(
        AuditEvent.subject_id == reward.id, AuditEvent.action == FEE_RETURNED)).all()
    return int(db.session.scalar(select(func.sum(Posting.amount_minor)).join(
        LedgerEntry, LedgerEntry.id == Posting.entry_id).where(
        LedgerEntry.reference.in_([fee_entry(reward.id, one) for one in named]), Posting.amount_minor > 0)) or 0
    ) if named else 0


def _funds(reward: Reward) -> Account:
    return ledger.account(AccountKind.FUNDS, reward.bounty_id, reward.currency)


def _take_from_held(reward: Reward, clawback: Clawback, credit: Account | None) -> None:
    thaw_owner(reward.id)
    ledger.move(
        clawback.amount + Money(clawback.fee_minor, reward.currency),
        source=ledger.account(AccountKind.HELD, reward.id, reward.currency), target=credit or _funds(reward),
        kind="clawback", reference=f"{clawback.id}:taken")
    lifecycle.move_clawback(clawback, ClawbackState.TAKEN, by=audit.SYSTEM)


def _take_from_released(reward: Reward, clawback: Clawback, credit: Account | None) -> None:
    """The fee was ours already and goes back at once; the reward comes out of what is owed or was sent."""
    to_funds = credit or _funds(reward)
    # Less is left where somebody took it back by hand before: it went to the same funds, with the fee on it.
    _give_fee(min(Money(clawback.fee_minor, reward.currency), fee_left(reward, before=clawback)), to_funds,
              kind="clawback_fee", reference=f"{clawback.id}:fee")
    amount = min(clawback.amount, payables.left_of_all(reward.id))
    if amount.minor == 0 or payables.take_back(
            reward.id, amount, credit=to_funds, clawback_id=clawback.id) == "taken":
        lifecycle.move_clawback(clawback, ClawbackState.TAKEN, by=audit.SYSTEM)


def _give_fee(fee: Money, to_funds: Account, *, kind: str, reference: str) -> None:
    if fee.minor:
        ledger.move(fee, source=ledger.account(AccountKind.PLATFORM_FEES, PLATFORM, fee.currency), target=to_funds,
                    kind=kind, reference=reference)


def _void_if_nothing_left(reward: Reward, *, by: str, why: str) -> None:
    if reward.net.minor == 0 and reward.state in {RewardState.PENDING, RewardState.ON_HOLD, RewardState.PAYABLE}:
        reward.void_reason = why
        lifecycle.move_reward(reward, RewardState.VOIDED, by=by, reason=why)


def note_reversal(reference: str) -> None:
    """Job, promised by payments when Stripe answered about taking money back: the clawback follows."""
    clawback = db.session.get(Clawback, reference)
    if clawback is None:
        _note_taken_by_order(reference)
        return
    if clawback.state is ClawbackState.TAKEN:
        return
    standing = standing_of(reference)
    if standing == "taken":
        lifecycle.move_clawback(clawback, ClawbackState.TAKEN, by=audit.SYSTEM)
        reward = db.session.get_one(Reward, clawback.reward_id)
        note_funds_came_free(db.session.get_one(Bounty, reward.bounty_id))
    elif standing == "outstanding" and clawback.state is ClawbackState.REVERSING:
        lifecycle.move_clawback(clawback, ClawbackState.OUTSTANDING, by=audit.SYSTEM)


def return_fee(reference: str, taken_minor: str) -> None:
    """Job, promised by payments when an admin takes so much of a transfer ("order:payable"): the fee on it goes back.

    At once, as with a clawback; all that is left of it with the last of the reward. Then both sides are told of it.
    """
    reward = _taken_by_order(reference)
    if reward is None:
        return
    lock_funds_of(db.session.get_one(Lead, reward.lead_id))
    reward = db.session.get_one(Reward, reward.id, populate_existing=True, with_for_update={"key_share": True})
    entry = fee_entry(reward.id, reference)
    if db.session.scalar(select(LedgerEntry.id).where(LedgerEntry.reference == entry)) is not None:
        return
    fee = fee_left(reward)
    if payables.left_of_all(reward.id).minor:
        fee = min(fee, reward.fee.part(int(taken_minor), reward.amount_minor))
    outbox.promise(
        "send_letter", key=f"taken_by_order:{reference}", letter="reward_taken_by_order", reward_id=reward.id,
        order_id=reference.partition(":")[0], taken_minor=taken_minor, fee_minor=str(fee.minor))
    if not fee.minor:
        return
    _give_fee(fee, _funds(reward), kind=ORDER_FEE, reference=entry)
    audit.record(FEE_RETURNED, reward.id, by=audit.SYSTEM, amount_minor=fee.minor, why=reference)
    note_funds_came_free(db.session.get_one(Bounty, reward.bounty_id))


def _note_taken_by_order(reference: str) -> None:
    """What came of it is the bounty's again."""
    reward = _taken_by_order(reference)
    if reward:
        note_funds_came_free(db.session.get_one(Bounty, reward.bounty_id))


def _taken_by_order(reference: str) -> Reward | None:
    """An admin took a transfer back ("order:payable"): of which reward."""
    payable = db.session.get(Payable, reference.rpartition(":")[2])
    return db.session.get(Reward, payable.rest_of or payable.id) if payable else None
