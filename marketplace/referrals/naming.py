"""What a lead is called: one name for each reader, in lists, on pages and in mails.

Nothing of the buyer's is in it: a subject shows on lock screens, and a list is read without a trace. Who may read the
post sees its words beside the name.
"""
from marketplace.foundation.naming import Name
from marketplace.foundation.show import day_in_words
from marketplace.referrals.audience import Audience
from marketplace.referrals.models import Lead

DIGITS = 5  # Chance made them: one in thirty million.


def number_of(lead_id: str) -> str:
    """The end of its id, which stays when the bounty gets another title: ``K7QMZ``."""
    return lead_id[-DIGITS:].upper()


def name_of(lead: Lead, to: Audience) -> Name:
    """To the buyer by the business, since bounties are written for those who point; to a business by the day on which
    it was accepted for them."""
    day = lead.accepted_at if to is Audience.BUSINESS and lead.accepted_at else lead.created_at
    title = lead.business.name if to is Audience.BUYER else lead.bounty.title
    is_said = to in {Audience.REFERRER, Audience.ADMIN}
    return Name(title, lead.business.name if is_said else "", day_in_words(day), number_of(lead.id))
