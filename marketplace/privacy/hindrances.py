"""What must be settled before an account can be closed: money and things owed either way, disputes, businesses."""
from dataclasses import dataclass

from sqlalchemy import Exists, exists, func, or_, select

from marketplace.bounties.models import Bounty, BountyState
from marketplace.foundation.db import db
from marketplace.identity.models import MemberRole, Membership, User
from marketplace.payments.ledger import balance
from marketplace.payments.models import (
    AccountKind,
    Chargeback,
    Funding,
    LedgerAccount,
    Payable,
    PayableState,
    ReversalState,
    Transfer,
    TransferReversal,
    TransferState,
)
from marketplace.privacy.buyers import OPEN
from marketplace.referrals.models import Dispute, KindState, Lead, Moderation, Reward, RewardInKind, RewardState, Stage
from marketplace.referrals.reserving import still_possible

UNPAID = (RewardState.PENDING, RewardState.ON_HOLD, RewardState.PAYABLE, RewardState.SCHEDULED)
OF_BOUNTY = (AccountKind.FUNDS, AccountKind.DISPUTED)


@dataclass(frozen=True)
class Hindrance:
    """Why an account cannot be closed now, and what to do about it."""

    why: str
    next_step: str
    is_earned: bool = False  # Their rewards say more.


def hindrances(user: User) -> list[Hindrance]:
    """All of them, so that nobody settles one only to hear of the next."""
    return [*_of_money(user), *_of_disputes(user), *_of_businesses(user), *_of_admins(user)]


def _of_money(user: User) -> list[Hindrance]:
    found = []
    owed = exists().where(Payable.payee_id == user.id, Payable.state != PayableState.SENT, Payable.amount_minor > 0)
    unpaid = exists().where(Reward.beneficiary_id == user.id, Reward.state.in_(UNPAID))
    on_its_way = exists().where(
        Transfer.payee_id == user.id, Transfer.state.in_([TransferState.REQUESTED, TransferState.SENDING]))
    if _is(owed) or _is(unpaid) or _is(on_its_way):
        found.append(_of_rewards("Money is still owed to you.", "Wait until it is paid; your rewards say when."))
    if _is(exists().where(RewardInKind.beneficiary_id == user.id,
                          RewardInKind.state.in_([KindState.OWED, KindState.OFFERED]))):
        found.append(_of_rewards("A business owes you something that is no money.", "Have it, or let it go."))
    if _is(exists().where(TransferReversal.transfer_id == Transfer.id, Transfer.payee_id == user.id,
                          TransferReversal.state.in_([
                              ReversalState.REQUESTED, ReversalState.SENDING, ReversalState.OUTSTANDING]))):
        found.append(_of_rewards("You owe a reward that was taken back.", "It is kept of the next; or write to us."))
    if any(still_possible(lead).minor for lead in leads_of(user) if lead.stage is Stage.WON):
        found.append(_of_rewards("A sale of yours may still earn more.",
                                 "Wait for its last part, or ask the business to record that none follows."))
    return found


def _of_rewards(why: str, next_step: str) -> Hindrance:
    return Hindrance(why, next_step, is_earned=True)


def _of_disputes(user: User) -> list[Hindrance]:
    of_lead = exists().where(Lead.id == Dispute.lead_id, Lead.referrer_id == user.id)
    theirs = or_(Dispute.claimant_id == user.id, Dispute.respondent_id == user.id, of_lead)
    found = []
    if _is(exists().where(Dispute.ended_at.is_(None), theirs)):
        found.append(Hindrance("A dispute that you are part of is not over.", "Wait for its end, or withdraw it."))
    if _is(exists().where(Chargeback.funding_id == Funding.id, Funding.requested_by == user.id,
                          Chargeback.closed_at.is_(None))):
        found.append(Hindrance("A bank disputes a payment that you made for a business.", "Wait for the bank's word."))
    return found


def _of_businesses(user: User) -> list[Hindrance]:
    found = []
    for membership in user.memberships:
        if membership.role is not MemberRole.OWNER or _has_other_owner(membership):
            continue
        name = membership.business.name
        if _is(exists().where(Membership.business_id == membership.business_id, Membership.id != membership.id)):
            found.append(Hindrance(f"{name} has no other owner.", "Make somebody else an owner, or remove its people."))
        elif _is_in_business(membership.business_id):
            found.append(Hindrance(f"{name} still has bounties, money or leads.",
                                   "Close its bounties, have its money refunded, and let its leads end."))
    return found


def _of_admins(user: User) -> list[Hindrance]:
    others = select(func.count()).where(User.is_admin, User.closed_at.is_(None), User.id != user.id)
    if user.is_admin and not db.session.scalar(others):
        return [Hindrance("You are the only admin.", "Make somebody else one first: flask make-admin.")]
    return []


def _has_other_owner(membership: Membership) -> bool:
    return _is(exists().where(Membership.business_id == membership.business_id, Membership.id != membership.id,
                              Membership.role == MemberRole.OWNER))


def _is_in_business(business_id: str) -> bool:
    if _is(exists().where(Bounty.business_id == business_id, Bounty.state.in_([BountyState.LIVE, BountyState.PAUSED]))):
        return True
    if _is(exists().where(Lead.business_id == business_id, Lead.moderation.in_([*OPEN, Moderation.ACCEPTED]),
                          Lead.stage.is_distinct_from(Stage.WON))):
        return True
    if _is(exists().where(Reward.business_id == business_id, Reward.state.in_(UNPAID))):
        return True
    accounts = db.session.scalars(select(LedgerAccount).where(
        LedgerAccount.kind.in_(OF_BOUNTY), LedgerAccount.owner_id.in_(
            select(Bounty.id).where(Bounty.business_id == business_id))))
    return any(balance(account).minor for account in accounts)


def leads_of(user: User) -> list[Lead]:
    return list(db.session.scalars(select(Lead).where(Lead.referrer_id == user.id).order_by(Lead.id)))


def _is(found: Exists) -> bool:
    return bool(db.session.scalar(select(found)))
