"""What buyers are told by mail: asked, reminded once, and given their links. Nobody who said “never” is written to.

A letter that no longer applies when its turn comes is not sent: the function answers an empty list.
"""
from collections.abc import Callable, Sequence

from sqlalchemy import select

from marketplace.foundation.db import db
from marketplace.foundation.letters import compose
from marketplace.foundation.mail import Mail
from marketplace.foundation.naming import Name
from marketplace.foundation.show import day_in_words
from marketplace.referrals.asking import MAILED, PASSED_ON, buyer_link, confirming_link
from marketplace.referrals.audience import Audience
from marketplace.referrals.data_link import data_link
from marketplace.referrals.given import given_by_yes
from marketplace.referrals.lawful import promised_in_words, ruling_of
from marketplace.referrals.letters import last_day_to_answer, say_openly, time_to_answer, to_referrer
from marketplace.referrals.models import Buyer, Channel, Consent, ConsentGrant, Lead, Stage
from marketplace.referrals.naming import name_of
from marketplace.referrals.queries import consents_of, find_live_grant, taken_back_at
from marketplace.referrals.reach import Reach, reach_of, waits_in_words
from marketplace.referrals.reward_words import buyer_share_in_words
from marketplace.referrals.suppression import is_suppressed

HOW = {Channel.EMAIL: "by e-mail", Channel.PHONE: "by phone"}
BUYER_WHY = ("You get this mail because someone pointed a business at you on Fingerpost. "
             "Unless you say yes we remind you once at most; “never contact me” on the page ends it for good.")
YOUR_DATA = "What we hold about you, who has it, and how to have it erased"
CONFIRM_WHY = ("You get this mail because somebody gave this address with a yes on Fingerpost. "
               "If it was not you, do nothing: without your confirmation the yes does not count.")
NEW_LINK_WHY = ("You get this mail because somebody, probably you, asked for it with an older link to Fingerpost. "
                "If it was not you, nothing has changed.")
TAKE_BACK = "You can take your yes back on your page at any time. If you do not, it ends by itself on that day."
RECEIPT_WHY = "You get this mail because you said yes to being introduced to a business on Fingerpost."
TAKEN_BACK_WHY = "You get this mail, once, because you took back a yes that you had given on Fingerpost."


def _lead(lead_id: str) -> Lead:
    return db.session.get_one(Lead, lead_id)


def to_buyer(
    buyer: Buyer, subject: str, *paragraphs: str | Sequence[str], action: tuple[str, str], why: str,
    about: Name | None = None,
) -> list[Mail]:
    """To the address that we have of them now; with the way to their own data, like every mail to a buyer."""
    if not buyer.email:
        return []
    return [compose(buyer.email, subject, *paragraphs, name=buyer.name or "", action=action, why=why,
                    foot=(YOUR_DATA, data_link(buyer)), about=about)]


def is_never_written_to(buyer: Buyer) -> bool:
    """Never means never, also of good news, and of that very word: it stands on their page."""
    return buyer.email is not None and is_suppressed(buyer.email)


def _about(lead: Lead) -> Name:
    return name_of(lead, Audience.BUYER)


def buyer_asked(lead_id: str) -> list[Mail]:
    lead = _lead(lead_id)
    buyer = db.session.get_one(Buyer, lead.buyer_id)
    if not buyer.email or lead.consent is not Consent.ASKED:
        return []
    how = "read a post of yours" if lead.evidence.url else "knows what you are looking for"
    return to_buyer(
        buyer, "Someone thought of a business for you",
        f"{lead.referrer.name} {how}, and thinks that {lead.business.name} is right for what you need.",
        f"Would you like to be introduced? It is up to you. Your private page says why {lead.referrer.name} thought of "
        "you, and there you say yes, no, or never again. Nobody is given your address before you say yes.",
        *_your_share(lead), _what_they_get(lead), _by_when(lead),
        action=("See and decide", buyer_link(lead, MAILED)), why=BUYER_WHY, about=_about(lead))


def _by_when(lead: Lead) -> str:
    return (f"You have until {last_day_to_answer(lead)} to answer. If you do nothing, we stop asking after that day, "
            "and nobody is given anything about you.")


def _what_they_get(lead: Lead) -> str:
    return (f"So that you know: if you end up buying, {lead.referrer.name} gets {promised_in_words(lead)}. "
            "It costs you nothing.")


def _your_share(lead: Lead) -> list[str]:
    share = buyer_share_in_words(lead.terms, ruling_of(lead))
    return [f"There is something in it for you too: {share}"] if share else []


def buyer_reminded(lead_id: str) -> list[Mail]:
    """The one reminder: to the buyer where we have an address, else to the referrer who passes the link on."""
    lead = _lead(lead_id)
    buyer = db.session.get_one(Buyer, lead.buyer_id)
    if lead.consent is not Consent.ASKED:
        return []
    if buyer.email:
        return to_buyer(
            buyer, "A reminder, and the only one",
            f"{lead.referrer.name} thinks that {lead.business.name} is right for what you need. Would you like to be "
            "introduced? You can say yes, no, or never again.", _what_they_get(lead), _by_when(lead),
            action=("See and decide", buyer_link(lead, MAILED)), why=BUYER_WHY, about=_about(lead))
    return to_referrer(lead, "The buyer has not answered yet",
                        f"{time_to_answer(lead)} Have you passed the link on?",
                        buyer_link(lead, PASSED_ON), *say_openly(lead))


def consent_confirm(grant_id: str) -> list[Mail]:
    grant = db.session.get_one(ConsentGrant, grant_id)
    lead = _lead(grant.lead_id)
    buyer = db.session.get_one(Buyer, lead.buyer_id)
    if grant.replaced_at or grant.confirmed_at or not buyer.email:
        return []
    return to_buyer(
        buyer, "Please confirm that this is you",
        f"Somebody who gave this address would like to be introduced to {lead.business.name}. If that was you, please "
        "confirm it. Only when you confirm does the yes count.",
        f"From then on {lead.business.name} may contact you {HOW[grant.channel]}, until {day_in_words(grant.until)}. "
        "For that they get:", _given(lead, grant),
        f"{lead.referrer.name} pointed them at you, and gets {promised_in_words(lead)} if you end up buying. "
        "It costs you nothing.", *_your_share(lead),
        f"Please do so by {last_day_to_answer(lead)}: a yes that is not confirmed by then does not count.",
        "If it was not you, you need do nothing: nobody is given anything.",
        why=CONFIRM_WHY, about=_about(lead),
        action=("Yes, introduce me", confirming_link(grant)))


def buyer_new_link(lead_id: str) -> list[Mail]:
    """Asked for where an older link had ended. An answer that waits to be confirmed is asked for again instead.

    Who said “never” has the page where they type their address, and asks there themselves.
    """
    lead, waiting = _lead(lead_id), _to_be_confirmed(lead_id)
    buyer = db.session.get_one(Buyer, lead.buyer_id)
    if is_never_written_to(buyer):
        return []
    if waiting is not None:
        return consent_confirm(waiting.id)
    return to_buyer(
        buyer, "A new link to your page",
        f"It is about {lead.business.name}, and what was said and agreed there. Somebody, probably you, asked for it "
        "with an older link, which opens no more.",
        "There you can see what you said, take a yes back, and say “never contact me”.",
        action=("Open my page", buyer_link(lead, MAILED)), why=NEW_LINK_WHY, about=_about(lead))


def _to_be_confirmed(lead_id: str) -> ConsentGrant | None:
    grant = find_live_grant(_lead(lead_id))
    is_open = grant is not None and grant.confirmed_at is None and _lead(lead_id).consent is Consent.ASKED
    return grant if is_open else None


def _given(lead: Lead, grant: ConsentGrant) -> list[str]:
    return [one.words for one in given_by_yes(lead, grant)]


def buyer_receipt(lead_id: str) -> list[Mail]:
    lead = _lead(lead_id)
    buyer = db.session.get_one(Buyer, lead.buyer_id)
    grant = db.session.scalar(select(ConsentGrant).where(
        ConsentGrant.lead_id == lead.id, ConsentGrant.confirmed_at.is_not(None)))
    if grant is None or not buyer.email:
        return []
    reach = reach_of(lead, grant)
    waits, may = waits_in_words(lead, grant, reach), "they may contact you"
    begins = [f"Thank you. You said yes to {lead.business.name}: {may} {_so_far(grant)}."]
    if waits:
        begins = [f"Thank you. You said yes to {lead.business.name}. {' '.join(waits)}",
                  f"Then {may} {_so_far(grant)}."]
    return to_buyer(
        buyer, "Your yes, in writing", *begins, "For that they get:", _given(lead, grant), TAKE_BACK,
        action=("Open my page", buyer_link(lead, MAILED)), why=RECEIPT_WHY, about=_about(lead))


def buyer_introduced(lead_id: str) -> list[Mail]:
    """The look for which their yes had waited is over, and the yes is not."""
    lead = _lead(lead_id)
    buyer, grant = db.session.get_one(Buyer, lead.buyer_id), find_live_grant(lead)
    if grant is None or reach_of(lead, grant) is not Reach.OPEN:
        return []
    if is_never_written_to(buyer):
        return []
    return to_buyer(
        buyer, "You are introduced",
        f"A person at Fingerpost has looked at it, and your introduction goes on: {lead.business.name} may contact you "
        f"now, {_so_far(grant)}.", "For that they get:", _given(lead, grant), TAKE_BACK,
        action=("Open my page", buyer_link(lead, MAILED)), why=RECEIPT_WHY, about=_about(lead))


def _so_far(grant: ConsentGrant) -> str:
    return (f"{HOW[grant.channel]}, until {day_in_words(grant.until)}, about the need that you described and nothing "
            "else")


def buyer_took_back(lead_id: str) -> list[Mail]:
    lead = _lead(lead_id)
    buyer, ended_at = db.session.get_one(Buyer, lead.buyer_id), taken_back_at(lead)
    if ended_at is None or is_never_written_to(buyer):
        return []
    grant = [one for one in consents_of(lead) if one.confirmed_at][-1]
    had = ("They were given nothing of yours." if reach_of(lead, grant) is Reach.NEVER else
           "How to reach you, and all that you gave, is closed to them.")
    bought = "" if lead.stage is Stage.WON else "If you bought from them before, you can still say so on your page. "
    return to_buyer(
        buyer, "You took your yes back",
        f"Since {day_in_words(ended_at)} {lead.business.name} may not contact you, and we have told them so. {had}",
        "What we keep: that you had said yes and took it back, to show what was agreed; and your address and the post, "
        "for a while after this introduction has ended. The last link in this mail shows all of it, and there you can "
        "have it erased at once.",
        f"{bought}Nothing else is needed of you.",
        action=("Open my page", buyer_link(lead, MAILED)), why=TAKEN_BACK_WHY, about=_about(lead))


LETTERS: dict[str, Callable[..., list[Mail]]] = {
    letter.__name__: letter for letter in (
        buyer_asked, buyer_reminded, consent_confirm, buyer_new_link, buyer_receipt, buyer_introduced,
        buyer_took_back)
}
