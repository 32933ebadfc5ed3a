"""The buyer's share: as money, given to the business's cause, or declined. Silence declines it, with notice."""
from datetime import timedelta

from sqlalchemy import select

from marketplace.bounties.models import Bounty
from marketplace.bounties.publishing import note_funds_came_free
from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, NotFound
from marketplace.identity.models import User
from marketplace.identity.permissions import require_confirmed
from marketplace.payments import ledger
from marketplace.payments.disputes.freezing import thaw_owner
from marketplace.payments.locks import lock_funds
from marketplace.payments.models import AccountKind
from marketplace.referrals import lifecycle
from marketplace.referrals.consent import BUYER
from marketplace.referrals.models import (
    Buyer,
    Choice,
    KindState,
    Lead,
    Reward,
    RewardInKind,
    RewardState,
    Thing,
)
from marketplace.referrals.pointing import SelfReferral
from marketplace.referrals.suppression import hash_email

CHOICE_WAITED_FOR = timedelta(days=90)  # From the release on, and anew when a donation was not given.
DONATION_WAITED_FOR = timedelta(days=90)


class ShareNotOpen(Conflict):
    code = "share_not_open"


class NoCause(Conflict):
    code = "no_cause"


class PaidAlready(Conflict):
    code = "paid_already"


class NotYourShare(NotFound):
    code = "not_your_share"


def shares_of_buyer(lead: Lead) -> list[Reward]:
    """Oldest first."""
    return list(db.session.scalars(
        select(Reward).where(Reward.lead_id == lead.id, Reward.whom == "buyer").order_by(Reward.id)))


def is_open(reward: Reward) -> bool:
    """Whether the buyer may still choose."""
    return reward.choice is None and reward.state is RewardState.PENDING


def await_choice(reward: Reward) -> None:
    """At the release: what the buyer has not chosen waits for ninety days; what they gave away is owed to the cause."""
    if reward.choice is Choice.DONATION:
        _owe_donation(reward)
    elif reward.choice is None and reward.choice_due_at is None:
        _ask_to_choose(reward)


def _ask_to_choose(reward: Reward) -> None:
    reward.choice_due_at = clock.now() + CHOICE_WAITED_FOR
    audit.record("share.waiting", reward.id, by=audit.SYSTEM)
    outbox.promise("send_letter", letter="buyer_share_waiting", reward_id=reward.id)
    outbox.promise("remind_of_share", after=CHOICE_WAITED_FOR / 2, reward_id=reward.id)
    outbox.promise("end_choice", after=CHOICE_WAITED_FOR, reward_id=reward.id)


def take_as_money(reward: Reward, *, by: User) -> None:
    """The share becomes theirs, and goes the way of every reward. NotYourShare (404) unless their proven address is
    the buyer's."""
    get_buyers_share(reward.id, seen_by=by)
    require_confirmed(by)
    _lock_open(reward)
    if by.role_in(reward.business_id) is not None:
        raise SelfReferral("You work there: a business cannot earn its own bounty.",
                           next_step="Decline the share, or give it to the cause.")
    if db.session.scalar(select(Reward.id).where(
            Reward.conversion_id == reward.conversion_id, Reward.beneficiary_id == by.id).limit(1)):
        raise PaidAlready("You are paid a part of the reward for this sale already.",
                          next_step="Decline the share, or give it to the cause.")
    reward.choice, reward.beneficiary_id, reward.choice_due_at = Choice.MONEY, by.id, None
    db.session.flush()
    audit.record("share.taken", reward.id, by=by.id)
    outbox.promise("release_reward", after=max(reward.release_at - clock.now(), timedelta(0)), reward_id=reward.id)


def give_to_cause(reward: Reward) -> None:
    """The business gives as much to the cause that its terms name. NoCause (409) where they name none."""
    _lock_open(reward)
    if db.session.get_one(Lead, reward.lead_id).terms.cause is None:
        raise NoCause("This business names no cause.", next_step="Take the share as money, or decline it.")
    reward.choice = Choice.DONATION
    audit.record("share.donated", reward.id, by=BUYER)
    if reward.choice_due_at is not None:
        _owe_donation(reward)


def decline_share(reward: Reward, *, by: str = BUYER, why: str = "The buyer declined it.") -> None:
    """Back to the bounty's funds, with the fee on it."""
    _lock_open(reward)
    reward.choice, reward.choice_due_at = Choice.DECLINED, None
    audit.record("share.declined", reward.id, by=by)
    _give_back(reward, by=by, why=why)


def remind_of_share(reward_id: str) -> None:
    """Job, halfway: the one reminder."""
    if is_open(db.session.get_one(Reward, reward_id)):
        outbox.promise("send_letter", letter="buyer_share_reminded", reward_id=reward_id)


def end_choice(reward_id: str) -> None:
    """Job, ninety days after the release: no choice is a no, with notice."""
    reward = _locked(reward_id)
    if not is_open(reward) or reward.choice_due_at is None:
        if reward.state is RewardState.ON_HOLD and reward.choice is None:  # An admin looks into it: the time is theirs.
            outbox.promise("end_choice", after=timedelta(days=1), reward_id=reward_id)
        return
    early = reward.choice_due_at - clock.now()
    if early > timedelta(0):
        outbox.promise("end_choice", after=early, reward_id=reward_id)
        return
    decline_share(reward, by=audit.SYSTEM, why="The buyer did not choose within ninety days.")
    outbox.promise("send_letter", letter="buyer_share_lapsed", reward_id=reward_id)


def _owe_donation(reward: Reward) -> None:
    """The money stays held until the business says that it gave: then it has it back."""
    if db.session.scalar(select(RewardInKind.id).where(
            RewardInKind.reward_id == reward.id, RewardInKind.state.in_([KindState.OWED, KindState.OFFERED]))):
        return
    lead = db.session.get_one(Lead, reward.lead_id)
    reward.choice_due_at = None
    owed = RewardInKind(
        conversion_id=reward.conversion_id, lead_id=lead.id, business_id=lead.business_id, whom=reward.whom,
        reward_id=reward.id, thing=Thing.DONATION, words=lead.terms.cause or "",
        expires_at=clock.now() + DONATION_WAITED_FOR)
    db.session.add(owed)
    db.session.flush()
    audit.record("kind.owed", owed.id, by=audit.SYSTEM, reward=reward.id)
    outbox.promise("send_letter", letter="kind_owed", kind_id=owed.id)
    outbox.promise("remind_of_kind", after=DONATION_WAITED_FOR / 2, kind_id=owed.id)
    outbox.promise("end_kind", after=DONATION_WAITED_FOR, kind_id=owed.id)


def settle_donation(owed: RewardInKind, *, by: str) -> None:
    """The business gave: what was held for it goes back to its bounty's funds, with the fee."""
    reward = _locked(owed.reward_id or "")
    if reward.state is not RewardState.PENDING:
        raise ShareNotOpen("This share is on hold, or was taken back.", next_step="Its page says why.")
    _give_back(reward, by=by, why=f"Given to {owed.words} by the business.")


def reopen_choice(owed: RewardInKind) -> None:
    """The business did not give: the buyer is asked once more what to do with the money, which is still held."""
    reward = _locked(owed.reward_id or "")
    if reward.state in {RewardState.PENDING, RewardState.ON_HOLD}:
        reward.choice = None
        _ask_to_choose(reward)


def _give_back(reward: Reward, *, by: str, why: str) -> None:
    thaw_owner(reward.id)
    held = ledger.account(AccountKind.HELD, reward.id, reward.currency)
    ledger.move(ledger.balance(held), source=held,
                target=ledger.account(AccountKind.FUNDS, reward.bounty_id, reward.currency),
                kind="share_given_back", reference=f"{reward.id}:given_back")
    reward.void_reason = why
    lifecycle.move_reward(reward, RewardState.VOIDED, by=by, reason=why)
    note_funds_came_free(db.session.get_one(Bounty, reward.bounty_id))


def get_buyers_share(reward_id: str, *, seen_by: User) -> Reward:
    """By the buyer's proven address. NotYourShare (404) for everybody else."""
    reward = db.session.get(Reward, reward_id)
    if reward is None or reward.whom != "buyer" or not _is_buyer(seen_by, reward):
        raise NotYourShare("There is no such share.", next_step="Sign in with the address that our mail went to.")
    return reward


def _is_buyer(user: User, reward: Reward) -> bool:
    lead = db.session.get_one(Lead, reward.lead_id)
    buyer = db.session.get_one(Buyer, lead.buyer_id)
    return (user.email_confirmed_at is not None and lead.buyer_hash is not None
            and hash_email(user.email) == buyer.email_hash)


def _lock_open(reward: Reward) -> None:
    _locked(reward.id)
    if not is_open(reward):
        raise ShareNotOpen("This share is no longer open to choose.", next_step="The page shows what became of it.")


def _locked(reward_id: str) -> Reward:
    known = db.session.execute(select(Reward.bounty_id, Reward.currency).where(Reward.id == reward_id)).one()
    lock_funds((known.bounty_id, known.currency))
    return db.session.get_one(Reward, reward_id, populate_existing=True, with_for_update={"key_share": True})
