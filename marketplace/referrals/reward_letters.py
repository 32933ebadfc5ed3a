"""What people are told by mail of what a lead earned: money, a buyer's share, a split, what is not money."""
from collections.abc import Callable

from sqlalchemy import func, or_, select

from marketplace.bounties.rule_words import percent_text
from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import db
from marketplace.foundation.letters import compose, public_url
from marketplace.foundation.mail import Mail
from marketplace.foundation.money import Money, show_money, zero
from marketplace.foundation.show import day_in_words
from marketplace.identity.models import User
from marketplace.payments.models import Payable, PayableState
from marketplace.payments.money_out.stops import why_stopped
from marketplace.referrals.asking import MAILED, buyer_link
from marketplace.referrals.audience import Audience
from marketplace.referrals.buyer_letters import is_never_written_to, to_buyer
from marketplace.referrals.fraud.cases import find_case
from marketplace.referrals.going_out import goes_out_in_words
from marketplace.referrals.holds import UNRELEASED, live_holds, why_held
from marketplace.referrals.letters import to_business, to_referrer
from marketplace.referrals.models import (
    Buyer,
    Clawback,
    Consent,
    KindState,
    Lead,
    PartState,
    Reward,
    RewardInKind,
    RewardState,
    Split,
    SplitPart,
    SplitState,
    Suppression,
    Thing,
)
from marketplace.referrals.money_back import money_back_of
from marketplace.referrals.naming import name_of
from marketplace.referrals.reward_words import part_in_words, thing_at_start, thing_in_words

BUYER_WHY = "You get this mail because you were introduced to a business on Fingerpost, and said yes to it."


def _reward(reward_id: str) -> tuple[Reward, Lead]:
    reward = db.session.get_one(Reward, reward_id)
    return reward, db.session.get_one(Lead, reward.lead_id)


def to_whose_it_is(reward: Reward, lead: Lead, subject: str, *paragraphs: str) -> list[Mail]:
    """The referrer reads it on the lead's page, everybody else among their rewards; a buyer on their private page."""
    if reward.beneficiary_id is None:
        return to_introduced_buyer(lead, subject, *paragraphs)
    return _to_person(reward.beneficiary_id, lead, subject, *paragraphs)


def _to_person(user_id: str, lead: Lead, subject: str, *paragraphs: str) -> list[Mail]:
    if user_id == lead.referrer_id:
        return to_referrer(lead, subject, *paragraphs)
    person = db.session.get_one(User, user_id)
    return [] if person.closed_at else [compose(person.email, subject, *paragraphs, name=person.name,
                                                about=name_of(lead, Audience.REFERRER),
                                                action=("Open your rewards", public_url("/rewards")))]


def to_introduced_buyer(lead: Lead, subject: str, *paragraphs: str, label: str = "Open my page") -> list[Mail]:
    buyer = db.session.get_one(Buyer, lead.buyer_id)
    if is_never_written_to(buyer):
        return []
    return to_buyer(buyer, subject, *paragraphs, why=BUYER_WHY, action=(label, buyer_link(lead, MAILED)),
                    about=name_of(lead, Audience.BUYER))


def reward_earned(reward_id: str) -> list[Mail]:
    """What is left of it by now: a ruling may give a part alone. Of nothing nobody is told that they earned it."""
    reward, lead = _reward(reward_id)
    if not reward.net.minor:
        return []
    what = f"{show_money(reward.net)} is yours, {part_in_words(reward)}, from {lead.business.name}."
    return to_whose_it_is(
        reward, lead, "You earned a reward", f"{what}{_out_of(reward)}",
        f"It waits out the return period until {day_in_words(reward.release_at)}{_and_a_look(lead)}, then it is "
        "transferred to your Stripe account. Set that up now if you have not.")


def _and_a_look(lead: Lead) -> str:
    return " and until a person at Fingerpost has decided about it" if find_case(lead.id) else ""


def _out_of(reward: Reward) -> str:
    if reward.net == reward.amount:
        return ""
    why = "a dispute was decided" if reward.clawbacks[-1].dispute_id else "part of the sale was refunded"
    return f" It is what is left of {show_money(reward.amount)}, since {why}."


def reward_released(reward_id: str) -> list[Mail]:
    reward, lead = _reward(reward_id)
    if reward.state is RewardState.VOIDED:  # Meanwhile; another letter says why.
        return []
    return to_whose_it_is(reward, lead, "Your reward is released", f"{show_money(reward.net)} is released. "
                          f"{goes_out_in_words(reward, lead)}")


def reward_paid(reward_id: str) -> list[Mail]:
    reward, lead = _reward(reward_id)
    waits = Money(int(db.session.scalar(select(func.sum(Payable.amount_minor)).filter_by(
        rest_of=reward.id, state=PayableState.OWED)) or 0), reward.currency)
    rest = [f"{show_money(waits)} of it waits for a dispute, or for the next transfer."] if waits.minor else []
    paid_at = db.session.scalars(select(AuditEvent.created_at).filter_by(
        subject_id=reward.id, action="reward.paid")).one()
    paid = reward.net - waits
    of = f" of {show_money(reward.amount)}" if paid != reward.amount else ""
    return to_whose_it_is(
        reward, lead, "Your reward was paid",
        f"{show_money(paid)}{of} was paid on {day_in_words(paid_at)}, {part_in_words(reward)}, from "
        f"{lead.business.name}. It is in your Stripe account; Stripe pays it out to your bank from there, and your "
        "pages at Stripe say on which day.", *rest)


def _unsent(reward: Reward) -> list[tuple[Money, str | None]]:
    """What of it is not sent yet, piece by piece, and why each waits."""
    if reward.state in UNRELEASED:
        return [(reward.net, why_held(reward))]
    return [(one.amount, why_stopped(one)) for one in db.session.scalars(select(Payable).where(
        or_(Payable.id == reward.id, Payable.rest_of == reward.id), Payable.state != PayableState.SENT,
        Payable.amount_minor > 0).order_by(Payable.id))]


def _part(amounts: list[Money], reward: Reward) -> str:
    """``$1,000``, or ``$300 of $1,000``."""
    part = sum(amounts, zero(reward.currency))
    return show_money(part) if part == reward.net else f"{show_money(part)} of {show_money(reward.net)}"


def reward_frozen(reward_id: str) -> list[Mail]:
    """Only while a payment of the business is in doubt; an admin's own hold is told on the page."""
    reward, lead = _reward(reward_id)
    waits = [(amount, why) for amount, why in _unsent(reward) if why]
    held = live_holds(reward.id) if reward.state in UNRELEASED else ()
    reasons = dict.fromkeys([why for _, why in waits] + [hold.reason for hold in held])
    return [] if not waits else to_whose_it_is(
        reward, lead, "Your reward has to wait",
        f"{_part([amount for amount, _ in waits], reward)} from {lead.business.name} is on hold. {' '.join(reasons)}",
        "You did nothing wrong, and you need do nothing: it goes on as soon as the payment is settled. What was paid "
        "to you already stays yours.")


def reward_thawed(reward_id: str) -> list[Mail]:
    reward, lead = _reward(reward_id)
    goes_on = [amount for amount, why in _unsent(reward) if not why]
    return [] if reward.state is RewardState.VOIDED or not goes_on else to_whose_it_is(
        reward, lead, "Your reward goes on",
        f"The payment behind it is settled: {_part(goes_on, reward)} is no longer on hold. "
        f"{goes_out_in_words(reward, lead)}")


def reward_unpaid(reward_id: str) -> list[Mail]:
    reward, lead = _reward(reward_id)
    return to_whose_it_is(
        reward, lead, "Your reward could not be paid",
        f"{lead.business.name} did not pay for it: its bank had taken the money back, and thirty days passed.",
        reward.void_reason or "", "If you see it differently, write to us.")


def reward_clawed_back(clawback_id: str) -> list[Mail]:
    clawback = db.session.get_one(Clawback, clawback_id)
    reward, lead = _reward(clawback.reward_id)
    back = money_back_of([reward])[reward.id]
    taken = back.by_clawback[clawback_id]
    if not taken.minor:  # An admin had taken all of it before, and they read so then.
        return []
    less = ", less what an admin had taken back of it before" if taken != clawback.amount else ""
    return to_whose_it_is(
        reward, lead, "Part of a sale was refunded",
        f"On {day_in_words(clawback.created_at)} part of the sale was refunded. {show_money(taken)} of your reward of "
        f"{show_money(reward.amount)} {part_in_words(reward)} is taken back: what that part had earned{less}. "
        f"{show_money(back.left)} stays yours.")


def buyer_share_earned(reward_id: str) -> list[Mail]:
    reward, lead = _reward(reward_id)
    cause = f", give it to {lead.terms.cause}" if lead.terms.cause else ""
    you = "A person at Fingerpost looks at it first. Then you" if find_case(lead.id) else "You"
    return to_introduced_buyer(
        lead, "There is something for you too",
        f"{lead.business.name} promised you a share: {show_money(reward.amount)}, {part_in_words(reward)}.",
        f"{you} may take it as money{cause}, or decline it. It is kept for you until you choose, and for ninety days "
        f"from {day_in_words(reward.release_at)} on.", label="Choose")


def buyer_share_waiting(reward_id: str) -> list[Mail]:
    reward, lead = _reward(reward_id)
    if reward.choice is not None or reward.choice_due_at is None:
        return []
    return to_introduced_buyer(
        lead, "Your share waits for your choice",
        f"{show_money(reward.net)} from {lead.business.name} is ready. Tell us by "
        f"{day_in_words(reward.choice_due_at)} what becomes of it.",
        "Without a word from you it goes back to the business on that day.", label="Choose")


def buyer_share_reminded(reward_id: str) -> list[Mail]:
    return buyer_share_waiting(reward_id)


def buyer_share_lapsed(reward_id: str) -> list[Mail]:
    reward, lead = _reward(reward_id)
    return to_introduced_buyer(
        lead, "Your share went back",
        f"We had no word from you, so {show_money(reward.net)} went back to {lead.business.name}.")


def split_asked(part_id: str) -> list[Mail]:
    part = db.session.get_one(SplitPart, part_id)
    if part.state is not PartState.ASKED or part.split.state is not SplitState.PROPOSED:
        return []
    if db.session.get(Suppression, part.email_hash):
        return []
    lead = db.session.get_one(Lead, part.split.lead_id)
    return [compose(
        part.email, "Somebody wants to share a reward with you",
        f"{lead.referrer.name} pointed {lead.business.name} at a buyer on Fingerpost, and wants you to have "
        f"{percent_text(part.share_bps)} of what it earns, if it earns something.",
        "It counts once you, and everybody else who is named, have agreed. Sign in with this address, or make an "
        "account with it.", why="You get this mail because somebody named your address on Fingerpost.",
        about=name_of(lead, Audience.REFERRER),
        action=("See and answer", public_url(f"/splits/{part.split_id}")))]


def split_answered(split_id: str) -> list[Mail]:
    split = db.session.get_one(Split, split_id)
    lead = db.session.get_one(Lead, split.lead_id)
    if split.state is SplitState.AGREED:
        return to_referrer(lead, "Everybody agreed to your split",
                           "It is fixed now: what this lead earns is shared so.")
    return to_referrer(lead, "Somebody said no to your split", "What this lead earns goes to you alone, unless you "
                       "propose another split before the lead is decided.")


def _thing(kind_id: str) -> tuple[RewardInKind, Lead]:
    owed = db.session.get_one(RewardInKind, kind_id)
    return owed, db.session.get_one(Lead, owed.lead_id)


def _to_receiver(owed: RewardInKind, lead: Lead, subject: str, *paragraphs: str) -> list[Mail]:
    if owed.beneficiary_id is None:
        return to_introduced_buyer(lead, subject, *paragraphs) if lead.consent is Consent.GRANTED else []
    return _to_person(owed.beneficiary_id, lead, subject, *paragraphs)


def kind_owed(kind_id: str) -> list[Mail]:
    owed, lead = _thing(kind_id)
    what, is_donation = thing_in_words(owed), owed.thing is Thing.DONATION
    told = to_business(
        lead, "You owe something that is not money", f"{thing_at_start(owed)}, as your terms promise.",
        "Note on the lead’s page when you have given it." if is_donation
        else "Say on the lead’s page how they can have it.")
    return told if is_donation else [*told, *_to_receiver(
        owed, lead, "You are owed something", f"{lead.business.name} owes you {what}.",
        "They say next how you can have it.")]


def kind_reminded(kind_id: str) -> list[Mail]:
    owed, lead = _thing(kind_id)
    if owed.state is not KindState.OWED:
        return []
    return to_business(lead, "You still owe something", f"{thing_at_start(owed)}, until "
                       f"{day_in_words(owed.expires_at)}.")


def kind_offered(kind_id: str) -> list[Mail]:
    owed, lead = _thing(kind_id)
    return _to_receiver(owed, lead, "Your reward is ready", f"{lead.business.name} says how to have "
                        f"{thing_in_words(owed)}. It stands on the page below.")


def kind_fulfilled(kind_id: str) -> list[Mail]:
    owed, lead = _thing(kind_id)
    # What the business writes stands on the page; no mail of ours carries its words to a buyer.
    said = thing_at_start(owed) if owed.beneficiary_id is None else f"{thing_at_start(owed)}: {owed.receipt}"
    return _to_receiver(owed, lead, "Done, says the business", said)


def kind_let_go(kind_id: str) -> list[Mail]:
    owed, lead = _thing(kind_id)
    return to_business(lead, "You owe one thing less", f"{thing_at_start(owed)}: it was {owed.state}.")


def kind_expired(kind_id: str) -> list[Mail]:
    owed, lead = _thing(kind_id)
    what = f"{thing_at_start(owed)} came to nothing."
    return [*_to_receiver(owed, lead, "Something you were owed has expired", what),
            *to_business(lead, "Something you owed has expired", what)]


def renewals_ended(lead_id: str) -> list[Mail]:
    lead = db.session.get_one(Lead, lead_id)
    return to_referrer(lead, "No renewal follows", f"{lead.business.name} says that the buyer renews no more. "
                       "What you earned so far stays yours. If you know better, write to us.")


LETTERS: dict[str, Callable[..., list[Mail]]] = {
    letter.__name__: letter for letter in (
        reward_earned, reward_released, reward_paid, reward_clawed_back, reward_frozen, reward_thawed, reward_unpaid,
        buyer_share_earned, buyer_share_waiting,
        buyer_share_reminded, buyer_share_lapsed, split_asked, split_answered, kind_owed, kind_reminded, kind_offered,
        kind_fulfilled, kind_let_go, kind_expired, renewals_ended,
    )
}
