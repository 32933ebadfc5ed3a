"""What a claim is about: whether it can be made, since when, and which sum is at issue."""
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import select

from marketplace.bounties.models import For
from marketplace.bounties.rules import Event, Happening
from marketplace.foundation import clock
from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, Invalid
from marketplace.foundation.money import Money, show_money, zero
from marketplace.referrals.caps import used_up
from marketplace.referrals.corrections import cost_of_correction, preview_correction
from marketplace.referrals.disputes.kinds import KINDS
from marketplace.referrals.in_kind import REMINDED_AFTER, things_of_lead
from marketplace.referrals.lawful import price_for
from marketplace.referrals.models import (
    Consent,
    Dispute,
    DisputeKind,
    DisputeSide,
    KindState,
    Lead,
    Moderation,
    Reward,
    RewardInKind,
    RewardState,
    SplitState,
    Stage,
    Thing,
)
from marketplace.referrals.ownership import counted_for, find_owner, is_second
from marketplace.referrals.queries import find_conversion, is_found_false, rewards_of_lead
from marketplace.referrals.said_bought import denied_at
from marketplace.referrals.sale_value import recorded_value
from marketplace.referrals.sharing import find_split, why_not_share
from marketplace.referrals.stages import check_sale_itself, is_introduced, is_to_qualify, previews_of_sale

OPEN_WITHIN = timedelta(days=30)  # Of the event.
TALKED = frozenset({Consent.GRANTED, Consent.WITHDRAWN})
ENDED = frozenset({Stage.LOST, Stage.UNQUALIFIED})
NOT_SENT = frozenset({RewardState.PENDING, RewardState.ON_HOLD, RewardState.PAYABLE})
WHOSE = "If it was you who told them, say whose buyer it is."
K = DisputeKind


class NotDisputable(Conflict):
    code = "not_disputable"


class TooLate(Conflict):
    code = "too_late_to_dispute"


@dataclass(frozen=True)
class Claim:
    """What somebody says when they open a dispute. ``amount``: the value of a sale, or the part of a reward."""

    happened_on: date | None = None
    amount: Money | None = None
    about_id: str | None = None  # The reward or the thing owed.


@dataclass(frozen=True)
class Subject:
    """``cost`` is what the business would pay in all, with our fee, where nothing is earned yet."""

    about_id: str
    since: datetime
    at_issue: Money
    cost: Money
    happened_on: date
    sale: Money | None = None
    respondent_id: str | None = None


def find_subject(lead: Lead, kind: DisputeKind, claim: Claim, *, is_new: bool = True) -> Subject:
    """NotDisputable, TooLate (409), Invalid (422): each says what can be done instead."""
    if is_new and KINDS[kind].claimant is DisputeSide.REFERRER and is_found_false(lead.id):
        raise NotDisputable("This lead was found not to be genuine.", next_step="The lead’s page says why.")
    subject = _SUBJECTS[kind](lead, claim)
    if is_new and clock.now() > subject.since + OPEN_WITHIN:
        raise TooLate("A dispute is opened within thirty days of what it is about, and those are over.",
                      next_step="Write to us if you only learned of it now.")
    return subject


def kinds_for(lead: Lead, *, for_business: bool = False) -> list[DisputeKind]:
    """What could be claimed about this lead as it stands, for the page that offers it. In no dispute yet."""
    disputed = set(db.session.scalars(select(Dispute.kind).where(
        Dispute.lead_id == lead.id, Dispute.ended_at.is_(None))))
    return [kind for kind in _possible(lead, for_business=for_business) if kind not in disputed]


def _possible(lead: Lead, *, for_business: bool) -> list[DisputeKind]:
    if for_business:
        return [K.BAD_LEAD] if any(_is_reclaimable(one) for one in rewards_of_lead(lead)) else []
    return [] if is_found_false(lead.id) else [kind for kind, may in _OFFERED.items() if may(lead)]


def reclaimable(lead: Lead) -> list[Reward]:
    """Rewards that a business may claim back."""
    return [one for one in rewards_of_lead(lead) if _is_reclaimable(one)]


def claimable_things(lead: Lead, kind: DisputeKind) -> list[RewardInKind]:
    return [one for one in things_of_lead(lead) if _is_unkept(one, kind)]


def _ghost_close(lead: Lead, claim: Claim) -> Subject:
    if not _has_ended(lead):
        raise NotDisputable("The business has not closed this lead.",
                            next_step="If they bought, say that the sale is not recorded.")
    return _missing_sale(lead, claim, _last(lead.id, "stage.lost", "stage.unqualified", "lead.expired"))


def _untracked(lead: Lead, claim: Claim) -> Subject:
    if _has_ended(lead) or lead.moderation is not Moderation.ACCEPTED:
        raise NotDisputable("This lead is closed.", next_step="Say that they sold it and did not tell you.")
    return _missing_sale(lead, claim)


def _missing_sale(lead: Lead, claim: Claim, *events: datetime) -> Subject:
    """Since the day of the sale, or what happened after it: the lead was closed, or the business said no to the
    buyer's word."""
    no = denied_at(lead)
    since = max([_midnight(_day(claim)), *events, *([no] if no else [])])
    if not is_introduced(lead):
        raise NotDisputable("The buyer was never introduced through this lead, so nothing can have come of it.",
                            next_step="If the buyer said otherwise to you, write to us.")
    if find_conversion(lead) is not None:
        raise NotDisputable("The sale is recorded.", next_step="If its amount is wrong, dispute the amount.")
    if counted_for(lead) is not None:
        raise NotDisputable("What this buyer buys there is counted for another lead.",
                            next_step=WHOSE if find_owner(lead) else "Write to us if it was you who told them.")
    if lead.consent is Consent.WITHDRAWN and _day(claim) > _last(lead.id, "consent.withdrawn").date():
        raise NotDisputable("By then the buyer had taken their yes back: a sale after that is not this lead’s.",
                            next_step="If they bought before that day, say when.")
    amount = _amount(claim)
    check_sale_itself(lead, amount, _day(claim))
    if lead.protected_until and _day(claim) > lead.protected_until.date():
        raise NotDisputable("By then the time was over in which a sale counts as this lead’s.",
                            next_step="If they bought before that day, say when.")
    whole, nothing = previews_of_sale(lead, amount, with_later=True), zero(amount.currency)
    return Subject(
        lead.id, since, sum((one.reward for one in previews_of_sale(lead, amount)), nothing),
        sum((one.reward + one.buyer_share + one.fee for one in whole), nothing), _day(claim), sale=amount)


def _wrong_amount(lead: Lead, claim: Claim) -> Subject:
    sale = find_conversion(lead)
    if sale is None:
        raise NotDisputable("No sale is recorded yet.", next_step="If they bought, say that the sale is not recorded.")
    amount, recorded = _amount(claim), recorded_value(sale)
    if amount.currency != recorded.currency or amount <= recorded:
        raise Invalid(f"The sale is recorded at {show_money(recorded)}.",
                      fields={"amount": [f"More than {show_money(recorded)}, which is what stands there."]})
    return Subject(sale.id, sale.created_at, preview_correction(lead, sale, amount).reward,
                   cost_of_correction(lead, sale, amount), sale.occurred_on, sale=amount)


def _rejected_unfairly(lead: Lead, claim: Claim) -> Subject:
    if lead.moderation in {Moderation.REJECTED, Moderation.DUPLICATE}:
        raise NotDisputable("A moderator refused this lead, not the business.", next_step="Appeal on the lead’s page.")
    if not _is_refused(lead):
        raise NotDisputable("These terms pay nothing for a qualified lead, or the business has not refused it.",
                            next_step="If they sold to the buyer, say that they did not tell you.")
    earned = price_for(lead, Event(Happening.QUALIFIED), used_up(lead, is_preview=True))
    since = _last(lead.id, "stage.unqualified")
    return Subject(lead.id, since, earned.reward, earned.reward + earned.buyer_share + earned.fee, since.date())


def _duplicate_ownership(lead: Lead, claim: Claim) -> Subject:
    owner = find_owner(lead)
    if owner is None or owner.referrer_id == lead.referrer_id:
        raise NotDisputable("Nobody else is counted as the one who pointed at this buyer.",
                            next_step="Look at the lead’s page for how it stands.")
    rewards = [one for one in rewards_of_lead(owner) if one.whom is For.REFERRER]
    split = find_split(owner)
    agreed = split if split is not None and split.state is SplitState.AGREED else None
    own = [one for one in rewards if one.beneficiary_id == owner.referrer_id]
    sharing = {one.beneficiary_id for one in rewards} | {part.user_id for part in (agreed.parts if agreed else ())}
    if lead.referrer_id in sharing:
        raise NotDisputable("You share in it already.", next_step="Look at your rewards.")
    if not rewards and agreed and agreed.own_bps == 0:
        raise NotDisputable("Who was counted keeps nothing of it: all of it was agreed to be others’.",
                            next_step="Write to us if you think that this was done to pass you over.")
    if why := why_not_share(owner, lead.referrer):
        raise NotDisputable(why, next_step="Write to us if that is not so.")
    if own and all(one.state is RewardState.VOIDED for one in own):
        raise NotDisputable("Who was counted has nothing of it any more, and nothing of it was sent to them.",
                            next_step="Write to us if you see it differently.")
    if rewards and not any(one.state in NOT_SENT for one in own):
        raise NotDisputable("What it earned was sent already.", next_step="Write to us.")
    sale = None if is_second(lead) else find_conversion(owner)
    since = _last(lead.id, "lead.duplicate", "lead.expired") if sale is None else max(
        sale.created_at, _last(lead.id, "lead.came", "consent.granted"))  # Nobody could know of it before both.
    issue = sum((one.net for one in own if one.state in NOT_SENT), zero(lead.terms.currency))
    return Subject(owner.id, since, issue, zero(issue.currency), since.date(), respondent_id=owner.referrer_id)


def _bad_lead(lead: Lead, claim: Claim) -> Subject:
    reward = next((one for one in reclaimable(lead) if one.id == claim.about_id), None)
    if reward is None:
        raise NotDisputable("There is no such reward of this lead to claim back.", next_step="Choose one of the list.")
    amount = claim.amount or reward.net
    if amount.currency != reward.currency or not 0 < amount.minor <= reward.net.minor:
        raise Invalid(f"At most {show_money(reward.net)} of this reward is left.",
                      fields={"amount": [f"More than zero, at most {show_money(reward.net)}."]})
    return Subject(reward.id, reward.created_at, amount, zero(amount.currency), reward.created_at.date(),
                   respondent_id=reward.beneficiary_id)


def _not_given(kind: DisputeKind) -> Callable[[Lead, Claim], Subject]:
    def find(lead: Lead, claim: Claim) -> Subject:
        thing = next((one for one in claimable_things(lead, kind) if one.id == claim.about_id), None)
        if thing is None:
            raise NotDisputable("This is not due yet, or is settled.",
                                next_step="The business has two weeks to say how to have it.")
        is_waiting = thing.state in {KindState.OWED, KindState.OFFERED}
        since = clock.now() if is_waiting else _last(thing.id, f"kind.{thing.state}")
        nothing = zero(lead.terms.currency)
        return Subject(thing.id, since, nothing, nothing, since.date())
    return find


def _data_misuse(lead: Lead, claim: Claim) -> Subject:
    if lead.consent not in TALKED:
        raise NotDisputable("The business was given nothing of yours through us.",
                            next_step="Write to us if they contacted you all the same.")
    today, nothing = clock.now().date(), zero(lead.terms.currency)
    day = claim.happened_on or today
    if day > today:
        raise Invalid("That day has not come yet.", fields={"happened_on": ["Today or earlier."]})
    return Subject(lead.id, _midnight(day), nothing, nothing, day)


_SUBJECTS: dict[DisputeKind, Callable[[Lead, Claim], Subject]] = {
    K.GHOST_CLOSE: _ghost_close, K.UNTRACKED: _untracked, K.WRONG_AMOUNT: _wrong_amount,
    K.REJECTED_UNFAIRLY: _rejected_unfairly, K.DUPLICATE_OWNERSHIP: _duplicate_ownership, K.BAD_LEAD: _bad_lead,
    K.NON_PAYMENT: _not_given(K.NON_PAYMENT), K.FAVOUR_NOT_KEPT: _not_given(K.FAVOUR_NOT_KEPT),
    K.DATA_MISUSE: _data_misuse,
}
_OFFERED: dict[DisputeKind, Callable[[Lead], bool]] = {
    K.GHOST_CLOSE: lambda lead: kind_of_missing(lead) is K.GHOST_CLOSE and _may_be_sold(lead),
    K.UNTRACKED: lambda lead: kind_of_missing(lead) is K.UNTRACKED and _may_be_sold(lead),
    K.WRONG_AMOUNT: lambda lead: find_conversion(lead) is not None,
    K.REJECTED_UNFAIRLY: lambda lead: _is_refused(lead),
    K.DUPLICATE_OWNERSHIP: lambda lead: find_owner(lead) is not None,
    K.NON_PAYMENT: lambda lead: bool(claimable_things(lead, K.NON_PAYMENT)),
    K.FAVOUR_NOT_KEPT: lambda lead: bool(claimable_things(lead, K.FAVOUR_NOT_KEPT)),
}


def _may_be_sold(lead: Lead) -> bool:
    return is_introduced(lead) and find_conversion(lead) is None and counted_for(lead) is None


def kind_of_missing(lead: Lead) -> DisputeKind | None:
    """What it is to say of a sale that was not told of."""
    return K.GHOST_CLOSE if _has_ended(lead) else K.UNTRACKED if lead.moderation is Moderation.ACCEPTED else None


def _has_ended(lead: Lead) -> bool:
    return lead.accepted_at is not None and (lead.stage in ENDED or lead.moderation is Moderation.EXPIRED)


def _is_refused(lead: Lead) -> bool:
    return lead.stage is Stage.UNQUALIFIED and find_conversion(lead) is None and is_to_qualify(lead)


def _is_reclaimable(reward: Reward) -> bool:
    return reward.whom is For.REFERRER and reward.state is not RewardState.VOIDED and reward.net.minor > 0


def _is_unkept(thing: RewardInKind, kind: DisputeKind) -> bool:
    is_favour = thing.thing is Thing.FAVOUR
    if thing.whom is not For.REFERRER or is_favour != (kind is K.FAVOUR_NOT_KEPT):
        return False
    if thing.state in {KindState.OWED, KindState.OFFERED}:
        return clock.now() >= thing.created_at + REMINDED_AFTER
    return thing.state in {KindState.FULFILLED, KindState.EXPIRED}


def _day(claim: Claim) -> date:
    if claim.happened_on is None:
        raise Invalid("Say when they bought.", fields={"happened_on": ["The day of the sale, about."]})
    if claim.happened_on > clock.now().date():
        raise Invalid("That day has not come yet.", fields={"happened_on": ["Today or earlier."]})
    return claim.happened_on


def _amount(claim: Claim) -> Money:
    if claim.amount is None:
        raise Invalid("Say what they paid, about.", fields={"amount": ["The value of the sale, about."]})
    return claim.amount


def _midnight(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(0), UTC)


def _last(subject_id: str, *actions: str) -> datetime:
    """When that happened last."""
    found = db.session.scalar(select(AuditEvent.created_at).where(
        AuditEvent.subject_id == subject_id, AuditEvent.action.in_(actions)).order_by(AuditEvent.id.desc()).limit(1))
    if found is None:
        raise NotDisputable("That has not happened.", next_step="Look at the page for how it stands.")
    return found
