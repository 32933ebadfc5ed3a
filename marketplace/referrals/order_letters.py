"""What payee and business are told by mail when an admin takes back a reward that was sent: of which lead, and when."""
from collections.abc import Callable

from sqlalchemy import func, select

from marketplace.bounties.models import Bounty
from marketplace.foundation import outbox
from marketplace.foundation.db import db, facts
from marketplace.foundation.letters import compose, public_url
from marketplace.foundation.mail import Mail
from marketplace.foundation.money import Money, show_money
from marketplace.foundation.show import day_in_words
from marketplace.payments.models import LedgerEntry, MoneyOrder, Payable, Posting, TransferReversal
from marketplace.payments.money_out.orders import cause_in_words
from marketplace.payments.queries import money_people
from marketplace.referrals.audience import Audience
from marketplace.referrals.models import Lead, Reward
from marketplace.referrals.money_back import fee_entry
from marketplace.referrals.naming import name_of
from marketplace.referrals.reward_letters import to_whose_it_is
from marketplace.referrals.reward_words import part_in_words


def reward_taken_by_order(reward_id: str, order_id: str, taken_minor: str, fee_minor: str) -> list[Mail]:
    """What the admin wrote of the payee is the payee's to read."""
    reward, order = db.session.get_one(Reward, reward_id), db.session.get_one(MoneyOrder, order_id)
    lead = db.session.get_one(Lead, reward.lead_id)
    assert order.decided_at is not None
    taken = show_money(Money(int(taken_minor), reward.currency))
    of = f"On {day_in_words(order.decided_at)} an admin took back {taken} of {show_money(reward.amount)}"
    return to_whose_it_is(
        reward, lead, "A payment to you is taken back",
        f"{of} that you were paid {part_in_words(reward)}. It goes out of your Stripe account. The reason: "
        f"{order.reason}", "If you think that this is wrong, answer this mail.",
    ) + _to_money_people(
        lead, "A reward that you paid for is taken back", f"{of} that was paid {part_in_words(reward)}. Why: "
        f"{cause_in_words(order)}",
        _where_to(lead, Money(int(fee_minor), reward.currency)))


def transfer_reversed_by_hand(order_id: str) -> list[Mail]:
    """Promised before there was a letter for each reward: of those for which none is promised."""
    told, taken = [], dict[str, int]()
    for one in db.session.scalars(select(TransferReversal).where(
            TransferReversal.reference.startswith(f"{order_id}:", autoescape=True)).order_by(TransferReversal.id)):
        taken[one.asked_for] = taken.get(one.asked_for, 0) + one.amount_minor
    for reference, minor in taken.items():
        payable = db.session.get_one(Payable, reference.rpartition(":")[2])
        reward_id = payable.rest_of or payable.id
        returned = select(func.sum(Posting.amount_minor)).join(LedgerEntry, LedgerEntry.id == Posting.entry_id).where(
            LedgerEntry.reference == fee_entry(reward_id, reference), Posting.amount_minor > 0)
        if facts(outbox.OF_KEY, {"key": f"taken_by_order:{reference}"}).first() is None:
            told += reward_taken_by_order(reward_id, order_id, str(minor), str(int(db.session.scalar(returned) or 0)))
    return told


def _where_to(lead: Lead, fee: Money) -> str:
    is_over = db.session.get_one(Bounty, lead.bounty_id).is_closed
    to, it_goes = ("the card that paid", "goes back") if is_over else ("the bounty’s funds", "returns")
    ours = (f"Of our fee {show_money(fee)} went there at once." if fee.minor
            else "Nothing of our fee comes back with it.")
    because = ", for the bounty is closed" if is_over else ""
    return f"It {it_goes} to {to} as soon as Stripe has it{because}. {ours} Nothing is needed of you."


def _to_money_people(lead: Lead, subject: str, *paragraphs: str) -> list[Mail]:
    return [compose(person.email, subject, *paragraphs, name=person.name, about=name_of(lead, Audience.BUSINESS),
                    action=("Open the lead", public_url(f"/leads/{lead.id}")))
            for person in money_people(lead.business_id)]


LETTERS: dict[str, Callable[..., list[Mail]]] = {
    letter.__name__: letter for letter in (reward_taken_by_order, transfer_reversed_by_hand)}
