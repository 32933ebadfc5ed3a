"""What a dispute that ends for its claimant, wholly or in part, posts: by the verbs that earn and take back anyway."""
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from marketplace.bounties.models import For
from marketplace.bounties.rules import Event, Happening
from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict
from marketplace.foundation.money import BASIS, Money, zero
from marketplace.identity.models import User
from marketplace.referrals import lifecycle
from marketplace.referrals.at_issue import left_to_take
from marketplace.referrals.caps import used_up
from marketplace.referrals.clawing_back import take_back_by_ruling
from marketplace.referrals.consent import withdraw_consent
from marketplace.referrals.corrections import cost_of_correction, record_correction
from marketplace.referrals.disputes.freezing import find_money, find_money_on_top, rewards_at_issue
from marketplace.referrals.in_kind import LIVES, REMINDED_AFTER, pass_things_on
from marketplace.referrals.lawful import price_for
from marketplace.referrals.models import (
    Consent,
    Conversion,
    ConversionSource,
    Dispute,
    DisputeKind,
    DisputeSide,
    KindState,
    Lead,
    PartState,
    Reward,
    RewardInKind,
    RewardState,
    Split,
    SplitPart,
    SplitState,
    Stage,
    WitnessSaid,
)
from marketplace.referrals.ownership import counted_for
from marketplace.referrals.passing_on import pass_on
from marketplace.referrals.queries import (
    conversions_of,
    find_conversion,
    find_live_grant,
    is_found_false,
    rewards_of_lead,
)
from marketplace.referrals.sale_value import recorded_value
from marketplace.referrals.sharing import find_split, share_own_part, why_not_share
from marketplace.referrals.stages import is_to_qualify, make_sale, previews_of_sale, qualify
from marketplace.referrals.suppression import hash_email

BY_RULING = "a dispute was decided"


class MayNotHaveIt(Conflict):
    code = "may_not_have_it"


class CountedElsewhere(Conflict):
    code = "counted_elsewhere"


@dataclass(frozen=True)
class Finding:
    """``share_bps``: what the claimant gets of what is at issue; ``sale`` and ``sold_on``: the sale, as found."""

    share_bps: int = BASIS
    sale: Money | None = None
    sold_on: date | None = None


def apply_finding(dispute: Dispute, finding: Finding, *, by: str) -> None:
    """The caller holds the lock of the bounty's funds, and what was at issue waits no more."""
    if dispute.claimant_side is DisputeSide.REFERRER and is_found_false(dispute.lead_id):
        return  # Found false while it was disputed: it earns nothing more.
    _REMEDIES[dispute.kind](dispute, db.session.get_one(Lead, dispute.lead_id), finding, by)


def _sell(dispute: Dispute, lead: Lead, finding: Finding, by: str) -> None:
    """The sale is made as if the business had recorded it. Nothing where it has, meanwhile."""
    amount = finding.sale or dispute.sale
    if amount is None or find_conversion(lead) is not None:
        return
    if counted_for(lead) is not None:
        raise CountedElsewhere("What this buyer buys there is counted for another lead by now.",
                               next_step="An admin can rule for the business; the referrer can say whose buyer it is.")
    dispute.ruled_sale_minor = amount.minor
    before = {one.id for one in conversions_of(lead)}
    previews = previews_of_sale(lead, amount, with_later=True)
    find_money(dispute, lead, sum((one.reward + one.buyer_share + one.fee for one in previews), zero(amount.currency)))
    if lead.stage is Stage.LOST:
        lifecycle.move_stage(lead, Stage.NEW, by=by, reason=BY_RULING)
    if lead.stage is not Stage.UNQUALIFIED:  # What the business said of it stays; the sale stands beside it.
        lifecycle.move_stage(lead, Stage.WON, by=by, reason=BY_RULING)
    make_sale(lead, amount, finding.sold_on or dispute.happened_on, source=_source(dispute), external_id=dispute.id,
              by=by)
    _give_part(dispute, lead, [one for one in conversions_of(lead) if one.id not in before], finding, by=by)


def _correct(dispute: Dispute, lead: Lead, finding: Finding, by: str) -> None:
    sale, total = find_conversion(lead), finding.sale or dispute.sale
    if sale is None or total is None or total <= recorded_value(sale):
        return
    dispute.ruled_sale_minor = total.minor
    find_money_on_top(dispute, lead, cost_of_correction(lead, sale, total))
    made = record_correction(lead, sale, total, source=_source(dispute), external_id=dispute.id, by=by)
    _give_part(dispute, lead, [made], finding, by=by)


def _qualify(dispute: Dispute, lead: Lead, finding: Finding, by: str) -> None:
    if not is_to_qualify(lead):
        return
    earned = price_for(lead, Event(Happening.QUALIFIED), used_up(lead))
    find_money(dispute, lead, earned.reward + earned.buyer_share + earned.fee)
    made = qualify(lead, by=by)
    _give_part(dispute, lead, [made] if made else [], finding, by=by)


def _source(dispute: Dispute) -> ConversionSource:
    """By what the buyer says at last. Whoever has a link that was passed on may be anybody."""
    word = dispute.proven_word
    is_confirmed = word is not None and word.said is WitnessSaid.BOUGHT
    return ConversionSource.BUYER_CONFIRMED if is_confirmed else ConversionSource.RULING


def _give_part(dispute: Dispute, lead: Lead, made: list[Conversion], finding: Finding, *, by: str) -> None:
    """What it earned is the referrer's as far as the ruling says; odd units are theirs."""
    ids = {one.id for one in made}
    for reward in [one for one in rewards_of_lead(lead) if one.conversion_id in ids]:
        back = reward.amount.part(BASIS - finding.share_bps, BASIS)
        if back.minor and reward.whom is For.REFERRER:
            take_back_by_ruling(reward, back, dispute_id=dispute.id, by=by)


def _take_back(dispute: Dispute, lead: Lead, finding: Finding, by: str) -> None:
    """No more than was found: what was taken back meanwhile because the lead is false counts."""
    reward = db.session.get_one(Reward, dispute.about_id)
    amount = left_to_take(dispute, reward, share_bps=finding.share_bps)
    if amount.minor and reward.state is not RewardState.VOIDED:
        take_back_by_ruling(reward, amount, dispute_id=dispute.id, by=by)


def _share(dispute: Dispute, lead: Lead, finding: Finding, by: str) -> None:
    """The owner's own part: of what is earned and not sent at once, of what is still to be earned by a split.

    What others agreed with the owner is not at issue, and stays theirs.
    """
    owner, other = db.session.get_one(Lead, dispute.about_id), db.session.get_one(User, dispute.claimant_id)
    if why := why_not_share(owner, other):
        raise MayNotHaveIt(why, next_step="An admin can rule for the one who has it.")
    for reward, amount in rewards_at_issue(dispute):
        pass_on(reward, amount.part(finding.share_bps, BASIS), owner, cause_id=dispute.id, to_id=other.id, by=by)
    if finding.share_bps == BASIS:
        pass_things_on(owner, to=other, by=by)
    split = find_split(owner)
    if split is not None and split.state is SplitState.AGREED:
        share_own_part(split, other, second=lead, share_bps=finding.share_bps, by=by)
        return
    if split is not None:
        lifecycle.move_split(split, SplitState.WITHDRAWN, by=by, reason=BY_RULING)
        db.session.flush()
    split = Split(lead_id=owner.id, own_bps=BASIS - finding.share_bps, parts=[SplitPart(
        email=other.email, email_hash=hash_email(other.email), share_bps=finding.share_bps, second_id=lead.id)])
    db.session.add(split)
    db.session.flush()
    audit.record("split.proposed", split.id, by=by, own_bps=split.own_bps)
    lifecycle.move_part(split.parts[0], PartState.AGREED, by=by, user_id=other.id)
    lifecycle.move_split(split, SplitState.AGREED, by=by)


def _owe_again(dispute: Dispute, lead: Lead, finding: Finding, by: str) -> None:
    """It is owed as on the first day, whatever had been said of it."""
    thing = db.session.get_one(RewardInKind, dispute.about_id)
    if thing.state in {KindState.OFFERED, KindState.FULFILLED, KindState.EXPIRED}:
        lifecycle.move_kind(thing, KindState.OWED, by=by, reason=BY_RULING)
    if thing.state is KindState.OWED:
        thing.expires_at = clock.now() + LIVES
        outbox.promise("remind_of_kind", after=REMINDED_AFTER, kind_id=thing.id)
        outbox.promise("end_kind", after=LIVES, kind_id=thing.id)


def _close_contact(dispute: Dispute, lead: Lead, finding: Finding, by: str) -> None:
    """Their data is closed to the business."""
    if lead.consent is Consent.GRANTED and find_live_grant(lead) is not None:
        withdraw_consent(lead, by_ruling=True)


_REMEDIES: dict[DisputeKind, Callable[[Dispute, Lead, Finding, str], None]] = {
    DisputeKind.GHOST_CLOSE: _sell, DisputeKind.UNTRACKED: _sell, DisputeKind.WRONG_AMOUNT: _correct,
    DisputeKind.REJECTED_UNFAIRLY: _qualify, DisputeKind.DUPLICATE_OWNERSHIP: _share,
    DisputeKind.BAD_LEAD: _take_back, DisputeKind.NON_PAYMENT: _owe_again, DisputeKind.FAVOUR_NOT_KEPT: _owe_again,
    DisputeKind.DATA_MISUSE: _close_contact,
}
