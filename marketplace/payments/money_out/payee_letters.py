"""What people who are paid are told by mail about their account at Stripe and their bank.

A letter that no longer applies when its turn comes is not sent: the function answers an empty list.
"""
import shlex
from collections.abc import Callable

from sqlalchemy import select

from marketplace.foundation.db import db
from marketplace.foundation.letters import BECAUSE, TO_ADMINS, compose, public_url
from marketplace.foundation.mail import Mail
from marketplace.foundation.money import show_money
from marketplace.identity.models import User
from marketplace.payments.models import BankPayout, ConnectedAccount, PayeeState
from marketplace.payments.money_out.bank_payouts import why_failed
from marketplace.payments.money_out.payee_words import reason_in_words

SECURITY = "You get this mail whenever the bank account of your payments changes, whoever changed it."


def _to_payee(
    payee: ConnectedAccount, subject: str, *paragraphs: str, label: str, why: str = BECAUSE
) -> list[Mail]:
    user = db.session.get_one(User, payee.user_id)
    return [compose(user.email, subject, *paragraphs, name=user.name, action=(label, public_url("/payouts")), why=why)]


def payee_asked(payee_id: str) -> list[Mail]:
    payee = db.session.get_one(ConnectedAccount, payee_id)
    if payee.state not in {PayeeState.ACTION_NEEDED, PayeeState.READY} or not payee.requirements:
        return []
    told = [f"Stripe, which pays you out, asks for: {', '.join(payee.requirements)}."]
    if payee.requirements_due_at:
        told.append(f"It wants to have it by {payee.requirements_due_at:%-d %B %Y}.")
    told.append("Until then your rewards go out as before." if payee.state is PayeeState.READY
                else "Until it has it, nothing can be sent to you. What you earned stays yours and waits.")
    return _to_payee(payee, "Stripe needs something from you", *told, label="Answer at Stripe")


def payee_restricted(payee_id: str) -> list[Mail]:
    payee = db.session.get_one(ConnectedAccount, payee_id)
    if payee.state is not PayeeState.RESTRICTED:
        return []
    return _to_payee(
        payee, "Stripe has paused your account", reason_in_words(payee.restriction),
        "What you earned stays yours and waits; it is sent automatically once Stripe lets your account go on. "
        "Your own pages at Stripe, reached from the page below, say what you can do.", label="See where you stand")


def payee_closed(payee_id: str) -> list[Mail]:
    payee = db.session.get_one(ConnectedAccount, payee_id)
    return _to_payee(
        payee, "Your Stripe account is closed",
        "The account at Stripe to which your rewards went is closed, so nothing can be sent there.",
        "What you earned and have not been sent stays yours. Start a new account on the page below, and it goes there.",
        label="Start a new account")


def bank_account_changed(payee_id: str, changed_at: str) -> list[Mail]:
    payee = db.session.get_one(ConnectedAccount, payee_id)
    return _to_payee(
        payee, "The bank account for your payments was changed",
        "Somebody, probably you, gave Stripe another bank account for the money you earn here. To keep it safe, we "
        "send nothing for 72 hours. Then it continues automatically; there is nothing you need to do.",
        "If it was not you: say so on the page below, so that nothing is sent until we have looked at it with you. "
        "Then open your pages at Stripe from there and put your own bank account back, and set a new password at "
        f"{public_url('/settings/password')}.", label="It was not me, or look", why=SECURITY)


def bank_account_disowned(payee_id: str) -> list[Mail]:
    """To all admins."""
    user = db.session.get_one(User, db.session.get_one(ConnectedAccount, payee_id).user_id)
    admins = db.session.scalars(select(User).where(User.is_admin, User.closed_at.is_(None)))
    return [compose(
        admin.email, "A bank account may have been taken over",
        f"{user.name} says that somebody else changed the bank account of their payments. Transfers to them are "
        "stopped. Ask them, and Stripe, what happened.",
        f"When their own bank account is back: flask resume-payee {shlex.quote(user.email)}",
        name=admin.name, action=("See what is stopped", public_url("/admin/transfers")), why=TO_ADMINS)
        for admin in admins]


def payout_failed(payout_id: str) -> list[Mail]:
    payout = db.session.get_one(BankPayout, payout_id)
    return _to_payee(
        db.session.get_one(ConnectedAccount, payout.payee_id), "Your bank sent a payment back",
        f"Stripe paid {show_money(payout.amount)} out to your bank, and it came back. {why_failed(payout)}",
        "The money is in your account at Stripe and stays yours. Correct your bank account on your pages at Stripe, "
        "reached from the page below; Stripe then tries again automatically.",
        label="Correct my bank account")


LETTERS: dict[str, Callable[..., list[Mail]]] = {
    letter.__name__: letter for letter in (
        payee_asked, payee_restricted, payee_closed, bank_account_changed, bank_account_disowned, payout_failed)
}
