"""An admin credits somebody else: what was not sent moves, what follows goes to them, what was sent stays."""
from sqlalchemy import select

from marketplace.bounties.models import For
from marketplace.foundation import audit, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, Invalid, require
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import BASIS, Money, zero
from marketplace.identity.models import User
from marketplace.referrals import lifecycle as lead_lifecycle
from marketplace.referrals.holds import RELEASED, UNRELEASED
from marketplace.referrals.locks import lock_funds_of
from marketplace.referrals.models import Lead, PartState, Reward, RewardState, Split, SplitPart, SplitState
from marketplace.referrals.money_back import money_back_of
from marketplace.referrals.passing_on import pass_on
from marketplace.referrals.pointing import SelfReferral
from marketplace.referrals.sharing import find_split, why_not_share
from marketplace.referrals.suppression import hash_email
from marketplace.tracking.links import find_by_code
from marketplace.tracking.models import Binding, Reattribution, ReferralLink, Report, ReportKind, ReportState
from marketplace.tracking.permissions import may_reattribute

NOT_SENT = frozenset({*UNRELEASED, RewardState.PAYABLE})
WHY = "an admin found that somebody else had brought them"


class NotMovable(Conflict):
    code = "not_movable"


def reattribute(report: Report, *, by: User, code: str, reason: str) -> Reattribution:
    """What this customer earned and was not sent goes to whose ``code`` it is, and all that follows. Once.

    NotMovable (409): nothing was counted, it is theirs already, or it was shared or credited anew before.
    SelfReferral (403): they are the customer, or work there. Invalid (422): no such code of this business.
    """
    lead = db.session.get(Lead, report.lead_id) if report.lead_id else None
    require(lead is not None and may_reattribute(by, lead), "credit somebody else")
    assert lead is not None
    if report.state is not ReportState.APPROVED or report.kind is ReportKind.REFUND:
        raise NotMovable("Nothing was counted here that could be credited to somebody else.",
                         next_step="An unmatched one is credited by telling us the code, the click or the lead.")
    link = _get_link(code, report)
    lock_funds_of(lead)
    _check(report, lead, link, by)
    made = Reattribution(
        id=new_id("moved"), report_id=report.id, lead_id=lead.id, from_id=lead.referrer_id, to_id=link.referrer_id,
        moved_minor=0, stayed_minor=0, currency=lead.terms.currency, reason=reason, decided_by=by.id)
    rewards = db.session.scalars(select(Reward).where(
        Reward.lead_id == lead.id, Reward.whom == For.REFERRER, Reward.beneficiary_id != link.referrer_id)
        .order_by(Reward.id).with_for_update(key_share=True)).all()
    moved = zero(lead.terms.currency)
    for reward in rewards:
        if reward.state in NOT_SENT:
            moved += pass_on(reward, reward.net, lead, cause_id=made.id, to_id=link.referrer_id, by=by.id)
    left = money_back_of(one for one in rewards if one.state in RELEASED)
    stayed = sum((one.left for one in left.values()), zero(lead.terms.currency))
    made.moved_minor, made.stayed_minor = moved.minor, stayed.minor
    _give_what_follows(lead, link.referrer, by=by.id)
    _bind_anew(report, link)
    db.session.add(made)
    audit.record("report.reattributed", report.id, by=by.id, lead=lead.id, to=link.referrer_id,
                 moved_minor=moved.minor, stayed_minor=stayed.minor, reason=reason)
    outbox.promise("send_letter", key=f"credited_anew:{made.id}", letter="credited_anew", moved_id=made.id)
    return made


def moves_of(report: Report) -> list[Reattribution]:
    """Of the whole lead: each tells to whom, how much, and why."""
    return list(db.session.scalars(select(Reattribution).where(
        Reattribution.lead_id == report.lead_id).order_by(Reattribution.id))) if report.lead_id else []


def moved_of(one: Reattribution) -> Money:
    return Money(one.moved_minor, one.currency)


def _get_link(code: str, report: Report) -> ReferralLink:
    link = find_by_code(code)
    if link is None or link.bounty.business_id != report.business_id:
        raise Invalid("There is no such code of this business.", fields={"code": ["A code of one of its referrers."]})
    return link


def _check(report: Report, lead: Lead, link: ReferralLink, by: User) -> None:
    referrer = link.referrer
    if referrer.id == lead.referrer_id:
        raise NotMovable("It is theirs already.", next_step="Look at the reasons on the page.")
    if referrer.closed_at is not None:
        raise NotMovable("Their account is closed.", next_step="It stays as it is.")
    if referrer.role_in(lead.business_id) is not None or report.email_hash == hash_email(referrer.email):
        raise SelfReferral("They work there, or are the customer themselves.")
    require(referrer.id != by.id, "credit yourself")
    if why := why_not_share(lead, referrer):
        raise NotMovable(why, next_step="What it earned stays as it is.")
    split = find_split(lead)
    if split is not None and split.state is SplitState.AGREED:
        raise NotMovable("What this lead earns is shared, or was credited anew before.",
                         next_step="A dispute about whose buyer it is can still be ruled on.")


def _give_what_follows(lead: Lead, referrer: User, *, by: str) -> None:
    """By a split of everything: later parts and renewals go there by themselves. Whose lead it was reads no address."""
    earlier = find_split(lead)
    if earlier is not None:
        lead_lifecycle.move_split(earlier, SplitState.WITHDRAWN, by=by, reason=WHY)
        db.session.flush()
    split = Split(lead_id=lead.id, own_bps=0, parts=[SplitPart(
        email="", email_hash=hash_email(referrer.email), share_bps=BASIS)])
    db.session.add(split)
    db.session.flush()
    audit.record("split.proposed", split.id, by=by, own_bps=0)
    lead_lifecycle.move_part(split.parts[0], PartState.AGREED, by=by, user_id=referrer.id)
    lead_lifecycle.move_split(split, SplitState.AGREED, by=by)


def _bind_anew(report: Report, link: ReferralLink) -> None:
    """The customer stays bound, under the terms of that day; by whom is what was wrong."""
    binding = db.session.get(Binding, report.binding_id) if report.binding_id else None
    if binding is not None:
        binding.referrer_id, binding.link_id = link.referrer_id, link.id
