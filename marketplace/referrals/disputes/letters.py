"""What both sides of a dispute, the witness and the admins are told by mail; what is too late is not sent."""
from collections.abc import Callable, Sequence

from sqlalchemy import select

from marketplace.foundation.db import db
from marketplace.foundation.letters import NEEDS_ANOTHER, TO_ADMINS, compose, public_url
from marketplace.foundation.mail import Mail
from marketplace.foundation.money import Money, show_money, zero
from marketplace.foundation.naming import Name
from marketplace.foundation.show import day_in_words
from marketplace.identity.models import User
from marketplace.payments.disputes.debts import owed_by
from marketplace.referrals.audience import Audience
from marketplace.referrals.buyer_letters import is_never_written_to
from marketplace.referrals.disputes.kinds import KINDS
from marketplace.referrals.disputes.permissions import claimant_reads, may_rule, respondent_reads
from marketplace.referrals.disputes.queries import FOR_ADMINS, LIVE, leads_in
from marketplace.referrals.disputes.witness import may_be_mailed, witness_link
from marketplace.referrals.disputes.witness_words import meaning_to_buyer, outcome_to_buyer, say_word, would_settle
from marketplace.referrals.disputes.words import claimant_in_words, ended_in_words, next_in_words, title_of
from marketplace.referrals.letters import to_business
from marketplace.referrals.models import (
    Buyer,
    Clawback,
    Consent,
    ConversionKind,
    Dispute,
    DisputeKind,
    DisputeSide,
    DisputeState,
    Lead,
    Respondent,
)
from marketplace.referrals.naming import name_of
from marketplace.referrals.queries import conversions_of, rewards_of_lead
from marketplace.referrals.reward_words import cost_in_words

WITNESS_WHY = ("You get this mail because you answered our question about a business on Fingerpost. "
               "It is the only one about what came of it.")
BUYER_WHY = ("You get this mail because you were introduced to a business on Fingerpost and said yes to it. "
             "We ask this once.")


def _dispute(dispute_id: str) -> Dispute:
    return db.session.get_one(Dispute, dispute_id)


def _about(dispute: Dispute, to: Audience) -> Name:
    return name_of(db.session.get_one(Lead, dispute.lead_id), to)


def _to_person(user_id: str | None, dispute: Dispute, subject: str, *paragraphs: str, label: str) -> list[Mail]:
    person = db.session.get(User, user_id) if user_id else None
    if person is None or person.closed_at is not None:
        return []
    return [compose(person.email, subject, *paragraphs, name=person.name,
                    about=name_of(leads_in([dispute], user_id=person.id)[dispute.id], Audience.REFERRER),
                    action=(label, public_url(f"/disputes/{dispute.id}")))]


def _to_business(dispute: Dispute, subject: str, *paragraphs: str, label: str) -> list[Mail]:
    lead = db.session.get_one(Lead, dispute.lead_id)
    return to_business(lead, subject, *paragraphs, path=f"/disputes/{dispute.id}", label=label)


def _to_claimant(dispute: Dispute, subject: str, *paragraphs: str, label: str = "Open the dispute") -> list[Mail]:
    if dispute.claimant_side is DisputeSide.BUYER:
        return _to_buyer(dispute, subject, *paragraphs)
    if dispute.claimant_side is DisputeSide.BUSINESS:
        return _to_business(dispute, subject, *paragraphs, label=label)
    return _to_person(dispute.claimant_id, dispute, subject, *paragraphs, label=label)


def _to_respondent(dispute: Dispute, subject: str, *paragraphs: str, label: str = "Open the dispute") -> list[Mail]:
    if dispute.respondent_side is Respondent.BUSINESS:
        return _to_business(dispute, subject, *paragraphs, label=label)
    return _to_person(dispute.respondent_id, dispute, subject, *paragraphs, label=label)


def _to_buyer(dispute: Dispute, subject: str, *paragraphs: str) -> list[Mail]:
    """Who reported something wants to hear what became of it, whether or not their yes still stands."""
    buyer = db.session.get_one(Buyer, db.session.get_one(Lead, dispute.lead_id).buyer_id)
    if not buyer.email:
        return []
    return [compose(buyer.email, subject, *paragraphs, name=buyer.name or "", why=BUYER_WHY,
                    about=_about(dispute, Audience.BUYER))]


def _to_admins(dispute: Dispute, subject: str, *paragraphs: str) -> list[Mail]:
    """Who may rule on it. Where none may, all hear that another must be made."""
    admins, rulers = _rulers(dispute)
    return [compose(user.email, subject, *(paragraphs if rulers else [*paragraphs, NEEDS_ANOTHER]), name=user.name,
                    why=TO_ADMINS, about=_about(dispute, Audience.ADMIN),
                    action=("Open the dispute", public_url(f"/admin/disputes/{dispute.id}")))
            for user in rulers or admins]


def _rulers(dispute: Dispute) -> tuple[Sequence[User], list[User]]:
    """The admins, and those of them who may rule on it."""
    admins = db.session.scalars(select(User).where(User.is_admin, User.closed_at.is_(None))).all()
    return admins, [user for user in admins if may_rule(user, dispute)]


def _what(dispute: Dispute) -> str:
    money = f" {show_money(dispute.at_issue)} of reward is at issue." if dispute.at_issue_minor else ""
    claimant = claimant_in_words(dispute, respondent_reads(dispute))
    return f"“{title_of(dispute)}”, says {claimant}. {KINDS[dispute.kind].says}{money}"


def dispute_opened(dispute_id: str) -> list[Mail]:
    dispute = _dispute(dispute_id)
    if dispute.state is not DisputeState.AWAITING_RESPONSE or dispute.due_at is None:
        return []
    return _to_respondent(
        dispute, "Somebody disputes something with you", _what(dispute),
        f"You have until {day_in_words(dispute.due_at)} to accept it or to say why not. Without an answer it ends "
        f"for {claimant_in_words(dispute, respondent_reads(dispute))}.", label="Read and answer")


def dispute_reminded(dispute_id: str) -> list[Mail]:
    dispute = _dispute(dispute_id)
    if dispute.state is not DisputeState.AWAITING_RESPONSE or dispute.due_at is None:
        return []
    return _to_respondent(
        dispute, "A dispute waits for your answer", next_in_words(dispute, respondent_reads(dispute)),
        label="Read and answer")


def dispute_contested(dispute_id: str) -> list[Mail]:
    dispute = _dispute(dispute_id)
    if dispute.state is not DisputeState.CONTESTED:
        return []
    return _to_claimant(dispute, "Your dispute was answered", "The other side sees it differently, and says why.",
                        next_in_words(dispute, claimant_reads(dispute)), label="Read the answer")


def dispute_escalated(dispute_id: str) -> list[Mail]:
    dispute = _dispute(dispute_id)
    if dispute.state is not DisputeState.ESCALATED or dispute.due_at is None:
        return []
    said, who = ("An admin decides now", next_in_words(dispute)), "You or another admin rule"
    if not _rulers(dispute)[1]:
        who = "An admin rules"
    return [*_to_claimant(dispute, *said), *_to_respondent(dispute, *said),
            *_to_admins(dispute, "A dispute waits for a ruling",
                        f"{who} on it, by {day_in_words(dispute.due_at)}. Until then both sides "
                        "can add what they know.")]


def dispute_waits(dispute_id: str) -> list[Mail]:
    dispute = _dispute(dispute_id)
    if dispute.state is not DisputeState.OPEN:
        return []
    return _to_admins(dispute, "A dispute waits to be taken up",
                      "This very claim was ruled on before, or whoever makes it has lost more than three in the last "
                      "ninety days.")


def dispute_overdue(dispute_id: str) -> list[Mail]:
    dispute = _dispute(dispute_id)
    if dispute.state not in FOR_ADMINS:
        return []
    return _to_admins(dispute, "A ruling is due", "Both sides wait for it.")


def dispute_ended(dispute_id: str) -> list[Mail]:
    """The ruling's reason stands word for word in both letters; what it costs, in that of the business."""
    dispute = _dispute(dispute_id)
    if dispute.ended_at is None:
        return []
    said = [f"It ended on {day_in_words(dispute.ended_at)}."]
    if dispute.ruling:
        said.append(f"The admin’s reason: {dispute.ruling}")
    if (owed := owed_by(dispute.id, dispute.currency)).minor:
        said.append(f"The bounty’s free funds did not suffice: the business owes {show_money(owed)}. Its next payment "
                    "for that bounty settles it first, and the reward waits until then.")
    ours, theirs = (ended_in_words(dispute, reads(dispute)) for reads in (claimant_reads, respondent_reads))
    for_claimant, for_respondent = (_sums(dispute, reads(dispute)) for reads in (claimant_reads, respondent_reads))
    return [*_to_claimant(dispute, "Your dispute is over", ours, *for_claimant, *said),
            *_to_respondent(dispute, "A dispute with you is over", theirs, *for_respondent, *said)]


def _sums(dispute: Dispute, to: str | None) -> list[str]:
    """What it has posted: what is earned by it, or what of our fee goes back with what is taken of the reward."""
    nothing, to_business = zero(dispute.currency), to == dispute.business_id
    if dispute.kind is DisputeKind.BAD_LEAD:
        clawbacks = db.session.scalars(select(Clawback).filter_by(dispute_id=dispute.id))
        back = sum((Money(one.fee_minor, one.currency) for one in clawbacks), nothing)
        return [f"Of our fee {show_money(back)} goes back with it."] if to_business and back.minor else []
    lead = db.session.get_one(Lead, dispute.lead_id)
    is_qualified = (dispute.kind is DisputeKind.REJECTED_UNFAIRLY
                    and dispute.state in {DisputeState.RESOLVED_FOR_CLAIMANT, DisputeState.SPLIT})
    made = {one.id for one in conversions_of(lead) if dispute.id in {one.external_id, one.payload.get("sold_as")}
            or (is_qualified and one.kind is ConversionKind.QUALIFIED)}
    rewards = [one for one in rewards_of_lead(lead) if one.conversion_id in made]
    if to_business:
        return [cost] if (cost := cost_in_words(rewards)) else []
    theirs = [one.net for one in rewards if one.beneficiary_id == to]
    return [f"You earn {show_money(sum(theirs, nothing))} by it."] if theirs else []


def witness_asked(dispute_id: str) -> list[Mail]:
    """To the buyer while their yes stands; else the referrer has the link, to pass on."""
    dispute = _dispute(dispute_id)
    lead = db.session.get_one(Lead, dispute.lead_id)
    if dispute.state not in LIVE or dispute.witness is not None:
        return []
    if dispute.witness_by_mail and may_be_mailed(lead):
        buyer = db.session.get_one(Buyer, lead.buyer_id)
        about = "what you paid there. What you say of it would help to decide that."
        if would_settle(dispute, is_proven=True):
            about = "whether you bought something there. Your word would settle it."
        return [compose(
            str(buyer.email), "One question, if you like",
            f"{lead.referrer.name} introduced you to {lead.business.name}. The two see differently {about}",
            "One page, no account. You may also say that you would rather not, and nobody minds.",
            f"It counts until this is decided{_if_possible_by(dispute)}. If you do nothing, nothing happens to you: it "
            "is decided without your word.",
            name=buyer.name or "", why=BUYER_WHY, about=_about(dispute, Audience.BUYER),
            action=("Answer", witness_link(dispute, is_mailed=True)))]
    return _to_person(
        lead.referrer_id, dispute, "The buyer could help with your dispute",
        "We may not write to the buyer ourselves. If you know them, pass this link on to them alone; there they can "
        "say whether they bought, or that they would rather not:", witness_link(dispute, is_mailed=False),
        f"Their answer counts until it is decided{_if_possible_by(dispute)}. Without one it is decided by what both of "
        "you say.", label="Open the dispute")


def _if_possible_by(dispute: Dispute) -> str:
    """It may be decided on any day; that of the clock which runs is the one to name."""
    return f": please answer by {day_in_words(dispute.due_at)}, if you can" if dispute.due_at else ""


def witness_answered(dispute_id: str) -> list[Mail]:
    dispute = _dispute(dispute_id)
    if dispute.state not in LIVE or dispute.witness is None:
        return []
    return _to_both(dispute, "The buyer has answered", "What they said stands on the page of your dispute.")


def _to_both(dispute: Dispute, subject: str, says: str) -> list[Mail]:
    """With what happens next."""
    return [*_to_claimant(dispute, subject, says, next_in_words(dispute, claimant_reads(dispute))),
            *_to_respondent(dispute, subject, says, next_in_words(dispute, respondent_reads(dispute)))]


def witness_told(dispute_id: str) -> list[Mail]:
    """The buyer who answered from our mail, once, while they have not taken their yes back nor said never."""
    dispute = _dispute(dispute_id)
    lead, word = db.session.get_one(Lead, dispute.lead_id), dispute.proven_word
    buyer = db.session.get_one(Buyer, lead.buyer_id)
    if word is None or dispute.ended_at is None or lead.consent is not Consent.GRANTED or not buyer.email:
        return []
    if is_never_written_to(buyer):
        return []
    return [compose(
        buyer.email, "What came of your answer",
        f"We asked you about {lead.business.name}, to which {lead.referrer.name} introduced you. "
        f"You said: {say_word(word)}",
        f"{outcome_to_buyer(dispute)} {meaning_to_buyer(dispute, word)}",
        "Nothing more is needed of you, and you owe nobody anything by it. Thank you for answering.",
        name=buyer.name or "", why=WITNESS_WHY, about=_about(dispute, Audience.BUYER),
        action=("See what you said", witness_link(dispute, is_mailed=True)))]


def witness_corrected(dispute_id: str) -> list[Mail]:
    dispute = _dispute(dispute_id)
    if dispute.state not in LIVE:
        return []
    return _to_both(dispute, "The buyer has corrected their answer",
                    "What they say now stands on the page of your dispute.")


LETTERS: dict[str, Callable[..., list[Mail]]] = {
    letter.__name__: letter for letter in (
        dispute_opened, dispute_reminded, dispute_contested, dispute_escalated, dispute_waits, dispute_overdue,
        dispute_ended, witness_asked, witness_answered, witness_corrected, witness_told,
    )
}
