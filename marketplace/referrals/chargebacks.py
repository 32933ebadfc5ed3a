"""What a business's disputed payment means for leads and rewards: the newest wait first, and nobody's promise is lost.

Payments has frozen what was free. Here the leads and rewards are named whose money is frozen next; then transfers stop.
"""
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import func, select

from marketplace.bounties.models import Bounty
from marketplace.bounties.publishing import note_funds_came_free, pause_if_out_of_funds, resume_bounty, stop_bounty
from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, require
from marketplace.foundation.money import zero
from marketplace.identity.models import User
from marketplace.payments import ledger
from marketplace.payments.disputes import chargebacks, freezing
from marketplace.payments.disputes.queries import (
    PAYMENT_DISPUTED,
    PAYMENT_SUSPECTED,
    PAYMENT_TAKEN_BACK,
    unsettled_of,
)
from marketplace.payments.locks import lock_funds
from marketplace.payments.models import (
    AccountKind,
    Chargeback,
    ChargebackState,
    FraudWarning,
    FrozenKind,
    FrozenPart,
    FrozenState,
    Funding,
    Payable,
    PayableState,
    Refund,
    RefundState,
    WarningState,
)
from marketplace.payments.money_out import stops
from marketplace.payments.permissions import may_settle
from marketplace.referrals import lifecycle
from marketplace.referrals.holds import hold_reward, lift_holds
from marketplace.referrals.models import Dispute, Lead, Reward, RewardState

UNPAID_FOR = timedelta(days=30)  # So long a business has to pay before an admin may void what it promised.
PAID_AFTER_ALL = "The payment is settled."
STILL_HELD = (RewardState.PENDING, RewardState.ON_HOLD)


class NotUnpaid(Conflict):
    code = "not_unpaid"


def note_bad_day(source_id: str) -> None:
    """Job, promised by payments: a chargeback, a fraud warning or a refund by hand changed. Safe to do again."""
    if db.session.scalar(select(Chargeback.id).filter_by(id=source_id)):
        _follow_chargeback(source_id)
    elif db.session.scalar(select(FraudWarning.id).filter_by(id=source_id)):
        _follow_warning(source_id)
    elif db.session.get(Dispute, source_id):  # What its ruling gives was owed by the business, and is paid now.
        lift_holds(source_id, why=PAID_AFTER_ALL)
    elif refund := db.session.get(Refund, source_id):
        bounty = _find_bounty(db.session.get_one(Funding, refund.funding_id).purpose_id)
        if bounty:
            lock_funds((bounty.id, bounty.terms.currency))
            pause_if_out_of_funds(bounty)
            # Refused, it is asked for a day later; sent back by the bank, it is for a person: a closed bounty would
            # send it to the same card at once, and again.
            if refund.state is not RefundState.FAILED or not bounty.is_closed:
                note_funds_came_free(bounty)


def _follow_chargeback(chargeback_id: str) -> None:
    chargeback = freezing.lock_chargeback(chargeback_id)
    chargebacks.settle(chargeback)
    bounty = _find_bounty(chargeback.purpose_id)
    if bounty is None:
        return
    if chargeback.settled_at:
        lift_holds(chargeback.id, why=PAID_AFTER_ALL)
        _let_transfers_go(chargeback)
        resume_bounty(bounty)
    elif chargeback.state not in freezing.OVER:
        why = PAYMENT_TAKEN_BACK if chargeback.state is ChargebackState.LOST else PAYMENT_DISPUTED
        _name_leads(chargeback)
        _name_rewards(chargeback, why)
        _stop_transfers(chargeback, why)
        stop_bounty(bounty, why)


def _find_bounty(bounty_id: str) -> Bounty | None:
    return db.session.get(Bounty, bounty_id)


def _name_leads(chargeback: Chargeback) -> None:
    """Accepted last, frozen first."""
    if not freezing.unnamed(chargeback).minor:
        return
    leads = db.session.scalars(select(Lead.id).where(
        Lead.bounty_id == chargeback.purpose_id, Lead.accepted_at.is_not(None))
        .order_by(Lead.accepted_at.desc(), Lead.id.desc())).all()
    kept = ledger.balances(AccountKind.RESERVED, leads)
    for lead_id in leads:
        if lead_id in kept:
            freezing.freeze(chargeback, FrozenKind.RESERVED, lead_id)


def _name_rewards(chargeback: Chargeback, why: str) -> None:
    """Earned last, frozen first; and whoever is named waits."""
    rewards = _lock_held(chargeback.purpose_id)
    for reward in rewards:
        if freezing.unnamed(chargeback).minor:
            freezing.freeze(chargeback, FrozenKind.HELD, reward.id)
    named = {part.subject_id for part in freezing.parts_of(chargeback, FrozenState.FROZEN, FrozenState.PROMISED)}
    for reward in rewards:
        if reward.id in named:
            hold_reward(reward, source_id=chargeback.id, reason=why)


def _lock_held(bounty_id: str) -> Sequence[Reward]:
    """Newest first; locked in the order of the house, oldest first."""
    return db.session.scalars(
        select(Reward).where(Reward.bounty_id == bounty_id, Reward.state.in_(STILL_HELD)).order_by(Reward.id)
        .with_for_update(key_share=True).execution_options(populate_existing=True)).all()[::-1]


def _stop_transfers(chargeback: Chargeback, why: str) -> None:
    """Released and not sent yet, newest first: as much as is still missing stays, and its people are told."""
    missing, stopped = freezing.unnamed(chargeback), zero(chargeback.currency)
    told = stops.stopped_by(chargeback.id)
    released = db.session.scalars(
        select(Payable).join(Reward, Reward.id == func.coalesce(Payable.rest_of, Payable.id)).where(
            Reward.bounty_id == chargeback.purpose_id, Payable.amount_minor > 0,
            Payable.state.in_((PayableState.OWED, PayableState.IN_TRANSFER)))
        .order_by(Payable.created_at.desc(), Payable.id.desc())).all()
    for payable in released:
        if stopped >= missing:
            return
        stops.stop_transfers("payable", payable.id, reason=why, source=chargeback.id, by=audit.SYSTEM)
        stopped += payable.amount
        reward_id = payable.rest_of or payable.id
        if not {payable.id, reward_id} & told:
            outbox.promise("send_letter", letter="reward_frozen", reward_id=reward_id)
        told.add(reward_id)


def _let_transfers_go(chargeback: Chargeback) -> None:
    waited = stops.stopped_by(chargeback.id)
    stops.lift_stops(chargeback.id, by=audit.SYSTEM)
    owed = db.session.execute(
        select(Payable.id, Payable.payee_id, Reward.id).join(
            Reward, Reward.id == func.coalesce(Payable.rest_of, Payable.id)).where(
            Reward.bounty_id == chargeback.purpose_id, Payable.state == PayableState.OWED, Payable.amount_minor > 0)
        .order_by(Payable.id)).all()
    for payee_id in sorted({payee_id for _, payee_id, _ in owed}):
        outbox.promise("request_transfers", payee_id=payee_id)
    for reward_id in sorted({reward_id for payable_id, _, reward_id in owed if payable_id in waited}):
        outbox.promise("send_letter", letter="reward_thawed", reward_id=reward_id)


def _follow_warning(warning_id: str) -> None:
    bounty = _find_bounty(db.session.scalars(select(FraudWarning.purpose_id).filter_by(id=warning_id)).one())
    if bounty is None:
        return
    lock_funds((bounty.id, bounty.terms.currency))
    warning = db.session.get_one(FraudWarning, warning_id, populate_existing=True, with_for_update={"key_share": True})
    if warning.state is WarningState.CLOSED:
        # What a chargeback holds must be held before the warning lets go of it.
        for chargeback_id in db.session.scalars(unsettled_of(bounty.id).with_only_columns(Chargeback.id)).all():
            _follow_chargeback(chargeback_id)
        lift_holds(warning.id, why=PAID_AFTER_ALL)
        resume_bounty(bounty)
        return
    _hold_suspected(warning)
    stop_bounty(bounty, PAYMENT_SUSPECTED)


def _hold_suspected(warning: FraudWarning) -> None:
    """Held rewards, newest first, as far as the suspected payment could have paid for them."""
    funding = db.session.get_one(Funding, warning.funding_id)
    left = funding.amount - funding.refunded
    for reward in _lock_held(warning.purpose_id):
        if left.minor <= 0:
            return
        hold_reward(reward, source_id=warning.id, reason=PAYMENT_SUSPECTED)
        left -= reward.net + reward.fee


def may_void_unpaid(reward: Reward) -> Chargeback | None:
    """The lost chargeback that left this reward unpaid for thirty days; None while it may not be voided."""
    found = db.session.scalar(
        select(Chargeback).join(FrozenPart, FrozenPart.chargeback_id == Chargeback.id).where(
            FrozenPart.subject_id == reward.id, FrozenPart.state == FrozenState.PROMISED,
            Chargeback.state == ChargebackState.LOST).order_by(Chargeback.id).limit(1))
    is_late = found is not None and found.closed_at is not None and clock.now() >= found.closed_at + UNPAID_FOR
    return found if is_late and reward.state is RewardState.ON_HOLD else None


def void_unpaid(reward: Reward, *, by: User, reason: str) -> None:
    """on_hold -> voided: the business did not pay. NotUnpaid (409) before thirty days are over, or when it has paid."""
    require(may_settle(by, reward.business_id) and by.id != reward.beneficiary_id, "void this reward")
    lock_funds((reward.bounty_id, reward.currency))
    reward = db.session.get_one(Reward, reward.id, populate_existing=True, with_for_update={"key_share": True})
    if may_void_unpaid(reward) is None:
        raise NotUnpaid("The business still has time to pay for this reward, or has paid.",
                        next_step="Thirty days after the bank’s decision it may be voided.")
    freezing.thaw_owner(reward.id)
    held = ledger.account(AccountKind.HELD, reward.id, reward.currency)
    ledger.move(ledger.balance(held), source=held,
                target=ledger.account(AccountKind.FUNDS, reward.bounty_id, reward.currency),
                kind="reward_unpaid", reference=f"{reward.id}:unpaid")
    reward.void_reason = f"The business did not pay. {reason}".strip()
    lifecycle.move_reward(reward, RewardState.VOIDED, by=by.id, reason=reward.void_reason)
    note_funds_came_free(db.session.get_one(Bounty, reward.bounty_id))
    outbox.promise("send_letter", letter="reward_unpaid", reward_id=reward.id)
