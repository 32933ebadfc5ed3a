"""A buyer's data leaves every table of a lead. What was decided, agreed and paid stays, as ids, times and amounts."""
from sqlalchemy import delete, select, update

from marketplace.foundation import audit, clock
from marketplace.foundation.crypto import keyed_hash
from marketplace.foundation.db import db
from marketplace.foundation.idempotency import ApiAnswer
from marketplace.foundation.traces import Trace
from marketplace.privacy.blanking import blank_lead
from marketplace.privacy.kinds import CONSENT, CONTACT, MARKS, POST, SHARE, WORDS
from marketplace.referrals.models import Buyer, ConsentGrant, Lead, Moderation
from marketplace.referrals.nearness import forget_likeness
from marketplace.referrals.queries import consents_of
from marketplace.referrals.suppression import plain_email

ENDED = frozenset({Moderation.REJECTED, Moderation.DUPLICATE, Moderation.WITHDRAWN, Moderation.EXPIRED})
AT_THEIR_WISH, AFTER_ITS_TIME = "the buyer asked for it", "its time was over"
OTHERS_MARKS = frozenset({"lead_signatures.signature"})  # nearness.forget_likeness knows which of them must stay.
PROOF = frozenset({"consent_grants.subject_hash"})


def erase_contact(lead: Lead, *, why: str, by: str) -> None:
    """Name, addresses, number and the note; the post stays for appeals and disputes. Twice is once."""
    buyer = db.session.get_one(Buyer, lead.buyer_id)
    if not has_contact(buyer):
        return
    _keep_proof(lead, buyer)
    blank_lead(lead, CONTACT, CONSENT, but=PROOF)
    audit.record("buyer.contact_erased", lead.buyer_id, by=by, reason=why)


def erase_everything(lead: Lead, *, why: str, by: str) -> None:
    """All that is kept of the buyer on this lead. Marks stay while the lead lives, so that no buyer is paid for twice.

    Twice is once. The caller has ended what must not go on without them.
    """
    buyer = db.session.get_one(Buyer, lead.buyer_id)
    has_ended = lead.moderation in ENDED
    if buyer.erased_at is None:
        _keep_proof(lead, buyer)
        forget_likeness(lead)
        blank_lead(lead, CONTACT, POST, WORDS, SHARE, CONSENT, but=PROOF)
        if why != AFTER_ITS_TIME:  # Else these have a time of their own: answers are gone, traces tell two from one.
            _empty_answers(lead)
            db.session.execute(delete(Trace).where(Trace.subject_id == lead.id))
        buyer = db.session.get_one(Buyer, lead.buyer_id)
        buyer.erased_at, buyer.erased_why = clock.now(), why
        audit.record("buyer.erased", lead.id, by=by, reason=why)
    if has_ended:
        blank_lead(lead, MARKS, but=OTHERS_MARKS)


def has_contact(buyer: Buyer) -> bool:
    return any((buyer.name, buyer.email, buyer.phone, buyer.email_hash, buyer.phone_hash))


def proof_of(email: str) -> str:
    """By which a yes is found again for whoever has the address, and for nobody else."""
    return keyed_hash("consent-proof", plain_email(email))


def find_proofs(email: str) -> list[ConsentGrant]:
    """Every yes of this address whose data is erased by now, oldest first."""
    return list(db.session.scalars(
        select(ConsentGrant).where(ConsentGrant.subject_hash == proof_of(email)).order_by(ConsentGrant.id)))


def _keep_proof(lead: Lead, buyer: Buyer) -> None:
    for grant in consents_of(lead):
        if grant.confirmed_at and buyer.email and grant.subject_hash is None:
            grant.subject_hash = proof_of(buyer.email)


def _empty_answers(lead: Lead) -> None:
    """What programs were answered about it: a repeated call hears that it was done, and no more."""
    db.session.execute(update(ApiAnswer).where(ApiAnswer.body.contains(lead.id, autoescape=True)).values(
        body=f'{{"id": "{lead.id}", "erased": true}}'))
