"""Each party's own story of a lead, told from the audit trail: what happened, and what happens next."""
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import select

from marketplace.bounties.models import For
from marketplace.bounties.rules import worst_case
from marketplace.foundation import audit
from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import db
from marketplace.foundation.fetch import FetchFailure, say_failure
from marketplace.foundation.money import show_money
from marketplace.identity.models import User
from marketplace.referrals.asking import BY_REFERRER
from marketplace.referrals.caps import CREDITED_ANEW
from marketplace.referrals.consent import BUYER
from marketplace.referrals.desk.as_told import is_untold, untold_spans
from marketplace.referrals.disputes.words import title_of
from marketplace.referrals.letters import REASONS
from marketplace.referrals.models import (
    Clawback,
    Consent,
    Conversion,
    Dispute,
    Lead,
    Moderation,
    ReasonCode,
    Reward,
    RewardInKind,
    RewardState,
    Split,
    Stage,
)
from marketplace.referrals.permissions import may_moderate
from marketplace.referrals.queries import is_buyer_address_known
from marketplace.referrals.reserving import still_possible
from marketplace.referrals.reward_words import main_reward, part_in_words, reward_next, taking_back, thing_in_words


class Audience(StrEnum):
    REFERRER = "referrer"
    BUSINESS = "business"
    ADMIN = "admin"
    BUYER = "buyer"


def audience_of(user: User, lead: Lead) -> Audience:
    """An admin with a stake reads it as the party they are."""
    if may_moderate(user, lead):
        return Audience.ADMIN
    return Audience.REFERRER if user.id == lead.referrer_id else Audience.BUSINESS


@dataclass(frozen=True)
class Happening:
    """One line of a story. ``tone`` is ok, warn, bad, info or mute."""

    at: datetime
    title: str
    text: str
    tone: str


ONE_OPENING = timedelta(minutes=10)  # A page that is loaded again is one line here; the trail has every one.
LOOKS = frozenset({"contact.opened", "case.opened", "post.opened"})
R, B, A, Y = Audience.REFERRER, Audience.BUSINESS, Audience.ADMIN, Audience.BUYER
EVERYONE = frozenset(Audience)
INSIDERS = frozenset({R, A})
PARTY = {R: "referrer", B: "business", Y: "buyer"}  # The side of a dispute whose story it is too.

# action -> (who reads it, words, tone)
WORDS: dict[str, tuple[frozenset[Audience], str, str]] = {
    "lead.submitted": (INSIDERS | {Y}, "Pointed out", "info"),
    "lead.came": (EVERYONE, "The buyer came by a link or a code; funds reserved", "ok"),
    "evidence.captured": (INSIDERS, "The post was read and kept", "info"),
    "evidence.unavailable": (INSIDERS, "The post could not be read", "warn"),
    "evidence.given": (INSIDERS, "The text was given by the referrer", "info"),
    "evidence.pending": (INSIDERS, "The post is read again", "info"),
    "evidence.unchanged": (INSIDERS, "Looked at again: the post stands as it was", "ok"),
    "evidence.still_there": (INSIDERS, "Looked at again: the page changed, the sentence still stands", "info"),
    "evidence.quote_gone": (INSIDERS, "Looked at again: the sentence is gone from the page", "warn"),
    "evidence.page_gone": (INSIDERS, "Looked at again: the page is gone", "warn"),
    "evidence.file_given": (INSIDERS, "A file was given as evidence", "info"),
    "evidence.file_taken": (frozenset({A}), "A file of the evidence was opened", "mute"),
    "lead.in_review": (INSIDERS, "Waiting for a moderator", "info"),
    "lead.needs_info": (INSIDERS, "A question to the referrer", "warn"),
    "stage.undone": (frozenset({A}), "Not open to the business after all", "mute"),
    "lead.escalated": (frozenset({A}), "Passed on to another admin", "warn"),
    "lead.escalation_taken_back": (frozenset({A}), "Not passed on after all", "mute"),
    "lead.taken_over": (frozenset({A}), "Taken over from another admin", "mute"),
    "lead.accepted": (EVERYONE, "Accepted by moderation; funds reserved", "ok"),
    "lead.rejected": (INSIDERS, "Not accepted", "bad"),
    "lead.duplicate": (INSIDERS, "Kept as a duplicate", "warn"),
    "buyer.found_same": (frozenset({A}), "One buyer with another lead, an admin says", "warn"),
    "buyer.found_different": (frozenset({A}), "Another buyer than that of a like lead, an admin says", "info"),
    "lead.withdrawn": (INSIDERS, "Taken back by the referrer", "mute"),
    "lead.expired": (EVERYONE, "Ended", "mute"),
    "consent.asked": (EVERYONE, "The buyer was asked", "info"),
    "consent.given": (frozenset({A, Y}), "The buyer answered; the address is confirmed next", "info"),
    "consent.granted": (EVERYONE, "The buyer said yes", "ok"),
    "lead.lowered": (EVERYONE, "The law of a place leaves less than the terms say", "warn"),
    "consent.refused": (INSIDERS | {Y}, "The buyer said no", "mute"),
    "consent.postponed": (INSIDERS | {Y}, "The buyer asked to be asked again later", "info"),
    "buyer.not_them": (INSIDERS, "The link reached somebody else", "warn"),
    "consent.no_answer": (EVERYONE, "The buyer did not answer", "mute"),
    "consent.withdrawn": (EVERYONE, "The buyer took the yes back", "warn"),
    "contact.opened": (frozenset({A, B, Y}), "The business opened the contact data", "info"),
    "case.opened": (frozenset({Y}), "", "mute"),
    "post.opened": (frozenset({Y}), "", "mute"),
    "buyer.erased": (frozenset({R, B, A}), "What was kept of the buyer was erased", "mute"),
    "buyer.erasure_asked": (frozenset({A}), "The buyer asked to be erased; something is to be settled first", "warn"),
    "stage.new": (frozenset({A}), "Open for the business to work on", "mute"),
    "stage.introduced": (EVERYONE, "In touch", "info"),
    "stage.qualified": (EVERYONE, "Qualified: a real need, says the business", "info"),
    "stage.meeting": (EVERYONE, "Meeting", "info"),
    "stage.negotiation": (EVERYONE, "Negotiating", "info"),
    "stage.won": (EVERYONE, "Sold", "ok"),
    "stage.lost": (EVERYONE, "Lost", "warn"),
    "stage.unqualified": (EVERYONE, "Not a fit", "warn"),
    "sale.refunded": (frozenset({R, B, A}), "Part of the sale was refunded", "warn"),
    "reward.pending": (frozenset({R, B, A}), "Reward earned; it waits out the return period", "ok"),
    "funds.frozen": (frozenset({R, B, A}), "Its funds were frozen: the bank disputes the business’s payment", "warn"),
    "funds.thawed": (frozenset({R, B, A}), "Its funds are back", "ok"),
    "transfers.stopped": (frozenset({R, A}), "Its transfer is stopped", "warn"),
    "transfers.resumed": (frozenset({R, A}), "Its transfer may go again", "ok"),
    "reward.on_hold": (frozenset({R, B, A}), "Reward put on hold", "warn"),
    "reward.payable": (frozenset({R, B, A}), "Reward released", "ok"),
    "reward.scheduled": (frozenset({R, B, A}), "Reward put into a transfer", "info"),
    "reward.paid": (frozenset({R, B, A}), "Reward paid to a Stripe account", "ok"),
    "reward.voided": (frozenset({R, B, A}), "Reward voided", "bad"),
    "clawback.taken": (frozenset({R, B, A}), "Part of the reward was taken back", "warn"),
    "share.waiting": (EVERYONE, "The buyer is asked what becomes of their share", "info"),
    "share.taken": (EVERYONE, "The buyer takes the share as money", "info"),
    "share.donated": (EVERYONE, "The buyer gives the share to the cause", "info"),
    "share.declined": (EVERYONE, "The buyer’s share goes back to the business", "mute"),
    "fraud.held": (EVERYONE - {Y}, "A person looks at it first", "warn"),
    "fraud.stopped": (EVERYONE - {Y}, "It waits until a person has decided", "warn"),
    "fraud.kept": (EVERYONE - {Y}, "The look takes longer", "warn"),
    "fraud.let_go": (EVERYONE - {Y}, "A person has looked: it goes on", "ok"),
    "fraud.expired": (EVERYONE - {Y}, "Nobody kept it back: it goes on", "ok"),
    "fraud.appealed": (INSIDERS, "The referrer explained", "info"),
    "fraud.confirmed": (EVERYONE - {Y}, "A person finds that it is not genuine", "bad"),
    "fraud.proven": (EVERYONE - {Y}, "It stands that it is not genuine", "bad"),
    "reward.held_longer": (frozenset({R, B, A}), "The return period is two weeks longer", "warn"),
    "kind.owed": (EVERYONE - {Y}, "Owed, not in money", "ok"),
    "kind.offered": (EVERYONE - {Y}, "Offered by the business", "info"),
    "kind.fulfilled": (EVERYONE - {Y}, "Done by the business", "ok"),
    "kind.acknowledged": (EVERYONE - {Y}, "Thanked for", "ok"),
    "kind.declined": (EVERYONE - {Y}, "Not wanted", "mute"),
    "kind.forgiven": (EVERYONE - {Y}, "Forgiven: owed no more", "mute"),
    "kind.expired": (EVERYONE - {Y}, "Expired", "warn"),
    "split.proposed": (INSIDERS, "A split of the reward was proposed", "info"),
    "split.agreed": (INSIDERS, "Everybody agreed to the split: it is fixed", "ok"),
    "split.declined": (INSIDERS, "Somebody said no to the split", "warn"),
    "split.withdrawn": (INSIDERS, "The split was taken back", "mute"),
    "renewals.ended": (EVERYONE - {Y}, "No renewal follows, says the business", "mute"),
    "dispute.open": (EVERYONE, "A dispute was opened", "warn"),
    "dispute.awaiting_response": (frozenset({A}), "The other side was asked", "info"),
    "dispute.accepted": (EVERYONE, "The other side accepted the dispute", "ok"),
    "dispute.contested": (EVERYONE, "The other side contests it", "warn"),
    "dispute.escalated": (EVERYONE, "The dispute went to an admin", "info"),
    "dispute.resolved_for_claimant": (EVERYONE, "The dispute ended for the claimant", "ok"),
    "dispute.resolved_for_respondent": (EVERYONE, "The dispute ended for the other side", "ok"),
    "dispute.split": (EVERYONE, "The dispute ended with a split", "ok"),
    "dispute.withdrawn": (EVERYONE, "The dispute was taken back", "mute"),
    "witness.asked": (EVERYONE - {Y}, "The buyer was asked whether they bought", "info"),
    "witness.answered": (EVERYONE - {Y}, "The buyer answered as a witness", "info"),
    "clawback.outstanding": (frozenset({R, B, A}), "A part to take back could not be had yet; we ask again", "warn"),
}


# Without an address nobody was asked yet: there is a private page, and the referrer has its link.
PASSED_ON = {
    R: "You pass the private link on to the buyer", Y: "Your private page was made",
    B: "The referrer passes the private link on to the buyer",
    A: "The referrer passes the private link on to the buyer",
}
# What the buyer reads instead, of the own doings.
TO_BUYER = {
    "lead.submitted": "Somebody pointed at your post",
    "lead.accepted": "A moderator accepted it",
    "consent.asked": "You were asked",
    "consent.given": "You answered; your address is confirmed next",
    "consent.granted": "You said yes",
    "consent.refused": "You said no",
    "consent.postponed": "You asked to be asked again later",
    "consent.no_answer": "You did not answer",
    "consent.withdrawn": "You took your yes back",
    "contact.opened": "The business opened your contact data",
    "case.opened": "A moderator looked at your post",
    "post.opened": "The business read your post",
    "share.waiting": "You were asked what becomes of your share",
    "share.taken": "You take your share as money",
    "share.donated": "You give your share to the cause",
    "share.declined": "Your share goes back to the business",
}


def tell_story(lead: Lead, audience: Audience) -> list[Happening]:
    """Oldest first. Actors are named by their part, never by their name, but for admins."""
    about = _subjects(lead, audience)
    told, opened_at = [], dict[str, datetime]()
    untold = untold_spans(lead) if audience is not A else []
    for event in db.session.scalars(audit.events_about(lead.id, *about)):
        if is_untold(event.action, event.created_at, untold):
            continue
        if event.action in LOOKS:
            look = event.action + event.actor_id
            last, opened_at[look] = opened_at.get(look), event.created_at
            if last is not None and event.created_at - last < ONE_OPENING:
                continue
        plain = event.action.replace(".", " ").replace("_", " ").capitalize()
        readers, title, tone = WORDS.get(event.action, (frozenset({A}), plain, "mute"))
        if audience in readers:
            words = _words(event, lead, audience, title)
            more = _more(event, lead, audience, about.get(event.subject_id, ""))
            told.append(Happening(event.created_at, words, more, tone))
    return told


def _subjects(lead: Lead, audience: Audience) -> dict[str, str]:
    """Everything that belongs to a lead and has a story, with the words that tell which of them it is."""
    rewards = {one.id: one for one in db.session.scalars(select(Reward).where(Reward.lead_id == lead.id))}
    about = {one.id: _which(one) for one in rewards.values()}
    about |= {one.id: _which(rewards[one.reward_id]) for one in db.session.scalars(
        select(Clawback).where(Clawback.reward_id.in_(rewards)))}
    about |= {one.id: part_in_words(one) for one in db.session.scalars(
        select(Conversion).where(Conversion.lead_id == lead.id))}
    about |= {one.id: title_of(one) for one in db.session.scalars(
        select(Dispute).where((Dispute.lead_id == lead.id) | (Dispute.about_id == lead.id)))
        if audience is A or PARTY[audience] in (one.claimant_side.value, one.respondent_side.value)}
    about |= {one.id: thing_in_words(one) for one in db.session.scalars(
        select(RewardInKind).where(RewardInKind.lead_id == lead.id))}
    return about | dict.fromkeys(db.session.scalars(select(Split.id).where(Split.lead_id == lead.id)), "")


def _which(reward: Reward) -> str:
    whose = ", the buyer’s share" if reward.whom is For.BUYER else ""
    return f"{show_money(reward.amount)} {part_in_words(reward)}{whose}"


def _words(event: AuditEvent, lead: Lead, audience: Audience, title: str) -> str:
    """``title``, or what this one was in particular."""
    if event.action == "consent.asked" and event.details.get("through") == BY_REFERRER:
        return PASSED_ON[audience]
    if event.action == "reward.pending" and event.details.get("was") == "on_hold":
        return "The hold is over"
    if _is_appeal(event) and audience is not Y:
        return "Appealed: another moderator looks at it"
    if event.action == "lead.accepted" and audience is not Y and not worst_case(lead.terms).minor:
        return "Accepted by moderation"
    return TO_BUYER.get(event.action, title) if audience is Y else title


def _is_appeal(event: AuditEvent) -> bool:
    return event.action == "lead.in_review" and event.details.get("reason") == "appeal"


def _more(event: AuditEvent, lead: Lead, audience: Audience, about: str) -> str:
    parts = [about, _actor(event.actor_id, lead, audience)]
    if (reason := event.details.get("reason")) and not _is_appeal(event):
        parts.append(_reason_in_words(str(reason)))
    return " · ".join(part for part in parts if part)


def _reason_in_words(reason: str) -> str:
    """Codes as sentences; what a person or a rule wrote stays as it is."""
    if reason in set(ReasonCode):
        return REASONS[ReasonCode(reason)]
    if reason in set(FetchFailure):
        return say_failure(FetchFailure(reason))
    return {"never": "and never again", "empty": "There was no text on the page."}.get(reason, reason.replace("_", " "))


def _actor(actor_id: str, lead: Lead, audience: Audience) -> str:
    if actor_id == audit.SYSTEM:
        return "automatically" if audience is A else ""
    if actor_id == BUYER:
        return "" if audience is Y else "by the buyer"
    if actor_id == lead.referrer_id:
        return "by the referrer"
    if audience is A:
        person = db.session.get(User, actor_id)
        return f"by {person.name}" if person else actor_id
    return ""


def next_step(
    lead: Lead, audience: Audience, rewards: list[Reward], *, is_address_known: bool | None = None
) -> str:
    """One sentence: what happens next, and who has to do it. Lists know ``is_address_known`` of all their leads."""
    if lead.moderation is not Moderation.ACCEPTED:
        return _before_acceptance(lead, audience)
    if lead.consent is Consent.ASKED:
        return _while_asked(lead, audience, is_address_known=is_address_known)
    if rewards and (lead.stage is Stage.WON or lead.stage in IN_THE_END):
        return _reward_next(lead, main_reward(rewards))
    if lead.stage in IN_THE_END:
        return IN_THE_END[lead.stage]
    return _in_talks(lead, audience)


def _reward_next(lead: Lead, reward: Reward) -> str:
    if taking := taking_back(reward):
        return taking
    if reward.clawbacks and reward.state is not RewardState.VOIDED:
        cause = reward.clawbacks[-1].dispute_id
        why = ("for a refund of the sale" if cause is None else "by a dispute" if not cause.startswith(CREDITED_ANEW)
               else "for an admin found that somebody else had brought them")
        return f"{_and_then(lead, reward)} {show_money(reward.clawed_back)} was taken back, {why}."
    return _and_then(lead, reward)


def _and_then(lead: Lead, reward: Reward) -> str:
    if reward.state is RewardState.PAID and still_possible(lead).minor:
        return "This part is paid. Later parts or renewals may still earn more."
    return reward_next(reward)


def _before_acceptance(lead: Lead, audience: Audience) -> str:
    is_final = lead.moderation in {Moderation.REJECTED, Moderation.DUPLICATE} and lead.appeal is not None
    if is_final:
        return "Nothing: it was looked at again, and the second decision stands."
    if lead.moderation is Moderation.EXPIRED and lead.consent is Consent.REFUSED:
        return "Nothing: the buyer said no."
    if audience is A and lead.moderation is Moderation.IN_REVIEW:
        return "Does it meet the terms? Accept it, reject it with a reason, or ask."
    return BEFORE[lead.moderation][audience is R]


def _in_talks(lead: Lead, audience: Audience) -> str:
    if lead.is_tracked:
        return ("When they buy, record the sale, or let your shop tell us." if audience is B
                else "They came to the business by themselves. If they buy, the reward is earned.")
    if lead.consent is Consent.WITHDRAWN:
        return "The buyer took the yes back: nobody contacts them. If they bought already, the sale still counts."
    if audience is B and lead.stage is not Stage.NEW:
        return "Keep talking as the buyer allowed. When they buy, record the sale."
    return ("Get in touch as the buyer allowed, then move the lead on." if audience is B
            else "The business talks to the buyer. If they buy, the reward is earned.")


def _while_asked(lead: Lead, audience: Audience, *, is_address_known: bool | None) -> str:
    if audience is Y:
        return "Nothing happens unless you say yes."
    if is_address_known is None:
        is_address_known = is_buyer_address_known(lead)
    if not is_address_known:
        return ("Pass the private link on to the buyer; they decide." if audience is R else
                "The referrer passes the private link on to the buyer. Nobody learns who they are before they say yes.")
    return "The buyer has been asked. Nobody learns who they are before they say yes."


IN_THE_END: dict[Stage | None, str] = {
    Stage.WON: "Nothing: this sale was too small to earn anything.",
    Stage.LOST: "Nothing, unless the buyer comes back inside the protection window.",
    Stage.UNQUALIFIED: "Nothing: the business says that it is not a fit; the lead’s page says why.",
}


# moderation -> (what others read, what the referrer reads)
BEFORE: dict[Moderation, tuple[str, str]] = {
    Moderation.SUBMITTED: ("The post is being read.", "We are reading the post. This takes a minute."),
    Moderation.IN_REVIEW: ("A moderator decides.", (
        "A moderator decides within two business days; after five without a decision it is accepted.")),
    Moderation.NEEDS_INFO: ("The referrer has a week to answer.", "Answer our question within a week."),
    Moderation.REJECTED: ("The referrer may appeal.", "You may appeal once."),
    Moderation.DUPLICATE: ("The referrer may appeal.", "If the buyer says it was you, appeal."),
    Moderation.WITHDRAWN: ("Nothing.", "Nothing: you took it back."),
    Moderation.EXPIRED: ("Nothing: it has ended.", "Nothing: it has ended. What was earned stays earned."),
}
