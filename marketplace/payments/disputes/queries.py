"""What is seen of bad days: whose payment it was, what a bounty or a business has to know, what waits for an admin."""
from collections.abc import Sequence

from sqlalchemy import Select, bindparam, or_, select

from marketplace.foundation.db import db, facts
from marketplace.foundation.errors import NotFound
from marketplace.identity.models import User
from marketplace.payments.models import (
    Chargeback,
    ChargebackMovement,
    ChargebackState,
    FraudWarning,
    Funding,
    WarningState,
)
from marketplace.payments.money_in.settling import lock_funding
from marketplace.payments.permissions import MONEY_ROLES

PAYMENT_DISPUTED = "The bank is looking into a payment for this bounty."
PAYMENT_TAKEN_BACK = "The business’s payment was taken back by its bank."
PAYMENT_SUSPECTED = "A payment for this bounty is being checked."
SUSPICIONS = select(FraudWarning.id).join(Funding, Funding.id == FraudWarning.funding_id).where(
    FraudWarning.purpose_id == bindparam("purpose_id"), FraudWarning.state == WarningState.OPEN,
    Funding.refunded_minor < Funding.amount_minor)


def find_funding(*, charge_id: str | None, payment_intent_id: str | None) -> Funding | None:
    """Whose payment it was; locked with its bounty's funds, so that the same bad news is not opened twice."""
    named = [column == value for column, value in
             ((Funding.charge_id, charge_id), (Funding.payment_intent_id, payment_intent_id)) if value]
    funding_id = db.session.scalar(select(Funding.id).where(or_(*named))) if named else None
    return lock_funding(funding_id) if funding_id else None


def why_bounty_stopped(purpose_id: str) -> str | None:
    """For everybody who looks at a bounty: a payment for it is disputed, taken back or suspected. None: all is well."""
    states = set(db.session.scalars(unsettled_of(purpose_id).with_only_columns(Chargeback.state)))
    if states & {ChargebackState.OPEN, ChargebackState.INQUIRY}:
        return PAYMENT_DISPUTED
    if ChargebackState.LOST in states:
        return PAYMENT_TAKEN_BACK
    warned = select(FraudWarning.id).filter_by(purpose_id=purpose_id, state=WarningState.OPEN).limit(1)
    return PAYMENT_SUSPECTED if db.session.scalar(warned) else None


def suspicions_about(purpose_id: str) -> list[str]:
    """Ids of open fraud warnings about payments for this bounty of which a part is still with us."""
    return [one.id for one in facts(SUSPICIONS, {"purpose_id": purpose_id})]


def unsettled_of(purpose_id: str) -> Select[Chargeback]:
    return select(Chargeback).where(Chargeback.purpose_id == purpose_id, Chargeback.settled_at.is_(None))


def chargebacks_visible_to(user: User) -> Select[Chargeback]:
    """Newest first: those of the businesses whose money this person handles, all for admins."""
    found = select(Chargeback).order_by(Chargeback.id.desc())
    if user.is_admin:
        return found
    own = [membership.business_id for membership in user.memberships if membership.role in MONEY_ROLES]
    return found.where(Chargeback.business_id.in_(own))


def get_chargeback(chargeback_id: str, *, seen_by: User) -> Chargeback:
    found = db.session.scalar(chargebacks_visible_to(seen_by).where(Chargeback.id == chargeback_id))
    if found is None:
        raise NotFound("There is no such chargeback.", next_step="Look for it in the list.")
    return found


def chargebacks_of(funding: Funding) -> Sequence[Chargeback]:
    return db.session.scalars(select(Chargeback).filter_by(funding_id=funding.id).order_by(Chargeback.id)).all()


def warnings_of(funding: Funding) -> Sequence[FraudWarning]:
    return db.session.scalars(select(FraudWarning).filter_by(funding_id=funding.id).order_by(FraudWarning.id)).all()


def open_warnings() -> Select[FraudWarning]:
    """Oldest first."""
    return select(FraudWarning).filter_by(state=WarningState.OPEN).order_by(FraudWarning.id)


def movements_of(chargeback: Chargeback) -> Sequence[ChargebackMovement]:
    return db.session.scalars(select(ChargebackMovement).filter_by(chargeback_id=chargeback.id)
                              .order_by(ChargebackMovement.created_at, ChargebackMovement.id)).all()
