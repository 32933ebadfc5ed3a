"""Rewards that are not money: owed, offered, fulfilled, acknowledged; or let go. The ledger knows nothing of them."""
from datetime import timedelta

from sqlalchemy import Select, or_, select

from marketplace.bounties.rules import Share
from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Invalid, NotFound, require
from marketplace.identity.models import User
from marketplace.referrals import lifecycle
from marketplace.referrals.buyers_share import reopen_choice, settle_donation
from marketplace.referrals.consent import BUYER
from marketplace.referrals.locks import lock_funds_of
from marketplace.referrals.models import Conversion, KindState, Lead, RewardInKind, Split, SplitPart, SplitState, Thing
from marketplace.referrals.permissions import may_give_money_back, may_receive, may_work

LIVES = timedelta(days=365)  # Then what was never offered expires, with notice to both.
REMINDED_AFTER = timedelta(days=14)

S = KindState


def owe_thing(lead: Lead, conversion: Conversion, share: Share, *, by: str) -> RewardInKind:
    """A credit, a thank-you or a favour, as the terms name it."""
    assert share.thing is not None
    owed = RewardInKind(
        conversion_id=conversion.id, lead_id=lead.id, business_id=lead.business_id, whom=share.whom,
        beneficiary_id=_whose(lead) if share.whom == "referrer" else None, rule_id=share.rule.id,
        thing=Thing(share.thing.value), words=share.words, expires_at=clock.now() + LIVES)
    db.session.add(owed)
    db.session.flush()
    audit.record("kind.owed", owed.id, by=by, conversion=conversion.id)
    outbox.promise("send_letter", letter="kind_owed", kind_id=owed.id)
    outbox.promise("remind_of_kind", after=REMINDED_AFTER, kind_id=owed.id)
    outbox.promise("end_kind", after=LIVES, kind_id=owed.id)
    return owed


def _whose(lead: Lead) -> str:
    """The referrer's; or, once their own part of the lead was given away whole, that of the other who pointed too."""
    second = select(SplitPart.user_id).join(Split).where(
        Split.lead_id == lead.id, Split.state == SplitState.AGREED, Split.own_bps == 0,
        SplitPart.second_id.is_not(None)).order_by(SplitPart.id).limit(1)
    return db.session.scalar(second) or lead.referrer_id


def pass_things_on(lead: Lead, *, to: User, by: str) -> None:
    """What its referrer is owed and was not offered yet is owed to ``to``. A thing is not divided."""
    for owed in things_of_lead(lead):
        if owed.state is S.OWED and owed.beneficiary_id == lead.referrer_id:
            owed.beneficiary_id = to.id
            audit.record("kind.passed_on", owed.id, by=by)
            outbox.promise("send_letter", letter="kind_owed", kind_id=owed.id)


def offer_thing(owed: RewardInKind, *, by: User, offer: str) -> None:
    """owed -> offered: how to have it (a code, a day, an address). What goes to a cause is not offered but given."""
    _require_business(owed, by)
    if owed.thing is Thing.DONATION:
        raise Invalid("A donation is given, not offered.", next_step="Say what you gave, once you have.")
    owed.offer = offer
    lifecycle.move_kind(owed, S.OFFERED, by=by.id)
    outbox.promise("send_letter", letter="kind_offered", kind_id=owed.id)


def fulfil_thing(owed: RewardInKind, *, by: User, receipt: str) -> None:
    """offered -> fulfilled, or straight from owed: what was done, and where one can see it. A donation frees money."""
    _require_business(owed, by)
    if len(receipt) < 3:
        raise Invalid("Say what you did, or give the address of a receipt.",
                      fields={"receipt": ["What was done, and when; or the address of a receipt."]})
    _lock_funds_of(owed.lead_id)
    if owed.state is S.OWED:
        lifecycle.move_kind(owed, S.OFFERED, by=by.id)
    owed.receipt = receipt
    lifecycle.move_kind(owed, S.FULFILLED, by=by.id)
    if owed.thing is Thing.DONATION:
        settle_donation(owed, by=by.id)
    outbox.promise("send_letter", letter="kind_fulfilled", kind_id=owed.id)


def acknowledge_thing(owed: RewardInKind, *, by: User | None) -> None:
    """fulfilled -> acknowledged, by whom it was for; ``by=None``: by the buyer on their private page."""
    actor = _require_receiver(owed, by, "thank for this")
    lifecycle.move_kind(owed, S.ACKNOWLEDGED, by=actor)


def decline_thing(owed: RewardInKind, *, by: User | None) -> None:
    """owed -> declined: they do not want it."""
    actor = _require_receiver(owed, by, "decline this")
    lifecycle.move_kind(owed, S.DECLINED, by=actor)
    outbox.promise("send_letter", letter="kind_let_go", kind_id=owed.id)


def forgive_thing(owed: RewardInKind, *, by: User | None) -> None:
    """owed -> forgiven: the business owes it no more."""
    actor = _require_receiver(owed, by, "forgive this")
    lifecycle.move_kind(owed, S.FORGIVEN, by=actor)
    outbox.promise("send_letter", letter="kind_let_go", kind_id=owed.id)


def remind_of_kind(kind_id: str) -> None:
    """Job, once: the business has not done anything about it."""
    if db.session.get_one(RewardInKind, kind_id).state is S.OWED:
        outbox.promise("send_letter", letter="kind_reminded", kind_id=kind_id)


def end_kind(kind_id: str) -> None:
    """Job: what was never offered expires, with notice. A donation that was not given is the buyer's choice anew."""
    _lock_funds_of(db.session.scalars(select(RewardInKind.lead_id).filter_by(id=kind_id)).one())
    owed = db.session.get_one(RewardInKind, kind_id, populate_existing=True, with_for_update={"key_share": True})
    early = owed.expires_at - clock.now()
    if owed.state is not S.OWED:
        return
    if early > timedelta(0):
        outbox.promise("end_kind", after=early, kind_id=kind_id)
        return
    expire_thing(owed, by=audit.SYSTEM, why="It was not offered in time.")
    if owed.thing is Thing.DONATION:
        reopen_choice(owed)


def _lock_funds_of(lead_id: str) -> None:
    """A donation moves what is held for it."""
    lock_funds_of(db.session.get_one(Lead, lead_id))


def expire_thing(owed: RewardInKind, *, by: str, why: str) -> None:
    lifecycle.move_kind(owed, S.EXPIRED, by=by, reason=why)
    outbox.promise("send_letter", letter="kind_expired", kind_id=owed.id)


def things_of_lead(lead: Lead) -> list[RewardInKind]:
    """Oldest first."""
    return list(db.session.scalars(
        select(RewardInKind).where(RewardInKind.lead_id == lead.id).order_by(RewardInKind.id)))


def things_visible_to(user: User) -> Select[RewardInKind]:
    """Newest first: one's own, and those that one's businesses owe; all for admins."""
    things = select(RewardInKind).order_by(RewardInKind.id.desc())
    if user.is_admin:
        return things
    own = [membership.business_id for membership in user.memberships]
    return things.where(or_(RewardInKind.beneficiary_id == user.id, RewardInKind.business_id.in_(own)))


def things_owed_to(user: User) -> list[RewardInKind]:
    """What somebody may still have or thank for, oldest first."""
    waiting = [S.OWED, S.OFFERED, S.FULFILLED]
    return list(db.session.scalars(select(RewardInKind).where(
        RewardInKind.beneficiary_id == user.id, RewardInKind.state.in_(waiting)).order_by(RewardInKind.id)))


def things_owed_by(business_id: str) -> list[RewardInKind]:
    """What a business still has to do, oldest first."""
    open_ones = select(RewardInKind).where(
        RewardInKind.business_id == business_id, RewardInKind.state.in_([S.OWED, S.OFFERED]))
    return list(db.session.scalars(open_ones.order_by(RewardInKind.id)))


def get_thing(kind_id: str, *, seen_by: User) -> RewardInKind:
    thing = db.session.scalar(things_visible_to(seen_by).where(RewardInKind.id == kind_id))
    if thing is None:
        raise NotFound("There is no such reward.", next_step="Go back to your rewards.")
    return thing


def _require_business(owed: RewardInKind, by: User) -> None:
    """A donation gives held money back: for that, those who handle the business's money."""
    may = may_give_money_back if owed.thing is Thing.DONATION else may_work
    require(may(by, db.session.get_one(Lead, owed.lead_id)), "settle what this business owes")


def _require_receiver(owed: RewardInKind, by: User | None, action: str) -> str:
    """``None`` stands for the buyer, whose private link the page has checked."""
    if by is None:
        require(owed.beneficiary_id is None and owed.thing is not Thing.DONATION, action)
        return BUYER
    require(may_receive(by, owed), action)
    return by.id
