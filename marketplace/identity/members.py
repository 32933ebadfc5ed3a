"""People join a business, change their role in it, and leave."""
from sqlalchemy import func, select

from marketplace.foundation import audit, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, Invalid, require
from marketplace.identity.models import Business, MemberRole, Membership, User
from marketplace.identity.permissions import is_confirmed, may_manage_members, may_remove
from marketplace.identity.queries import find_user


class NobodyThere(Invalid):
    code = "nobody_there"

    def __init__(self) -> None:
        said = "Nobody with this address has signed up and confirmed it yet. Ask them to join first."
        super().__init__(said, fields={"email": [said]})


class AlreadyMember(Conflict):
    code = "already_member"

    def __init__(self, name: str) -> None:
        said = f"{name} is a member already. Change the role in the list below."
        super().__init__(said, fields={"email": [said]})


class LastOwner(Conflict):
    code = "last_owner"

    def __init__(self) -> None:
        super().__init__("A business needs an owner.", next_step="Make somebody else an owner first.")


def add_member(business: Business, *, email: str, role: MemberRole, by: User) -> Membership:
    """Raises NobodyThere, AlreadyMember."""
    require(may_manage_members(by, business.id), "manage the people of this business")
    _lock(business.id)
    user = find_user(email)
    if user is None or user.closed_at or not is_confirmed(user):
        raise NobodyThere
    if user.role_in(business.id) is not None:
        raise AlreadyMember(user.name)
    membership = Membership(business_id=business.id, user_id=user.id, role=role, business=business)
    user.memberships.append(membership)
    db.session.flush()
    audit.record("member.added", business.id, by=by.id, user_id=user.id, role=role.value)
    outbox.promise("send_letter", letter="member_added", membership_id=membership.id)
    return membership


def change_role(membership: Membership, role: MemberRole, *, by: User) -> None:
    """Raises LastOwner."""
    require(may_manage_members(by, membership.business_id), "manage the people of this business")
    _keep_an_owner(membership, unless=role is MemberRole.OWNER)
    audit.record("member.role_changed", membership.business_id, by=by.id,
                 user_id=membership.user_id, was=membership.role.value, role=role.value)
    membership.role = role


def remove_member(membership: Membership, *, by: User) -> None:
    """Also how a member leaves. Raises LastOwner."""
    require(may_remove(by, membership), "remove this member")
    _keep_an_owner(membership)
    audit.record("member.removed", membership.business_id, by=by.id, user_id=membership.user_id)
    db.session.delete(membership)


def _keep_an_owner(membership: Membership, *, unless: bool = False) -> None:
    _lock(membership.business_id)
    db.session.refresh(membership, ["role"])  # Read anew behind the lock: two owners may be leaving at once.
    if membership.role is not MemberRole.OWNER or unless:
        return
    owners = db.session.scalar(
        select(func.count()).where(
            Membership.business_id == membership.business_id, Membership.role == MemberRole.OWNER))
    if owners == 1:
        raise LastOwner


def _lock(business_id: str) -> None:
    """One change of people at a time (PostgreSQL; on SQLite writers queue anyway)."""
    db.session.execute(select(Business.id).where(Business.id == business_id).with_for_update())
