"""Who may do and see what with money. Plain functions that answer yes or no."""
from marketplace.identity.models import MemberRole, User

MONEY_ROLES = frozenset({MemberRole.OWNER, MemberRole.MANAGER})


def may_fund(user: User, business_id: str) -> bool:
    """Pay in for the bounties of this business."""
    return user.role_in(business_id) in MONEY_ROLES


def may_see_funding(user: User, business_id: str) -> bool:
    return user.is_admin or may_fund(user, business_id)


def may_be_paid_as(user: User, user_id: str) -> bool:
    """Only the person themselves: whoever holds an onboarding link fills in the bank account."""
    return user.id == user_id


def may_settle(user: User, business_id: str | None) -> bool:
    """Decide about a chargeback, a debt or an unmatched payment: an admin who does not work for the business."""
    return user.is_admin and (business_id is None or user.role_in(business_id) is None)


def may_keep_books(user: User) -> bool:
    """See the ledger and what differs from Stripe, and explain it."""
    return user.is_admin


def may_see_statement_of(user: User, user_id: str) -> bool:
    """What a person was sent is theirs and the admins' to see."""
    return user.is_admin or user.id == user_id
