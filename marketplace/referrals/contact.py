"""The only door through which a buyer's contact data leaves: consent, purpose, channel, day, then the audit row."""
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select

from marketplace.foundation import audit, clock
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, require
from marketplace.identity.models import User
from marketplace.referrals.desk.as_told import as_told
from marketplace.referrals.disclosure import disclosure_of
from marketplace.referrals.legal_clocks import note_disclosed
from marketplace.referrals.models import Buyer, Channel, Consent, ConsentGrant, Evidence, Lead, Suppression
from marketplace.referrals.permissions import is_referrer, may_moderate, may_work
from marketplace.referrals.queries import find_live_grant, findings_among, has_finding, live_grants

PURPOSE = "to contact me about the need described in my post, and nothing else"
# In the trail: who had a buyer's data before them.
CONTACT_OPENED, CASE_OPENED, POST_OPENED = "contact.opened", "case.opened", "post.opened"


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


def is_open_to_business(lead: Lead, grant: ConsentGrant | None, *, is_found: bool | None = None) -> bool:
    """Whether the buyer's yes stands today. Lists know ``is_found``, not to be genuine, of all their leads."""
    return (
        lead.consent is Consent.GRANTED and grant is not None and grant.confirmed_at is not None
        and grant.withdrawn_at is None and clock.now().date() <= grant.until
        and not lead.is_held  # Signs that buyer and referrer are one: a person looks before anybody is introduced.
        and not (has_finding(lead.id) if is_found is None else is_found)
    )


def open_contact(lead: Lead, *, by: User, purpose: str = PURPOSE) -> Contact:
    """Show the buyer's contact data to a member of the business: for the purpose, by the channel and until the day that
    they agreed to. NoConsent (409) unless the yes stands today."""
    require(may_work(by, lead), "see this buyer’s contact data")
    if has_finding(lead.id):
        raise NoConsent("It was found that this lead is not genuine: nobody is introduced by it.",
                        next_step="Do not contact this person because of it.")
    grant = find_live_grant(lead)
    if grant is None or not is_open_to_business(lead, grant):
        raise NoConsent("The buyer has not said yes, or the time they gave is over.",
                        next_step="You will hear from us as soon as they do.")
    buyer = db.session.get_one(Buyer, lead.buyer_id)
    if grant.purpose != purpose or _said_never_before(buyer, grant):
        raise NoConsent("The buyer did not agree to this.", next_step="What they agreed to stands on the lead’s page.")
    audit.record(CONTACT_OPENED, lead.id, by=by.id, channel=grant.channel)
    note_disclosed(lead)
    address = buyer.phone if grant.channel is Channel.PHONE else buyer.email
    return Contact(buyer.name or "", grant.channel, address or "", grant.until, grant.note or "")


def _said_never_before(buyer: Buyer, grant: ConsentGrant) -> bool:
    """A yes does not count that was confirmed after a “never”. One that they gave before stays theirs to take back."""
    marks = [mark for mark in (buyer.email_hash, buyer.phone_hash) if mark]
    return db.session.scalar(select(Suppression.hash).where(
        Suppression.hash.in_(marks), Suppression.created_at <= grant.confirmed_at).limit(1)) is not None


def note_case_opened(*leads: Lead, by: User) -> None:
    """An admin has the post and the words about its author before them: the buyer can see that they did, and when."""
    for lead in leads:
        require(may_moderate(by, lead), "open this case")
        audit.record(CASE_OPENED, lead.id, by=by.id)


def note_post_opened(*leads: Lead, by: User) -> None:
    """People of the business have the post before them, with its author's name: the buyer can see that too."""
    for lead in leads:
        require(may_work(by, lead), "read this post")
    for seen in see_leads(leads, by=by):
        if seen.shows_evidence:
            audit.record(POST_OPENED, seen.id, by=by.id)


def see_leads(leads: Sequence[Lead], *, by: User) -> "list[SeenLead]":
    """As many statements for a hundred as for one."""
    others = [lead for lead in leads if not _is_theirs_to_read(lead, by)]
    grants, found = live_grants(others), findings_among(others)
    return [SeenLead(lead, by=by, shows_evidence=_is_theirs_to_read(lead, by) or is_open_to_business(
        lead, grants.get(lead.id), is_found=lead.id in found)) for lead in leads]


def _is_theirs_to_read(lead: Lead, user: User) -> bool:
    return may_moderate(user, lead) or is_referrer(user, lead)


class SeenLead:
    """A lead as one reader may see it: the evidence names the buyer, so a business sees it after their yes."""

    def __init__(self, lead: Lead, *, by: User, shows_evidence: bool | None = None) -> None:
        """Of many leads ``see_leads`` knows ``shows_evidence``."""
        self.lead = lead if may_moderate(by, lead) else as_told(lead)
        self.is_pointed_by_reader = is_referrer(by, lead)
        self.is_business = not _is_theirs_to_read(lead, by)
        self.shows_evidence = shows_evidence if shows_evidence is not None else (
            not self.is_business or is_open_to_business(lead, find_live_grant(lead)))

    @property
    def evidence(self) -> Evidence | None:
        return self.lead.evidence if self.shows_evidence else None

    @property
    def question(self) -> str | None:
        """Between moderators and referrer, as is the next: words of a decision, and of the buyer perhaps."""
        return None if self.is_business else self.lead.question

    @property
    def reason_note(self) -> str | None:
        return None if self.is_business else self.lead.reason_note

    @property
    def disclosure(self) -> str | None:
        """For whoever pointed, and nobody else: it is theirs to say."""
        return disclosure_of(self.lead) if self.is_pointed_by_reader else None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.lead, name)
