"""What admins are told of the queue. Nothing of a buyer's is in it."""
from collections.abc import Callable

from sqlalchemy import select

from marketplace.bounties.models import Bounty
from marketplace.foundation import clock
from marketplace.foundation.db import db
from marketplace.foundation.letters import NEEDS_ANOTHER, TO_ADMINS, compose, public_url
from marketplace.foundation.mail import Mail
from marketplace.foundation.show import day_in_words
from marketplace.identity.models import User
from marketplace.referrals.audience import Audience
from marketplace.referrals.deadlines import REMINDER_AFTER, decision_due
from marketplace.referrals.desk.claims import find_claim
from marketplace.referrals.desk.deciders import standing_escalations, who_else, why_not_yours
from marketplace.referrals.for_funds import dues_among, have_funds_since, waiting_for_funds
from marketplace.referrals.models import Escalation, Lead, Moderation
from marketplace.referrals.naming import name_of
from marketplace.referrals.permissions import decidable_by, may_decide

SILENCE = ("After five business days a lead that nothing holds, and that its bounty has funds for, is accepted "
           "automatically.")


def moderators_reminded(lead_id: str) -> list[Mail]:
    if _is_unfunded(lead_id):
        return []
    return _to_deciders(lead_id, "A lead has waited for a day", "Someone is waiting for a decision.")


def decision_overdue(lead_id: str) -> list[Mail]:
    if _is_unfunded(lead_id):
        return []
    return _to_deciders(lead_id, "A decision is overdue",
                        f"Two business days are over. {SILENCE}")


def leads_have_funds(bounty_id: str, since: str = "") -> list[Mail]:
    """One to each admin, however many of theirs waited: those whose reminders were kept back because nobody could have
    accepted them."""
    bounty, old = db.session.get_one(Bounty, bounty_id), clock.now() - REMINDER_AFTER
    leads = [lead for lead in have_funds_since(bounty_id, since) if lead.moderation is Moderation.IN_REVIEW
             and not lead.is_held and lead.submitted_at <= old]
    dues, mails = dues_among(leads), list[Mail]()
    for admin in _admins() if leads else ():
        decidable = decidable_by(admin, leads)
        theirs = [one for one in leads if one.id in decidable and why_not_yours(one, admin) is None]
        if theirs:
            many, day = len(theirs), day_in_words(min(dues[one.id] for one in theirs))
            mails.append(compose(
                admin.email, "The funds for a lead have come" if many == 1 else f"The funds for {many} leads have come",
                f"“{bounty.title}” of {bounty.business.name} has funds again: "
                + ("one lead" if many == 1 else f"{many} leads")
                + " had to wait for them, and can be accepted as long as they last.",
                f"Decide {'' if many == 1 else 'the first '}by {day}. {SILENCE}", name=admin.name, why=TO_ADMINS,
                about=name_of(theirs[0], Audience.ADMIN) if many == 1 else None,
                action=("Open the queue", public_url("/moderation"))))
    return mails


def appeal_came(lead_id: str) -> list[Mail]:
    lead = db.session.get_one(Lead, lead_id)
    return _to_deciders(lead_id, "An appeal waits for an admin",
                        "A referrer asks for a second look, by another admin than the first one. "
                        f"Decide by {day_in_words(decision_due(lead.submitted_at))}.")


def lead_escalated(escalation_id: str) -> list[Mail]:
    escalation = db.session.get_one(Escalation, escalation_id)
    lead = db.session.get_one(Lead, escalation.lead_id)
    if escalation.settled_at is not None or lead.moderation is not Moderation.IN_REVIEW:
        return []
    sender = db.session.get_one(User, escalation.escalated_by)
    others = [one for one in who_else(lead, besides=sender) if escalation.to_id in {None, one.id}]
    return [_compose(one, lead, "A lead was passed on to you",
                     f"{sender.name} would rather have you decide a lead. The note is on its page.") for one in others]


def _is_unfunded(lead_id: str) -> bool:
    """Then nobody could accept it, and no clock does."""
    return bool(waiting_for_funds([db.session.get_one(Lead, lead_id)]))


def _to_deciders(lead_id: str, subject: str, says: str) -> list[Mail]:
    """Every admin who could decide it, with who is at it. Where none could, all hear that another must be made."""
    lead = db.session.get_one(Lead, lead_id)
    if lead.moderation is not Moderation.IN_REVIEW:
        return []
    claim, passed_on = find_claim(lead), standing_escalations(lead)
    more = [f"{claim.user.name} has it open just now."] if claim else (
        ["It was passed on to another admin, who has not decided yet."] if passed_on else [])
    everybody = _admins()
    deciders = [one for one in everybody if may_decide(one, lead) and why_not_yours(lead, one) is None]
    if not deciders:
        return [_compose(one, lead, subject, says, NEEDS_ANOTHER) for one in everybody]
    return [_compose(one, lead, subject, says, *more) for one in deciders]


def _admins() -> list[User]:
    return list(db.session.scalars(select(User).where(User.is_admin, User.closed_at.is_(None)).order_by(User.id)))


def _compose(admin: User, lead: Lead, subject: str, *says: str) -> Mail:
    return compose(admin.email, subject, *says, name=admin.name, why=TO_ADMINS, about=name_of(lead, Audience.ADMIN),
                   action=("Open the lead", public_url(f"/leads/{lead.id}")))


LETTERS: dict[str, Callable[..., list[Mail]]] = {
    letter.__name__: letter for letter in (
        moderators_reminded, decision_overdue, leads_have_funds, appeal_came, lead_escalated)
}
