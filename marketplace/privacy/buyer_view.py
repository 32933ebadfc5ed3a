"""What a buyer reads about themselves: who pointed, who was given what until when, who looked; the same as a file."""
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from marketplace.foundation import audit, clock
from marketplace.foundation.db import db
from marketplace.foundation.letters import public_url
from marketplace.foundation.money import show_money
from marketplace.foundation.sheets import write_sheet
from marketplace.foundation.show import day_in_words
from marketplace.privacy.buyer_words import (
    as_time,
    files_in_file,
    gains_in_file,
    post_in_file,
    said_by_buyer,
    said_by_others,
)
from marketplace.privacy.buyers import is_only_typed, leads_about, why_wait
from marketplace.privacy.kinds import KINDS, Whose
from marketplace.referrals.audience import Audience
from marketplace.referrals.contact import CASE_OPENED, CONTACT_OPENED, POST_OPENED
from marketplace.referrals.evidence_files import SEEN, TAKEN, files_of, pages_of
from marketplace.referrals.given import given_by_yes
from marketplace.referrals.models import (
    Buyer,
    Channel,
    Consent,
    ConsentGrant,
    EvidenceFile,
    Lead,
    Moderation,
)
from marketplace.referrals.queries import consents_of
from marketplace.referrals.reach import Reach, reach_of, waits_in_words
from marketplace.referrals.said_bought import BuyersWord, word_of
from marketplace.referrals.suppression import is_suppressed
from marketplace.referrals.timeline import tell_story

OURS = "A moderator of Fingerpost"
FILES_OPENED = {SEEN: f"{OURS}: a picture that was given with it", TAKEN: f"{OURS}: a file that was given with it"}
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


@dataclass(frozen=True)
class Held:
    """One lead as its buyer may know it. ``looks``: when, and who, oldest first."""

    lead: Lead
    buyer: Buyer
    said: str
    grant: ConsentGrant | None  # The last yes that was confirmed.
    reach: Reach | None  # What that yes gives the business by now.
    looks: list[tuple[datetime, str]]
    waits: str | None
    in_disputes: list[dict[str, Any]]  # Their own words there.
    bought: BuyersWord | None  # Their own “I bought it”.
    by_others: list[dict[str, Any]]  # What was written about them.
    files: list[EvidenceFile]
    pages: dict[str, list[EvidenceFile]]  # Their pictures, by file.
    is_only_typed: bool  # By whoever had a link that was passed on: what was written may be somebody else's.

    @property
    def given(self) -> list[str]:
        """What the business is given by the buyer's last yes."""
        return [] if self.grant is None else [one.words for one in given_by_yes(self.lead, self.grant)]

    @property
    def is_open(self) -> bool:
        """The business may open the contact data today."""
        return self.reach is Reach.OPEN

    @property
    def look(self) -> tuple[str, str] | None:
        """While a person looks at it."""
        return waits_in_words(self.lead, self.grant, self.reach) if self.grant and self.reach else None

    @property
    def may_withdraw(self) -> bool:
        return self.lead.consent is Consent.GRANTED and self.grant is not None and self.grant.withdrawn_at is None


def tell_held(email: str) -> list[Held]:
    """Newest first."""
    return [_held(lead) for lead in leads_about(email)]


def _held(lead: Lead) -> Held:
    buyer = db.session.get_one(Buyer, lead.buyer_id)
    grant = next((one for one in reversed(consents_of(lead)) if one.confirmed_at), None)
    said = SAID[lead.consent]
    if lead.consent is Consent.UNKNOWN and lead.moderation not in {Moderation.SUBMITTED, Moderation.IN_REVIEW}:
        said = "It came to nothing: nobody was given anything"
    if is_only_typed(lead):
        said = "Somebody gave your address with a yes. Without your confirmation it does not count"
    is_typed = is_only_typed(lead)
    return Held(
        lead, buyer, said, grant, reach_of(lead, grant) if grant else None, _looks(lead), why_wait(lead),
        in_disputes=[] if is_typed else said_by_buyer(lead), bought=None if is_typed else word_of(lead),
        by_others=[] if is_typed else said_by_others(lead),
        files=[] if is_typed else files_of(lead), pages={} if is_typed else pages_of(lead), is_only_typed=is_typed)


def _looks(lead: Lead) -> list[tuple[datetime, str]]:
    """Of people who had the data before them. A business's people are named by their business, ours as moderators.

    A file is opened by the referrer, who gave it, and else by a moderator.
    """
    who = {CONTACT_OPENED: f"{lead.business.name}: how to reach you", POST_OPENED: f"{lead.business.name}: your post",
           CASE_OPENED: OURS, **FILES_OPENED}
    found: list[tuple[datetime, str]] = []
    last: dict[tuple[str, str], datetime] = {}
    for event in db.session.scalars(audit.events_about(lead.id)):
        if event.action not in who or (event.action in FILES_OPENED and event.actor_id == lead.referrer_id):
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
    lead, buyer = held.lead, held.buyer
    return {
        "id": lead.id, "pointed_out_at": as_time(lead.created_at), "by": lead.referrer.name, "to": lead.business.name,
        "for": lead.bounty.title, "state": held.said,
        "contact": {"name": buyer.name, "email": buyer.email, "phone": buyer.phone},
        "told_at": as_time(buyer.told_at), "first_given_to_the_business_at": as_time(buyer.disclosed_at),
        "consents": [_consent(held, grant) for grant in consents_of(lead)],
        "looked_at": [{"at": as_time(at), "by": who} for at, who in held.looks],
        **_only_theirs(held),
    }


def _consent(held: Held, grant: ConsentGrant) -> dict[str, Any]:
    return {
        "id": grant.id, "to": held.lead.business.name, "purpose": grant.purpose, "channel": HOW[grant.channel],
        "until": grant.until.isoformat(), "note": grant.note, "confirmed_at": as_time(grant.confirmed_at),
        "withdrawn_at": as_time(grant.withdrawn_at),
        "given": [one.words for one in given_by_yes(held.lead, grant)] if _is_given(held.lead, grant) else []}


def _is_given(lead: Lead, grant: ConsentGrant) -> bool:
    return grant.confirmed_at is not None and reach_of(lead, grant) not in {Reach.NOT_YET, Reach.NEVER}


def _only_theirs(held: Held) -> dict[str, Any]:
    """Empty where the address was only typed in: it may all be about somebody else."""
    lead, bought = held.lead, held.bought
    theirs = {
        "post": post_in_file(lead), "files": files_in_file(lead), "said_of_you_by_the_referrer": lead.how_known,
        "known_by_the_referrer_as": lead.acquaintance.value, "written_about_you": held.by_others,
        "your_place": lead.buyer_jurisdiction or None, "said_in_disputes": held.in_disputes,
        "gained": gains_in_file(lead),
        "you_said_that_you_bought": bought and {
            "for": show_money(bought.amount), "on": bought.bought_on.isoformat(), "said_at": as_time(bought.said_at)},
        "what_happened": [{"at": as_time(one.at), "what": one.title, "more": one.text}
                          for one in tell_story(lead, Audience.BUYER)],
    }
    return dict.fromkeys(theirs) if held.is_only_typed else theirs


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
