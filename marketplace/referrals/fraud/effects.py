"""What waiting means: for the lead, for rewards not released, for what is owed; and how it goes on, or is undone."""
from collections.abc import Sequence

from sqlalchemy import select

from marketplace.bounties.models import Bounty, For
from marketplace.bounties.publishing import note_funds_came_free
from marketplace.foundation import audit, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict
from marketplace.foundation.money import Money
from marketplace.payments import ledger
from marketplace.payments.disputes.freezing import thaw_owner
from marketplace.payments.models import PLATFORM, Account, AccountKind, PayableState
from marketplace.payments.money_out import payables, stops
from marketplace.referrals import lifecycle
from marketplace.referrals.asking import end_lead
from marketplace.referrals.clawing_back import fee_left, take_unsent
from marketplace.referrals.fraud.rules import APPEAL_WITHIN, LONGER_BY
from marketplace.referrals.holds import RELEASED, UNRELEASED, hold_unsent, lift_unsent
from marketplace.referrals.locks import lock_funds_of
from marketplace.referrals.models import (
    CaseState,
    Consent,
    FraudCase,
    KindState,
    Lead,
    Moderation,
    Point,
    ReasonCode,
    Reward,
    RewardInKind,
    RewardState,
    Stage,
    Verdict,
)
from marketplace.referrals.protection import give_back_since
from marketplace.referrals.queries import find_live_grant
from marketplace.referrals.reserving import free_reserved
from marketplace.referrals.said_bought import settle_word

HELD = "The money waits until a person at Fingerpost has decided."  # A buyer with a share reads it too.
NOT_GENUINE = "It was found not to be genuine."
LOOKED_AT = "A person at Fingerpost looked at it and ended it."  # What they wrote is for the referrer.
UNDECIDED = frozenset({Moderation.SUBMITTED, Moderation.IN_REVIEW, Moderation.NEEDS_INFO})


class HeldForALook(Conflict):
    code = "held_for_a_look"


def only_reward_waits(case: FraudCase) -> bool:
    """Its lead was accepted, the buyer's yes is not held up, and nothing was found: the lead itself goes on."""
    is_undecided = case.state is CaseState.OPEN and not case.is_appealed
    return is_undecided and case.lead.moderation is Moderation.ACCEPTED and not case.lead.is_held


def check_not_held(lead: Lead) -> None:
    """HeldForALook (409) while an admin has to look at it first."""
    if lead.is_held:
        raise HeldForALook("This lead waits for a look by a person, because of signs of fraud.",
                           next_step="An admin decides about it in the room Fraud; then it goes on.")


def hold_lead(lead: Lead, case: FraudCase, point: Point) -> None:
    """Before anybody was introduced the lead itself waits; the buyer's yes only a stop holds up. Money always waits."""
    if lead.moderation in UNDECIDED or (point is Point.CONSENT and case.level is Verdict.STOP):
        lead.is_held = True
    hold_unsent(_rewards_of(lead), source_id=case.id, reason=HELD, letter="")


def hold_longer(reward: Reward) -> None:
    """The return period is longer by two weeks; the job that releases it asks what the reward says."""
    if reward.state in UNRELEASED:
        reward.release_at += LONGER_BY
        audit.record("reward.held_longer", reward.id, by=audit.SYSTEM, days=LONGER_BY.days)
        outbox.promise("send_letter", key=f"fraud_longer:{reward.id}", letter="fraud_longer", reward_id=reward.id)


def let_lead_go(case: FraudCase) -> None:
    """Everything goes on where it stood; whoever was not introduced is so now, and the time that it took given back:
    from the yes on, for the case may have been open before; of whom the business knew already, since it was found."""
    lead = case.lead
    grant = find_live_grant(lead) if lead.moderation is Moderation.ACCEPTED else None
    was_held, lead.is_held = lead.is_held, False
    if grant is not None and grant.confirmed_at is not None:
        if was_held:
            give_back_since(lead, grant.confirmed_at)
            for letter in ("business_introduced", "buyer_introduced"):
                outbox.promise("send_letter", letter=letter, lead_id=lead.id)
        elif case.settles_at is not None and lead.stage is not Stage.WON:
            give_back_since(lead, max(grant.confirmed_at, case.settles_at - APPEAL_WITHIN))
    lift_unsent(_rewards_of(lead), case.id, why="A person has looked at it.", letter="")


def undo_lead(case: FraudCase, *, by: str) -> None:
    """Proven: the lead ends, and what it earned and was not sent yet goes back to the bounty. Other leads keep theirs.
    One letter tells each side all of it; the buyer reads that it ended, and no why.

    What was sent is for an admin's order of a reversal; what is in a transfer goes only if Stripe has it already.
    """
    lead = case.lead
    lead.is_held = False
    _take_what_it_earned(case, by=by)
    if lead.stage is Stage.WON:
        free_reserved(lead, why=NOT_GENUINE)
    _lift_stops(case)
    if lead.moderation is Moderation.ACCEPTED and lead.stage is not Stage.WON:
        end_lead(lead, why=NOT_GENUINE, by=by, letter="")
    elif lead.moderation is Moderation.NEEDS_INFO:
        lifecycle.move(lead, Moderation.EXPIRED, by=by, reason=NOT_GENUINE)
    elif lead.moderation in UNDECIDED:
        if lead.moderation is Moderation.SUBMITTED:
            lifecycle.move(lead, Moderation.IN_REVIEW, by=audit.SYSTEM)
        lead.reason_code, lead.reason_note = ReasonCode.OTHER, LOOKED_AT
        lifecycle.move(lead, Moderation.REJECTED, by=by, reason=ReasonCode.OTHER)
        lead.decided_at, lead.decided_by = case.decided_at, by
    if lead.consent is Consent.GRANTED:
        outbox.promise("send_letter", letter="buyer_introduction_ended", lead_id=lead.id)
    settle_word(lead)
    note_funds_came_free(db.session.get_one(Bounty, lead.bounty_id))


def take_what_came_back(lead_id: str) -> None:
    """Job, when a transfer of what was found false was sent after all, or did not go through: then it is owed to nobody
    any more."""
    case = db.session.scalar(select(FraudCase).where(
        FraudCase.lead_id == lead_id, FraudCase.state == CaseState.PROVEN).order_by(FraudCase.id.desc()).limit(1))
    if case is not None:
        lock_funds_of(case.lead)
        _take_rewards(case, by=str(case.decided_by))
        _lift_stops(case)
        note_funds_came_free(db.session.get_one(Bounty, case.lead.bounty_id))


def _lift_stops(case: FraudCase) -> None:
    """Once nothing of it is in a transfer: what comes back of that must not go again before it is taken."""
    pieces = [one for reward in _rewards_of(case.lead) if reward.state in RELEASED
              for one in payables.lock_pieces(reward.id)]
    if all(one.state is not PayableState.IN_TRANSFER for one in pieces):
        stops.lift_stops(case.id, by=audit.SYSTEM)


def _take_rewards(case: FraudCase, *, by: str) -> Sequence[Reward]:
    """All that is not in a transfer or sent."""
    rewards = _rewards_of(case.lead)
    for reward in rewards:
        if reward.state in UNRELEASED:
            _void_held(reward, by=by)
        elif reward.state in RELEASED and not _void_owed(reward, by=by):
            take_unsent(reward, case_id=case.id, by=by, why=NOT_GENUINE)
    return rewards


def _take_what_it_earned(case: FraudCase, *, by: str) -> None:
    """With what is owed in kind. Who else had a part in it is told."""
    lead, rewards = case.lead, _take_rewards(case, by=by)
    things = db.session.scalars(select(RewardInKind).filter_by(lead_id=lead.id, state=KindState.OWED)).all()
    for thing in things:
        lifecycle.move_kind(thing, KindState.EXPIRED, by=by, reason=NOT_GENUINE)
    payees = {one.beneficiary_id for one in rewards if taken_by(case, one).minor and one.whom is For.REFERRER}
    payees |= {thing.beneficiary_id for thing in things if thing.whom is For.REFERRER}
    for payee_id in sorted(filter(None, payees - {lead.referrer_id})):
        outbox.promise("send_letter", key=f"fraud_part_ended:{lead.id}:{payee_id}", letter="fraud_part_ended",
                       lead_id=lead.id, payee_id=payee_id)


def taken_by(case: FraudCase, reward: Reward) -> Money:
    """What was not sent yet of it, and is back in the bounty since the finding; our fee apart."""
    rest = reward.net.minor if reward.void_reason == NOT_GENUINE else 0
    return Money(rest + sum(one.amount_minor for one in reward.taken_by_case(case.id)), reward.currency)


def sent_already(lead: Lead) -> list[Reward]:
    """Rewards that nothing here can take back any more."""
    return [one for one in _rewards_of(lead) if one.state in {RewardState.SCHEDULED, RewardState.PAID}]


def _rewards_of(lead: Lead) -> Sequence[Reward]:
    return db.session.scalars(
        select(Reward).where(Reward.lead_id == lead.id).order_by(Reward.id).with_for_update(key_share=True)
        .execution_options(populate_existing=True)).all()


def _void_held(reward: Reward, *, by: str) -> None:
    """held -> funds, with the fee on it."""
    thaw_owner(reward.id)
    held = ledger.account(AccountKind.HELD, reward.id, reward.currency)
    ledger.move(ledger.balance(held), source=held, target=_funds(reward), kind="reward_voided",
                reference=f"{reward.id}:fraud")
    _void(reward, by=by)


def _void_owed(reward: Reward, *, by: str) -> bool:
    """payable -> funds, and the fee that we had earned with it. False: some of it was sent, or is on its way."""
    is_owed = reward.state is RewardState.PAYABLE and payables.lock_payable(reward.id).state is PayableState.OWED
    if not is_owed or payables.owed_of_all(reward.id) != payables.left_of_all(reward.id):
        return False
    _take_owed(reward)
    fee = fee_left(reward)
    if fee.minor:
        ledger.move(fee, source=ledger.account(AccountKind.PLATFORM_FEES, PLATFORM, reward.currency),
                    target=_funds(reward), kind="reward_voided_fee", reference=f"{reward.id}:fraud_fee")
    _void(reward, by=by)
    return True


def _take_owed(reward: Reward) -> None:
    """All of it, with what was set apart from it."""
    for piece in payables.lock_pieces(reward.id):
        if piece.state is PayableState.OWED and piece.amount_minor:
            payables.take_from_owed(piece, piece.amount, credit=_funds(reward), reference=f"{piece.id}:fraud")


def _void(reward: Reward, *, by: str) -> None:
    """The business reads why, too; what the admin wrote is for the referrer."""
    reward.void_reason = NOT_GENUINE
    lifecycle.move_reward(reward, RewardState.VOIDED, by=by, reason=reward.void_reason)


def _funds(reward: Reward) -> Account:
    return ledger.account(AccountKind.FUNDS, reward.bounty_id, reward.currency)
