"""A decision holds at once and is told a little later: until it is told, whoever made it can undo it.

At once: the state, the funds that an acceptance reserves, the record. Told later: the referrer, the business, the
buyer, who is asked only then; a bounty out of funds pauses only then, and nobody's card is charged before.
"""
from datetime import datetime, timedelta

from sqlalchemy import update

from marketplace.bounties.publishing import pause_if_out_of_funds
from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, Forbidden, require
from marketplace.foundation.web import check_version
from marketplace.identity.models import User
from marketplace.referrals import lifecycle
from marketplace.referrals.asking import ask_consent
from marketplace.referrals.deadlines import ACCEPTED_BY_DEFAULT, add_business_days
from marketplace.referrals.desk.claims import CLAIM_LASTS, claim_lead
from marketplace.referrals.desk.record import decide, last_decision, refusal_appealed
from marketplace.referrals.duplicates import give_way
from marketplace.referrals.locks import lock_funds_of
from marketplace.referrals.models import Escalation, Lead, Moderation, ReasonCode
from marketplace.referrals.permissions import may_decide
from marketplace.referrals.questions import tell_question
from marketplace.referrals.reserving import free_reserved
from marketplace.referrals.suppression import Suppressed, hashes_of, refuse_suppressed

GRACE = timedelta(minutes=5)  # Long enough to see a slip, short beside two business days.


class ToldAlready(Conflict):
    code = "told_already"


class NotYours(Forbidden):
    code = "not_yours"


def hold_back(lead: Lead) -> None:
    """What was just decided is told in GRACE."""
    lead.tell_at = clock.now() + GRACE
    outbox.promise("tell_decision", after=GRACE, lead_id=lead.id, tell_at=lead.tell_at.isoformat())


def tell_decision(lead_id: str, tell_at: str) -> None:
    """Job. ``tell_at`` tells the decision that it was promised for from one made after an undoing."""
    lead = db.session.get_one(Lead, lead_id)
    if lead.tell_at == datetime.fromisoformat(tell_at):
        lock_funds_of(lead)
        tell(lead)


def tell_now(lead: Lead, *, by: User) -> None:
    """Whoever decided does not need the time. Told already: nothing more is done."""
    _require_own(lead, by, "tell this decision")
    if lead.tell_at is not None:
        lock_funds_of(lead)
        tell(lead)


def tell(lead: Lead) -> None:
    """From here on it is out: the letters, the buyer's page, the bounty's pause."""
    if lead.moderation is Moderation.ACCEPTED and _was_forbidden(lead):
        return
    lead.tell_at = None
    if lead.moderation is Moderation.ACCEPTED:
        _tell_acceptance(lead)
    elif lead.moderation is Moderation.REJECTED:
        outbox.promise("send_letter", letter="lead_rejected", lead_id=lead.id)
    elif lead.moderation is Moderation.NEEDS_INFO:
        tell_question(lead)


def _was_forbidden(lead: Lead) -> bool:
    """They said never in these minutes: nobody learns of an acceptance then."""
    try:
        refuse_suppressed(*hashes_of(lead))
    except Suppressed:
        if lead.tell_at is not None:
            _take_back(lead, by=audit.SYSTEM)
            lead.reason_code = ReasonCode.NO_CONSENT
            decide(lead, Moderation.REJECTED, by=audit.SYSTEM, reason=ReasonCode.NO_CONSENT)
            tell(lead)
            return True
    return False


def _tell_acceptance(lead: Lead) -> None:
    assert lead.protected_until is not None
    outbox.promise("end_protection", after=lead.protected_until - clock.now(), lead_id=lead.id)
    ask_consent(lead)
    pause_if_out_of_funds(lead.bounty)


def undo_decision(lead: Lead, *, by: User, version: int | None = None) -> None:
    """accepted | rejected | needs_info -> in_review, as if nothing had been decided: what was reserved is free again,
    the old clock runs on. NotYours (403); ToldAlready (409): then there is the appeal."""
    _require_own(lead, by, "undo this decision")
    check_version(lead, version)
    if lead.tell_at is None:
        raise ToldAlready("This decision has been told, so it cannot be undone.",
                          next_step="The referrer of a refused lead can appeal; another admin decides then.")
    lock_funds_of(lead)
    _take_back(lead, by=by.id)
    claim_lead(lead, by=by)


def _require_own(lead: Lead, user: User, action: str) -> None:
    require(may_decide(user, lead), action)
    made = last_decision(lead)
    if made is None or made.decided_by != user.id:
        raise NotYours("Somebody else decided this lead.", next_step="Ask them; their name is in its story.")


def take_back_untold(lead: Lead, *, by: str) -> None:
    """Whoever does not know of a decision acts as if there were none: a referrer who withdraws in these minutes."""
    if lead.tell_at is not None:
        lock_funds_of(lead)
        _take_back(lead, by=by)


def _take_back(lead: Lead, *, by: str) -> None:
    made, was = last_decision(lead), lead.moderation
    assert made is not None
    if was is Moderation.REJECTED:
        give_way(lead)  # Before it is live again: another may have its place in the first-come indexes by now.
    lifecycle.take_back(lead, by=by)
    made.undone_at = clock.now()
    lead.decided_at = lead.decided_by = lead.accepted_at = lead.protected_until = None
    lead.question = lead.question_asked_at = None
    db.session.execute(update(Escalation).where(
        Escalation.lead_id == lead.id, Escalation.settled_at == made.created_at).values(settled_at=None))
    before = refusal_appealed(lead)
    lead.reason_code = before.reason_code if before else None
    lead.missed_criterion = before.missed_criterion if before else None
    lead.reason_note = None
    if was is Moderation.ACCEPTED:
        free_reserved(lead, why="the decision was undone")
    _let_the_clock_run(lead)


def _let_the_clock_run(lead: Lead) -> None:
    """Silence may have run out while it stood as decided; then whoever undid it has a moment to decide otherwise."""
    left = add_business_days(lead.submitted_at, ACCEPTED_BY_DEFAULT) - clock.now()
    outbox.promise("accept_by_default", after=max(left, CLAIM_LASTS), lead_id=lead.id,
                   submitted_at=lead.submitted_at.isoformat())
