"""A buyer and all that is kept about their address: what it is, taking a yes back, having everything erased.

Who asks has shown that they read the mail of the address (``referrals/data_link.py``).
"""
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select

from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import NotFound
from marketplace.privacy.erasing import AT_THEIR_WISH, erase_contact, erase_everything
from marketplace.referrals import consent as answers
from marketplace.referrals.buyers_share import is_open, shares_of_buyer
from marketplace.referrals.consent import BUYER, end_elsewhere, leads_elsewhere
from marketplace.referrals.disputes.opening import open_dispute
from marketplace.referrals.disputes.subjects import Claim
from marketplace.referrals.legal_clocks import BY_ANSWER, note_not_told, note_told
from marketplace.referrals.locks import lock_funds_of
from marketplace.referrals.models import (
    Buyer,
    Consent,
    Dispute,
    DisputeKind,
    Lead,
    Moderation,
    ReasonCode,
    Reward,
    RewardState,
)
from marketplace.referrals.nearness import keep_never
from marketplace.referrals.queries import find_live_grant, is_disputed
from marketplace.referrals.suppression import hash_email, hashes_of, suppress

WISH = "the buyer asked that everything about them be erased"
OPEN = frozenset({Moderation.SUBMITTED, Moderation.IN_REVIEW, Moderation.NEEDS_INFO})


class NotAboutYou(NotFound):
    code = "not_about_you"


@dataclass(frozen=True)
class Erased:
    """How many leads were emptied, and why others wait: lead id to a sentence."""

    count: int
    waiting: dict[str, str]


def leads_about(email: str) -> list[Lead]:
    """Every lead that holds this address, newest first, whoever gave it."""
    return list(db.session.scalars(
        select(Lead).join(Buyer, Buyer.id == Lead.buyer_id).where(Buyer.email_hash == hash_email(email))
        .order_by(Lead.id.desc())))


def get_lead_about(email: str, lead_id: str) -> Lead:
    """NotAboutYou (404) for any other."""
    lead = next((one for one in leads_about(email) if one.id == lead_id), None)
    if lead is None:
        raise NotAboutYou("There is no such entry about this address.", next_step="Look at the list again.")
    return lead


def ask_data_link(email: str) -> None:
    """A mail with the link, if we hold anything about the address: once an hour. Says nothing either way."""
    lead = next(iter(leads_about(email)), None)
    if lead is not None:
        key = f"buyer_data_link:{lead.buyer_id}:{clock.now():%Y%m%d%H}"
        outbox.promise("send_letter", key=key, letter="buyer_data_link", buyer_id=lead.buyer_id)


def withdraw_from(email: str, lead_id: str) -> None:
    """The yes that was given on this lead is taken back."""
    answers.withdraw_consent(get_lead_about(email, lead_id))


def report_misuse(email: str, lead_id: str, *, text: str, happened_on: date | None = None) -> Dispute:
    """The business used it for something else, or after its time. NotDisputable, AlreadyDisputed (409)."""
    lead = get_lead_about(email, lead_id)
    return open_dispute(lead, DisputeKind.DATA_MISUSE, by=None, text=text, claim=Claim(happened_on))


def why_wait(lead: Lead) -> str | None:
    """What must be settled before this lead's data can go; None when nothing must."""
    if any(is_open(share) or _is_looked_into(share) for share in shares_of_buyer(lead)):
        return "A share of the reward is kept for you. Say first what becomes of it: take it, give it, or decline."
    if is_disputed(lead.id):
        return "A dispute about it is not decided yet, and what is kept may be needed for it."
    return None


def _is_looked_into(share: Reward) -> bool:
    return share.choice is None and share.state is RewardState.ON_HOLD


def erase_buyer(email: str, *, never: bool) -> Erased:
    """Every lead about this address: what is open ends as a no, businesses are told to erase too, then all is emptied.

    ``never``: scrambled marks stay, by which nobody can point at them again. Twice is once; what must be settled first
    is noted, and emptied by itself once it is.
    """
    found = leads_about(email)
    _lock(found, never=never)
    typed = [lead for lead in found if is_only_typed(lead)]
    leads = [lead for lead in found if lead not in typed]
    if never:
        suppress(hash_email(email))
        _suppress(leads)
    for lead in typed:
        _forget_typed(lead)
    for lead in leads:
        _end(lead)
    waiting: dict[str, str] = {}
    for lead in leads:
        if why := why_wait(lead):
            waiting[lead.id] = why
            _note_wish(lead)
        else:
            erase_for_buyer(lead)
    return Erased(len(found) - len(waiting), waiting)


def is_only_typed(lead: Lead) -> bool:
    """Whoever had a passed-on link gave this address, with a yes that nobody confirmed: the post may be another's."""
    grant = find_live_grant(lead)
    return grant is not None and grant.confirmed_at is None


def _forget_typed(lead: Lead) -> None:
    """The address goes, and the yes with it; the lead waits for its own buyer, who may know nothing of it yet."""
    grant = find_live_grant(lead)
    assert grant is not None
    grant.replaced_at = clock.now()
    if db.session.get_one(Buyer, lead.buyer_id).told_how == BY_ANSWER:
        note_not_told(lead)
    erase_contact(lead, why=AT_THEIR_WISH, by=BUYER)


def erase_for_buyer(lead: Lead) -> None:
    """At their wish, with nothing left to settle. Whoever was given the data is told to erase it too."""
    buyer = db.session.get_one(Buyer, lead.buyer_id)
    if buyer.erased_at is None and buyer.disclosed_at is not None:
        outbox.promise("send_letter", key=f"business_erase:{lead.id}", letter="business_erase", lead_id=lead.id)
    erase_everything(lead, why=AT_THEIR_WISH, by=BUYER)


def erase_as_wished() -> None:
    """Job: what had to wait for something to be settled."""
    waiting = db.session.scalars(
        select(Lead).join(Buyer, Buyer.id == Lead.buyer_id)
        .where(Buyer.erasure_asked_at.is_not(None), Buyer.erased_at.is_(None)).order_by(Lead.id)).all()
    for lead in waiting:
        if why_wait(lead) is None:
            erase_for_buyer(lead)


def _note_wish(lead: Lead) -> None:
    buyer = db.session.get_one(Buyer, lead.buyer_id)
    if buyer.erasure_asked_at is None:
        buyer.erasure_asked_at = clock.now()
        audit.record("buyer.erasure_asked", lead.id, by=BUYER)


def _lock(leads: list[Lead], *, never: bool) -> None:
    """All that this may end, in the house's order, before anything is changed."""
    others = [other for lead in leads if never for other in leads_elsewhere(lead)]
    locked = {lead.id: lead for lead in (*leads, *others)}
    lock_funds_of(*locked.values())
    db.session.scalars(select(Lead).where(Lead.id.in_(locked)).order_by(Lead.id)
                       .with_for_update(of=Lead).execution_options(populate_existing=True)).all()


def _suppress(leads: list[Lead]) -> None:
    """Before anything is emptied: the marks are made of what is there."""
    for lead in leads:
        others = leads_elsewhere(lead)
        suppress(*hashes_of(lead))
        db.session.flush()
        keep_never(lead)
        audit.record("buyer.suppressed", lead.id, by=BUYER)
        for other in others:
            end_elsewhere(other, said="never", code=ReasonCode.NO_CONSENT, why="the buyer asked never to be contacted")


def _end(lead: Lead) -> None:
    """What is open with this lead ends as the buyer's no."""
    db.session.refresh(lead)
    note_told(lead, BY_ANSWER)
    if lead.consent is Consent.GRANTED:
        answers.withdraw_consent(lead)
    elif lead.consent is Consent.ASKED or lead.moderation in OPEN:
        end_elsewhere(lead, said=WISH, code=ReasonCode.NO_CONSENT, why=WISH)
