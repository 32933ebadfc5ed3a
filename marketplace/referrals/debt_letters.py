"""What payees are told by mail of what they owe back of a reward that was sent: of which lead, how much, since when."""
from collections.abc import Callable

from sqlalchemy import select

from marketplace.foundation.db import db
from marketplace.foundation.letters import compose, public_url
from marketplace.foundation.mail import Mail
from marketplace.foundation.money import show_money
from marketplace.foundation.show import day_in_words
from marketplace.identity.models import User
from marketplace.payments.models import LedgerEntry, Netting, Payable, TransferReversal
from marketplace.payments.money_out.reversals import OVER
from marketplace.referrals.audience import Audience
from marketplace.referrals.models import Lead, Reward
from marketplace.referrals.naming import name_of
from marketplace.referrals.reward_words import part_in_words


def owed_back(reversal_id: str) -> list[Mail]:
    reversal = db.session.get_one(TransferReversal, reversal_id)
    if reversal.state in OVER or reversal.owed_since is None:
        return []
    return _to_payee(
        reversal.payable_id, "You owe something back",
        f"{show_money(reversal.left)} of {_reward_in_words(reversal.payable_id)} is taken back after you were paid. On "
        f"{day_in_words(reversal.owed_since)} Stripe could not take it out of your account there. Why it is taken back "
        "stands beside it, under your rewards. It is kept of your next ones, and Stripe is asked again every day. "
        "Nothing else is asked of you.")


def reward_netted(netting_id: str) -> list[Mail]:
    netting = db.session.get_one(Netting, netting_id)
    reversal = db.session.get_one(TransferReversal, netting.reversal_id)
    return _to_payee(
        netting.payable_id, "Part of your reward paid what you owed",
        f"On {day_in_words(netting.created_at)} {show_money(netting.amount)} of {_reward_in_words(netting.payable_id)} "
        "was kept for an earlier one that is taken back, and that Stripe could not take out of your account there: "
        f"{_reward_in_words(reversal.payable_id, with_name=True)}. You owe that much less now.")


def payee_debt_written_off(reversal_id: str) -> list[Mail]:
    reversal = db.session.get_one(TransferReversal, reversal_id)
    forgiven_at = db.session.scalars(select(LedgerEntry.created_at).filter_by(
        reference=f"{reversal.id}:written_off")).one()
    return _to_payee(
        reversal.payable_id, "You owe nothing more",
        f"On {day_in_words(forgiven_at)} we gave up {show_money(reversal.left)} of "
        f"{_reward_in_words(reversal.payable_id)}, which was taken back and which you still owed. It is forgotten.")


def _reward_in_words(payable_id: str, *, with_name: bool = False) -> str:
    """``your reward of $1,000 for the sale``."""
    reward = _reward_of(payable_id)
    if reward is None:
        return "a reward of yours"
    name = f" ({name_of(db.session.get_one(Lead, reward.lead_id), Audience.REFERRER)})" if with_name else ""
    return f"your reward of {show_money(reward.amount)} {part_in_words(reward)}{name}"


def _reward_of(payable_id: str) -> Reward | None:
    payable = db.session.get_one(Payable, payable_id)
    return db.session.get(Reward, payable.rest_of or payable.id)


def _to_payee(payable_id: str, subject: str, *paragraphs: str) -> list[Mail]:
    person = db.session.get_one(User, db.session.get_one(Payable, payable_id).payee_id)
    reward = _reward_of(payable_id)
    about = None if reward is None else name_of(db.session.get_one(Lead, reward.lead_id), Audience.REFERRER)
    return [] if person.closed_at else [compose(
        person.email, subject, *paragraphs, name=person.name, about=about,
        action=("Open my payouts", public_url("/payouts")))]


LETTERS: dict[str, Callable[..., list[Mail]]] = {
    letter.__name__: letter for letter in (owed_back, reward_netted, payee_debt_written_off)}
