"""The buyer is asked, once, with one reminder; no answer is an answer, and frees what was reserved."""
from datetime import date, timedelta

from flask import current_app

from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.crypto import keyed_hash, sign, unsign
from marketplace.foundation.db import db
from marketplace.referrals import lifecycle
from marketplace.referrals.locks import lock_funds_of
from marketplace.referrals.models import Buyer, Consent, ConsentGrant, Lead, Moderation
from marketplace.referrals.queries import find_conversion, find_live_grant, has_finding, is_buyer_address_known
from marketplace.referrals.reserving import free_reserved
from marketplace.referrals.said_bought import word_of

PASSED_ON = "buyer"  # A link that the referrer may pass on: it proves nothing about who opens it.
MAILED = "buyer-mail"  # A link mailed to one address, which it names by a mark, and proves for that one only.
BY_MAIL, BY_REFERRER = "mail", "referrer"  # Who asks the buyer: kept in the trail, for the story of the lead.
CONFIRMING = "consent-confirm"  # A link mailed to the address that a buyer typed in.
LONGEST_CONSENT = timedelta(days=180)
# From the last day on which the buyer may be asked: longer than a yes may last, a share waits or a thing is owed.
LINK_LASTS = timedelta(days=400)
WORD_IS_OPEN = "the buyer’s word waits"  # In the trail, where it moves the end of the protection.
WORD_WAITS = timedelta(days=7)  # Then it is looked again whether a buyer's “I bought it” still waits.


def ask_consent(lead: Lead) -> None:
    """unknown -> asked, at acceptance. By mail where the buyer's address is known, else through the referrer."""
    wait = timedelta(days=lead.terms.consent_days)
    lead.consent_due_at = clock.now() + wait
    through = BY_MAIL if is_buyer_address_known(lead) else BY_REFERRER
    lifecycle.move_consent(lead, Consent.ASKED, by=audit.SYSTEM, through=through)
    outbox.promise("send_letter", letter="lead_accepted", lead_id=lead.id)
    outbox.promise("send_letter", letter="buyer_asked", lead_id=lead.id)
    outbox.promise("remind_buyer", after=wait / 2, lead_id=lead.id)
    outbox.promise("end_asking", after=wait, lead_id=lead.id)


def remind_buyer(lead_id: str) -> None:
    """Job, halfway, and on the day that a buyer named who said not now: one reminder each."""
    lead = db.session.get_one(Lead, lead_id)
    is_silent = lead.silent_until is not None and clock.now() < lead.silent_until
    if lead.consent is Consent.ASKED and not is_silent:
        named = lead.silent_until.date() if lead.silent_until else "halfway"
        outbox.promise("send_letter", key=f"buyer_reminded:{lead.id}:{named}", letter="buyer_reminded", lead_id=lead.id)


def end_asking(lead_id: str) -> None:
    """Job, when the time is up: no answer. The buyer may have asked for more of it meanwhile."""
    lead = db.session.get_one(Lead, lead_id)
    is_up = lead.consent_due_at is None or lead.consent_due_at <= clock.now()
    if lead.consent is Consent.ASKED and is_up:
        lock_funds_of(lead)
        end_lead(lead, why="the buyer did not answer")


def end_protection(lead_id: str) -> None:
    """Job, when the protection window ends; evidence of activity may have moved the end meanwhile. Not while the
    buyer's “I bought it” waits: for an answer, or for the funds by which it was promised to count. Nor while a person
    of ours keeps the buyer's yes from the business, or what was found may be appealed, or is: that time is given back
    (fraud/effects.py)."""
    lead = db.session.get_one(Lead, lead_id)
    if lead.moderation is not Moderation.ACCEPTED or lead.protected_until is None or find_conversion(lead) is not None:
        return
    left = lead.protected_until - clock.now()
    if left > timedelta(0):
        outbox.promise("end_protection", after=left, lead_id=lead.id)
        return
    lock_funds_of(lead)
    word = None if lead.is_tracked else word_of(lead)
    is_word_open = word is not None and word.is_open
    if not is_word_open and not _is_yes_held_up(lead):
        end_lead(lead, why="the protection window ended")
        return
    if is_word_open:
        lifecycle.protect_until(lead, clock.now() + WORD_WAITS, by=audit.SYSTEM, reason=WORD_IS_OPEN)
    outbox.promise("end_protection", after=WORD_WAITS, lead_id=lead.id)


def _is_yes_held_up(lead: Lead) -> bool:
    """And the buyer's yes still lasts: once it is over, nothing more can come of it."""
    grant = find_live_grant(lead) if lead.is_held or has_finding(lead.id) else None
    return grant is not None and clock.now().date() <= grant.until


def end_lead(lead: Lead, *, why: str, by: str = audit.SYSTEM, letter: str = "lead_expired") -> None:
    """accepted -> expired: nothing more can come of it, so nobody is asked and what was reserved is free again.

    ``letter``: "" where another one tells it.
    """
    if lead.consent is Consent.ASKED:
        lifecycle.move_consent(lead, Consent.NO_ANSWER, by=audit.SYSTEM)
    lifecycle.move(lead, Moderation.EXPIRED, by=by, reason=why)
    free_reserved(lead, why=why)
    if letter:
        outbox.promise("send_letter", letter=letter, lead_id=lead.id)


def buyer_link(lead: Lead, purpose: str = PASSED_ON) -> str:
    """The buyer's private page, as an absolute URL. The mailed one is for the address that we have of them now."""
    value, address = lead.id, "/buyer"
    if purpose == MAILED:
        address = f"/buyer/{MAILED}"
        value = f"{lead.id}~{_mark(db.session.get_one(Buyer, lead.buyer_id).email or '')}"
    return f"{current_app.extensions['settings'].public_url}{address}/{sign(purpose, value, until=link_ends(lead))}"


def confirming_link(grant: ConsentGrant) -> str:
    """For the address that was typed in with this answer, and nowhere else."""
    until = link_ends(db.session.get_one(Lead, grant.lead_id))
    return f"{current_app.extensions['settings'].public_url}/buyer/confirm/{sign(CONFIRMING, grant.id, until=until)}"


def link_ends(lead: Lead) -> date:
    """The last day of a link that is made now, never before the end of what it opens. A later mail has a later one."""
    days = [day for day in (lead.consent_due_at, lead.protected_until) if day is not None]
    return (max([clock.now(), *days]) + LINK_LASTS).date()


def is_mailed_to(email: str, *, purpose: str, token: str) -> bool:
    """Whether whoever holds this link reads the mail of ``email``. A passed-on link proves nothing."""
    return purpose == MAILED and unsign(purpose, token).partition("~")[2] == _mark(email)


def _mark(email: str) -> str:
    return keyed_hash("mailed-to", email.lower())[:32]
