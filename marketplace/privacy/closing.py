"""An account holder leaves: what is owed is settled first, then everything about them goes. The books stay true.

Ledger, audit trail and counts hold ids, times and amounts; the id of a closed account leads to nobody.
"""
from sqlalchemy import ColumnElement, delete, or_, select, update

from marketplace.foundation import audit, clock
from marketplace.foundation.db import Base, db
from marketplace.foundation.errors import Conflict
from marketplace.foundation.idempotency import ApiAnswer
from marketplace.foundation.ids import new_id
from marketplace.foundation.mail import NOWHERE
from marketplace.foundation.traces import Trace
from marketplace.identity.models import ApiKey, User
from marketplace.identity.password_rules import is_right_password
from marketplace.identity.passwords import WrongPassword
from marketplace.payments.lifecycle import move_payee
from marketplace.payments.models import Chargeback, ChargebackAnswer, ConnectedAccount, Funding, PayeeState
from marketplace.privacy.buyers import erase_buyer
from marketplace.privacy.hindrances import hindrances, leads_of
from marketplace.referrals import lifecycle
from marketplace.referrals.asking import end_lead
from marketplace.referrals.locks import lock_funds_of
from marketplace.referrals.models import (
    DisputeStatement,
    FraudCase,
    Lead,
    LeadWords,
    Moderation,
    RewardInKind,
    SplitPart,
    Stage,
)
from marketplace.referrals.suppression import hash_email
from marketplace.tracking.links import forget_links

GONE = "Somebody who left"
WHY = "the referrer closed their account"


class NotSettled(Conflict):
    code = "not_settled"


def close_account(user: User, *, password: str, by: User) -> None:
    """Everything about them goes, for good. WrongPassword (422), NotSettled (409) with every reason. Twice is once."""
    if not is_right_password(password, user.password_hash):
        raise WrongPassword
    leads = leads_of(user)
    lock_funds_of(*leads)
    db.session.scalars(select(Lead).where(Lead.id.in_([lead.id for lead in leads])).order_by(Lead.id)
                       .with_for_update(of=Lead).execution_options(populate_existing=True)).all()
    if left := hindrances(user):
        raise NotSettled(" ".join(one.why for one in left), next_step=" ".join(one.next_step for one in left))
    if user.email_confirmed_at:
        erase_buyer(user.email, never=False)
    for lead in leads:
        _end(lead, by=by)
    forget_user(user, by=by.id)


def forget_user(user: User, *, by: str) -> None:
    """Out of every table; what they wrote about buyers too. Nothing is asked: the caller has seen to what is owed."""
    if user.closed_at is not None and user.name == GONE:
        return
    _empty("leads", Lead.referrer_id == user.id, how_known="", answer=None)
    _empty("leads", (Lead.referrer_id == user.id) & Lead.appeal.is_not(None), appeal="")
    _empty("dispute_statements", DisputeStatement.said_by == user.id, text=None, link=None)
    _empty("fraud_cases", FraudCase.about_id == user.id, keep_reason=None, reason=None, explanation=None,
           appeal=None)
    _empty("lead_words", LeadWords.by_admin & LeadWords.lead_id.in_(
        select(Lead.id).where(Lead.referrer_id == user.id)), text="")
    _empty("rewards_in_kind", RewardInKind.beneficiary_id == user.id, offer=None, receipt=None)
    _empty("chargeback_answers", ChargebackAnswer.chargeback_id.in_(
        select(Chargeback.id).join(Funding, Funding.id == Chargeback.funding_id)
        .where(Funding.requested_by == user.id)), text="")
    for part in db.session.scalars(select(SplitPart).where(
            or_(SplitPart.user_id == user.id, SplitPart.email_hash == hash_email(user.email)))):
        part.email, part.email_hash = "", f"erased:{part.id}"
    forget_links(user.id, by=by)
    for payee in db.session.scalars(select(ConnectedAccount).where(ConnectedAccount.user_id == user.id)):
        payee.requirements, payee.restriction, payee.bank_marks = [], None, None
        if payee.state is not PayeeState.CLOSED:
            move_payee(payee, PayeeState.CLOSED, by=by)
    for membership in list(user.memberships):
        audit.record("member.removed", membership.business_id, by=by, user_id=user.id)
        db.session.delete(membership)
    db.session.flush()
    db.session.execute(delete(ApiKey).where(ApiKey.user_id == user.id))
    db.session.execute(delete(ApiAnswer).where(ApiAnswer.owner_id == user.id))
    db.session.execute(delete(Trace).where(Trace.subject_id == user.id))
    db.session.refresh(user)
    user.name, user.email, user.password_hash = GONE, f"{user.id}{NOWHERE}", ""
    user.jurisdiction, user.is_admin, user.email_confirmed_at = "", False, None
    user.session_stamp, user.closed_at = new_id("stamp"), clock.now()
    audit.record("user.closed", user.id, by=by)


def _end(lead: Lead, *, by: User) -> None:
    """What has not come to a sale ends with them; a buyer who said yes keeps what they agreed with the business."""
    if lead.moderation in {Moderation.SUBMITTED, Moderation.IN_REVIEW, Moderation.NEEDS_INFO}:
        lifecycle.move(lead, Moderation.WITHDRAWN, by=by.id, reason=WHY)
    elif lead.moderation is Moderation.ACCEPTED and lead.stage is not Stage.WON:
        end_lead(lead, why=WHY, by=by.id)


def _empty(table: str, rows: ColumnElement[bool], **values: object) -> None:
    db.session.execute(update(Base.metadata.tables[table]).where(rows).values(values))
