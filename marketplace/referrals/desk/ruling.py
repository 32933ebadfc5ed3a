"""An admin's word on two leads, one buyer or two: kept at once, told a little later, and taken back until then."""
from sqlalchemy import select

from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, Invalid, require
from marketplace.foundation.ids import new_id
from marketplace.foundation.web import check_version
from marketplace.identity.models import User
from marketplace.referrals.asking import end_lead
from marketplace.referrals.desk.claims import refuse_claimed
from marketplace.referrals.desk.telling import GRACE, NotYours, ToldAlready, take_back_untold
from marketplace.referrals.duplicates import become_duplicate
from marketplace.referrals.locks import lock_funds_of
from marketplace.referrals.models import BuyerRuling, Consent, Lead, Moderation, Stage
from marketplace.referrals.ownership import OVER, Ownership, find_ruling, who_owns
from marketplace.referrals.permissions import may_decide


class AlreadyRuled(Conflict):
    code = "already_ruled"


class NotRuled(Conflict):
    code = "not_ruled"


class BothAgreed(Conflict):
    code = "both_agreed"


def rule_on_buyers(lead: Lead, other: Lead, *, by: User, is_same: bool, version: int | None = None) -> Ownership | None:
    """One buyer, or two: kept, and not asked again. What follows from it follows in GRACE, and only then is anybody
    told. AlreadyRuled (409) the second time; BothAgreed (409) where the buyer said yes through both."""
    _require_may_rule(lead, other, by)
    if lead.business_id != other.business_id or lead.id == other.id:
        raise Invalid("These are not two leads of one business.", next_step="Choose one of those beside it.")
    check_version(lead, version)
    refuse_claimed(lead, by=by)
    _lock(lead, other)
    if find_ruling(lead, other) is not None:
        raise AlreadyRuled("Somebody has answered this already.", next_step="Reload the page to see what they said.")
    found = who_owns(lead, other) if is_same else None
    if found is not None:
        _refuse_if_both_agreed(found)
    first, second = sorted((lead.id, other.id))
    ruling = BuyerRuling(id=new_id("ruling"), lead_id=first, other_id=second, is_same=is_same, ruled_by=by.id,
                         tell_at=clock.now() + GRACE)
    db.session.add(ruling)
    _record("buyer.found_same" if is_same else "buyer.found_different", ruling, by=by.id)
    outbox.promise("tell_ruling", after=GRACE, ruling_id=ruling.id)
    return found


def tell_ruling(ruling_id: str) -> None:
    """Job. One that was taken back, or told already, is left alone."""
    ruling = db.session.get(BuyerRuling, ruling_id)
    if ruling is not None:
        _tell(ruling)


def tell_ruling_now(lead: Lead, other: Lead, *, by: User) -> None:
    """Whoever ruled does not need the time. Told already: nothing more is done."""
    _tell(_own_ruling(lead, other, by))


def undo_ruling(lead: Lead, other: Lead, *, by: User) -> None:
    """As if nobody had answered. NotYours (403); NotRuled, ToldAlready (409)."""
    ruling = _own_ruling(lead, other, by)
    _lock(lead, other)
    if ruling.tell_at is None:
        raise ToldAlready("This answer has been told, so it cannot be taken back.",
                          next_step="The referrer of a duplicate can appeal; another admin decides then.")
    _take_back(ruling, by=by.id)


def _own_ruling(lead: Lead, other: Lead, user: User) -> BuyerRuling:
    _require_may_rule(lead, other, user)
    ruling = find_ruling(lead, other)
    if ruling is None:
        raise NotRuled("Nobody has answered this.", next_step="Reload the page.")
    if ruling.ruled_by != user.id:
        raise NotYours("Somebody else answered this.", next_step="Ask them; their name is in the lead’s story.")
    return ruling


def _require_may_rule(lead: Lead, other: Lead, user: User) -> None:
    require(may_decide(user, lead) and may_decide(user, other), "say whether two leads are of one buyer")


def _lock(lead: Lead, other: Lead) -> None:
    lock_funds_of(lead, other)
    db.session.scalars(select(Lead).where(Lead.id.in_((lead.id, other.id))).order_by(Lead.id).with_for_update(
        of=Lead, key_share=True).execution_options(populate_existing=True)).all()


def _tell(ruling: BuyerRuling) -> None:
    """From here on it is out. Where the buyer said yes through both meanwhile, the question is open again."""
    lead, other = (db.session.get_one(Lead, one) for one in (ruling.lead_id, ruling.other_id))
    _lock(lead, other)
    db.session.refresh(ruling, with_for_update={"key_share": True})
    if ruling.tell_at is None:
        return
    try:
        if ruling.is_same:
            _settle(who_owns(lead, other), by=ruling.ruled_by)
    except BothAgreed:
        _take_back(ruling, by=audit.SYSTEM)
        return
    ruling.tell_at = None
    for one, beside in ((lead, other), (other, lead)):
        is_apart = not ruling.is_same and one.duplicate_of_id == beside.id
        if is_apart and one.moderation not in OVER:  # By an appeal: each has its own buyer.
            one.duplicate_of_id = None


def _take_back(ruling: BuyerRuling, *, by: str) -> None:
    _record("buyer.ruling_undone", ruling, by=by)
    db.session.delete(ruling)


def _record(action: str, ruling: BuyerRuling, *, by: str) -> None:
    for one, beside in ((ruling.lead_id, ruling.other_id), (ruling.other_id, ruling.lead_id)):
        audit.record(action, one, by=by, other=beside)


def _settle(found: Ownership, *, by: str) -> None:
    """The lead that owns stands, the other becomes its duplicate or ends. What is over already stays as it is."""
    owner, second = found.owner, found.second
    if owner.moderation in OVER or second.moderation in OVER:
        return
    _refuse_if_both_agreed(found)
    if second.moderation is Moderation.ACCEPTED:
        take_back_untold(second, by=by)  # Nobody knows of that acceptance yet, and nobody will.
    if second.moderation is Moderation.ACCEPTED:
        second.duplicate_of_id = owner.id
        end_lead(second, why="the same buyer was pointed out by somebody else, who comes first", by=by)
        outbox.promise("send_letter", key=f"lead_seconded:{owner.id}", letter="lead_seconded", lead_id=owner.id)
    else:
        become_duplicate(second, of=owner, by=by)


def _refuse_if_both_agreed(found: Ownership) -> None:
    is_live = found.owner.moderation not in OVER and found.second.moderation not in OVER
    if is_live and (found.second.consent is Consent.GRANTED or found.second.stage is Stage.WON):
        raise BothAgreed("The buyer said yes through both of them.",
                         next_step="Ask the buyer whom they mean; the business pays for one sale only.")
