"""What the people of a business, and the admins, are told of bad days by mail. Composed from ids when it is sent.

A letter that no longer applies when its turn comes is not sent: the function answers an empty list.
"""
from collections.abc import Callable, Iterable

from sqlalchemy import select

from marketplace.foundation.db import db
from marketplace.foundation.letters import BECAUSE, TO_ADMINS, compose, public_url
from marketplace.foundation.mail import Mail
from marketplace.foundation.money import show_money
from marketplace.identity.models import Business, User
from marketplace.payments.disputes.debts import owed_by
from marketplace.payments.models import BusinessDebt, Chargeback, ChargebackState, FraudWarning, Funding, Refund
from marketplace.payments.queries import money_people


def _name_of(business_id: str) -> str:
    return db.session.get_one(Business, business_id).name


def _admins() -> list[User]:
    return list(db.session.scalars(select(User).where(User.is_admin, User.closed_at.is_(None))))


def _to(
    people: Iterable[User], subject: str, *paragraphs: str, path: str, label: str, why: str = BECAUSE
) -> list[Mail]:
    return [compose(user.email, subject, *paragraphs, name=user.name, action=(label, public_url(path)), why=why)
            for user in people]


def _to_admins(subject: str, *paragraphs: str, path: str, label: str) -> list[Mail]:
    return _to(_admins(), subject, *paragraphs, path=path, label=label, why=TO_ADMINS)


def _of_payment(funding_id: str, business_id: str, subject: str, *paragraphs: str) -> list[Mail]:
    return _to(money_people(business_id), subject, *paragraphs, path=f"/fundings/{funding_id}",
               label="Open the payment")


def _at_admins(chargeback: Chargeback, subject: str, *paragraphs: str) -> list[Mail]:
    return _to_admins(subject, *paragraphs, path=f"/admin/chargebacks/{chargeback.id}", label="Open the chargeback")


def chargeback_open(chargeback_id: str) -> list[Mail]:
    chargeback = db.session.get_one(Chargeback, chargeback_id)
    if chargeback.state not in {ChargebackState.OPEN, ChargebackState.INQUIRY}:
        return []
    amount = show_money(chargeback.amount)
    due = f" The bank wants to hear from us by {chargeback.due_by:%-d %B %Y}." if chargeback.due_by else ""
    return _of_payment(
        chargeback.funding_id, chargeback.business_id, "The bank disputes a payment of yours",
        f"The bank behind a payment that you made for a bounty wants {amount} of it back.",
        "The bounty has paused itself. That much of its funds is frozen, and rewards it would have paid wait.",
        "If this is a mistake, ask your bank to withdraw the dispute. If it is not, write to us.",
    ) + _at_admins(chargeback, "A chargeback was opened",
                   f"{amount} of {_name_of(chargeback.business_id)}, reason given: "
                   f"{chargeback.reason.replace('_', ' ')}.{due}")


def chargeback_won(chargeback_id: str) -> list[Mail]:
    chargeback = db.session.get_one(Chargeback, chargeback_id)
    if chargeback.state not in {ChargebackState.WON, ChargebackState.CLOSED}:
        return []
    return _of_payment(
        chargeback.funding_id, chargeback.business_id, "The dispute about your payment is over",
        f"The {show_money(chargeback.amount)} that the bank disputed stay with your bounty. Everything that was frozen "
        "is back where it was, and the bounty goes on if it has the funds.",
    ) + _at_admins(chargeback, "A chargeback ended well", "Everything is back where it was.")


def chargeback_lost(chargeback_id: str) -> list[Mail]:
    chargeback = db.session.get_one(Chargeback, chargeback_id)
    if chargeback.state is not ChargebackState.LOST:
        return []
    owed = owed_by(chargeback.id, chargeback.currency)
    more = (f"{show_money(owed)} of it had been promised or paid to referrers: you owe that. Pay in for the bounty and "
            "it is settled first; until then their rewards are on hold, and they are told why.") if owed.minor else (
            "It came out of the bounty’s free funds. You owe nothing more.")
    return _of_payment(
        chargeback.funding_id, chargeback.business_id, "Your bank took a payment back",
        f"The bank decided the dispute and took {show_money(chargeback.amount)} back.", more,
    ) + _at_admins(chargeback, "A chargeback was lost", f"The business owes {show_money(owed)}.")


def fraud_warning(warning_id: str) -> list[Mail]:
    warning = db.session.get_one(FraudWarning, warning_id)
    return _of_payment(
        warning.funding_id, warning.business_id, "The bank warns us about a payment of yours",
        "The bank of the card that paid for a bounty suspects that it was used without its owner’s consent. What was "
        "free went back to the card at once; the bounty has paused itself and its rewards wait.",
        "If the card is yours, tell us: an admin looks into it.",
    ) + _to_admins("An early fraud warning", f"The bank says: {warning.fraud_type.replace('_', ' ')}. What was free is "
                   "refunded, rewards are on hold. Look into it, then close the warning.", path="/admin/chargebacks",
                   label="Open the list")


def refund_by_hand(refund_id: str) -> list[Mail]:
    refund = db.session.get_one(Refund, refund_id)
    funding = db.session.get_one(Funding, refund.funding_id)
    owed = owed_by(refund.id, refund.currency)
    said = f"We sent {show_money(refund.amount)} of a payment back to where it came from."
    if owed.minor:
        said += (f" {show_money(owed)} of it was no longer free: it had been promised to referrers. It is settled "
                 "first when you pay in again.")
    return _of_payment(funding.id, funding.business_id, "A payment was refunded", said)


def refund_failed(refund_id: str) -> list[Mail]:
    refund = db.session.get_one(Refund, refund_id)
    funding = db.session.get_one(Funding, refund.funding_id)
    return _of_payment(
        funding.id, funding.business_id, "A refund did not reach you",
        f"The bank did not take the {show_money(refund.amount)} that we sent back: {refund.failure}".replace("_", " ")
        .rstrip(".") + ".", "The money is safe with us. Tell us how to send it another way if the card or account is "
        "closed.")


def payment_unmatched(funding_id: str) -> list[Mail]:
    funding = db.session.get_one(Funding, funding_id)
    return _of_payment(
        funding.id, funding.business_id, "A payment of yours needs a decision", funding.failure or "",
        "It funded nothing yet. An admin looks at it: it goes to the bounty, or back to you.",
    ) + _to_admins("A payment matched nothing", funding.failure or "", path="/admin/chargebacks",
                   label="Decide about it")


def payment_assigned(funding_id: str) -> list[Mail]:
    funding = db.session.get_one(Funding, funding_id)
    return _of_payment(funding.id, funding.business_id, "Your payment funds your bounty after all",
                       f"An admin looked at it: {show_money(funding.amount)} are the bounty’s now.")


def debt_written_off(source_id: str) -> list[Mail]:
    debt = db.session.get_one(BusinessDebt, source_id)
    source = db.session.get(Chargeback, source_id) or db.session.get_one(Refund, source_id)
    return _of_payment(source.funding_id, debt.business_id, "You owe us nothing more for this payment",
                       "What went back of it, and your bounty had promised, was borne by us.")


LETTERS: dict[str, Callable[..., list[Mail]]] = {
    letter.__name__: letter for letter in (
        chargeback_open, chargeback_won, chargeback_lost, fraud_warning, refund_by_hand, refund_failed,
        payment_unmatched, payment_assigned, debt_written_off,
    )
} | {"chargeback_inquiry": chargeback_open, "chargeback_closed": chargeback_won}
