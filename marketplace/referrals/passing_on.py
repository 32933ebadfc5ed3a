"""What a reward has earned and was not sent goes to somebody else: by a ruling, or by an admin who credits anew."""
from sqlalchemy import or_, select

from marketplace.bounties.models import For
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict
from marketplace.foundation.money import Money, zero
from marketplace.payments import ledger
from marketplace.payments.models import AccountKind, Payable, PayableState, TransferStop
from marketplace.payments.money_out import stops
from marketplace.referrals import lifecycle
from marketplace.referrals.clawing_back import take_back_by_ruling
from marketplace.referrals.holds import hold_reward, live_holds
from marketplace.referrals.models import ClawbackState, Conversion, Lead, Reward, RewardState
from marketplace.referrals.queries import disputes_about
from marketplace.referrals.rewards import hold_earned


class DecidedFirst(Conflict):
    code = "decided_first"


def pass_on(reward: Reward, amount: Money, lead: Lead, *, cause_id: str, to_id: str, by: str) -> Money:
    """held or owed -> reserved -> held anew for ``to_id``, with the fee. What a transfer has taken stays.

    How much it was. ``cause_id`` is the dispute or the reattribution; twice for one is refused by the database. The
    caller holds the lock of the bounty's funds.
    """
    payable = db.session.get(Payable, reward.id)
    if amount.minor == 0 or (payable is not None and payable.state is not PayableState.OWED):
        return zero(amount.currency)
    if disputes_about(reward.id):  # It is about this very reward, and would find nothing left of it.
        raise DecidedFirst("The business claims this reward back, and that is not decided yet.",
                           next_step="An admin decides that first.")
    waits, live = _why_it_waits(reward), live_holds(reward.id)
    is_frozen = reward.state is RewardState.ON_HOLD and (not live or live[0].was_on_hold)  # By an admin.
    reserved = ledger.account(AccountKind.RESERVED, lead.id, reward.currency)
    back = take_back_by_ruling(reward, amount, dispute_id=cause_id, by=by, credit=reserved)
    if back.state is not ClawbackState.TAKEN:
        return zero(amount.currency)
    conversion = db.session.get_one(Conversion, reward.conversion_id)
    passed = hold_earned(lead, conversion, back.amount, Money(back.fee_minor, reward.currency), whom=For.REFERRER,
                         beneficiary_id=to_id, by=by)
    _let_it_wait_too(passed, waits, is_frozen=is_frozen, by=by)
    return back.amount


def _why_it_waits(reward: Reward) -> dict[str, str]:
    """Reasons by what held or stopped it: a payment in doubt, a look by a person, what the business still owes."""
    pieces = select(Payable.id).where(or_(Payable.id == reward.id, Payable.rest_of == reward.id))
    stopped = db.session.scalars(stops.open_stops().where(TransferStop.subject_id.in_(pieces)))
    return {one.source: one.reason for one in stopped} | {
        one.source_id: one.reason for one in live_holds(reward.id)}


def _let_it_wait_too(passed: Reward, waits: dict[str, str], *, is_frozen: bool, by: str) -> None:
    """Whose it is was decided, and nothing else."""
    if is_frozen and passed.state is RewardState.PENDING:
        lifecycle.move_reward(passed, RewardState.ON_HOLD, by=by, reason="an admin had put it on hold")
    for source_id, reason in waits.items():
        hold_reward(passed, source_id=source_id, reason=reason, letter="")
