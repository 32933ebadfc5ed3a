"""What the database knows that a rule asks for: few indexed queries for each point. Nothing is changed here.

Each function gives what it found as {rule: what was counted}; addresses are compared in memory and told to nobody.
"""
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from statistics import mean, median, pstdev

from sqlalchemy import ColumnElement, exists, func, literal, select
from sqlalchemy.orm import aliased

from marketplace.foundation import clock
from marketplace.foundation.db import db
from marketplace.foundation.traces import Trace, TraceKind
from marketplace.identity.models import Membership, User
from marketplace.payments.disputes.queries import suspicions_about
from marketplace.payments.models import Funding, FundingState, Transfer
from marketplace.payments.money_out.payables import SENT
from marketplace.referrals.fraud.addresses import firm_of, is_office, is_thrown_away
from marketplace.referrals.models import (
    FOUND_FRAUD,
    Buyer,
    BuyerRuling,
    Evidence,
    FraudCase,
    FraudScore,
    Lead,
    LeadSource,
    Moderation,
    Point,
    Reward,
)
from marketplace.referrals.nearness import find_alike
from marketplace.referrals.suppression import hash_email

Found = dict[str, str]

SAME_DAY = timedelta(days=1)
MOST_AN_HOUR, MOST_A_DAY, STORM_AN_HOUR = 5, 20, 15
SEVERAL = 3
OWN_MEAN_OVER, DAYS_KNOWN, SIGMAS = timedelta(days=30), 10, 3
ENOUGH_DECIDED, ONE_IN = 10, 5  # Leads; fewer than one in five accepted.
MOST_LOOKED_AT = 500
ALIKE_LOOKED_AT = 5  # Leads, most alike first.
MUTUAL, MUTUAL_WITHIN = 3, timedelta(days=30)
ENOUGH_REWARDS, NEARLY_ALL = 5, 80  # Rewards; percent.
FAR_LARGER, ENOUGH_TO_COMPARE, COMPARED = 5, 5, 50
FRESH = timedelta(days=7)
FIRST_PAYMENTS = 3


def find_facts(point: Point, lead: Lead, reward: Reward | None) -> Found:
    found: Found = {}
    for look in LOOKS[point]:
        if not (lead.is_tracked and look in OF_POSTS):
            found |= look(lead, reward)
    return found


def _addresses(lead: Lead, reward: Reward | None) -> Found:
    """The buyer's address, where we have one, beside those of the referrer and of the business's people."""
    buyer = db.session.get_one(Buyer, lead.buyer_id)
    people = db.session.scalars(select(User.email).join(Membership, Membership.user_id == User.id).where(
        Membership.business_id == lead.business_id)).all()
    found: Found = {}
    firm = firm_of(lead.referrer.email)
    if firm and firm in {firm_of(email) for email in people}:
        found["insider"] = ""
    if buyer.email is None:
        return found
    if buyer.email_hash in {hash_email(email) for email in (lead.referrer.email, *people)}:
        found["own_address"] = ""
    if firm and firm == firm_of(buyer.email):
        found["same_firm"] = ""
    if is_thrown_away(buyer.email):
        found["thrown_away"] = ""
        if (times := _thrown_away_before(lead)) >= SEVERAL:
            found["thrown_away_often"] = str(times)
    if is_office(buyer.email):
        found["role_address"] = ""
    return found


def _thrown_away_before(lead: Lead) -> int:
    """At how many other leads of this referrer of late the buyer's address was such a one."""
    rows = db.session.execute(
        select(FraudScore.lead_id, FraudScore.reasons).join(Lead, Lead.id == FraudScore.lead_id).where(
            Lead.referrer_id == lead.referrer_id, Lead.id != lead.id, Lead.created_at > clock.now() - OWN_MEAN_OVER)
        .order_by(FraudScore.id.desc()).limit(MOST_LOOKED_AT)).all()
    return len({lead_id for lead_id, reasons in rows if any(key == "thrown_away" for key, *_ in reasons)})


def _pace(lead: Lead, reward: Reward | None) -> Found:
    """How many leads in an hour, in a day, and beside the referrer's own days before; and how many were accepted."""
    now = lead.created_at
    rows = db.session.execute(
        select(Lead.created_at, Lead.moderation, Lead.accepted_at).where(
            Lead.referrer_id == lead.referrer_id, Lead.created_at > now - OWN_MEAN_OVER, Lead.created_at <= now,
            Lead.source == LeadSource.POST)
        .order_by(Lead.created_at.desc()).limit(MOST_LOOKED_AT)).all()
    in_hour = sum(1 for one in rows if one.created_at > now - timedelta(hours=1))
    in_day = sum(1 for one in rows if one.created_at > now - SAME_DAY)
    days = Counter((now - one.created_at) // SAME_DAY for one in rows if one.created_at <= now - SAME_DAY)
    found: Found = {}
    if in_hour > MOST_AN_HOUR or in_day > MOST_A_DAY or _is_unlike_before(in_day, list(days.values())):
        found["many_at_once"] = f"{in_hour} in an hour, {in_day} in a day"
    if in_hour > STORM_AN_HOUR:
        found["storm"] = f"{in_hour} in an hour"
    decided = [one for one in rows if one.moderation in {Moderation.REJECTED, Moderation.DUPLICATE} or one.accepted_at]
    accepted = sum(1 for one in decided if one.accepted_at)
    if len(decided) >= ENOUGH_DECIDED and accepted * ONE_IN < len(decided):
        found["few_accepted"] = f"{accepted} of {len(decided)}"
    return found


def _is_unlike_before(today: int, before: list[int]) -> bool:
    """Only where there is a habit to compare with, and today is many."""
    if len(before) < DAYS_KNOWN or today <= MOST_AN_HOUR:
        return False
    return today > mean(before) + SIGMAS * max(pstdev(before), 1)


def _browsers(lead: Lead, reward: Reward | None) -> Found:
    """The referrer's browsers beside those of the business's people, and of others who point at it."""
    own, other = aliased(Trace), aliased(Trace)
    same = (own.hash == other.hash) & (own.kind == other.kind) & (own.subject_id != other.subject_id)
    by_device = (own.subject_id == lead.referrer_id) & (own.kind == TraceKind.DEVICE)
    works_there = exists().where(Membership.user_id == other.subject_id, Membership.business_id == lead.business_id)
    points_there = exists().where(Lead.referrer_id == other.subject_id, Lead.business_id == lead.business_id)
    members, pointers = db.session.execute(
        select(func.count(other.subject_id.distinct()).filter(works_there),
               func.count(other.subject_id.distinct()).filter(points_there))
        .select_from(own).join(other, same).where(by_device)).one()
    found: Found = {"member_device": ""} if members else {}
    if pointers:
        found["several_accounts"] = str(pointers)
    return found


def _program(lead: Lead, reward: Reward | None) -> Found:
    is_one = exists().where(Trace.subject_id == lead.referrer_id, Trace.kind == TraceKind.AUTOMATED)
    return {"automated": ""} if db.session.scalar(select(is_one)) else {}


def _post(lead: Lead, reward: Reward | None) -> Found:
    """Who wrote it, and whether the same words stand under another name."""
    author = _plain(lead.evidence.author)
    found: Found = {"own_post": ""} if author and author == _plain(lead.referrer.name) else {}
    alike = [other_id for other_id, _ in find_alike(lead)[:ALIKE_LOOKED_AT]]
    if not alike:
        return found
    ruled = _ruled_about(lead)
    others = db.session.execute(
        select(Evidence.author, Lead.post_hash, Lead.id).join(Lead, Lead.id == Evidence.lead_id).where(
            Lead.id.in_(alike), Lead.referrer_id != lead.referrer_id, Lead.created_at <= lead.created_at)).all()
    for name, post_hash, other_id in others:
        if other_id in ruled or post_hash == lead.post_hash:
            continue
        if author and name and author != _plain(name):
            return {**found, "copied_post": ""}
        if not author or not name:
            found["like_another"] = ""
    return found


def _ruled_about(lead: Lead) -> set[str]:
    """Leads of which an admin has said already whether they are of the same buyer."""
    rows = db.session.execute(select(BuyerRuling.lead_id, BuyerRuling.other_id).where(
        (BuyerRuling.lead_id == lead.id) | (BuyerRuling.other_id == lead.id)))
    return {one for row in rows for one in row} - {lead.id}


def _plain(name: str | None) -> str:
    return " ".join((name or "").lower().split())


def _ring(lead: Lead, reward: Reward | None) -> Found:
    """The business's people point at the referrer's business, and the other way round."""
    own = [one.business_id for one in lead.referrer.memberships]
    if not own:
        return {}
    since = clock.now() - MUTUAL_WITHIN
    there, back = (_pointed(lead.business_id, own, since), _pointed_by_any(own, lead.business_id, since))
    both = min(there, back)
    return {"ring": str(both)} if both >= MUTUAL else {}


def _pointed(by_people_of: str, at: list[str], since: object) -> int:
    return _count_leads(Lead.business_id.in_(at), Membership.business_id == by_people_of, since)


def _pointed_by_any(by_people_of: list[str], at: str, since: object) -> int:
    return _count_leads(Lead.business_id == at, Membership.business_id.in_(by_people_of), since)


def _count_leads(at: ColumnElement[bool], by: ColumnElement[bool], since: object) -> int:
    return db.session.scalar(
        select(func.count(Lead.id.distinct())).join(Membership, Membership.user_id == Lead.referrer_id)
        .where(at, by, Lead.created_at > since)) or 0


def _answerer(lead: Lead, reward: Reward | None) -> Found:
    """From where the buyer said yes, beside the referrer's browsers and networks."""
    buyer, own = aliased(Trace), aliased(Trace)
    rows = db.session.execute(
        select(buyer.kind, buyer.seen_at, own.seen_at)
        .join(own, (own.kind == buyer.kind) & (own.hash == buyer.hash) & (own.subject_id == lead.referrer_id))
        .where(buyer.subject_id == lead.id)).all()
    found: Found = {}
    for kind, answered_at, seen_at in rows:
        if kind is TraceKind.DEVICE:
            found["own_device"] = ""
        elif kind is TraceKind.BROWSER and abs(answered_at - seen_at) <= SAME_DAY:
            found["own_network"] = ""
        elif kind is TraceKind.NETWORK:
            found["near_network"] = ""
    return found


def _phone(lead: Lead, reward: Reward | None) -> Found:
    """One number, several addresses: among the buyers of this referrer."""
    buyer = db.session.get_one(Buyer, lead.buyer_id)
    if buyer.phone_hash is None:
        return {}
    other = (select(literal(1)).select_from(Lead).join(Buyer, Buyer.id == Lead.buyer_id).where(
        Lead.referrer_id == lead.referrer_id, Lead.id != lead.id, Buyer.phone_hash == buyer.phone_hash,
        Buyer.email_hash != buyer.email_hash).limit(1))
    return {"phone_of_others": ""} if db.session.scalar(other) else {}


def _money(lead: Lead, reward: Reward | None) -> Found:
    """The bounty's own money, and what its bank says of it."""
    fresh = exists().where(Funding.purpose_id == lead.bounty_id, Funding.state == FundingState.PAID,
                           Funding.paid_at > clock.now() - FRESH)
    found: Found = {"fresh_money": ""} if db.session.scalar(select(fresh)) else {}
    if suspicions_about(lead.bounty_id):
        found["suspected_money"] = ""
    return found


def _first_payments(lead: Lead, reward: Reward | None) -> Found:
    sent = db.session.scalars(select(Transfer.id).where(
        Transfer.payee_id == lead.referrer_id, Transfer.state.in_(SENT)).limit(FIRST_PAYMENTS)).all()
    return {"new_referrer": ""} if len(sent) < FIRST_PAYMENTS else {}


def _size(lead: Lead, reward: Reward | None) -> Found:
    if reward is None:
        return {}
    # Any of them: to put a busy business's thousands in order would cost more than all other rules together.
    earlier = db.session.scalars(select(Reward.amount_minor).where(
        Reward.business_id == lead.business_id, Reward.currency == reward.currency, Reward.lead_id != lead.id)
        .limit(COMPARED)).all()
    is_large = len(earlier) >= ENOUGH_TO_COMPARE and reward.amount_minor > FAR_LARGER * median(earlier)
    return {"large_reward": ""} if is_large else {}


def _takes_all(lead: Lead, reward: Reward | None) -> Found:
    """Only where referrer and business share a network: a bounty with one good referrer is no sign of anything."""
    own, other = aliased(Trace), aliased(Trace)
    shares = db.session.scalar(
        select(literal(1)).select_from(own).join(other, (own.hash == other.hash) & (own.kind == other.kind))
        .join(Membership, Membership.user_id == other.subject_id).where(
            own.subject_id == lead.referrer_id, own.kind == TraceKind.NETWORK,
            Membership.business_id == lead.business_id).limit(1))
    if not shares:
        return {}
    own_rewards, rewards = db.session.execute(
        select(func.count().filter(Lead.referrer_id == lead.referrer_id), func.count())
        .select_from(Reward).join(Lead, Lead.id == Reward.lead_id).where(Lead.bounty_id == lead.bounty_id)).one()
    is_all = rewards >= ENOUGH_REWARDS and 100 * own_rewards >= NEARLY_ALL * rewards
    return {"takes_all": f"{own_rewards} of {rewards}"} if is_all else {}


def _accounts(lead: Lead, reward: Reward | None) -> Found:
    """Whose bank account or card the beneficiary's is as well."""
    payee_id = reward.beneficiary_id if reward is not None else lead.referrer_id
    own, other = aliased(Trace), aliased(Trace)
    others = db.session.scalars(
        select(other.subject_id).distinct().select_from(own)
        .join(other, (own.hash == other.hash) & (own.kind == other.kind) & (own.subject_id != other.subject_id))
        .where(own.subject_id == payee_id, own.kind == TraceKind.ACCOUNT).limit(MOST_LOOKED_AT)).all()
    found: Found = {"own_card": ""} if lead.business_id in others else {}
    payees = sum(1 for one in others if one.startswith("user_"))
    return {**found, "one_bank": str(payees)} if payees else found


def _before(lead: Lead, reward: Reward | None) -> Found:
    """Of leads pointed out from then on: what others had earned by then stays theirs."""
    times = db.session.scalar(select(func.count()).select_from(FraudCase).where(
        FraudCase.about_id == lead.referrer_id, FraudCase.lead_id != lead.id, FraudCase.state.in_(FOUND_FRAUD)))
    return {"fraud_before": str(times)} if times else {}


LOOKS: dict[Point, tuple[Callable[[Lead, Reward | None], Found], ...]] = {
    Point.POINTING: (_addresses, _pace, _browsers, _program, _post, _ring, _before),
    Point.CONSENT: (_addresses, _answerer, _phone),
    Point.CONVERSION: (_browsers, _ring, _money, _first_payments, _size, _takes_all),
    Point.TRANSFER: (_money, _first_payments, _takes_all, _accounts),
}
OF_POSTS = frozenset({_pace, _program, _post})  # Nobody sat down to point at a buyer who came by a link.
