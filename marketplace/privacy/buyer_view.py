"""What a buyer reads about themselves: who pointed, who was given what until when, who looked; the same as a file."""
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from marketplace.foundation import audit, clock
from marketplace.foundation.db import db
from marketplace.foundation.letters import public_url
from marketplace.foundation.money import show_money
from marketplace.foundation.sheets import write_sheet
from marketplace.foundation.show import day_in_words
from marketplace.privacy.buyers import is_only_typed, leads_about, why_wait
from marketplace.privacy.kinds import KINDS, Whose
from marketplace.referrals.contact import CASE_OPENED, CONTACT_OPENED, POST_OPENED, is_open_to_business
from marketplace.referrals.models import (
    Buyer,
    Channel,
    Consent,
    ConsentGrant,
    Dispute,
    DisputeSide,
    Lead,
    Moderation,
    Suppression,
    WitnessSaid,
)
from marketplace.referrals.queries import consents_of
from marketplace.referrals.suppression import hash_email

ONE_LOOK = timedelta(minutes=10)  # A page that is loaded again is one line here; the trail has every one.
HOW = {Channel.EMAIL: "by e-mail", Channel.PHONE: "by phone"}
SAID = {
    Consent.UNKNOWN: "Not decided yet: nobody was given anything",
    Consent.ASKED: "You are asked: nobody was given anything",
    Consent.GRANTED: "You said yes",
    Consent.REFUSED: "You said no: nobody was given anything",
    Consent.NO_ANSWER: "You did not answer: nobody was given anything",
    Consent.WITHDRAWN: "You took your yes back",
}

SAID_AS_WITNESS = {
    WitnessSaid.BOUGHT: "Yes, I bought from them.", WitnessSaid.NOT_BOUGHT: "No, I did not buy from them.",
    WitnessSaid.RATHER_NOT: "I would rather not say."}


@dataclass(frozen=True)
class Held:
    """One lead as its buyer may know it. ``looks``: when, and who, oldest first."""

    lead: Lead
    buyer: Buyer
    said: str
    grant: ConsentGrant | None  # The last yes that was confirmed.
    is_open: bool  # The business may open the contact data today.
    looks: list[tuple[datetime, str]]
    waits: str | None
    in_disputes: list[dict[str, Any]]  # Their own words there.
    is_only_typed: bool  # By whoever had a link that was passed on: what was written may be somebody else's.

    @property
    def given(self) -> list[str]:
        """What the business was given, by the buyer's last yes."""
        if self.grant is None:
            return []
        return ["your name", "your phone number" if self.grant.channel is Channel.PHONE else "your e-mail address",
                "the sentence above and where it was read"]

    @property
    def may_withdraw(self) -> bool:
        return self.lead.consent is Consent.GRANTED and self.grant is not None and self.grant.withdrawn_at is None


def tell_held(email: str) -> list[Held]:
    """Newest first."""
    return [_held(lead) for lead in leads_about(email)]


def is_suppressed(email: str) -> bool:
    return db.session.get(Suppression, hash_email(email)) is not None


def _held(lead: Lead) -> Held:
    buyer = db.session.get_one(Buyer, lead.buyer_id)
    grant = next((one for one in reversed(consents_of(lead)) if one.confirmed_at), None)
    said = SAID[lead.consent]
    if lead.consent is Consent.UNKNOWN and lead.moderation not in {Moderation.SUBMITTED, Moderation.IN_REVIEW}:
        said = "It came to nothing: nobody was given anything"
    if is_only_typed(lead):
        said = "Somebody gave your address with a yes. Without your confirmation it does not count"
    return Held(lead, buyer, said, grant, is_open_to_business(lead, grant), _looks(lead), why_wait(lead),
                [] if is_only_typed(lead) else _said_in_disputes(lead), is_only_typed(lead))


def _looks(lead: Lead) -> list[tuple[datetime, str]]:
    """Of people who had the data before them. A business's people are named by their business, ours as moderators."""
    who = {CONTACT_OPENED: f"{lead.business.name}: how to reach you", POST_OPENED: f"{lead.business.name}: your post",
           CASE_OPENED: "A moderator of Fingerpost"}
    found: list[tuple[datetime, str]] = []
    last: dict[tuple[str, str], datetime] = {}
    for event in db.session.scalars(audit.events_about(lead.id)):
        if event.action not in who:
            continue
        before, last[event.action, event.actor_id] = last.get((event.action, event.actor_id)), event.created_at
        if before is None or event.created_at - before >= ONE_LOOK:
            found.append((event.created_at, who[event.action]))
    return found


def as_json(email: str) -> dict[str, Any]:
    """Everything, for a program."""
    return {
        "about": email, "made_at": clock.now().isoformat(), "kept_by": {"name": "Fingerpost", "url": public_url("/")},
        "never_contact_me": is_suppressed(email),
        "entries": [_entry(held) for held in tell_held(email)],
        "kinds": [{"name": kind.name, "purpose": kind.purpose, "kept": kind.kept}
                  for kind in KINDS if kind.whose is Whose.BUYER],
    }


def _entry(held: Held) -> dict[str, Any]:
    lead, buyer, post = held.lead, held.buyer, held.lead.evidence
    return {
        "id": lead.id, "pointed_out_at": _time(lead.created_at), "by": lead.referrer.name, "to": lead.business.name,
        "for": lead.bounty.title, "state": held.said,
        "contact": {"name": buyer.name, "email": buyer.email, "phone": buyer.phone},
        "post": None if held.is_only_typed else {
            "address": post.url, "sentence": post.quote, "title": post.title, "author": post.author,
            "text": post.text, "read_at": _time(post.captured_at)},
        "said_of_you_by_the_referrer": None if held.is_only_typed else lead.how_known,
        "your_place": None if held.is_only_typed else lead.buyer_jurisdiction or None,
        "told_at": _time(buyer.told_at), "first_given_to_the_business_at": _time(buyer.disclosed_at),
        "consents": [{
            "id": grant.id, "to": lead.business.name, "purpose": grant.purpose, "channel": HOW[grant.channel],
            "until": grant.until.isoformat(), "note": grant.note, "confirmed_at": _time(grant.confirmed_at),
            "withdrawn_at": _time(grant.withdrawn_at)} for grant in consents_of(lead)],
        "said_in_disputes": held.in_disputes,
        "looked_at": [{"at": _time(at), "by": who} for at, who in held.looks],
    }


def _said_in_disputes(lead: Lead) -> list[dict[str, Any]]:
    """Their own words: as a witness, where the link of our mail shows that it was they; and in a report of misuse."""
    found: list[dict[str, Any]] = []
    for dispute in db.session.scalars(select(Dispute).where(Dispute.lead_id == lead.id).order_by(Dispute.id)):
        answer = dispute.witness
        if answer is not None and answer.is_proven:
            found.append({
                "as": "witness", "said": SAID_AS_WITNESS[answer.said], "note": answer.note,
                "bought_on": answer.bought_on.isoformat() if answer.bought_on else None,
                "amount": show_money(answer.amount) if answer.amount else None, "at": _time(answer.created_at)})
        found += [{"as": "report of misuse", "said": one.text, "note": None, "bought_on": None, "amount": None,
                   "at": _time(one.created_at)}
                  for one in dispute.statements if one.side is DisputeSide.BUYER and one.text]
    return found


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def as_sheet(email: str) -> str:
    """The same as a CSV: one line for each thing that is kept."""
    rows: list[tuple[str, str, str]] = []
    for entry in as_json(email)["entries"]:
        rows += [(entry["id"], name, value) for name, value in _lines(entry)]
    return write_sheet(("entry", "what", "value"), rows)


def _lines(value: Any, name: str = "") -> list[tuple[str, str]]:
    """Nested names with a dot between; what is empty has no line."""
    if isinstance(value, dict):
        return [line for key, inner in value.items() for line in _lines(inner, f"{name}.{key}" if name else key)]
    if isinstance(value, list):
        return [line for number, inner in enumerate(value, 1) for line in _lines(inner, f"{name}.{number}")]
    return [(name, str(value))] if value not in (None, "") else []


def until_in_words(grant: ConsentGrant) -> str:
    return f"{HOW[grant.channel]}, until {day_in_words(grant.until)}"
