"""The only door through which a buyer's contact data leaves: consent, purpose, channel, day, then the audit row."""
from dataclasses import dataclass
from datetime import date
from typing import Any

from marketplace.foundation import audit, clock
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, require
from marketplace.identity.models import User
from marketplace.referrals.legal_clocks import note_disclosed
from marketplace.referrals.models import Buyer, Channel, Consent, ConsentGrant, Evidence, Lead
from marketplace.referrals.permissions import is_referrer, may_moderate, may_work
from marketplace.referrals.queries import find_live_grant


class NoConsent(Conflict):
    code = "no_consent"


@dataclass(frozen=True)
class Contact:
    """What the buyer allowed: one address, on one channel, until a day."""

    name: str
    channel: Channel
    address: str
    until: date
    note: str


def is_open_to_business(lead: Lead, grant: ConsentGrant | None) -> bool:
    """Whether the buyer's yes stands today."""
    return (
        lead.consent is Consent.GRANTED and grant is not None and grant.confirmed_at is not None
        and grant.withdrawn_at is None and clock.now().date() <= grant.until
    )


def open_contact(lead: Lead, *, by: User) -> Contact:
    """Show the buyer's contact data to a member of the business. NoConsent (409) unless the yes stands today."""
    require(may_work(by, lead), "see this buyer’s contact data")
    grant = find_live_grant(lead)
    if grant is None or not is_open_to_business(lead, grant):
        raise NoConsent("The buyer has not said yes, or the time they gave is over.",
                        next_step="You will hear from us as soon as they do.")
    audit.record("contact.opened", lead.id, by=by.id, channel=grant.channel)
    note_disclosed(lead)
    buyer = db.session.get_one(Buyer, lead.buyer_id)
    address = buyer.phone if grant.channel is Channel.PHONE else buyer.email
    return Contact(buyer.name or "", grant.channel, address or "", grant.until, grant.note or "")


class SeenLead:
    """A lead as one reader may see it: the evidence names the buyer, so a business sees it after their yes."""

    def __init__(self, lead: Lead, *, by: User) -> None:
        self.lead = lead
        self.shows_evidence = (
            may_moderate(by, lead) or is_referrer(by, lead) or is_open_to_business(lead, find_live_grant(lead)))

    @property
    def evidence(self) -> Evidence | None:
        return self.lead.evidence if self.shows_evidence else None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.lead, name)
