"""Who may do what among people and businesses. Other packages ask the three ``is_`` questions here."""
from marketplace.foundation.errors import Forbidden
from marketplace.identity.models import MemberRole, Membership, User


class EmailUnconfirmed(Forbidden):
    """Looking around is free; acting towards others needs a confirmed address."""

    code = "email_unconfirmed"


def is_confirmed(user: User) -> bool:
    return user.email_confirmed_at is not None


def require_confirmed(user: User) -> None:
    """Asked before pointing, posting, founding. Raises EmailUnconfirmed."""
    if not is_confirmed(user):
        raise EmailUnconfirmed(
            "Please confirm your e-mail address first.",
            next_step="Open the link in our mail, or have it sent again from your settings.")


def is_member(user: User, business_id: str) -> bool:
    return user.role_in(business_id) is not None


def is_manager(user: User, business_id: str) -> bool:
    """Manager or owner."""
    return user.role_in(business_id) in {MemberRole.MANAGER, MemberRole.OWNER}


def is_owner(user: User, business_id: str) -> bool:
    return user.role_in(business_id) is MemberRole.OWNER


def may_see_members(user: User, business_id: str) -> bool:
    return is_member(user, business_id) or user.is_admin


def may_edit_business(user: User, business_id: str) -> bool:
    return is_manager(user, business_id)


def may_manage_members(user: User, business_id: str) -> bool:
    return is_owner(user, business_id)


def may_remove(user: User, membership: Membership) -> bool:
    """An owner removes anyone; everybody may leave."""
    return membership.user_id == user.id or may_manage_members(user, membership.business_id)


def may_fund(user: User, business_id: str) -> bool:
    return is_manager(user, business_id)
