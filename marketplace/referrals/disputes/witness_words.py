"""What the buyer says as witness, and what came of it: to both sides, to admins, and to the buyer themselves."""
from collections.abc import Sequence

from sqlalchemy import select

from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import db
from marketplace.foundation.money import show_money
from marketplace.foundation.show import day_in_words
from marketplace.referrals.audience import Audience
from marketplace.referrals.disputes.queries import LIVE, OVER_A_SALE
from marketplace.referrals.disputes.words import SAID_AS_WITNESS
from marketplace.referrals.models import (
    Dispute,
    DisputeStatement,
    Ending,
    Lead,
    WitnessAnswer,
    WitnessSaid,
    WitnessWord,
)

R, B, A, Y = Audience.REFERRER, Audience.BUSINESS, Audience.ADMIN, Audience.BUYER
BY_MAIL = "mail"  # How the trail says that a witness was asked; else through the referrer.
ASKED_BY_MAIL = "The buyer was asked by our mail whether they bought"
PASSED_ON = "The referrer was given a link for the buyer, to ask whether they bought"
ASKED = {
    True: {R: ASKED_BY_MAIL, B: ASKED_BY_MAIL, A: ASKED_BY_MAIL, Y: "You were asked whether you bought"},
    False: {R: "You were given a link for the buyer, to ask whether they bought", B: PASSED_ON, A: PASSED_ON,
            Y: "The referrer was given a link for you, to ask whether you bought"},
}
OTHERWISE = "If you see it differently, answer this mail."


def last_heard(lead_ids: Sequence[str]) -> dict[str, Dispute]:
    """By lead the dispute in which its buyer said something as witness last, by the link in our mail."""
    if not lead_ids:
        return {}
    heard = db.session.scalars(select(Dispute).join(WitnessAnswer, WitnessAnswer.dispute_id == Dispute.id).where(
        Dispute.lead_id.in_(lead_ids), WitnessAnswer.is_proven))
    words = [(word.said_at, one) for one in heard if (word := one.proven_word)]
    return {one.lead_id: one for _, one in sorted(words, key=lambda said: said[0])}


def quote(said: WitnessSaid) -> str:
    return f"“{SAID_AS_WITNESS[said]}”"


def say_word(word: WitnessWord | WitnessAnswer) -> str:
    """``“Yes, I bought from them.” On 2 Nov 2026, for about $28,000.``"""
    day = f"on {day_in_words(word.bought_on)}" if word.bought_on else ""
    amount = f"for about {show_money(word.amount)}" if word.amount else ""
    more = ", ".join(part for part in (day, amount) if part)
    return f"{quote(word.said)} {more[0].upper()}{more[1:]}." if more else quote(word.said)


def story_of_witness(event: AuditEvent, dispute: Dispute, audience: Audience) -> str:
    """A line of a lead's story; who answered by a link that was passed on may be anybody."""
    if event.action == "witness.asked":
        return ASKED[event.details.get("through") == BY_MAIL][audience]
    if event.action == "witness.corrected":
        statement = db.session.get(DisputeStatement, event.details.get("statement", ""))
        said = f": {quote(statement.said)}" if statement and statement.said else ""
        return f"{_who(audience)} corrected what {_they(audience)} answered as a witness{said}"
    answer = dispute.witness
    if answer is None or not answer.is_proven:
        return "The link that was passed on was answered, which does not show by whom" + (
            f": {quote(answer.said)}" if answer else "")
    return f"{_who(audience)} answered as a witness: {quote(answer.said)}"


def _who(audience: Audience) -> str:
    return "You" if audience is Y else "The buyer"


def _they(audience: Audience) -> str:
    return "you" if audience is Y else "they"


def would_settle(dispute: Dispute, *, is_proven: bool) -> bool:
    """Whether the buyer's yes or no is all that is asked, and it is known whose it is."""
    return is_proven and dispute.kind in OVER_A_SALE


def next_to_buyer(dispute: Dispute) -> str:
    """What they themselves may do about it, or what came of it."""
    if dispute.state not in LIVE:
        return outcome_to_buyer(dispute)
    if dispute.proven_word is not None:
        return "You have answered, and nothing more is needed of you."
    if dispute.witness_asked_at is None:
        return "We may ask you what happened; you need do nothing else."
    if not dispute.witness_by_mail:
        return "You may be given a link by which you can say what happened; you need do nothing else."
    if dispute.kind in OVER_A_SALE:
        return "We have asked you by mail what happened, and your answer would settle it. You need do nothing else."
    return "We have asked you by mail what happened. You need do nothing else."


def outcome_to_buyer(dispute: Dispute) -> str:
    """How it ended: who decided it, and what is recorded by it; no money of others."""
    business, referrer = _names(dispute)
    what = what_is_recorded(dispute)
    return {
        Ending.RULING: f"An admin has decided: {what}.",
        Ending.ACCEPTED: f"{business} says so too by now: {what}.",
        Ending.SILENCE: f"{business} did not answer in time: {what}.",
        Ending.RECORDED: f"{business} has recorded the sale.",
        Ending.WITHDRAWN: f"{referrer} has taken it back: nothing was decided.",
    }[dispute.ended_by] if dispute.ended_by else ""


def what_is_recorded(dispute: Dispute) -> str:
    if dispute.kind in OVER_A_SALE:
        return "the sale is recorded" if is_recorded(dispute) else "no sale is recorded"
    return "the sale is recorded with what it came to" if is_recorded(dispute) else "the sale stays as it was recorded"


def is_recorded(dispute: Dispute) -> bool:
    """Whether by its end the sale that was claimed is recorded."""
    return dispute.ended_by is Ending.RECORDED or dispute.ruled_sale_minor is not None


def meaning_to_buyer(dispute: Dispute, word: WitnessWord) -> str:
    """What that means for who answered."""
    if dispute.ended_by is Ending.WITHDRAWN:
        return "For you nothing changes."
    if is_recorded(dispute):
        gets = f"What {_names(dispute)[1]} gets for introducing you goes its way."
        return f"{gets} {OTHERWISE}" if word.said is WitnessSaid.NOT_BOUGHT else gets
    if word.said is WitnessSaid.BOUGHT:
        return f"Your purchase itself is not touched by that. {OTHERWISE}"
    return "For you nothing changes."


def _names(dispute: Dispute) -> tuple[str, str]:
    lead = db.session.get_one(Lead, dispute.lead_id)
    return lead.business.name, lead.referrer.name
