"""Each state of a dispute in plain words: what happens next, to whom, and how it ended."""
from sqlalchemy import select

from marketplace.bounties.models import For, RewardKind
from marketplace.bounties.rule_words import percent_text
from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import db
from marketplace.foundation.money import BASIS, Money, show_money, zero
from marketplace.foundation.show import day_in_words
from marketplace.referrals.at_issue import taken_meanwhile
from marketplace.referrals.disputes.kinds import FREED, KINDS, buyer_says_otherwise
from marketplace.referrals.disputes.permissions import claimant_reads, respondent_reads
from marketplace.referrals.models import (
    Clawback,
    ClawbackState,
    Dispute,
    DisputeKind,
    DisputeSide,
    DisputeState,
    Ending,
    Lead,
    Reward,
    WitnessSaid,
)

D = DisputeState
OF_REWARDS = frozenset({DisputeKind.BAD_LEAD, DisputeKind.DUPLICATE_OWNERSHIP})  # Something is earned and frozen.
SIDES = {DisputeSide.REFERRER: "the referrer", DisputeSide.BUSINESS: "the business", DisputeSide.BUYER: "the buyer",
         DisputeSide.ADMIN: "an admin"}
SAID_AS_WITNESS = {
    WitnessSaid.BOUGHT: "Yes, I bought from them.", WitnessSaid.NOT_BOUGHT: "No, I did not buy from them.",
    WitnessSaid.RATHER_NOT: "I would rather not say."}
STATES = {
    D.OPEN: ("Waits for an admin", "warn"), D.AWAITING_RESPONSE: ("Waits for an answer", "info"),
    D.ACCEPTED: ("Accepted", "ok"), D.CONTESTED: ("Contested", "warn"), D.ESCALATED: ("An admin decides", "warn"),
    D.SPLIT: ("Split", "info"), D.WITHDRAWN: ("Taken back", "mute")}


def claimant_in_words(dispute: Dispute, to: str | None = None) -> str:
    """``to``, here and below: who reads, as ``claimant_reads`` and ``respondent_reads`` name them."""
    if to and to == claimant_reads(dispute):
        return "you"
    is_other = _is_among_referrers(dispute) and to == respondent_reads(dispute)
    return "the other referrer" if is_other else SIDES[dispute.claimant_side]


def respondent_in_words(dispute: Dispute, to: str | None = None) -> str:
    if to and to == respondent_reads(dispute):
        return "you"
    return "the other referrer" if _is_among_referrers(dispute) else SIDES[DisputeSide(dispute.respondent_side.value)]


def _is_among_referrers(dispute: Dispute) -> bool:
    return dispute.claimant_side.value == dispute.respondent_side.value


def state_in_words(dispute: Dispute, to: str | None = None) -> tuple[str, str]:
    """The text and the tone of its badge; of one that is decided, for whom it is."""
    if dispute.state not in {D.RESOLVED_FOR_CLAIMANT, D.RESOLVED_FOR_RESPONDENT}:
        return STATES[dispute.state]
    whom = (claimant_in_words if dispute.state is D.RESOLVED_FOR_CLAIMANT else respondent_in_words)(dispute, to)
    return f"For {whom}", "mute" if to and whom != "you" else "ok"


def next_in_words(dispute: Dispute, to: str | None = None, *, is_ruler: bool = False) -> str:
    """One sentence: who does what by when. ``is_ruler``: the admin reads it who may rule."""
    until = day_in_words(dispute.due_at) if dispute.due_at else ""
    claimant, respondent = claimant_in_words(dispute, to), respondent_in_words(dispute, to)
    who = "You have" if respondent == "you" else f"{respondent.capitalize()} has"
    may = "Take it to an admin, or take it back." if claimant == "you" else (
        f"{claimant.capitalize()} may take it to an admin, or take it back.")
    said = {
        D.OPEN: f"{'Look at it' if is_ruler else 'An admin looks at it first,'} by {until}: it was ruled on before, or "
                "more than three were lost lately. Nothing is frozen meanwhile.",
        D.AWAITING_RESPONSE: f"{who} until {until} to accept it, or to say why not. Without an answer "
                             + ("an admin decides." if buyer_says_otherwise(dispute) else f"it ends for {claimant}."),
        D.CONTESTED: f"{may} On {until} it goes to an admin by itself.",
        D.ESCALATED: f"{'Decide' if is_ruler else 'An admin decides,'} by {until}. Until then both sides can add what "
                     "they know.",
    }
    return said.get(dispute.state) or ended_in_words(dispute, to)


def yes_and_no(said: WitnessSaid, *, to_business: bool = False) -> str:
    """What the buyer says by now of a purchase, which the business says was none."""
    business = "you say" if to_business else "the business says"
    return {
        WitnessSaid.BOUGHT: f"The buyer says that they bought; {business} that they did not",
        WitnessSaid.NOT_BOUGHT: f"The buyer says now that they did not buy; {business} so too",
        WitnessSaid.RATHER_NOT: "The buyer said that they bought, and would rather not say more; "
                                f"{business} that they did not"}[said]


def disputed_no_in_words(dispute: Dispute, said: WitnessSaid, to: str | None = None) -> str:
    """Over a no of the business to a buyer's “I bought it”, while it is not over; ``said``: what they say by now."""
    claimant, respondent = claimant_in_words(dispute, to), respondent_in_words(dispute, to)
    disputes = "you dispute" if claimant == "you" else f"{claimant} disputes"
    return f"{yes_and_no(said, to_business=respondent == 'you')}, and {disputes} it. {next_in_words(dispute, to)}"


def ended_in_words(dispute: Dispute, to: str | None = None) -> str:
    claimant, respondent = claimant_in_words(dispute, to), respondent_in_words(dispute, to)
    business = "you have" if to == dispute.business_id else "the business has"
    share = percent_text(dispute.share_bps or 0)
    by_ruling = {
        D.RESOLVED_FOR_RESPONDENT: f"an admin decided for {respondent}. {_goes_on(dispute)}".strip(),
        D.RESOLVED_FOR_CLAIMANT: f"an admin decided for {claimant}. {what_follows(dispute)}",
        D.SPLIT: f"an admin gave {claimant} {share} of what was at issue{_given(dispute)}. {what_follows(dispute)}",
    }
    how = {
        Ending.WITHDRAWN: f"{claimant} took it back. Nobody has lost.",
        Ending.ACCEPTED: f"{respondent} accepted it. {what_follows(dispute)}",
        Ending.RECORDED: f"{business} recorded the sale.",
        Ending.SILENCE: f"{respondent} did not answer, so it ended for {claimant}. {what_follows(dispute)}",
        Ending.RULING: by_ruling.get(dispute.state, ""),
    }
    return f"It is over: {how[dispute.ended_by]}" if dispute.ended_by else ""


def _goes_on(dispute: Dispute) -> str:
    """What its end for the respondent does with what waited."""
    if dispute.kind in OF_REWARDS:
        return "What was frozen goes on as before." if dispute.at_issue_minor else ""
    freed = db.session.scalar(select(AuditEvent.details).where(
        AuditEvent.subject_id == dispute.id, AuditEvent.action == FREED).limit(1))
    if not freed:
        return ""
    return f"The {show_money(Money(freed['amount_minor'], dispute.currency))} set aside for it is free again."


def _given(dispute: Dispute) -> str:
    """Of a split, what the claimant has by it so far; where something is taken back, what follows names it."""
    taken = db.session.scalars(select(Clawback).where(
        Clawback.dispute_id == dispute.id, Clawback.state == ClawbackState.TAKEN)).all()
    if not taken or dispute.kind is DisputeKind.BAD_LEAD:
        return ""
    given = sum((one.amount for one in taken), zero(dispute.currency))
    if dispute.kind is not DisputeKind.DUPLICATE_OWNERSHIP:  # They have what was not taken.
        earned = db.session.scalars(select(Reward).where(Reward.id.in_([one.reward_id for one in taken])))
        given = sum((one.amount for one in earned), zero(dispute.currency)) - given
    return f", that is {show_money(given)}"


def what_follows(dispute: Dispute) -> str:
    """What its end for the claimant has posted."""
    part = show_money(dispute.at_issue.part(dispute.share_bps or BASIS, BASIS))
    return {
        DisputeKind.GHOST_CLOSE: "The sale is recorded, and its reward is held for the return period.",
        DisputeKind.UNTRACKED: "The sale is recorded, and its reward is held for the return period.",
        DisputeKind.WRONG_AMOUNT: "The difference is recorded, and what it earns is held for the return period.",
        DisputeKind.REJECTED_UNFAIRLY: "The lead counts as qualified, and what that earns is held.",
        DisputeKind.DUPLICATE_OWNERSHIP: "What the lead earns for who was counted is shared accordingly; what others "
                                         f"had agreed on with them stays theirs.{_of_things(dispute)}",
        DisputeKind.BAD_LEAD: f"{part} of the reward is taken back{_with_earlier(dispute)}.",
        DisputeKind.NON_PAYMENT: "It is owed, and the business says how to have it.",
        DisputeKind.FAVOUR_NOT_KEPT: "The favour is owed again.",
        DisputeKind.DATA_MISUSE: "The business can no longer see the contact data.",
    }[dispute.kind]


def _with_earlier(dispute: Dispute) -> str:
    reward = db.session.get(Reward, dispute.about_id) if dispute.kind is DisputeKind.BAD_LEAD else None
    is_less = reward is not None and any(one.minor for one in taken_meanwhile(dispute, reward))
    return ", with what was taken back of it since the claim" if is_less else ""


def _of_things(dispute: Dispute) -> str:
    """Whose it is that is not money, where the terms give such a thing to the referrer."""
    owner = db.session.get(Lead, dispute.about_id)
    if owner is None or all(one.kind is not RewardKind.NON_CASH or one.whom is not For.REFERRER
                            for one in owner.terms.rules):
        return ""
    if (dispute.share_bps or BASIS) == BASIS:
        return " So is what is not money, unless it was offered already."
    return " What is not money cannot be divided, so it stays with who was counted."


def frozen_in_words(dispute: Dispute) -> str:
    """What waits because of it, and that nothing else does."""
    if dispute.ended_at is not None:
        return "Nothing is frozen any more."
    if dispute.state is D.OPEN:
        return "Nothing, before an admin has looked."
    if dispute.kind in OF_REWARDS:
        return (f"{show_money(dispute.at_issue)} of the reward, as far as it is neither sent nor taken back. The rest "
                "goes its way."
                if dispute.at_issue_minor else "Nothing: nothing is earned yet.")
    if dispute.reserved_minor:
        return f"{show_money(dispute.reserved)} of the bounty’s funds are set aside for it, our fee included."
    return "What is reserved for this lead anyway, and nothing more." if KINDS[dispute.kind].may_split else "No money."


def title_of(dispute: Dispute) -> str:
    return KINDS[dispute.kind].title
