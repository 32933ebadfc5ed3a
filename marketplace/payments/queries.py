"""What is seen of money. Every list starts from what this person may see; the unseen is NotFound."""
from collections.abc import Sequence

from sqlalchemy import Select, select

from marketplace.foundation.db import db
from marketplace.foundation.errors import NotFound
from marketplace.identity.models import Membership, User
from marketplace.payments.models import Funding, Netting, Payable, Refund, ReversalState, Transfer, TransferReversal
from marketplace.payments.permissions import MONEY_ROLES, may_see_statement_of


def fundings_visible_to(user: User) -> Select[Funding]:
    """Newest first: those of the businesses whose money this person handles, all for admins."""
    fundings = select(Funding).order_by(Funding.id.desc())
    if user.is_admin:
        return fundings
    own = [membership.business_id for membership in user.memberships if membership.role in MONEY_ROLES]
    return fundings.where(Funding.business_id.in_(own))


def money_people(business_id: str) -> list[User]:
    """Whom mails about the money of a business go to."""
    return list(db.session.scalars(
        select(User).join(Membership, Membership.user_id == User.id)
        .where(Membership.business_id == business_id, Membership.role.in_(MONEY_ROLES), User.closed_at.is_(None))
        .order_by(User.id)))


def get_funding(funding_id: str, *, seen_by: User) -> Funding:
    funding = db.session.scalar(fundings_visible_to(seen_by).where(Funding.id == funding_id))
    if funding is None:
        raise NotFound("There is no such payment.", next_step="Look for it in the list of your business.")
    return funding


def refunds_of(funding: Funding) -> Sequence[Refund]:
    """Oldest first."""
    return db.session.scalars(select(Refund).filter_by(funding_id=funding.id).order_by(Refund.id)).all()


def transfers_visible_to(user: User) -> Select[Transfer]:
    """Newest first: one's own, all for admins."""
    transfers = select(Transfer).order_by(Transfer.id.desc())
    return transfers if user.is_admin else transfers.where(Transfer.payee_id == user.id)


def get_transfer(transfer_id: str, *, seen_by: User) -> Transfer:
    transfer = db.session.scalar(transfers_visible_to(seen_by).where(Transfer.id == transfer_id))
    if transfer is None:
        raise NotFound("There is no such transfer.", next_step="Look for it in your list.")
    return transfer


def parts_of(transfer: Transfer) -> tuple[Sequence[Payable], Sequence[TransferReversal]]:
    """What went in it, and what was or is taken back of it; oldest first."""
    paid = db.session.scalars(select(Payable).filter_by(transfer_id=transfer.id).order_by(Payable.id)).all()
    taken_back = db.session.scalars(
        select(TransferReversal).filter_by(transfer_id=transfer.id).order_by(TransferReversal.id)).all()
    return paid, taken_back


def payables_visible_to(user: User) -> Select[Payable]:
    """What was released to this person; all for admins."""
    payables = select(Payable)
    return payables if user.is_admin else payables.where(Payable.payee_id == user.id)


def transfers_of(payee: User) -> Sequence[Transfer]:
    return db.session.scalars(transfers_visible_to(payee).where(Transfer.payee_id == payee.id).limit(100)).all()


def nettings_of(payee: User) -> Sequence[Netting]:
    """What was kept of their rewards for what they owed, newest first."""
    return db.session.scalars(
        select(Netting).join(Payable, Payable.id == Netting.payable_id).where(Payable.payee_id == payee.id)
        .order_by(Netting.id.desc()).limit(100)).all()


def owed_back_by(payee: User) -> Sequence[TransferReversal]:
    """What Stripe could not take back yet, oldest first."""
    return db.session.scalars(
        select(TransferReversal).join(Transfer, Transfer.id == TransferReversal.transfer_id)
        .where(Transfer.payee_id == payee.id, TransferReversal.failure_code.is_not(None),
               TransferReversal.state.in_((ReversalState.OUTSTANDING, ReversalState.SENDING)))
        .order_by(TransferReversal.id)).all()


def get_statement_owner(user_id: str, *, seen_by: User) -> User:
    """Whose statement it is. NotFound for everybody whom it does not concern."""
    found = db.session.get(User, user_id) if may_see_statement_of(seen_by, user_id) else None
    if found is None:
        raise NotFound("There is no such statement.", next_step="Look for yours under “Get paid”.")
    return found
