"""Several people share what a lead earns: proposed by the referrer, agreed by everybody named, then frozen."""
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Select, bindparam, func, or_, select

from marketplace.bounties.gate import place_in_words
from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, Invalid, NotFound, require
from marketplace.foundation.money import BASIS, Money
from marketplace.identity.models import User
from marketplace.identity.permissions import require_confirmed
from marketplace.referrals import lifecycle
from marketplace.referrals.lawful import lowering_for
from marketplace.referrals.locks import lock_funds_of
from marketplace.referrals.models import Buyer, Conversion, Lead, Moderation, PartState, Split, SplitPart, SplitState
from marketplace.referrals.permissions import is_referrer
from marketplace.referrals.pointing import SelfReferral
from marketplace.referrals.queries import disputes_of_ownership
from marketplace.referrals.suppression import hash_email

MOST_PARTS = 5  # Other people than the referrer.
MOST_A_DAY = 20  # Splits that one person proposes: each writes to everybody named.
STANDING = select(Split).where(
    Split.lead_id == bindparam("lead_id"), Split.state.in_([SplitState.PROPOSED, SplitState.AGREED]))
UNDECIDED = frozenset({Moderation.SUBMITTED, Moderation.IN_REVIEW, Moderation.NEEDS_INFO})


class BadSplit(Invalid):
    code = "bad_split"


class SplitFixed(Conflict):
    code = "split_fixed"


class NotAsked(NotFound):
    code = "not_asked"


def propose_split(lead: Lead, *, by: User, own_bps: int, others: Sequence[tuple[str, int]]) -> Split:
    """``others``: (e-mail address, basis points); with ``own_bps`` they add up to 10,000. It replaces one before.

    SplitFixed (409) once the lead is decided or a split is agreed; BadSplit (422) names what does not add up.
    """
    require(is_referrer(by, lead), "share what this lead earns")
    _refuse_disputed(lead)
    if lead.moderation not in UNDECIDED:
        raise SplitFixed("A split is proposed before the lead is decided.",
                         next_step="What it earns goes as it was agreed by then, or to you alone.")
    earlier = find_split(lead)
    if earlier is not None and earlier.state is SplitState.AGREED:
        raise SplitFixed("Everybody has agreed to your split, so it is fixed.", next_step="Nothing more is needed.")
    _check(lead, by, own_bps, others)
    _refuse_too_many(by)
    if earlier is not None:
        lifecycle.move_split(earlier, SplitState.WITHDRAWN, by=by.id, reason="another one was proposed")
        db.session.flush()
    split = Split(lead_id=lead.id, own_bps=own_bps)
    split.parts = [SplitPart(email=email, email_hash=hash_email(email), share_bps=bps) for email, bps in others]
    db.session.add(split)
    db.session.flush()
    audit.record("split.proposed", split.id, by=by.id, own_bps=own_bps)
    for part in split.parts:
        outbox.promise("send_letter", letter="split_asked", part_id=part.id)
    return split


def offer_share(lead: Lead, *, by: User, second_id: str, own_bps: int) -> Split:
    """To the referrer who pointed at the same buyer later: also after acceptance, until the lead has earned.

    It counts once they agree, as every split; what the owner keeps and what the other gets add up to 100%.
    """
    require(is_referrer(by, lead), "share what this lead earns")
    _refuse_disputed(lead)
    earlier = find_split(lead)
    if earlier is not None and earlier.state is SplitState.AGREED:
        raise SplitFixed("Everybody has agreed to your split, so it is fixed.", next_step="Nothing more is needed.")
    second = next((one for one in seconds_to_share_with(lead) if one.id == second_id), None)
    if second is None:
        raise SplitFixed("There is nobody to share this lead with now.",
                         next_step="A share is offered before the lead has earned anything.")
    if not 0 <= own_bps < BASIS:
        raise BadSplit("What you keep is less than all of it.", fields={"own_percent": ["From 0 to 99.99."]})
    _refuse_too_many(by)
    if earlier is not None:
        lifecycle.move_split(earlier, SplitState.WITHDRAWN, by=by.id, reason="another one was proposed")
        db.session.flush()
    other = second.referrer
    split = Split(lead_id=lead.id, own_bps=own_bps, parts=[SplitPart(
        email=other.email, email_hash=hash_email(other.email), share_bps=BASIS - own_bps, second_id=second.id)])
    db.session.add(split)
    db.session.flush()
    audit.record("split.proposed", split.id, by=by.id, own_bps=own_bps)
    outbox.promise("send_letter", letter="split_asked", part_id=split.parts[0].id)
    return split


def seconds_to_share_with(lead: Lead) -> list[Lead]:
    """Duplicates of this lead by other people, while a share of it may still be offered to them."""
    has_earned = select(Conversion.id).where(Conversion.lead_id == lead.id).limit(1)
    if lead.moderation not in UNDECIDED | {Moderation.ACCEPTED} or db.session.scalar(has_earned):
        return []
    found = db.session.scalars(select(Lead).where(
        Lead.duplicate_of_id == lead.id, Lead.referrer_id != lead.referrer_id,
        Lead.moderation.in_((Moderation.DUPLICATE, Moderation.EXPIRED))).order_by(Lead.id).limit(MOST_PARTS))
    return [one for one in found if not one.referrer.is_admin]


def _check(lead: Lead, by: User, own_bps: int, others: Sequence[tuple[str, int]]) -> None:
    if not 1 <= len(others) <= MOST_PARTS:
        raise BadSplit(f"Name one to {MOST_PARTS} other people.", fields={"parts": ["Name at least one person."]})
    if own_bps < 0 or any(bps < 1 for _, bps in others) or own_bps + sum(bps for _, bps in others) != BASIS:
        raise BadSplit("The parts, yours included, must add up to 100%.",
                       fields={"parts": ["All parts and yours must add up to exactly 100%."]})
    hashes = [hash_email(email) for email, _ in others]
    if len(set(hashes)) < len(hashes):
        raise BadSplit("Somebody is named twice.", fields={"parts": ["Name each person once."]})
    if hash_email(by.email) in hashes:
        raise BadSplit("Your own part is what you keep.", fields={"parts": ["Your own address is not one of these."]})
    if _buyer_marks(lead) & set(hashes):
        raise BadSplit("The buyer cannot be paid for being pointed at.",
                       fields={"parts": ["This is the buyer’s address."]})


def _buyer_marks(lead: Lead) -> set[str | None]:
    """Every hash under which this lead's buyer is known."""
    return {lead.buyer_hash, db.session.get_one(Buyer, lead.buyer_id).email_hash} - {None}


def shares_in(lead: Lead, email: str) -> bool:
    """Whether somebody of this address agreed to a part of what the lead earns."""
    return db.session.scalar(
        select(SplitPart.id).join(Split, Split.id == SplitPart.split_id).where(
            Split.lead_id == lead.id, Split.state.in_([SplitState.PROPOSED, SplitState.AGREED]),
            SplitPart.email_hash == hash_email(email), SplitPart.state == PartState.AGREED).limit(1)) is not None


def _refuse_too_many(by: User) -> None:
    """Each proposal writes to people who never asked for it."""
    lately = clock.now() - timedelta(days=1)
    made = db.session.scalar(select(func.count()).select_from(Split).join(Lead, Lead.id == Split.lead_id).where(
        Lead.referrer_id == by.id, Split.created_at > lately)) or 0
    if made >= MOST_A_DAY:
        raise SplitFixed("You have proposed many splits today.", next_step="Go on tomorrow.")


def withdraw_split(split: Split, *, by: User) -> None:
    """proposed -> withdrawn, by the referrer, as long as not everybody has agreed."""
    lead = db.session.get_one(Lead, split.lead_id)
    require(is_referrer(by, lead), "take this split back")
    _lock(split)
    lifecycle.move_split(split, SplitState.WITHDRAWN, by=by.id)


def answer_split(split: Split, *, by: User, agrees: bool) -> None:
    """A named person's yes or no. The last yes fixes the split; one no ends it. NotAsked (404) for everybody else."""
    require_confirmed(by)
    lead = db.session.get_one(Lead, split.lead_id)
    lock_funds_of(lead)  # A claim that is made at this moment waits, or is seen.
    _lock(split)
    part = find_part(split, by)
    if part is None:
        raise NotAsked("There is no such split.", next_step="Open the link in our mail, signed in with that address.")
    if split.state is not SplitState.PROPOSED or part.state is not PartState.ASKED:
        raise SplitFixed("This split is no longer open.", next_step="The page shows how it stands.")
    if agrees and (why := why_not_share(lead, by)):
        raise SelfReferral(why, next_step="Say no to this split.")
    if agrees:
        _refuse_disputed(lead)
    lifecycle.move_part(part, PartState.AGREED if agrees else PartState.DECLINED, by=by.id,
                        user_id=by.id if agrees else None)
    if not agrees or all(one.state is PartState.AGREED for one in split.parts):
        lifecycle.move_split(split, SplitState.AGREED if agrees else SplitState.DECLINED, by=by.id)
        outbox.promise("send_letter", letter="split_answered", split_id=split.id)


def why_not_share(lead: Lead, user: User) -> str | None:
    """Why somebody may have no part of what the lead earns, as a sentence; None: they may."""
    if user.role_in(lead.business_id) is not None:
        return "Who works there can have no part: a business cannot earn its own bounty."
    if hash_email(user.email) in _buyer_marks(lead):
        return "The buyer cannot be paid for being pointed at."
    if user.is_admin:
        return "Moderators take no part in what they decide about."
    if user.id == lead.referrer_id:
        return "Who pointed has the part that they keep, and no other one."
    rule = lowering_for(lead, user)
    if rule is None:
        return None
    return f"The law of the place where they live leaves them no such part ({place_in_words(rule)}: {rule.citation})."


def _refuse_disputed(lead: Lead) -> None:
    """Nobody gives away what somebody else says is theirs."""
    if disputes_of_ownership(lead.id):
        raise SplitFixed("Somebody else says that this buyer is theirs, and that is not decided yet.",
                         next_step="Wait until it is; what is earned meanwhile waits too.")


def share_own_part(split: Split, other: User, *, second: Lead, share_bps: int, by: str) -> None:
    """Of an agreed split the owner's own part goes to ``other`` as far as that; the others keep what they agreed to."""
    given = split.own_bps * share_bps // BASIS
    if given == 0:
        return
    audit.record("split.passed_on", split.id, by=by, own_bps=split.own_bps - given, was_bps=split.own_bps)
    split.own_bps -= given
    part = SplitPart(email=other.email, email_hash=hash_email(other.email), share_bps=given, second_id=second.id)
    split.parts.append(part)
    db.session.flush()
    lifecycle.move_part(part, PartState.AGREED, by=by, user_id=other.id)


def divide(lead: Lead, reward: Money, fee: Money) -> list[tuple[str, Money, Money]]:
    """(user, part of the reward, part of the fee). Without a split that all agreed to, all is the referrer's.

    Parts are rounded down; odd units are the referrer's. Who would get nothing is left out.
    """
    split = find_split(lead)
    shares = [(part.user_id or "", reward.share(part.share_bps)) for part in split.parts] if (
        split is not None and split.state is SplitState.AGREED) else []
    parts = [(user_id, amount, fee.part(amount.minor, reward.minor)) for user_id, amount in shares if amount.minor]
    own, own_fee = reward, fee
    for _, amount, of_fee in parts:
        own, own_fee = own - amount, own_fee - of_fee
    if own.minor:
        return [(lead.referrer_id, own, own_fee), *parts]
    if parts:  # All of it was given away, to the last unit: the fee's odd units go with the first.
        user_id, amount, of_fee = parts[0]
        parts[0] = (user_id, amount, of_fee + own_fee)
    return parts


def find_split(lead: Lead) -> Split | None:
    """The one that stands, proposed or agreed."""
    return db.session.scalar(STANDING, {"lead_id": lead.id})


def latest_split(lead: Lead) -> Split | None:
    return db.session.scalar(select(Split).where(Split.lead_id == lead.id).order_by(Split.id.desc()).limit(1))


def find_share_of_first(second: Lead) -> SplitPart | None:
    """What the referrer who was counted offered to whoever pointed second, while it stands."""
    return db.session.scalar(select(SplitPart).join(Split, Split.id == SplitPart.split_id).where(
        SplitPart.second_id == second.id, Split.state.in_((SplitState.PROPOSED, SplitState.AGREED)))
        .order_by(SplitPart.id.desc()).limit(1))


def splits_naming(user: User) -> Select[Split]:
    """Newest first: by the address they have proven, or as one who has agreed."""
    named = SplitPart.user_id == user.id
    if user.email_confirmed_at:
        named = or_(named, SplitPart.email_hash == hash_email(user.email))
    return select(Split).where(Split.id.in_(select(SplitPart.split_id).where(named))).order_by(Split.id.desc())


def count_splits_to_answer(user: User) -> int:
    if user.email_confirmed_at is None:
        return 0
    asked = select(func.count()).select_from(SplitPart).join(Split, Split.id == SplitPart.split_id).where(
        Split.state == SplitState.PROPOSED, SplitPart.state == PartState.ASKED,
        SplitPart.email_hash == hash_email(user.email))
    return db.session.scalar(asked) or 0


def splits_visible_to(user: User) -> Select[Split]:
    """Those that name this person, and those that they proposed."""
    named = splits_naming(user).order_by(None).with_only_columns(Split.id)
    own = select(Split.id).join(Lead, Lead.id == Split.lead_id).where(Lead.referrer_id == user.id)
    return select(Split).where(or_(Split.id.in_(named), Split.id.in_(own)))


def get_split(split_id: str, *, seen_by: User) -> Split:
    """For the people named in it, and for its referrer. NotAsked (404) for all others."""
    split = db.session.scalar(splits_visible_to(seen_by).where(Split.id == split_id))
    if split is None:
        raise NotAsked("There is no such split.", next_step="Open the link in our mail, signed in with that address.")
    return split


def find_part(split: Split, user: User) -> SplitPart | None:
    mark = hash_email(user.email) if user.email_confirmed_at else None
    return next((part for part in split.parts if part.user_id == user.id or part.email_hash == mark), None)


def _lock(split: Split) -> None:
    """One answer at a time: who is last must see the others'."""
    db.session.execute(select(Split.id).where(Split.id == split.id).with_for_update(key_share=True))
    db.session.refresh(split)
