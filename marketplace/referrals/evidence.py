"""A job reads the post and keeps what it said: title, author, date, text, hash, quote found or not."""
from dataclasses import dataclass

from flask import current_app

from marketplace.foundation import audit, clock
from marketplace.foundation.db import db, finish_reading
from marketplace.foundation.fetch import FetchFailed
from marketplace.foundation.handles import find_handle
from marketplace.foundation.platforms import why_closed
from marketplace.foundation.public_posts import read_public_post
from marketplace.foundation.quotes import find_quote
from marketplace.foundation.reading import PageReading
from marketplace.referrals import lifecycle
from marketplace.referrals.duplicates import become_duplicate, find_live_twin
from marketplace.referrals.evidence_files import has_given
from marketplace.referrals.fraud.signals import begin_review
from marketplace.referrals.models import Buyer, Evidence, EvidenceState, Lead, Moderation, ReasonCode
from marketplace.referrals.nearness import keep_likeness
from marketplace.referrals.post_age import ask_why_it_holds, lacks_reason
from marketplace.referrals.questions import put_question
from marketplace.referrals.suppression import hash_handle, hash_post

LONGEST_TEXT = 20_000  # Characters kept of a page; a buyer's need is said in far fewer.


@dataclass(frozen=True)
class Captured:
    """What came of reading the page: either a reading or why there is none."""

    reading: PageReading | None = None
    failure: str = ""
    advice: str = ""
    page_status: int | None = None  # What the site answered, where it refused.


def read_evidence(lead_id: str, *, is_first: bool = True) -> Captured:
    """The errand's call: no transaction is open while somebody else's server answers. Who wrote it and when is asked
    of the site's feed at the first time only."""
    url = db.session.get_one(Lead, lead_id).evidence.url
    finish_reading()
    if not url:
        return Captured(failure="bad_url", advice="Paste the text of the post instead.")
    if closed := why_closed(url):
        return Captured(failure="closed_platform", advice=" ".join(closed))
    try:
        return Captured(reading=read_public_post(
            url, allow=current_app.extensions["settings"].fetch_allow, asks_feed=is_first))
    except FetchFailed as failed:
        return Captured(failure=str(failed.reason), advice=f"{failed.message} {failed.next_step}".strip(),
                        page_status=failed.page_status)


def keep_evidence(captured: Captured, lead_id: str) -> None:
    """The errand's settlement: the lead goes on to review, or waits for the referrer with what to do."""
    lead = db.session.get_one(Lead, lead_id)
    is_awaited = lead.moderation in {Moderation.SUBMITTED, Moderation.IN_REVIEW}
    if not is_awaited or lead.evidence.state is not EvidenceState.PENDING:
        return
    if captured.reading is None or not captured.reading.text:
        _keep_unread(lead, captured)
        return
    _keep_reading(lead.evidence, captured.reading)
    lifecycle.move_evidence(lead.evidence, EvidenceState.CAPTURED, by=audit.SYSTEM)
    keep_likeness(lead)
    if _is_copy(lead, captured.reading):
        return
    if lacks_reason(lead):
        lead.reason_code = ReasonCode.STALE_INTENT
        put_question(lead, ask_why_it_holds(lead), by=audit.SYSTEM, reason=ReasonCode.STALE_INTENT)
        return
    begin_review(lead.id)


def _keep_reading(evidence: Evidence, reading: PageReading) -> None:
    match = find_quote(reading.text, evidence.quote)
    evidence.title, evidence.author = reading.title, reading.author
    evidence.published_on, evidence.language = reading.published_on, reading.language
    evidence.text, evidence.sha256 = reading.text[:LONGEST_TEXT], reading.sha256
    evidence.quote_found, evidence.failure = match.found, None
    evidence.quote_prefix, evidence.quote_suffix = match.prefix, match.suffix
    evidence.captured_at, evidence.read_again_at = clock.now(), None


def _is_copy(lead: Lead, reading: PageReading) -> bool:
    """The page itself may name another address under which it was pointed out already, or whose it is."""
    address = reading.canonical_url or lead.evidence.url or ""
    buyer = db.session.get_one(Buyer, lead.buyer_id)
    if buyer.handle_hash is None and (handle := find_handle(address, reading.author)):
        buyer.handle_hash = hash_handle(handle)
    if lead.duplicate_of_id:  # An appeal against just this: a person decides.
        return False
    lead.handle_hash = buyer.handle_hash
    if reading.canonical_url:
        lead.post_hash = hash_post(reading.canonical_url)
    twin = find_live_twin(lead)
    if twin is None:
        return False
    become_duplicate(lead, of=twin)
    return True


def _keep_unread(lead: Lead, captured: Captured) -> None:
    """What the referrer gave along with the address stands in for the page; without it we ask for it."""
    lead.evidence.failure = failure = captured.failure or "empty"
    if has_given(lead):
        lifecycle.move_evidence(lead.evidence, EvidenceState.GIVEN, by=audit.SYSTEM, reason=failure)
        begin_review(lead.id)
        return
    lifecycle.move_evidence(lead.evidence, EvidenceState.UNAVAILABLE, by=audit.SYSTEM, reason=failure)
    lead.reason_code = ReasonCode.EVIDENCE_UNAVAILABLE
    advice = captured.advice or "The page has no text that we can read. Paste the text of the post instead."
    put_question(lead, advice, by=audit.SYSTEM, reason=ReasonCode.EVIDENCE_UNAVAILABLE)
