"""The buyer says yes, no or never, without an account, and can take it back. Their words rule."""
from collections.abc import Sequence
from datetime import date

from sqlalchemy import or_, select, text
from sqlalchemy.exc import IntegrityError

from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.crypto import unsign
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, Invalid
from marketplace.referrals import lifecycle
from marketplace.referrals.asking import CONFIRMING, LONGEST_CONSENT, MAILED, PASSED_ON, end_lead
from marketplace.referrals.buyers_place import learn_place
from marketplace.referrals.contact import PURPOSE
from marketplace.referrals.duplicates import become_duplicate
from marketplace.referrals.fraud.scoring import look_at
from marketplace.referrals.given import NOTICE_VERSION
from marketplace.referrals.legal_clocks import BY_ANSWER, note_told
from marketplace.referrals.locks import lock_funds_of
from marketplace.referrals.models import (
    LIVE_LEADS,
    Buyer,
    Channel,
    Consent,
    ConsentGrant,
    Lead,
    Moderation,
    Point,
    ReasonCode,
    Stage,
)
from marketplace.referrals.nearness import keep_never
from marketplace.referrals.pointing import SelfReferral
from marketplace.referrals.queries import find_live_grant
from marketplace.referrals.sharing import shares_in
from marketplace.referrals.suppression import hash_email, hash_phone, hashes_of, refuse_suppressed, suppress

BUYER = "buyer"  # The actor in the audit trail: a party without an account.


class AlreadyAnswered(Conflict):
    code = "already_answered"


class NotTheirs(Conflict):
    status, code = 410, "wrong_person"


class Erased(Conflict):
    status, code = 410, "erased"


class AskingOver(Conflict):
    status, code = 410, "link_expired"


def open_buyer_link(purpose: str, token: str) -> Lead:
    """The lead behind a buyer's link. BadLink (404) for anything that we did not sign for this purpose."""
    if purpose not in {PASSED_ON, MAILED}:
        unsign(PASSED_ON, "forged")
    lead = db.session.get_one(Lead, unsign(purpose, token).partition("~")[0])
    buyer = db.session.get_one(Buyer, lead.buyer_id)
    if purpose == MAILED and buyer.email is None:
        if _was_forgotten_as_wrong(lead):
            raise NotTheirs("Somebody said that it had reached the wrong person. The address was forgotten then.",
                            next_step="Nothing about you is kept here.")
        raise Erased("What was kept of you for this link is erased, so there is nothing left that it could open.",
                     next_step="There is nothing more to do. We keep that there was a yes or a no, without your name.")
    return lead


def _was_forgotten_as_wrong(lead: Lead) -> bool:
    """Whether “not me” was the last that was said of the address; whatever became of the lead without one since."""
    said = [event for event in db.session.scalars(audit.events_about(lead.id))
            if event.action in {"buyer.not_them", "consent.given"}]
    return bool(said) and said[-1].action == "buyer.not_them" and bool(said[-1].details.get("forgotten"))


def give_consent(
    lead: Lead, *, name: str, email: str, channel: Channel, until: date, phone: str | None = None,
    note: str | None = None, jurisdiction: str = "", proven: bool,
) -> ConsentGrant:
    """asked -> granted, or a mail to confirm first when the link did not prove whose address this is.

    ``proven``: the link was mailed to this very address, so a pasted-on link cannot say yes for somebody else.
    ``jurisdiction``: where they live; kept with a yes that counts at once, else it is asked when they confirm.
    """
    check_may_answer(lead, *(_of_same_buyer(lead) if proven else ()))
    today = clock.now().date()
    if not today <= until <= today + LONGEST_CONSENT:
        raise Invalid("Choose a day from today on, within half a year.",
                      fields={"until": ["Within half a year from today."]})
    if channel is Channel.PHONE and not phone:
        raise Invalid("Give the number they may call.", fields={"phone": ["Give the number they may call."]})
    if hash_email(email) == hash_email(lead.referrer.email):
        raise SelfReferral("This is the address of the person who pointed: nobody is paid for pointing at themselves.",
                           next_step="Use your own address.",
                           fields={"email": ["Use your own address: this one is the referrer’s."]})
    if shares_in(lead, email):
        raise SelfReferral("This is the address of somebody who shares in the reward for pointing at you.",
                           next_step="Use your own address.", fields={"email": ["Use your own address."]})
    # Whoever has a passed-on link may type in anybody: those who said never get no mail and no call from it.
    refuse_suppressed(hash_email(email), hash_phone(phone) if phone else None)
    grant = _replace_grant(lead, channel, until, note)
    buyer = db.session.get_one(Buyer, lead.buyer_id)
    proven = proven and buyer.email_hash == hash_email(email)
    buyer.name, buyer.email, buyer.phone = name, email, phone
    buyer.email_hash, buyer.phone_hash = hash_email(email), hash_phone(phone) if phone else None
    audit.record("consent.given", lead.id, by=BUYER, channel=channel, until=until.isoformat(),
                 grant=grant.id, notice=NOTICE_VERSION)
    if proven:
        confirm_consent(grant, jurisdiction=jurisdiction)
    else:
        outbox.promise("send_letter", letter="consent_confirm", grant_id=grant.id)
    return grant


def _replace_grant(lead: Lead, channel: Channel, until: date, note: str | None) -> ConsentGrant:
    """A second answer before the first was confirmed takes its place."""
    earlier = find_live_grant(lead)
    if earlier is not None:
        earlier.replaced_at = clock.now()
        db.session.flush()
    grant = ConsentGrant(lead_id=lead.id, business_id=lead.business_id, purpose=PURPOSE, channel=channel,
                         until=until, note=note)
    db.session.add(grant)
    db.session.flush()
    return grant


def open_confirmation(token: str) -> ConsentGrant:
    return db.session.get_one(ConsentGrant, unsign(CONFIRMING, token))


def confirm_consent(grant: ConsentGrant, *, jurisdiction: str = "") -> None:
    """asked -> granted: the address is the buyer's own. The buyer's word settles who pointed, and where they live."""
    lead = db.session.get_one(Lead, grant.lead_id)
    _lock(lead, *_of_same_buyer(lead))
    db.session.refresh(grant)
    if grant.replaced_at:
        raise AlreadyAnswered("You answered once more after this mail.", next_step="Confirm in the newest mail.")
    _check_is_asked(lead)
    grant.confirmed_at = clock.now()
    _take_ownership(lead)
    lifecycle.move_consent(lead, Consent.GRANTED, by=BUYER)
    learn_place(lead, jurisdiction)
    db.session.flush()
    look_at(lead, Point.CONSENT)
    introduced = () if lead.is_held else ("business_introduced",)  # Else when a person has looked at it.
    for letter in ("buyer_receipt", *introduced, "referrer_buyer_said_yes"):
        outbox.promise("send_letter", letter=letter, lead_id=lead.id)
    outbox.promise("match_lead", lead_id=lead.id)  # What was reported of their address before.
    outbox.promise("tell_of_first_sale", lead_id=lead.id)


def _take_ownership(lead: Lead) -> None:
    """The referrer whom the buyer confirmed owns the lead; other live leads for the same buyer end."""
    for other in _of_same_buyer(lead):
        if other.consent is Consent.GRANTED or other.stage is Stage.WON:
            raise _said_elsewhere()
        if other.moderation is Moderation.ACCEPTED:
            other.duplicate_of_id = lead.id
            end_lead(other, why="the buyer confirmed another referrer")
        else:
            become_duplicate(other, of=lead, by=BUYER)
    try:
        with db.session.begin_nested():
            lead.buyer_hash = db.session.get_one(Buyer, lead.buyer_id).email_hash
    except IntegrityError as error:  # They said yes through somebody else in this very moment.
        raise _said_elsewhere() from error


def _of_same_buyer(lead: Lead) -> Sequence[Lead]:
    """The other live leads of this business for them."""
    buyer = db.session.get_one(Buyer, lead.buyer_id)
    # An appeal took the lead out of the first-come indexes; what it was a duplicate of is still the same buyer.
    same = or_(Lead.buyer_hash == buyer.email_hash, Lead.id == lead.duplicate_of_id, Lead.duplicate_of_id == lead.id)
    return db.session.scalars(select(Lead).where(
        Lead.business_id == lead.business_id, Lead.id != lead.id, text(f"leads.{LIVE_LEADS}"), same)).all()


def _said_elsewhere() -> AlreadyAnswered:
    return AlreadyAnswered("You said yes to this business already, through somebody else.",
                           next_step="Nothing more is needed; your first answer counts.")


def refuse_consent(lead: Lead, *, never: bool = False) -> None:
    """asked -> refused. ``never``: nobody may point at this person or this post again, for any business."""
    check_may_answer(lead, *(leads_elsewhere(lead) if never else ()))
    lifecycle.move_consent(lead, Consent.REFUSED, by=BUYER, reason="never" if never else "")
    if never:
        _suppress_buyer(lead)
    end_lead(lead, why="the buyer said no", by=BUYER)


def withdraw_consent(lead: Lead, *, never: bool = False, by_ruling: bool = False) -> None:
    """granted -> withdrawn: from this moment the contact data is closed again.

    ``by_ruling``: on their complaint of misuse; then the letter about that tells them.
    """
    _lock(lead, *(leads_elsewhere(lead) if never else ()))
    grant = find_live_grant(lead)
    if lead.consent is not Consent.GRANTED or grant is None:
        raise AlreadyAnswered("There is no yes to take back.", next_step="The page shows what you said last.")
    grant.withdrawn_at = clock.now()
    lifecycle.move_consent(lead, Consent.WITHDRAWN, by=BUYER, reason="never" if never else "")
    if never:
        _suppress_buyer(lead)
    to_buyer = () if by_ruling else ("buyer_took_back",)
    for letter in ("business_consent_withdrawn", "referrer_consent_withdrawn", *to_buyer):
        outbox.promise("send_letter", letter=letter, lead_id=lead.id)


def say_never(lead: Lead) -> None:
    """Nobody may point at them or their post again: instead of an answer, with a yes taken back, or after that."""
    if lead.consent is Consent.GRANTED:
        withdraw_consent(lead, never=True)
    elif lead.consent is not Consent.WITHDRAWN:
        refuse_consent(lead, never=True)
    else:
        _lock(lead, *leads_elsewhere(lead))
        if has_said_never(lead):
            raise AlreadyAnswered("You have said so already.", next_step="Nobody can point at you again.")
        _suppress_buyer(lead)


def has_said_never(lead: Lead) -> bool:
    return db.session.scalar(audit.events_about(lead.id).where(
        AuditEvent.action == "buyer.suppressed").limit(1)) is not None


def _suppress_buyer(lead: Lead) -> None:
    suppress(*hashes_of(lead))
    keep_never(lead)
    audit.record("buyer.suppressed", lead.id, by=BUYER)
    for other in leads_elsewhere(lead):
        end_elsewhere(other, said="never", code=ReasonCode.NO_CONSENT, why="the buyer asked never to be contacted")


def leads_elsewhere(lead: Lead) -> Sequence[Lead]:
    """Every other live lead for this buyer or post, whichever business it is for."""
    hashes = hashes_of(lead)
    theirs = or_(Lead.post_hash.in_(hashes), Lead.buyer_hash.in_(hashes), Lead.handle_hash.in_(hashes),
                 Lead.buyer_id.in_(select(Buyer.id).where(
                     or_(Buyer.email_hash.in_(hashes), Buyer.handle_hash.in_(hashes)))))
    return db.session.scalars(select(Lead).where(Lead.id != lead.id, text(f"leads.{LIVE_LEADS}"), theirs)).all()


def end_elsewhere(lead: Lead, *, said: str, code: ReasonCode, why: str) -> None:
    """What a buyer said to one business binds every other; only a yes they gave somebody themselves still stands."""
    if lead.consent is Consent.ASKED:
        lifecycle.move_consent(lead, Consent.REFUSED, by=BUYER, reason=said)
        end_lead(lead, why=why, by=BUYER)
    elif lead.moderation is Moderation.NEEDS_INFO:
        lifecycle.move(lead, Moderation.EXPIRED, by=BUYER, reason=why)
        outbox.promise("send_letter", letter="lead_expired", lead_id=lead.id)
    elif lead.moderation is not Moderation.ACCEPTED:
        lead.reason_code = code
        if lead.moderation is Moderation.SUBMITTED:
            lifecycle.move(lead, Moderation.IN_REVIEW, by=audit.SYSTEM)
        lifecycle.move(lead, Moderation.REJECTED, by=BUYER, reason=code)
        lead.decided_at, lead.decided_by = clock.now(), BUYER
        outbox.promise("send_letter", letter="lead_rejected", lead_id=lead.id)


def _lock(lead: Lead, *others: Lead) -> None:
    """One answer at a time, each from what the last one left: two clicks at once, or two browsers.

    With ``others`` that it settles too, all in one order. Whoever asks for them again afterwards sees them as they are;
    one that came in meanwhile has nothing reserved yet.
    """
    lock_funds_of(lead, *others)
    db.session.scalars(
        select(Lead).where(Lead.id.in_([one.id for one in (lead, *others)])).order_by(Lead.id)
        .with_for_update(of=Lead).execution_options(populate_existing=True)).all()


def check_may_answer(lead: Lead, *others: Lead) -> None:
    """Locked from here on, with ``others`` that the answer settles too. AlreadyAnswered (409), AskingOver (410)."""
    _lock(lead, *others)
    _check_is_asked(lead)
    note_told(lead, BY_ANSWER)


def _check_is_asked(lead: Lead) -> None:
    if lead.consent is not Consent.ASKED:
        if lead.consent is Consent.NO_ANSWER:
            raise AskingOver("The time to answer is over, and nobody was given anything about you.",
                             next_step="If you want to talk to them after all, contact the business directly.")
        raise AlreadyAnswered("You have answered already.", next_step="The page shows what you said last.")
