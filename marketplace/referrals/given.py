"""What a business is given by a buyer's yes, item by item: the one list for the buyer's pages, mails and receipt.

No file is among it (evidence_files.py). A test plants a word in each thing that is kept, and fails if the business
reads one that this list does not name.
"""
from dataclasses import dataclass

from marketplace.foundation.show import list_in_words
from marketplace.referrals.lawful import lowering_of
from marketplace.referrals.models import Channel, ConsentGrant, Lead

NOTICE_VERSION = "3"  # Of the words on the buyer's page: counted up when what they agree to is said otherwise.
THE_POST = ("The sentence that is quoted, with the words around it, and where, when and by whom it was written, as far "
            "as we know; if we look again to see whether it still stands, also what it says then")


@dataclass(frozen=True)
class Given:
    """``data``: what W3C's vocabulary of personal data calls it, where it has a word for it."""

    words: str
    data: str = "dpv:PersonalData"


def given_by_yes(lead: Lead, grant: ConsentGrant | None = None) -> list[Given]:
    """To the buyer. Without ``grant``: by a yes that is still to be said. After an erasure: what is known yet."""
    return [*_their_own(grant), *given_beside(lead, is_past=grant is not None)]


def _their_own(grant: ConsentGrant | None) -> list[Given]:
    if grant is None:
        return [Given("Your name, and the one address or number that you choose", "pd:Name"),
                Given("What you tell them with your yes, if anything")]
    is_phone = grant.channel is Channel.PHONE
    reached = Given("Your phone number", "pd:TelephoneNumber") if is_phone else Given(
        "Your e-mail address", "pd:EmailAddress")
    return [Given("Your name", "pd:Name"), reached, *([Given("Your note to them")] if grant.note else [])]


def given_beside(lead: Lead, *, is_past: bool = False) -> list[Given]:
    """What is there without the buyer: whom they name as their teller decides which lead's they give."""
    found = [Given(THE_POST), Given(_said_by_referrer(lead, is_past=is_past))]
    if lead.buyer_jurisdiction and lowering_of(lead):
        found.append(Given(f"Which rule of law limits what {lead.referrer.name} gets: it may tell where you live"))
    return found


def _said_by_referrer(lead: Lead, *, is_past: bool) -> str:
    """Everybody who points says how they know the buyer; it goes when they leave, or the buyer has it erased."""
    evidence, said = lead.evidence, ["how they know you"]
    said += ["what they wrote about it"] if lead.how_known or is_past else []
    said += ["where and when you said it"] if evidence.said_where or evidence.said_on else []
    said += ["why it still holds"] if evidence.age_reason else []
    return f"From {lead.referrer.name}: {list_in_words(said)}"
