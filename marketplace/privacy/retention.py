"""What is kept of people goes by itself when its time is over: a job a day, so many rows of a kind at once.

The times stand in ``kinds.py``, with their reasons in docs/privacy.md. A lead's time runs from the last thing that
happened to it: looking at it is nothing that happens.
"""
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, delete, exists, or_, select

from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import db
from marketplace.foundation.idempotency import ApiAnswer
from marketplace.foundation.outbox import OutboxMessage
from marketplace.identity.models import ApiKey, User
from marketplace.privacy import kinds
from marketplace.privacy.closing import forget_user
from marketplace.privacy.erasing import AFTER_ITS_TIME, ENDED, erase_contact, erase_everything
from marketplace.referrals.contact import CASE_OPENED, CONTACT_OPENED, POST_OPENED
from marketplace.referrals.evidence_files import SEEN, TAKEN
from marketplace.referrals.models import (
    Buyer,
    ConsentGrant,
    Conversion,
    Dispute,
    KindState,
    KnownContact,
    Lead,
    PartState,
    Reward,
    RewardInKind,
    RewardState,
    Split,
    SplitPart,
    Stage,
)
from marketplace.referrals.reserving import still_possible
from marketplace.tracking.models import Binding, BindingClick, Report, StripeDoorEvent
from marketplace.tracking.partners.inviting import forget_old_invitations
from marketplace.tracking.uploads.ending import discard_old_uploads

FILES_AT_ONCE = 5  # Of a million rows, perhaps.
AT_ONCE = 200  # Rows of one kind in one transaction; what is left is promised anew.
LOOKS = (CASE_OPENED, CONTACT_OPENED, POST_OPENED, SEEN, TAKEN)
OWED_STILL = (RewardState.PENDING, RewardState.ON_HOLD, RewardState.PAYABLE, RewardState.SCHEDULED)


def erase_due() -> None:
    """Job, daily: everything whose time is over, and itself again while there is more than fits."""
    full = [sweep.__name__ for sweep in SWEEPS if sweep() >= AT_ONCE]
    if full:
        outbox.promise("erase_due")


def contact_of_ended_leads() -> int:
    there = or_(*(column.is_not(None) for column in (
        Buyer.name, Buyer.email, Buyer.phone, Buyer.email_hash, Buyer.phone_hash)))
    return _each(_leads(_has_ended(), _is_settled(), _rests_for(kinds.CONTACT.after), there),
                 lambda lead: erase_contact(lead, why=AFTER_ITS_TIME, by=audit.SYSTEM))


def post_of_ended_leads() -> int:
    there = or_(Buyer.erased_at.is_(None), Buyer.handle_hash.is_not(None), Lead.post_hash.is_not(None),
                Lead.buyer_hash.is_not(None), Lead.handle_hash.is_not(None))
    return _each(_leads(_has_ended(), _is_settled(), _rests_for(kinds.POST.after), there), _erase)


def data_of_sales() -> int:
    """Nothing is open of it any more, nothing can come of it, and its last reward has rested for long."""
    erased, sold = 0, _sold()
    leads = db.session.scalars(sold).all()
    while leads and erased < AT_ONCE:
        for lead in leads:
            if not still_possible(lead).minor:  # Renewals may still be earned: then the buyer is still one.
                _erase(lead)
                erased += 1
        leads = db.session.scalars(sold.where(Lead.id > leads[-1].id)).all()
    return erased


def _sold() -> Select[Lead]:
    of_lead = [select(one.id).where(one.lead_id == Lead.id) for one in (Reward, Conversion)]
    moved = exists(select(AuditEvent.id).where(
        or_(*(AuditEvent.subject_id.in_(ids) for ids in of_lead)), AuditEvent.created_at > _ago(kinds.SOLD_RESTS)))
    return _leads(
        Lead.stage == Stage.WON, Buyer.erased_at.is_(None), _rests_for(kinds.SOLD_RESTS), ~moved, _is_settled())


def parts_never_agreed() -> int:
    """Somebody's address, given by a referrer who wanted to share; they did not say yes, and the lead has ended."""
    over = db.session.scalars(
        select(SplitPart).join(Split, Split.id == SplitPart.split_id).join(Lead, Lead.id == Split.lead_id)
        .where(SplitPart.state != PartState.AGREED, SplitPart.email_hash.not_like("erased:%"), _has_ended(),
               _rests_for(kinds.PARTS.after)).limit(AT_ONCE)).all()
    for part in over:
        part.email, part.email_hash = "", f"erased:{part.id}"
    return len(over)


def proofs_of_consent() -> int:
    since = _ago(kinds.CONSENT.after).date()
    ended = db.session.scalars(select(ConsentGrant).where(
        ConsentGrant.subject_hash.is_not(None), ConsentGrant.until < since).limit(AT_ONCE)).all()
    for grant in ended:
        grant.subject_hash = None
    return len(ended)


def known_contacts() -> int:
    rows = db.session.execute(select(KnownContact.business_id, KnownContact.hash).where(
        KnownContact.created_at < _ago(kinds.KNOWN.after)).limit(AT_ONCE)).all()
    for business_id, mark in rows:
        db.session.execute(delete(KnownContact).where(
            KnownContact.business_id == business_id, KnownContact.hash == mark))
    return len(rows)


def customers_long_ago() -> int:
    """Marks of whom nothing was reported any more; what was counted stays, as ids, times and amounts."""
    since = _ago(kinds.CUSTOMERS.after)
    old = db.session.scalars(select(Report).where(Report.created_at < since, or_(
        Report.customer_hash.is_not(None), Report.email_hash.is_not(None), Report.binding_id.is_not(None),
        Report.code.is_not(None), Report.link_code.is_not(None))).limit(AT_ONCE)).all()
    for report in old:
        report.customer_hash = report.email_hash = report.click_hash = None
        report.code = report.link_code = report.binding_id = None
        report.payload = {}
    db.session.flush()
    ids = db.session.scalars(select(Binding.id).where(
        Binding.created_at < since, ~exists(select(Report.id).where(Report.binding_id == Binding.id)))
        .limit(AT_ONCE)).all()
    db.session.execute(delete(BindingClick).where(BindingClick.binding_id.in_(ids)))
    db.session.execute(delete(Binding).where(Binding.id.in_(ids)))
    return max(len(old), len(ids))


def answers_of_the_api() -> int:
    old = db.session.execute(select(ApiAnswer.owner_id, ApiAnswer.key).where(
        ApiAnswer.created_at < _ago(kinds.ANSWERS.after)).limit(AT_ONCE)).all()
    for owner_id, key in old:
        db.session.execute(delete(ApiAnswer).where(ApiAnswer.owner_id == owner_id, ApiAnswer.key == key))
    return len(old)


def names_in_stripe_events() -> int:
    """Handled, an event names nobody any more; this is one that could not be."""
    old = db.session.scalars(select(StripeDoorEvent).where(
        StripeDoorEvent.who.is_not(None), StripeDoorEvent.created_at < _ago(kinds.BOUGHT.after)).limit(AT_ONCE)).all()
    for event in old:
        event.who = None
    return len(old)


def uploaded_files() -> int:
    assert kinds.UPLOADS.after is not None
    return discard_old_uploads(kinds.UPLOADS.after, FILES_AT_ONCE)


def partners_never_agreed() -> int:
    assert kinds.INVITED.after is not None
    return forget_old_invitations(kinds.INVITED.after, AT_ONCE)


def keys_that_ended() -> int:
    since = _ago(kinds.KEYS.after)
    return _delete(ApiKey, or_(ApiKey.revoked_at < since, ApiKey.expires_at < since))


def accounts_never_confirmed() -> int:
    """Somebody typed an address, perhaps not theirs, and nobody ever opened our mail."""
    users = db.session.scalars(select(User).where(
        User.email_confirmed_at.is_(None), User.closed_at.is_(None), User.created_at < _ago(kinds.ACCOUNT.after))
        .limit(AT_ONCE)).all()
    for user in users:
        forget_user(user, by=audit.SYSTEM)
    return len(users)


def promises_done() -> int:
    """Those with a key stay: they say that something happens only once ever. They hold ids and no words."""
    return _delete(OutboxMessage, (OutboxMessage.done_at < _ago(kinds.PROMISES_KEPT)) & OutboxMessage.key.is_(None))


SWEEPS: tuple[Callable[[], int], ...] = (
    contact_of_ended_leads, post_of_ended_leads, data_of_sales, parts_never_agreed, proofs_of_consent, known_contacts,
    uploaded_files, partners_never_agreed, customers_long_ago,
    names_in_stripe_events, answers_of_the_api, keys_that_ended, accounts_never_confirmed, promises_done)


def _ago(time: timedelta | None) -> datetime:
    assert time is not None
    return clock.now() - time


def _has_ended() -> ColumnElement[bool]:
    return Lead.moderation.in_(ENDED)


def _is_settled() -> ColumnElement[bool]:
    """Nothing that it earned is owed any more: whoever was qualified and never bought may have earned something too."""
    owed = exists(select(Reward.id).where(Reward.lead_id == Lead.id, Reward.state.in_(OWED_STILL)))
    things = exists(select(RewardInKind.id).where(
        RewardInKind.lead_id == Lead.id, RewardInKind.state.in_([KindState.OWED, KindState.OFFERED])))
    return ~owed & ~things


def _rests_for(time: timedelta | None) -> ColumnElement[bool]:
    """Nothing has happened to the lead since, and no dispute about it is open or was."""
    since = _ago(time)
    happened = exists(select(AuditEvent.id).where(
        AuditEvent.subject_id == Lead.id, AuditEvent.created_at > since, AuditEvent.action.not_in(LOOKS)))
    disputed = exists(select(Dispute.id).where(
        Dispute.lead_id == Lead.id, or_(Dispute.ended_at.is_(None), Dispute.ended_at > since)))
    return (Lead.created_at < since) & ~happened & ~disputed


def _leads(*conditions: ColumnElement[bool]) -> Select[Lead]:
    return select(Lead).join(Buyer, Buyer.id == Lead.buyer_id).where(*conditions).order_by(Lead.id).limit(AT_ONCE)


def _each(leads: Select[Lead], erase: Callable[[Lead], None]) -> int:
    found = db.session.scalars(leads).all()
    for lead in found:
        erase(lead)
    return len(found)


def _erase(lead: Lead) -> None:
    erase_everything(lead, why=AFTER_ITS_TIME, by=audit.SYSTEM)


def _delete(model: type[ApiKey] | type[OutboxMessage], over: ColumnElement[bool]) -> int:
    ids = db.session.scalars(select(model.id).where(over).limit(AT_ONCE)).all()
    db.session.execute(delete(model).where(model.id.in_(ids)))
    return len(ids)
