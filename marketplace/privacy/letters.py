"""Mails about personal data: the link to it, and what a business must erase. Composed from ids when they are sent."""
from collections.abc import Callable

from marketplace.foundation.db import db
from marketplace.foundation.mail import Mail
from marketplace.referrals.buyer_letters import to_buyer
from marketplace.referrals.data_link import data_link
from marketplace.referrals.letters import to_business
from marketplace.referrals.models import Buyer, Lead

ASKED_WHY = ("You get this mail because somebody, probably you, asked on Fingerpost what we hold about this address. "
             "If it was not you, nothing has changed.")


def buyer_data_link(buyer_id: str) -> list[Mail]:
    buyer = db.session.get_one(Buyer, buyer_id)
    if buyer.email is None:
        return []
    return to_buyer(
        buyer, "What we hold about you",
        "Your page shows who pointed at you, which businesses were given what, and until when.",
        "There you can take a yes back, take everything along as a file, and have it erased.",
        action=("See what you hold about me", data_link(buyer)), why=ASKED_WHY)


def business_erase(lead_id: str) -> list[Mail]:
    lead = db.session.get_one(Lead, lead_id)
    return to_business(
        lead, "A buyer asks you to erase their data",
        "The buyer asked that everything about them be erased; we have done so, and their contact data is closed to "
        "you.",
        "Please erase what you copied of it too: name, address, number and notes, in your own lists and mail programs. "
        "Keep only what a law asks of you, such as the invoice of a sale.")


LETTERS: dict[str, Callable[..., list[Mail]]] = {
    letter.__name__: letter for letter in (buyer_data_link, business_erase)}
