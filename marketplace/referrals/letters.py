"""What referrers and businesses are told of a lead by mail. Each letter is composed from ids when it is sent.

A letter that no longer applies when its turn comes is not sent: the function answers an empty list.
"""
from collections.abc import Callable

from sqlalchemy import select

from marketplace.foundation import audit
from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import db
from marketplace.foundation.letters import compose, public_url
from marketplace.foundation.mail import Mail
from marketplace.foundation.naming import Name
from marketplace.foundation.show import day_in_words
from marketplace.identity.models import Business, Membership, User
from marketplace.referrals.asking import PASSED_ON, buyer_link
from marketplace.referrals.audience import Audience
from marketplace.referrals.contact import is_open_to_business
from marketplace.referrals.disclosure import disclosure_of
from marketplace.referrals.disputes.subjects import OPEN_WITHIN, kinds_for
from marketplace.referrals.fraud.words import cases_of, said_of_reward
from marketplace.referrals.kept_words import words_beside
from marketplace.referrals.lawful import lowering_of, promised_in_words
from marketplace.referrals.legal_clocks import NOT_TOLD, last_day_untold
from marketplace.referrals.models import (
    Buyer,
    Consent,
    DisputeKind,
    Lead,
    Moderation,
    ReasonCode,
    Stage,
)
from marketplace.referrals.naming import name_of
from marketplace.referrals.queries import consents_of, find_live_grant
from marketplace.referrals.reach import Reach, reach_of
from marketplace.referrals.stages import ENDED

REASONS = {
    ReasonCode.NOT_A_BUYER: "The post does not show somebody who is looking to buy.",
    ReasonCode.INVALID_EVIDENCE: "The evidence does not show what was said.",
    ReasonCode.EVIDENCE_UNAVAILABLE: "The post could not be read.",
    ReasonCode.OUT_OF_SCOPE: "It does not meet what the business is looking for.",
    ReasonCode.OUT_OF_AREA: "It is outside the place that the bounty is for.",
    ReasonCode.ALREADY_KNOWN: "The business knows this buyer already.",
    ReasonCode.DUPLICATE: "This buyer was pointed out before.",
    ReasonCode.STALE_INTENT: "The post is too old to count as a present need.",
    ReasonCode.NO_CONSENT: "The buyer does not want to be introduced.",
    ReasonCode.SELF_REFERRAL: "Nobody can point at themselves or their own business.",
    ReasonCode.PROHIBITED_CATEGORY: "Rewards are not allowed for this kind of sale in that place.",
    ReasonCode.SPAM: "It looks like spam.",
    ReasonCode.OTHER: "See the note.",
}
COULD_NOT_ASK = (
    "We did not decide in time. By law nobody is kept here for longer than a month without knowing it, and the buyer "
    "was not asked yet, so all that we had of them is erased. It says nothing against you or your lead: if they still "
    "look for it, point at them anew.")


def reason_in_words(lead: Lead) -> str:
    """Why it was refused. Whoever was not told in time never said no."""
    assert lead.reason_code is not None
    is_untold = db.session.get_one(Buyer, lead.buyer_id).erased_why == NOT_TOLD
    return COULD_NOT_ASK if is_untold and lead.reason_code is ReasonCode.NO_CONSENT else REASONS[lead.reason_code]


def _lead(lead_id: str) -> Lead:
    return db.session.get_one(Lead, lead_id)


def to_referrer(lead: Lead, subject: str, *paragraphs: str, label: str = "Open your lead") -> list[Mail]:
    referrer = lead.referrer
    return [compose(referrer.email, subject, *paragraphs, name=referrer.name, about=name_of(lead, Audience.REFERRER),
                    action=(label, public_url(f"/leads/{lead.id}")))]


def to_business(
    lead: Lead, subject: str, *paragraphs: str, path: str = "", label: str = "Open the lead",
) -> list[Mail]:
    """``path``: where it opens, if not on the lead's page."""
    return to_members(lead.business, subject, *paragraphs, path=path or f"/leads/{lead.id}", label=label,
                       about=name_of(lead, Audience.BUSINESS))


def to_members(
    business: Business, subject: str, *paragraphs: str, path: str, label: str, about: Name | None = None,
) -> list[Mail]:
    people = db.session.scalars(
        select(User).join(Membership, Membership.user_id == User.id).where(Membership.business_id == business.id))
    return [compose(user.email, subject, *paragraphs, name=user.name, action=(label, public_url(path)), about=about)
            for user in people]


def lead_duplicate(lead_id: str) -> list[Mail]:
    return to_referrer(
        _lead(lead_id), "Someone was faster with this buyer",
        "This buyer had been pointed out to the same business before, so your lead is kept as a duplicate.",
        "If you think you were first, or the buyer says it was you, appeal on the lead’s page: "
        "the buyer’s own word decides.")


def lead_seconded(lead_id: str) -> list[Mail]:
    lead = _lead(lead_id)
    if lead.moderation in {Moderation.DUPLICATE, Moderation.REJECTED, Moderation.WITHDRAWN}:
        return []
    return to_referrer(
        lead, "Somebody else pointed at your buyer too",
        f"You were first to point {lead.business.name} at this buyer, so your lead stands and nothing changes for you.",
        "The other lead is kept as a duplicate. Only the buyer's own word could still change that. "
        "If you found the buyer together, you can offer a share of the reward on the lead's page.")


def lead_needs_info(lead_id: str) -> list[Mail]:
    lead = _lead(lead_id)
    if lead.moderation is not Moderation.NEEDS_INFO:
        return []
    return to_referrer(
        lead, "We have a question about your lead", lead.question or "",
        "You have seven days. Nothing is lost meanwhile.", label="Answer")


def lead_rejected(lead_id: str) -> list[Mail]:
    lead = _lead(lead_id)
    if lead.moderation is not Moderation.REJECTED:
        return []
    said = [reason_in_words(lead)] if lead.reason_code else []
    if lead.missed_criterion:
        said.append(f"The criterion that was missed: “{lead.missed_criterion}”")
    if lead.reason_note:
        said.append(f"The moderator adds: {lead.reason_note}")
    if lead.appeal is not None:
        said.append("It was looked at a second time, so this decision stands.")
    elif lead.evidence.quote:  # Of what is erased, nothing is left to look at.
        last = last_day_untold(lead)
        until = f", until {day_in_words(last)}; then what we read of the post is erased" if last else ""
        said.append(f"If you see it differently, you can appeal once{until}. Another admin looks at it again.")
    return to_referrer(lead, "Your lead was not accepted", *said)


def lead_expired(lead_id: str) -> list[Mail]:
    lead = _lead(lead_id)
    why = db.session.scalars(audit.events_about(lead_id).where(AuditEvent.action == "lead.expired")).all()[-1]
    said = [f"Nothing more will come of this one. The reason: {why.details['reason']}."]
    if lead.stage in {Stage.LOST, Stage.UNQUALIFIED}:
        words = words_beside(f"stage.{lead.stage}", [lead_id]).get(lead_id)
        said.append(f"{lead.business.name} had closed it before{f', and wrote: {words}' if words else '.'}")
    return to_referrer(lead, "Your lead has ended", *said, "Thank you for pointing; there are other buyers to help.")


def lead_closed(lead_id: str) -> list[Mail]:
    """The referrer, once the business says that nothing came of it: why, and what they can do if it is not so."""
    lead = _lead(lead_id)
    if lead.stage not in ENDED:
        return []
    closed = db.session.scalars(audit.events_about(lead_id).where(AuditEvent.action == f"stage.{lead.stage}")).all()[-1]
    words = words_beside(closed.action, [lead_id]).get(lead_id)
    how, kinds = "not a fit" if lead.stage is Stage.UNQUALIFIED else "lost", kinds_for(lead)
    until = f"you can dispute it until {day_in_words(closed.created_at + OPEN_WITHIN)}, on the lead’s page."
    back = ([f"If the buyer comes back to them by {day_in_words(lead.protected_until)}, it can still go on."]
            if lead.stage is Stage.LOST and lead.protected_until else [])
    told = {DisputeKind.GHOST_CLOSE: f"If you know that they bought, {until} {lead.business.name} then has to answer, "
                                     "and the buyer can be asked as a witness.",
            DisputeKind.REJECTED_UNFAIRLY: f"If it was a fit, {until} These terms pay for that."}
    return to_referrer(
        lead, "Your lead was closed", f"On {day_in_words(closed.created_at)} {lead.business.name} marked it as {how}"
        f"{f', and wrote: {words}' if words else '.'}", *back, *(told[kind] for kind in kinds if kind in told))


def last_day_to_answer(lead: Lead) -> str:
    assert lead.consent_due_at is not None, "they were asked"
    return day_in_words(lead.consent_due_at)


def time_to_answer(lead: Lead) -> str:
    """Of the buyer, as their referrer reads it."""
    return (f"The buyer has until {last_day_to_answer(lead)} to answer. Without an answer by then your lead "
            "ends: nobody is given anything about them, and nothing is earned.")


def referrer_buyer_said_later(lead_id: str) -> list[Mail]:
    lead = _lead(lead_id)
    if lead.silent_until is None:
        return []
    return to_referrer(
        lead, "The buyer says not now",
        f"They asked to be asked again on {day_in_words(lead.silent_until)}. Your lead keeps its place.",
        f"Please leave them in peace meanwhile. {time_to_answer(lead)}")


def referrer_wrong_person(lead_id: str) -> list[Mail]:
    lead = _lead(lead_id)
    if lead.consent is not Consent.ASKED:
        return []
    return to_referrer(lead, "The link reached somebody else",
                        "Whoever opened the buyer's page says that they are not the one who wrote the post. "
                        "We have forgotten the address, if you had given one.",
                        "If you know the buyer, pass the link on to them yourself:", buyer_link(lead, PASSED_ON),
                        time_to_answer(lead), *say_openly(lead))


def lead_accepted(lead_id: str) -> list[Mail]:
    """The referrer passes the buyer's link on where we have no address of the buyer."""
    lead = _lead(lead_id)
    buyer = db.session.get_one(Buyer, lead.buyer_id)
    heard = [] if lead.appeal is None else ["Your appeal was heard: the refusal is overturned."]
    if buyer.email:
        return to_referrer(lead, "Your lead was accepted", *heard,
                            f"We have asked the buyer whether they want to be introduced. {time_to_answer(lead)}",
                            f"If they buy, you earn {promised_in_words(lead)}.")
    return to_referrer(
        lead, "Your lead was accepted, pass the link on", *heard,
        "The buyer decides. Send them their private page yourself, where you know them:",
        buyer_link(lead, PASSED_ON),
        f"They see who pointed, to whom, and that you would earn {promised_in_words(lead)}.",
        time_to_answer(lead), *say_openly(lead))


def say_openly(lead: Lead) -> list[str]:
    """With every link that a referrer passes on."""
    line = disclosure_of(lead)
    return [f"Be open with them, and with whoever reads along where you answer the post: “{line}”"] if line else []


def business_introduced(lead_id: str) -> list[Mail]:
    """While the yes lasts: it may have waited for a look by a person until after that."""
    lead = _lead(lead_id)
    grant = find_live_grant(lead)
    if grant is None or not is_open_to_business(lead, grant):
        return []
    return to_business(lead, "A buyer said yes to you",
                       "How to reach them is on the lead’s page. "
                       f"You may contact them until {day_in_words(grant.until)}; then their yes ends.")


def business_consent_withdrawn(lead_id: str) -> list[Mail]:
    lead = _lead(lead_id)
    closed = "Please do not contact them again: how to reach them, and all that they gave, is closed to you. "
    if reach_of(lead, [one for one in consents_of(lead) if one.confirmed_at][-1]) is Reach.NEVER:
        closed = "It had waited for a look by a person, and was never open to you. "
    return to_business(lead, "A buyer took their yes back",
                       f"{closed}Nothing more is to be done. If they bought already, the sale still counts: record it "
                       "on the lead’s page.")


def referrer_consent_withdrawn(lead_id: str) -> list[Mail]:
    lead = _lead(lead_id)
    if lead.consent is not Consent.WITHDRAWN or lead.protected_until is None:
        return []
    left = ("The sale is recorded, and what it earned is not touched by this." if lead.stage is Stage.WON else
            "If they bought before that, the sale still counts, and can be recorded until "
            f"{day_in_words(lead.protected_until)}. Otherwise nothing more comes of it, and it ends on that day.")
    return to_referrer(
        lead, "The buyer took their yes back",
        f"{lead.business.name} may not contact them, and has been told so. Anybody may take a yes back at any "
        "time, without a reason.", left, "You need do nothing. Please leave them in peace about it.")


def referrer_buyer_said_yes(lead_id: str) -> list[Mail]:
    lead = _lead(lead_id)
    talks = (f"A person at Fingerpost looks at it first; then {lead.business.name} learns how to reach them."
             if lead.is_held else f"{lead.business.name} can talk to them now.")
    waits = said_of_reward(cases_of([lead]).get(lead.id), lead, Audience.REFERRER)
    return to_referrer(lead, "The buyer said yes",
                       f"{talks} If they buy, you earn {promised_in_words(lead)}. {waits}".strip())


def referrer_lowered(lead_id: str) -> list[Mail]:
    lead = _lead(lead_id)
    rule = lowering_of(lead)
    if rule is None:
        return []
    return to_referrer(
        lead, "The law leaves you less for this lead",
        f"The buyer has said where they live, and the law there counts too. {rule.says} {rule.exception}".strip(),
        f"That is {rule.citation}, as of {day_in_words(rule.cited_on)}.",
        f"If they buy, you get {promised_in_words(lead)}, instead of what the terms say. Nothing else about your lead "
        "changes. What you can say openly stands on its page.")


LETTERS: dict[str, Callable[..., list[Mail]]] = {
    letter.__name__: letter for letter in (
        lead_duplicate, lead_seconded, lead_needs_info, lead_rejected, lead_expired, lead_closed, lead_accepted,
        business_introduced, business_consent_withdrawn, referrer_consent_withdrawn, referrer_buyer_said_yes,
        referrer_lowered, referrer_buyer_said_later, referrer_wrong_person,
    )
}
