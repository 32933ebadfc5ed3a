"""Who may decide a lead now: an admin without a stake, who did not pass it on, nor refused it the first time."""
from sqlalchemy import or_, select

from marketplace.foundation.db import db
from marketplace.foundation.errors import DomainError, Forbidden, require
from marketplace.foundation.web import check_version
from marketplace.identity.models import User
from marketplace.referrals.desk.claims import find_claim, refuse_claimed
from marketplace.referrals.desk.record import refusal_appealed
from marketplace.referrals.models import BuyerRuling, Escalation, Lead
from marketplace.referrals.permissions import may_decide


class PassedOn(Forbidden):
    code = "passed_on"


class SecondAdminNeeded(Forbidden):
    code = "second_admin_needed"


def check_decider(lead: Lead, *, by: User, version: int | None = None) -> None:
    """Asked first by every decision. Forbidden, PassedOn, SecondAdminNeeded (403), StaleForm, Claimed (409)."""
    require(may_decide(by, lead), "moderate this lead")
    refusal = why_not_yours(lead, by)
    if refusal is not None:
        raise refusal
    check_version(lead, version)
    refuse_claimed(lead, by=by)


def why_not_yours(lead: Lead, user: User) -> DomainError | None:
    """Of an admin without a stake: why this lead is still for somebody else to decide."""
    if any(one.escalated_by == user.id for one in standing_escalations(lead)):
        return PassedOn("You passed this lead on, so another admin decides it.",
                        next_step=_next_one(lead))
    if lead.appeal is not None and user.id in refused_by(lead):
        return SecondAdminNeeded("You refused this lead, so another admin decides the appeal.",
                                 next_step=_next_one(lead))
    return None


def _next_one(lead: Lead) -> str:
    silence = "no clock accepts this one while signs of fraud hold it" if lead.is_held else (
        "without a decision silence accepts it, once its bounty has funds for it")
    return f"Take the next one; {silence}."


def refused_by(lead: Lead) -> set[str]:
    """Who refused what is appealed now: by a rejection, or by saying that two leads are of one buyer."""
    first = refusal_appealed(lead)
    found = {first.decided_by} if first is not None else set[str]()
    if lead.duplicate_of_id:
        found |= set(db.session.scalars(select(BuyerRuling.ruled_by).where(BuyerRuling.is_same, or_(
            (BuyerRuling.lead_id == lead.id) & (BuyerRuling.other_id == lead.duplicate_of_id),
            (BuyerRuling.other_id == lead.id) & (BuyerRuling.lead_id == lead.duplicate_of_id)))))
    return found


def standing_escalations(lead: Lead) -> list[Escalation]:
    """Newest last."""
    return list(db.session.scalars(select(Escalation).where(
        Escalation.lead_id == lead.id, Escalation.settled_at.is_(None)).order_by(Escalation.id)))


def passed_on_among(lead_ids: list[str]) -> set[str]:
    """Those of them that wait for another admin than the one who looked."""
    return set(db.session.scalars(
        select(Escalation.lead_id).where(Escalation.lead_id.in_(lead_ids), Escalation.settled_at.is_(None))))


def who_else(lead: Lead, *, besides: User) -> list[User]:
    """Admins who could decide it instead, by name."""
    admins = db.session.scalars(select(User).where(
        User.is_admin, User.closed_at.is_(None), User.id != besides.id).order_by(User.name, User.id))
    return [one for one in admins if may_decide(one, lead) and why_not_yours(lead, one) is None]


def may_open(user: User, lead: Lead) -> bool:
    """Whether the next-case button may give it to them."""
    claim = find_claim(lead)
    return may_decide(user, lead) and why_not_yours(lead, user) is None and (claim is None or claim.user_id == user.id)
