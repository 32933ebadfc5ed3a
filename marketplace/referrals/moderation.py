"""An admin accepts, rejects with a reason, or asks for more; silence accepts, and acceptance alone never pays."""
from collections.abc import Sequence
from datetime import datetime, timedelta

from marketplace.bounties.rules import worst_case
from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, Invalid, require
from marketplace.foundation.given_files import GivenFile
from marketplace.foundation.handles import find_handle
from marketplace.foundation.states import check_move
from marketplace.identity.models import User
from marketplace.payments.ledger import NotEnoughMoney
from marketplace.payments.money_in import funds
from marketplace.referrals import lifecycle
from marketplace.referrals.deadlines import RETRY_DEFAULT, decision_due
from marketplace.referrals.desk.as_told import as_told
from marketplace.referrals.desk.deciders import check_decider
from marketplace.referrals.desk.record import decide
from marketplace.referrals.desk.telling import hold_back, tell
from marketplace.referrals.duplicates import become_duplicate, find_live_twin
from marketplace.referrals.evidence_files import keep_files, stand_in
from marketplace.referrals.for_funds import find_due, look_again
from marketplace.referrals.fraud.effects import HeldForALook, check_not_held
from marketplace.referrals.locks import lock_funds_of
from marketplace.referrals.models import Buyer, EvidenceState, Lead, Moderation, ReasonCode
from marketplace.referrals.nearness import keep_likeness
from marketplace.referrals.permissions import is_referrer
from marketplace.referrals.pointing import start_review
from marketplace.referrals.reserving import still_possible
from marketplace.referrals.suppression import Suppressed, hash_handle, hash_post, hashes_of, refuse_suppressed


class FundsGone(Conflict):
    code = "funds_gone"


def accept_lead(lead: Lead, *, by: User, version: int | None = None) -> None:
    """in_review -> accepted: the worst case of the reward is reserved; the buyer is asked once it is told."""
    check_decider(lead, by=by, version=version)
    lock_funds_of(lead)
    _accept(lead, by=by.id)
    hold_back(lead)


def reject_lead(
    lead: Lead, *, by: User, reason_code: ReasonCode, missed_criterion: str = "", note: str = "",
    version: int | None = None,
) -> None:
    """in_review -> rejected, with one reason code and the criterion that was missed, in the terms' own words."""
    check_decider(lead, by=by, version=version)
    if missed_criterion and missed_criterion not in lead.terms.criteria:
        raise Invalid("That is not one of this lead’s criteria.",
                      fields={"missed_criterion": ["Choose from the list."]})
    if reason_code in {ReasonCode.OUT_OF_SCOPE, ReasonCode.NOT_A_BUYER} and not missed_criterion:
        raise Invalid("Say which criterion was missed.",
                      fields={"missed_criterion": ["Choose the criterion that was missed."]})
    lead.reason_code, lead.missed_criterion, lead.reason_note = reason_code, missed_criterion or None, note or None
    decide(lead, Moderation.REJECTED, by=by.id, reason=reason_code)
    hold_back(lead)


def ask_for_info(lead: Lead, *, by: User, question: str, version: int | None = None) -> None:
    """in_review -> needs_info: the referrer has seven days from when it is told."""
    check_decider(lead, by=by, version=version)
    lead.question, lead.question_asked_at = question, None
    decide(lead, Moderation.NEEDS_INFO, by=by.id)
    hold_back(lead)


def answer_info(
    lead: Lead, *, by: User, answer: str, url: str | None = None, text: str | None = None,
    files: Sequence[GivenFile] = (),
) -> None:
    """needs_info -> submitted: with another address, or the text or a file where the page cannot be read."""
    require(is_referrer(by, lead), "answer for this lead")
    check_move(lifecycle.MODERATION_MOVES, as_told(lead).moderation, Moderation.SUBMITTED)
    if lead.reason_code is ReasonCode.STALE_INTENT:
        lead.evidence.age_reason = answer
    lead.answer, lead.question, lead.reason_code = answer, None, None
    if files:
        keep_files(lead, files, by=by.id)
    if url:
        _take_other_address(lead, url, by=by.id)
    elif text:
        _take_text(lead, text, by=by.id)
    elif files and lead.evidence.state is EvidenceState.UNAVAILABLE:
        stand_in(lead, files)
        keep_likeness(lead)
        lifecycle.move_evidence(lead.evidence, EvidenceState.GIVEN, by=by.id)
    elif lead.evidence.state is EvidenceState.UNAVAILABLE:  # "Try again": the page may be back.
        lifecycle.move_evidence(lead.evidence, EvidenceState.PENDING, by=by.id)
    lifecycle.move(lead, Moderation.SUBMITTED, by=by.id)
    lead.submitted_at = clock.now()
    twin = find_live_twin(lead) if url else None
    if twin is None:
        start_review(lead)
    else:
        become_duplicate(lead, of=twin)


def _take_other_address(lead: Lead, url: str, *, by: str) -> None:
    post_hash, handle = hash_post(url), find_handle(url)
    handle_hash = hash_handle(handle) if handle else None
    refuse_suppressed(post_hash, handle_hash)
    buyer = db.session.get_one(Buyer, lead.buyer_id)  # Before the lead changes: no query may write it half-way.
    lead.post_hash, lead.evidence.url = post_hash, url
    lead.handle_hash = buyer.handle_hash = handle_hash
    if lead.evidence.state is not EvidenceState.PENDING:
        lifecycle.move_evidence(lead.evidence, EvidenceState.PENDING, by=by)


def _take_text(lead: Lead, text: str, *, by: str) -> None:
    """Where nothing could be read; what was read ourselves is never written over."""
    if lead.evidence.state in {EvidenceState.PENDING, EvidenceState.CAPTURED}:
        raise Invalid("We have read the post ourselves and keep that.", fields={
            "text": ["Put what you want to add into your answer, or give another address."]})
    lead.evidence.text = text
    keep_likeness(lead)
    if lead.evidence.state is EvidenceState.UNAVAILABLE:
        lifecycle.move_evidence(lead.evidence, EvidenceState.GIVEN, by=by)


def expire_unanswered(lead_id: str, asked_at: str) -> None:
    """Job, a week after a question: no answer ends it. ``asked_at`` tells a newer question from this one."""
    lead = db.session.get_one(Lead, lead_id)
    if lead.moderation is Moderation.NEEDS_INFO and lead.question_asked_at == datetime.fromisoformat(asked_at):
        lifecycle.move(lead, Moderation.EXPIRED, by=audit.SYSTEM, reason="no answer to our question")
        outbox.promise("send_letter", letter="lead_expired", lead_id=lead.id)


def remind_moderators(lead_id: str) -> None:
    """Job, a day after submission; the next reminder comes when the decision is due."""
    lead = db.session.get_one(Lead, lead_id)
    if lead.moderation is Moderation.IN_REVIEW:
        look_again(lead)
        outbox.promise("send_letter", letter="moderators_reminded", lead_id=lead.id)
        outbox.promise("note_overdue", after=decision_due(lead.submitted_at) - clock.now(), lead_id=lead.id,
                       submitted_at=lead.submitted_at.isoformat())


def note_overdue(lead_id: str, submitted_at: str) -> None:
    """Job, when two business days are over; later where the lead waits for its funds, or did."""
    lead = db.session.get_one(Lead, lead_id)
    if lead.moderation is not Moderation.IN_REVIEW or lead.submitted_at != datetime.fromisoformat(submitted_at):
        return
    look_again(lead)
    due, now = find_due(lead), clock.now()
    if due is None or now < due:
        outbox.promise("note_overdue", after=due - now if due else RETRY_DEFAULT, lead_id=lead.id,
                       submitted_at=submitted_at)
    else:
        outbox.promise("send_letter", letter="decision_overdue", lead_id=lead.id)


def accept_by_default(lead_id: str, submitted_at: str) -> None:
    """Job, five business days after submission: silence resolves for the referrer, whoever has the case open or was
    passed it. There is nobody who could undo it, so it is told at once."""
    lead = db.session.get_one(Lead, lead_id)
    is_current = lead.submitted_at == datetime.fromisoformat(submitted_at)
    if not is_current or lead.moderation not in {Moderation.SUBMITTED, Moderation.IN_REVIEW}:
        return
    lock_funds_of(lead)
    try:
        with db.session.begin_nested():
            if lead.moderation is Moderation.SUBMITTED:
                lifecycle.move(lead, Moderation.IN_REVIEW, by=audit.SYSTEM)
            _accept(lead, by=audit.SYSTEM)
            tell(lead)
    except Suppressed:
        _reject_unasked(lead, ReasonCode.NO_CONSENT)
    except HeldForALook:  # A person decides first; a hold that nobody keeps ends by itself.
        outbox.promise("accept_by_default", after=RETRY_DEFAULT, lead_id=lead_id, submitted_at=submitted_at)
    except FundsGone:  # Nothing to promise the referrer yet; we look again while funds may still come.
        if lead.bounty.is_closed:
            _reject_unasked(lead, ReasonCode.OTHER, "The business closed this bounty before anybody had decided.")
            return
        outbox.promise("accept_by_default", after=RETRY_DEFAULT, lead_id=lead_id, submitted_at=submitted_at)


def _reject_unasked(lead: Lead, reason_code: ReasonCode, note: str | None = None) -> None:
    """Silence resolves for the referrer, but never against the buyer's own word, nor out of money that is gone."""
    if lead.moderation is Moderation.SUBMITTED:
        lifecycle.move(lead, Moderation.IN_REVIEW, by=audit.SYSTEM)
    lead.reason_code, lead.reason_note = reason_code, note
    decide(lead, Moderation.REJECTED, by=audit.SYSTEM, reason=reason_code)
    tell(lead)


def _accept(lead: Lead, *, by: str) -> None:
    check_not_held(lead)
    decide(lead, Moderation.ACCEPTED, by=by)
    refuse_suppressed(*hashes_of(lead))  # They may have said never since, of the page's other address, or to another.
    try:
        funds.reserve(lead.id, bounty_id=lead.bounty_id, amount=min(still_possible(lead), worst_case(lead.terms)))
    except NotEnoughMoney as short:
        raise FundsGone(
            "The bounty no longer has free funds for this lead.",
            next_step="The business has been asked to fund it; the lead waits in the queue.") from short
    lead.reason_code = lead.missed_criterion = lead.reason_note = None  # Of a refusal that is overturned.
    now = clock.now()
    lead.accepted_at = now
    lead.protected_until = now + timedelta(days=lead.terms.protection_days)
    lifecycle.open_stages(lead, by=by)
